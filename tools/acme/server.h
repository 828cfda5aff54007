// SPDX-License-Identifier: Apache-2.0
/*
 * What http-01 and tls-alpn-01 share: a server with a thread of its own, for as long as responses are
 * offered. Connections are bounded in number and in the time each may take as a whole, which libevent's own
 * HTTP server can't do. Private to tools/acme/.
 */
#ifndef SIGNET_ACME_SERVER_H
#define SIGNET_ACME_SERVER_H

#include "acme.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

struct acme_server;

/* Called in the server's thread, with its arg. */
struct acme_server_handler {
    const char *way;    /* "http-01" */
    const char *advice; /* what to do if the port is taken */
    /* What a connection is read with; closes the socket when it is freed. NULL: the connection is closed. */
    struct bufferevent *(*accept)(void *arg, struct event_base *base, evutil_socket_t fd);
    /* Looks at what has come and writes the answer: 1 if it did, 0 if more must come, -1 if nothing will
     * help. NULL: a connection has served its purpose when it stands. */
    int (*answer)(void *arg, struct evbuffer *in, struct evbuffer *out);
};

/* address NULL: all, IPv4 and IPv6. NULL: raised why it does not listen. */
struct acme_server *acme_server_open(struct acme *acme, const struct acme_server_handler *handler, void *arg,
                                     const char *address, uint16_t port);
/* When it returns, the handler is not called any more. */
void acme_server_close(struct acme_server *server);

#endif
