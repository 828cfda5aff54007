// SPDX-License-Identifier: Apache-2.0
/*
 * TLS for a server of libevent. A handshake may wait for a key in hardware: threads of its own make them, and
 * the loop's thread only reads and writes. Private to tools/http/ and to who serves another protocol.
 */
#ifndef SIGNET_HTTP_TLS_H
#define SIGNET_HTTP_TLS_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#define TLS_FINGERPRINT_SIZE 65 /* SHA-256 in lower case hexadecimal, and a 0 */

struct tls;

struct tls_config {
    struct event_base *base;
    /* A handshake is over; the connection is the callee's (bufferevent_free closes it). certificate: the
     * fingerprint of the client's, whose key it has shown to have, or "". */
    void (*opened)(void *arg, struct bufferevent *bev, const char *address, const char *certificate);
    /* Shall connections wait in the kernel's queue? */
    void (*is_full)(void *arg, int is_full);
    void *arg;
};

/* Everything but tls_set_context is for the loop's thread. context is counted up. NULL: out of memory. */
struct tls *tls_new(const struct tls_config *config, SSL_CTX *context);
/* Starts the threads. Returns 0 if that fails. */
int tls_start(struct tls *tls);
/* What connections get from here on; those that are there keep theirs. */
void tls_set_context(struct tls *tls, SSL_CTX *context);
/* Takes a connection that was accepted, and closes it if its handshake does not come to an end. */
void tls_accept(struct tls *tls, evutil_socket_t fd, const char *address);
/* Waits for the handshakes that a thread is at. */
void tls_stop(struct tls *tls);
void tls_free(struct tls *tls);

#endif
