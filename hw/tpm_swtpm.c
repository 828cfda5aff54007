// SPDX-License-Identifier: Apache-2.0
/*
 * swtpm's socket: "swtpm", "swtpm:host=HOST,port=PORT" or "swtpm:path=SOCKET", as tpm2-tss writes it.
 *
 * swtpm serves one connection at a time and lets the others wait. tpm2-tss's TCTI connects for every command,
 * which gives way to other processes in the middle of a load and use; see tpm_transport.c.
 *
 * It lets only two wait (its listen backlog is one). TCP drops what others send, the first packet or the
 * first data, and tries again after one second, then two, four and so on; a busy neighbour could starve them.
 * So who has been dropped dials again soon.
 */
#include "tpm.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_HOST    "localhost"
#define DEFAULT_PORT    "2321"
#define SOON_MS         50
#define NEAR_US         5000
#define TURN_TIMEOUT_MS 300000

/* Returns a descriptor, or -1 with errno: EINPROGRESS if there was no answer in that time. */
static int dial(const struct tpm_address *address, unsigned patience_ms)
{
    const struct timeval patience = {.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000L};
    const struct sockaddr *to = (const struct sockaddr *)&address->socket;
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), why;

    if (fd < 0 || (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
                   connect(fd, to, address->socket_len) == 0))
        return fd;
    why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* Returns a descriptor, or -1 with errno. */
static int open_socket(const struct tpm_address *address)
{
    unsigned patience_ms, waited_ms = 0;
    int fd;

    for (patience_ms = SOON_MS;; patience_ms *= 2) {
        fd = dial(address, patience_ms);
        waited_ms += patience_ms;
        /* EAGAIN: a Unix socket's queue stayed full for so long. */
        if (fd >= 0 || (errno != EINPROGRESS && errno != EAGAIN) || waited_ms > TURN_TIMEOUT_MS)
            return fd;
    }
}

/* Has the peer's TCP not taken what was sent? Then the program behind it never will. Far away it may just not
 * have said so yet, and TCP itself knows best. */
static int is_lost(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_unacked > 0 &&
           info.tcpi_rtt < NEAR_US;
}

static int resolve_path(const char *path, struct tpm_address *address)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->socket;

    if (strlen(path) >= sizeof(un->sun_path)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    address->socket_len = sizeof(*un);
    return 1;
}

/* A name may stand for several addresses; the one that answers stays. */
static int resolve_host(const char *host, const char *port, struct tpm_address *address)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found, *a;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return 0;
    }
    for (a = found; a != NULL && fd < 0; a = a->ai_next) {
        memcpy(&address->socket, a->ai_addr, a->ai_addrlen);
        address->socket_len = a->ai_addrlen;
        fd = open_socket(address);
    }
    freeaddrinfo(found);
    if (fd < 0)
        return 0;
    close(fd);
    return 1;
}

/* Copies the value of an option "name=value"; returns 0 if this is another one or too long. */
static int take(const char *option, size_t len, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);

    if (len <= name_len || strncmp(option, name, name_len) != 0 || len - name_len >= size)
        return 0;
    memcpy(value, option + name_len, len - name_len);
    value[len - name_len] = '\0';
    return 1;
}

int tpm_swtpm_address(const char *options, struct tpm_address *address)
{
    char host[128] = DEFAULT_HOST, port[8] = DEFAULT_PORT, path[128] = "";

    *address = (struct tpm_address){.open = open_socket, .is_exclusive = 1, .is_socket = 1};
    while (*options != '\0') {
        size_t len = strcspn(options, ",");

        if (!take(options, len, "host=", host, sizeof(host)) &&
            !take(options, len, "port=", port, sizeof(port)) &&
            !take(options, len, "path=", path, sizeof(path))) {
            errno = EINVAL;
            return 0;
        }
        options += len + (options[len] == ',');
    }
    if (path[0] != '\0')
        return resolve_path(path, address);
    address->is_lost = is_lost;
    return resolve_host(host, port, address);
}
