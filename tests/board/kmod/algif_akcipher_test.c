// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of the kernel module algif_akcipher. Runs on the board; see tests/board/kmod.sh.
 *
 *   algif_akcipher_test all [DRIVER]   what any driver must pass ("rsa": the one the kernel picks)
 *   algif_akcipher_test async          with rsa_async loaded: requests in flight, a device that
 * fails or hangs algif_akcipher_test once [DRIVER]  one operation of each kind algif_akcipher_test
 * absent         there is no socket type akcipher
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/if_alg.h>
#include <linux/socket.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SOL_ALG
#define SOL_ALG 279
#endif
#define SIZE 512 /* of the longest modulus here */

static const char *driver = "rsa";

/* ---- checks ---- */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;
    int error = errno;

    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, " (errno %d, %s)\n", error, strerror(error));
    va_end(args);
    /* Operations in flight would keep this process from ending. */
    error = open("/sys/module/rsa_async/parameters/hold", O_WRONLY);
    if (error >= 0 && write(error, "0", 1) != 1)
        fprintf(stderr, "operations are still held\n");
    exit(1);
}

__attribute__((format(printf, 1, 2))) static void ok(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("ok: ");
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            die("%s:%d: %s", __func__, __LINE__, #condition);                                                \
    } while (0)

/* The call must fail with this errno. */
#define REFUSED(error, call)                                                                                 \
    do {                                                                                                     \
        long result_;                                                                                        \
        errno = 0;                                                                                           \
        result_ = (call);                                                                                    \
        if (result_ != -1 || errno != (error))                                                               \
            die("%s:%d: %s: %ld instead of %s", __func__, __LINE__, #call, result_, strerror(error));        \
    } while (0)

/* ---- keys ---- */

struct key {
    EVP_PKEY *pkey;
    int size;
    unsigned char *der;
    int der_len;
};

static struct key key_new(int bits)
{
    struct key k = {.pkey = EVP_RSA_gen(bits), .size = bits / 8};

    CHECK(k.pkey != NULL);
    /* The type's own format: RSAPrivateKey. */
    k.der_len = i2d_PrivateKey(k.pkey, &k.der);
    CHECK(k.der_len > 0);
    return k;
}

static void key_free(struct key *k)
{
    OPENSSL_free(k->der);
    EVP_PKEY_free(k->pkey);
}

/* The raw operation as OpenSSL has it: k->size bytes from len bytes. */
static void reference(const struct key *k, int op, const unsigned char *in, int len, unsigned char *out)
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

static void random_bytes(unsigned char *out, int len)
{
    static atomic_uint_fast64_t state = 88172645463325252;

    while (len-- > 0) {
        uint64_t x = atomic_fetch_add(&state, 0x9e3779b97f4a7c15);

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        *out++ = x >> 56;
    }
}

/* An input below the modulus, and not so small that it would be none. */
static void random_input(const struct key *k, unsigned char *in)
{
    random_bytes(in, k->size);
    in[0] &= 0x7f;
    in[k->size - 2] |= 1;
}

/* ---- sockets ---- */

static int try_bind(const char *type, const char *name)
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

static int set_key(int fd, const void *der, int len)
{
    return setsockopt(fd, SOL_ALG, ALG_SET_KEY, der, len);
}

static int bound_socket(const struct key *k)
{
    int fd = try_bind("akcipher", driver);

    CHECK(fd >= 0);
    if (k != NULL)
        CHECK(set_key(fd, k->der, k->der_len) == 0);
    return fd;
}

static int op_socket(int bound)
{
    int fd = accept4(bound, NULL, NULL, SOCK_CLOEXEC);

    CHECK(fd >= 0);
    return fd;
}

/* sendmsg with one control message of the given type. */
static long send_control(int fd, int type, const void *value, size_t value_len, const void *in, size_t len,
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

static long send_op(int fd, uint32_t op, const void *in, size_t len, int flags)
{
    return send_control(fd, ALG_SET_OP, &op, sizeof(op), in, len, flags);
}

/* ---- asynchronous reads ---- */

static aio_context_t aio_new(int n)
{
    aio_context_t aio = 0;

    CHECK(syscall(SYS_io_setup, n, &aio) == 0);
    return aio;
}

static void aio_free(aio_context_t aio)
{
    CHECK(syscall(SYS_io_destroy, aio) == 0);
}

static int aio_submit(aio_context_t aio, int opcode, int fd, void *buf, size_t len, uint64_t data)
{
    struct iocb cb = {.aio_data = data,
                      .aio_lio_opcode = opcode,
                      .aio_fildes = fd,
                      .aio_buf = (uintptr_t)buf,
                      .aio_nbytes = len};
    struct iocb *list = &cb;

    return syscall(SYS_io_submit, aio, 1, &list);
}

/* The next result, -1 and errno as read() has it; -2: none within the time. */
static long aio_wait(aio_context_t aio, int ms, uint64_t *data)
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

static long aio_read(aio_context_t aio, int opcode, int fd, void *buf, size_t len)
{
    if (aio_submit(aio, opcode, fd, buf, len, 0) != 1)
        return -1;
    return aio_wait(aio, 60000, NULL);
}

/* ---- what any driver must pass ---- */

/* One operation on an operation socket, compared with OpenSSL. aio: 0 for a synchronous one. */
static void operate(const struct key *k, int fd, int op, aio_context_t aio)
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

static void test_correct(const struct key *k)
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

static void test_input(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), i, n = k->size, pipes[2];
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
    CHECK(pipe(pipes) == 0 && write(pipes[1], in, n) == n);
    CHECK(send_op(fd, ALG_OP_DECRYPT, NULL, 0, MSG_MORE) == 0);
    CHECK(splice(pipes[0], NULL, fd, NULL, n, 0) == n);
    CHECK(read(fd, out, n) == n && memcmp(out, want, n) == 0);
    ok("an input in parts, and from a pipe");
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
    close(bound);
}

static void test_output(const struct key *k)
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

static void test_refused(const struct key *k)
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
    REFUSED(EOPNOTSUPP, set_key(fd, k->der, k->der_len));
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

static void test_nokey(const struct key *k, const struct key *other)
{
    int bound = bound_socket(NULL), fd = op_socket(bound), fd2 = op_socket(bound), n = k->size;
    unsigned char in[SIZE], out[SIZE];
    aio_context_t aio = aio_new(1);

    random_input(k, in);
    REFUSED(ENOKEY, send_op(fd, ALG_OP_DECRYPT, in, n, 0));
    REFUSED(ENOKEY, read(fd, out, n));
    REFUSED(ENOKEY, aio_read(aio, IOCB_CMD_PREAD, fd, out, n));
    CHECK(set_key(bound, k->der, k->der_len) == 0);
    CHECK(set_key(bound, other->der, other->der_len) == 0); /* nobody has used it so far */
    CHECK(set_key(bound, k->der, k->der_len) == 0);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    operate(k, fd, ALG_OP_DECRYPT, aio);
    ok("no key, then one");

    REFUSED(EBUSY, set_key(bound, other->der, other->der_len));
    operate(k, fd, ALG_OP_ENCRYPT, 0);
    close(fd);
    CHECK(set_key(bound, other->der, other->der_len) == 0);
    operate(other, fd2, ALG_OP_DECRYPT, 0);
    REFUSED(EBUSY, set_key(bound, k->der, k->der_len));
    close(fd2);
    CHECK(set_key(bound, k->der, k->der_len) == 0);
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    ok("a key is changed only while no operation socket uses it");
    aio_free(aio);
    close(fd);
    close(bound);
}

/* RSAPrivateKey with the components of k, but one of them replaced. */
static int der_with(const struct key *k, int which, const BIGNUM *value, unsigned char **der)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    ASN1_INTEGER *number;
    unsigned char *body = NULL, *p;
    int len = 0, i, total;

    for (i = -1; i < 8; i++) {
        BIGNUM *part = NULL;
        int n;

        if (i < 0)
            part = BN_new(); /* the version, 0 */
        else
            CHECK(EVP_PKEY_get_bn_param(k->pkey, names[i], &part) == 1);
        number = BN_to_ASN1_INTEGER(i == which ? value : part, NULL);
        n = i2d_ASN1_INTEGER(number, NULL);
        body = realloc(body, len + n);
        p = body + len;
        i2d_ASN1_INTEGER(number, &p);
        len += n;
        ASN1_INTEGER_free(number);
        BN_free(part);
    }
    total = ASN1_object_size(1, len, V_ASN1_SEQUENCE);
    p = *der = malloc(total);
    ASN1_put_object(&p, 1, len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, body, len);
    free(body);
    return total;
}

/* What a key nobody has made gives: a result or an errno, and the socket goes on. */
static int try_key(int bound, const unsigned char *der, int len, int size)
{
    unsigned char in[SIZE], out[SIZE];
    int fd, result;

    if (set_key(bound, der, len) != 0) {
        CHECK(errno == EINVAL);
        return 0;
    }
    fd = op_socket(bound);
    memset(in, 0x55, size);
    if (send_op(fd, ALG_OP_DECRYPT, in, size, 0) == size) {
        result = read(fd, out, sizeof(out));
        CHECK(result > 0 || errno == EINVAL || errno == EBADMSG || errno == EOVERFLOW);
    } else {
        CHECK(errno == EMSGSIZE);
    }
    close(fd);
    return 1;
}

static void test_malformed(const struct key *k)
{
    int bound = bound_socket(k), fd, i, j, len, accepted = 0;
    unsigned char *der, *copy = malloc(1 << 20), *p;
    BIGNUM *value = BN_new();

    memset(copy, 0x30, 1 << 20);
    REFUSED(EINVAL, set_key(bound, k->der, 0));
    REFUSED(EFAULT, set_key(bound, NULL, 100));
    REFUSED(EINVAL, set_key(bound, copy, 16 * 1024));
    REFUSED(EINVAL, set_key(bound, copy, 16 * 1024 + 1));
    REFUSED(ENOMEM, set_key(bound, copy, 1 << 20));
    for (i = 0; i < k->der_len; i += i < 40 ? 1 : 13)
        REFUSED(EINVAL, set_key(bound, k->der, i));
    REFUSED(EINVAL, set_key(bound, k->der, k->der_len - 1));
    der = NULL;
    len = i2d_PublicKey(k->pkey, &der);
    REFUSED(EINVAL, set_key(bound, der, len));
    OPENSSL_free(der);
    p = NULL;
    {
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->pkey);

        len = i2d_PKCS8_PRIV_KEY_INFO(info, &p);
        REFUSED(EINVAL, set_key(bound, p, len));
        OPENSSL_free(p);
        PKCS8_PRIV_KEY_INFO_free(info);
    }
    /* None of these got as far as the driver. */
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    close(fd);
    ok("keys that are no RSAPrivateKey; the one before stays");

    for (i = 0; i < 8; i++) {
        for (j = 0; j < 7; j++) {
            switch (j) {
            case 0:
                BN_zero(value);
                break;
            case 1:
                BN_one(value);
                break;
            case 2:
                BN_set_word(value, 2);
                break;
            case 3: /* as long as the modulus, and even */
                BN_zero(value);
                BN_set_bit(value, k->size * 8 - 1);
                break;
            case 4: /* as long as the modulus, and odd */
                BN_set_bit(value, 0);
                break;
            case 5: /* longer */
                BN_set_bit(value, k->size * 8 + 100);
                break;
            case 6: /* longer than the kernel's arithmetic knows */
                BN_set_bit(value, 20000);
                break;
            }
            len = der_with(k, i, value, &der);
            if (try_key(bound, der, len, k->size))
                accepted++;
            free(der);
        }
        BN_set_negative(value, 1);
        len = der_with(k, i, value, &der);
        REFUSED(EINVAL, set_key(bound, der, len));
        free(der);
        BN_set_negative(value, 0);
    }
    ok("keys with a wrong number in them: %d of 56 refused", 56 - accepted);

    accepted = 0;
    for (i = 0; i < 600; i++) {
        unsigned char r[4];

        memcpy(copy, k->der, k->der_len);
        for (j = 0; j <= i % 3; j++) {
            random_bytes(r, 4);
            copy[(r[0] << 8 | r[1]) % (i % 2 ? k->der_len : 60)] = r[2];
        }
        accepted += try_key(bound, copy, k->der_len, k->size);
    }
    CHECK(set_key(bound, k->der, k->der_len) == 0);
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, 0);
    close(fd);
    ok("600 keys with bytes changed: %d accepted, and each gives a result or an errno", accepted);
    close(bound);
    BN_free(value);
    free(copy);
}

struct job {
    pthread_t thread;
    const struct key *key, *other;
    int bound, rounds;
    atomic_int *stop;
    int done, busy;
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

static void test_threads(const struct key *k, const struct key *other)
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
    CHECK(set_key(shared, other->der, other->der_len) == 0);
    close(shared);
    ok("16 threads, 8 of them with one key");
}

/* The result must be one key's or the other's. */
static void *run_while_changing(void *arg)
{
    struct job *job = arg;
    unsigned char in[SIZE], out[SIZE], want[2][SIZE];
    int n = job->key->size;
    aio_context_t aio = aio_new(1);

    random_input(job->key, in);
    in[0] = 0; /* below both */
    reference(job->key, ALG_OP_ENCRYPT, in, n, want[0]);
    reference(job->other, ALG_OP_ENCRYPT, in, n, want[1]);
    while (!atomic_load(job->stop)) {
        int fd = op_socket(job->bound);

        CHECK(send_op(fd, ALG_OP_ENCRYPT, in, n, 0) == n);
        if (job->done & 1)
            CHECK(read(fd, out, n) == n);
        else
            CHECK(aio_read(aio, IOCB_CMD_PREAD, fd, out, n) == n);
        CHECK(memcmp(out, want[0], n) == 0 || memcmp(out, want[1], n) == 0);
        close(fd);
        job->done++;
        usleep(1000 + job->done % 7 * 500); /* so that changes get through */
    }
    aio_free(aio);
    return NULL;
}

static void *run_changes(void *arg)
{
    struct job *job = arg;

    while (!atomic_load(job->stop)) {
        const struct key *k = job->done & 1 ? job->key : job->other;

        if (set_key(job->bound, k->der, k->der_len) == 0)
            job->done++;
        else if (errno == EBUSY)
            job->busy++;
        else
            die("a key change");
        usleep(200);
    }
    return NULL;
}

static void test_key_change(const struct key *k, const struct key *other)
{
    struct job jobs[5];
    atomic_int stop = 0;
    int bound = bound_socket(k), i, done = 0;

    for (i = 0; i < 5; i++) {
        jobs[i] = (struct job){.key = k, .other = other, .bound = bound, .stop = &stop};
        CHECK(pthread_create(&jobs[i].thread, NULL, i < 4 ? run_while_changing : run_changes, &jobs[i]) == 0);
    }
    sleep(6);
    atomic_store(&stop, 1);
    for (i = 0; i < 5; i++) {
        pthread_join(jobs[i].thread, NULL);
        if (i < 4)
            done += jobs[i].done;
    }
    CHECK(done > 0 && jobs[4].done + jobs[4].busy > 0);
    close(bound);
    ok("key changes under load: %d operations, %d changes, %d refused", done, jobs[4].done, jobs[4].busy);
}

static void test_fork(const struct key *k)
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
        REFUSED(EBUSY, set_key(bound, k->der, k->der_len));
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
static void test_kill(const struct key *k)
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

/* ---- rsa_async ---- */

static void set(const char *name, int value)
{
    char path[100], text[20];
    int fd, n;

    snprintf(path, sizeof(path), "/sys/module/rsa_async/parameters/%s", name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    n = snprintf(text, sizeof(text), "%d", value);
    CHECK(write(fd, text, n) == n);
    close(fd);
}

static int get(const char *name)
{
    char path[100], text[20] = {0};
    int fd;

    snprintf(path, sizeof(path), "/sys/module/rsa_async/parameters/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    return atoi(text);
}

static long ms_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define FLIGHTS 32

static void test_in_flight(const struct key *k, const struct key *other)
{
    int bound = bound_socket(k), fds[FLIGHTS], n = k->size, i;
    static unsigned char in[FLIGHTS][SIZE], out[FLIGHTS][SIZE], want[FLIGHTS][SIZE];
    aio_context_t aio = aio_new(FLIGHTS);
    uint64_t which;

    set("backlogged", 0);
    set("hold", 1);
    for (i = 0; i < FLIGHTS; i++) {
        fds[i] = op_socket(bound);
        random_input(k, in[i]);
        reference(k, ALG_OP_DECRYPT, in[i], n, want[i]);
        CHECK(send_op(fds[i], ALG_OP_DECRYPT, in[i], n, 0) == n);
        CHECK(aio_submit(aio, IOCB_CMD_PREAD, fds[i], out[i], n, i) == 1);
        REFUSED(EINVAL, read(fds[i], out[i], n)); /* its input is used up */
    }
    CHECK(aio_wait(aio, 100, NULL) == -2);
    CHECK(get("backlogged") >= FLIGHTS - 8 - 4 - 1);
    REFUSED(EBUSY, set_key(bound, other->der, other->der_len));
    REFUSED(EWOULDBLOCK, syscall(SYS_delete_module, "algif_akcipher", O_NONBLOCK));
    for (i = 0; i < FLIGHTS; i++)
        close(fds[i]);
    REFUSED(EBUSY, set_key(bound, other->der, other->der_len));
    set("hold", 0);
    for (i = 0; i < FLIGHTS; i++) {
        CHECK(aio_wait(aio, 60000, &which) == n);
        CHECK(memcmp(out[which], want[which], n) == 0);
    }
    /* The kernel's AIO drops its hold on a file a moment after it has reported the end. */
    for (i = 0; i < 100 && set_key(bound, other->der, other->der_len) != 0; i++) {
        CHECK(errno == EBUSY);
        usleep(20000);
    }
    CHECK(i < 100);
    aio_free(aio);
    close(bound);
    ok("%d requests in flight, %d of them in the driver's backlog; their sockets closed", FLIGHTS,
       get("backlogged"));
}

static void test_one_socket(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, i, count;
    static unsigned char in[300][SIZE], out[300][SIZE], want[SIZE];
    aio_context_t aio = aio_new(300);
    uint64_t which;

    set("hold", 1);
    for (count = 0; count < 300 && aio_wait(aio, 0, NULL) == -2; count++) {
        random_input(k, in[count]);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in[count], n, 0) == n);
        CHECK(aio_submit(aio, IOCB_CMD_PREAD, fd, out[count], n, count) == 1);
    }
    if (count < 300) {
        /* The last one's input is still there. */
        CHECK(errno == ENOMEM);
        REFUSED(EBUSY, send_op(fd, ALG_OP_DECRYPT, in[0], n, 0));
        count--;
    }
    CHECK(count >= 4);
    set("hold", 0);
    for (i = 0; i < count; i++) {
        CHECK(aio_wait(aio, 60000, &which) == n);
        reference(k, ALG_OP_DECRYPT, in[which], n, want);
        CHECK(memcmp(out[which], want, n) == 0);
    }
    close(fd);
    fd = op_socket(bound);
    operate(k, fd, ALG_OP_DECRYPT, aio);
    aio_free(aio);
    close(fd);
    close(bound);
    ok("one socket has up to %d requests in flight%s", count, count < 300 ? ", then ENOMEM" : "");
}

static void test_parallel(const struct key *k)
{
    int bound = bound_socket(k), fds[8], n = k->size, i;
    unsigned char in[SIZE], out[8][SIZE];
    aio_context_t aio = aio_new(8);
    long start;

    set("delay_ms", 500);
    random_input(k, in);
    start = ms_now();
    for (i = 0; i < 8; i++) {
        fds[i] = op_socket(bound);
        CHECK(send_op(fds[i], ALG_OP_DECRYPT, in, n, 0) == n);
        CHECK(aio_submit(aio, IOCB_CMD_PREAD, fds[i], out[i], n, i) == 1);
    }
    for (i = 0; i < 8; i++)
        CHECK(aio_wait(aio, 60000, NULL) == n);
    start = ms_now() - start;
    set("delay_ms", 0);
    CHECK(start >= 500 && start < 2500);
    for (i = 0; i < 8; i++)
        close(fds[i]);
    aio_free(aio);
    close(bound);
    ok("8 operations of 500 ms with one key: %ld ms", start);
}

static void test_failures(const struct key *k)
{
    const int errors[] = {EIO, ENODEV, ETIMEDOUT, EBUSY, EINVAL, ENOMEM};
    const int rejections[] = {ENODEV, EIO, ENOSPC, EAGAIN};
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, j;
    unsigned char in[SIZE], out[SIZE] = {0}, zeros[SIZE] = {0};
    aio_context_t aio = aio_new(2);
    size_t i;

    random_input(k, in);
    for (i = 0; i < sizeof(errors) / sizeof(*errors) + sizeof(rejections) / sizeof(*rejections); i++) {
        size_t n_errors = sizeof(errors) / sizeof(*errors);
        int error = i < n_errors ? errors[i] : rejections[i - n_errors];

        set(i < n_errors ? "fail" : "reject", -error);
        for (j = 0; j < 2; j++) {
            CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
            if (j == 0)
                REFUSED(error, read(fd, out, n));
            else
                REFUSED(error, aio_read(aio, IOCB_CMD_PREAD, fd, out, n));
            CHECK(memcmp(out, zeros, n) == 0);
        }
        set(i < n_errors ? "fail" : "reject", 0);
    }
    operate(k, fd, ALG_OP_DECRYPT, aio);
    ok("the driver's errors become errnos, and nothing is written");

    memset(in, 0, n);
    memcpy(in + n - 3, "\x01\x02\x03", 3);
    reference(k, ALG_OP_ENCRYPT, in, n, zeros);
    set("strip", 1);
    for (j = 0; j < 2; j++) {
        memset(out, 0xa5, n);
        CHECK(send_op(fd, ALG_OP_DECRYPT, zeros, n, 0) == n);
        CHECK((j == 0 ? read(fd, out, n) : aio_read(aio, IOCB_CMD_PREAD, fd, out, n)) == n);
        CHECK(memcmp(out, in, n) == 0);
    }
    set("strip", 0);
    ok("results that the driver gives without leading zeros");
    aio_free(aio);
    close(fd);
    close(bound);
}

static void test_memory_in_flight(const struct key *k)
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
    set("hold", 1);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    CHECK(aio_submit(aio, IOCB_CMD_PREAD, fd, map + page - 100, n, 0) == 1);
    pid = fork();
    if (pid == 0) {
        map[page - 100] = 0;
        if (read(pipes[0], &byte, 1) != 1)
            _exit(1);
        _exit(memcmp(map + page - 100, zeros, n) == 0 ? 0 : 2);
    }
    map[0] = map[page + 1000] = 1; /* whoever writes first gets a copy of the page */
    set("hold", 0);
    CHECK(aio_wait(aio, 60000, NULL) == n);
    CHECK(memcmp(map + page - 100, want, n) == 0);
    CHECK(write(pipes[1], "", 1) == 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    ok("a fork() while a request is in flight: the result is the parent's alone");

    /* Memory that goes away meanwhile, and other memory in its place. */
    set("hold", 1);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    CHECK(aio_submit(aio, IOCB_CMD_PREAD, fd, map, n, 0) == 1);
    CHECK(mmap(map, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == map);
    map[page] = map[0] = 0;
    set("hold", 0);
    CHECK(aio_wait(aio, 60000, NULL) == n);
    CHECK(memcmp(map, zeros, n) == 0);
    ok("memory unmapped while a request is in flight");
    munmap(map, 2 * page);
    aio_free(aio);
    close(fd);
    close(bound);
    close(pipes[0]);
    close(pipes[1]);
}

static void *run_read(void *arg)
{
    struct job *job = arg;
    unsigned char out[SIZE];

    job->done = read(job->bound, out, sizeof(out));
    return NULL;
}

static void test_hung(const struct key *k)
{
    int bound = bound_socket(k), fd = op_socket(bound), n = k->size, status, i;
    unsigned char in[SIZE], out[SIZE];
    struct timeval timeout = {.tv_usec = 200000};
    struct job job = {0};
    pid_t pid;
    long start;

    random_input(k, in);
    set("hold", 1);
    for (i = 0; i < 20; i++) {
        pid = fork();
        if (pid == 0) {
            int own = op_socket(bound);

            CHECK(send_op(own, ALG_OP_DECRYPT, in, n, 0) == n);
            CHECK(read(own, out, n) == n);
            _exit(0);
        }
        usleep(50000);
        kill(pid, SIGKILL);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    }
    ok("a process that waits for a device that hangs can be killed");

    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    start = ms_now();
    REFUSED(EAGAIN, read(fd, out, n));
    CHECK(ms_now() - start >= 190);
    REFUSED(EINVAL, read(fd, out, n));
    ok("SO_RCVTIMEO ends the wait");

    /* Closed by another thread while one waits. */
    timeout.tv_usec = 0;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
    CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
    job.bound = fd;
    CHECK(pthread_create(&job.thread, NULL, run_read, &job) == 0);
    usleep(200000);
    close(fd);
    set("hold", 0);
    pthread_join(job.thread, NULL);
    CHECK(job.done == n);

    /* Timeouts that come as the operation ends. */
    fd = op_socket(bound);
    for (i = 0; i < 150; i++) {
        timeout.tv_usec = 1000 + i * 100;
        CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0);
        CHECK(send_op(fd, ALG_OP_DECRYPT, in, n, 0) == n);
        /* Requests given up still count until they end. */
        while (read(fd, out, n) != n && errno != EAGAIN) {
            CHECK(errno == ENOMEM);
            usleep(1000);
        }
    }
    close(fd);
    close(bound);
    ok("sockets closed while a thread waits; timeouts at the moment of the end");
}

static void test_kill_in_flight(const struct key *k)
{
    int status, i;

    for (i = 0; i < 10; i++) {
        pid_t pid;
        int pipes[2];
        char byte;

        CHECK(pipe(pipes) == 0);
        set("hold", 1);
        pid = fork();
        if (pid == 0) {
            int bound = bound_socket(k), j;
            unsigned char in[SIZE], out[16][SIZE];
            aio_context_t aio = aio_new(16);

            random_input(k, in);
            for (j = 0; j < 16; j++) {
                int fd = op_socket(bound);

                CHECK(send_op(fd, ALG_OP_DECRYPT, in, k->size, 0) == k->size);
                CHECK(aio_submit(aio, IOCB_CMD_PREAD, fd, out[j], k->size, j) == 1);
            }
            CHECK(write(pipes[1], "", 1) == 1);
            for (;;)
                pause();
        }
        CHECK(read(pipes[0], &byte, 1) == 1);
        kill(pid, SIGKILL);
        usleep(50000);
        /* The kernel's AIO waits for what is in flight. */
        CHECK(waitpid(pid, &status, WNOHANG) == 0);
        set("hold", 0);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        close(pipes[0]);
        close(pipes[1]);
    }
    ok("10 processes killed with 16 requests in flight");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct key k, other;

    signal(SIGPIPE, SIG_IGN);
    if (argc > 2)
        driver = argv[2];
    if (strcmp(what, "absent") == 0) {
        REFUSED(ENOENT, try_bind("akcipher", driver));
        ok("without the module, ENOENT");
        return 0;
    }
    if (strcmp(what, "once") == 0) {
        k = key_new(1024);
        test_correct(&k);
        key_free(&k);
        return 0;
    }
    if (strcmp(what, "all") == 0) {
        const int bits[] = {1024, 1536, 2048, 3072, 4096};

        for (int i = 0; i < 5; i++) {
            k = key_new(bits[i]);
            test_correct(&k);
            key_free(&k);
        }
    } else if (strcmp(what, "async") == 0) {
        driver = "rsa-async";
    } else {
        fprintf(stderr, "usage: algif_akcipher_test all|async|once|absent [DRIVER]\n");
        return 2;
    }
    k = key_new(2048);
    other = key_new(2048);
    test_input(&k);
    test_output(&k);
    test_refused(&k);
    test_nokey(&k, &other);
    test_threads(&k, &other);
    test_key_change(&k, &other);
    test_fork(&k);
    test_kill(&k);
    if (strcmp(what, "all") == 0) {
        test_malformed(&k);
    } else {
        test_in_flight(&k, &other);
        test_one_socket(&k);
        test_parallel(&k);
        test_failures(&k);
        test_memory_in_flight(&k);
        test_hung(&k);
        test_kill_in_flight(&k);
    }
    key_free(&k);
    key_free(&other);
    return 0;
}
