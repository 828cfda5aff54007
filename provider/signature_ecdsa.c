// SPDX-License-Identifier: Apache-2.0
/*
 * ECDSA signatures over digests and messages (EVP_SIGNATURE-ECDSA(7)).
 *
 * As with RSA: the digest is computed here, nothing reaches the hardware in an init function, and
 * verification is the default provider's, with the public key.
 */
#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>

struct ecdsa {
    struct prov_ctx *ctx;
    struct hw_key *hw;
    EVP_MD *md;      /* NULL: the input is a digest of whatever length */
    int is_md_fixed; /* by the algorithm's name */

    EVP_MD_CTX *digest;       /* while the message comes in pieces */
    int is_message;           /* sign and verify get the message, not its digest (3.4's message API) */
    unsigned char *signature; /* to verify, given ahead of the message */
    size_t signature_len;
};

static void *ecdsa_newctx(void *provctx, const char *propq)
{
    struct ecdsa *ecdsa = OPENSSL_zalloc(sizeof(*ecdsa));

    (void)propq; /* digests are fetched in the private context */
    if (ecdsa != NULL)
        ecdsa->ctx = provctx;
    return ecdsa;
}

static void ecdsa_freectx(void *vctx)
{
    struct ecdsa *ecdsa = vctx;

    if (ecdsa == NULL)
        return;
    hw_key_free(ecdsa->hw);
    EVP_MD_free(ecdsa->md);
    EVP_MD_CTX_free(ecdsa->digest);
    OPENSSL_free(ecdsa->signature);
    OPENSSL_free(ecdsa);
}

static void *ecdsa_dupctx(void *vctx)
{
    const struct ecdsa *from = vctx;
    struct ecdsa *to = OPENSSL_memdup(from, sizeof(*from));

    if (to == NULL)
        return NULL;
    to->digest = NULL;
    to->signature = NULL;
    if (to->hw != NULL)
        hw_key_get1(to->hw);
    if (to->md != NULL)
        EVP_MD_up_ref(to->md);
    if (from->digest != NULL &&
        ((to->digest = EVP_MD_CTX_new()) == NULL || !EVP_MD_CTX_copy_ex(to->digest, from->digest)))
        goto fail;
    if (from->signature != NULL &&
        (to->signature = OPENSSL_memdup(from->signature, from->signature_len)) == NULL)
        goto fail;
    return to;
fail:
    ecdsa_freectx(to);
    return NULL;
}

/* ---- settings ---- */

static int set_md(struct ecdsa *ecdsa, const char *name)
{
    EVP_MD *md = EVP_MD_fetch(ecdsa->ctx->libctx, name, NULL);

    if (md == NULL || (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF)) {
        EVP_MD_free(md);
        prov_raise(ecdsa->ctx, HW_E_UNSUPPORTED, "digest %s can't be used for signatures", name);
        return 0;
    }
    if (ecdsa->is_md_fixed && !EVP_MD_is_a(ecdsa->md, EVP_MD_get0_name(md))) {
        EVP_MD_free(md);
        prov_raise(ecdsa->ctx, HW_E_UNSUPPORTED, "digest %s: this algorithm is for %s only", name,
                   EVP_MD_get0_name(ecdsa->md));
        return 0;
    }
    if (ecdsa->digest != NULL && !EVP_MD_is_a(ecdsa->md, EVP_MD_get0_name(md))) {
        EVP_MD_free(md);
        prov_raise(ecdsa->ctx, HW_E_UNSUPPORTED, "digest %s: the message has begun with %s", name,
                   EVP_MD_get0_name(ecdsa->md));
        return 0;
    }
    EVP_MD_free(ecdsa->md);
    ecdsa->md = md;
    return 1;
}

static int ecdsa_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct ecdsa *ecdsa = vctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p != NULL && (p->data_type != OSSL_PARAM_UTF8_STRING || !set_md(ecdsa, p->data)))
        return 0;
    p = OSSL_PARAM_locate_const(params, "signature"); /* OSSL_SIGNATURE_PARAM_SIGNATURE, 3.4 */
    if (p != NULL) {
        OPENSSL_free(ecdsa->signature);
        ecdsa->signature = NULL;
        if (!OSSL_PARAM_get_octet_string(p, (void **)&ecdsa->signature, 0, &ecdsa->signature_len))
            return 0;
    }
    return 1;
}

static const OSSL_PARAM *ecdsa_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_octet_string("signature", NULL, 0),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}

static int ecdsa_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct ecdsa *ecdsa = vctx;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);

    if (p != NULL) {
        size_t len = 0;
        unsigned char *der = ecdsa->md != NULL ? prov_algorithm_id_ecdsa(ecdsa->md, &len) : NULL;
        int ok = der != NULL && OSSL_PARAM_set_octet_string(p, der, len);

        OPENSSL_free(der);
        if (!ok)
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST_SIZE);
    if (p != NULL && !OSSL_PARAM_set_size_t(p, ecdsa->md != NULL ? (size_t)EVP_MD_get_size(ecdsa->md) : 0))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
    return p == NULL || OSSL_PARAM_set_utf8_string(p, ecdsa->md != NULL ? EVP_MD_get0_name(ecdsa->md) : "");
}

static const OSSL_PARAM *ecdsa_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}

/* keydata NULL: a second initialisation for the same key. */
static int init(struct ecdsa *ecdsa, void *keydata, const OSSL_PARAM params[], int operation)
{
    const struct prov_key *key = keydata;

    if (key != NULL && key->hw != NULL) {
        struct hw_key *hw = hw_key_get1(key->hw);

        hw_key_free(ecdsa->hw);
        ecdsa->hw = hw;
        EVP_MD_free(ecdsa->md);
        ecdsa->md = NULL;
        ecdsa->is_md_fixed = 0;
    }
    if (ecdsa->hw == NULL) {
        prov_raise(ecdsa->ctx, HW_E_BAD_KEY, "the signature has no key");
        return 0;
    }
    if (operation == EVP_PKEY_OP_SIGN && !hw_key_is_private(ecdsa->hw)) {
        prov_raise(ecdsa->ctx, HW_E_NOT_PRIVATE, "the key has no private part, it can't sign");
        return 0;
    }
    ecdsa->is_message = 0;
    EVP_MD_CTX_free(ecdsa->digest);
    ecdsa->digest = NULL;
    return ecdsa_set_ctx_params(ecdsa, params);
}

/* ---- one digest ---- */

static int is_digest(const struct ecdsa *ecdsa, size_t len)
{
    if (ecdsa->md == NULL || len == (size_t)EVP_MD_get_size(ecdsa->md))
        return 1;
    prov_raise(ecdsa->ctx, HW_E_BAD_INPUT, "%zu bytes are no digest of %s", len, EVP_MD_get0_name(ecdsa->md));
    return 0;
}

static int sign_digest(struct ecdsa *ecdsa, unsigned char *out, size_t *out_len, size_t out_size,
                       const unsigned char *in, size_t in_len)
{
    size_t size = (size_t)EVP_PKEY_get_size(hw_key_get0_pkey(ecdsa->hw));

    *out_len = size;
    if (out == NULL)
        return 1;
    if (out_size < size) {
        prov_raise(ecdsa->ctx, HW_E_BAD_INPUT, "room for %zu bytes of a signature of up to %zu", out_size,
                   size);
        return 0;
    }
    return is_digest(ecdsa, in_len) && hw_ec_sign(ecdsa->hw, in, in_len, out, out_len);
}

static int verify_digest(struct ecdsa *ecdsa, const unsigned char *signature, size_t signature_len,
                         const unsigned char *digest, size_t digest_len)
{
    EVP_PKEY_CTX *ctx;
    int ok;

    if (!is_digest(ecdsa, digest_len))
        return 0;
    ctx = EVP_PKEY_CTX_new_from_pkey(ecdsa->ctx->libctx, hw_key_get0_pkey(ecdsa->hw), NULL);
    ok = ctx != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
         EVP_PKEY_verify(ctx, signature, signature_len, digest, digest_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int ecdsa_sign_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return init(vctx, key, params, EVP_PKEY_OP_SIGN);
}

static int ecdsa_verify_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return init(vctx, key, params, EVP_PKEY_OP_VERIFY);
}

/* ---- messages ---- */

static int start_message(struct ecdsa *ecdsa)
{
    static const char default_md[] = "SHA256";

    if (ecdsa->md == NULL && !set_md(ecdsa, default_md))
        return 0;
    ecdsa->digest = EVP_MD_CTX_new();
    return ecdsa->digest != NULL && EVP_DigestInit_ex(ecdsa->digest, ecdsa->md, NULL);
}

/* As OpenSSL's own do it: what is named here goes before what the parameters say. */
static int digest_init(struct ecdsa *ecdsa, const char *md, void *key, const OSSL_PARAM params[],
                       int operation)
{
    return init(ecdsa, key, params, operation) && (md == NULL || *md == '\0' || set_md(ecdsa, md)) &&
           start_message(ecdsa);
}

static int ecdsa_digest_sign_init(void *vctx, const char *md, void *key, const OSSL_PARAM params[])
{
    return digest_init(vctx, md, key, params, EVP_PKEY_OP_SIGN);
}

static int ecdsa_digest_verify_init(void *vctx, const char *md, void *key, const OSSL_PARAM params[])
{
    return digest_init(vctx, md, key, params, EVP_PKEY_OP_VERIFY);
}

static int ecdsa_update(void *vctx, const unsigned char *data, size_t len)
{
    struct ecdsa *ecdsa = vctx;

    return ecdsa->digest != NULL && EVP_DigestUpdate(ecdsa->digest, data, len);
}

static int ecdsa_sign_final(void *vctx, unsigned char *out, size_t *out_len, size_t out_size)
{
    struct ecdsa *ecdsa = vctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    /* Asking for the length does not end the message. */
    if (ecdsa->digest == NULL || (out != NULL && !EVP_DigestFinal_ex(ecdsa->digest, digest, &len)))
        return 0;
    return sign_digest(ecdsa, out, out_len, out_size, digest, len);
}

static int ecdsa_digest_verify_final(void *vctx, const unsigned char *signature, size_t signature_len)
{
    struct ecdsa *ecdsa = vctx;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return ecdsa->digest != NULL && EVP_DigestFinal_ex(ecdsa->digest, digest, &len) &&
           verify_digest(ecdsa, signature, signature_len, digest, len);
}

static int ecdsa_sign(void *vctx, unsigned char *out, size_t *out_len, size_t out_size,
                      const unsigned char *in, size_t in_len)
{
    struct ecdsa *ecdsa = vctx;

    if (ecdsa->is_message)
        return (out == NULL || ecdsa_update(ecdsa, in, in_len)) &&
               ecdsa_sign_final(ecdsa, out, out_len, out_size);
    return sign_digest(ecdsa, out, out_len, out_size, in, in_len);
}

static int ecdsa_verify(void *vctx, const unsigned char *signature, size_t signature_len,
                        const unsigned char *in, size_t in_len)
{
    struct ecdsa *ecdsa = vctx;

    if (ecdsa->is_message)
        return ecdsa_update(ecdsa, in, in_len) && ecdsa_digest_verify_final(ecdsa, signature, signature_len);
    return verify_digest(ecdsa, signature, signature_len, in, in_len);
}

#define ECDSA_COMMON                                                                                         \
    PROV_FN(OSSL_FUNC_SIGNATURE_NEWCTX, ecdsa_newctx), PROV_FN(OSSL_FUNC_SIGNATURE_FREECTX, ecdsa_freectx),  \
        PROV_FN(OSSL_FUNC_SIGNATURE_DUPCTX, ecdsa_dupctx), PROV_FN(OSSL_FUNC_SIGNATURE_SIGN, ecdsa_sign),    \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY, ecdsa_verify),                                                   \
        PROV_FN(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, ecdsa_get_ctx_params),                                   \
        PROV_FN(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, ecdsa_gettable_ctx_params),                         \
        PROV_FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, ecdsa_set_ctx_params),                                   \
        PROV_FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, ecdsa_settable_ctx_params)

const OSSL_DISPATCH prov_signature_ecdsa[] = {
    PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_INIT, ecdsa_sign_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_INIT, ecdsa_verify_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, ecdsa_digest_sign_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, ecdsa_update),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, ecdsa_sign_final),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, ecdsa_digest_verify_init),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, ecdsa_update),
    PROV_FN(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, ecdsa_digest_verify_final),
    ECDSA_COMMON,
    {0, NULL},
};

/* ---- OpenSSL 3.4's algorithms that name their digest, with its message API ---- */

static const char **ecdsa_query_key_types(void)
{
    static const char *types[] = {"EC", NULL};

    return types;
}

static int ecdsa_verify_message_final(void *vctx)
{
    struct ecdsa *ecdsa = vctx;

    return ecdsa->signature != NULL &&
           ecdsa_digest_verify_final(ecdsa, ecdsa->signature, ecdsa->signature_len);
}

static int named_init(struct ecdsa *ecdsa, void *key, const OSSL_PARAM params[], const char *md,
                      int operation, int is_message)
{
    if (!init(ecdsa, key, NULL, operation) || !set_md(ecdsa, md))
        return 0;
    ecdsa->is_md_fixed = 1;
    ecdsa->is_message = is_message;
    return (!is_message || start_message(ecdsa)) && ecdsa_set_ctx_params(ecdsa, params);
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
        PROV_FN(OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES, ecdsa_query_key_types),                                 \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_INIT, id##_sign_init),                                              \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_INIT, id##_verify_init),                                          \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT, id##_sign_message_init),                              \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE, ecdsa_update),                                      \
        PROV_FN(OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL, ecdsa_sign_final),                                   \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT, id##_verify_message_init),                          \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE, ecdsa_update),                                    \
        PROV_FN(OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL, ecdsa_verify_message_final),                       \
        ECDSA_COMMON,                                                                                        \
        {0, NULL},                                                                                           \
    };

NAMED(ecdsa_sha1, "SHA1")
NAMED(ecdsa_sha224, "SHA2-224")
NAMED(ecdsa_sha256, "SHA2-256")
NAMED(ecdsa_sha384, "SHA2-384")
NAMED(ecdsa_sha512, "SHA2-512")
