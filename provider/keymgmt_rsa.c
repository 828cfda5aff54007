// SPDX-License-Identifier: Apache-2.0
/* RSA and RSA-PSS key management. */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

struct prov_key *prov_key_new(struct prov_ctx *ctx, enum prov_rsa_type type, struct hw_key *hw)
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

enum prov_rsa_type prov_type_of(const struct hw_key *hw)
{
    return EVP_PKEY_is_a(hw_key_get0_pkey(hw), "RSA-PSS") ? PROV_RSA_PSS : PROV_RSA;
}

const char *prov_type_name(enum prov_rsa_type type)
{
    return type == PROV_RSA_PSS ? "RSA-PSS" : "RSA";
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

static void *keymgmt_new_rsa(void *provctx)
{
    return prov_key_new(provctx, PROV_RSA, NULL);
}

static void *keymgmt_new_rsa_pss(void *provctx)
{
    return prov_key_new(provctx, PROV_RSA_PSS, NULL);
}

static void *keymgmt_load(const void *reference, size_t size, enum prov_rsa_type type)
{
    struct prov_key **slot = (struct prov_key **)(uintptr_t)reference, *key;

    if (size != sizeof(key) || (*slot)->type != type)
        return NULL;
    key = *slot;
    *slot = NULL;
    return key;
}

static void *keymgmt_load_rsa(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, PROV_RSA);
}

static void *keymgmt_load_rsa_pss(const void *reference, size_t size)
{
    return keymgmt_load(reference, size, PROV_RSA_PSS);
}

static void *keymgmt_dup(const void *keydata, int selection)
{
    const struct prov_key *key = keydata;

    (void)selection; /* a key in hardware has no parts to leave out */
    return prov_key_new(key->ctx, key->type, key->hw != NULL ? hw_key_get1(key->hw) : NULL);
}

static int keymgmt_has(const void *keydata, int selection)
{
    const struct prov_key *key = keydata;

    if (key == NULL || key->hw == NULL)
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || hw_key_is_private(key->hw);
}

static int keymgmt_match(const void *keydata1, const void *keydata2, int selection)
{
    const struct prov_key *a = keydata1, *b = keydata2;

    (void)selection; /* equal public keys mean equal private keys */
    return a->hw != NULL && b->hw != NULL &&
           EVP_PKEY_eq(hw_key_get0_pkey(a->hw), hw_key_get0_pkey(b->hw)) == 1;
}

static int keymgmt_validate(const void *keydata, int selection, int check_type)
{
    const struct prov_key *key = keydata;
    EVP_PKEY_CTX *ctx;
    int ok;

    if (!keymgmt_has(key, selection))
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

static const OSSL_PARAM *keymgmt_gettable_params(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string("custody", NULL, 0),
        OSSL_PARAM_utf8_string("description", NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int keymgmt_get_params(void *keydata, OSSL_PARAM params[])
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

/* What the default provider's RSA takes and gives; factors and coefficients come by number. */
#define RSA_TYPES                                                                                            \
    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),            \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),  \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),                                                 \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),                                               \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),                                               \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0),                                            \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, NULL, 0),                                         \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MASKGENFUNC, NULL, 0),                                    \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, NULL, 0),                                    \
        OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL)

static const OSSL_PARAM *keymgmt_export_types(int selection)
{
    static const OSSL_PARAM params[] = {RSA_TYPES, OSSL_PARAM_END};

    return selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? params : NULL;
}

static const OSSL_PARAM *keymgmt_import_types(int selection)
{
    static const OSSL_PARAM params[] = {
        RSA_TYPES,
        OSSL_PARAM_utf8_string("custody", NULL, 0),    /* tpm or sealed: to be given into it */
        OSSL_PARAM_utf8_string("passphrase", NULL, 0), /* the others as for key generation */
        OSSL_PARAM_utf8_string("parent", NULL, 0),
        OSSL_PARAM_utf8_string("pcrs", NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? params : NULL;
}

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

static int keymgmt_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct prov_key *key = keydata;
    int is_private = (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) &&
                     OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_D) != NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(key->ctx->libctx, prov_type_name(key->type), NULL);
    EVP_PKEY *pkey = NULL;

    /* The selection also names the domain parameters: RSA-PSS's restrictions. */
    selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (key->hw == NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) > 0 &&
        EVP_PKEY_fromdata(ctx, &pkey, selection, (OSSL_PARAM *)params) > 0)
        key->hw = keep(key->ctx, pkey, is_private, params);
    EVP_PKEY_CTX_free(ctx);
    return key->hw != NULL;
}

static int keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *cb_arg)
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
    ok = EVP_PKEY_todata(hw_key_get0_pkey(key->hw), selection, &params) > 0 && cb(params, cb_arg);
    OSSL_PARAM_free(params);
    return ok;
}

static const char *keymgmt_operation_name(int operation)
{
    (void)operation; /* one signature and one cipher serve both key types */
    return "RSA";
}

#define KEYMGMT_COMMON                                                                                       \
    PROV_FN(OSSL_FUNC_KEYMGMT_FREE, prov_key_free), PROV_FN(OSSL_FUNC_KEYMGMT_DUP, keymgmt_dup),             \
        PROV_FN(OSSL_FUNC_KEYMGMT_HAS, keymgmt_has), PROV_FN(OSSL_FUNC_KEYMGMT_MATCH, keymgmt_match),        \
        PROV_FN(OSSL_FUNC_KEYMGMT_VALIDATE, keymgmt_validate),                                               \
        PROV_FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, keymgmt_get_params),                                           \
        PROV_FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, keymgmt_gettable_params),                                 \
        PROV_FN(OSSL_FUNC_KEYMGMT_IMPORT, keymgmt_import),                                                   \
        PROV_FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, keymgmt_import_types),                                       \
        PROV_FN(OSSL_FUNC_KEYMGMT_EXPORT, keymgmt_export),                                                   \
        PROV_FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, keymgmt_export_types),                                       \
        PROV_FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, keymgmt_operation_name),                             \
        PROV_FN(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, prov_gen_set_params),                                      \
        PROV_FN(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, prov_gen_settable_params),                            \
        PROV_FN(OSSL_FUNC_KEYMGMT_GEN, prov_gen), PROV_FN(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, prov_gen_cleanup),  \
    {                                                                                                        \
        0, NULL                                                                                              \
    }

static const OSSL_DISPATCH rsa_dispatch[] = {
    PROV_FN(OSSL_FUNC_KEYMGMT_NEW, keymgmt_new_rsa),
    PROV_FN(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load_rsa),
    PROV_FN(OSSL_FUNC_KEYMGMT_GEN_INIT, prov_gen_init_rsa),
    KEYMGMT_COMMON,
};

static const OSSL_DISPATCH rsa_pss_dispatch[] = {
    PROV_FN(OSSL_FUNC_KEYMGMT_NEW, keymgmt_new_rsa_pss),
    PROV_FN(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load_rsa_pss),
    PROV_FN(OSSL_FUNC_KEYMGMT_GEN_INIT, prov_gen_init_rsa_pss),
    KEYMGMT_COMMON,
};

const OSSL_ALGORITHM prov_keymgmts[] = {
    {PROV_NAMES_RSA, PROV_PROPERTIES, rsa_dispatch, "RSA key in hardware"},
    {PROV_NAMES_RSA_PSS, PROV_PROPERTIES, rsa_pss_dispatch, "RSA-PSS key in hardware"},
    {NULL, NULL, NULL, NULL},
};
