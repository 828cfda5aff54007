// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <fcntl.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef SOL_ALG
#define SOL_ALG 279
#endif

const char *driver = "rsa";

/* ---- checks ---- */

/* Returns the length of the answer, -1 if there is none. */
static ssize_t order(const char *text, char *reply, size_t size)
{
    int fd = open("/dev/silicon.port", O_RDWR | O_CLOEXEC);
    ssize_t n = -1;

    if (fd < 0)
        return -1;
    if (dprintf(fd, "%s\n", text) > 0)
        n = read(fd, reply, size - 1);
    if (n >= 0)
        reply[n] = '\0';
    close(fd);
    return n;
}

void die(const char *format, ...)
{
    va_list args;
    int error = errno;
    char reply[100];

    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, " (errno %d, %s)\n", error, strerror(error));
    va_end(args);
    /* Requests in flight would keep this process from ending. */
    order("normal", reply, sizeof(reply));
    exit(1);
}

void ok(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("ok: ");
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

/* ---- keys ---- */

struct key key_new(int bits)
{
    struct key k = {.pkey = EVP_RSA_gen(bits), .size = bits / 8};

    CHECK(k.pkey != NULL);
    /* The type's own format: RSAPrivateKey. */
    k.der_len = i2d_PrivateKey(k.pkey, &k.der);
    CHECK(k.der_len > 0);
    return k;
}

void key_free(struct key *k)
{
    OPENSSL_free(k->der);
    EVP_PKEY_free(k->pkey);
}

void reference(const struct key *k, int op, const unsigned char *in, int len, unsigned char *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
    unsigned char padded[SIZE] = {0};
    size_t n = k->size;

    memcpy(padded + k->size - len, in, len);
    if (op == ALG_OP_DECRYPT) {
        CHECK(EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1);
        CHECK(EVP_PKEY_decrypt(ctx, out, &n, padded, k->size) == 1);
    } else {
        CHECK(EVP_PKEY_encrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1);
        CHECK(EVP_PKEY_encrypt(ctx, out, &n, padded, k->size) == 1);
    }
    CHECK(n == (size_t)k->size);
    EVP_PKEY_CTX_free(ctx);
}

void random_bytes(unsigned char *out, int len)
{
    static atomic_uint_fast64_t state = 88172645463325252;

    while (len-- > 0) {
        uint64_t x = atomic_fetch_add(&state, 0x9e3779b97f4a7c15);

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        *out++ = x >> 56;
    }
}

void random_input(const struct key *k, unsigned char *in)
{
    random_bytes(in, k->size);
    in[0] &= 0x7f;
    in[k->size - 2] |= 1;
}

/* ---- sockets ---- */

int try_bind(const char *type, const char *name)
{
    struct sockaddr_alg address = {.salg_family = AF_ALG};
    int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), error;

    CHECK(fd >= 0);
    snprintf((char *)address.salg_type, sizeof(address.salg_type), "%s", type);
    snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s", name);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int set_key_der(int fd, const void *der, int len)
{
    return setsockopt(fd, SOL_ALG, ALG_SET_KEY, der, len);
}

int set_key(int fd, const struct key *k)
{
    return set_key_der(fd, k->der, k->der_len);
}

void change_key(int fd, const struct key *k)
{
    while (set_key(fd, k) != 0) {
        CHECK(errno == EBUSY);
        usleep(5000);
    }
}

int bound_socket(const struct key *k)
{
    int fd = try_bind("akcipher", driver);

    CHECK(fd >= 0);
    if (k != NULL)
        CHECK(set_key(fd, k) == 0);
    return fd;
}

int op_socket(int bound)
{
    int fd = accept4(bound, NULL, NULL, SOCK_CLOEXEC);

    CHECK(fd >= 0);
    return fd;
}

long send_control(int fd, int type, const void *value, size_t value_len, const void *in, size_t len,
                  int flags)
{
    union {
        char buf[CMSG_SPACE(64)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = (void *)in, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = CMSG_SPACE(value_len)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_ALG;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(value_len);
    memcpy(CMSG_DATA(cmsg), value, value_len);
    return sendmsg(fd, &msg, flags);
}

long send_op(int fd, uint32_t op, const void *in, size_t len, int flags)
{
    return send_control(fd, ALG_SET_OP, &op, sizeof(op), in, len, flags);
}

/* ---- asynchronous reads ---- */

aio_context_t aio_new(int n)
{
    aio_context_t aio = 0;

    CHECK(syscall(SYS_io_setup, n, &aio) == 0);
    return aio;
}

void aio_free(aio_context_t aio)
{
    CHECK(syscall(SYS_io_destroy, aio) == 0);
}

int aio_submit(aio_context_t aio, int opcode, int fd, void *buf, size_t len, uint64_t data)
{
    struct iocb cb = {.aio_data = data,
                      .aio_lio_opcode = opcode,
                      .aio_fildes = fd,
                      .aio_buf = (uintptr_t)buf,
                      .aio_nbytes = len};
    struct iocb *list = &cb;

    return syscall(SYS_io_submit, aio, 1, &list);
}

long aio_wait(aio_context_t aio, int ms, uint64_t *data)
{
    struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    struct io_event event;
    int n = syscall(SYS_io_getevents, aio, 1, 1, &event, &timeout);

    CHECK(n >= 0);
    if (n == 0)
        return -2;
    if (data != NULL)
        *data = event.data;
    if (event.res >= 0)
        return event.res;
    errno = -event.res;
    return -1;
}

long aio_read(aio_context_t aio, int opcode, int fd, void *buf, size_t len)
{
    if (aio_submit(aio, opcode, fd, buf, len, 0) != 1)
        return -1;
    return aio_wait(aio, AIO_LONG, NULL);
}

void operate(const struct key *k, int fd, int op, aio_context_t aio)
{
    unsigned char in[SIZE], out[SIZE], want[SIZE];

    random_input(k, in);
    reference(k, op, in, k->size, want);
    CHECK(send_op(fd, op, in, k->size, 0) == k->size);
    if (aio != 0)
        CHECK(aio_read(aio, IOCB_CMD_PREAD, fd, out, k->size) == k->size);
    else
        CHECK(recv(fd, out, sizeof(out), 0) == k->size);
    CHECK(memcmp(out, want, k->size) == 0);
}

long silicon(const char *text)
{
    char reply[100];
    long requests;

    if (order(text, reply, sizeof(reply)) <= 0 || sscanf(reply, "ok requests=%ld", &requests) != 1)
        die("the silicon does not obey: %s", text);
    return requests;
}
