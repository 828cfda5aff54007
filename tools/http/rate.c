// SPDX-License-Identifier: Apache-2.0
/* A token bucket an address, for the addresses that asked last. Many addresses push each other out, and none
 * is held back wrongly: what protects the server from many is how many may wait. */
#include "rate.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define BUCKETS 1024
#define BURST   10

struct bucket {
    char address[48];
    double tokens, when;
};

struct rate {
    unsigned a_second;
    uint32_t seed; /* nobody can choose addresses that share a bucket */
    struct bucket buckets[BUCKETS];
};

struct rate *rate_new(unsigned a_second)
{
    struct rate *rate = OPENSSL_zalloc(sizeof(*rate));

    if (rate != NULL) {
        rate->a_second = a_second;
        if (RAND_bytes((unsigned char *)&rate->seed, sizeof(rate->seed)) != 1)
            rate->seed = 0;
    }
    return rate;
}

void rate_free(struct rate *rate)
{
    OPENSSL_free(rate);
}

static struct bucket *find(struct rate *rate, const char *address)
{
    uint32_t hash = 2166136261U ^ rate->seed; /* FNV-1a */
    const char *p;

    for (p = address; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619U;
    return &rate->buckets[hash % BUCKETS];
}

int rate_take(struct rate *rate, const char *address)
{
    struct bucket *bucket = find(rate, address);
    double most = (double)rate->a_second * BURST, now;
    struct timespec t;

    if (rate->a_second == 0)
        return 1;
    clock_gettime(CLOCK_MONOTONIC, &t);
    now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    if (strcmp(bucket->address, address) != 0) {
        OPENSSL_strlcpy(bucket->address, address, sizeof(bucket->address));
        bucket->tokens = most;
    } else {
        bucket->tokens += (now - bucket->when) * rate->a_second;
        if (bucket->tokens > most)
            bucket->tokens = most;
    }
    bucket->when = now;
    if (bucket->tokens < 1)
        return 0;
    bucket->tokens -= 1;
    return 1;
}
