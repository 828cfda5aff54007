// SPDX-License-Identifier: Apache-2.0
/*
 * Digests by the kernel's crypto API (AF_ALG, type hash), which uses the SoC's hash engine if it has a driver
 * for it.
 *
 * A message has a socket, accepted from one that is bound to the algorithm; the kernel keeps the state. The
 * protocol is spoken here, not through libkcapi: a state is copied by accepting a socket from the message's
 * own, which libkcapi keeps to itself; and its descriptors (four for each message) go on into programs that
 * the process executes.
 *
 * A system call costs more than hashing a few bytes, so that small pieces are collected first.
 */
#include "lane.h"

#include <errno.h>
#include <linux/if_alg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COLLECTED_MAX 4096

struct hw_digest {
    struct hw *hw;
    const char *name;
    size_t size;
    int fd;         /* of the message, or -1 */
    int is_begun;   /* the kernel has part of the message */
    unsigned forks; /* of the process that fd is of */
    size_t collected;
    unsigned char buf[COLLECTED_MAX];
};

/* A socket for messages; -1 with errno. */
static int open_socket(const char *name)
{
    struct sockaddr_alg address = {.salg_family = AF_ALG, .salg_type = "hash"};
    int bound = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd = -1, why;

    if (bound < 0)
        return -1;
    strncpy((char *)address.salg_name, name, sizeof(address.salg_name) - 1);
    if (bind(bound, (struct sockaddr *)&address, sizeof(address)) == 0)
        fd = accept4(bound, NULL, NULL, SOCK_CLOEXEC);
    why = errno;
    close(bound);
    errno = why;
    return fd;
}

static void close_socket(struct hw_digest *digest)
{
    if (digest->fd >= 0)
        close(digest->fd);
    digest->fd = -1;
}

static int raise_failure(const struct hw_digest *digest, const char *what)
{
    const char *cause = strerror(errno), *hint = "";
    enum hw_reason reason = HW_E_NO_DEVICE;

    if (errno == EAFNOSUPPORT)
        hint = ": it has no AF_ALG (module af_alg), or the service may not use it (RestrictAddressFamilies)";
    else if (errno == ENOENT)
        hint = ": it lacks AF_ALG's type hash (module algif_hash) or a driver for the algorithm";
    else
        reason = HW_E_DEVICE;
    hw_raise(digest->hw, reason, "the kernel does not %s %s: %s%s", what, digest->name, cause, hint);
    return 0;
}

struct hw_digest *hw_digest_new(struct hw *hw, const char *name, size_t size)
{
    struct hw_digest *digest = OPENSSL_zalloc(sizeof(*digest));

    if (digest == NULL) {
        hw_raise(hw, HW_E_INTERNAL, "out of memory for a digest");
        return NULL;
    }
    digest->hw = hw;
    digest->name = name;
    digest->size = size;
    digest->fd = -1;
    return digest;
}

void hw_digest_free(struct hw_digest *digest)
{
    if (digest == NULL)
        return;
    close_socket(digest);
    OPENSSL_clear_free(digest, sizeof(*digest));
}

/* Makes sure that the message has a socket of this process alone. */
static int ready(struct hw_digest *digest)
{
    if (digest->fd >= 0 && digest->forks == hw_fork_count())
        return 1;
    if (digest->is_begun) {
        /* The parent may go on with what is one message to the kernel. */
        if (digest->forks != hw_fork_count())
            hw_raise(digest->hw, HW_E_UNSUPPORTED,
                     "a %s that was begun before a fork can't go on in the child", digest->name);
        else
            hw_raise(digest->hw, HW_E_DEVICE, "this %s has failed before", digest->name);
        return 0;
    }
    close_socket(digest);
    digest->fd = open_socket(digest->name);
    digest->forks = hw_fork_count();
    return digest->fd >= 0 || raise_failure(digest, "compute");
}

int hw_digest_init(struct hw_digest *digest)
{
    if (digest->is_begun)
        close_socket(digest);
    digest->is_begun = 0;
    digest->collected = 0;
    return ready(digest);
}

static int send_piece(struct hw_digest *digest, const unsigned char *in, size_t len, int flags)
{
    digest->is_begun = 1;
    while (len > 0) {
        ssize_t n = send(digest->fd, in, len, flags);

        if (n <= 0) {
            raise_failure(digest, "go on with");
            close_socket(digest); /* nobody is to take the rest for the whole */
            return 0;
        }
        in += n;
        len -= (size_t)n;
    }
    return 1;
}

int hw_digest_update(struct hw_digest *digest, const unsigned char *in, size_t len)
{
    if (len > COLLECTED_MAX - digest->collected) {
        if (!ready(digest) || !send_piece(digest, digest->buf, digest->collected, MSG_MORE))
            return 0;
        digest->collected = 0;
        if (len >= COLLECTED_MAX)
            return send_piece(digest, in, len, MSG_MORE);
    }
    if (len > 0)
        memcpy(digest->buf + digest->collected, in, len);
    digest->collected += len;
    return 1;
}

int hw_digest_final(struct hw_digest *digest, unsigned char *out)
{
    ssize_t n;

    if (!ready(digest) || !send_piece(digest, digest->buf, digest->collected, 0))
        return 0;
    n = recv(digest->fd, out, digest->size, 0); /* also ends a message of which no piece was the last */
    if (n != (ssize_t)digest->size) {
        if (n >= 0)
            errno = EIO;
        raise_failure(digest, "finish");
        close_socket(digest);
        return 0;
    }
    digest->is_begun = 0;
    digest->collected = 0;
    return 1;
}

struct hw_digest *hw_digest_dup(const struct hw_digest *digest)
{
    struct hw_digest *copy = OPENSSL_memdup(digest, sizeof(*digest));

    if (copy == NULL) {
        hw_raise(digest->hw, HW_E_INTERNAL, "out of memory for a digest");
        return NULL;
    }
    /* A message of which the kernel has nothing yet gets its socket when it needs one. */
    copy->fd = -1;
    if (!digest->is_begun)
        return copy;
    if (digest->fd >= 0 && digest->forks == hw_fork_count()) {
        copy->fd = accept4(digest->fd, NULL, NULL, SOCK_CLOEXEC); /* the state comes along */
        if (copy->fd >= 0)
            return copy;
        raise_failure(digest, "copy the state of");
    } else {
        ready(copy); /* raises */
    }
    hw_digest_free(copy);
    return NULL;
}

void hw_digest_print(void (*print)(void *arg, const char *line), void *arg)
{
    int fd = open_socket("sha256"); /* the kernel has loaded its driver then */
    char line[256], driver[64];

    if (fd >= 0) {
        hw_probe_name("sha256", driver, sizeof(driver));
        snprintf(line, sizeof(line), "digests: the kernel's SHA-256 driver %s", driver);
        close(fd);
    } else {
        snprintf(line, sizeof(line), "digests: none by the kernel (%s)", strerror(errno));
    }
    print(arg, line);
}
