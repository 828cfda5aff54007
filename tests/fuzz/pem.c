// SPDX-License-Identifier: Apache-2.0
/*
 * The whole way that a program's key file takes: PEM_read_bio_PrivateKey, OpenSSL's decoders, the module. The
 * first byte says whether the rest is the file itself, or the DER that stands in one of the kinds of
 * file.
 */
#include "fuzz.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <string.h>

static OSSL_LIB_CTX *application(void)
{
    static OSSL_LIB_CTX *libctx;

    if (libctx == NULL) {
        libctx = OSSL_LIB_CTX_new();
        if (libctx == NULL || !OSSL_PROVIDER_set_default_search_path(libctx, FUZZ_MODULES) ||
            OSSL_PROVIDER_load(libctx, "default") == NULL || OSSL_PROVIDER_load(libctx, "signet") == NULL)
            fuzz_finding("the module in " FUZZ_MODULES " can't be loaded");
    }
    return libctx;
}

static int passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)rwflag;
    (void)arg;
    if (size < 6)
        return -1;
    memcpy(buf, "secret", 6);
    return 6;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum hw_format formats[] = {HW_FORMAT_TSS2, HW_FORMAT_REFERENCE, HW_FORMAT_SEALED};
    BIO *bio = BIO_new(BIO_s_mem());
    EVP_PKEY *pkey;

    if (bio == NULL || size < 2)
        goto out;
    if (data[0] % 4 == 0)
        BIO_write(bio, data + 1, (int)size - 1);
    else
        PEM_write_bio(bio, hw_format_label(formats[data[0] % 4 - 1]), "", data + 1, (long)size - 1);
    pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, passphrase, NULL, application(), NULL);
    if (pkey != NULL && EVP_PKEY_get_size(pkey) <= 0)
        fuzz_finding("a key without a size");
    EVP_PKEY_free(pkey);
out:
    BIO_free(bio);
    ERR_clear_error();
    return 0;
}
