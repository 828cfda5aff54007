// SPDX-License-Identifier: Apache-2.0
/* What a server asks for with every message, parsed once: the keys and certificates of its CAs. They are
 * found by what the database holds of them now, so that there is nothing to forget when that changes. */
#include "private.h"

#include <string.h>

static struct cached *find(struct store *store, const void *data, size_t len)
{
    size_t i;

    for (i = 0; i < STORE_CACHED; i++) {
        struct cached *cached = &store->cached[i];

        if (cached->len == len && memcmp(cached->data, data, len) == 0) {
            cached->used = ++store->cached_clock;
            return cached;
        }
    }
    return NULL;
}

static void forget(struct cached *cached)
{
    OPENSSL_clear_free(cached->data, cached->len);
    EVP_PKEY_free(cached->pkey);
    X509_free(cached->x509);
    *cached = (struct cached){0};
}

/* In the place of what was not asked for longest. */
static void keep(struct store *store, const void *data, size_t len, EVP_PKEY *pkey, X509 *x509)
{
    struct cached *cached = &store->cached[0];
    size_t i;

    for (i = 1; i < STORE_CACHED; i++) {
        if (store->cached[i].used < cached->used)
            cached = &store->cached[i];
    }
    forget(cached);
    cached->data = OPENSSL_memdup(data, len);
    if (cached->data == NULL)
        return;
    cached->len = len;
    cached->used = ++store->cached_clock;
    if (pkey != NULL && EVP_PKEY_up_ref(pkey))
        cached->pkey = pkey;
    if (x509 != NULL && X509_up_ref(x509))
        cached->x509 = x509;
}

EVP_PKEY *store_cached_key(struct store *store, const char *pem)
{
    struct cached *cached = find(store, pem, strlen(pem));
    EVP_PKEY *pkey;

    if (cached != NULL && cached->pkey != NULL && EVP_PKEY_up_ref(cached->pkey))
        return cached->pkey;
    pkey = store_key_parse(store, pem);
    if (pkey != NULL)
        keep(store, pem, strlen(pem), pkey, NULL);
    return pkey;
}

X509 *store_cert_cached(struct store *store, const struct store_cert *cert)
{
    struct cached *cached = cert->der != NULL ? find(store, cert->der, cert->der_len) : NULL;
    X509 *x509;

    if (cached != NULL && cached->x509 != NULL && X509_up_ref(cached->x509))
        return cached->x509;
    x509 = store_cert_x509(store, cert);
    if (x509 != NULL)
        keep(store, cert->der, cert->der_len, NULL, x509);
    return x509;
}

void store_cache_free(struct store *store)
{
    size_t i;

    for (i = 0; i < STORE_CACHED; i++)
        forget(&store->cached[i]);
}
