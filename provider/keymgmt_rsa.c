// SPDX-License-Identifier: Apache-2.0
/* RSA and RSA-PSS key management. */
#include "keymgmt.h"

#include <openssl/core_names.h>

static void *keymgmt_new_rsa(void *provctx)
{
    return prov_key_new(provctx, PROV_RSA, NULL);
}

static void *keymgmt_new_rsa_pss(void *provctx)
{
    return prov_key_new(provctx, PROV_RSA_PSS, NULL);
}

static void *keymgmt_load_rsa(const void *reference, size_t size)
{
    return prov_keymgmt_load(reference, size, PROV_RSA);
}

static void *keymgmt_load_rsa_pss(const void *reference, size_t size)
{
    return prov_keymgmt_load(reference, size, PROV_RSA_PSS);
}

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
        PROV_KEYMGMT_CUSTODY,
        OSSL_PARAM_END,
    };

    return selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? params : NULL;
}

static const char *keymgmt_operation_name(int operation)
{
    (void)operation; /* one signature and one cipher serve both key types */
    return "RSA";
}

#define RSA_COMMON                                                                                           \
    PROV_FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, keymgmt_gettable_params),                                     \
        PROV_FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, keymgmt_import_types),                                       \
        PROV_FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, keymgmt_export_types),                                       \
        PROV_FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, keymgmt_operation_name),                             \
        PROV_FN(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, prov_gen_settable_params_rsa), PROV_KEYMGMT_COMMON,   \
    {                                                                                                        \
        0, NULL                                                                                              \
    }

const OSSL_DISPATCH prov_keymgmt_rsa[] = {
    PROV_FN(OSSL_FUNC_KEYMGMT_NEW, keymgmt_new_rsa),
    PROV_FN(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load_rsa),
    PROV_FN(OSSL_FUNC_KEYMGMT_GEN_INIT, prov_gen_init_rsa),
    RSA_COMMON,
};

const OSSL_DISPATCH prov_keymgmt_rsa_pss[] = {
    PROV_FN(OSSL_FUNC_KEYMGMT_NEW, keymgmt_new_rsa_pss),
    PROV_FN(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load_rsa_pss),
    PROV_FN(OSSL_FUNC_KEYMGMT_GEN_INIT, prov_gen_init_rsa_pss),
    RSA_COMMON,
};
