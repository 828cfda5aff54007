// SPDX-License-Identifier: Apache-2.0
/*
 * Decoders: PEM blocks "TSS2 PRIVATE KEY", "SIGNET KEY REFERENCE" and "SIGNET SEALED KEY" to DER, and that
 * DER to keys.
 *
 * OpenSSL tries every decoder on every input, so input that is not ours is not an error: a decoder returns 1
 * without calling back. Input that is ours and broken is an error, raised once.
 */
#include "provider.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <string.h>

#define INPUT_MAX 65536 /* bytes; a combined PEM's one block, or a DER file */

/* What OpenSSL matches decoders by. */
static const char *const structures[] = {
    [HW_FORMAT_TSS2] = "TSS2",
    [HW_FORMAT_REFERENCE] = "SignetKeyReference",
    [HW_FORMAT_SEALED] = "SignetSealedKey",
};

static void *decoder_newctx(void *provctx)
{
    return provctx;
}

static void decoder_freectx(void *vctx)
{
    (void)vctx;
}

static int decoder_does_selection(void *provctx, int selection)
{
    (void)provctx;
    /* 0 means whatever is there. */
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

/* ---- PEM to DER ---- */

/* Hands the DER on to the decoder of its structure; that one's errors are for the user to see. */
static int pass_der(const char *structure, unsigned char *der, size_t len, OSSL_CALLBACK *cb, void *cb_arg)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, (char *)structure, 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, len),
        OSSL_PARAM_construct_end(),
    };

    return cb(params, cb_arg);
}

static int pem_decode(void *vctx, OSSL_CORE_BIO *core_bio, int selection, OSSL_CALLBACK *cb, void *cb_arg,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    struct prov_ctx *ctx = vctx;
    BIO *bio = BIO_new_from_core_bio(ctx->libctx, core_bio);
    char *label = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    enum hw_format format;
    int ok = 1, is_pem;

    (void)selection;
    (void)pw_cb;
    (void)pw_arg;
    ERR_set_mark();
    is_pem = bio != NULL && PEM_read_bio(bio, &label, &header, &der, &len);
    ERR_pop_to_mark();
    if (is_pem && hw_format_from(label, &format) && format != HW_FORMAT_PKCS8)
        ok = pass_der(structures[format], der, (size_t)len, cb, cb_arg);
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, (size_t)len);
    BIO_free(bio);
    return ok;
}

/* ---- DER to key ---- */

/* Reads one DER SEQUENCE. Returns NULL if the input does not start with one. */
static unsigned char *read_sequence(BIO *bio, size_t *len)
{
    BUF_MEM *mem = BUF_MEM_new();
    unsigned char *der = NULL;
    int n;

    *len = 0;
    if (mem == NULL || !BUF_MEM_grow(mem, INPUT_MAX))
        goto out;
    while (*len < INPUT_MAX && (n = BIO_read(bio, mem->data + *len, (int)(INPUT_MAX - *len))) > 0)
        *len += (size_t)n;
    if (*len >= 2 && *len < INPUT_MAX &&
        (unsigned char)mem->data[0] == (V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE))
        der = OPENSSL_memdup(mem->data, *len);
out:
    BUF_MEM_free(mem);
    return der;
}

/* How the DER of each begins inside its SEQUENCE. Other SEQUENCEs that OpenSSL shows us (certificates,
 * PKCS#8) are none of our business; what begins so is. */
static const struct beginning {
    unsigned char bytes[7];
    size_t len;
} beginnings[] = {
    [HW_FORMAT_TSS2] = {{0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01}, 7}, /* OID 2.23.133.10.1.x */
    [HW_FORMAT_REFERENCE] = {{0x02, 0x01, 0x01, 0x0c}, 4},              /* INTEGER 1, UTF8String */
    [HW_FORMAT_SEALED] = {{0x02, 0x01, 0x01, 0x30}, 4},                 /* INTEGER 1, SEQUENCE */
};

static int looks_like(enum hw_format format, const unsigned char *der, size_t len)
{
    const struct beginning *beginning = &beginnings[format];
    const unsigned char *p = der;
    long inner;
    int tag, class;

    ERR_set_mark();
    ASN1_get_object(&p, &inner, &tag, &class, (long)len);
    ERR_pop_to_mark();
    return (size_t)(p - der) + beginning->len <= len && memcmp(p, beginning->bytes, beginning->len) == 0;
}

static int der_decode(struct prov_ctx *ctx, OSSL_CORE_BIO *core_bio, enum hw_format format,
                      enum prov_type type, OSSL_CALLBACK *cb, void *cb_arg, OSSL_PASSPHRASE_CALLBACK *pw_cb,
                      void *pw_arg)
{
    struct prov_passphrase passphrase = {pw_cb, pw_arg};
    BIO *bio = BIO_new_from_core_bio(ctx->libctx, core_bio);
    struct prov_key *key = NULL;
    struct hw_key *hw = NULL;
    unsigned char *der = NULL;
    size_t len = 0;
    int ok = 1;

    if (bio == NULL || (der = read_sequence(bio, &len)) == NULL)
        goto out;
    if (!looks_like(format, der, len))
        goto out;
    hw = hw_key_load(ctx->hw, format, der, len, pw_cb != NULL ? prov_passphrase : NULL, &passphrase);
    if (hw == NULL) {
        prov_log_last_error(ctx);
        ok = 0;
        goto out;
    }
    if (prov_type_of(hw) != type) {
        hw_key_free(hw); /* the other type's decoder gets its turn */
        goto out;
    }
    key = prov_key_new(ctx, type, hw);
    ok = key != NULL && prov_key_pass(key, cb, cb_arg);
out:
    OPENSSL_clear_free(der, len);
    BIO_free(bio);
    return ok;
}

#define DER_DECODER(id, format, type)                                                                        \
    static int id##_decode(void *vctx, OSSL_CORE_BIO *bio, int selection, OSSL_CALLBACK *cb, void *cb_arg,   \
                           OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)                                    \
    {                                                                                                        \
        (void)selection;                                                                                     \
        return der_decode(vctx, bio, format, type, cb, cb_arg, pw_cb, pw_arg);                               \
    }                                                                                                        \
    static const OSSL_DISPATCH id##_dispatch[] = {                                                           \
        PROV_FN(OSSL_FUNC_DECODER_NEWCTX, decoder_newctx),                                                   \
        PROV_FN(OSSL_FUNC_DECODER_FREECTX, decoder_freectx),                                                 \
        PROV_FN(OSSL_FUNC_DECODER_DOES_SELECTION, decoder_does_selection),                                   \
        PROV_FN(OSSL_FUNC_DECODER_DECODE, id##_decode),                                                      \
        PROV_FN(OSSL_FUNC_DECODER_EXPORT_OBJECT, decoder_export),                                            \
        {0, NULL},                                                                                           \
    }

/* OpenSSL asks for this when the program wants the key in another provider; a key in hardware stays. */
static int decoder_export(void *vctx, const void *reference, size_t size, OSSL_CALLBACK *cb, void *cb_arg)
{
    (void)vctx;
    (void)reference;
    (void)size;
    (void)cb;
    (void)cb_arg;
    return 0;
}

DER_DECODER(tss2_rsa, HW_FORMAT_TSS2, PROV_RSA);
DER_DECODER(tss2_rsa_pss, HW_FORMAT_TSS2, PROV_RSA_PSS);
DER_DECODER(tss2_ec, HW_FORMAT_TSS2, PROV_EC);
DER_DECODER(reference_rsa, HW_FORMAT_REFERENCE, PROV_RSA);
DER_DECODER(reference_rsa_pss, HW_FORMAT_REFERENCE, PROV_RSA_PSS);
DER_DECODER(reference_ec, HW_FORMAT_REFERENCE, PROV_EC);
DER_DECODER(sealed_rsa, HW_FORMAT_SEALED, PROV_RSA);
DER_DECODER(sealed_rsa_pss, HW_FORMAT_SEALED, PROV_RSA_PSS);
DER_DECODER(sealed_ec, HW_FORMAT_SEALED, PROV_EC);

static const OSSL_DISPATCH pem_dispatch[] = {
    PROV_FN(OSSL_FUNC_DECODER_NEWCTX, decoder_newctx),
    PROV_FN(OSSL_FUNC_DECODER_FREECTX, decoder_freectx),
    PROV_FN(OSSL_FUNC_DECODER_DECODE, pem_decode),
    {0, NULL},
};

const OSSL_ALGORITHM prov_decoders[] = {
    {"DER", PROV_PROPERTIES ",input=pem", pem_dispatch, NULL},
    {PROV_NAMES_RSA, PROV_PROPERTIES ",input=der,structure=TSS2", tss2_rsa_dispatch, NULL},
    {PROV_NAMES_RSA_PSS, PROV_PROPERTIES ",input=der,structure=TSS2", tss2_rsa_pss_dispatch, NULL},
    {PROV_NAMES_EC, PROV_PROPERTIES ",input=der,structure=TSS2", tss2_ec_dispatch, NULL},
    {PROV_NAMES_RSA, PROV_PROPERTIES ",input=der,structure=SignetKeyReference", reference_rsa_dispatch, NULL},
    {PROV_NAMES_RSA_PSS, PROV_PROPERTIES ",input=der,structure=SignetKeyReference",
     reference_rsa_pss_dispatch, NULL},
    {PROV_NAMES_EC, PROV_PROPERTIES ",input=der,structure=SignetKeyReference", reference_ec_dispatch, NULL},
    {PROV_NAMES_RSA, PROV_PROPERTIES ",input=der,structure=SignetSealedKey", sealed_rsa_dispatch, NULL},
    {PROV_NAMES_RSA_PSS, PROV_PROPERTIES ",input=der,structure=SignetSealedKey", sealed_rsa_pss_dispatch,
     NULL},
    {PROV_NAMES_EC, PROV_PROPERTIES ",input=der,structure=SignetSealedKey", sealed_ec_dispatch, NULL},
    {NULL, NULL, NULL, NULL},
};
