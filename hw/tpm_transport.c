// SPDX-License-Identifier: Apache-2.0
/*
 * A TCTI over a descriptor, for TPMs that this process opens itself: the kernel's devices and swtpm.
 *
 * Most of them serve one process at a time and have no resource manager. For those the descriptor is open
 * exactly while the connection's lock is held (tpm_transport_release): to be connected is to have the TPM to
 * oneself, so that no other process can take the slot between a key's load and its use.
 */
#include "tpm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRANSPORT_MAGIC 0x5369676e65740001ULL
#define MESSAGE_MAX     4096
#define HEADER_SIZE     10 /* tag, size, response code (TPM 2.0 Library part 1 section 18) */
/* Longer than any chip takes for its largest key, or any process for its turn. */
#define ANSWER_TIMEOUT_MS 300000
#define LOST_MS           50 /* longer than TCP may delay an acknowledgement (40 ms) */

struct transport {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    struct tpm_address address;
    int fd;                       /* -1 while closed */
    uint8_t command[MESSAGE_MAX]; /* the last one, to send it again if it was lost */
    size_t command_size;
};

static struct transport *transport_of(TSS2_TCTI_CONTEXT *tcti)
{
    return tcti != NULL && TSS2_TCTI_MAGIC(tcti) == TRANSPORT_MAGIC ? (struct transport *)tcti : NULL;
}

static void close_fd(struct transport *t)
{
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static TSS2_RC fail(struct transport *t)
{
    close_fd(t);
    return TSS2_TCTI_RC_IO_ERROR;
}

/* A device takes a command in one piece, and runs it before write returns. */
static int write_all(const struct transport *t, const uint8_t *command, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = t->address.is_socket ? send(t->fd, command + done, size - done, MSG_NOSIGNAL)
                                         : write(t->fd, command + done, size - done);

        if (n < 0 && errno != EINTR)
            return 0;
        done += n > 0 ? (size_t)n : 0;
    }
    return 1;
}

/* Sends the last command, on a new descriptor if there is none. */
static int dispatch(struct transport *t)
{
    if (t->fd < 0)
        t->fd = t->address.open(&t->address);
    if (t->fd >= 0 && write_all(t, t->command, t->command_size))
        return 1;
    close_fd(t);
    return 0;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
    struct transport *t = transport_of(tcti);

    if (t == NULL || size > sizeof(t->command))
        return TSS2_TCTI_RC_BAD_VALUE;
    memcpy(t->command, command, size);
    t->command_size = size;
    return dispatch(t) ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

/* The size that a response's header gives, or the header's while that is not complete. */
static size_t response_size(const uint8_t *response, size_t done)
{
    return done < HEADER_SIZE
               ? HEADER_SIZE
               : (size_t)response[2] << 24 | response[3] << 16 | response[4] << 8 | response[5];
}

/* Returns 1 when there is something to read, 0 if there will be nothing. */
static int wait_readable(struct transport *t)
{
    int waited_ms = 0;

    while (waited_ms < ANSWER_TIMEOUT_MS) {
        struct pollfd wait = {.fd = t->fd, .events = POLLIN};
        int n = poll(&wait, 1, LOST_MS);

        if (n > 0)
            return 1;
        if (n < 0 && errno != EINTR)
            return 0;
        waited_ms += LOST_MS;
        if (n == 0 && t->address.is_lost != NULL && t->address.is_lost(t->fd)) {
            close_fd(t);
            if (!dispatch(t))
                return 0;
        }
    }
    return 0;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
    struct transport *t = transport_of(tcti);
    size_t done = 0;

    (void)timeout; /* ESAPI's synchronous calls wait as long as it takes */
    if (response == NULL) {
        *size = MESSAGE_MAX;
        return TSS2_RC_SUCCESS;
    }
    /* A device gives a response in one piece. */
    do {
        ssize_t n;

        if (t->fd < 0 || !wait_readable(t))
            return fail(t);
        n = read(t->fd, response + done, *size - done);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return fail(t);
        done += n > 0 ? (size_t)n : 0;
        if (response_size(response, done) > *size)
            return fail(t);
    } while (done < response_size(response, done));
    OPENSSL_cleanse(t->command, t->command_size); /* it may have held a passphrase */
    *size = done;
    return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *tcti)
{
    close_fd(transport_of(tcti));
}

/* None of these has a way to cancel a command on the descriptor that carries it. */
static TSS2_RC cancel(TSS2_TCTI_CONTEXT *tcti)
{
    (void)tcti;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC get_poll_handles(TSS2_TCTI_CONTEXT *tcti, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
    (void)tcti;
    (void)handles;
    (void)count;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *tcti, uint8_t locality)
{
    (void)tcti;
    (void)locality;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC make_sticky(TSS2_TCTI_CONTEXT *tcti, TPM2_HANDLE *handle, uint8_t sticky)
{
    (void)tcti;
    (void)handle;
    (void)sticky;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

TSS2_RC tpm_transport_new(const struct tpm_address *address, TSS2_TCTI_CONTEXT **tcti)
{
    struct transport *t = calloc(1, sizeof(*t));
    int fd, why;

    if (t == NULL)
        return TSS2_TCTI_RC_MEMORY;
    t->common = (TSS2_TCTI_CONTEXT_COMMON_V2){
        .v1 =
            {
                .magic = TRANSPORT_MAGIC,
                .version = 2,
                .transmit = transmit,
                .receive = receive,
                .finalize = finalize,
                .cancel = cancel,
                .getPollHandles = get_poll_handles,
                .setLocality = set_locality,
            },
        .makeSticky = make_sticky,
    };
    t->address = *address;
    fd = t->fd = t->address.open(&t->address);
    if (fd < 0) {
        why = errno;
        free(t);
        errno = why;
        return TSS2_TCTI_RC_NO_CONNECTION;
    }
    *tcti = (TSS2_TCTI_CONTEXT *)t;
    return TSS2_RC_SUCCESS;
}

void tpm_transport_release(TSS2_TCTI_CONTEXT *tcti)
{
    struct transport *t = transport_of(tcti);

    if (t != NULL && t->address.is_exclusive)
        close_fd(t);
}

int tpm_transport_free(TSS2_TCTI_CONTEXT **tcti)
{
    struct transport *t = transport_of(*tcti);

    if (t == NULL)
        return 0;
    close_fd(t);
    free(t);
    *tcti = NULL;
    return 1;
}
