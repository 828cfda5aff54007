// SPDX-License-Identifier: Apache-2.0
/* The AF_ALG lane on a device that gives no answer, and where asynchronous I/O is short or missing. For the
 * board, whose accelerator does as it is told (pka/silicon.c) and whose driver must not give up by itself. */
#include "hw/lane.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE     256 /* bytes of the modulus */
#define LATE_MAX 8   /* as in afalg.c */
#define LONG_MS  10000
#define SHORT_MS 50
#define THREADS  16

static struct unit unit;
static struct hw_key *key;
static char driver[64];
static unsigned char input[SIZE], expected[SIZE];
static char logged[512]; /* the last line */

static void on_log(void *arg, enum hw_level level, const char *text)
{
    (void)arg;
    (void)level;
    snprintf(logged, sizeof(logged), "%s", text);
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Tells the silicon; returns how many requests it has had. */
static unsigned long silicon(const char *order)
{
    int fd = open("/dev/silicon.port", O_RDWR | O_CLOEXEC);
    char reply[128] = "";
    unsigned long requests = 0;
    ssize_t n = 0;
    size_t used;

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(dprintf(fd, "%s\n", order), (int)strlen(order) + 1);
    for (used = 0; strchr(reply, '\n') == NULL && used < sizeof(reply) - 1; used += (size_t)n) {
        n = read(fd, reply + used, sizeof(reply) - 1 - used);
        CU_ASSERT_FATAL(n > 0);
    }
    close(fd);
    CU_ASSERT_EQUAL(sscanf(reply, "ok requests=%lu", &requests), 1);
    return requests;
}

/* A number of /proc/sys/fs: contexts of asynchronous I/O that there are (aio-nr), or may be (aio-max-nr). */
static long get(const char *path)
{
    FILE *file = fopen(path, "r");
    long n = -1;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fscanf(file, "%ld", &n), 1);
    fclose(file);
    return n;
}

static long contexts(void)
{
    return get("/proc/sys/fs/aio-nr");
}

static void allow_contexts(long n)
{
    FILE *file = fopen("/proc/sys/fs/aio-max-nr", "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "%ld\n", n);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void *attach(void)
{
    enum lane_result result;
    void *attached = hw_lane_afalg.attach(key->held, driver, &result);

    CU_ASSERT_PTR_NOT_NULL_FATAL(attached);
    return attached;
}

static enum lane_result operate(void *attached, unsigned timeout_ms)
{
    unsigned char out[SIZE] = {0};
    enum lane_result result;

    hw_fork_hold();
    result = hw_lane_afalg.operate(attached, key->held, input, out, timeout_ms);
    hw_fork_release();
    CU_ASSERT(result != LANE_OK || memcmp(out, expected, SIZE) == 0);
    return result;
}

/* Once the device answers again, what was late is freed, until there are so many contexts. */
static void recovers(void *attached, long wanted)
{
    long end = now_ms() + LONG_MS;

    silicon("normal");
    while ((operate(attached, LONG_MS) != LANE_OK || contexts() != wanted) && now_ms() < end)
        usleep(10000);
    CU_ASSERT_EQUAL(operate(attached, LONG_MS), LANE_OK);
    CU_ASSERT_EQUAL(contexts(), wanted);
}

static void it_answers(void)
{
    void *attached = attach();
    long before = contexts();
    int i;

    for (i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(operate(attached, LONG_MS), LANE_OK);
    CU_ASSERT_EQUAL(contexts(), before + 1);
    hw_lane_afalg.detach(attached);
    CU_ASSERT_EQUAL(contexts(), before);
}

static void falls_silent(void *attached, long before)
{
    unsigned long requests = silicon("silent");
    long begin_ms;
    int i;

    for (i = 0; i < LATE_MAX; i++) {
        begin_ms = now_ms();
        CU_ASSERT_EQUAL(operate(attached, SHORT_MS), LANE_SILENT);
        CU_ASSERT(now_ms() - begin_ms >= SHORT_MS);
    }
    for (i = 0; i < 20; i++) {
        begin_ms = now_ms();
        CU_ASSERT_EQUAL(operate(attached, LONG_MS), LANE_FAILED);
        CU_ASSERT(now_ms() - begin_ms < LONG_MS / 2);
    }
    CU_ASSERT_EQUAL(silicon("stats"), requests + LATE_MAX);
    CU_ASSERT_EQUAL(contexts(), before + LATE_MAX);
    recovers(attached, before + 1);
}

/* A device that is silent for good gets so many operations, and no more; each time. */
static void no_more_than_that(void)
{
    void *attached = attach();
    long before = contexts();
    int i;

    for (i = 0; i < 3; i++)
        falls_silent(attached, before);
    hw_lane_afalg.detach(attached);
    CU_ASSERT_EQUAL(contexts(), before);
}

static void *shared;
static unsigned patience_ms;
static pthread_barrier_t barrier;
static _Atomic unsigned results[LANE_SILENT + 1];

static void *at_once(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&barrier);
    results[operate(shared, patience_ms)]++;
    return NULL;
}

static void threads_operate(unsigned timeout_ms)
{
    pthread_t all[THREADS];
    int i;

    patience_ms = timeout_ms;
    memset(results, 0, sizeof(results));
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&all[i], NULL, at_once, NULL), 0);
    for (i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
    pthread_barrier_destroy(&barrier);
}

/* Nor when threads come at once, each to a place that is free when it looks. */
static void threads_at_once(void)
{
    long before = contexts();
    unsigned long requests;
    int i;

    shared = attach();
    requests = silicon("silent");
    for (i = 0; i < LATE_MAX - 3; i++)
        CU_ASSERT_EQUAL(operate(shared, SHORT_MS), LANE_SILENT);
    threads_operate(1000);
    CU_ASSERT_EQUAL(results[LANE_SILENT], 3);
    CU_ASSERT_EQUAL(results[LANE_BUSY] + results[LANE_FAILED], THREADS - 3);
    CU_ASSERT_EQUAL(silicon("stats"), requests + LATE_MAX);
    CU_ASSERT_EQUAL(contexts(), before + LATE_MAX);
    recovers(shared, before + 1);
    hw_lane_afalg.detach(shared);
}

/* A device that is only slow takes as many as come. */
static void a_slow_device(void)
{
    shared = attach();
    silicon("slow 50");
    threads_operate(LONG_MS);
    CU_ASSERT_EQUAL(results[LANE_OK], THREADS);
    silicon("normal");
    hw_lane_afalg.detach(shared);
}

/* What is late stays the kernel's to write to, and nobody waits for it. */
static void detached_meanwhile(void)
{
    void *attached = attach();
    long before = contexts(), begin_ms;
    int i;

    silicon("silent");
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(operate(attached, SHORT_MS), LANE_SILENT);
    begin_ms = now_ms();
    hw_lane_afalg.detach(attached);
    CU_ASSERT(now_ms() - begin_ms < LONG_MS / 2);
    CU_ASSERT_EQUAL(contexts(), before + 3);
    attached = attach();
    CU_ASSERT_EQUAL(operate(attached, SHORT_MS), LANE_SILENT);
    recovers(attached, before + 4);
    hw_lane_afalg.detach(attached);
    CU_ASSERT_EQUAL(contexts(), before + 3);
}

/* Other programs have all of the system's contexts: a key with one goes on, others fail and get theirs later.
 */
static void contexts_are_short(void)
{
    const long max = get("/proc/sys/fs/aio-max-nr");
    void *first = attach(), *second = attach();

    CU_ASSERT(hw_lane_afalg.is_there(unit.hw, driver));
    CU_ASSERT_EQUAL(operate(first, LONG_MS), LANE_OK);
    allow_contexts(contexts());
    CU_ASSERT(!hw_lane_afalg.is_there(unit.hw, driver));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "asynchronous I/O: Resource temporarily unavailable"));
    CU_ASSERT_EQUAL(operate(first, LONG_MS), LANE_OK);
    CU_ASSERT_EQUAL(operate(second, LONG_MS), LANE_FAILED);
    allow_contexts(max);
    CU_ASSERT_EQUAL(operate(second, LONG_MS), LANE_OK);
    CU_ASSERT(hw_lane_afalg.is_there(unit.hw, driver));
    hw_lane_afalg.detach(first);
    hw_lane_afalg.detach(second);
}

/* As a kernel without CONFIG_AIO, or a sandbox without it, answers. */
static int without_aio(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void there_is_no_aio(void)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (!without_aio())
            _exit(1);
        if (hw_lane_afalg.is_there(unit.hw, driver))
            _exit(2);
        _exit(strstr(logged, "the kernel needs CONFIG_AIO") != NULL ? 0 : 3);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"it answers", it_answers},
        {"no more than that", no_more_than_that},
        {"threads at once", threads_at_once},
        {"a slow device", a_slow_device},
        {"detached meanwhile", detached_meanwhile},
        {"contexts are short", contexts_are_short},
        {"there is no asynchronous I/O", there_is_no_aio},
        CU_TEST_INFO_NULL,
    };
    const struct hw_config config = {.tcti = "none", .log = on_log, .level = HW_LOG_INFO};
    EVP_PKEY *pkey;
    int status;

    unit_open_with(&unit, config);
    hw_probe(driver, sizeof(driver));
    if (*driver == '\0') {
        fprintf(stderr, "no accelerator here: this is for the board\n");
        return EXIT_FAILURE;
    }
    pkey = unit_rsa(unit.libctx, SIZE * 8);
    memset(input + 1, 0x5a, SIZE - 1);
    unit_raw_private(unit.libctx, pkey, input, expected);
    key = hw_key_from_pkey(unit.hw, pkey, 1);
    status = unit_run("afalg", tests);
    hw_key_free(key);
    unit_close(&unit);
    return status;
}
