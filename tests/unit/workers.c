// SPDX-License-Identifier: Apache-2.0
/* The threads for system calls that may never return, with jobs that do as they are told. */
#include "hw/workers.h"

#include "unit.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONG_MS  10000 /* never waited for in full */
#define SHORT_MS 20
#define MAX      64 /* as in workers.c */
#define MAKER    1  /* the thread that makes the others */

/* A job of the caller's, unless it is abandoned: then its release frees it. */
struct job {
    struct hw_job job;
    sem_t go;      /* run waits for it if is_stuck */
    int is_stuck;  /* a system call that does not return until it is told to */
    long until_us; /* one that returns at this time */
    pthread_t thread;
    sigset_t blocked;
    char name[16]; /* of the thread, which it has inherited */
    int result;
};

static _Atomic unsigned runs, releases;
static sem_t released;

static long now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static long now_ms(void)
{
    return now_us() / 1000;
}

static void run(struct hw_job *hw_job)
{
    struct job *job = (struct job *)hw_job;

    if (job->is_stuck) {
        while (sem_wait(&job->go) != 0)
            ;
    }
    while (now_us() < job->until_us)
        ;
    job->thread = pthread_self();
    pthread_sigmask(SIG_SETMASK, NULL, &job->blocked);
    prctl(PR_GET_NAME, job->name);
    job->result = 42;
    runs++;
}

static void job_free(struct job *job)
{
    sem_destroy(&job->go);
    free(job);
}

static void release(struct hw_job *hw_job)
{
    releases++;
    job_free((struct job *)hw_job);
    sem_post(&released);
}

static struct job *job_new(int is_stuck)
{
    struct job *job = calloc(1, sizeof(*job));

    job->job = (struct hw_job){.run = run, .release = release};
    job->is_stuck = is_stuck;
    sem_init(&job->go, 0, 0);
    return job;
}

static _Atomic unsigned preparations;

static void prepare(void)
{
    preparations++;
    prctl(PR_SET_NAME, "prepared");
}

static struct hw_workers *begin(void)
{
    runs = releases = preparations = 0;
    sem_init(&released, 0, 0);
    return hw_workers_new(prepare);
}

/* Waits until so many jobs have been released, and a moment for one too many. */
static int released_are(unsigned count)
{
    struct timespec until;
    unsigned i;

    for (i = 0; i < count; i++) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += LONG_MS / 1000;
        if (sem_timedwait(&released, &until) != 0)
            return 0;
    }
    usleep(SHORT_MS * 1000);
    return releases == count;
}

/* A thread that has been joined or detached, and has ended, is no longer in /proc/self/task. */
static unsigned threads(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    unsigned count = 0;

    while (status != NULL && fgets(line, sizeof(line), status) != NULL &&
           sscanf(line, "Threads: %u", &count) != 1)
        ;
    if (status != NULL)
        fclose(status);
    return count;
}

static int threads_are_at_most(unsigned count)
{
    int tries;

    for (tries = 0; tries < 10000 && threads() > count; tries++)
        usleep(1000);
    return threads() <= count;
}

static int threads_become(unsigned count)
{
    return threads_are_at_most(count) && threads() == count;
}

/* How many there are once those of the test before have ended, which takes a moment on a slow machine. */
static unsigned settled_threads(void)
{
    static unsigned first;

    if (first == 0)
        first = threads();
    CU_ASSERT(threads_become(first));
    return first;
}

static void it_is_done(void)
{
    struct hw_workers *pool = begin();
    unsigned before = settled_threads(), i;
    struct job *job = job_new(0);
    pthread_t first;

    CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
    CU_ASSERT_EQUAL(job->result, 42);
    CU_ASSERT(!pthread_equal(job->thread, pthread_self()));
    first = job->thread;
    /* The same thread again, not a new one each time. */
    for (i = 0; i < 100; i++) {
        job->result = 0;
        CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
        CU_ASSERT_EQUAL(job->result, 42);
        CU_ASSERT(pthread_equal(job->thread, first));
    }
    CU_ASSERT_EQUAL(threads(), before + MAKER + 1);
    job_free(job);
    hw_workers_free(pool);
    CU_ASSERT(threads_become(before));
    CU_ASSERT_EQUAL(runs, 101);
    CU_ASSERT_EQUAL(releases, 0);
}

static void it_is_abandoned(void)
{
    struct hw_workers *pool = begin();
    struct job *stuck = job_new(1), *other = job_new(0);
    long begin_ms = now_ms();

    CU_ASSERT_EQUAL(hw_workers_run(pool, &stuck->job, SHORT_MS), HW_JOB_ABANDONED);
    CU_ASSERT(now_ms() - begin_ms >= SHORT_MS);
    CU_ASSERT(now_ms() - begin_ms < LONG_MS / 2);
    CU_ASSERT_EQUAL(releases, 0); /* it may still be written to */
    /* Others are not held up. */
    CU_ASSERT_EQUAL(hw_workers_run(pool, &other->job, LONG_MS), HW_JOB_DONE);
    sem_post(&stuck->go);
    CU_ASSERT(released_are(1));
    CU_ASSERT_EQUAL(runs, 2);
    /* Its thread is one of the idle ones again. */
    CU_ASSERT_EQUAL(hw_workers_run(pool, &other->job, LONG_MS), HW_JOB_DONE);
    job_free(other);
    hw_workers_free(pool);
    CU_ASSERT(released_are(0) || releases == 1);
    CU_ASSERT_EQUAL(releases, 1);
}

/* The end of the job and the end of the wait at the same moment: done or abandoned, never both or neither. */
static void at_the_last_moment(void)
{
    struct hw_workers *pool = begin();
    unsigned done = 0, abandoned = 0, i;

    for (i = 0; i < 1500; i++) {
        struct job *job = job_new(0);

        job->until_us = now_us() + 1000 + rand() % 120;
        switch (hw_workers_run(pool, &job->job, 1)) {
        case HW_JOB_DONE:
            CU_ASSERT_EQUAL(job->result, 42);
            job_free(job);
            done++;
            break;
        case HW_JOB_ABANDONED:
            abandoned++;
            break;
        case HW_JOB_NO_WORKER: /* all are still at what was abandoned */
            job_free(job);
            usleep(1000);
            break;
        }
    }
    CU_ASSERT(released_are(abandoned));
    CU_ASSERT_EQUAL(runs, done + abandoned);
    CU_ASSERT(done > 0 && abandoned > 0);
    hw_workers_free(pool);
}

static void as_many_as_there_are(void)
{
    struct hw_workers *pool = begin();
    struct job *stuck[MAX], *job = job_new(0);
    unsigned before = settled_threads(), i;

    for (i = 0; i < MAX; i++) {
        stuck[i] = job_new(1);
        CU_ASSERT_EQUAL(hw_workers_run(pool, &stuck[i]->job, 1), HW_JOB_ABANDONED);
    }
    CU_ASSERT_EQUAL(threads(), before + MAKER + MAX);
    CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_NO_WORKER);
    CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_NO_WORKER);
    CU_ASSERT_EQUAL(threads(), before + MAKER + MAX);
    CU_ASSERT_EQUAL(job->result, 0);
    /* One that comes back is enough for any number of jobs. */
    sem_post(&stuck[7]->go);
    CU_ASSERT(released_are(1));
    for (i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
    for (i = 0; i < MAX; i++) {
        if (i != 7)
            sem_post(&stuck[i]->go);
    }
    for (i = 0; i < MAX - 1; i++)
        sem_wait(&released);
    CU_ASSERT_EQUAL(releases, MAX);
    job_free(job);
    hw_workers_free(pool);
    CU_ASSERT(threads_become(before));
}

static void freed_meanwhile(void)
{
    struct hw_workers *pool = begin();
    struct job *stuck = job_new(1), *other = job_new(0);
    unsigned before = settled_threads();
    long begin_ms = now_ms();

    CU_ASSERT_EQUAL(hw_workers_run(pool, &stuck->job, SHORT_MS), HW_JOB_ABANDONED);
    CU_ASSERT_EQUAL(hw_workers_run(pool, &other->job, LONG_MS), HW_JOB_DONE);
    job_free(other);
    hw_workers_free(pool); /* does not wait for what hangs */
    CU_ASSERT(now_ms() - begin_ms < LONG_MS / 2);
    CU_ASSERT(threads_become(before + 1));
    CU_ASSERT_EQUAL(releases, 0);
    sem_post(&stuck->go);
    CU_ASSERT(released_are(1));
    CU_ASSERT(threads_become(before));
}

/* One thread is prepared, and each worker is its child, also one that comes after others have hung. */
static void they_inherit(void)
{
    struct hw_workers *pool = begin();
    struct job *stuck[3], *job = job_new(0);
    unsigned before = settled_threads();
    char mine[16];
    size_t i;

    CU_ASSERT_EQUAL(preparations, 0);
    for (i = 0; i < 3; i++) {
        stuck[i] = job_new(1);
        CU_ASSERT_EQUAL(hw_workers_run(pool, &stuck[i]->job, SHORT_MS), HW_JOB_ABANDONED);
        memset(job->name, 0, sizeof(job->name));
        CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
        CU_ASSERT_STRING_EQUAL(job->name, "prepared");
    }
    CU_ASSERT_EQUAL(preparations, 1);
    CU_ASSERT_EQUAL(threads(), before + MAKER + 4);
    /* And not the caller. */
    prctl(PR_GET_NAME, mine);
    CU_ASSERT_STRING_NOT_EQUAL(mine, "prepared");
    for (i = 0; i < 3; i++)
        sem_post(&stuck[i]->go);
    CU_ASSERT(released_are(3));
    job_free(job);
    hw_workers_free(pool);
    CU_ASSERT(threads_become(before));
}

/* The program's signals are for the program's threads: one that is caught in the middle of a device's system
 * call would end it. */
static void signals(void)
{
    struct hw_workers *pool = begin();
    struct job *job = job_new(0);
    sigset_t mine;
    int number;

    CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
    for (number = 1; number <= SIGSYS; number++) {
        if (number != SIGKILL && number != SIGSTOP)
            CU_ASSERT(sigismember(&job->blocked, number));
    }
    /* And still this one's. */
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    CU_ASSERT(!sigismember(&mine, SIGTERM));
    CU_ASSERT(!sigismember(&mine, SIGALRM));
    job_free(job);
    hw_workers_free(pool);
}

static void on_alarm(int number)
{
    (void)number;
}

/* A signal while the caller waits is no answer. */
static void waits_through_signals(void)
{
    const struct sigaction action = {.sa_handler = on_alarm}, default_action = {.sa_handler = SIG_DFL};
    struct hw_workers *pool = begin();
    struct job *stuck = job_new(1);
    const struct itimerspec every = {{0, 2000000}, {0, 2000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    long begin_ms;

    sigaction(SIGALRM, &action, NULL);
    CU_ASSERT_EQUAL_FATAL(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    timer_settime(timer, 0, &every, NULL);
    begin_ms = now_ms();
    CU_ASSERT_EQUAL(hw_workers_run(pool, &stuck->job, 100), HW_JOB_ABANDONED);
    CU_ASSERT(now_ms() - begin_ms >= 100);
    timer_delete(timer);
    sigaction(SIGALRM, &default_action, NULL);
    sem_post(&stuck->go);
    CU_ASSERT(released_are(1));
    hw_workers_free(pool);
}

static void fork_in_between(void)
{
    struct hw_workers *pool = begin();
    struct job *job = job_new(0);
    int status = -1;
    pid_t pid;

    CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
    CU_ASSERT(hw_workers_are_ours(pool));
    pid = fork();
    if (pid == 0) {
        struct hw_workers *mine;

        alarm(10);
        if (hw_workers_are_ours(pool))
            _exit(1);
        mine = hw_workers_new(NULL);
        job->result = 0;
        if (!hw_workers_are_ours(mine) || hw_workers_run(mine, &job->job, LONG_MS) != HW_JOB_DONE ||
            job->result != 42)
            _exit(2);
        hw_workers_free(mine);
        _exit(0);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    /* The parent's threads are as they were. */
    CU_ASSERT(hw_workers_are_ours(pool));
    CU_ASSERT_EQUAL(hw_workers_run(pool, &job->job, LONG_MS), HW_JOB_DONE);
    job_free(job);
    hw_workers_free(pool);
}

struct caller {
    struct hw_workers *pool;
    pthread_t thread;
    unsigned done;
};

static void *call(void *arg)
{
    struct caller *caller = arg;
    struct job *job = job_new(0);
    int i;

    for (i = 0; i < 500; i++) {
        job->result = 0;
        caller->done += hw_workers_run(caller->pool, &job->job, LONG_MS) == HW_JOB_DONE && job->result == 42;
    }
    job_free(job);
    return NULL;
}

static void many_callers(void)
{
    struct hw_workers *pool = begin();
    struct caller callers[16];
    unsigned before = settled_threads();
    size_t i;

    for (i = 0; i < 16; i++) {
        callers[i] = (struct caller){.pool = pool};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (i = 0; i < 16; i++) {
        pthread_join(callers[i].thread, NULL);
        CU_ASSERT_EQUAL(callers[i].done, 500);
    }
    CU_ASSERT(
        threads_are_at_most(before + MAKER + 16)); /* a thread that was joined is seen a moment longer */
    hw_workers_free(pool);
    CU_ASSERT(threads_become(before));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a job that is done", it_is_done},
        {"a job that is abandoned", it_is_abandoned},
        {"at the last moment", at_the_last_moment},
        {"as many as there are", as_many_as_there_are},
        {"freed while a job hangs", freed_meanwhile},
        {"they inherit", they_inherit},
        {"signals are blocked", signals},
        {"signals while waiting", waits_through_signals},
        {"fork", fork_in_between},
        {"many callers", many_callers},
        CU_TEST_INFO_NULL,
    };

    return unit_run("workers", tests);
}
