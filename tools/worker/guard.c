// SPDX-License-Identifier: Apache-2.0
/* See guard.h. Three tables of what was seen last; who is pushed out of one is not held back wrongly. */
#include "guard.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#define ROWS       1024
#define FREE_TRIES 3              /* of an address, before it has to wait */
#define WAIT_MAX   300            /* s */
#define FORGET_MS  (15 * 60000)   /* failures of an address and of a user */
#define KNOWN_MS   (24 * 3600000) /* that a user has come from an address */
#define USER_TRIES 10             /* failures of a user, from wherever, before strangers have to take turns */
#define USER_MS    1000           /* a turn */

struct row {
    unsigned char key[16];
    int64_t when;  /* of the last */
    int64_t until; /* not before then */
    unsigned failures;
};

struct guard {
    uint64_t seed; /* nobody can choose names that share a row */
    struct row addresses[ROWS], users[ROWS], known[ROWS];
};

struct guard *guard_new(void)
{
    struct guard *guard = OPENSSL_zalloc(sizeof(*guard));

    if (guard != NULL && RAND_bytes((unsigned char *)&guard->seed, sizeof(guard->seed)) != 1) {
        OPENSSL_free(guard);
        return NULL;
    }
    return guard;
}

void guard_free(struct guard *guard)
{
    OPENSSL_free(guard);
}

/* ---- rows ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *p = data;

    while (len-- > 0)
        hash = (hash ^ *p++) * 1099511628211U; /* FNV-1a */
    return hash;
}

/* An IPv6 host has a /64 to itself. */
static size_t network_of(const char *address, unsigned char out[16])
{
    char plain[INET6_ADDRSTRLEN];

    memset(out, 0, 16);
    OPENSSL_strlcpy(plain, address, sizeof(plain));
    plain[strcspn(plain, "%")] = '\0';
    if (inet_pton(AF_INET6, plain, out) == 1) {
        memset(out + 8, 0, 8);
        return 16;
    }
    return inet_pton(AF_INET, plain, out) == 1 ? 4 : 1;
}

/* Where it is, if it is there. */
static struct row *place_of(const struct guard *guard, struct row *rows, const char *user,
                            const char *address, unsigned char key[16])
{
    unsigned char network[16];
    uint64_t hash = 14695981039346656037U ^ guard->seed, second;

    if (user != NULL)
        hash = mix(hash, user, strlen(user) + 1);
    if (address != NULL)
        hash = mix(hash, network, network_of(address, network));
    second = mix(hash, &guard->seed, sizeof(guard->seed));
    memcpy(key, &hash, 8);
    memcpy(key + 8, &second, 8);
    return &rows[second % ROWS];
}

/* Its row, a new one in the place of another if need be. */
static struct row *find(const struct guard *guard, struct row *rows, const char *user, const char *address,
                        int64_t now, int64_t life)
{
    unsigned char key[16];
    struct row *row = place_of(guard, rows, user, address, key);

    if (memcmp(row->key, key, sizeof(key)) != 0 || now - row->when > life) {
        *row = (struct row){.when = now};
        memcpy(row->key, key, sizeof(key));
    }
    return row;
}

/* Strangers who only try push nobody out. */
int guard_knows(struct guard *guard, const char *user, const char *address, int64_t now)
{
    unsigned char key[16];
    const struct row *row = place_of(guard, guard->known, user, address, key);

    return memcmp(row->key, key, sizeof(key)) == 0 && now - row->when <= KNOWN_MS;
}

/* ---- the guard ---- */

/* What decides on an address: of one that the user has come from, what was tried for this user from there, so
 * that a neighbour behind the same address holds up others no longer. */
static struct row *gate_of(struct guard *guard, const char *user, const char *address, int64_t now)
{
    if (guard_knows(guard, user, address, now))
        return find(guard, guard->known, user, address, now, KNOWN_MS);
    return find(guard, guard->addresses, NULL, address, now, FORGET_MS);
}

unsigned guard_wait(struct guard *guard, const char *user, const char *address, int64_t now)
{
    struct row *from = gate_of(guard, user, address, now),
               *whose = find(guard, guard->users, user, NULL, now, FORGET_MS);
    int64_t until = from->until;

    if (whose->failures >= USER_TRIES && whose->until > until && !guard_knows(guard, user, address, now))
        until = whose->until;
    if (until > now)
        return (unsigned)((until - now + 999) / 1000);
    /* Until it is known what becomes of this one, others wait for it: many at once guess no more than one
     * after the other. */
    if (from->failures >= FREE_TRIES)
        from->until = now + USER_MS;
    if (whose->failures >= USER_TRIES)
        whose->until = now + USER_MS;
    return 0;
}

static void fail(struct row *from, struct row *whose, int64_t now)
{
    unsigned over, seconds;

    whose->when = now;
    from->failures++;
    whose->failures++;
    if (from->failures < FREE_TRIES)
        return;
    over = from->failures - FREE_TRIES;
    seconds = over < 9 ? 1U << over : WAIT_MAX;
    from->until = now + 1000 * (int64_t)(seconds < WAIT_MAX ? seconds : WAIT_MAX);
}

void guard_note(struct guard *guard, const char *user, const char *address, int64_t now, int is_ok)
{
    struct row *from = gate_of(guard, user, address, now), *row;

    if (!is_ok) {
        /* A user whom somebody knows stays known no longer for that. */
        if (!guard_knows(guard, user, address, now))
            from->when = now;
        fail(from, find(guard, guard->users, user, NULL, now, FORGET_MS), now);
        return;
    }
    /* Whoever guesses may have an account, too: its own success does not set it back to the beginning. */
    from->until = 0;
    if (from->failures > 0)
        from->failures--;
    row = find(guard, guard->known, user, address, now, KNOWN_MS);
    row->when = now;
}
