// SPDX-License-Identifier: Apache-2.0
/* The route over lanes that do as they are told. */
#include "hw/lane.h"
#include "unit.h"

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
    enum lane_result result;
    int flips; /* a bit of each result */
    unsigned delay_us;
    _Atomic unsigned calls, attached, detached;
} fast, cpu;
static char driver[32];

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

static enum lane_result operate(void *attached, struct hw_held *held, const unsigned char *in,
                                unsigned char *out, unsigned timeout_ms)
{
    struct told *told = attached;

    (void)timeout_ms;
    told->calls++;
    if (told->delay_us > 0)
        usleep(told->delay_us);
    if (told->result != LANE_OK) {
        memset(out, 0xee, held->size); /* half a result, perhaps a fault's */
        return told->result;
    }
    if (!hw_rsa_raw(&held->kept, hw_libctx(held->hw), held->raw, 1, held->size, in, out))
        return LANE_FAILED;
    if (told->flips)
        out[5] ^= 0x10;
    return LANE_OK;
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
    fast = cpu = (struct told){.result = LANE_OK};
    strcpy(driver, "rsa-fast");
    return hw_route_new(unit.hw, lanes, 2, policy, NULL, probe);
}

static void close_route(struct hw_route *route)
{
    hw_route_forget(key->held);
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

/* A lane was used so many times before its breaker opened. Where what follows takes seconds, on an emulated
 * processor, the breaker may have let one operation through after a second, and one after two more. */
static void was_left_alone_after(unsigned calls, unsigned since_ms)
{
    CU_ASSERT(fast.calls >= calls && fast.calls <= calls + (now_ms() - since_ms) / 1000);
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

    fast.result = LANE_FAILED;
    CU_ASSERT(signs(route, 40));
    CU_ASSERT_EQUAL(fast.calls, 3);
    CU_ASSERT(cpu.calls >= 40);
    /* After a second it is tried with one operation, then left alone for two. */
    usleep(1100000);
    CU_ASSERT(signs(route, 10));
    CU_ASSERT_EQUAL(fast.calls, 4);
    usleep(1100000);
    CU_ASSERT(signs(route, 10));
    CU_ASSERT_EQUAL(fast.calls, 4);
    /* And back when it works. */
    fast.result = LANE_OK;
    cpu.delay_us = 5000;
    usleep(1100000);
    CU_ASSERT(signs(route, 20));
    CU_ASSERT(fast.calls >= 15);
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

static void it_takes_no_such_key(void)
{
    struct hw_route *route = open_route(NULL);

    fast.result = LANE_KEY;
    CU_ASSERT(signs(route, 40));
    CU_ASSERT_EQUAL(fast.calls, 0);
    CU_ASSERT_EQUAL(fast.attached, 1);
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

static _Atomic unsigned wrong;

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
    CU_ASSERT_EQUAL(fast.attached, 1);
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
        {"a lane that does not take the key", it_takes_no_such_key},
        {"drivers come and go", it_comes_and_goes},
        {"policies", policies},
        {"threads", threads},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, "none");
    key = hw_key_from_pkey(unit.hw, unit_rsa(unit.libctx, SIZE * 8), 1);
    memset(input + 1, 0x5a, SIZE - 1);
    hw_rsa_raw(&key->held->kept, unit.libctx, key->held->raw, 1, SIZE, input, expected);
    status = unit_run("route", tests);
    hw_key_free(key);
    unit_close(&unit);
    return status;
}
