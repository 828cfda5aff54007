// SPDX-License-Identifier: Apache-2.0
/* SIGNET SEALED KEY: its ASN.1, and the encryption of the key in it. */
#include "container.h"

#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

typedef struct {
    ASN1_INTEGER *version;
    ASN1_TYPE *spki; /* not X509_PUBKEY: its template decodes in the application's library context */
    ASN1_TYPE *seal;
    ASN1_OCTET_STRING *iv;
    ASN1_OCTET_STRING *encrypted;
} SEALED_KEY;

ASN1_SEQUENCE(SEALED_KEY) = {
    ASN1_SIMPLE(SEALED_KEY, version, ASN1_INTEGER),
    ASN1_SIMPLE(SEALED_KEY, spki, ASN1_ANY),
    ASN1_SIMPLE(SEALED_KEY, seal, ASN1_ANY),
    ASN1_SIMPLE(SEALED_KEY, iv, ASN1_OCTET_STRING),
    ASN1_SIMPLE(SEALED_KEY, encrypted, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(SEALED_KEY)
IMPLEMENT_STATIC_ASN1_ENCODE_FUNCTIONS(SEALED_KEY)
IMPLEMENT_STATIC_ASN1_ALLOC_FUNCTIONS(SEALED_KEY)

/* ---- the ASN.1 ---- */

int container_sealed_decode(struct container_sealed *out, OSSL_LIB_CTX *libctx, const unsigned char *der,
                            size_t len, const char **why)
{
    const unsigned char *p = der;
    SEALED_KEY *sealed = NULL;
    int ok = 0;

    memset(out, 0, sizeof(*out));
    *why = "it is longer than any real one";
    if (len > CONTAINER_MAX)
        return 0;
    *why = "it is not the DER of a sealed key of version 1";
    sealed = d2i_SEALED_KEY(NULL, &p, (long)len);
    if (sealed == NULL || p != der + len || ASN1_INTEGER_get(sealed->version) != 1 ||
        ASN1_TYPE_get(sealed->spki) != V_ASN1_SEQUENCE || ASN1_TYPE_get(sealed->seal) != V_ASN1_SEQUENCE)
        goto out;
    *why = "its public key can't be decoded";
    p = ASN1_STRING_get0_data(sealed->spki->value.sequence);
    out->pkey = d2i_PUBKEY_ex(NULL, &p, ASN1_STRING_length(sealed->spki->value.sequence), libctx, NULL);
    if (out->pkey == NULL)
        goto out;
    if (!container_tss2_decode(&out->seal, CONTAINER_TSS2_SEALED,
                               ASN1_STRING_get0_data(sealed->seal->value.sequence),
                               (size_t)ASN1_STRING_length(sealed->seal->value.sequence), why))
        goto out;
    *why = "its encrypted part is too short";
    if (ASN1_STRING_length(sealed->iv) != CONTAINER_IV_LEN ||
        ASN1_STRING_length(sealed->encrypted) <= CONTAINER_TAG_LEN)
        goto out;
    *why = "out of memory";
    memcpy(out->iv, ASN1_STRING_get0_data(sealed->iv), CONTAINER_IV_LEN);
    out->encrypted_len = (size_t)ASN1_STRING_length(sealed->encrypted);
    out->encrypted = OPENSSL_memdup(ASN1_STRING_get0_data(sealed->encrypted), out->encrypted_len);
    ok = out->encrypted != NULL;
out:
    if (!ok)
        container_sealed_clear(out);
    SEALED_KEY_free(sealed);
    return ok;
}

/* Takes a SEQUENCE's DER, which stays the caller's, into an ANY. */
static int set_sequence(ASN1_TYPE *any, const unsigned char *der, int len)
{
    ASN1_STRING *sequence = der != NULL && len > 0 ? ASN1_STRING_new() : NULL;

    if (sequence == NULL || !ASN1_STRING_set(sequence, der, len)) {
        ASN1_STRING_free(sequence);
        return 0;
    }
    ASN1_TYPE_set(any, V_ASN1_SEQUENCE, sequence);
    return 1;
}

/* The part that is not encrypted. */
static SEALED_KEY *make_head(const struct container_sealed *in)
{
    SEALED_KEY *sealed = SEALED_KEY_new();
    unsigned char *spki = NULL, *seal = NULL;
    int spki_len = i2d_PUBKEY(in->pkey, &spki), ok;
    size_t seal_len = 0;

    ok = sealed != NULL && container_tss2_encode(&in->seal, &seal, &seal_len) &&
         ASN1_INTEGER_set(sealed->version, 1) && set_sequence(sealed->spki, spki, spki_len) &&
         set_sequence(sealed->seal, seal, (int)seal_len);
    OPENSSL_free(spki);
    OPENSSL_free(seal);
    if (ok)
        return sealed;
    SEALED_KEY_free(sealed);
    return NULL;
}

int container_sealed_encode(const struct container_sealed *in, unsigned char **der, size_t *len)
{
    SEALED_KEY *sealed = make_head(in);
    int n = -1;

    *der = NULL;
    if (sealed != NULL && ASN1_OCTET_STRING_set(sealed->iv, in->iv, CONTAINER_IV_LEN) &&
        ASN1_OCTET_STRING_set(sealed->encrypted, in->encrypted, (int)in->encrypted_len))
        n = i2d_SEALED_KEY(sealed, der);
    SEALED_KEY_free(sealed);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

void container_sealed_clear(struct container_sealed *container)
{
    EVP_PKEY_free(container->pkey);
    container_tss2_clear(&container->seal);
    OPENSSL_free(container->encrypted);
    memset(container, 0, sizeof(*container));
}

/* ---- the encryption ---- */

/* One pass of AES-256-GCM with the head as additional data; tag is written or checked. */
static int run_gcm(const struct container_sealed *container, OSSL_LIB_CTX *libctx, int encrypt,
                   const unsigned char *key, const unsigned char *in, size_t len, unsigned char *out,
                   unsigned char *tag)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    SEALED_KEY *head = make_head(container);
    unsigned char *version = NULL, end[EVP_MAX_BLOCK_LENGTH];
    int version_len = head != NULL ? i2d_ASN1_INTEGER(head->version, &version) : -1, n, ok;
    const ASN1_STRING *spki = version_len > 0 ? head->spki->value.sequence : NULL;
    const ASN1_STRING *seal = version_len > 0 ? head->seal->value.sequence : NULL;

    ok = seal != NULL && cipher != NULL && ctx != NULL &&
         EVP_CipherInit_ex2(ctx, cipher, key, container->iv, encrypt, NULL) > 0 &&
         EVP_CipherUpdate(ctx, NULL, &n, version, version_len) > 0 &&
         EVP_CipherUpdate(ctx, NULL, &n, ASN1_STRING_get0_data(spki), ASN1_STRING_length(spki)) > 0 &&
         EVP_CipherUpdate(ctx, NULL, &n, ASN1_STRING_get0_data(seal), ASN1_STRING_length(seal)) > 0 &&
         EVP_CipherUpdate(ctx, out, &n, in, (int)len) > 0 && (size_t)n == len &&
         (encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CONTAINER_TAG_LEN, tag) > 0) &&
         EVP_CipherFinal_ex(ctx, end, &n) > 0 &&
         (!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CONTAINER_TAG_LEN, tag) > 0);
    OPENSSL_free(version);
    SEALED_KEY_free(head);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok;
}

int container_sealed_encrypt(struct container_sealed *container, OSSL_LIB_CTX *libctx,
                             const unsigned char key[CONTAINER_KEY_LEN], const unsigned char *data,
                             size_t len)
{
    container->encrypted_len = len + CONTAINER_TAG_LEN;
    container->encrypted = OPENSSL_malloc(container->encrypted_len);
    return container->encrypted != NULL && RAND_bytes_ex(libctx, container->iv, CONTAINER_IV_LEN, 0) == 1 &&
           run_gcm(container, libctx, 1, key, data, len, container->encrypted, container->encrypted + len);
}

int container_sealed_decrypt(const struct container_sealed *container, OSSL_LIB_CTX *libctx,
                             const unsigned char key[CONTAINER_KEY_LEN], unsigned char **data, size_t *len)
{
    *len = container->encrypted_len - CONTAINER_TAG_LEN;
    *data = OPENSSL_malloc(*len);
    if (*data != NULL &&
        run_gcm(container, libctx, 0, key, container->encrypted, *len, *data, container->encrypted + *len))
        return 1;
    OPENSSL_clear_free(*data, *len);
    *data = NULL;
    return 0;
}
