// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's TPM devices, /dev/tpm0 and /dev/tpmrm0.
 *
 * tpm2-tss has a TCTI for them, but its initialisation sends a command of its own (GetRandom, to probe for
 * partial reads), its descriptor survives exec, and it keeps /dev/tpm0, which only one process can open at a
 * time. Here processes take turns; one that finds the device busy waits for its close (inotify), not in a
 * loop.
 */
#include "tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 30000

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Returns a descriptor, or -1 with errno. */
static int open_device(const struct tpm_address *address)
{
    const int64_t deadline = now_ms() + BUSY_TIMEOUT_MS;
    struct pollfd wait = {.fd = -1, .events = POLLIN};
    char events[1024];
    int fd, why;

    for (;;) {
        fd = open(address->path, O_RDWR | O_CLOEXEC);
        why = errno;
        if (fd >= 0 || errno != EBUSY || now_ms() >= deadline)
            break;
        if (wait.fd < 0) {
            /* Watch first, then look again: a close in between is not missed. */
            wait.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
            if (wait.fd < 0 || inotify_add_watch(wait.fd, address->path, IN_CLOSE) < 0)
                break;
            continue;
        }
        if (poll(&wait, 1, 1000) < 0 && errno != EINTR)
            break;
        while (read(wait.fd, events, sizeof(events)) > 0)
            ;
    }
    if (wait.fd >= 0)
        close(wait.fd);
    errno = why;
    return fd;
}

int tpm_device_address(const char *path, int is_managed, struct tpm_address *address)
{
    *address = (struct tpm_address){.open = open_device, .is_exclusive = !is_managed};
    if (strlen(path) >= sizeof(address->path)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    strcpy(address->path, path);
    return 1;
}
