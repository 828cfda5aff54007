// SPDX-License-Identifier: Apache-2.0
/* Logins that fail: who has to wait, for how long, and who does not. */
#include "tools/worker/guard.h"

#include "unit.h"

#include <stdio.h>

#define S ((int64_t)1000)

/* A try that is wrong, if it is looked at. */
static unsigned guess(struct guard *guard, const char *user, const char *address, int64_t now)
{
    unsigned wait = guard_wait(guard, user, address, now);

    if (wait == 0)
        guard_note(guard, user, address, now, 0);
    return wait;
}

static unsigned right(struct guard *guard, const char *user, const char *address, int64_t now)
{
    unsigned wait = guard_wait(guard, user, address, now);

    if (wait == 0)
        guard_note(guard, user, address, now, 1);
    return wait;
}

/* How many guesses of one address, as fast as it may, are looked at in an hour. */
static void one_address(void)
{
    struct guard *guard = guard_new();
    int64_t now = 5000 * S, end = now + 3600 * S;
    int looked_at = 0;

    CU_ASSERT_FATAL(guard != NULL);
    while (now < end) {
        unsigned wait = guess(guard, "admin", "192.0.2.1", now);

        CU_ASSERT(wait <= 300);
        looked_at += wait == 0;
        now += wait > 0 ? wait * S : 1;
    }
    CU_ASSERT(looked_at >= 10 && looked_at <= 30);
    /* Others are not held up by it. */
    CU_ASSERT(guard_wait(guard, "operator", "192.0.2.2", now) == 0);
    guard_free(guard);
}

/* A /64 of IPv6 is one host's. */
static void networks(void)
{
    struct guard *guard = guard_new();
    char address[64];
    int64_t now = 5000 * S;
    int i, looked_at = 0;

    for (i = 0; i < 20; i++) {
        snprintf(address, sizeof(address), "2001:db8::%x", i + 1);
        looked_at += guess(guard, "admin", address, now) == 0;
    }
    CU_ASSERT(looked_at == 3);
    CU_ASSERT(guess(guard, "admin", "2001:db8:0:1::1", now) == 0);
    guard_free(guard);
}

/* Many addresses guess at one user: one a second is looked at. The user, from where it works, does not wait.
 */
static void one_user(void)
{
    struct guard *guard = guard_new();
    char address[64];
    int64_t now = 5000 * S;
    int i, looked_at = 0;

    CU_ASSERT(right(guard, "admin", "198.51.100.7", now) == 0);
    CU_ASSERT(guard_knows(guard, "admin", "198.51.100.7", now));
    for (i = 0; i < 10000; i++) {
        snprintf(address, sizeof(address), "203.%d.%d.1", i / 256, i % 256);
        now += 10;
        looked_at += guess(guard, "admin", address, now) == 0;
    }
    CU_ASSERT(looked_at > 90 && looked_at < 130); /* in 100 s */
    CU_ASSERT(right(guard, "admin", "198.51.100.7", now) == 0);
    CU_ASSERT(guess(guard, "admin", "198.51.100.8", now) != 0);
    guard_free(guard);
}

/* Somebody guesses from behind the same address, at other users: the one who works there goes on. */
static void neighbours(void)
{
    struct guard *guard = guard_new();
    int64_t now = 5000 * S;
    char user[32];
    int i;

    CU_ASSERT(right(guard, "admin", "198.51.100.7", now) == 0);
    for (i = 0; i < 100; i++) {
        snprintf(user, sizeof(user), "user%d", i);
        guess(guard, user, "198.51.100.7", now);
    }
    CU_ASSERT(guess(guard, "else", "198.51.100.7", now) > 0);
    CU_ASSERT(right(guard, "admin", "198.51.100.7", now) == 0);
    /* Guesses at the user itself from there count; its own success takes them back one by one. */
    for (i = 0; i < 3; i++)
        CU_ASSERT(guess(guard, "admin", "198.51.100.7", now) == 0);
    CU_ASSERT(guess(guard, "admin", "198.51.100.7", now) == 1);
    CU_ASSERT(right(guard, "admin", "198.51.100.7", now + 2 * S) == 0);
    guard_free(guard);
}

/* Many at once guess no more than one after the other. */
static void at_once(void)
{
    struct guard *guard = guard_new();
    int64_t now = 5000 * S;
    int i, looked_at = 0;

    for (i = 0; i < 3; i++)
        guess(guard, "admin", "192.0.2.1", now);
    now += 2 * S;
    for (i = 0; i < 50; i++)
        looked_at += guard_wait(guard, "admin", "192.0.2.1", now) == 0;
    CU_ASSERT(looked_at == 1);
    guard_free(guard);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"one address", one_address}, {"networks", networks}, {"one user", one_user},
        {"neighbours", neighbours},   {"at once", at_once},   CU_TEST_INFO_NULL,
    };

    return unit_run("guard", tests);
}
