// SPDX-License-Identifier: Apache-2.0
/* Sockets that listen. Private to tools/http/ and to who serves another protocol. */
#ifndef SIGNET_HTTP_LISTEN_H
#define SIGNET_HTTP_LISTEN_H

#include "networks.h"

#include <stdint.h>

/* At an address of IPv4 or IPv6 ("::" is IPv4, too, whatever the kernel is told to take for granted) and
 * *port; 0 becomes one that is free. Non-blocking. -1 with errno; EINVAL: no address. */
int listen_open(const char *address, uint16_t *port);
/* Where clients of these networks can come to: at this host's own addresses if they are all of this host, and
 * otherwise at all addresses, with IPv6 and IPv4, if the kernel has both. Who comes is still to be looked at.
 * Returns how many; 0 with errno. */
int listen_for(const struct networks *networks, uint16_t *port, int fds[2]);

#define LISTEN_PEER_SIZE 64 /* of IPv6, with the name of an interface */
struct sockaddr;
/* The address of who has connected there, in host or a part of it. NULL: it has none. */
const char *listen_peer(const struct sockaddr *from, int len, char host[LISTEN_PEER_SIZE]);
/* An address of IPv4 as a socket of IPv6 tells it ("::ffff:192.0.2.1"), without that; others as they are. */
const char *listen_plain_address(const char *address);

#endif
