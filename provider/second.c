// SPDX-License-Identifier: Apache-2.0
/*
 * Second to the default provider, in whatever order the two are listed or loaded.
 *
 * Without a property query OpenSSL takes the first implementation of a name that it has learnt of, whatever
 * that one's own properties are; and it learns of them in an order of providers that is nobody's choice. If
 * the first were ours for EC, each TLS handshake would make its ephemeral key here, in the TPM perhaps, and
 * every certificate that somebody shows would be checked through here. So OpenSSL is made to learn of another
 * provider's first: by asking for them while it asks for ours. Keys that are ours, by their file or their
 * URI, are used here all the same; new ones are made here if asked for by property.
 */
#include "provider.h"

#include <openssl/err.h>

int prov_ask_others(struct prov_ctx *ctx, int (*are_there)(OSSL_LIB_CTX *libctx, void *arg), void *arg)
{
    OSSL_LIB_CTX *libctx = (OSSL_LIB_CTX *)ctx->get_libctx(ctx->core);
    int answer;

    if (CRYPTO_THREAD_get_local(&ctx->is_asking) != NULL || !CRYPTO_THREAD_set_local(&ctx->is_asking, ctx))
        return -1;
    ERR_set_mark();
    answer = are_there(libctx, arg);
    ERR_pop_to_mark();
    CRYPTO_THREAD_set_local(&ctx->is_asking, NULL);
    return answer;
}

static int keymgmt_is_there(OSSL_LIB_CTX *libctx, void *arg)
{
    EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(libctx, "EC", "provider!=signet");

    (void)arg;
    EVP_KEYMGMT_free(found);
    return found != NULL;
}

static int signature_is_there(OSSL_LIB_CTX *libctx, void *arg)
{
    EVP_SIGNATURE *found = EVP_SIGNATURE_fetch(libctx, "ECDSA", "provider!=signet");

    (void)arg;
    EVP_SIGNATURE_free(found);
    return found != NULL;
}

const OSSL_ALGORITHM *prov_second(struct prov_ctx *ctx, int operation, const OSSL_ALGORITHM *algorithms,
                                  int *no_cache)
{
    int are_there =
        prov_ask_others(ctx, operation == OSSL_OP_KEYMGMT ? keymgmt_is_there : signature_is_there, NULL);

    *no_cache = are_there <= 0;
    return are_there < 0 ? NULL : algorithms;
}
