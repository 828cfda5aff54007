// SPDX-License-Identifier: Apache-2.0
/* The parts of rest.c. Private to tools/rest/. */
#ifndef SIGNET_REST_PRIVATE_H
#define SIGNET_REST_PRIVATE_H

#include "rest.h"

/* request.c: from HTTP to a worker's request, the caller's. NULL: *why says why it is none. */
json_t *rest_request(const struct front_request *http, const char **why);

/* authorization.c: "Basic …" (RFC 7617). Returns 0 if it is none; text (wiped and freed by the caller:
 * OPENSSL_clear_free of size) holds name and password. */
struct rest_basic {
    char *text;
    size_t size;
    const char *name, *password;
};
int rest_basic(const char *header, struct rest_basic *basic);

#endif
