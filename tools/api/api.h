// SPDX-License-Identifier: Apache-2.0
/*
 * api: RouterOS's API, the services api-ssl and api, over tools/worker. A client sends sentences of words:
 *   /login =name=… =password=…                   first; or, with a certificate that a user has, /login alone
 *   /certificate/print ?name=x =.proplist=name   "getall" is the same; =count-only= counts
 *   /certificate/add =name=x =common-name=x …    any command: its words are its parameters
 *   /cancel =tag=x, /quit
 * and gets for each !re for rows and what else there is to tell, !trap for a failure, with its category and
 * message, and !done at the end; !fatal goes before the end of the connection. With a word .tag=x, which the
 * replies have, too, several commands are under way at once; those of one tag, or of none, wait for each
 * other.
 *
 * libevent reads and writes in one thread, threads of their own ask the workers and make the handshakes.
 * Everything that comes is bounded: sentences (sentence.h), commands under way, connections, time.
 */
#ifndef SIGNET_API_API_H
#define SIGNET_API_API_H

#include "tools/worker/login.h"

#include <openssl/ssl.h>
#include <stdint.h>

struct api;

struct api_config {
    const char *name; /* of the service, for the log: static */
    uint16_t port;
    const char *networks; /* that clients may be in: networks_new */
    SSL_CTX *tls;         /* counted up; NULL: without TLS, for this host alone, whatever the networks are */
    struct worker_logins *logins;
    void (*error)(void *arg, const char *text);
    void *arg;
};

/* Listens; NULL: said why. */
struct api *api_new(const struct api_config *config);
uint16_t api_port(const struct api *api);
/* Serves until api_stop. Returns 0 if threads can't be started. */
int api_run(struct api *api);
/* What handshakes show from now on; any thread. */
void api_set_tls(struct api *api, SSL_CTX *context);
/* Any thread. Commands that run are cancelled. */
void api_stop(struct api *api);
void api_free(struct api *api);

#endif
