// SPDX-License-Identifier: Apache-2.0
/* EC key management. */
#include "keymgmt.h"

#include <openssl/core_names.h>

static void *keymgmt_new(void *provctx)
{
    return prov_key_new(provctx, PROV_EC, NULL);
}

static void *keymgmt_load(const void *reference, size_t size)
{
    return prov_keymgmt_load(reference, size, PROV_EC);
}

static const OSSL_PARAM *keymgmt_gettable_params(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0),
        OSSL_PARAM_utf8_string("custody", NULL, 0),
        OSSL_PARAM_utf8_string("description", NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

/* What the default provider's EC takes and gives; a curve without a name comes by its numbers. */
#define EC_TYPES                                                                                             \
    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),                                             \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),                                        \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),                         \
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, NULL, 0),                                      \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_P, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_A, NULL, 0),          \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_B, NULL, 0),                                                        \
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_GENERATOR, NULL, 0),                                      \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_ORDER, NULL, 0),                                                    \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_COFACTOR, NULL, 0),                                                 \
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_SEED, NULL, 0),                                           \
        OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL),                                             \
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),                                           \
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0)

static const OSSL_PARAM *keymgmt_export_types(int selection)
{
    static const OSSL_PARAM params[] = {EC_TYPES, OSSL_PARAM_END};

    return selection & OSSL_KEYMGMT_SELECT_ALL ? params : NULL;
}

static const OSSL_PARAM *keymgmt_import_types(int selection)
{
    static const OSSL_PARAM params[] = {EC_TYPES, PROV_KEYMGMT_CUSTODY, OSSL_PARAM_END};

    return selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? params : NULL;
}

static const char *keymgmt_operation_name(int operation)
{
    return operation == OSSL_OP_KEYEXCH ? "ECDH" : "ECDSA";
}

const OSSL_DISPATCH prov_keymgmt_ec[] = {
    PROV_FN(OSSL_FUNC_KEYMGMT_NEW, keymgmt_new),
    PROV_FN(OSSL_FUNC_KEYMGMT_LOAD, keymgmt_load),
    PROV_FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, keymgmt_gettable_params),
    PROV_FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, keymgmt_import_types),
    PROV_FN(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, keymgmt_export_types),
    PROV_FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, keymgmt_operation_name),
    PROV_FN(OSSL_FUNC_KEYMGMT_GEN_INIT, prov_gen_init_ec),
    PROV_FN(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, prov_gen_settable_params_ec),
    PROV_KEYMGMT_COMMON,
    {0, NULL},
};
