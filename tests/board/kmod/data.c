// SPDX-License-Identifier: Apache-2.0
/* Inputs and results: what is right, and what is refused. */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

void test_correct(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), i;
    aio_context_t aio = aio_new(8);

    for (i = 0; i < 8; i++) {
        operate(k, fd, i & 1 ? ALG_OP_ENCRYPT : ALG_OP_DECRYPT, 0);
        operate(k, fd, i & 1 ? ALG_OP_ENCRYPT : ALG_OP_DECRYPT, aio);
    }
    aio_free(aio);
    close(bound); /* the operation socket lives on */
    operate(k, fd, ALG_OP_DECRYPT, 0);
    close(fd);
    ok("RSA-%d: both operations, synchronous and not", k->size * 8);
}

void test_input(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), i, n = k->size, pipes[2], packets[2];
    unsigned char in[SIZE + 1], out[SIZE], want[SIZE];
    const int lengths[] = {2, 3, 17, n / 2, n - 1};

    for (i = 0; i < 5; i++) {
        random_bytes(in, lengths[i]);
        in[0] |= 1;
        reference(k, ALG_OP_DECRYPT, in, lengths[i], want);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, lengths[i], 0) == lengths[i]);
        CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
    }
    ok("short inputs are integers");

    /* A result with zeros in front. */
    memset(in, 0, n);
    memcpy(in + n - 2, "\x12\x34", 2);
    reference(k, ALG_OP_ENCRYPT, in, n, want);
    CHECK(send_op(fd, ALG_OP_DECRYPT, want, n, 0) == n);
    CHECK(read(fd, out, n) == n && memcmp(out, in, n) == 0);
    ok("a small result has the modulus's length");

    memset(in, 0xff, n);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    REFUSED(EINVAL, read(fd, out, n));
    operate(k, fd, ALG_OP_DECRYPT, 0);
    ok("an input that is no less than the modulus");

    REFUSED(EMSGSIZE, send_op(fd, ALG_OP_DECRYPT, in, n + 1, 0));
    REFUSED(EINVAL, read(fd, out, n));
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, MSG_MORE) == n);
    REFUSED(EMSGSIZE, send(fd, in, 1, 0));
    REFUSED(EINVAL, read(fd, out, n));
    REFUSED(EMSGSIZE, send_op(fd, ALG_OP_DECRYPT, in, (size_t)1 << 30, 0));
    REFUSED(EINVAL, send_op(fd, ALG_OP_DECRYPT, in, 0, 0));
    REFUSED(EFAULT, send_op(fd, ALG_OP_DECRYPT, NULL, n, 0));
    operate(k, fd, ALG_OP_DECRYPT, 0);
    ok("inputs that are too long, empty, or nowhere");

    random_input(k, in);
    reference(k, ALG_OP_DECRYPT, in, n, want);
    CHECK(send_op(fd, ALG_OP_DECRYPT, NULL, 0, MSG_MORE) == 0);
    CHECK(send(fd, in, 5, MSG_MORE) == 5);
    REFUSED(EINVAL, read(fd, out, n)); /* not all there yet */
    CHECK(send(fd, in + 5, 7, MSG_MORE) == 7);
    CHECK(write(fd, in + 12, n - 12) == n - 12);
    CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
    CHECK(pipe(pipes) == 0 && pipe2(packets, O_DIRECT) == 0);
    CHECK(write(pipes[1], in, n) == n);
    CHECK(send_op(fd, ALG_OP_DECRYPT, NULL, 0, MSG_MORE) == 0);
    CHECK(splice(pipes[0], NULL, fd, NULL, n, 0) == n);
    CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
    /* Two buffers in the pipe. */
    CHECK(write(packets[1], in, 9) == 9 && write(packets[1], in + 9, n - 9) == n - 9);
    CHECK(send_op(fd, ALG_OP_DECRYPT, NULL, 0, MSG_MORE) == 0);
    CHECK(splice(packets[0], NULL, fd, NULL, n, 0) == n);
    CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
    ok("an input in parts, and from a pipe");
    close(packets[0]);
    close(packets[1]);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
    close(bound);
}

void test_output(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), i, n = k->size;
    long page = sysconf(_SC_PAGESIZE);
    unsigned char in[SIZE], out[2 * SIZE], want[SIZE];
    unsigned char *map = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec iov[3] = {{.iov_base = out, .iov_len = 3},
                           {.iov_base = out + SIZE, .iov_len = 50},
                           {.iov_base = out + 3, .iov_len = SIZE - 3}};
    aio_context_t aio = aio_new(4);

    CHECK(map != MAP_FAILED);
    random_input(k, in);
    reference(k, ALG_OP_DECRYPT, in, n, want);

    memset(out, 0xa5, sizeof(out));
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    REFUSED(EMSGSIZE, read(fd, out, n - 1));
    REFUSED(EMSGSIZE, recv(fd, out, 0, 0));
    REFUSED(EMSGSIZE,
            aio_submit(aio, IOCB_CMD_PREAD, fd, out, n - 1, 0) == 1 ? aio_wait(aio, 1000, NULL) : -1);
    for (i = 0; i < (int)sizeof(out); i++)
        CHECK(out[i] == 0xa5);
    CHECK(read(fd, out, sizeof(out)) == n && memcmp(out, want, n) == 0);
    for (i = n; i < (int)sizeof(out); i++)
        CHECK(out[i] == 0xa5);
    ok("a buffer too small gets nothing and costs nothing; one too large keeps its rest");

    for (i = 0; i < 2; i++) {
        memset(out, 0, sizeof(out));
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        if (i == 0)
            CHECK(readv(fd, iov, 3) == n);
        else
            CHECK(aio_read(aio, IOCB_CMD_PREADV, fd, iov, 3) == n);
        CHECK(memcmp(out, want, 3) == 0 && memcmp(out + SIZE, want + 3, 50) == 0 &&
              memcmp(out + 3, want + 53, n - 53) == 0);
    }
    for (i = 1; i < n; i += n / 3) {
        memset(map, 0, 2 * page);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        CHECK(aio_read(aio, IOCB_CMD_PREAD, fd, map + page - i, page) == n);
        CHECK(memcmp(map + page - i, want, n) == 0 && map[page - i - 1] == 0 && map[page - i + n] == 0);
    }
    ok("results in several buffers, and across pages");

    CHECK(mprotect(map + page, page, PROT_READ) == 0);
    for (i = 0; i < 2; i++) {
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        if (i == 0)
            REFUSED(EFAULT, read(fd, map + page, n));
        else
            REFUSED(EFAULT, aio_read(aio, IOCB_CMD_PREAD, fd, map + page, n));
        if (i == 1) /* it was found out before the operation: the input is still there */
            CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        if (i == 0)
            REFUSED(EFAULT, read(fd, map + page - 5, n));
        else
            REFUSED(EFAULT, aio_read(aio, IOCB_CMD_PREAD, fd, map + page - 5, n));
        if (i == 1)
            CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
    }
    CHECK(munmap(map + page, page) == 0);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    REFUSED(EFAULT, aio_read(aio, IOCB_CMD_PREAD, fd, map + page - 5, n));
    REFUSED(EFAULT, aio_read(aio, IOCB_CMD_PREAD, fd, NULL, n));
    REFUSED(EFAULT, aio_read(aio, IOCB_CMD_PREAD, fd, (void *)-4096L, n));
    REFUSED(EFAULT, read(fd, map + page, n));
    operate(k, fd, ALG_OP_DECRYPT, 0);
    ok("results to memory that can't be written");
    munmap(map, page);
    munmap(map + 2 * page, page);
    aio_free(aio);
    close(fd);
    close(bound);
}

void test_refused(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size;
    unsigned char in[SIZE], out[SIZE];
    struct sockaddr_alg address = {.salg_family = AF_ALG};
    struct af_alg_iv iv = {0};
    uint32_t value = ALG_OP_DECRYPT;

    random_input(k, in);
    REFUSED(EINVAL, read(fd, out, n));
    REFUSED(EINVAL, write(fd, in, n)); /* no operation by default */
    REFUSED(EOPNOTSUPP, send_op(fd, 2, in, n, 0));
    REFUSED(EOPNOTSUPP, send_op(fd, 3, in, n, 0));
    REFUSED(EOPNOTSUPP, send_op(fd, -1, in, n, 0));
    REFUSED(EOPNOTSUPP, send_control(fd, ALG_SET_IV, &iv, sizeof(iv), in, n, 0));
    REFUSED(EOPNOTSUPP, send_control(fd, ALG_SET_AEAD_ASSOCLEN, &value, sizeof(value), in, n, 0));
    REFUSED(EINVAL, send_control(fd, ALG_SET_OP, &value, 1, in, n, 0));
    REFUSED(EINVAL, send_control(fd, ALG_SET_OP, in, 64, in, n, 0));
    REFUSED(EOPNOTSUPP, send_op(fd, ALG_OP_DECRYPT, in, n, MSG_OOB));
    REFUSED(EINVAL, read(fd, out, n));
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, 4, MSG_MORE) == 4);
    REFUSED(EINVAL, send_op(fd, ALG_OP_ENCRYPT, in, n - 4, 0)); /* no second operation within one */
    REFUSED(EINVAL, read(fd, out, n));
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    REFUSED(EBUSY, send_op(fd, ALG_OP_DECRYPT, in, n, 0));
    REFUSED(EBUSY, write(fd, in, n));
    REFUSED(EOPNOTSUPP, recv(fd, out, n, MSG_PEEK));
    REFUSED(EOPNOTSUPP, recv(fd, out, n, MSG_OOB));
    CHECK(read(fd, out, n) == n);
    REFUSED(EINVAL, read(fd, out, n)); /* a result is given once */
    ok("messages out of order");

    REFUSED(EOPNOTSUPP, listen(fd, 1));
    REFUSED(EOPNOTSUPP, accept(fd, NULL, NULL));
    REFUSED(EOPNOTSUPP, bind(fd, (struct sockaddr *)&address, sizeof(address)));
    REFUSED(EOPNOTSUPP, connect(fd, (struct sockaddr *)&address, sizeof(address)));
    REFUSED(EOPNOTSUPP, set_key(fd, k));
    REFUSED(EOPNOTSUPP, shutdown(fd, SHUT_RDWR));
    REFUSED(EOPNOTSUPP, read(bound, out, n));
    REFUSED(EOPNOTSUPP, send_op(bound, ALG_OP_DECRYPT, in, n, 0));
    close(fd);
    REFUSED(ENOPROTOOPT, setsockopt(bound, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL, 16));
    REFUSED(ENOPROTOOPT, setsockopt(bound, SOL_ALG, ALG_SET_DRBG_ENTROPY, in, 16));
    close(bound);
    ok("what such a socket can't do");

    REFUSED(ENOENT, try_bind("akcipher", "nonsense"));
    REFUSED(ENOENT, try_bind("akcipher", ""));
    REFUSED(ENOENT, try_bind("akcipher", "sha256"));
    REFUSED(ENOENT, try_bind("akcipher", "pkcs1pad(rsa,sha256)"));
    ok("nothing but RSA");
}
