// SPDX-License-Identifier: Apache-2.0
/* Opens sockets that listen. Not libevent's own way, which leaves "::" to the kernel's settings. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128
#define IPV4    "::ffff:" /* before an IPv4 address on a socket of IPv6 */

static int bind_and_listen(int fd, const char *address, uint16_t port)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    int is_ipv6 = strchr(address, ':') != NULL, yes = 1, no = 0;

    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address,
                  is_ipv6 ? (void *)&ipv6.sin6_addr : (void *)&ipv4.sin_addr) != 1) {
        errno = EINVAL;
        return 0;
    }
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
           (!is_ipv6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == 0) &&
           bind(fd, is_ipv6 ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4,
                is_ipv6 ? sizeof(ipv6) : sizeof(ipv4)) == 0 &&
           listen(fd, BACKLOG) == 0;
}

int listen_open(const char *address, uint16_t *port)
{
    int is_ipv6 = strchr(address, ':') != NULL, reason;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);

    if (fd >= 0 && bind_and_listen(fd, address, *port) &&
        getsockname(fd, (struct sockaddr *)&name, &len) == 0) {
        *port = ntohs(is_ipv6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                              : ((struct sockaddr_in *)&name)->sin_port);
        return fd;
    }
    reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

/* Is errno of a kernel that has no IPv6? */
static int is_without_ipv6(void)
{
    return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
}

static int listen_for_all(uint16_t *port)
{
    int fd = listen_open("::", port);

    return fd >= 0 || !is_without_ipv6() ? fd : listen_open("0.0.0.0", port);
}

int listen_for(const struct networks *networks, uint16_t *port, int fds[2])
{
    static const char *const locals[] = {"127.0.0.1", "::1"};
    int count = 0, i, reason;

    if (!networks_are_local(networks)) {
        fds[0] = listen_for_all(port);
        return fds[0] >= 0;
    }
    for (i = 0; i < 2; i++) {
        /* Other addresses of 127.0.0.0/8 come to the first. */
        if (!networks_have(networks, locals[i]) && (i > 0 || networks_have(networks, "::1")))
            continue;
        fds[count] = listen_open(locals[i], port);
        if (fds[count] >= 0) {
            count++;
        } else if (count == 0 || !is_without_ipv6()) {
            reason = errno;
            while (count > 0)
                close(fds[--count]);
            errno = reason;
            break;
        }
    }
    return count;
}

const char *listen_plain_address(const char *address)
{
    return strncmp(address, IPV4, strlen(IPV4)) == 0 ? address + strlen(IPV4) : address;
}

const char *listen_peer(const struct sockaddr *from, int len, char host[LISTEN_PEER_SIZE])
{
    return getnameinfo(from, (socklen_t)len, host, LISTEN_PEER_SIZE, NULL, 0, NI_NUMERICHOST) == 0
               ? listen_plain_address(host)
               : NULL;
}
