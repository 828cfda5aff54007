// SPDX-License-Identifier: Apache-2.0
/*
 * The children, who waits for one, and the thread that starts them and ends idle ones. That is one thread as
 * long as there is the pool, because a child dies with the thread that has started it (PR_SET_PDEATHSIG).
 */
#include "worker.h"

#include "child.h"
#include "frame.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX   16
#define CHILDREN       4
#define IDLE_S         60
#define TIMEOUT_S      60
#define END_MS         3000 /* for a child to end by itself */
#define REQUEST_MARGIN 1024

enum state { FREE, WANTED, IDLE, BUSY, ENDING };

struct slot {
    enum state state;
    struct child child;
    int64_t since; /* ms, when it became idle */
};

struct worker_pool {
    struct worker_config config;
    char *program;
    char *home;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* for those who wait for a child */
    pthread_cond_t work;    /* for the keeper */
    pthread_t keeper;
    int stop_fd; /* can be read once everything is to be cancelled */
    int is_ending;
    struct slot slots[CHILDREN_MAX]; /* the first is for what only looks */
    unsigned longs;                  /* commands that may take long: that run or wait for a child */
    unsigned failures;               /* starts that failed so far */
    char failure[PATH_MAX + 256];    /* the last of them */
};

/* ---- the keeper ---- */

static struct slot *find_slot(struct worker_pool *pool, enum state state, unsigned first)
{
    unsigned i;

    for (i = first; i < pool->config.children; i++) {
        if (pool->slots[i].state == state)
            return &pool->slots[i];
    }
    return NULL;
}

static void start(struct worker_pool *pool, struct slot *slot)
{
    const char *argv[] = {pool->program, "--home", pool->home, "worker", NULL};
    struct child child;
    char failure[sizeof(pool->failure)];
    int ok;

    pthread_mutex_unlock(&pool->mutex);
    ok = child_start(&child, argv);
    if (!ok) {
        snprintf(failure, sizeof(failure), "%s can't be started: %s", pool->program, strerror(errno));
        pool->config.error(pool->config.arg, failure);
    }
    pthread_mutex_lock(&pool->mutex);
    if (ok) {
        slot->child = child;
        slot->since = child_now();
    } else {
        pool->failures++;
        memcpy(pool->failure, failure, sizeof(failure));
    }
    slot->state = ok ? IDLE : FREE;
    pthread_cond_broadcast(&pool->changed);
}

/* The caller has put it into ENDING. */
static void end(struct worker_pool *pool, struct slot *slot, int grace_ms)
{
    struct child child = slot->child;

    pthread_mutex_unlock(&pool->mutex);
    child_end(&child, grace_ms);
    pthread_mutex_lock(&pool->mutex);
    slot->state = FREE;
    pthread_cond_broadcast(&pool->changed);
}

/* One that has been idle for too long; *wait_ms until there will be one, -1: never. */
static struct slot *find_idle(struct worker_pool *pool, int64_t *wait_ms)
{
    int64_t now = child_now();
    unsigned i;

    *wait_ms = -1;
    for (i = 0; i < pool->config.children; i++) {
        struct slot *slot = &pool->slots[i];
        int64_t left = slot->since + (int64_t)pool->config.idle_s * 1000 - now;

        if (slot->state != IDLE)
            continue;
        if (left <= 0 || pool->is_ending)
            return slot;
        if (*wait_ms < 0 || left < *wait_ms)
            *wait_ms = left;
    }
    return NULL;
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline)
{
    struct timespec t = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};

    pthread_cond_timedwait(cond, mutex, &t);
}

static void *keep(void *arg)
{
    struct worker_pool *pool = arg;
    struct slot *slot;
    int64_t wait_ms;

    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        if (!pool->is_ending && (slot = find_slot(pool, WANTED, 0)) != NULL) {
            start(pool, slot);
        } else if ((slot = find_idle(pool, &wait_ms)) != NULL) {
            slot->state = ENDING;
            end(pool, slot, END_MS);
        } else if (pool->is_ending) {
            break;
        } else if (wait_ms < 0) {
            pthread_cond_wait(&pool->work, &pool->mutex);
        } else {
            wait_until(&pool->work, &pool->mutex, child_now() + wait_ms);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* ---- the pool ---- */

static int init_conditions(struct worker_pool *pool)
{
    pthread_condattr_t attributes;
    int ok;

    if (pthread_condattr_init(&attributes) != 0)
        return 0;
    ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
         pthread_mutex_init(&pool->mutex, NULL) == 0 && pthread_cond_init(&pool->changed, &attributes) == 0 &&
         pthread_cond_init(&pool->work, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return ok;
}

struct worker_pool *worker_pool_new(const struct worker_config *config)
{
    struct worker_pool *pool = OPENSSL_zalloc(sizeof(*pool));

    if (pool != NULL) {
        pool->config = *config;
        if (pool->config.children == 0)
            pool->config.children = CHILDREN;
        if (pool->config.children > CHILDREN_MAX)
            pool->config.children = CHILDREN_MAX;
        if (pool->config.children < 2)
            pool->config.children = 2;
        if (pool->config.idle_s == 0)
            pool->config.idle_s = IDLE_S;
        if (pool->config.timeout_s == 0)
            pool->config.timeout_s = TIMEOUT_S;
        pool->home = OPENSSL_strdup(config->home);
        pool->program = OPENSSL_strdup(config->program);
        pool->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (pool->home != NULL && pool->stop_fd >= 0 && pool->program != NULL && init_conditions(pool) &&
            pthread_create(&pool->keeper, NULL, keep, pool) == 0)
            return pool;
        if (pool->stop_fd >= 0)
            close(pool->stop_fd);
        OPENSSL_free(pool->home);
        OPENSSL_free(pool->program);
        OPENSSL_free(pool);
    }
    config->error(config->arg, "workers: out of memory");
    return NULL;
}

void worker_pool_stop(struct worker_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->is_ending = 1;
    eventfd_write(pool->stop_fd, 1);
    pthread_cond_broadcast(&pool->changed);
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
}

void worker_pool_free(struct worker_pool *pool)
{
    if (pool == NULL)
        return;
    worker_pool_stop(pool);
    pthread_join(pool->keeper, NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    close(pool->stop_fd);
    OPENSSL_free(pool->home);
    OPENSSL_free(pool->program);
    OPENSSL_free(pool);
}

/* ---- a call ---- */

static json_t *failure(const char *kind, const char *text)
{
    return json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", kind, "error", text);
}

/* What only looks, and is over soon. */
static int is_short(const json_t *request)
{
    static const char *const commands[] = {"print", "find", "get", "login", NULL};
    const char *command = worker_text(request, "command");
    size_t i;

    for (i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i], command) == 0)
            return 1;
    }
    return 0;
}

/* A child of one's own; NULL: there is none until the deadline, or none can be started. */
static struct slot *take(struct worker_pool *pool, unsigned first, int64_t deadline)
{
    unsigned failures = pool->failures;
    struct slot *slot;

    for (;;) {
        if (pool->is_ending)
            return NULL;
        slot = find_slot(pool, IDLE, first);
        if (slot != NULL && !child_is_dead(&slot->child)) {
            slot->state = BUSY;
            return slot;
        }
        if (slot != NULL) {
            slot->state = ENDING;
            end(pool, slot, 0);
            continue;
        }
        if (pool->failures != failures || child_now() >= deadline)
            return NULL;
        if (find_slot(pool, WANTED, first) == NULL && (slot = find_slot(pool, FREE, first)) != NULL) {
            slot->state = WANTED;
            pthread_cond_signal(&pool->work);
        }
        wait_until(&pool->changed, &pool->mutex, deadline);
    }
}

static void give_back(struct worker_pool *pool, struct slot *slot, int is_usable, int is_long)
{
    pthread_mutex_lock(&pool->mutex);
    pool->longs -= (unsigned)is_long;
    if (is_usable) {
        slot->state = IDLE;
        slot->since = child_now();
        pthread_cond_broadcast(&pool->changed);
        pthread_cond_signal(&pool->work);
    } else {
        slot->state = ENDING;
        end(pool, slot, 0);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static json_t *read_answer(enum exchange exchange, const char *text, size_t len)
{
    json_error_t error;
    json_t *answer = text != NULL ? json_loadb(text, len, 0, &error) : NULL;

    if (json_is_object(answer))
        return answer;
    json_decref(answer);
    switch (exchange) {
    case EXCHANGE_TIMEOUT:
        return failure("timeout", "the command took too long and was cancelled");
    case EXCHANGE_CANCELLED:
        return failure("cancelled", "the client has gone");
    default:
        return failure("unavailable", "the process that ran the command has ended");
    }
}

static json_t *exchange(struct worker_pool *pool, struct slot *slot, const char *text, int64_t deadline,
                        int cancel_fd, int is_long, int *is_lost)
{
    char *reply = NULL;
    size_t len = 0;
    enum exchange result = child_exchange(&slot->child, text, strlen(text), deadline,
                                          (int[2]){cancel_fd, pool->stop_fd}, &reply, &len);
    json_t *answer;

    give_back(pool, slot, reply != NULL, is_long);
    *is_lost = result == EXCHANGE_LOST && reply == NULL;
    answer = read_answer(result, reply, len);
    if (reply != NULL)
        OPENSSL_clear_free(reply, len + 1);
    return answer;
}

static const char *why_not(const struct worker_pool *pool, int64_t deadline)
{
    if (pool->is_ending)
        return "the server ends";
    if (pool->longs > pool->config.children || child_now() >= deadline)
        return "too many commands run already";
    return pool->failure;
}

/* A child of one's own. NULL: *why says why not. A command that may take long waits only if few do: each has
 * a thread of the server's. */
static struct slot *acquire(struct worker_pool *pool, int is_long, int64_t deadline, char *why, size_t size)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&pool->mutex);
    pool->longs += (unsigned)is_long;
    if (!is_long || pool->longs <= pool->config.children)
        slot = take(pool, (unsigned)is_long, deadline);
    if (slot == NULL) {
        OPENSSL_strlcpy(why, why_not(pool, deadline), size);
        pool->longs -= (unsigned)is_long;
    }
    pthread_mutex_unlock(&pool->mutex);
    return slot;
}

json_t *worker_call(struct worker_pool *pool, const json_t *request, int cancel_fd)
{
    int64_t deadline = child_now() + (int64_t)pool->config.timeout_s * 1000;
    char *text = json_dumps(request, JSON_COMPACT), why[sizeof(pool->failure)];
    int is_long = !is_short(request), is_lost = 0;
    struct slot *slot;
    json_t *answer;

    if (text == NULL)
        return NULL;
    if (strlen(text) > FRAME_REQUEST_MAX)
        answer = failure("invalid", "the request is too long");
    else if ((slot = acquire(pool, is_long, deadline, why, sizeof(why))) == NULL)
        answer = failure("unavailable", why);
    else
        answer = exchange(pool, slot, text, deadline, cancel_fd, is_long, &is_lost);
    /* The child may have ended while it had nothing to do: what only looks is asked for once more. */
    if (is_lost && !is_long && (slot = acquire(pool, is_long, deadline, why, sizeof(why))) != NULL) {
        json_decref(answer);
        answer = exchange(pool, slot, text, deadline, cancel_fd, is_long, &is_lost);
    }
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return answer;
}

const char *worker_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}
