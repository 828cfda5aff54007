// SPDX-License-Identifier: Apache-2.0
/* Key management, as far as it is the same for all types of keys. */
#include "keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

struct prov_key *prov_key_new(struct prov_ctx *ctx, enum prov_type type, struct hw_key *hw)
{
    struct prov_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key == NULL) {
        hw_key_free(hw);
        return NULL;
    }
    key->ctx = ctx;
    key->type = type;
    key->hw = hw;
    return key;
}

void prov_key_free(void *keydata)
{
    struct prov_key *key = keydata;

    if (key == NULL)
        return;
    hw_key_free(key->hw);
    OPENSSL_free(key);
}

enum prov_type prov_type_of(const struct hw_key *hw)
{
    const EVP_PKEY *pkey = hw_key_get0_pkey(hw);

    return EVP_PKEY_is_a(pkey, "EC") ? PROV_EC : EVP_PKEY_is_a(pkey, "RSA-PSS") ? PROV_RSA_PSS : PROV_RSA;
}

const char *prov_type_name(enum prov_type type)
{
    static const char *const names[] = {[PROV_RSA] = "RSA", [PROV_RSA_PSS] = "RSA-PSS", [PROV_EC] = "EC"};

    return names[type];
}

int prov_key_pass(struct prov_key *key, OSSL_CALLBACK *cb, void *cb_arg)
{
    int object = OSSL_OBJECT_PKEY;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, (char *)prov_type_name(key->type), 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key)),
        OSSL_PARAM_construct_end(),
    };
    int ok = cb(params, cb_arg);

    /* load sets key to NULL when it takes it over. */
    prov_key_free(key);
    return ok;
}

void *prov_keymgmt_load(const void *reference, size_t size, enum prov_type type)
{
    struct prov_key **slot = (struct prov_key **)(uintptr_t)reference, *key;

    if (size != sizeof(key) || (*slot)->type != type)
        return NULL;
    key = *slot;
    *slot = NULL;
    return key;
}

void *prov_keymgmt_dup(const void *keydata, int selection)
{
    const struct prov_key *key = keydata;

    (void)selection; /* a key in hardware has no parts to leave out */
    return prov_key_new(key->ctx, key->type, key->hw != NULL ? hw_key_get1(key->hw) : NULL);
}

int prov_keymgmt_has(const void *keydata, int selection)
{
    const struct prov_key *key = keydata;

    if (key == NULL || key->hw == NULL)
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || hw_key_is_private(key->hw);
}

int prov_keymgmt_match(const void *keydata1, const void *keydata2, int selection)
{
    const struct prov_key *a = keydata1, *b = keydata2;

    if (a->hw == NULL || b->hw == NULL)
        return 0;
    /* Equal public keys mean equal private keys; EC keys may share a curve. */
    return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR
                ? EVP_PKEY_eq(hw_key_get0_pkey(a->hw), hw_key_get0_pkey(b->hw))
                : EVP_PKEY_parameters_eq(hw_key_get0_pkey(a->hw), hw_key_get0_pkey(b->hw))) == 1;
}

int prov_keymgmt_validate(const void *keydata, int selection, int check_type)
{
    const struct prov_key *key = keydata;
    EVP_PKEY_CTX *ctx;
    int ok;

    if (!prov_keymgmt_has(key, selection))
        return 0;
    ctx = EVP_PKEY_CTX_new_from_pkey(key->ctx->libctx, hw_key_get0_pkey(key->hw), NULL);
    if (ctx == NULL)
        return 0;
    /* What the hardware holds it has made consistent itself; the public part can be looked at. */
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && hw_key_custody(key->hw) == HW_CUSTODY_FILE)
        ok = EVP_PKEY_check(ctx);
    else if (check_type == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK)
        ok = EVP_PKEY_public_check_quick(ctx);
    else
        ok = EVP_PKEY_public_check(ctx);
    EVP_PKEY_CTX_free(ctx);
    return ok > 0;
}

/* ---- parameters: OpenSSL's own answers for the public key ---- */

int prov_keymgmt_get_params(void *keydata, OSSL_PARAM params[])
{
    const struct prov_key *key = keydata;
    OSSL_PARAM *p;

    if (key->hw == NULL)
        return 0;
    p = OSSL_PARAM_locate(params, "custody");
    if (p != NULL && !OSSL_PARAM_set_utf8_string(p, hw_custody_name(hw_key_custody(key->hw))))
        return 0;
    p = OSSL_PARAM_locate(params, "description");
    if (p != NULL) {
        char *text = hw_key_describe(key->hw);
        int ok = text != NULL && OSSL_PARAM_set_utf8_string(p, text);

        OPENSSL_free(text);
        if (!ok)
            return 0;
    }
    return EVP_PKEY_get_params(hw_key_get0_pkey(key->hw), params);
}

/* ---- import and export ---- */

/* Returns 0 if the parameter is there and no text. */
static int text_of(const OSSL_PARAM params[], const char *name, const char **text)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    *text = NULL;
    return p == NULL || OSSL_PARAM_get_utf8_string_ptr(p, text);
}

/* Takes over pkey. custody is where the caller wants it kept: file if it does not say. */
static struct hw_key *keep(struct prov_ctx *ctx, EVP_PKEY *pkey, int is_private, const OSSL_PARAM params[])
{
    struct hw_generate wrap = {.custody = HW_CUSTODY_FILE};
    const char *custody;
    struct hw_key *hw = NULL;

    if (!text_of(params, "custody", &custody) || !text_of(params, "passphrase", &wrap.passphrase) ||
        !text_of(params, "parent", &wrap.parent) || !text_of(params, "pcrs", &wrap.pcrs) ||
        (custody != NULL && (!hw_custody_from(custody, &wrap.custody) || wrap.custody == HW_CUSTODY_AUTO)))
        prov_raise(ctx, HW_E_UNSUPPORTED, "custody of an imported key: expected tpm, sealed or file");
    else if (is_private && wrap.custody != HW_CUSTODY_FILE)
        hw = hw_key_wrap(ctx->hw, pkey, &wrap);
    else
        return hw_key_from_pkey(ctx->hw, pkey, is_private);
    EVP_PKEY_free(pkey);
    return hw;
}

int prov_keymgmt_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct prov_key *key = keydata;
    const char *number = key->type == PROV_EC ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_D;
    int is_private =
        (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && OSSL_PARAM_locate_const(params, number) != NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(key->ctx->libctx, prov_type_name(key->type), NULL);
    EVP_PKEY *pkey = NULL;

    /* The selection also names the domain parameters: the curve, or RSA-PSS's restrictions. */
    selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (key->hw == NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0 &&
        EVP_PKEY_fromdata(ctx, &pkey, selection, (OSSL_PARAM *)params) > 0)
        key->hw = keep(key->ctx, pkey, is_private, params);
    EVP_PKEY_CTX_free(ctx);
    return key->hw != NULL;
}

int prov_keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *cb_arg)
{
    const struct prov_key *key = keydata;
    OSSL_PARAM *params = NULL;
    int ok;

    /* No error: OpenSSL asks for the private part of every key that is used with a name that the default
     * provider has, too. The refusal is what brings it back to this provider, where a key of custody file is
     * to sign as well: on whatever lane hw has for it. Files are written by the encoders. */
    if (key->hw == NULL || ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && hw_key_is_private(key->hw)))
        return 0;
    selection &= ~OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
    if (key->type == PROV_EC) /* a point is one on a curve */
        selection |= OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
    ok = EVP_PKEY_todata(hw_key_get0_pkey(key->hw), selection, &params) > 0 && cb(params, cb_arg);
    OSSL_PARAM_free(params);
    return ok;
}

const OSSL_ALGORITHM prov_keymgmts[] = {
    {PROV_NAMES_RSA, PROV_PROPERTIES, prov_keymgmt_rsa, "RSA key in hardware"},
    {PROV_NAMES_RSA_PSS, PROV_PROPERTIES, prov_keymgmt_rsa_pss, "RSA-PSS key in hardware"},
    {PROV_NAMES_EC, PROV_PROPERTIES, prov_keymgmt_ec, "EC key in hardware"},
    {NULL, NULL, NULL, NULL},
};
