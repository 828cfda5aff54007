// SPDX-License-Identifier: Apache-2.0
/* What a server asks for with every message, parsed once for all its threads: the keys and certificates of
 * its CAs. A TPM has few places, and one key that each thread loads takes them all. They are found by what
 * the database holds of them now, so that there is nothing to forget when that changes. And the threads'
 * turns at writing. */
#include "private.h"

#include <pthread.h>
#include <string.h>

#define CACHED 8

struct cached {
    void *data;     /* as the database has it */
    size_t len;     /* 0: none */
    uint64_t used;  /* when, by the clock */
    EVP_PKEY *pkey; /* one of these */
    X509 *x509;
};

struct store_cache {
    pthread_mutex_t writing;
    CRYPTO_RWLOCK *lock;
    struct cached cached[CACHED];
    uint64_t clock;
};

static void forget(struct cached *cached)
{
    OPENSSL_clear_free(cached->data, cached->len);
    EVP_PKEY_free(cached->pkey);
    X509_free(cached->x509);
    *cached = (struct cached){0};
}

struct store_cache *store_cache_new(void)
{
    struct store_cache *cache = OPENSSL_zalloc(sizeof(*cache));

    if (cache != NULL && (cache->lock = CRYPTO_THREAD_lock_new()) == NULL) {
        OPENSSL_free(cache);
        cache = NULL;
    }
    if (cache != NULL)
        pthread_mutex_init(&cache->writing, NULL);
    return cache;
}

void store_cache_free(struct store_cache *cache)
{
    size_t i;

    if (cache == NULL)
        return;
    for (i = 0; i < CACHED; i++)
        forget(&cache->cached[i]);
    CRYPTO_THREAD_lock_free(cache->lock);
    pthread_mutex_destroy(&cache->writing);
    OPENSSL_free(cache);
}

void store_write_lock(struct store *store)
{
    if (store->config.cache != NULL)
        pthread_mutex_lock(&store->config.cache->writing);
}

void store_write_unlock(struct store *store)
{
    if (store->config.cache != NULL)
        pthread_mutex_unlock(&store->config.cache->writing);
}

/* One of *pkey and *x509, the caller's, if it is there. */
static void find(struct store_cache *cache, const void *data, size_t len, EVP_PKEY **pkey, X509 **x509)
{
    size_t i;

    if (cache == NULL || !CRYPTO_THREAD_write_lock(cache->lock))
        return;
    for (i = 0; i < CACHED; i++) {
        struct cached *cached = &cache->cached[i];

        if (cached->len != len || memcmp(cached->data, data, len) != 0)
            continue;
        cached->used = ++cache->clock;
        if (pkey != NULL && cached->pkey != NULL && EVP_PKEY_up_ref(cached->pkey))
            *pkey = cached->pkey;
        if (x509 != NULL && cached->x509 != NULL && X509_up_ref(cached->x509))
            *x509 = cached->x509;
        break;
    }
    CRYPTO_THREAD_unlock(cache->lock);
}

/* In the place of what was not asked for longest. */
static void keep(struct store_cache *cache, const void *data, size_t len, EVP_PKEY *pkey, X509 *x509)
{
    struct cached *cached;
    size_t i;

    if (cache == NULL || !CRYPTO_THREAD_write_lock(cache->lock))
        return;
    cached = &cache->cached[0];
    for (i = 1; i < CACHED; i++) {
        if (cache->cached[i].used < cached->used)
            cached = &cache->cached[i];
    }
    forget(cached);
    cached->data = OPENSSL_memdup(data, len);
    if (cached->data != NULL) {
        cached->len = len;
        cached->used = ++cache->clock;
        if (pkey != NULL && EVP_PKEY_up_ref(pkey))
            cached->pkey = pkey;
        if (x509 != NULL && X509_up_ref(x509))
            cached->x509 = x509;
    }
    CRYPTO_THREAD_unlock(cache->lock);
}

EVP_PKEY *store_cached_key(struct store *store, const char *pem)
{
    EVP_PKEY *pkey = NULL;

    find(store->config.cache, pem, strlen(pem), &pkey, NULL);
    if (pkey != NULL)
        return pkey;
    pkey = store_key_parse(store, pem);
    if (pkey != NULL)
        keep(store->config.cache, pem, strlen(pem), pkey, NULL);
    return pkey;
}

X509 *store_cert_cached(struct store *store, const struct store_cert *cert)
{
    X509 *x509 = NULL;

    if (cert->der != NULL)
        find(store->config.cache, cert->der, cert->der_len, NULL, &x509);
    if (x509 != NULL)
        return x509;
    x509 = store_cert_x509(store, cert);
    if (x509 != NULL)
        keep(store->config.cache, cert->der, cert->der_len, NULL, x509);
    return x509;
}
