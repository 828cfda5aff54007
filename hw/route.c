// SPDX-License-Identifier: Apache-2.0
/*
 * The route: for each operation the lane that is expected to be done first, and another if it fails.
 *
 * A lane's service time is a moving average of how long an operation took, divided by how many were on the
 * lane; the next one is expected to take that times one more than are on it now. A lane that fails gets a
 * breaker: it is left alone for a while, then tried with one operation. A key that has no other lane uses it
 * all the same.
 */
#include "attach.h"
#include "stats.h"

#include <openssl/crypto.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROBE_NS        2000000000LL /* between looks at /proc/crypto */
#define TIMEOUT_MIN_MS  100
#define TIMEOUT_MAX_MS  500   /* with a CPU to do it then, a call ends within a second */
#define TIMEOUT_ONLY_MS 10000 /* where no other lane could take over; also how long it may be full */
#define FAILURES_MAX    3     /* in a row, before the breaker opens */
#define OPEN_MIN_NS     1000000000LL
#define OPEN_MAX_NS     30000000000LL
#define TRUSTED         1000 /* operations without a fault, after which a lane counts as sound again */
#define DEPTH_GROWTH    64   /* operations without "busy" before one more is tried at a time */
#define FORGET_NS                                                                                            \
    1000000000LL /* a lane unused for that long counts as twice as fast: it may have recovered */

/* Times of keys of different sizes have nothing to do with each other: up to 1024 bits, 2048, 3072, 4096,
 * larger. */
#define SIZES 5

static size_t size_class(const struct hw_held *held)
{
    size_t i = (held->size + 127) / 128 - 1;

    return i < SIZES - 1 ? i : SIZES - 1;
}

struct lane_state {
    const struct hw_lane *lane;
    int is_wanted; /* by the policy */
    _Atomic int is_there;
    struct stats_lane *stats;
    struct {
        _Atomic int64_t service_ns; /* 0: not known */
        _Atomic unsigned count;     /* of operations */
    } by_size[SIZES];
    _Atomic int64_t last_ns; /* when it was last used */
    _Atomic unsigned in_flight, depth, since_busy, failures;
    _Atomic int64_t open_until_ns; /* the breaker; 0: closed; no two openings have the same time */
    _Atomic int64_t open_ns;       /* how long it is to stay open the next time */
    _Atomic unsigned since_open;   /* good operations since it closed */
    _Atomic int is_tried;          /* one operation is trying the lane */
};

struct hw_route {
    struct hw *hw;
    int kernel_only;
    long cpus;
    struct stats *stats;
    struct stats_lane *_Atomic other; /* hw_route_count's */
    hw_probe_function *probe;
    pthread_mutex_t lock; /* guards the probe and driver */
    _Atomic int64_t probed_ns;
    _Atomic unsigned epoch; /* counts changes of driver */
    _Atomic unsigned forks; /* of the process whose operations are in flight */
    char driver[HW_DRIVER_SIZE];
    _Atomic int has_driver;
    size_t count;
    struct lane_state lanes[HW_LANES_MAX];
};

/* An operation on a lane. */
struct attempt {
    size_t i;              /* of the lane */
    int is_last;           /* no other lane could take over */
    int is_forced;         /* nothing is better than a lane that is full or fails */
    int is_trial;          /* the one that an open breaker lets through after its time */
    int64_t open_until_ns; /* of the breaker, when it began */
    unsigned others;       /* on the lane, when it began */
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the policy ---- */

static int take_word(struct hw_route *route, const char *word)
{
    size_t i;
    int found = 0;

    if (strcmp(word, "kernel-only") == 0) {
        route->kernel_only = 1;
        return 1;
    }
    for (i = 0; i < route->count; i++) {
        const struct hw_lane *lane = route->lanes[i].lane;

        if (strcmp(lane->name, word) == 0 || (lane->is_accelerator && strcmp(word, "accelerator") == 0)) {
            route->lanes[i].is_wanted = 1;
            found = 1;
        }
    }
    return found;
}

static int take_policy(struct hw_route *route, const char *policy)
{
    char *copy = OPENSSL_strdup(policy), *rest = NULL, *word;
    int ok = copy != NULL, words = 0;

    for (word = ok ? strtok_r(copy, " \t,", &rest) : NULL; word != NULL && ok;
         word = strtok_r(NULL, " \t,", &rest)) {
        ok = take_word(route, word);
        words++;
        if (!ok)
            hw_raise(route->hw, HW_E_UNSUPPORTED,
                     "lanes = %.64s: expected accelerator and cpu, or one of them, or kernel-only", policy);
    }
    OPENSSL_free(copy);
    if (ok && (words == 0 || (route->kernel_only && words > 1))) {
        hw_raise(route->hw, HW_E_UNSUPPORTED, "lanes = %.64s: %s", policy,
                 words == 0 ? "no lane is named" : "kernel-only stands alone");
        ok = 0;
    }
    return ok;
}

struct hw_route *hw_route_new(struct hw *hw, const struct hw_lane *const *lanes, size_t count,
                              const char *policy, const char *stats_folder, hw_probe_function *probe)
{
    struct hw_route *route = OPENSSL_zalloc(sizeof(*route));
    cpu_set_t set;
    size_t i;

    if (route == NULL || count > HW_LANES_MAX || count >= STATS_LANES) {
        OPENSSL_free(route);
        return NULL;
    }
    route->hw = hw;
    route->count = count;
    route->probe = probe;
    route->forks = hw_fork_count();
    route->cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    route->stats = stats_new(stats_folder);
    pthread_mutex_init(&route->lock, NULL);
    if (route->stats == NULL) {
        hw_route_free(route);
        return NULL;
    }
    for (i = 0; i < count; i++) {
        route->lanes[i].lane = lanes[i];
        route->lanes[i].depth = UINT32_MAX;
        route->lanes[i].open_ns = OPEN_MIN_NS;
        route->lanes[i].stats = stats_lane(route->stats, i, lanes[i]->name);
    }
    if (take_policy(route, policy != NULL ? policy : "accelerator cpu"))
        return route;
    hw_route_free(route);
    return NULL;
}

void hw_route_free(struct hw_route *route)
{
    if (route == NULL)
        return;
    stats_free(route->stats);
    pthread_mutex_destroy(&route->lock);
    OPENSSL_free(route);
}

int hw_route_is_kernel_only(const struct hw_route *route)
{
    return route->kernel_only;
}

/* ---- what is here ---- */

static void reset_lane(struct hw_route *route, struct lane_state *lane)
{
    size_t i;

    lane->is_there = lane->lane->is_there(route->hw, route->driver);
    lane->open_until_ns = 0;
    lane->open_ns = OPEN_MIN_NS;
    lane->is_tried = 0;
    lane->stats->is_open = 0;
    lane->depth = UINT32_MAX;
    lane->since_busy = 0;
    for (i = 0; i < SIZES; i++) {
        lane->by_size[i].service_ns = 0;
        lane->by_size[i].count = 0;
    }
    lane->failures = 0;
}

/* Looks for the accelerator at the first operation and every few seconds: drivers come and go. */
static void look_around(struct hw_route *route, int64_t now)
{
    char driver[HW_DRIVER_SIZE];
    size_t i;

    if (route->epoch != 0 && now - route->probed_ns < PROBE_NS)
        return;
    pthread_mutex_lock(&route->lock);
    if (route->epoch == 0 || now - route->probed_ns >= PROBE_NS) {
        route->probe(driver, sizeof(driver));
        route->probed_ns = now;
        if (route->epoch == 0 || strcmp(driver, route->driver) != 0) {
            strcpy(route->driver, driver);
            route->has_driver = *driver != '\0';
            for (i = 0; i < route->count; i++)
                reset_lane(route, &route->lanes[i]);
            hw_log(route->hw, HW_LOG_INFO, "the kernel's RSA accelerator: %s",
                   *driver != '\0' ? driver : "none");
            route->epoch++;
        }
    }
    pthread_mutex_unlock(&route->lock);
}

void hw_route_get_driver(struct hw_route *route, char driver[HW_DRIVER_SIZE])
{
    pthread_mutex_lock(&route->lock);
    strcpy(driver, route->driver);
    pthread_mutex_unlock(&route->lock);
}

/* In a child: what its parent's threads were in the middle of does not end here. */
static void forget_parent(struct hw_route *route)
{
    size_t i;

    if (route->forks == hw_fork_count())
        return;
    pthread_mutex_lock(&route->lock);
    if (route->forks != hw_fork_count()) {
        for (i = 0; i < route->count; i++) {
            route->lanes[i].in_flight = 0;
            route->lanes[i].is_tried = 0;
        }
        route->forks = hw_fork_count();
    }
    pthread_mutex_unlock(&route->lock);
}

/* ---- the choice ---- */

static int is_usable(const struct hw_route *route, size_t i, const struct hw_held *held)
{
    const struct lane_state *lane = &route->lanes[i];
    unsigned epoch = route->epoch;

    if (!lane->is_there || held->refused[i] == epoch)
        return 0;
    /* What only the kernel has, only the kernel can use, with an accelerator or without. */
    if (held->raw == NULL)
        return lane->lane->takes_serial;
    if (route->kernel_only)
        return lane->lane->is_accelerator;
    return lane->is_wanted && (!lane->lane->is_accelerator || route->has_driver);
}

/* How long the next operation is expected to take; negative: not now. */
static int64_t expected_ns(const struct hw_route *route, const struct lane_state *lane,
                           const struct hw_held *held, int64_t now)
{
    unsigned in_flight = lane->in_flight;
    int64_t service = lane->by_size[size_class(held)].service_ns, unused = now - lane->last_ns,
            width = lane->lane->is_accelerator ? 1 : route->cpus;
    int64_t open_until = lane->open_until_ns;

    if (open_until != 0 && (now < open_until || lane->is_tried))
        return -1;
    if (in_flight >= lane->depth)
        return -1;
    if (in_flight == 0 && unused > FORGET_NS)
        service >>= unused / FORGET_NS < 32 ? unused / FORGET_NS : 32;
    return in_flight + 1 > width ? service * (in_flight + 1) / width : service;
}

/* Chooses the lane of the next attempt; returns 0 if all have been tried. The first accelerator that takes
 * the key stands for all. */
static int choose(const struct hw_route *route, const struct hw_held *held, unsigned tried, int64_t now,
                  struct attempt *attempt)
{
    int has_accelerator = 0;
    unsigned left = 0;
    int64_t best_ns = 0;
    size_t i;

    *attempt = (struct attempt){.is_forced = 1};
    for (i = 0; i < route->count; i++) {
        int64_t ns;

        if (!is_usable(route, i, held) || (route->lanes[i].lane->is_accelerator && has_accelerator++) ||
            tried & 1u << i)
            continue;
        if (left++ == 0)
            attempt->i = i;
        ns = expected_ns(route, &route->lanes[i], held, now);
        if (ns >= 0 && (attempt->is_forced || ns < best_ns)) {
            attempt->i = i;
            attempt->is_forced = 0;
            best_ns = ns;
        }
    }
    attempt->is_last = left == 1;
    return left > 0;
}

/* After its time an open breaker lets one operation through. */
static int take_trial(struct lane_state *lane, struct attempt *attempt, int64_t now)
{
    if (atomic_exchange(&lane->is_tried, 1))
        return 0;
    attempt->open_until_ns = lane->open_until_ns; /* the last trial may have ended just now */
    attempt->is_trial = attempt->open_until_ns != 0 && now >= attempt->open_until_ns;
    if (!attempt->is_trial)
        lane->is_tried = 0;
    return attempt->is_trial;
}

/* Puts the operation on its lane, unless another one has come first to try it. */
static int enter(struct lane_state *lane, struct attempt *attempt, int64_t now)
{
    attempt->open_until_ns = lane->open_until_ns;
    if (attempt->open_until_ns != 0 && !take_trial(lane, attempt, now) && !attempt->is_forced)
        return 0;
    attempt->others = lane->in_flight++;
    return 1;
}

/* ---- what an operation teaches ---- */

/* Once, however many operations were on the lane; while it is open, only by the one that tries the lane. */
static void open_breaker(struct hw_route *route, struct lane_state *lane, const struct attempt *attempt,
                         int64_t now, const char *why)
{
    int64_t seen = attempt->open_until_ns, ns = lane->open_ns;
    char driver[HW_DRIVER_SIZE];

    if ((seen != 0 && !attempt->is_trial) ||
        !atomic_compare_exchange_strong(&lane->open_until_ns, &seen, now + ns))
        return;
    lane->open_ns = ns * 2 < OPEN_MAX_NS ? ns * 2 : OPEN_MAX_NS;
    lane->failures = 0;
    lane->stats->opened++;
    lane->stats->is_open = 1;
    hw_route_get_driver(route, driver);
    hw_log(route->hw, HW_LOG_WARN, "lane %s (%s) %s: not used for %d s", lane->lane->name, driver, why,
           (int)(ns / 1000000000));
}

static void close_breaker(struct hw_route *route, struct lane_state *lane, const struct attempt *attempt)
{
    int64_t seen = attempt->open_until_ns;
    char driver[HW_DRIVER_SIZE];

    if (!atomic_compare_exchange_strong(&lane->open_until_ns, &seen, 0))
        return;
    lane->since_open = 0;
    lane->stats->is_open = 0;
    hw_route_get_driver(route, driver);
    hw_log(route->hw, HW_LOG_INFO, "lane %s (%s) is back", lane->lane->name, driver);
}

static void learn_success(struct hw_route *route, struct lane_state *lane, const struct hw_held *held,
                          const struct attempt *attempt, int64_t took)
{
    size_t i = size_class(held);
    int64_t width = lane->lane->is_accelerator ? 1 : route->cpus, there = (int64_t)attempt->others + 1;
    int64_t sample = there > width ? took * width / there : took;
    int64_t old = lane->by_size[i].service_ns;

    lane->stats->operations++;
    /* The first operation pays for what is made once. */
    if (lane->by_size[i].count++ > 0)
        lane->by_size[i].service_ns = old == 0 ? sample : old + (sample - old) / 8;
    lane->stats->service_ns = (uint64_t)lane->by_size[i].service_ns;
    lane->failures = 0;
    if (lane->depth != UINT32_MAX && ++lane->since_busy >= DEPTH_GROWTH) {
        lane->depth++;
        lane->since_busy = 0;
    }
    if (lane->open_ns != OPEN_MIN_NS && ++lane->since_open >= TRUSTED)
        lane->open_ns = OPEN_MIN_NS;
    if (attempt->is_trial)
        close_breaker(route, lane, attempt);
}

static void learn_failure(struct hw_route *route, struct lane_state *lane, const struct attempt *attempt,
                          enum lane_result result, int64_t now)
{
    if (result != LANE_BUSY)
        route->probed_ns = 0; /* whatever is wrong, the driver may have gone */
    switch (result) {
    case LANE_BUSY:
        lane->stats->busy++;
        if (attempt->others > 0) {
            lane->depth = attempt->others;
            lane->since_busy = 0;
            return;
        }
        break;
    case LANE_SILENT:
        lane->stats->timeouts++;
        open_breaker(route, lane, attempt, now, "gives no answer");
        return;
    default:
        lane->stats->failures++;
        break;
    }
    if (attempt->is_trial || ++lane->failures >= FAILURES_MAX)
        open_breaker(route, lane, attempt, now, "fails");
}

void hw_route_count(struct hw_route *route, const char *name, int ok, int64_t took_ns)
{
    struct stats_lane *stats = route->other;
    uint64_t old;

    /* Whoever comes first, and all who come at the same time, find the same place. No lock: a fork could find
     * it locked. */
    if (stats == NULL) {
        stats = stats_lane(route->stats, route->count, name);
        route->other = stats;
    }
    stats_touch(route->stats);
    if (!ok) {
        stats->failures++;
        return;
    }
    stats->operations++;
    old = stats->service_ns;
    stats->service_ns = old == 0 ? (uint64_t)took_ns : old - old / 8 + (uint64_t)took_ns / 8;
}

/* ---- one operation ---- */

/* Ten times what is usual, within bounds; a driver's first operations may take their time. */
static unsigned timeout_ms(const struct lane_state *lane, const struct hw_held *held,
                           const struct attempt *attempt)
{
    int64_t service = lane->by_size[size_class(held)].service_ns,
            ms = service * (lane->in_flight + 1) * 10 / 1000000;

    if (attempt->is_last)
        return TIMEOUT_ONLY_MS;
    if (service == 0 || ms > TIMEOUT_MAX_MS)
        return TIMEOUT_MAX_MS;
    return ms < TIMEOUT_MIN_MS ? TIMEOUT_MIN_MS : (unsigned)ms;
}

static enum lane_result run(struct hw_route *route, const struct attempt *attempt, struct hw_key *key,
                            struct hw_op *op)
{
    size_t i = attempt->i;
    struct lane_state *lane = &route->lanes[i];
    struct hw_held *held = key->held;
    enum lane_result result = LANE_FAILED;
    struct hw_attachment *attachment;
    int64_t begin = 0, end;

    stats_touch(route->stats);
    attachment = hw_attach_take(route, lane->lane, i, held, route->epoch, &result);
    lane->last_ns = begin = now_ns();
    if (attachment != NULL) {
        unsigned ms = timeout_ms(lane, held, attempt);

        result = lane->lane->operate(attachment->state, held, op->in, op->out, ms);
        hw_attach_let_go(held, i, attachment, result == LANE_FAILED || result == LANE_GONE);
    }
    end = now_ns();
    lane->in_flight--;
    op->out_len = key->size;
    if (result == LANE_OK && lane->lane->is_accelerator && !hw_rsa_check(key, op)) {
        OPENSSL_cleanse(op->out, op->out_size);
        lane->stats->wrong++;
        open_breaker(route, lane, attempt, end, "gave a wrong result");
        result = LANE_FAILED;
    } else if (result == LANE_OK) {
        learn_success(route, lane, held, attempt, end - begin);
    } else if (result == LANE_KEY) {
        held->refused[i] = route->epoch;
    } else if (result != LANE_INPUT && result != LANE_GONE) {
        learn_failure(route, lane, attempt, result, end);
    }
    if (attempt->is_trial)
        lane->is_tried = 0;
    return result;
}

/* Is it only that no lane takes the key? */
static int is_refused(const struct hw_route *route, const struct hw_held *held, unsigned tried)
{
    unsigned epoch = route->epoch, refused = 0;
    size_t i;

    for (i = 0; i < route->count; i++)
        refused |= (held->refused[i] == epoch ? 1u : 0) << i;
    return refused != 0 && (tried & ~refused) == 0;
}

/* tried and busy: the lanes that were, and those of them that were full to the end. */
static int raise_none(struct hw_route *route, const struct hw_held *held, unsigned tried, unsigned busy)
{
    int is_here = tried != 0 || is_refused(route, held, tried);
    char driver[HW_DRIVER_SIZE];

    hw_route_get_driver(route, driver);
    if (held->raw == NULL)
        hw_raise(route->hw, is_here ? HW_E_DEVICE : HW_E_NO_DEVICE,
                 "the kernel, which alone holds the key, %s",
                 busy != 0 ? "has been too busy to use it for 10 s"
                 : is_here ? "could not use it (an accelerator that fails, or a key that is gone)"
                           : "offers no way to use it here: see keyctl(2)");
    else if (is_here)
        hw_raise(route->hw, HW_E_DEVICE, "the accelerator %s %s, and lanes allows no other", driver,
                 busy != 0                        ? "has been full for 10 s"
                 : is_refused(route, held, tried) ? "does not take this key"
                                                  : "failed");
    else
        hw_raise(route->hw, HW_E_NO_DEVICE,
                 "lanes allows the accelerator only, and there is none: /proc/crypto has no driver for rsa "
                 "but the kernel's own");
    return 0;
}

/* A device whose queue is full tells nobody when there is room again, and it may be other processes that fill
 * it: there is nothing to wait on. */
static void wait_for_room(void)
{
    static const struct timespec wait = {0, 2000000};

    hw_fork_release();
    nanosleep(&wait, NULL);
    hw_fork_hold();
}

static int operate(struct hw_route *route, struct hw_key *key, struct hw_op *op)
{
    int64_t until = now_ns() + TIMEOUT_ONLY_MS * 1000000LL;
    unsigned tried = 0, busy = 0; /* lanes; the busy ones have been tried, too */

    forget_parent(route);
    for (;;) {
        int64_t now = now_ns();
        struct attempt attempt;

        look_around(route, now);
        if (!choose(route, key->held, tried, now, &attempt)) {
            if (busy == 0 || now >= until)
                return raise_none(route, key->held, tried, busy);
            wait_for_room();
            tried &= ~busy;
            busy = 0;
            continue;
        }
        if (!enter(&route->lanes[attempt.i], &attempt, now))
            continue;
        switch (run(route, &attempt, key, op)) {
        case LANE_OK:
            return 1;
        case LANE_INPUT:
            hw_raise(route->hw, HW_E_BAD_INPUT,
                     "RSA private operation: input out of range, not below the modulus");
            return 0;
        case LANE_BUSY:
            busy |= 1u << attempt.i;
            tried |= busy;
            break;
        default:
            tried |= 1u << attempt.i;
        }
    }
}

int hw_route_operate(struct hw_route *route, struct hw_key *key, struct hw_op *op)
{
    int ok;

    hw_fork_hold();
    ok = operate(route, key, op);
    hw_fork_release();
    return ok;
}

void hw_route_print(struct hw_route *route, void (*print)(void *arg, const char *line), void *arg)
{
    char line[256], driver[HW_DRIVER_SIZE];
    size_t i;

    hw_fork_hold();
    look_around(route, now_ns());
    hw_route_get_driver(route, driver);
    hw_fork_release();
    for (i = 0; i < route->count; i++) {
        const struct lane_state *lane = &route->lanes[i];
        const char *how = lane->is_wanted ? "" : ", not in use (lanes)";

        if (!lane->lane->is_accelerator)
            continue;
        if (lane->is_there && *driver != '\0')
            snprintf(line, sizeof(line), "%s: the kernel's RSA driver %s%s", lane->lane->name, driver, how);
        else
            snprintf(line, sizeof(line), "%s: no RSA accelerator%s", lane->lane->name,
                     *driver != '\0' ? " by this way" : "");
        print(arg, line);
    }
}
