// SPDX-License-Identifier: Apache-2.0
/* When certificates are renewed, and when tried again. */
#include "tools/acme/managed.h"

#include "unit.h"

#include <limits.h>

#define DAY 86400

static void renewal(void)
{
    static const int64_t lives[] = {60,       180,          6 * DAY,        45 * DAY,
                                    90 * DAY, 3650LL * DAY, 365000LL * DAY, 2900000LL * DAY};
    static const unsigned randoms[] = {0, 1, 1000, 32768, 65535, UINT_MAX};
    const int64_t begin = 1800000000;
    unsigned percent;
    size_t i, j;

    for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        for (percent = 10; percent <= 95; percent++) {
            for (j = 0; j < sizeof(randoms) / sizeof(randoms[0]); j++) {
                int64_t life = lives[i], least = life / 100 * percent,
                        after = managed_renewal_time(begin, begin + life, percent, randoms[j]) - begin;

                CU_ASSERT(after >= least && after <= least + life / 50 + 100);
                CU_ASSERT(after < life);
            }
        }
    }
    /* Of a minute, too. */
    CU_ASSERT_EQUAL(managed_renewal_time(begin, begin + 60, 50, 0), begin + 30);
    CU_ASSERT_EQUAL(managed_renewal_time(begin, begin + 90 * DAY, 66, 0), begin + 90 * DAY / 100 * 66);
    /* Not all routers at once. */
    CU_ASSERT(managed_renewal_time(begin, begin + 90 * DAY, 66, 65535) >
              managed_renewal_time(begin, begin + 90 * DAY, 66, 0) + DAY);
    /* A certificate that makes no sense is due. */
    CU_ASSERT_EQUAL(managed_renewal_time(begin, begin, 66, 65535), begin);
    CU_ASSERT_EQUAL(managed_renewal_time(begin, begin - 5, 66, 65535), begin);
}

static void window(void)
{
    const int64_t begin = 1800000000, end = begin + 90 * DAY;
    struct acme_renewal_info info = {.start = begin + 60 * DAY, .end = begin + 62 * DAY};

    CU_ASSERT_EQUAL(managed_window_time(&info, begin, end, 0), info.start);
    CU_ASSERT(managed_window_time(&info, begin, end, 65535) > info.end - 10 &&
              managed_window_time(&info, begin, end, 65535) <= info.end);
    CU_ASSERT(managed_window_time(&info, begin, end, 32768) > info.start + 23 * 3600 &&
              managed_window_time(&info, begin, end, 32768) < info.start + 25 * 3600);
    /* One that begins too late to be of use. */
    info.start = end + DAY;
    info.end = end + 2 * DAY;
    CU_ASSERT_EQUAL(managed_window_time(&info, begin, end, 77), begin + 90 * DAY / 100 * 90);
    /* One that has passed. */
    info.start = 5;
    info.end = 6;
    CU_ASSERT(managed_window_time(&info, begin, end, 65535) <= 6);
    info.start = 1;
    info.end = 253402300799; /* the year 9999 */
    CU_ASSERT(managed_window_time(&info, begin, end, 65535) <= begin + 90 * DAY / 100 * 90);
}

static void backoff(void)
{
    static const int64_t wanted[] = {300,  300,   600,   1200,  2400,  4800,
                                     9600, 19200, 38400, 76800, 86400, 86400};
    unsigned failures;

    for (failures = 0; failures < 12; failures++)
        CU_ASSERT_EQUAL(managed_backoff(failures, 0), wanted[failures]);
    for (failures = 0; failures < 100000; failures++) {
        int64_t delay = managed_backoff(failures, failures * 31);

        CU_ASSERT(delay >= 270 && delay <= DAY);
        CU_ASSERT(failures < 12 || delay >= DAY * 9 / 10);
    }
    CU_ASSERT_EQUAL(managed_backoff(UINT_MAX, 0), DAY);
    CU_ASSERT_EQUAL(managed_backoff(UINT_MAX - 1, 0), DAY);
    CU_ASSERT(managed_backoff(64, UINT_MAX) >= DAY * 9 / 10);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"the moment to renew", renewal},
        {"within a window of the CA's", window},
        {"back-off", backoff},
        CU_TEST_INFO_NULL,
    };

    return unit_run("acme_schedule", tests);
}
