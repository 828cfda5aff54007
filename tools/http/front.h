// SPDX-License-Identifier: Apache-2.0
/*
 * An HTTP server, perhaps with TLS: libevent reads and writes in one thread, workers answer and make the
 * handshakes, so that a slow TPM stops nobody else. Everything that comes is bounded: headers, body, time, connections, requests an address and second,
 * requests that wait.
 */
#ifndef SIGNET_HTTP_FRONT_H
#define SIGNET_HTTP_FRONT_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

struct front;

enum front_method { FRONT_GET, FRONT_HEAD, FRONT_POST, FRONT_PUT, FRONT_PATCH, FRONT_DELETE };

struct front_request {
    enum front_method method;
    const char *path;    /* as it came, without the query; see front_decode */
    const char *query;   /* as it came, without "?"; "" without one */
    const char *address; /* of the client */
    const char *authorization, *content_type; /* the headers, or "" */
    const char *client_certificate; /* SHA-256 in lower case hexadecimal, of the one whose key it has; or NULL */
    int gone_fd; /* hangs up (POLLRDHUP) once the client has gone; -1: that is not told */
    const unsigned char *body;
    size_t body_len;
};

struct front_header {
    const char *name, *value;
};

struct front_response {
    int status;          /* 200 */
    const char *type;    /* static; NULL: no body */
    const struct front_header *headers; /* more of them, up to a NULL; static. NULL: none */
    unsigned max_age;    /* seconds that others may keep it; 0: not at all */
    unsigned char *body; /* OPENSSL_free'd by the front */
    size_t len;
};

struct front_config {
    const char *address;  /* NULL: all of IPv6 and IPv4 */
    uint16_t port;        /* 0: any that is free: front_port */
    const char *networks; /* that clients may be in: networks_new; NULL: any */
    SSL_CTX *tls;         /* counted up; NULL: HTTP without TLS, a request a connection */
    unsigned methods;     /* bits 1 << enum front_method */
    size_t body_max;      /* bytes */
    int tells_gone;       /* what is answered may take long: requests have a gone_fd */
    unsigned workers;
    unsigned rate; /* requests a second and client address, with bursts of ten times as many; 0: no limit */

    /* A worker's own state, made and freed in its thread. NULL: it can't work. */
    void *(*worker_new)(void *arg);
    void (*worker_free)(void *worker);
    /* Answers; called in the worker's thread. */
    void (*answer)(void *worker, const struct front_request *request, struct front_response *response);

    void (*error)(void *arg, const char *text);
    void *arg;
};

/* Listens; NULL: said why. */
struct front *front_new(const struct front_config *config);
uint16_t front_port(const struct front *front);
/* Serves until front_stop. Returns 0 if a worker can't work. */
int front_run(struct front *front);
/* What handshakes show from now on, of a server with TLS; any thread. */
void front_set_tls(struct front *front, SSL_CTX *context);
/* May be called from a signal handler. */
void front_stop(struct front *front);
void front_free(struct front *front);

/* Takes the escapes out of a part of a URL (RFC 3986 section 2.1). The caller's (OPENSSL_free), with a 0
 * behind it. NULL: malformed. */
char *front_decode(const char *text, size_t text_len, size_t *len);
/* The value of a name in a query, decoded; a "+" stays one, since base64 has it. The caller's (OPENSSL_free).
 * NULL: it is not there, or malformed. */
char *front_query_value(const char *query, const char *name, size_t *len);

#endif
