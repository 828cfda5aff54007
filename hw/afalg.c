// SPDX-License-Identifier: Apache-2.0
/*
 * The AF_ALG lane: the kernel's crypto API from user space, type akcipher (hw/kmod/, or a vendor's kernel).
 *
 * A socket bound to the accelerator's driver holds the key; each operation has a socket accepted from it and
 * is done by asynchronous I/O, so that a device that gives no answer is left alone after a while. The
 * protocol is spoken here, not through libkcapi: Debian's has no akcipher.
 */
#include "lane.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/if_alg.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of a key, unanswered: each has a descriptor and a place among the system's for asynchronous I/O
 * (fs.aio-max-nr). A device that is silent for good gets no more to do. */
#define LATE_MAX 8

/* One operation at a time, used again. */
struct operation {
    struct operation *next;
    int fd;
    aio_context_t aio;
    unsigned char out[];
};

struct afalg_key {
    int fd; /* bound, with the key */
    size_t size;
    unsigned forks;
    pthread_mutex_t lock;
    struct operation *idle;
    struct operation *late; /* given up waiting for: the kernel may still write to them */
    _Atomic unsigned late_count, waiting;
};

/* ---- system calls without wrappers in the C library ---- */

static int aio_setup(aio_context_t *aio)
{
    *aio = 0;
    return (int)syscall(SYS_io_setup, 1, aio);
}

static void aio_destroy(aio_context_t aio)
{
    syscall(SYS_io_destroy, aio);
}

static int aio_read(aio_context_t aio, int fd, void *buf, size_t len)
{
    struct iocb iocb = {.aio_lio_opcode = IOCB_CMD_PREAD,
                        .aio_fildes = (uint32_t)fd,
                        .aio_buf = (uintptr_t)buf,
                        .aio_nbytes = len};
    struct iocb *list[] = {&iocb};

    return syscall(SYS_io_submit, aio, 1, list) == 1;
}

/* Returns 1 with the result, 0 if there is none in time, or -1. */
static int aio_wait(aio_context_t aio, unsigned timeout_ms, int64_t *result)
{
    struct timespec now, until, left;
    struct io_event event;
    long n;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    left = (struct timespec){timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    for (;;) {
        n = syscall(SYS_io_getevents, aio, 1, 1, &event, &left);
        if (n == 1)
            *result = event.res;
        if (n >= 0 || errno != EINTR)
            return (int)n;
        clock_gettime(CLOCK_MONOTONIC, &now);
        left.tv_sec = until.tv_sec - now.tv_sec;
        left.tv_nsec = until.tv_nsec - now.tv_nsec;
        while (left.tv_nsec < 0) {
            left.tv_nsec += 1000000000L;
            left.tv_sec--;
        }
        while (left.tv_nsec >= 1000000000L) {
            left.tv_nsec -= 1000000000L;
            left.tv_sec++;
        }
        if (left.tv_sec < 0)
            return 0;
    }
}

/* ---- operations ---- */

static struct operation *operation_new(struct afalg_key *key)
{
    struct operation *operation = OPENSSL_zalloc(sizeof(*operation) + key->size);

    if (operation == NULL)
        return NULL;
    operation->fd = accept4(key->fd, NULL, NULL, SOCK_CLOEXEC);
    if (operation->fd >= 0 && aio_setup(&operation->aio) == 0)
        return operation;
    if (operation->fd >= 0)
        close(operation->fd);
    OPENSSL_free(operation);
    return NULL;
}

static void operation_free(struct operation *operation, size_t size)
{
    close(operation->fd);
    aio_destroy(operation->aio);
    OPENSSL_clear_free(operation, sizeof(*operation) + size);
}

static struct operation *take_operation(struct afalg_key *key)
{
    struct operation *operation;

    pthread_mutex_lock(&key->lock);
    operation = key->idle;
    if (operation != NULL)
        key->idle = operation->next;
    pthread_mutex_unlock(&key->lock);
    return operation != NULL ? operation : operation_new(key);
}

static void put(struct afalg_key *key, struct operation **list, struct operation *operation)
{
    pthread_mutex_lock(&key->lock);
    operation->next = *list;
    *list = operation;
    pthread_mutex_unlock(&key->lock);
}

/* The kernel may write to it whenever the device answers. */
static void put_late(struct afalg_key *key, struct operation *operation)
{
    key->late_count++; /* before it is no longer one that is waited for: the sum is never too small */
    put(key, &key->late, operation);
}

/* Frees what the device has answered after all. */
static void reap_late(struct afalg_key *key)
{
    struct operation **p, *operation;
    int64_t result;

    pthread_mutex_lock(&key->lock);
    for (p = &key->late; (operation = *p) != NULL;) {
        if (aio_wait(operation->aio, 0, &result) == 1) {
            *p = operation->next;
            operation_free(operation, key->size);
            key->late_count--;
        } else {
            p = &operation->next;
        }
    }
    pthread_mutex_unlock(&key->lock);
}

/* ---- the lane ---- */

static int bind_driver(const char *driver)
{
    struct sockaddr_alg address = {.salg_family = AF_ALG, .salg_type = "akcipher"};
    int fd;

    if (*driver == '\0' || strlen(driver) >= sizeof(address.salg_name))
        return -1;
    /* By its own name, so that it is no other. */
    strcpy((char *)address.salg_name, driver);
    fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int afalg_is_there(struct hw *hw, const char *driver)
{
    int fd = bind_driver(driver);
    aio_context_t aio;

    if (fd < 0) {
        if (*driver != '\0')
            hw_log(hw, HW_LOG_INFO, "lane afalg: %s%s", strerror(errno),
                   errno == ENOENT ? " (no module algif_akcipher)" : "");
        return 0;
    }
    close(fd);
    if (aio_setup(&aio) != 0) {
        hw_log(hw, HW_LOG_INFO, "lane afalg: asynchronous I/O: %s%s", strerror(errno),
               errno == ENOSYS ? " (the kernel needs CONFIG_AIO)" : "");
        return 0;
    }
    aio_destroy(aio);
    return 1;
}

static void *afalg_attach(const struct hw_held *held, const char *driver, enum lane_result *result)
{
    struct afalg_key *key = OPENSSL_zalloc(sizeof(*key));
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(held->raw, &der); /* RSAPrivateKey (RFC 8017 appendix A.1.2) */

    *result = LANE_FAILED;
    if (key != NULL && len > 0 && (key->fd = bind_driver(driver)) >= 0) {
        if (setsockopt(key->fd, SOL_ALG, ALG_SET_KEY, der, (socklen_t)len) == 0) {
            OPENSSL_clear_free(der, (size_t)len);
            key->size = held->size;
            key->forks = hw_fork_count();
            pthread_mutex_init(&key->lock, NULL);
            return key;
        }
        *result = hw_lane_result_of_key(errno);
        hw_log(held->hw, HW_LOG_INFO, "lane afalg: %s does not take the key: %s", driver, strerror(errno));
        close(key->fd);
    }
    OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
    OPENSSL_free(key);
    return NULL;
}

static void afalg_detach(void *attached)
{
    struct afalg_key *key = attached;
    int is_ours = key->forks == hw_fork_count();
    struct operation *operation, *next;

    if (is_ours)
        reap_late(key);
    /* What is late stays for ever: freed memory is not the kernel's to write to, and waiting for it is what
     * must not be done. In a child, asynchronous I/O is the parent's. */
    for (operation = key->idle; operation != NULL; operation = next) {
        next = operation->next;
        if (!is_ours) {
            close(operation->fd);
            OPENSSL_clear_free(operation, sizeof(*operation) + key->size);
        } else {
            operation_free(operation, key->size);
        }
    }
    close(key->fd);
    if (is_ours) /* otherwise a thread of the parent's may have locked it */
        pthread_mutex_destroy(&key->lock);
    OPENSSL_free(key);
}

static int send_input(int fd, const unsigned char *in, size_t len)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(uint32_t))];
    } control = {0};
    struct iovec iov = {(void *)in, len};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_ALG;
    header->cmsg_type = ALG_SET_OP;
    header->cmsg_len = CMSG_LEN(sizeof(uint32_t));
    *(uint32_t *)CMSG_DATA(header) = ALG_OP_DECRYPT; /* RSA's private operation */
    return sendmsg(fd, &message, 0) == (ssize_t)len;
}

static enum lane_result result_of(const struct hw_held *held, int64_t result)
{
    if (result == (int64_t)held->size)
        return LANE_OK;
    hw_log(held->hw, HW_LOG_DEBUG, "lane afalg: %s", result < 0 ? strerror((int)-result) : "a short result");
    return result == -EBUSY || result == -EAGAIN || result == -ENOSPC ? LANE_BUSY : LANE_FAILED;
}

/* Room for one more? While there are late ones, those that are waited for may become so as well. What is
 * under way when the first one is late has begun by then: only so many more can there be. */
static enum lane_result enter(struct afalg_key *key, const struct hw_held *held)
{
    unsigned waiting = ++key->waiting;

    if (key->late_count > 0)
        reap_late(key);
    if (key->late_count == 0 || key->late_count + waiting <= LATE_MAX)
        return LANE_OK;
    key->waiting--;
    hw_log(held->hw, HW_LOG_DEBUG, "lane afalg: %u operations without an answer", key->late_count);
    return key->late_count >= LATE_MAX ? LANE_FAILED : LANE_BUSY;
}

static enum lane_result operate(struct afalg_key *key, struct hw_held *held, const unsigned char *in,
                                unsigned char *out, unsigned timeout_ms)
{
    struct operation *operation = take_operation(key);
    enum lane_result result = LANE_FAILED;
    int64_t length = -EIO;
    int answered;

    if (operation == NULL)
        return LANE_FAILED;
    if (!send_input(operation->fd, in, held->size) ||
        !aio_read(operation->aio, operation->fd, operation->out, held->size)) {
        result = result_of(held, -errno);
        operation_free(operation, held->size); /* what it has been sent must not meet the next input */
        return result;
    }
    hw_fork_release(); /* while it waits; not where the lists change, which a child goes through */
    answered = aio_wait(operation->aio, timeout_ms, &length);
    hw_fork_hold();
    if (answered != 1) {
        put_late(key, operation);
        return LANE_SILENT;
    }
    result = result_of(held, length);
    if (result == LANE_OK) {
        memcpy(out, operation->out, held->size);
        OPENSSL_cleanse(operation->out, held->size);
        put(key, &key->idle, operation);
    } else {
        operation_free(operation, held->size);
    }
    return result;
}

static enum lane_result afalg_operate(void *attached, struct hw_held *held, const unsigned char *in,
                                      unsigned char *out, unsigned timeout_ms)
{
    struct afalg_key *key = attached;
    enum lane_result result = enter(key, held);

    if (result != LANE_OK)
        return result;
    result = operate(key, held, in, out, timeout_ms);
    key->waiting--;
    return result;
}

const struct hw_lane hw_lane_afalg = {
    .name = "afalg",
    .is_accelerator = 1,
    .is_there = afalg_is_there,
    .attach = afalg_attach,
    .detach = afalg_detach,
    .operate = afalg_operate,
};
