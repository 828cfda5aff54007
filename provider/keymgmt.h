// SPDX-License-Identifier: Apache-2.0
/* What the types of keys have in common in their management (provider-keymgmt(7)): keymgmt.c. */
#ifndef SIGNET_PROVIDER_KEYMGMT_H
#define SIGNET_PROVIDER_KEYMGMT_H

#include "provider.h"

/* Takes over the key that prov_key_pass hands on, if it is of this type. */
void *prov_keymgmt_load(const void *reference, size_t size, enum prov_type type);
OSSL_FUNC_keymgmt_dup_fn prov_keymgmt_dup;
OSSL_FUNC_keymgmt_has_fn prov_keymgmt_has;
OSSL_FUNC_keymgmt_match_fn prov_keymgmt_match;
OSSL_FUNC_keymgmt_validate_fn prov_keymgmt_validate;
OSSL_FUNC_keymgmt_get_params_fn prov_keymgmt_get_params;
OSSL_FUNC_keymgmt_import_fn prov_keymgmt_import;
OSSL_FUNC_keymgmt_export_fn prov_keymgmt_export;

/* The tables, one a type. */
extern const OSSL_DISPATCH prov_keymgmt_rsa[], prov_keymgmt_rsa_pss[], prov_keymgmt_ec[];

/* For imported keys, beside their numbers. */
#define PROV_KEYMGMT_CUSTODY                                                                                 \
    OSSL_PARAM_utf8_string("custody", NULL, 0),        /* tpm or sealed: to be given into it */              \
        OSSL_PARAM_utf8_string("passphrase", NULL, 0), /* the others as for key generation */                \
        OSSL_PARAM_utf8_string("parent", NULL, 0), OSSL_PARAM_utf8_string("pcrs", NULL, 0)

#define PROV_KEYMGMT_COMMON                                                                                  \
    PROV_FN(OSSL_FUNC_KEYMGMT_FREE, prov_key_free), PROV_FN(OSSL_FUNC_KEYMGMT_DUP, prov_keymgmt_dup),        \
        PROV_FN(OSSL_FUNC_KEYMGMT_HAS, prov_keymgmt_has),                                                    \
        PROV_FN(OSSL_FUNC_KEYMGMT_MATCH, prov_keymgmt_match),                                                \
        PROV_FN(OSSL_FUNC_KEYMGMT_VALIDATE, prov_keymgmt_validate),                                          \
        PROV_FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, prov_keymgmt_get_params),                                      \
        PROV_FN(OSSL_FUNC_KEYMGMT_IMPORT, prov_keymgmt_import),                                              \
        PROV_FN(OSSL_FUNC_KEYMGMT_EXPORT, prov_keymgmt_export),                                              \
        PROV_FN(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, prov_gen_set_params),                                      \
        PROV_FN(OSSL_FUNC_KEYMGMT_GEN, prov_gen), PROV_FN(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, prov_gen_cleanup)

#endif
