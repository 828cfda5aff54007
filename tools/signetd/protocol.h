// SPDX-License-Identifier: Apache-2.0
/* What a runner runs: a server of one protocol. Private to runner.c and the protocols. */
#ifndef SIGNET_SIGNETD_PROTOCOL_H
#define SIGNET_SIGNETD_PROTOCOL_H

#include "runner.h"

#include <openssl/ssl.h>

struct protocol {
    const char *alpn; /* its name in TLS; NULL: it has none */
    /* Listens; tls NULL: without. What comes back is the others' server. NULL: said why. name is static. */
    void *(*open)(struct daemon *daemon, const char *name, const struct service *service, SSL_CTX *tls);
    uint16_t (*port)(const void *server);
    int (*run)(void *server);                    /* until stop; 0: it can't */
    void (*set_tls)(void *server, SSL_CTX *tls); /* any thread, as is stop */
    void (*stop)(void *server);
    void (*free)(void *server);
};

extern const struct protocol protocol_http, protocol_api;

/* For the servers' config: arg is not looked at. */
void protocol_error(void *arg, const char *text);

#endif
