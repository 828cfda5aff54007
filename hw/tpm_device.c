// SPDX-License-Identifier: Apache-2.0
/*
 * A TCTI for /dev/tpm0 and /dev/tpmrm0.
 *
 * tpm2-tss has one, but its initialisation sends a command of its own (GetRandom, to probe for partial
 * reads), its descriptor survives exec, and it keeps /dev/tpm0 open, which only one process can do at a
 * time. This one opens /dev/tpm0 for the length of a command, so that processes take turns; one that finds
 * it busy waits for the close (inotify), not in a loop.
 */
#include "tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define DEVICE_MAGIC    0x5369676e65740001ULL
#define BUSY_TIMEOUT_MS 30000
#define RESPONSE_MAX    4096

struct device {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    int fd; /* -1 while closed */
    int is_exclusive;
    char path[];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Opens the device; while another process has it, waits for that one to close it. */
static TSS2_RC device_ensure_open(struct device *device)
{
    const int64_t deadline = now_ms() + BUSY_TIMEOUT_MS;
    struct pollfd wait = {.fd = -1, .events = POLLIN};
    char events[1024];
    TSS2_RC rc = TSS2_TCTI_RC_IO_ERROR;

    while (device->fd < 0) {
        device->fd = open(device->path, O_RDWR | O_CLOEXEC);
        if (device->fd >= 0 || errno != EBUSY || now_ms() >= deadline)
            break;
        if (wait.fd < 0) {
            /* Watch first, then look again: a close in between is not missed. */
            wait.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
            if (wait.fd < 0 || inotify_add_watch(wait.fd, device->path, IN_CLOSE) < 0)
                break;
            continue;
        }
        if (poll(&wait, 1, 1000) < 0 && errno != EINTR)
            break;
        while (read(wait.fd, events, sizeof(events)) > 0)
            ;
    }
    if (device->fd >= 0)
        rc = TSS2_RC_SUCCESS;
    if (wait.fd >= 0)
        close(wait.fd);
    return rc;
}

static void device_close(struct device *device)
{
    if (device->fd >= 0)
        close(device->fd);
    device->fd = -1;
}

static TSS2_RC device_transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    struct device *device = (struct device *)context;
    TSS2_RC rc = device_ensure_open(device);
    ssize_t n;

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    /* The driver takes a command in one piece and runs it before write returns. */
    do
        n = write(device->fd, command, size);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)size)
        return TSS2_RC_SUCCESS;
    device_close(device);
    return TSS2_TCTI_RC_IO_ERROR;
}

static TSS2_RC device_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    struct device *device = (struct device *)context;
    ssize_t n;

    (void)timeout; /* the response is there since write returned */
    if (response == NULL) {
        *size = RESPONSE_MAX;
        return TSS2_RC_SUCCESS;
    }
    do
        n = read(device->fd, response, *size);
    while (n < 0 && errno == EINTR);
    if (n <= 0 || device->is_exclusive)
        device_close(device);
    if (n <= 0)
        return TSS2_TCTI_RC_IO_ERROR;
    *size = (size_t)n;
    return TSS2_RC_SUCCESS;
}

static void device_finalize(TSS2_TCTI_CONTEXT *context)
{
    device_close((struct device *)context);
}

static TSS2_RC device_cancel(TSS2_TCTI_CONTEXT *context)
{
    (void)context; /* the kernel has no way to cancel a TPM 2.0 command */
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC device_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
    (void)context;
    (void)handles;
    (void)count;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC device_set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    (void)context;
    (void)locality;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC device_make_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    (void)context;
    (void)handle;
    (void)sticky;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

TSS2_RC tpm_device_open(const char *path, int is_exclusive, TSS2_TCTI_CONTEXT **tcti)
{
    struct device *device = calloc(1, sizeof(*device) + strlen(path) + 1);
    TSS2_RC rc;

    if (device == NULL)
        return TSS2_TCTI_RC_MEMORY;
    device->common.v1.magic = DEVICE_MAGIC;
    device->common.v1.version = 2;
    device->common.v1.transmit = device_transmit;
    device->common.v1.receive = device_receive;
    device->common.v1.finalize = device_finalize;
    device->common.v1.cancel = device_cancel;
    device->common.v1.getPollHandles = device_poll_handles;
    device->common.v1.setLocality = device_set_locality;
    device->common.makeSticky = device_make_sticky;
    device->fd = -1;
    device->is_exclusive = is_exclusive;
    strcpy(device->path, path);
    rc = device_ensure_open(device);
    if (rc != TSS2_RC_SUCCESS) {
        int saved = errno;

        free(device);
        errno = saved;
        return rc;
    }
    if (is_exclusive)
        device_close(device);
    *tcti = (TSS2_TCTI_CONTEXT *)device;
    return TSS2_RC_SUCCESS;
}
