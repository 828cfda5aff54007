// SPDX-License-Identifier: Apache-2.0
/* The bar to compare with: one loaded key and Esys_Sign, nothing between the program and tpm2-tss. */
#include "bench.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

struct bench_raw {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR key;
};

struct container {
    TPM2_HANDLE parent;
    TPM2B_PUBLIC public;
    TPM2B_PRIVATE private;
};

static void check(TSS2_RC rc, const char *what)
{
    if (rc != TSS2_RC_SUCCESS)
        bench_die("%s: %s", what, Tss2_RC_Decode(rc));
}

/* TPMKey (draft-bottomley-tpm2-keys, section 3.1) ends in parent INTEGER, public and private OCTET STRING;
 * what stands before them does not matter for a key without policy. */
static void container_read(struct container *container, const char *key_file)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long der_len = 0;
    uint64_t parent = 0;
    size_t offset = 0;

    BIO *file = BIO_new_file(key_file, "r");
    if (file == NULL || PEM_read_bio(file, &name, &header, &der, &der_len) != 1 ||
        strcmp(name, "TSS2 PRIVATE KEY") != 0)
        bench_die("%s: not a TSS2 PRIVATE KEY", key_file);
    const unsigned char *p = der;
    ASN1_SEQUENCE_ANY *fields = d2i_ASN1_SEQUENCE_ANY(NULL, &p, der_len);
    int n = sk_ASN1_TYPE_num(fields);
    if (n < 4)
        bench_die("%s: too few fields", key_file);
    const ASN1_TYPE *handle = sk_ASN1_TYPE_value(fields, n - 3);
    const ASN1_TYPE *public = sk_ASN1_TYPE_value(fields, n - 2);
    const ASN1_TYPE *private = sk_ASN1_TYPE_value(fields, n - 1);
    if (ASN1_TYPE_get(handle) != V_ASN1_INTEGER || ASN1_TYPE_get(public) != V_ASN1_OCTET_STRING ||
        ASN1_TYPE_get(private) != V_ASN1_OCTET_STRING)
        bench_die("%s: unexpected fields", key_file);

    if (ASN1_INTEGER_get_uint64(&parent, handle->value.integer) != 1 ||
        parent >> TPM2_HR_SHIFT != TPM2_HT_PERSISTENT)
        bench_die("%s: its parent is not a persistent handle", key_file);
    container->parent = (TPM2_HANDLE)parent;
    const ASN1_OCTET_STRING *bytes = public->value.octet_string;
    check(Tss2_MU_TPM2B_PUBLIC_Unmarshal(ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes),
                                         &offset, &container->public),
          "the key's public area");
    offset = 0;
    bytes = private->value.octet_string;
    check(Tss2_MU_TPM2B_PRIVATE_Unmarshal(ASN1_STRING_get0_data(bytes), (size_t)ASN1_STRING_length(bytes),
                                          &offset, &container->private),
          "the key's private area");

    sk_ASN1_TYPE_pop_free(fields, ASN1_TYPE_free);
    OPENSSL_free(der);
    OPENSSL_free(header);
    OPENSSL_free(name);
    BIO_free(file);
}

struct bench_raw *bench_raw_new(const char *tcti, const char *key_file)
{
    struct container container = {0};
    ESYS_TR parent;
    struct bench_raw *raw = calloc(1, sizeof(*raw));
    if (raw == NULL)
        bench_die("out of memory");

    container_read(&container, key_file);
    check(Tss2_TctiLdr_Initialize(tcti, &raw->tcti), tcti);
    check(Esys_Initialize(&raw->esys, raw->tcti, NULL), "Esys_Initialize");
    check(
        Esys_TR_FromTPMPublic(raw->esys, container.parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parent),
        "the key's parent");
    check(Esys_Load(raw->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &container.private,
                    &container.public, &raw->key),
          "Esys_Load");
    check(Esys_TR_Close(raw->esys, &parent), "Esys_TR_Close");
    return raw;
}

void bench_raw_free(struct bench_raw *raw)
{
    if (raw == NULL)
        return;
    check(Esys_FlushContext(raw->esys, raw->key), "Esys_FlushContext");
    Esys_Finalize(&raw->esys);
    Tss2_TctiLdr_Finalize(&raw->tcti);
    free(raw);
}

size_t bench_raw_sign(void *signer, const unsigned char message[BENCH_MESSAGE_SIZE],
                      unsigned char sig[BENCH_SIGNATURE_MAX])
{
    struct bench_raw *raw = signer;
    TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_RSASSA};
    const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPM2B_DIGEST digest = {.size = TPM2_SHA256_DIGEST_SIZE};
    TPMT_SIGNATURE *signature = NULL;

    scheme.details.rsassa.hashAlg = TPM2_ALG_SHA256;
    if (EVP_Q_digest(NULL, "SHA256", NULL, message, BENCH_MESSAGE_SIZE, digest.buffer, NULL) != 1)
        bench_die("SHA-256 failed");
    check(Esys_Sign(raw->esys, raw->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme,
                    &ticket, &signature),
          "Esys_Sign");
    size_t len = signature->signature.rsassa.sig.size;
    if (len > BENCH_SIGNATURE_MAX)
        bench_die("Esys_Sign: a signature of %zu bytes", len);
    memcpy(sig, signature->signature.rsassa.sig.buffer, len);
    Esys_Free(signature);
    return len;
}
