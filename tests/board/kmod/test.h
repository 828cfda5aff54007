// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of the kernel module algif_akcipher share: checks, keys with OpenSSL as the reference,
 * sockets of AF_ALG and asynchronous reads. A check that fails ends the program.
 */
#ifndef KMOD_TEST_H
#define KMOD_TEST_H

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/if_alg.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 512 /* bytes of the longest modulus here */

/* ---- checks ---- */

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);
__attribute__((format(printf, 1, 2))) void ok(const char *format, ...);

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
    int size; /* bytes of the modulus */
    unsigned char *der;
    int der_len;
};

struct key key_new(int bits);
void key_free(struct key *k);

/* The raw operation as OpenSSL has it: k->size bytes from len bytes. */
void reference(const struct key *k, int op, const unsigned char *in, int len, unsigned char *out);
void random_bytes(unsigned char *out, int len);
/* An input below the modulus, and not so small that it would be none. */
void random_input(const struct key *k, unsigned char *in);

/* ---- sockets ---- */

extern const char *driver; /* that bound_socket asks for */

int try_bind(const char *type, const char *name);
int set_key(int fd, const struct key *k);
int set_key_der(int fd, const void *der, int len);
/* Sets another key once no operation socket is left. The kernel's AIO reports the end of a read a moment
 * before it lets go of the file, so one that has been closed may still be there: EBUSY until then. */
void change_key(int fd, const struct key *k);
int bound_socket(const struct key *k);
int op_socket(int bound);
/* sendmsg with one control message of the given type. */
long send_control(int fd, int type, const void *value, size_t value_len, const void *in, size_t len,
                  int flags);
long send_op(int fd, uint32_t op, const void *in, size_t len, int flags);

/* ---- asynchronous reads ---- */

aio_context_t aio_new(int n);
void aio_free(aio_context_t aio);
int aio_submit(aio_context_t aio, int opcode, int fd, void *buf, size_t len, uint64_t data);
/* The next result, -1 and errno as read() has it; -2: none within the time. */
long aio_wait(aio_context_t aio, int ms, uint64_t *data);
#define AIO_LONG 120000 /* ms: for what must come */
long aio_read(aio_context_t aio, int opcode, int fd, void *buf, size_t len);

/* One operation on an operation socket, compared with OpenSSL. aio: 0 for a synchronous one. */
void operate(const struct key *k, int fd, int op, aio_context_t aio);

/* ---- the emulated accelerator ---- */

/* Gives an order to the silicon (see tests/board/pka/silicon.c). Returns how many requests it has taken so
 * far. */
long silicon(const char *order);

/* ---- the tests ---- */

void test_correct(const struct key *k);
void test_input(const struct key *k);
void test_output(const struct key *k);
void test_refused(const struct key *k);
void test_nokey(const struct key *k, const struct key *other);
void test_malformed(const struct key *k);
void test_key_change(const struct key *k, const struct key *other);
void test_threads(const struct key *k, const struct key *other);
void test_fork(const struct key *k);
void test_kill(const struct key *k);
void hold_key(const char *path);
/* With the emulated accelerator. */
void test_in_flight(const struct key *k, const struct key *other);
void test_one_socket(const struct key *k);
void test_cancel(const struct key *k);
void test_driver_errors(const struct key *k);
void test_short_results(const struct key *k);
void test_memory_in_flight(const struct key *k);
void test_hung(const struct key *k);
void test_kill_in_flight(const struct key *k);

#endif
