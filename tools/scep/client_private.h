// SPDX-License-Identifier: Apache-2.0
/* Between transport.c, discovery.c and client.c. */
#ifndef SIGNET_SCEP_CLIENT_PRIVATE_H
#define SIGNET_SCEP_CLIENT_PRIVATE_H

#include "client.h"
#include "private.h"

struct scep_client {
    struct scep_client_config config;
    void *curl;
    int can_post, can_renew, has_next_ca;
    char digest[16], cipher[16]; /* the best of what both know */
    STACK_OF(X509) * chain;
    X509 *ca, *recipient; /* of chain */
    STACK_OF(X509) * ras; /* of chain: those that may answer for the CA */
};

struct scep_body {
    unsigned char *data; /* OPENSSL_free */
    size_t len;
    char type[80]; /* Content-Type */
};

/* Both return 0. */
int scep_raise(struct scep_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One exchange: a GET with the operation and message (base64 or text; NULL: none), or a POST of a body. Any
 * status but 200 is an error. */
int scep_transfer(struct scep_client *client, const char *operation, const char *message,
                  const unsigned char *post, size_t post_len, struct scep_body *body);

#endif
