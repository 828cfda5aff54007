// SPDX-License-Identifier: Apache-2.0
/* Sockets in several threads and processes, and in one that is killed. */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

struct job {
    pthread_t thread;
    const struct key *key;
    int bound, rounds;
};

static void *run_operations(void *arg)
{
    struct job *job = arg;
    int fd = op_socket(job->bound), i;
    aio_context_t aio = aio_new(2);

    for (i = 0; i < job->rounds; i++)
        operate(job->key, fd, i % 3 ? ALG_OP_DECRYPT : ALG_OP_ENCRYPT, i & 1 ? aio : 0);
    aio_free(aio);
    close(fd);
    return NULL;
}

void test_threads(const struct key *k, const struct key *other)
{
    struct job jobs[16] = {0};
    int shared = bound_socket(k), i;

    for (i = 0; i < 16; i++) {
        jobs[i] = (struct job){.key = i < 8 ? k : other, .rounds = 20};
        jobs[i].bound = i < 8 ? shared : bound_socket(other);
        CHECK(pthread_create(&jobs[i].thread, NULL, run_operations, &jobs[i]) == 0);
    }
    for (i = 0; i < 16; i++) {
        pthread_join(jobs[i].thread, NULL);
        if (i >= 8)
            close(jobs[i].bound);
    }
    change_key(shared, other);
    close(shared);
    ok("16 threads, 8 of them with one key");
}

void test_fork(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, status;
    unsigned char in[SIZE], out[SIZE], want[SIZE];
    pid_t pid;

    random_input(k, in);
    reference(k, ALG_OP_DECRYPT, in, n, want);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    pid = fork();
    if (pid == 0) {
        if (read(fd, out, n) != n || memcmp(out, want, n) != 0)
            _exit(1);
        REFUSED(EBUSY, set_key(bound, k));
        operate(k, fd, ALG_OP_ENCRYPT, 0);
        close(fd);
        fd = op_socket(bound);
        operate(k, fd, ALG_OP_DECRYPT, 0);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    REFUSED(EINVAL, read(fd, out, n)); /* the child has it */
    operate(k, fd, ALG_OP_DECRYPT, 0);
    close(fd);
    close(bound);
    ok("open sockets after fork()");
}

/* A process that does what it can until it is killed. */
void test_kill(const struct key *k)
{
    int i, status;

    for (i = 0; i < 25; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            int bound = bound_socket(k), fds[4], j;
            unsigned char in[SIZE], out[4][SIZE];
            aio_context_t aio = aio_new(16);

            random_input(k, in);
            for (j = 0; j < 4; j++)
                fds[j] = op_socket(bound);
            for (;;) {
                for (j = 0; j < 4; j++) {
                    if (send_op(fds[j], ALG_OP_DECRYPT, in, k->size, 0) == k->size)
                        aio_submit(aio, IOCB_CMD_PREAD, fds[j], out[j], k->size, j);
                }
                while (aio_wait(aio, 0, NULL) != -2)
                    ;
            }
        }
        usleep(20000 + i * 9000);
        kill(pid, SIGKILL);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    }
    ok("25 processes killed amid operations");
}
