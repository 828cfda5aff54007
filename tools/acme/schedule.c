// SPDX-License-Identifier: Apache-2.0
/* When: renewal by the fraction of a life or in the CA's window, and tries after failures. */
#include "managed.h"

#define BACKOFF_FIRST 300
#define BACKOFF_MOST  86400
#define RANDOM_RANGE  65536

int64_t managed_renewal_time(int64_t not_before, int64_t not_after, unsigned percent, unsigned random)
{
    int64_t life = not_after > not_before ? not_after - not_before : 0;

    /* The parts first: a life of a thousand years does not overflow, and one of a minute has its percents. */
    return not_before + life / 100 * percent + life % 100 * percent / 100 +
           life / 50 * (random % RANDOM_RANGE) / RANDOM_RANGE;
}

int64_t managed_window_time(const struct acme_renewal_info *info, int64_t not_before, int64_t not_after,
                            unsigned random)
{
    int64_t latest = managed_renewal_time(not_before, not_after, 90, 0),
            when = info->start + (info->end - info->start) / RANDOM_RANGE * (random % RANDOM_RANGE) +
                   (info->end - info->start) % RANDOM_RANGE * (random % RANDOM_RANGE) / RANDOM_RANGE;

    return when < latest ? when : latest;
}

int64_t managed_backoff(unsigned failures, unsigned random)
{
    int64_t delay = BACKOFF_FIRST;

    for (; failures > 1 && delay < BACKOFF_MOST; failures--)
        delay *= 2;
    if (delay > BACKOFF_MOST)
        delay = BACKOFF_MOST;
    return delay - delay / 10 * (random % RANDOM_RANGE) / RANDOM_RANGE;
}

int managed_is_waiting(int64_t next_try, int64_t now)
{
    return next_try > now && next_try <= now + 2 * BACKOFF_MOST;
}
