// SPDX-License-Identifier: Apache-2.0
/* What a TPM or an accelerator decrypted, decoded: any bytes at all, for some usual sizes of the modulus. */
#include "fuzz.h"

#include "hw/pad.h"

#include <openssl/evp.h>
#include <string.h>

static void pkcs1(const unsigned char *em, size_t len, const unsigned char kdk[32])
{
    unsigned char out[512], again[512];
    size_t out_len, again_len;

    if (!pad_pkcs1_decrypt(fuzz_libctx(), out, &out_len, em, len, kdk) ||
        !pad_pkcs1_decrypt(fuzz_libctx(), again, &again_len, em, len, kdk))
        fuzz_finding("PKCS#1 v1.5 told that a padding is wrong");
    if (out_len > len - 11 || out_len != again_len || memcmp(out, again, out_len) != 0)
        fuzz_finding("PKCS#1 v1.5 gave a message that is too long, or two different ones");
}

static void oaep(const unsigned char *em, size_t len, const EVP_MD *md)
{
    unsigned char out[512];
    size_t out_len;

    if (pad_oaep_decrypt(out, &out_len, em, len, md, md, NULL, 0) &&
        out_len > len - 2 - 2 * (size_t)EVP_MD_get_size(md))
        fuzz_finding("OAEP gave a message that is too long");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {64, 128, 129, 256, 512};
    static EVP_MD *sha256;
    unsigned char em[512] = {0}, kdk[32] = {0}, premaster[48];
    size_t len;

    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(fuzz_libctx(), "SHA256", NULL);
    if (size < 2)
        return 0;
    len = sizes[data[0] % (sizeof(sizes) / sizeof(sizes[0]))];
    kdk[0] = data[1];
    memcpy(em, data + 2, size - 2 < len ? size - 2 : len);
    pkcs1(em, len, kdk);
    oaep(em, len, sha256);
    if (!pad_tls_decrypt(fuzz_libctx(), premaster, em, len, 0x0303, 0x0301))
        fuzz_finding("a TLS premaster secret was refused");
    return 0;
}
