// SPDX-License-Identifier: Apache-2.0
/*
 * RSA signatures: PKCS#1 v1.5 and PSS, over digests and messages.
 *
 * The digest is computed here, in software: a TPM that hashes costs commands. Nothing reaches the hardware in
 * an init function, as libssl calls those only to learn which digests a key takes. Verification is the
 * default provider's, with the public key.
 */
#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

static void *sig_newctx(void *provctx, const char *propq)
{
    struct sig *sig = OPENSSL_zalloc(sizeof(*sig));

    (void)propq; /* digests are fetched in the private context */
    if (sig != NULL)
        sig->ctx = provctx;
    return sig;
}

static void sig_freectx(void *vctx)
{
    struct sig *sig = vctx;

    if (sig == NULL)
        return;
    hw_key_free(sig->hw);
    EVP_MD_free(sig->md);
    EVP_MD_free(sig->mgf1_md);
    EVP_MD_CTX_free(sig->digest);
    OPENSSL_free(sig->signature);
    OPENSSL_free(sig);
}

static void *sig_dupctx(void *vctx)
{
    const struct sig *from = vctx;
    struct sig *to = OPENSSL_memdup(from, sizeof(*from));

    if (to == NULL)
        return NULL;
    to->digest = NULL;
    to->signature = NULL;
    if (to->hw != NULL)
        hw_key_get1(to->hw);
    if (to->md != NULL)
        EVP_MD_up_ref(to->md);
    if (to->mgf1_md != NULL)
        EVP_MD_up_ref(to->mgf1_md);
    if (from->digest != NULL &&
        ((to->digest = EVP_MD_CTX_new()) == NULL || !EVP_MD_CTX_copy_ex(to->digest, from->digest)))
        goto fail;
    if (from->signature != NULL &&
        (to->signature = OPENSSL_memdup(from->signature, from->signature_len)) == NULL)
        goto fail;
    return to;
fail:
    sig_freectx(to);
    return NULL;
}

/* keydata NULL: a second initialisation for the same key. */
static int init(struct sig *sig, void *keydata, const OSSL_PARAM params[], int operation)
{
    const struct prov_key *key = keydata;

    if (key != NULL && key->hw != NULL) {
        struct hw_key *hw = hw_key_get1(key->hw);

        hw_key_free(sig->hw);
        sig->hw = hw;
        sig->type = key->type;
    }
    if (sig->hw == NULL) {
        prov_raise(sig->ctx, HW_E_BAD_KEY, "the signature has no key");
        return 0;
    }
    if (operation == EVP_PKEY_OP_SIGN && !hw_key_is_private(sig->hw)) {
        prov_raise(sig->ctx, HW_E_NOT_PRIVATE, "the key has no private part, it can't sign");
        return 0;
    }
    sig->operation = operation;
    sig->is_message = 0;
    EVP_MD_CTX_free(sig->digest);
    sig->digest = NULL;
    return (key == NULL || sig_params_reset(sig)) && sig_set_ctx_params(sig, params);
}

static size_t key_size(const struct sig *sig)
{
    return (size_t)EVP_PKEY_get_size(hw_key_get0_pkey(sig->hw));
}

/* ---- one digest, or bare input ---- */

static int sign_digest(struct sig *sig, unsigned char *out, size_t *out_len, size_t out_size,
                       const unsigned char *in, size_t in_len)
{
    struct hw_rsa_padding padding = {
        .md = sig->md != NULL ? EVP_MD_get0_name(sig->md) : NULL,
        .mgf1_md = sig->mgf1_md != NULL ? EVP_MD_get0_name(sig->mgf1_md) : NULL,
    };

    *out_len = key_size(sig);
    if (out == NULL)
        return 1;
    if (out_size < *out_len) {
        prov_raise(sig->ctx, HW_E_BAD_INPUT, "room for %zu bytes of a signature of %zu", out_size, *out_len);
        return 0;
    }
    switch (sig->pad_mode) {
    case RSA_PKCS1_PSS_PADDING:
        if (sig->md == NULL || sig_saltlen(sig) < sig->min_saltlen) {
            prov_raise(sig->ctx, HW_E_BAD_INPUT, "PSS needs a digest that fits the key");
            return 0;
        }
        padding.mode = HW_RSA_PSS;
        padding.saltlen = (size_t)sig_saltlen(sig);
        break;
    case RSA_NO_PADDING:
        padding.mode = HW_RSA_NONE;
        break;
    default:
        padding.mode = HW_RSA_PKCS1;
        break;
    }
    return hw_rsa_sign(sig->hw, &padding, in, in_len, out);
}

/* A context of the default provider's with this one's settings. */
static EVP_PKEY_CTX *verifier(struct sig *sig, int (*start)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(sig->ctx->libctx, hw_key_get0_pkey(sig->hw), NULL);

    if (ctx == NULL || start(ctx) <= 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, sig->pad_mode) <= 0 ||
        (sig->md != NULL && EVP_PKEY_CTX_set_signature_md(ctx, sig->md) <= 0) ||
        (sig->pad_mode == RSA_PKCS1_PSS_PADDING &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, sig->saltlen) <= 0) ||
        (sig->pad_mode == RSA_PKCS1_PSS_PADDING && sig->mgf1_md != NULL &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, sig->mgf1_md) <= 0)) {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static int verify_digest(struct sig *sig, const unsigned char *signature, size_t signature_len,
                         const unsigned char *digest, size_t digest_len)
{
    EVP_PKEY_CTX *ctx = verifier(sig, EVP_PKEY_verify_init);
    int ok = ctx != NULL && EVP_PKEY_verify(ctx, signature, signature_len, digest, digest_len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int sig_sign_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return init(vctx, key, params, EVP_PKEY_OP_SIGN);
}

static int sig_verify_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return init(vctx, key, params, EVP_PKEY_OP_VERIFY);
}

static int sig_verify_recover_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return init(vctx, key, params, EVP_PKEY_OP_VERIFYRECOVER);
}

static int sig_verify_recover(void *vctx, unsigned char *out, size_t *out_len, size_t out_size,
                              const unsigned char *signature, size_t signature_len)
{
    EVP_PKEY_CTX *ctx = verifier(vctx, EVP_PKEY_verify_recover_init);
    int ok;

    *out_len = out_size;
    ok = ctx != NULL && EVP_PKEY_verify_recover(ctx, out, out_len, signature, signature_len) > 0;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* ---- messages ---- */

static int start_message(struct sig *sig)
{
    static const char default_md[] = "SHA256";

    if (sig->md == NULL && !sig_set_md(sig, default_md))
        return 0;
    sig->digest = EVP_MD_CTX_new();
    return sig->digest != NULL && EVP_DigestInit_ex(sig->digest, sig->md, NULL);
}

/* As OpenSSL's own do it: what is named here goes before what the parameters say. */
static int digest_init(struct sig *sig, const char *md, void *key, const OSSL_PARAM params[], int operation)
{
    return init(sig, key, params, operation) && (md == NULL || *md == '\0' || sig_set_md(sig, md)) &&
           start_message(sig);
}

static int sig_digest_sign_init(void *vctx, const char *md, void *key, const OSSL_PARAM params[])
{
    return digest_init(vctx, md, key, params, EVP_PKEY_OP_SIGN);
}

static int sig_digest_verify_init(void *vctx, const char *md, void *key, const OSSL_PARAM params[])
{
    return digest_init(vctx, md, key, params, EVP_PKEY_OP_VERIFY);
}

static int sig_update(void *vctx, const unsigned char *data, size_t len)
{
    struct sig *sig = vctx;

    return sig->digest != NULL && EVP_DigestUpdate(sig->digest, data, len);
}

static int sig_sign_final(void *vctx, unsigned char *out, size_t *out_len, size_t out_size)
{
    struct sig *sig = vctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    /* Asking for the length does not end the message. */
    if (sig->digest == NULL || (out != NULL && !EVP_DigestFinal_ex(sig->digest, digest, &len)))
        return 0;
    return sign_digest(sig, out, out_len, out_size, digest, len);
}

static int sig_digest_verify_final(void *vctx, const unsigned char *signature, size_t signature_len)
{
    struct sig *sig = vctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return sig->digest != NULL && EVP_DigestFinal_ex(sig->digest, digest, &len) &&
           verify_digest(sig, signature, signature_len, digest, len);
}

static int sig_sign(void *vctx, unsigned char *out, size_t *out_len, size_t out_size, const unsigned char *in,
                    size_t in_len)
{
    struct sig *sig = vctx;

    if (sig->is_message)
        return (out == NULL || sig_update(sig, in, in_len)) && sig_sign_final(sig, out, out_len, out_size);
    return sign_digest(sig, out, out_len, out_size, in, in_len);
}

static int sig_verify(void *vctx, const unsigned char *signature, size_t signature_len,
                      const unsigned char *in, size_t in_len)
{
    struct sig *sig = vctx;

    if (sig->is_message)
        return sig_update(sig, in, in_len) && sig_digest_verify_final(sig, signature, signature_len);
    return verify_digest(sig, signature, signature_len, in, in_len);
}

#define SIGNATURE_COMMON                                                                                     \
    PROV_FN(OSSL_FUNC_SIGNATURE_NEWCTX, sig_newctx), PROV_FN(OSSL_FUNC_SIGNATURE_FREECTX, sig_freectx),      \
        PROV_FN(OSSL_FUNC_SIGNATURE_DUPCTX, sig_dupctx), PROV_FN(OSSL_FUNC_SIGNATURE_SIGN, sig_sign),        \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY, sig_verify),                                                     \
        PROV_FN(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, sig_get_ctx_params),                                     \
        PROV_FN(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, sig_gettable_ctx_params),                           \
        PROV_FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sig_set_ctx_params),                                     \
        PROV_FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sig_settable_ctx_params)

const OSSL_DISPATCH prov_signature_rsa[] = {
    PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_INIT, sig_sign_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_INIT, sig_verify_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT, sig_verify_recover_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_RECOVER, sig_verify_recover),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sig_digest_sign_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, sig_update),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, sig_sign_final),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, sig_digest_verify_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, sig_update),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, sig_digest_verify_final),
    SIGNATURE_COMMON,
    {0, NULL},
};

/* ---- OpenSSL 3.4's algorithms that name their digest, with its message API ---- */

static const char **sig_query_key_types(void)
{
    static const char *types[] = {"RSA", NULL};

    return types;
}

static int sig_verify_message_final(void *vctx)
{
    struct sig *sig = vctx;

    return sig->signature != NULL && sig_digest_verify_final(sig, sig->signature, sig->signature_len);
}

static int named_init(struct sig *sig, void *key, const OSSL_PARAM params[], const char *md, int operation,
                      int is_message)
{
    if (!init(sig, key, NULL, operation) || !sig_set_md(sig, md))
        return 0;
    sig->is_md_fixed = 1;
    sig->is_message = is_message;
    return (!is_message || start_message(sig)) && sig_set_ctx_params(sig, params);
}

#define NAMED(id, md)                                                                                        \
    static int id##_sign_init(void *vctx, void *key, const OSSL_PARAM params[])                              \
    {                                                                                                        \
        return named_init(vctx, key, params, md, EVP_PKEY_OP_SIGN, 0);                                       \
    }                                                                                                        \
    static int id##_verify_init(void *vctx, void *key, const OSSL_PARAM params[])                            \
    {                                                                                                        \
        return named_init(vctx, key, params, md, EVP_PKEY_OP_VERIFY, 0);                                     \
    }                                                                                                        \
    static int id##_sign_message_init(void *vctx, void *key, const OSSL_PARAM params[])                      \
    {                                                                                                        \
        return named_init(vctx, key, params, md, EVP_PKEY_OP_SIGN, 1);                                       \
    }                                                                                                        \
    static int id##_verify_message_init(void *vctx, void *key, const OSSL_PARAM params[])                    \
    {                                                                                                        \
        return named_init(vctx, key, params, md, EVP_PKEY_OP_VERIFY, 1);                                     \
    }                                                                                                        \
    const OSSL_DISPATCH prov_signature_##id[] = {                                                            \
        PROV_FN(OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES, sig_query_key_types),                                   \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_INIT, id##_sign_init),                                              \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_INIT, id##_verify_init),                                          \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT, id##_sign_message_init),                              \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE, sig_update),                                        \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL, sig_sign_final),                                     \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT, id##_verify_message_init),                          \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE, sig_update),                                      \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL, sig_verify_message_final),                         \
        SIGNATURE_COMMON,                                                                                    \
        {0, NULL},                                                                                           \
    };

NAMED(rsa_sha1, "SHA1")
NAMED(rsa_sha224, "SHA2-224")
NAMED(rsa_sha256, "SHA2-256")
NAMED(rsa_sha384, "SHA2-384")
NAMED(rsa_sha512, "SHA2-512")
