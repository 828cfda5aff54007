// SPDX-License-Identifier: Apache-2.0
#include "lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct told fast, ring, cpu;
char driver[32];
struct unit unit;
struct hw_key *key;
_Atomic unsigned wrong;

static EVP_PKEY *pkey; /* what the kernel has, for a key that only the kernel has */
static struct hw_raw_ctx kept;
static unsigned char input[SIZE], expected[SIZE];
static char folder[] = "/tmp/signet-unit-route.XXXXXX"; /* of the counters */

/* ---- the lanes ---- */

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

static void *attach_ring(const struct hw_held *held, const char *name, enum lane_result *result)
{
    (void)held;
    (void)name;
    return attach(&ring, result);
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

static int private_operation(struct hw_held *held, const unsigned char *in, unsigned char *out)
{
    struct hw_raw_ctx *ctx = held->raw != NULL ? &held->kept : &kept;

    return hw_rsa_raw(ctx, hw_libctx(held->hw), held->raw != NULL ? held->raw : pkey, 1, held->size, in, out);
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
    if (!private_operation(held, in, out))
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

const struct hw_lane lane_fast = {.name = "fast",
                                  .is_accelerator = 1,
                                  .is_there = is_there,
                                  .attach = attach_fast,
                                  .detach = detach,
                                  .operate = operate},
                     lane_ring = {.name = "ring",
                                  .is_accelerator = 1,
                                  .takes_serial = 1,
                                  .is_there = is_there,
                                  .attach = attach_ring,
                                  .detach = detach,
                                  .operate = operate},
                     lane_cpu = {.name = "cpu",
                                 .is_there = is_there,
                                 .attach = attach_cpu,
                                 .detach = detach,
                                 .operate = operate};

/* ---- a route over them ---- */

struct hw_route *open_route_over(const struct hw_lane *const *lanes, size_t count, const char *policy)
{
    memset(&fast, 0, sizeof(fast)); /* LANE_OK */
    memset(&ring, 0, sizeof(ring));
    memset(&cpu, 0, sizeof(cpu));
    strcpy(driver, "rsa-fast");
    return hw_route_new(unit.hw, lanes, count, policy, folder, probe);
}

struct hw_route *open_route(const char *policy)
{
    static const struct hw_lane *const lanes[] = {&lane_fast, &lane_cpu};

    return open_route_over(lanes, 2, policy);
}

void close_route(struct hw_route *route)
{
    hw_attach_forget(key->held);
    CU_ASSERT_EQUAL(fast.attached - (fast.result == LANE_KEY), fast.detached);
    CU_ASSERT_EQUAL(ring.attached - (ring.result == LANE_KEY), ring.detached);
    CU_ASSERT_EQUAL(cpu.attached, cpu.detached);
    hw_route_free(route);
}

int sign(struct hw_route *route)
{
    unsigned char out[SIZE] = {0};
    struct hw_op op = {.kind = HW_OP_RSA_RAW, .in = input, .in_len = SIZE, .out = out, .out_size = SIZE};
    int ok = hw_route_operate(route, key, &op);

    CU_ASSERT(!ok || memcmp(out, expected, SIZE) == 0);
    return ok && memcmp(out, expected, SIZE) == 0;
}

int signs(struct hw_route *route, unsigned times)
{
    unsigned good = 0, i;

    for (i = 0; i < times; i++)
        good += (unsigned)sign(route);
    return good == times;
}

void *sign_once(void *route)
{
    wrong += !sign(route);
    return NULL;
}

pthread_t caught_inside(struct hw_route *route, enum lane_result result)
{
    pthread_t other;

    fast.delay_us = 300000;
    wrong = 0;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, sign_once, route), 0);
    while (fast.calls == 0)
        usleep(1000);
    fast.result = result;
    fast.delay_us = 0;
    return other;
}

void *sign_often(void *route)
{
    int i;

    for (i = 0; i < 30; i++)
        wrong += !sign(route);
    return NULL;
}

void in_threads(void *(*run)(void *route), struct hw_route *route)
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

/* ---- what it counts ---- */

unsigned now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

struct line {
    const char *lane;
    char text[512];
};

static void keep(void *arg, const char *text)
{
    struct line *line = arg;
    const char *name = strstr(text, "lane=");
    size_t len = strlen(line->lane);

    if (name != NULL && strncmp(name + 5, line->lane, len) == 0 && name[5 + len] == ' ')
        snprintf(line->text, sizeof(line->text), "%s", text);
}

static void read_line(struct line *line, const char *lane)
{
    *line = (struct line){.lane = lane};
    CU_ASSERT(hw_print_stats(folder, keep, line));
}

unsigned counter_of(const char *lane, const char *name)
{
    struct line line;
    const char *found;

    read_line(&line, lane);
    found = strstr(line.text, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    return (unsigned)strtoul(found + strlen(name), NULL, 10);
}

int is_open_of(const char *lane)
{
    struct line line;

    read_line(&line, lane);
    CU_ASSERT_PTR_NOT_NULL(strstr(line.text, " breaker="));
    return strstr(line.text, " breaker=open") != NULL;
}

unsigned counter(const char *name)
{
    return counter_of("fast", name);
}

int is_open(void)
{
    return is_open_of("fast");
}

/* ---- the program ---- */

int lanes_run(const char *suite, CU_TestInfo *tests)
{
    int status;

    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    unit_open(&unit, "none");
    pkey = unit_rsa(unit.libctx, SIZE * 8);
    EVP_PKEY_up_ref(pkey);
    key = hw_key_from_pkey(unit.hw, pkey, 1);
    memset(input + 1, 0x5a, SIZE - 1);
    hw_rsa_raw(&kept, unit.libctx, pkey, 1, SIZE, input, expected);
    status = unit_run(suite, tests);
    hw_key_free(key);
    hw_rsa_raw_free(&kept);
    EVP_PKEY_free(pkey);
    unit_close(&unit);
    if (rmdir(folder) != 0) {
        fprintf(stderr, "%s is not empty\n", folder);
        return EXIT_FAILURE;
    }
    return status;
}
