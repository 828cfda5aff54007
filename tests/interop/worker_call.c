// SPDX-License-Identifier: Apache-2.0
/*
 * A daemon that has nothing but a pool of workers: `worker_call HOME [IDLE_S [TIMEOUT_S]]` reads lines
 *   {…}          a request: prints the answer
 *   & {…}        the same in a thread of its own, which prints "then: " and the answer
 *   wait         for those
 *   cancel       their clients go away
 *   times N {…}  the request N times: prints the microseconds that 99 of 100 took at most, after the first
 *   children     prints the process ids of the workers, in one line
 *   pause MS
 *   stop         the pool cancels everything
 */
#include "tools/worker/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 64
#define TIMES   10000

static struct worker_pool *pool;
static int client[2] = {-1, -1}; /* whoever asks, and our side */
static pthread_t threads[THREADS];
static size_t count;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void on_error(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void run(const char *prefix, const char *text)
{
    json_error_t error;
    json_t *request = json_loads(text, 0, &error),
           *answer = request != NULL ? worker_call(pool, request, client[1]) : NULL;
    char *out = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;

    pthread_mutex_lock(&output);
    printf("%s%s\n", prefix, out != NULL ? out : "no answer");
    fflush(stdout);
    pthread_mutex_unlock(&output);
    free(out);
    json_decref(answer);
    json_decref(request);
}

static void *run_then(void *arg)
{
    run("then: ", arg);
    free(arg);
    return NULL;
}

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void run_times(int n, const char *text)
{
    static int64_t took[TIMES];
    json_error_t error;
    json_t *request = json_loads(text, 0, &error);
    int i;

    for (i = -1; request != NULL && i < n && i < TIMES; i++) {
        int64_t began = now_us();
        json_t *answer = worker_call(pool, request, -1);

        if (!json_is_true(json_object_get(answer, "ok")))
            printf("failed: %s\n", worker_text(answer, "error"));
        json_decref(answer);
        if (i >= 0)
            took[i] = now_us() - began;
    }
    json_decref(request);
    qsort(took, (size_t)i, sizeof(took[0]), compare);
    printf("%lld\n", (long long)took[i * 99 / 100]);
}

static void connect_client(void)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) != 0)
        exit(1);
}

static void wait_all(void)
{
    while (count > 0)
        pthread_join(threads[--count], NULL);
}

/* Of /proc/self/task/…/children: those of all threads. */
static void print_children(void)
{
    char command[64], line[256];
    FILE *pipe;

    snprintf(command, sizeof(command), "pgrep -d ' ' -P %d signet", getpid());
    pipe = popen(command, "r");
    printf("%s", pipe != NULL && fgets(line, sizeof(line), pipe) != NULL ? line : "\n");
    if (pipe != NULL)
        pclose(pipe);
}

static void take_line(const char *line)
{
    int n;

    if (line[0] == '{') {
        run("", line);
    } else if (line[0] == '&' && count < THREADS) {
        pthread_create(&threads[count++], NULL, run_then, strdup(line + 1));
    } else if (strncmp(line, "times ", 6) == 0) {
        n = atoi(line + 6);
        run_times(n, strchr(line, '{'));
    } else if (strcmp(line, "wait") == 0) {
        wait_all();
    } else if (strcmp(line, "cancel") == 0) {
        close(client[0]);
        wait_all();
        close(client[1]);
        connect_client();
    } else if (strcmp(line, "children") == 0) {
        print_children();
    } else if (strncmp(line, "pause ", 6) == 0) {
        usleep((useconds_t)atoi(line + 6) * 1000);
    } else if (strcmp(line, "stop") == 0) {
        worker_pool_stop(pool);
    } else {
        fprintf(stderr, "%s?\n", line);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct worker_config config = {.program = SIGNET_PROGRAM, .error = on_error, .children = 4};
    char *line = NULL;
    size_t size = 0;

    if (argc < 2)
        return 2;
    config.home = argv[1];
    config.idle_s = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    config.timeout_s = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    connect_client();
    pool = worker_pool_new(&config);
    if (pool == NULL)
        return 1;
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        take_line(line);
    }
    wait_all();
    worker_pool_free(pool);
    free(line);
    return 0;
}
