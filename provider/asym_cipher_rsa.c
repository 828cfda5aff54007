// SPDX-License-Identifier: Apache-2.0
/* RSA decryption (TLS 1.2's RSA key exchange, CMS), and encryption with the public key. */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

struct cipher {
    struct prov_ctx *ctx;
    struct hw_key *hw;
    int pad_mode; /* RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING, RSA_PKCS1_WITH_TLS_PADDING, RSA_NO_PADDING */
    char md[64];  /* OAEP's digest */
    char mgf1_md[64]; /* empty: the same */
    unsigned char *label;
    size_t label_len;
    unsigned tls_version, tls_alt_version;
};

static const struct pad_name {
    int mode;
    const char *name;
} pad_names[] = {
    {RSA_PKCS1_PADDING, OSSL_PKEY_RSA_PAD_MODE_PKCSV15},
    {RSA_PKCS1_OAEP_PADDING, OSSL_PKEY_RSA_PAD_MODE_OAEP},
    {RSA_NO_PADDING, OSSL_PKEY_RSA_PAD_MODE_NONE},
    {RSA_PKCS1_WITH_TLS_PADDING, "tls"},
};

static void *cipher_newctx(void *provctx)
{
    struct cipher *cipher = OPENSSL_zalloc(sizeof(*cipher));

    if (cipher != NULL)
        cipher->ctx = provctx;
    return cipher;
}

static void cipher_freectx(void *vctx)
{
    struct cipher *cipher = vctx;

    if (cipher == NULL)
        return;
    hw_key_free(cipher->hw);
    OPENSSL_free(cipher->label);
    OPENSSL_free(cipher);
}

static void *cipher_dupctx(void *vctx)
{
    const struct cipher *from = vctx;
    struct cipher *to = OPENSSL_memdup(from, sizeof(*from));

    if (to == NULL)
        return NULL;
    if (to->hw != NULL)
        hw_key_get1(to->hw);
    if (from->label != NULL && (to->label = OPENSSL_memdup(from->label, from->label_len)) == NULL) {
        cipher_freectx(to);
        return NULL;
    }
    return to;
}

static int take_name(const OSSL_PARAM params[], const char *key, char name[64])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, key);

    return p == NULL || OSSL_PARAM_get_utf8_string(p, &name, 64);
}

static int take_uint(const OSSL_PARAM params[], const char *key, unsigned *value)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, key);

    return p == NULL || OSSL_PARAM_get_uint(p, value);
}

static int set_pad_mode(struct cipher *cipher, const OSSL_PARAM *p)
{
    int mode = -1, value;
    size_t i;

    for (i = 0; i < sizeof(pad_names) / sizeof(pad_names[0]); i++) {
        if (p->data_type == OSSL_PARAM_UTF8_STRING
                ? strcmp(p->data, pad_names[i].name) == 0
                : OSSL_PARAM_get_int(p, &value) && value == pad_names[i].mode)
            mode = pad_names[i].mode;
    }
    if (mode < 0) {
        prov_raise(cipher->ctx, HW_E_UNSUPPORTED, "this padding is not for RSA encryption");
        return 0;
    }
    cipher->pad_mode = mode;
    return 1;
}

static int cipher_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct cipher *cipher = vctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    if (p != NULL && !set_pad_mode(cipher, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
    if (p != NULL) {
        OPENSSL_free(cipher->label);
        cipher->label = NULL;
        if (!OSSL_PARAM_get_octet_string(p, (void **)&cipher->label, 0, &cipher->label_len))
            return 0;
    }
    /* "implicit-rejection" (3.2) is not offered: it is always on. */
    return take_name(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, cipher->md) &&
           take_name(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, cipher->mgf1_md) &&
           take_uint(params, OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &cipher->tls_version) &&
           take_uint(params, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &cipher->tls_alt_version);
}

static const OSSL_PARAM *cipher_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
        OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}

static int cipher_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct cipher *cipher = vctx;
    OSSL_PARAM *p;
    size_t i;

    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
    if (p != NULL && p->data_type == OSSL_PARAM_INTEGER && !OSSL_PARAM_set_int(p, cipher->pad_mode))
        return 0;
    for (i = 0;
         p != NULL && p->data_type == OSSL_PARAM_UTF8_STRING && i < sizeof(pad_names) / sizeof(pad_names[0]);
         i++) {
        if (pad_names[i].mode == cipher->pad_mode && !OSSL_PARAM_set_utf8_string(p, pad_names[i].name))
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
    if (p != NULL && !OSSL_PARAM_set_utf8_string(p, cipher->md))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
    if (p != NULL && !OSSL_PARAM_set_utf8_string(p, *cipher->mgf1_md != '\0' ? cipher->mgf1_md : cipher->md))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
    return p == NULL || OSSL_PARAM_set_octet_ptr(p, cipher->label, cipher->label_len);
}

static const OSSL_PARAM *cipher_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, OSSL_PARAM_OCTET_PTR, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}

static int init(struct cipher *cipher, void *keydata, const OSSL_PARAM params[])
{
    const struct prov_key *key = keydata;

    if (key != NULL && key->hw != NULL) {
        struct hw_key *hw = hw_key_get1(key->hw);

        hw_key_free(cipher->hw);
        cipher->hw = hw;
    }
    if (cipher->hw == NULL || (key != NULL && key->type == PROV_RSA_PSS)) {
        prov_raise(cipher->ctx, HW_E_BAD_KEY, "encryption needs an RSA key");
        return 0;
    }
    cipher->pad_mode = RSA_PKCS1_PADDING;
    strcpy(cipher->md, "SHA1"); /* RFC 8017's default, and OpenSSL's */
    cipher->mgf1_md[0] = '\0';
    return cipher_set_ctx_params(cipher, params);
}

static int cipher_decrypt_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    struct cipher *cipher = vctx;

    if (!init(cipher, key, params))
        return 0;
    if (hw_key_is_private(cipher->hw))
        return 1;
    prov_raise(cipher->ctx, HW_E_NOT_PRIVATE, "the key has no private part, it can't decrypt");
    return 0;
}

static int cipher_encrypt_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    return init(vctx, key, params);
}

static int cipher_decrypt(void *vctx, unsigned char *out, size_t *out_len, size_t out_size,
                          const unsigned char *in, size_t in_len)
{
    struct cipher *cipher = vctx;
    struct hw_rsa_padding padding = {
        .label = cipher->label,
        .label_len = cipher->label_len,
        .tls_version = cipher->tls_version,
        .tls_alt_version = cipher->tls_alt_version,
    };
    size_t size = (size_t)EVP_PKEY_get_size(hw_key_get0_pkey(cipher->hw)), len = 0;
    unsigned char *plain;
    int ok;

    switch (cipher->pad_mode) {
    case RSA_PKCS1_OAEP_PADDING:
        padding.mode = HW_RSA_OAEP;
        padding.md = cipher->md;
        padding.mgf1_md = *cipher->mgf1_md != '\0' ? cipher->mgf1_md : NULL;
        break;
    case RSA_PKCS1_WITH_TLS_PADDING:
        padding.mode = HW_RSA_TLS;
        if (cipher->tls_version == 0) {
            prov_raise(cipher->ctx, HW_E_BAD_INPUT, "TLS padding needs the client's version");
            return 0;
        }
        break;
    case RSA_NO_PADDING:
        padding.mode = HW_RSA_NONE;
        break;
    default:
        padding.mode = HW_RSA_PKCS1;
        break;
    }
    if (out == NULL) {
        *out_len = padding.mode == HW_RSA_TLS ? 48 : size;
        return 1;
    }
    /* The decoders work in constant time on room for the whole modulus; the caller's may be less. */
    plain = OPENSSL_malloc(size);
    ok = plain != NULL && hw_rsa_decrypt(cipher->hw, &padding, in, in_len, plain, &len);
    if (ok && len > out_size) {
        prov_raise(cipher->ctx, HW_E_BAD_INPUT, "room for %zu bytes of a message of %zu", out_size, len);
        ok = 0;
    }
    if (ok) {
        memcpy(out, plain, len);
        *out_len = len;
    }
    OPENSSL_clear_free(plain, size);
    return ok;
}

static int cipher_encrypt(void *vctx, unsigned char *out, size_t *out_len, size_t out_size,
                          const unsigned char *in, size_t in_len)
{
    struct cipher *cipher = vctx;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(cipher->ctx->libctx, hw_key_get0_pkey(cipher->hw), NULL);
    OSSL_PARAM params[5], *p = params;
    int ok = 0;

    *p++ = OSSL_PARAM_construct_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, &cipher->pad_mode);
    if (cipher->pad_mode == RSA_PKCS1_OAEP_PADDING) {
        *p++ = OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, cipher->md, 0);
        if (*cipher->mgf1_md != '\0')
            *p++ = OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, cipher->mgf1_md, 0);
        if (cipher->label != NULL)
            *p++ = OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, cipher->label,
                                                     cipher->label_len);
    }
    *p = OSSL_PARAM_construct_end();
    if (out != NULL)
        *out_len = out_size;
    ok = ctx != NULL && EVP_PKEY_encrypt_init_ex(ctx, params) > 0 &&
         EVP_PKEY_encrypt(ctx, out, out_len, in, in_len) > 0;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static const OSSL_DISPATCH rsa_dispatch[] = {
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_NEWCTX, cipher_newctx),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_FREECTX, cipher_freectx),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_DUPCTX, cipher_dupctx),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT, cipher_encrypt_init),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_ENCRYPT, cipher_encrypt),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, cipher_decrypt_init),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_DECRYPT, cipher_decrypt),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, cipher_get_ctx_params),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, cipher_gettable_ctx_params),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, cipher_set_ctx_params),
    PROV_FN(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, cipher_settable_ctx_params),
    {0, NULL},
};

const OSSL_ALGORITHM prov_asym_ciphers[] = {
    {PROV_NAMES_RSA, PROV_PROPERTIES, rsa_dispatch, "RSA decryption by hardware"},
    {NULL, NULL, NULL, NULL},
};
