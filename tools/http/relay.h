// SPDX-License-Identifier: Apache-2.0
/*
 * Brings connections whose TLS is ours to libevent's HTTP server, which takes only what it has accepted
 * itself: it accepts at a socket of this process, and each connection there is relayed. Private to
 * tools/http/.
 */
#ifndef SIGNET_HTTP_RELAY_H
#define SIGNET_HTTP_RELAY_H

#include "tls.h"

#include <sys/socket.h>
#include <sys/un.h>

/* A socket of this process that listens, with a name that the kernel chooses (unix(7)). -1: errno. */
int relay_listen(void);

struct relays;
/* listener: of relay_listen. NULL: out of memory. */
struct relays *relays_new(struct event_base *base, int listener);
/* Takes the connection. */
void relay_open(struct relays *relays, struct bufferevent *bev, const char *address, const char *certificate);
void relays_free(struct relays *relays);

struct relay_peer {
    const char *address;     /* of the client */
    const char *certificate; /* the fingerprint of its, or "" */
};
/* Who is behind what was accepted there. Returns 0 if it is nobody that was relayed: another process. */
int relay_find(const struct relays *relays, evutil_socket_t fd, struct relay_peer *peer);

#endif
