// SPDX-License-Identifier: Apache-2.0
/* A lane whose device goes away while it is in use, and comes back. */
#include "lanes.h"

#include <string.h>
#include <unistd.h>

#define PROBE_US 2100000 /* a little more than between looks at what is here */

/* Each operation ends on the other lane. What was attached to the one that is gone is freed; no fault is put
 * down to it, so that nothing is in the way when it is back. */
static void it_goes(void)
{
    struct hw_route *route = open_route(NULL);
    unsigned others;

    cpu.delay_us = 3000;
    CU_ASSERT(signs(route, 5));
    CU_ASSERT_EQUAL(fast.attached, 1);
    CU_ASSERT_EQUAL(fast.detached, 0);
    others = cpu.calls;
    fast.result = LANE_GONE;
    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(fast.detached, 1);
    CU_ASSERT_EQUAL(cpu.calls, others + 1);
    CU_ASSERT(signs(route, 20));
    CU_ASSERT_EQUAL(cpu.calls, others + 21);
    CU_ASSERT_EQUAL(fast.attached, fast.detached);
    CU_ASSERT(!is_open());
    CU_ASSERT_EQUAL(counter(" failures="), 0);

    *driver = '\0';
    usleep(PROBE_US);
    CU_ASSERT(sign(route)); /* looks */
    others = fast.attached;
    CU_ASSERT(signs(route, 20));
    CU_ASSERT_EQUAL(fast.attached, others);

    strcpy(driver, "rsa-fast");
    fast.result = LANE_OK;
    usleep(PROBE_US);
    others = fast.calls;
    CU_ASSERT(signs(route, 20));
    CU_ASSERT(fast.calls >= others + 15);
    CU_ASSERT_EQUAL(fast.attached, fast.detached + 1);
    close_route(route);
}

/* It is back before anybody has looked: the next operation finds it so. */
static void it_is_back_at_once(void)
{
    struct hw_route *route = open_route("accelerator");

    CU_ASSERT(sign(route));
    fast.result = LANE_GONE;
    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "rsa-fast failed"));
    fast.result = LANE_OK;
    CU_ASSERT(signs(route, 3));
    CU_ASSERT_EQUAL(fast.attached, 2);
    CU_ASSERT_EQUAL(fast.detached, 1);
    close_route(route);
}

/* Another thread is in the middle of an operation with what is retired: it is the one to detach it. */
static void it_goes_under_another_thread(void)
{
    struct hw_route *route = open_route(NULL);
    pthread_t other = caught_inside(route, LANE_GONE);

    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(fast.calls, 2);
    CU_ASSERT_EQUAL(fast.inside, 1); /* still */
    CU_ASSERT_EQUAL(fast.detached, 0);
    pthread_join(other, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(fast.detached, 1);
    CU_ASSERT_EQUAL(fast.attached, 1);
    close_route(route);
}

static void *goes_and_comes(void *route)
{
    int i;

    for (i = 0; i < 200; i++) {
        fast.result = i % 3 == 0 ? LANE_GONE : LANE_OK;
        wrong += !sign(route);
    }
    return NULL;
}

static void it_goes_under_many(void)
{
    struct hw_route *route = open_route(NULL);

    in_threads(goes_and_comes, route);
    CU_ASSERT(fast.attached > 1);
    CU_ASSERT(fast.attached - fast.detached <= 1);
    fast.result = LANE_OK;
    close_route(route);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"it goes, and comes back", it_goes},
        {"it is back at once", it_is_back_at_once},
        {"it goes under another thread", it_goes_under_another_thread},
        {"it goes under many", it_goes_under_many},
        CU_TEST_INFO_NULL,
    };

    return lanes_run("route_gone", tests);
}
