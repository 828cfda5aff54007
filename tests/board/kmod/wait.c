// SPDX-License-Identifier: Apache-2.0
/* Ways out of waiting for a device that hangs: signals, timeouts, and a socket closed meanwhile. */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static long ms_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the thread sleeps in this function of the module, for its operation to end. */
static void until_it_waits(pid_t thread)
{
    char path[40], function[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/wchan", thread);
    do {
        usleep(1000);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        n = read(fd, function, sizeof(function) - 1);
        close(fd);
        function[n > 0 ? n : 0] = '\0';
    } while (strcmp(function, "request_wait") != 0);
}

struct reader {
    pthread_t thread;
    atomic_int tid;
    int fd;
    long result;
};

static void *run_read(void *arg)
{
    struct reader *reader = arg;
    unsigned char out[SIZE];

    atomic_store(&reader->tid, gettid());
    reader->result = read(reader->fd, out, sizeof(out));
    return NULL;
}

static void set_timeout(int fd, int us)
{
    struct timeval timeout = {.tv_usec = us};

    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
}

void test_hung(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, status, i;
    unsigned char in[SIZE], out[SIZE];
    struct reader reader = {0};
    pid_t pid;
    long start;

    random_input(k, in);
    silicon("silent");
    for (i = 0; i < 20; i++) {
        pid = fork();
        if (pid == 0) {
            int own = op_socket(bound);

            CHECK(send_op(own, ALG_OP_DECRYPT, in, n, 0) == n);
            CHECK(read(own, out, n) == n);
            _exit(0);
        }
        until_it_waits(pid);
        kill(pid, SIGTERM);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    }
    REFUSED(EBUSY, set_key(bound, k));
    ok("a process that waits for a device that hangs can be killed");

    set_timeout(fd, 200000);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    start = ms_now();
    REFUSED(EAGAIN, read(fd, out, n));
    CHECK(ms_now() - start >= 190);
    REFUSED(EINVAL, read(fd, out, n));
    ok("SO_RCVTIMEO ends the wait");

    /* Closed by another thread while one waits. */
    set_timeout(fd, 0);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    reader.fd = fd;
    CHECK(pthread_create(&reader.thread, NULL, run_read, &reader) == 0);
    while (atomic_load(&reader.tid) == 0)
        usleep(1000);
    until_it_waits(reader.tid);
    close(fd);
    silicon("normal");
    pthread_join(reader.thread, NULL);
    CHECK(reader.result == n);

    /* Timeouts that come as the operation ends. */
    fd = op_socket(bound);
    for (i = 0; i < 150; i++) {
        set_timeout(fd, 1000 + i * 100);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        /* Requests given up still count until they end. */
        while (read(fd, out, n) != n && errno != EAGAIN) {
            CHECK(errno == ENOMEM);
            usleep(1000);
        }
    }
    close(fd);
    change_key(bound, k); /* every request given up has ended */
    close(bound);
    ok("sockets closed while a thread waits; timeouts at the moment of the end");
}
