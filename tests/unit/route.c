// SPDX-License-Identifier: Apache-2.0
/* The route over lanes that do as they are told: which it takes, and what it learns of them. */
#include "lanes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The lane was used so many times before its breaker opened; since then by a trial each time that it was
 * opened again, after one second, two more, four more ... however long all that takes. */
static void was_left_alone_after(unsigned calls, unsigned since_ms)
{
    unsigned opened = counter(" opened=");

    CU_ASSERT(opened >= 1);
    CU_ASSERT_EQUAL(fast.calls, calls + opened - 1);
    CU_ASSERT(now_ms() - since_ms >= ((1u << (opened - 1)) - 1) * 1000);
}

/* Signs until the breaker has been opened so often, or closed for 0. */
static int signs_until_opened(struct hw_route *route, unsigned times)
{
    unsigned start = now_ms();

    while (now_ms() - start < 20000) {
        if (!sign(route))
            return 0;
        if (times == 0 ? !is_open() : counter(" opened=") >= times)
            return 1;
        usleep(10000);
    }
    return 0;
}

static void the_faster_one(void)
{
    struct hw_route *route = open_route(NULL);

    cpu.delay_us = 20000;
    CU_ASSERT(signs(route, 30));
    CU_ASSERT(fast.calls >= 25);
    CU_ASSERT(cpu.calls >= 1); /* it has been looked at */
    close_route(route);

    route = open_route("accelerator cpu");
    fast.delay_us = 20000;
    CU_ASSERT(signs(route, 30));
    CU_ASSERT(cpu.calls >= 25);
    close_route(route);
}

static void it_fails(void)
{
    struct hw_route *route = open_route(NULL);
    unsigned start = now_ms();

    fast.result = LANE_FAILED;
    CU_ASSERT(signs(route, 40));
    was_left_alone_after(3, start);
    CU_ASSERT(cpu.calls >= 40);
    /* After a second it is tried with one operation, then left alone for two. */
    CU_ASSERT(signs_until_opened(route, 2));
    CU_ASSERT(signs(route, 10));
    was_left_alone_after(3, start);
    /* And back when it works. */
    fast.result = LANE_OK;
    CU_ASSERT(signs_until_opened(route, 0));
    cpu.delay_us = 20000;
    CU_ASSERT(signs(route, 40));
    CU_ASSERT(fast.calls >= 35);
    close_route(route);
}

static void it_lies(void)
{
    struct hw_route *route = open_route(NULL);
    unsigned start = now_ms();

    fast.flips = 1;
    CU_ASSERT(signs(route, 40));
    was_left_alone_after(1, start);
    close_route(route);

    route = open_route("accelerator");
    fast.flips = 1;
    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "rsa-fast failed"));
    close_route(route);
}

static void it_says_nothing(void)
{
    struct hw_route *route = open_route(NULL);
    unsigned start = now_ms();

    fast.result = LANE_SILENT;
    CU_ASSERT(signs(route, 40));
    was_left_alone_after(1, start);
    close_route(route);
}

/* What all threads meet at once is one incident, and one of them tries the lane after it. */
static void many_see_it_fail(void)
{
    static const enum lane_result how[] = {LANE_SILENT, LANE_FAILED, LANE_OK};
    struct hw_route *route;
    unsigned start;
    size_t i;

    for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        route = open_route(NULL);
        start = now_ms();
        fast.result = how[i];
        fast.flips = 1;
        fast.meet = THREADS;
        in_threads(sign_once, route);
        CU_ASSERT_EQUAL(counter(" opened="), 1);
        CU_ASSERT_EQUAL(fast.calls, THREADS);
        fast.delay_us = 200000; /* the others come while one tries it */
        usleep(1100000);
        in_threads(sign_once, route);
        CU_ASSERT(fast.calls > THREADS);
        was_left_alone_after(THREADS, start);
        close_route(route);
    }
}

/* An answer to what was asked before does not close the breaker. */
static void late_good_news(void)
{
    struct hw_route *route = open_route(NULL);
    pthread_t other = caught_inside(route, LANE_SILENT);

    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(fast.calls, 2);
    CU_ASSERT(is_open());
    pthread_join(other, NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(is_open());
    fast.result = LANE_OK;
    CU_ASSERT(signs_until_opened(route, 0));
    close_route(route);
}

/* Where there is no other lane, one that has failed is used all the same. */
static void the_only_one_fails(void)
{
    struct hw_route *route = open_route("accelerator");
    unsigned i;

    fast.result = LANE_FAILED;
    for (i = 1; i <= 10; i++) {
        CU_ASSERT(!sign(route));
        CU_ASSERT_EQUAL(fast.calls, i);
        CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "rsa-fast failed"));
    }
    CU_ASSERT(is_open());
    fast.result = LANE_OK;
    CU_ASSERT(signs(route, 5));
    CU_ASSERT_EQUAL(fast.calls, 15);
    CU_ASSERT(signs_until_opened(route, 0));
    close_route(route);
}

static void the_only_one_is_full(void)
{
    struct hw_route *route = open_route("accelerator");
    unsigned start;

    fast.busy = 20;
    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(fast.calls, 21);
    fast.width = 2;
    fast.delay_us = 1000;
    in_threads(sign_often, route);
    fast.busy = UINT_MAX;
    start = now_ms();
    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "rsa-fast has been full for 10 s"));
    CU_ASSERT(now_ms() - start >= 10000);
    close_route(route);
}

/* How many it takes at a time is learnt. */
static void it_is_full(void)
{
    struct hw_route *route = open_route(NULL);

    fast.width = 2;
    fast.delay_us = 2000;
    cpu.delay_us = 40000;
    in_threads(sign_often, route);
    CU_ASSERT(counter(" busy=") > 0);
    CU_ASSERT(counter(" busy=") < fast.calls / 2);
    CU_ASSERT(cpu.calls > 0);
    close_route(route);
}

/* A driver that is just warming up is not given up early; what no other lane could do is waited for. */
static void timeouts(void)
{
    struct hw_route *route = open_route(NULL);

    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(fast.timeout_ms, 500);
    cpu.delay_us = 20000;
    CU_ASSERT(signs(route, 30));
    CU_ASSERT(fast.timeout_ms >= 100 && fast.timeout_ms <= 500);
    fast.delay_us = 5000;
    CU_ASSERT(signs(route, 60));
    CU_ASSERT(fast.timeout_ms >= 100 && fast.timeout_ms <= 500);
    close_route(route);
    route = open_route("accelerator");
    CU_ASSERT(signs(route, 10));
    CU_ASSERT_EQUAL(fast.timeout_ms, 10000);
    close_route(route);
}

/* What a lane keeps for a key may be the reason why it fails. */
static void it_is_attached_anew(void)
{
    struct hw_route *route = open_route("accelerator");

    CU_ASSERT(signs(route, 3));
    CU_ASSERT_EQUAL(fast.attached, 1);
    fast.result = LANE_FAILED;
    CU_ASSERT(!sign(route));
    unit_forget(&unit);
    CU_ASSERT_EQUAL(fast.detached, 1);
    fast.result = LANE_OK;
    CU_ASSERT(signs(route, 3));
    CU_ASSERT_EQUAL(fast.attached, 2);
    close_route(route);
}

static void it_takes_no_such_key(void)
{
    struct hw_route *route = open_route(NULL);
    int i;

    fast.result = LANE_KEY;
    CU_ASSERT(signs(route, 40));
    CU_ASSERT_EQUAL(fast.calls, 0);
    CU_ASSERT_EQUAL(fast.attached, 1);
    close_route(route);

    route = open_route("accelerator");
    fast.result = LANE_KEY;
    for (i = 0; i < 2; i++) {
        CU_ASSERT(!sign(route));
        CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "rsa-fast does not take this key"));
    }
    close_route(route);
}

static void it_comes_and_goes(void)
{
    struct hw_route *route = open_route(NULL);

    cpu.delay_us = 3000;
    *driver = '\0';
    CU_ASSERT(signs(route, 5));
    CU_ASSERT_EQUAL(fast.attached, 0);
    strcpy(driver, "rsa-fast");
    usleep(2100000);
    CU_ASSERT(signs(route, 20));
    CU_ASSERT(fast.calls >= 15);
    strcpy(driver, "rsa-other"); /* another driver, another attachment */
    usleep(2100000);
    CU_ASSERT(signs(route, 20));
    CU_ASSERT_EQUAL(fast.attached, 2);
    close_route(route);
}

/* Another driver starts with a clean sheet. */
static void another_driver(void)
{
    struct hw_route *route = open_route(NULL);

    CU_ASSERT(sign(route));
    strcpy(driver, "rsa-other");
    fast.result = LANE_SILENT;
    CU_ASSERT(sign(route)); /* whenever one fails it is looked at what is here */
    CU_ASSERT_EQUAL(counter(" opened="), 1);
    CU_ASSERT(!is_open());
    fast.result = LANE_OK;
    CU_ASSERT(sign(route));
    CU_ASSERT_EQUAL(fast.calls, 3);
    close_route(route);
}

static void policies(void)
{
    static const char *const bad[] = {"", " ", "moon", "cpu moon", "kernel-only cpu", "Accelerator"};
    struct hw_route *route;
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_PTR_NULL(open_route(bad[i]));
        CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "lanes"));
    }
    route = open_route("cpu");
    CU_ASSERT(signs(route, 10));
    CU_ASSERT_EQUAL(fast.calls, 0);
    close_route(route);
    route = open_route("fast, cpu");
    CU_ASSERT(signs(route, 10));
    CU_ASSERT(fast.calls > 0);
    close_route(route);
    route = open_route("accelerator");
    *driver = '\0';
    CU_ASSERT(!sign(route));
    CU_ASSERT(unit_raised(&unit, HW_E_NO_DEVICE, "accelerator only"));
    close_route(route);
}

static void *thread(void *arg)
{
    int i;

    for (i = 0; i < 200; i++) {
        /* Lies, failures and silence at random, told by whoever comes. */
        fast.flips = rand() % 50 == 0;
        fast.result = rand() % 40 == 0 ? LANE_SILENT : rand() % 20 == 0 ? LANE_FAILED : LANE_OK;
        wrong += !sign(arg);
    }
    return NULL;
}

static void threads(void)
{
    struct hw_route *route = open_route(NULL);
    pthread_t all[16];
    size_t i;

    wrong = 0;
    for (i = 0; i < 16; i++)
        pthread_create(&all[i], NULL, thread, route);
    for (i = 0; i < 16; i++)
        pthread_join(all[i], NULL);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(cpu.attached, 1);
    fast.result = LANE_OK;
    close_route(route);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"the faster lane", the_faster_one},
        {"a lane that fails", it_fails},
        {"a lane that lies", it_lies},
        {"a silent lane", it_says_nothing},
        {"a lane that fails many", many_see_it_fail},
        {"an answer after the lane's end", late_good_news},
        {"the only lane fails", the_only_one_fails},
        {"the only lane is full", the_only_one_is_full},
        {"a lane that is full", it_is_full},
        {"timeouts", timeouts},
        {"attached anew", it_is_attached_anew},
        {"a lane that does not take the key", it_takes_no_such_key},
        {"drivers come and go", it_comes_and_goes},
        {"another driver", another_driver},
        {"policies", policies},
        {"threads", threads},
        CU_TEST_INFO_NULL,
    };

    return lanes_run("route", tests);
}
