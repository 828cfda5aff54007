// SPDX-License-Identifier: Apache-2.0
/* A key that only the kernel holds: used by the lane that can ask the kernel, and by no other. */
#include "lanes.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static struct hw_key *whole; /* while the test has one without its private part in its place */

static struct hw_route *open_held_over(const struct hw_lane *const *lanes, size_t count, const char *policy)
{
    struct hw_route *route = open_route_over(lanes, count, policy);

    CU_ASSERT_PTR_NOT_NULL_FATAL(route);
    whole = key;
    key = hw_key_from_pkey(unit.hw, hw_rsa_twin(unit.libctx, whole->pkey, EVP_PKEY_PUBLIC_KEY), 0);
    key->held = hw_held_new_serial(unit.hw, key->pkey, 42);
    CU_ASSERT_PTR_NULL(key->held->raw);
    CU_ASSERT_PTR_NULL(key->held->pkey);
    return route;
}

static struct hw_route *open_held(const char *policy)
{
    static const struct hw_lane *const lanes[] = {&lane_fast, &lane_ring, &lane_cpu};

    return open_held_over(lanes, 3, policy);
}

static void close_held(struct hw_route *route)
{
    CU_ASSERT_EQUAL(fast.attached, 0);
    CU_ASSERT_EQUAL(cpu.attached, 0); /* nor asked: there is nothing to give to it */
    CU_ASSERT_EQUAL(cpu.calls, 0);
    close_route(route);
    hw_key_free(key);
    key = whole;
}

/* Whatever the policy names, and with an accelerator or without: nobody else can do it. */
static void by_the_kernel_only(void)
{
    static const char *const policies[] = {NULL, "accelerator cpu", "cpu", "fast", "kernel-only"};
    struct hw_route *route;
    size_t i;

    for (i = 0; i < 2 * sizeof(policies) / sizeof(policies[0]); i++) {
        route = open_held(policies[i / 2]);
        if (i % 2 == 1)
            *driver = '\0';
        ring.delay_us = 3000; /* the CPU would be faster */
        CU_ASSERT(signs(route, 5));
        CU_ASSERT_EQUAL(ring.calls, 5);
        CU_ASSERT_EQUAL(ring.attached, 1);
        in_threads(sign_often, route);
        close_held(route);
    }
}

static void it_fails(void)
{
    static const enum lane_result how[] = {LANE_FAILED, LANE_SILENT, LANE_GONE};
    struct hw_route *route;
    size_t i, j;

    for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        route = open_held(NULL);
        CU_ASSERT(sign(route));
        ring.result = how[i];
        /* Once each, also behind an open breaker: there is no other way. */
        for (j = 1; j <= 5; j++) {
            CU_ASSERT(!sign(route));
            CU_ASSERT(
                unit_raised(&unit, HW_E_DEVICE, "the kernel, which alone holds the key, could not use it"));
            CU_ASSERT_EQUAL(ring.calls, 1 + j);
        }
        CU_ASSERT_EQUAL(is_open_of("ring"), how[i] != LANE_GONE);
        ring.result = LANE_OK;
        CU_ASSERT(signs(route, 5));
        CU_ASSERT_EQUAL(ring.calls, 11);
        close_held(route);
    }
}

/* A wrong result is no better for there being no other. */
static void it_lies(void)
{
    struct hw_route *route = open_held(NULL);

    ring.flips = 1;
    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "could not use it"));
    CU_ASSERT_EQUAL(counter_of("ring", " wrong="), 1);
    ring.flips = 0;
    CU_ASSERT(sign(route));
    close_held(route);
}

static void it_takes_no_such_key(void)
{
    struct hw_route *route = open_held(NULL);
    int i;

    ring.result = LANE_KEY;
    for (i = 0; i < 2; i++) {
        CU_ASSERT(!sign(route));
        CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "could not use it"));
    }
    CU_ASSERT_EQUAL(ring.calls, 0);
    close_held(route);
}

static void it_is_full(void)
{
    struct hw_route *route = open_held(NULL);
    unsigned start;

    ring.busy = 20;
    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(ring.calls, 21);
    ring.busy = UINT_MAX;
    start = now_ms();
    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "has been too busy to use it for 10 s"));
    CU_ASSERT(now_ms() - start >= 10000);
    close_held(route);
}

static void no_way_to_the_kernel(void)
{
    static const struct hw_lane *const lanes[] = {&lane_fast, &lane_cpu};
    struct hw_route *route = open_held_over(lanes, 2, NULL);

    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_NO_DEVICE, "offers no way to use it here"));
    close_held(route);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"by the kernel only", by_the_kernel_only},
        {"its only lane fails", it_fails},
        {"its only lane lies", it_lies},
        {"its only lane does not take it", it_takes_no_such_key},
        {"its only lane is full", it_is_full},
        {"no way to the kernel", no_way_to_the_kernel},
        CU_TEST_INFO_NULL,
    };

    return lanes_run("route_kernel_held", tests);
}
