// SPDX-License-Identifier: Apache-2.0
/*
 * Encoders: a private key in hardware becomes the PEM (or DER) of its container, under the name that programs
 * ask for ("PrivateKeyInfo"); public keys, and private keys of custody file, are the default provider's to
 * encode.
 */
#include "provider.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <string.h>

struct encoder {
    struct prov_ctx *ctx;
    char *cipher; /* to encrypt PKCS#8 with, or NULL */
};

struct output {
    const char *format;    /* "PEM", "DER", "TEXT" */
    const char *structure; /* "PrivateKeyInfo", "SubjectPublicKeyInfo", … */
};

static void *encoder_newctx(void *provctx)
{
    struct encoder *encoder = OPENSSL_zalloc(sizeof(*encoder));

    if (encoder != NULL)
        encoder->ctx = provctx;
    return encoder;
}

static void encoder_freectx(void *vctx)
{
    struct encoder *encoder = vctx;

    if (encoder == NULL)
        return;
    OPENSSL_free(encoder->cipher);
    OPENSSL_free(encoder);
}

static const OSSL_PARAM *encoder_settable_ctx_params(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_CIPHER, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int encoder_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct encoder *encoder = vctx;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);

    if (p == NULL)
        return 1;
    OPENSSL_free(encoder->cipher);
    encoder->cipher = NULL;
    return OSSL_PARAM_get_utf8_string(p, &encoder->cipher, 0);
}

static int write_container(struct encoder *encoder, BIO *bio, const struct hw_key *hw, const char *format)
{
    unsigned char *der = NULL;
    enum hw_format kind;
    size_t len = 0;
    int ok;

    if (encoder->cipher != NULL) {
        prov_raise(encoder->ctx, HW_E_UNSUPPORTED,
                   "a key in hardware is not encrypted in its file; give it a passphrase when it is made "
                   "(-pkeyopt passphrase:…)");
        return 0;
    }
    if (!hw_key_container(hw, &kind, &der, &len))
        return 0;
    if (strcmp(format, "PEM") == 0)
        ok = PEM_write_bio(bio, hw_format_label(kind), "", der, (long)len) > 0;
    else
        ok = BIO_write(bio, der, (int)len) == (int)len;
    OPENSSL_clear_free(der, len);
    return ok;
}

static int write_by_default_provider(struct encoder *encoder, BIO *bio, const struct hw_key *hw,
                                     int selection, const struct output *output,
                                     OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(hw_key_get0_pkey(hw), selection, output->format,
                                                          output->structure, NULL);
    int ok = ctx != NULL &&
             (encoder->cipher == NULL || OSSL_ENCODER_CTX_set_cipher(ctx, encoder->cipher, NULL)) &&
             (pw_cb == NULL || OSSL_ENCODER_CTX_set_passphrase_cb(ctx, pw_cb, pw_arg)) &&
             OSSL_ENCODER_to_bio(ctx, bio);

    OSSL_ENCODER_CTX_free(ctx);
    return ok;
}

static int encode(struct encoder *encoder, OSSL_CORE_BIO *core_bio, const struct prov_key *key, int selection,
                  const struct output *output, OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    BIO *bio = BIO_new_from_core_bio(encoder->ctx->libctx, core_bio);
    int in_hardware = hw_key_custody(key->hw) != HW_CUSTODY_FILE;
    int text = strcmp(output->format, "TEXT") == 0;
    int ok = bio != NULL;

    if (ok && in_hardware && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)) {
        if (text) {
            char *description = hw_key_describe(key->hw);

            ok = description != NULL && BIO_printf(bio, "Private key in hardware: %s\n", description) > 0;
            OPENSSL_free(description);
            selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
        } else {
            ok = write_container(encoder, bio, key->hw, output->format);
            goto out;
        }
    }
    ok = ok && write_by_default_provider(encoder, bio, key->hw, selection, output, pw_cb, pw_arg);
out:
    BIO_free(bio);
    return ok;
}

static int private_does_selection(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

/* SubjectPublicKeyInfo is asked for with the private key selected when nothing better is known. */
static int public_does_selection(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY);
}

#define ENCODER(id, format, structure, kind)                                                                 \
    static int id##_encode(void *vctx, OSSL_CORE_BIO *out, const void *key, const OSSL_PARAM abstract[],     \
                           int selection, OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)                     \
    {                                                                                                        \
        static const struct output output = {format, structure};                                             \
                                                                                                             \
        return abstract == NULL && encode(vctx, out, key, selection & (kind), &output, pw_cb, pw_arg);       \
    }                                                                                                        \
    static const OSSL_DISPATCH id##_dispatch[] = {                                                           \
        PROV_FN(OSSL_FUNC_ENCODER_NEWCTX, encoder_newctx),                                                   \
        PROV_FN(OSSL_FUNC_ENCODER_FREECTX, encoder_freectx),                                                 \
        PROV_FN(OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, encoder_settable_ctx_params),                         \
        PROV_FN(OSSL_FUNC_ENCODER_SET_CTX_PARAMS, encoder_set_ctx_params),                                   \
        PROV_FN(OSSL_FUNC_ENCODER_DOES_SELECTION,                                                            \
                (kind)&OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? private_does_selection : public_does_selection),    \
        PROV_FN(OSSL_FUNC_ENCODER_ENCODE, id##_encode),                                                      \
        {0, NULL},                                                                                           \
    }

#define PUBLIC_ONLY (OSSL_KEYMGMT_SELECT_ALL & ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY)

ENCODER(private_pem, "PEM", "PrivateKeyInfo", OSSL_KEYMGMT_SELECT_ALL);
ENCODER(private_der, "DER", "PrivateKeyInfo", OSSL_KEYMGMT_SELECT_ALL);
ENCODER(encrypted_pem, "PEM", "EncryptedPrivateKeyInfo", OSSL_KEYMGMT_SELECT_ALL);
ENCODER(encrypted_der, "DER", "EncryptedPrivateKeyInfo", OSSL_KEYMGMT_SELECT_ALL);
ENCODER(public_pem, "PEM", "SubjectPublicKeyInfo", PUBLIC_ONLY);
ENCODER(public_der, "DER", "SubjectPublicKeyInfo", PUBLIC_ONLY);

static int text_encode(void *vctx, OSSL_CORE_BIO *out, const void *key, const OSSL_PARAM abstract[],
                       int selection, OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    static const struct output output = {"TEXT", NULL};

    return abstract == NULL && encode(vctx, out, key, selection, &output, pw_cb, pw_arg);
}

static const OSSL_DISPATCH text_dispatch[] = {
    PROV_FN(OSSL_FUNC_ENCODER_NEWCTX, encoder_newctx),
    PROV_FN(OSSL_FUNC_ENCODER_FREECTX, encoder_freectx),
    PROV_FN(OSSL_FUNC_ENCODER_ENCODE, text_encode),
    {0, NULL},
};

#define ALL(output, dispatch)                                                                                \
    {PROV_NAMES_RSA, PROV_PROPERTIES "," output, dispatch, NULL},                                            \
        {PROV_NAMES_RSA_PSS, PROV_PROPERTIES "," output, dispatch, NULL},                                    \
    {                                                                                                        \
        PROV_NAMES_EC, PROV_PROPERTIES "," output, dispatch, NULL                                            \
    }

const OSSL_ALGORITHM prov_encoders[] = {
    ALL("output=pem,structure=PrivateKeyInfo", private_pem_dispatch),
    ALL("output=der,structure=PrivateKeyInfo", private_der_dispatch),
    ALL("output=pem,structure=EncryptedPrivateKeyInfo", encrypted_pem_dispatch),
    ALL("output=der,structure=EncryptedPrivateKeyInfo", encrypted_der_dispatch),
    ALL("output=pem,structure=SubjectPublicKeyInfo", public_pem_dispatch),
    ALL("output=der,structure=SubjectPublicKeyInfo", public_der_dispatch),
    ALL("output=text", text_dispatch),
    {NULL, NULL, NULL, NULL},
};
