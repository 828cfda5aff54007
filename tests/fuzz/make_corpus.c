// SPDX-License-Identifier: Apache-2.0
/* make_corpus FOLDER: writes the well-formed inputs that the fuzzers start from, into FOLDER/TARGET/. */
#include "fuzz.h"

#include "hw/container.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tss2/tss2_mu.h>

static const char *folder;

static void write_file(const char *target, const char *name, int first, const void *data, size_t size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, target);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
    file = fopen(path, "wb");
    if (file == NULL || (first >= 0 && fputc(first, file) == EOF) || fwrite(data, 1, size, file) != size ||
        fclose(file) != 0)
        fuzz_finding(path);
}

/* A public area with a real modulus; the private one means nothing to anybody but a TPM. */
static void tss2(const char *name, EVP_PKEY *pkey, TPMI_ALG_RSA_SCHEME scheme, TPMA_OBJECT attributes,
                 int empty_auth)
{
    TPM2B_PUBLIC pub = {
        .publicArea = {.type = TPM2_ALG_RSA, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = attributes}};
    TPMS_RSA_PARMS *rsa = &pub.publicArea.parameters.rsaDetail;
    TPM2B_PRIVATE priv = {.size = 222};
    unsigned char pub_bytes[sizeof(pub)], priv_bytes[sizeof(priv)], *der = NULL;
    struct container_tss2 container = {
        .parent = 0x81000001, .empty_auth = empty_auth, .pub = pub_bytes, .priv = priv_bytes};
    BIGNUM *n = NULL;
    size_t len;

    rsa->symmetric.algorithm = TPM2_ALG_NULL;
    rsa->scheme.scheme = scheme;
    rsa->scheme.details.anySig.hashAlg = TPM2_ALG_SHA256;
    rsa->keyBits = (UINT16)EVP_PKEY_get_bits(pkey);
    EVP_PKEY_get_bn_param(pkey, "n", &n);
    pub.publicArea.unique.rsa.size = (UINT16)BN_bn2bin(n, pub.publicArea.unique.rsa.buffer);
    BN_free(n);
    memset(priv.buffer, 0x5a, priv.size);
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&pub, pub_bytes, sizeof(pub_bytes), &container.pub_len) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&priv, priv_bytes, sizeof(priv_bytes), &container.priv_len) !=
            TSS2_RC_SUCCESS ||
        !container_tss2_encode(&container, &der, &len))
        fuzz_finding(name);
    write_file("tss2", name, -1, der, len);
    write_file("pem", name, 1, der, len);
    OPENSSL_free(der);
}

static void reference(const char *name, EVP_PKEY *pkey, const char *uri)
{
    unsigned char *der = NULL;
    size_t len;

    if (!container_reference_encode(uri, pkey, &der, &len))
        fuzz_finding(name);
    write_file("reference", name, -1, der, len);
    write_file("pem", name, 2, der, len);
    OPENSSL_free(der);
}

static void padding(void)
{
    unsigned char pkcs1[1 + 128] = {0}, tls[1 + 256] = {0};

    /* size, kdk, then the block */
    memset(pkcs1, 0xff, sizeof(pkcs1));
    memcpy(pkcs1, "\0\0\2", 3);
    memcpy(pkcs1 + 100, "\0message", 8);
    write_file("pad", "pkcs1", 1, pkcs1, sizeof(pkcs1));
    memset(tls, 0xff, sizeof(tls));
    memcpy(tls, "\0\0\2", 3);
    memcpy(tls + sizeof(tls) - 49, "\0\3\3", 3);
    write_file("pad", "tls", 3, tls, sizeof(tls));
}

int main(int argc, char **argv)
{
    const TPMA_OBJECT both = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH;
    const TPMA_OBJECT sign = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH;
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(fuzz_libctx(), NULL, "RSA", (size_t)1024);
    static const char pem[] = "-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n-----END TSS2 PRIVATE KEY-----\n";

    if (argc != 2 || pkey == NULL)
        fuzz_finding("usage: make_corpus FOLDER");
    folder = argv[1];
    mkdir(folder, 0755);
    tss2("both", pkey, TPM2_ALG_NULL, both, 1);
    tss2("passphrase", pkey, TPM2_ALG_NULL, both, 0);
    tss2("rsassa", pkey, TPM2_ALG_RSASSA, sign, 1);
    tss2("rsapss", pkey, TPM2_ALG_RSAPSS, sign, 1);
    tss2("restricted", pkey, TPM2_ALG_RSAPSS, sign | TPMA_OBJECT_RESTRICTED, 1);
    reference("handle", pkey, "handle=0x81010001");
    reference("passphrase", pkey, "handle=0x81010001;auth=ask");
    write_file("pem", "text", 0, pem, sizeof(pem) - 1);
    padding();
    EVP_PKEY_free(pkey);
    return EXIT_SUCCESS;
}
