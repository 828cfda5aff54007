// SPDX-License-Identifier: Apache-2.0
/* Parameters of RSA signatures: padding, digests, salt (provider-signature(7), EVP_SIGNATURE-RSA(7)). */
#include "signature.h"

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static const struct pad_name {
    int mode;
    const char *name;
} pad_names[] = {
    {RSA_PKCS1_PADDING, OSSL_PKEY_RSA_PAD_MODE_PKCSV15},
    {RSA_PKCS1_PSS_PADDING, OSSL_PKEY_RSA_PAD_MODE_PSS},
    {RSA_NO_PADDING, OSSL_PKEY_RSA_PAD_MODE_NONE},
};

static const struct saltlen_name {
    int saltlen;
    const char *name;
} saltlen_names[] = {
    {RSA_PSS_SALTLEN_DIGEST, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST},
    {RSA_PSS_SALTLEN_MAX, OSSL_PKEY_RSA_PSS_SALT_LEN_MAX},
    {RSA_PSS_SALTLEN_AUTO, OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO},
    /* 3.1's: the digest's length as far as it fits. This is what DIGEST means for keys of any use. */
    {RSA_PSS_SALTLEN_DIGEST, "auto-digestmax"},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int sig_params_reset(struct sig *sig)
{
    EVP_PKEY *pkey = hw_key_get0_pkey(sig->hw);
    char name[64];

    EVP_MD_free(sig->md);
    EVP_MD_free(sig->mgf1_md);
    sig->md = sig->mgf1_md = NULL;
    sig->is_md_fixed = sig->is_mgf1_fixed = 0;
    sig->pad_mode = RSA_PKCS1_PADDING;
    /* What TLS and X.509 want, and any when it is somebody else's. */
    sig->saltlen = sig->operation == EVP_PKEY_OP_SIGN ? RSA_PSS_SALTLEN_DIGEST : RSA_PSS_SALTLEN_AUTO;
    sig->min_saltlen = 0;
    if (sig->type != PROV_RSA_PSS)
        return 1;
    /* An RSA-PSS key may carry parameters; those are the only ones that it may be used with. */
    sig->pad_mode = RSA_PKCS1_PSS_PADDING;
    if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_RSA_DIGEST, name, sizeof(name), NULL))
        return 1;
    if (!sig_set_md(sig, name))
        return 0;
    sig->is_md_fixed = sig->is_mgf1_fixed = 1;
    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, name, sizeof(name), NULL) &&
        (sig->mgf1_md = EVP_MD_fetch(sig->ctx->libctx, name, NULL)) == NULL)
        return 0;
    if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, &sig->min_saltlen))
        sig->saltlen = sig->min_saltlen;
    return 1;
}

int sig_set_md(struct sig *sig, const char *name)
{
    EVP_MD *md = EVP_MD_fetch(sig->ctx->libctx, name, NULL);

    if (md == NULL || (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF) || EVP_MD_get_type(md) == NID_undef) {
        EVP_MD_free(md);
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "digest %s can't be used for signatures", name);
        return 0;
    }
    if (sig->is_md_fixed && !EVP_MD_is_a(sig->md, EVP_MD_get0_name(md))) {
        EVP_MD_free(md);
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "digest %s: this key or algorithm is for %s only", name,
                   EVP_MD_get0_name(sig->md));
        return 0;
    }
    if (sig->digest != NULL && !EVP_MD_is_a(sig->md, EVP_MD_get0_name(md))) {
        EVP_MD_free(md);
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "digest %s: the message has begun with %s", name,
                   EVP_MD_get0_name(sig->md));
        return 0;
    }
    EVP_MD_free(sig->md);
    sig->md = md;
    return 1;
}

static int set_mgf1_md(struct sig *sig, const char *name)
{
    EVP_MD *md = EVP_MD_fetch(sig->ctx->libctx, name, NULL);
    const EVP_MD *current = sig->mgf1_md != NULL ? sig->mgf1_md : sig->md;

    if (md == NULL || (sig->is_mgf1_fixed && !EVP_MD_is_a(current, EVP_MD_get0_name(md)))) {
        EVP_MD_free(md);
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "MGF1 digest %s is unknown or not this key's", name);
        return 0;
    }
    EVP_MD_free(sig->mgf1_md);
    sig->mgf1_md = md;
    return 1;
}

static int set_pad_mode(struct sig *sig, const OSSL_PARAM *p)
{
    int mode = -1;
    size_t i;

    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        for (i = 0; i < COUNT(pad_names); i++) {
            if (strcmp(p->data, pad_names[i].name) == 0)
                mode = pad_names[i].mode;
        }
    } else if (!OSSL_PARAM_get_int(p, &mode)) {
        return 0;
    }
    if (mode == RSA_PKCS1_PSS_PADDING
            ? sig->operation == EVP_PKEY_OP_VERIFYRECOVER
            : sig->type == PROV_RSA_PSS || (mode != RSA_PKCS1_PADDING && mode != RSA_NO_PADDING)) {
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "this padding is not for %s signatures",
                   prov_type_name(sig->type));
        return 0;
    }
    sig->pad_mode = mode;
    return 1;
}

static int set_saltlen(struct sig *sig, const OSSL_PARAM *p)
{
    const char *text = p->data;
    int saltlen = 0;
    char *end;
    size_t i;

    if (sig->pad_mode != RSA_PKCS1_PSS_PADDING) {
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "a salt length is for PSS padding only");
        return 0;
    }
    if (p->data_type == OSSL_PARAM_UTF8_STRING) {
        for (i = 0; i < COUNT(saltlen_names) && strcmp(text, saltlen_names[i].name) != 0; i++)
            ;
        if (i < COUNT(saltlen_names)) {
            saltlen = saltlen_names[i].saltlen;
        } else {
            long value = strtol(text, &end, 10);

            saltlen = *text != '\0' && *end == '\0' && value >= RSA_PSS_SALTLEN_MAX && value < 4096
                          ? (int)value
                          : -99;
        }
    } else if (!OSSL_PARAM_get_int(p, &saltlen)) {
        return 0;
    }
    if (saltlen == -4) /* RSA_PSS_SALTLEN_AUTO_DIGEST_MAX, 3.1 */
        saltlen = RSA_PSS_SALTLEN_DIGEST;
    if (saltlen < RSA_PSS_SALTLEN_MAX || (saltlen >= 0 && saltlen < sig->min_saltlen)) {
        prov_raise(sig->ctx, HW_E_UNSUPPORTED, "salt length %d: not a length, or less than this key's %d",
                   saltlen, sig->min_saltlen);
        return 0;
    }
    sig->saltlen = saltlen;
    return 1;
}

int sig_set_ctx_params(void *vctx, const OSSL_PARAM params[])
{
    struct sig *sig = vctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p != NULL && (p->data_type != OSSL_PARAM_UTF8_STRING || !sig_set_md(sig, p->data)))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p != NULL && !set_pad_mode(sig, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    if (p != NULL && !set_saltlen(sig, p))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
    if (p != NULL && (p->data_type != OSSL_PARAM_UTF8_STRING || !set_mgf1_md(sig, p->data)))
        return 0;
    p = OSSL_PARAM_locate_const(params, "signature"); /* OSSL_SIGNATURE_PARAM_SIGNATURE, 3.4 */
    if (p != NULL) {
        OPENSSL_free(sig->signature);
        sig->signature = NULL;
        if (!OSSL_PARAM_get_octet_string(p, (void **)&sig->signature, 0, &sig->signature_len))
            return 0;
    }
    return 1;
}

const OSSL_PARAM *sig_settable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
        OSSL_PARAM_octet_string("signature", NULL, 0),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}

long sig_saltlen(const struct sig *sig)
{
    long bits = EVP_PKEY_get_bits(hw_key_get0_pkey(sig->hw));
    long hash_len = EVP_MD_get_size(sig->md);
    long max = (bits - 1 + 7) / 8 - hash_len - 2; /* RFC 8017 section 9.1.1 */

    switch (sig->saltlen) {
    case RSA_PSS_SALTLEN_DIGEST:
        return hash_len;
    case RSA_PSS_SALTLEN_AUTO: /* OpenSSL's meaning when signing */
    case RSA_PSS_SALTLEN_MAX:
        return max;
    default:
        return sig->saltlen;
    }
}

/* Numbers and names alike: libssl asks for numbers, `openssl` for names. */
static int get_int_or_name(OSSL_PARAM *p, int value, const char *name)
{
    char number[16];

    if (p->data_type == OSSL_PARAM_INTEGER)
        return OSSL_PARAM_set_int(p, value);
    if (name == NULL) {
        BIO_snprintf(number, sizeof(number), "%d", value);
        name = number;
    }
    return OSSL_PARAM_set_utf8_string(p, name);
}

int sig_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    struct sig *sig = vctx;
    const EVP_MD *mgf1_md = sig->mgf1_md != NULL ? sig->mgf1_md : sig->md;
    OSSL_PARAM *p;
    size_t i;

    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    if (p != NULL) {
        unsigned char *der = NULL;
        size_t len = 0;
        int ok;

        if (sig->md != NULL)
            der = prov_algorithm_id(sig->pad_mode == RSA_PKCS1_PSS_PADDING, sig->md, mgf1_md,
                                    (int)sig_saltlen(sig), &len);
        ok = der != NULL && OSSL_PARAM_set_octet_string(p, der, len);
        OPENSSL_free(der);
        if (!ok)
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p != NULL) {
        const char *name = NULL;

        for (i = 0; i < COUNT(pad_names); i++) {
            if (pad_names[i].mode == sig->pad_mode)
                name = pad_names[i].name;
        }
        if (!get_int_or_name(p, sig->pad_mode, name))
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    if (p != NULL) {
        const char *name = NULL;

        for (i = COUNT(saltlen_names); i-- > 0;) {
            if (saltlen_names[i].saltlen == sig->saltlen)
                name = saltlen_names[i].name;
        }
        if (!get_int_or_name(p, sig->saltlen, name))
            return 0;
    }
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p != NULL && !OSSL_PARAM_set_utf8_string(p, sig->md != NULL ? EVP_MD_get0_name(sig->md) : ""))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
    return p == NULL || OSSL_PARAM_set_utf8_string(p, mgf1_md != NULL ? EVP_MD_get0_name(mgf1_md) : "");
}

const OSSL_PARAM *sig_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}
