// SPDX-License-Identifier: Apache-2.0
/* Threads for system calls that may never return: each takes one job at a time. */
#include "workers.h"

#include "lane.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define WORKERS_MAX 64
#define STACK_SIZE  65536

enum { WAITED_FOR, FINISHED, ABANDONED };

struct worker {
    struct hw_workers *pool;
    struct worker *next; /* of the idle ones */
    pthread_t thread;
    sem_t wake, done;
    struct hw_job *job; /* NULL when woken: to end */
    _Atomic int state;  /* of the job */
};

/* The thread that makes the workers, so that they inherit what it has: it does nothing else, and so never
 * hangs. Asked with the pool's lock held. */
struct maker {
    pthread_t thread;
    int is_there;
    sem_t wake, done;
    struct worker *wanted; /* NULL when woken: to end */
    int is_made;
};

struct hw_workers {
    pthread_mutex_t lock;
    void (*prepare)(void);
    struct maker maker;
    struct worker *idle;
    unsigned count;
    int is_ending;
    unsigned refs;  /* the owner and each worker */
    unsigned forks; /* of the process whose threads they are */
};

static void drop(struct hw_workers *pool)
{
    unsigned refs;

    pthread_mutex_lock(&pool->lock);
    refs = --pool->refs;
    pthread_mutex_unlock(&pool->lock);
    if (refs > 0)
        return;
    sem_destroy(&pool->maker.wake);
    sem_destroy(&pool->maker.done);
    pthread_mutex_destroy(&pool->lock);
    OPENSSL_free(pool);
}

static void worker_free(struct worker *worker)
{
    sem_destroy(&worker->wake);
    sem_destroy(&worker->done);
    OPENSSL_free(worker);
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        ;
}

/* Goes back to the idle ones; returns 0 if there is no pool to go back to. */
static int go_idle(struct worker *worker)
{
    struct hw_workers *pool = worker->pool;
    int wanted;

    pthread_mutex_lock(&pool->lock);
    wanted = !pool->is_ending;
    if (wanted) {
        worker->next = pool->idle;
        pool->idle = worker;
    }
    pthread_mutex_unlock(&pool->lock);
    return wanted;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct hw_workers *pool = worker->pool;

    for (;;) {
        wait_for(&worker->wake);
        if (worker->job == NULL)
            return NULL; /* end() frees the worker */
        worker->job->run(worker->job);
        /* Whoever waits puts this worker back, after reading what the job has brought. */
        if (atomic_exchange(&worker->state, FINISHED) == WAITED_FOR) {
            sem_post(&worker->done);
            continue;
        }
        worker->job->release(worker->job);
        if (!go_idle(worker))
            break;
    }
    pthread_detach(pthread_self());
    worker_free(worker);
    drop(pool);
    return NULL;
}

static int thread_new(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    pthread_attr_t attributes;
    int ok;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE > PTHREAD_STACK_MIN ? STACK_SIZE : PTHREAD_STACK_MIN);
    ok = pthread_create(thread, &attributes, run, arg) == 0;
    pthread_attr_destroy(&attributes);
    return ok;
}

static void *make(void *arg)
{
    struct hw_workers *pool = arg;
    struct maker *maker = &pool->maker;

    if (pool->prepare != NULL)
        pool->prepare();
    for (;;) {
        wait_for(&maker->wake);
        if (maker->wanted == NULL)
            return NULL;
        maker->is_made = thread_new(&maker->wanted->thread, work, maker->wanted);
        sem_post(&maker->done);
    }
}

/* With the lock held. */
static int maker_begin(struct hw_workers *pool)
{
    struct maker *maker = &pool->maker;
    sigset_t all, before;

    if (maker->is_there)
        return 1;
    /* The program's signals are for the program's threads; the workers inherit that, too. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    maker->is_there = thread_new(&maker->thread, make, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return maker->is_there;
}

static void maker_end(struct maker *maker)
{
    if (!maker->is_there)
        return;
    maker->wanted = NULL;
    sem_post(&maker->wake);
    pthread_join(maker->thread, NULL);
}

/* With the lock held. */
static struct worker *worker_new(struct hw_workers *pool)
{
    struct worker *worker;

    if (!maker_begin(pool) || (worker = OPENSSL_zalloc(sizeof(*worker))) == NULL)
        return NULL;
    worker->pool = pool;
    sem_init(&worker->wake, 0, 0);
    sem_init(&worker->done, 0, 0);
    pool->maker.wanted = worker;
    sem_post(&pool->maker.wake);
    wait_for(&pool->maker.done);
    if (pool->maker.is_made)
        return worker;
    worker_free(worker);
    return NULL;
}

struct hw_workers *hw_workers_new(void (*prepare)(void))
{
    struct hw_workers *pool = OPENSSL_zalloc(sizeof(*pool));

    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    sem_init(&pool->maker.wake, 0, 0);
    sem_init(&pool->maker.done, 0, 0);
    pool->prepare = prepare;
    pool->refs = 1;
    pool->forks = hw_fork_count();
    return pool;
}

static void end(struct worker *worker)
{
    struct hw_workers *pool = worker->pool;

    worker->job = NULL;
    sem_post(&worker->wake);
    pthread_join(worker->thread, NULL);
    worker_free(worker);
    drop(pool);
}

int hw_workers_are_ours(const struct hw_workers *pool)
{
    return pool->forks == hw_fork_count();
}

void hw_workers_free(struct hw_workers *pool)
{
    struct worker *worker, *next;

    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = 1;
    worker = pool->idle;
    pool->idle = NULL;
    pthread_mutex_unlock(&pool->lock);
    for (; worker != NULL; worker = next) {
        next = worker->next;
        end(worker);
    }
    maker_end(&pool->maker);
    drop(pool);
}

static struct worker *take_idle(struct hw_workers *pool)
{
    struct worker *worker;

    pthread_mutex_lock(&pool->lock);
    worker = pool->idle;
    if (worker != NULL) {
        pool->idle = worker->next;
    } else if (pool->count < WORKERS_MAX && (worker = worker_new(pool)) != NULL) {
        pool->count++;
        pool->refs++;
    }
    pthread_mutex_unlock(&pool->lock);
    return worker;
}

/* Returns 1 if the job has ended. */
static int hand_over(struct worker *worker, struct hw_job *job, unsigned timeout_ms)
{
    struct timespec until;
    int status;

    worker->job = job;
    worker->state = WAITED_FOR;
    sem_post(&worker->wake);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    do
        status = sem_clockwait(&worker->done, CLOCK_MONOTONIC, &until);
    while (status != 0 && errno == EINTR);
    if (status == 0)
        return 1;
    if (atomic_exchange(&worker->state, ABANDONED) != FINISHED)
        return 0;
    wait_for(&worker->done); /* it has ended just now */
    return 1;
}

enum hw_job_end hw_workers_run(struct hw_workers *pool, struct hw_job *job, unsigned timeout_ms)
{
    struct worker *worker = take_idle(pool);

    if (worker == NULL)
        return HW_JOB_NO_WORKER;
    if (!hand_over(worker, job, timeout_ms))
        return HW_JOB_ABANDONED;
    go_idle(worker);
    return HW_JOB_DONE;
}
