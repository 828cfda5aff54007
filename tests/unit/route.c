// SPDX-License-Identifier: Apache-2.0
/* The route over lanes that do as they are told. */
#include "hw/lane.h"
#include "unit.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE 64 /* of the key: the times below are for a slow processor, too */

static struct unit unit;
static struct hw_key *key;
static unsigned char input[SIZE], expected[SIZE];

/* What the lanes are told, and what became of it. */
static struct told {
    _Atomic enum lane_result result;
    _Atomic int flips; /* a bit of each result */
    _Atomic unsigned delay_us;
    _Atomic unsigned meet;  /* so many operations are answered together */
    _Atomic unsigned busy;  /* so many more find it full */
    _Atomic unsigned width; /* what finds so many others there finds it full; 0: any number */
    _Atomic unsigned calls, attached, detached, inside, most, timeout_ms;
} fast, cpu;
static char driver[32];
static char folder[] = "/tmp/signet-unit-route.XXXXXX"; /* of the counters */

static void probe(char *out, size_t size)
{
    snprintf(out, size, "%s", driver);
}

static int is_there(struct hw *hw, const char *name)
{
    (void)hw;
    (void)name;
    return 1;
}

static void *attach(struct told *told, enum lane_result *result)
{
    told->attached++;
    *result = told->result;
    return told->result != LANE_KEY ? told : NULL;
}

static void *attach_fast(const struct hw_held *held, const char *name, enum lane_result *result)
{
    (void)held;
    CU_ASSERT_STRING_EQUAL(name, driver);
    return attach(&fast, result);
}

static void *attach_cpu(const struct hw_held *held, const char *name, enum lane_result *result)
{
    (void)held;
    (void)name;
    return attach(&cpu, result);
}

static void detach(void *attached)
{
    ((struct told *)attached)->detached++;
}

/* Counts down to 0; says if it was there. */
static int is_over(_Atomic unsigned *left)
{
    unsigned n = *left;

    while (n > 0 && !atomic_compare_exchange_weak(left, &n, n - 1))
        ;
    return n == 0;
}

static enum lane_result answer(struct told *told, struct hw_held *held, const unsigned char *in,
                               unsigned char *out, unsigned inside)
{
    enum lane_result result = told->result;

    told->calls++; /* from here on the answer is known */
    if (!is_over(&told->busy) || (told->width > 0 && inside > told->width))
        result = LANE_BUSY;
    if (told->delay_us > 0)
        usleep(told->delay_us);
    if (result != LANE_OK) {
        memset(out, 0xee, held->size); /* half a result, perhaps a fault's */
        return result;
    }
    if (!hw_rsa_raw(&held->kept, hw_libctx(held->hw), held->raw, 1, held->size, in, out))
        return LANE_FAILED;
    if (told->flips)
        out[5] ^= 0x10;
    return LANE_OK;
}

static enum lane_result operate(void *attached, struct hw_held *held, const unsigned char *in,
                                unsigned char *out, unsigned timeout_ms)
{
    struct told *told = attached;
    unsigned inside = ++told->inside, most = told->most;
    enum lane_result result;

    told->timeout_ms = timeout_ms;
    while (inside > most && !atomic_compare_exchange_weak(&told->most, &most, inside))
        ;
    while (told->most < told->meet)
        usleep(100);
    result = answer(told, held, in, out, inside);
    told->inside--;
    return result;
}

static const struct hw_lane lane_fast = {.name = "fast",
                                         .is_accelerator = 1,
                                         .is_there = is_there,
                                         .attach = attach_fast,
                                         .detach = detach,
                                         .operate = operate},
                            lane_cpu = {.name = "cpu",
                                        .is_there = is_there,
                                        .attach = attach_cpu,
                                        .detach = detach,
                                        .operate = operate};
static const struct hw_lane *const lanes[] = {&lane_fast, &lane_cpu};

static struct hw_route *open_route(const char *policy)
{
    memset(&fast, 0, sizeof(fast)); /* LANE_OK */
    memset(&cpu, 0, sizeof(cpu));
    strcpy(driver, "rsa-fast");
    return hw_route_new(unit.hw, lanes, 2, policy, folder, probe);
}

static void close_route(struct hw_route *route)
{
    hw_attach_forget(key->held);
    CU_ASSERT_EQUAL(fast.attached - (fast.result == LANE_KEY), fast.detached);
    CU_ASSERT_EQUAL(cpu.attached, cpu.detached);
    hw_route_free(route);
}

/* 1: the right result, 0: an error; anything else is released that should not be. */
static int sign(struct hw_route *route)
{
    unsigned char out[SIZE] = {0};
    struct hw_op op = {.kind = HW_OP_RSA_RAW, .in = input, .in_len = SIZE, .out = out, .out_size = SIZE};
    int ok = hw_route_operate(route, key, &op);

    CU_ASSERT(!ok || memcmp(out, expected, SIZE) == 0);
    return ok && memcmp(out, expected, SIZE) == 0;
}

static int signs(struct hw_route *route, unsigned times)
{
    unsigned good = 0, i;

    for (i = 0; i < times; i++)
        good += (unsigned)sign(route);
    return good == times;
}

static unsigned now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static char counters[512];

static void keep(void *arg, const char *line)
{
    (void)arg;
    if (strstr(line, "lane=fast") != NULL)
        snprintf(counters, sizeof(counters), "%s", line);
}

/* A counter of the fast lane, or whether its breaker is open. */
static unsigned counter(const char *name)
{
    const char *found;

    CU_ASSERT(hw_print_stats(folder, keep, NULL));
    found = strstr(counters, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    return (unsigned)strtoul(found + strlen(name), NULL, 10);
}

static int is_open(void)
{
    counter(" breaker=");
    return strstr(counters, " breaker=open") != NULL;
}

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

static _Atomic unsigned wrong;

static void *sign_once(void *arg)
{
    wrong += !sign(arg);
    return NULL;
}

static void *sign_often(void *arg)
{
    int i;

    for (i = 0; i < 30; i++)
        wrong += !sign(arg);
    return NULL;
}

#define THREADS 8

static void in_threads(void *(*run)(void *route), struct hw_route *route)
{
    pthread_t all[THREADS];
    size_t i;

    wrong = 0;
    for (i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&all[i], NULL, run, route), 0);
    for (i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
    CU_ASSERT_EQUAL(wrong, 0);
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
    pthread_t other;

    fast.delay_us = 300000;
    wrong = 0;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, sign_once, route), 0);
    while (fast.calls == 0)
        usleep(1000);
    fast.result = LANE_SILENT;
    fast.delay_us = 0;
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
    int status;

    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    unit_open(&unit, "none");
    key = hw_key_from_pkey(unit.hw, unit_rsa(unit.libctx, SIZE * 8), 1);
    memset(input + 1, 0x5a, SIZE - 1);
    hw_rsa_raw(&key->held->kept, unit.libctx, key->held->raw, 1, SIZE, input, expected);
    status = unit_run("route", tests);
    hw_key_free(key);
    unit_close(&unit);
    if (rmdir(folder) != 0) {
        fprintf(stderr, "%s is not empty\n", folder);
        return EXIT_FAILURE;
    }
    return status;
}
