// SPDX-License-Identifier: Apache-2.0
/* A key behind EVP: one provider, its own library context, the calls that libssl makes for a handshake. */
#include "bench.h"

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>

struct bench_evp {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *provider;
    OSSL_PROVIDER *base; /* the default provider beside a provider that cannot do everything, or NULL */
    const char *name;
    const char *propquery;
    EVP_PKEY *key;
};

static EVP_PKEY *load(const struct bench_evp *evp, const char *key)
{
    OSSL_STORE_CTX *store =
        OSSL_STORE_open_ex(key, evp->libctx, evp->propquery, NULL, NULL, NULL, NULL, NULL);
    EVP_PKEY *pkey = NULL;

    if (store == NULL)
        bench_die("cannot open %s", key);
    while (pkey == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL)
            pkey = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    return pkey;
}

struct bench_evp *bench_evp_new(const char *provider, const char *modules, const char *propquery,
                                const char *key)
{
    struct bench_evp *evp = calloc(1, sizeof(*evp));
    if (evp == NULL || (evp->libctx = OSSL_LIB_CTX_new()) == NULL)
        bench_die("out of memory");
    evp->name = provider;
    evp->propquery = propquery;

    if (modules != NULL && OSSL_PROVIDER_set_default_search_path(evp->libctx, modules) != 1)
        bench_die("cannot look for modules in %s", modules);
    if ((evp->provider = OSSL_PROVIDER_load(evp->libctx, provider)) == NULL)
        bench_die("cannot load the provider %s", provider);
    if (strcmp(provider, "default") != 0 && (evp->base = OSSL_PROVIDER_load(evp->libctx, "default")) == NULL)
        bench_die("cannot load the default provider beside %s", provider);

    evp->key = load(evp, key);
    if (evp->key == NULL)
        bench_die("%s: the provider %s cannot read the key", key, provider);

    /* OpenSSL may well have given the key to another provider than the one that is to be measured. */
    const OSSL_PROVIDER *holder = EVP_PKEY_get0_provider(evp->key);
    if (holder == NULL || strcmp(OSSL_PROVIDER_get0_name(holder), provider) != 0)
        bench_die("%s: held by the provider %s, not by %s", key,
                  holder == NULL ? "(none)" : OSSL_PROVIDER_get0_name(holder), provider);
    return evp;
}

void bench_evp_free(struct bench_evp *evp)
{
    if (evp == NULL)
        return;
    EVP_PKEY_free(evp->key);
    if (evp->base != NULL)
        OSSL_PROVIDER_unload(evp->base);
    OSSL_PROVIDER_unload(evp->provider);
    OSSL_LIB_CTX_free(evp->libctx);
    free(evp);
}

size_t bench_evp_sign(void *signer, const unsigned char message[BENCH_MESSAGE_SIZE],
                      unsigned char sig[BENCH_SIGNATURE_MAX])
{
    struct bench_evp *evp = signer;
    size_t len = BENCH_SIGNATURE_MAX;
    EVP_PKEY_CTX *operation = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new(); /* new for each signature, as in each handshake of a service */

    if (ctx == NULL ||
        EVP_DigestSignInit_ex(ctx, &operation, "SHA256", evp->libctx, evp->propquery, evp->key, NULL) != 1)
        bench_die("%s: EVP_DigestSignInit_ex failed", evp->name);
    /* A key whose private part may be exported can be signed with elsewhere: compared by pointer, which
     * costs nothing beside a signature. */
    if (EVP_PKEY_CTX_get0_provider(operation) != EVP_PKEY_get0_provider(evp->key))
        bench_die("%s: the signature is made by the provider %s", evp->name,
                  OSSL_PROVIDER_get0_name(EVP_PKEY_CTX_get0_provider(operation)));
    if (EVP_DigestSign(ctx, sig, &len, message, BENCH_MESSAGE_SIZE) != 1)
        bench_die("%s: EVP_DigestSign failed", evp->name);
    EVP_MD_CTX_free(ctx);
    return len;
}
