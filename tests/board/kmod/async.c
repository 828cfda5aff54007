// SPDX-License-Identifier: Apache-2.0
/* Requests in flight on the emulated accelerator, which is told to say nothing meanwhile, and its errors. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEPTH   4   /* of the accelerator, as kmod_async.sh has it */
#define FLIGHTS 160 /* more than the driver's queue of 128 takes: the rest is its backlog */

/* A parameter of the accelerator's driver. */
static void set_driver(const char *name, const char *value)
{
    char path[100];
    int fd, n = (int)strlen(value);

    snprintf(path, sizeof(path), "/sys/module/emulated_pka/parameters/%s", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, value, n) == n);
    close(fd);
}

static void submit(int fd, aio_context_t aio, const struct key *k, const unsigned char *in, void *out,
                   uint64_t data)
{
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, k->size, 0) == k->size);
    CHECK(aio_submit(aio, IOCB_CMD_PREAD, fd, out, k->size, data) == 1);
}

void test_in_flight(const struct key *k, const struct key *other)
{
    int bound = bound_socket(k), fds[FLIGHTS], n = k->size, i;
    static unsigned char in[FLIGHTS][SIZE], out[FLIGHTS][SIZE], want[FLIGHTS][SIZE];
    aio_context_t aio = aio_new(FLIGHTS);
    long before = silicon("silent");
    uint64_t which;

    for (i = 0; i < FLIGHTS; i++) {
        fds[i] = op_socket(bound);
        random_input(k, in[i]);
        reference(k, ALG_OP_DECRYPT, in[i], n, want[i]);
        submit(fds[i], aio, k, in[i], out[i], i);
        REFUSED(EINVAL, read(fds[i], out[i], n)); /* its input is used up */
    }
    while (silicon("stats") < before + DEPTH)
        usleep(1000);
    CHECK(aio_wait(aio, 100, NULL) == -2);
    CHECK(silicon("stats") == before + DEPTH);
    REFUSED(EBUSY, set_key(bound, other));
    REFUSED(EWOULDBLOCK, syscall(SYS_delete_module, "algif_akcipher", O_NONBLOCK));
    for (i = 0; i < FLIGHTS; i++)
        close(fds[i]);
    REFUSED(EBUSY, set_key(bound, other));
    silicon("normal");
    for (i = 0; i < FLIGHTS; i++) {
        CHECK(aio_wait(aio, AIO_LONG, &which) == n);
        CHECK(memcmp(out[which], want[which], n) == 0);
    }
    CHECK(silicon("stats") == before + FLIGHTS);
    change_key(bound, other);
    aio_free(aio);
    close(bound);
    ok("%d requests in flight, %d of them on the device; their sockets closed", FLIGHTS, DEPTH);
}

void test_one_socket(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, i, count;
    static unsigned char in[300][SIZE], out[300][SIZE], want[SIZE];
    aio_context_t aio = aio_new(300);
    uint64_t which;

    silicon("silent");
    for (count = 0; count < 300 && aio_wait(aio, 0, NULL) == -2; count++) {
        random_input(k, in[count]);
        submit(fd, aio, k, in[count], out[count], count);
    }
    /* net.core.optmem_max is reached; the last one's input is still there. */
    CHECK(count < 300 && errno == ENOMEM);
    REFUSED(EBUSY, send_op(fd, ALG_OP_DECRYPT, in[0], n, 0));
    count--;
    CHECK(count >= 4);
    silicon("normal");
    for (i = 0; i < count; i++) {
        CHECK(aio_wait(aio, AIO_LONG, &which) == n);
        reference(k, ALG_OP_DECRYPT, in[which], n, want);
        CHECK(memcmp(out[which], want, n) == 0);
    }
    CHECK(read(fd, out[count], n) == n);
    reference(k, ALG_OP_DECRYPT, in[count], n, want);
    CHECK(memcmp(out[count], want, n) == 0);
    operate(k, fd, ALG_OP_DECRYPT, aio);
    aio_free(aio);
    close(fd);
    close(bound);
    ok("one socket has up to %d requests in flight, then ENOMEM", count);
}

void test_cancel(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size;
    unsigned char in[SIZE], out[SIZE], want[SIZE];
    struct iocb cb = {
        .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (uintptr_t)out, .aio_nbytes = n};
    struct iocb *list = &cb;
    aio_context_t aio = aio_new(1);
    struct io_event event;

    random_input(k, in);
    reference(k, ALG_OP_DECRYPT, in, n, want);
    silicon("silent");
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    CHECK(syscall(SYS_io_submit, aio, 1, &list) == 1);
    REFUSED(EINVAL, syscall(SYS_io_cancel, aio, &cb, &event));
    silicon("normal");
    CHECK(aio_wait(aio, AIO_LONG, NULL) == n && memcmp(out, want, n) == 0);
    aio_free(aio);
    close(fd);
    close(bound);
    ok("a request that the driver has can't be cancelled");
}

/* Both kinds of reads must fail so, and write nothing. */
static void fails(int error, const struct key *k, int fd, aio_context_t aio, const unsigned char *in)
{
    unsigned char out[SIZE] = {0}, zeros[SIZE] = {0};
    int n = k->size;

    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    REFUSED(error, read(fd, out, n));
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    REFUSED(error, aio_read(aio, IOCB_CMD_PREAD, fd, out, n));
    CHECK(memcmp(out, zeros, n) == 0);
}

void test_driver_errors(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, i;
    unsigned char in[SIZE], out[8][SIZE], want[SIZE];
    aio_context_t aio = aio_new(8);

    memset(in, 0xff, n);
    fails(EINVAL, k, fd, aio, in);
    random_input(k, in);
    silicon("busy");
    fails(EAGAIN, k, fd, aio, in);
    silicon("normal");
    operate(k, fd, ALG_OP_DECRYPT, aio);
    silicon("silent");
    set_driver("timeout", "1");
    fails(ETIMEDOUT, k, fd, aio, in);
    set_driver("timeout", "3600");
    silicon("normal");
    operate(k, fd, ALG_OP_DECRYPT, aio);
    ok("the driver's errors become errnos, and nothing is written");

    reference(k, ALG_OP_DECRYPT, in, n, want);
    silicon("silent");
    for (i = 0; i < 8; i++)
        submit(fd, aio, k, in, out[i], i);
    silicon("gone");
    for (i = 0; i < 8; i++)
        CHECK(aio_wait(aio, AIO_LONG, NULL) == n);
    for (i = 0; i < 8; i++)
        CHECK(memcmp(out[i], want, n) == 0);
    operate(k, fd, ALG_OP_DECRYPT, aio);
    silicon("back");
    operate(k, fd, ALG_OP_DECRYPT, aio);
    aio_free(aio);
    close(fd);
    close(bound);
    ok("a device pulled with 8 requests on it");
}

void test_short_results(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, i;
    unsigned char small[SIZE] = {0}, in[SIZE], out[SIZE];
    aio_context_t aio = aio_new(1);

    set_driver("short_results", "1");
    for (i = 0; i < 8; i++) {
        random_bytes(small + n - 3, 3);
        if (i < 2)
            memset(small, 0, n); /* the result has no byte at all */
        reference(k, ALG_OP_ENCRYPT, small, n, in);
        memset(out, 0xa5, n);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        CHECK((i & 1 ? read(fd, out, n) : aio_read(aio, IOCB_CMD_PREAD, fd, out, n)) == n);
        CHECK(memcmp(out, small, n) == 0);
    }
    set_driver("short_results", "0");
    aio_free(aio);
    close(fd);
    close(bound);
    ok("results that the driver gives without leading zeros");
}

void test_memory_in_flight(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, status, pipes[2];
    long page = sysconf(_SC_PAGESIZE);
    unsigned char in[SIZE], want[SIZE], zeros[SIZE] = {0}, byte;
    unsigned char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    aio_context_t aio = aio_new(2);
    pid_t pid;

    CHECK(map != MAP_FAILED && pipe(pipes) == 0);
    random_input(k, in);
    reference(k, ALG_OP_DECRYPT, in, n, want);

    /* A fork() meanwhile: the result is the parent's. */
    map[page] = map[0] = 0;
    silicon("silent");
    submit(fd, aio, k, in, map + page - 100, 0);
    pid = fork();
    if (pid == 0) {
        map[page - 100] = 0;
        if (read(pipes[0], &byte, 1) != 1)
            _exit(1);
        _exit(memcmp(map + page - 100, zeros, n) == 0 ? 0 : 2);
    }
    map[0] = map[page + 1000] = 1; /* whoever writes first gets a copy of the page */
    silicon("normal");
    CHECK(aio_wait(aio, AIO_LONG, NULL) == n);
    CHECK(memcmp(map + page - 100, want, n) == 0);
    CHECK(write(pipes[1], "", 1) == 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    ok("a fork() while a request is in flight: the result is the parent's alone");

    /* Memory that goes away meanwhile, and other memory in its place. */
    silicon("silent");
    submit(fd, aio, k, in, map, 0);
    CHECK(mmap(map, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == map);
    map[page] = map[0] = 0;
    silicon("normal");
    CHECK(aio_wait(aio, AIO_LONG, NULL) == n);
    CHECK(memcmp(map, zeros, n) == 0);
    ok("memory unmapped while a request is in flight");
    munmap(map, 2 * page);
    aio_free(aio);
    close(fd);
    close(bound);
    close(pipes[0]);
    close(pipes[1]);
}

void test_kill_in_flight(const struct key *k)
{
    int status, i;

    for (i = 0; i < 10; i++) {
        pid_t pid;
        int pipes[2];
        char byte;

        CHECK(pipe(pipes) == 0);
        silicon("silent");
        pid = fork();
        if (pid == 0) {
            int bound = bound_socket(k), j;
            unsigned char in[SIZE], out[16][SIZE];
            aio_context_t aio = aio_new(16);

            random_input(k, in);
            for (j = 0; j < 16; j++)
                submit(op_socket(bound), aio, k, in, out[j], j);
            CHECK(write(pipes[1], "", 1) == 1);
            for (;;)
                pause();
        }
        CHECK(read(pipes[0], &byte, 1) == 1);
        kill(pid, SIGKILL);
        usleep(50000);
        /* The kernel's AIO waits for what is in flight. */
        CHECK(waitpid(pid, &status, WNOHANG) == 0);
        silicon("normal");
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        close(pipes[0]);
        close(pipes[1]);
    }
    ok("10 processes killed with 16 requests in flight");
}
