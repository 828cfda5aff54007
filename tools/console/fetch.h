// SPDX-License-Identifier: Apache-2.0
/* Downloads, by libcurl. */
#ifndef SIGNET_CONSOLE_FETCH_H
#define SIGNET_CONSOLE_FETCH_H

#include "console.h"

struct fetch_options {
    size_t max; /* bytes; more is an error */
    int check;  /* of a server's certificate, with the trust store's set for fetch */
};
struct fetched {
    unsigned char *data; /* the caller's (OPENSSL_free) */
    size_t len, size;
    size_t max;
};
/* http and https only. */
int fetch_url(struct console *console, const char *url, const struct fetch_options *options,
              struct fetched *fetched);

#endif
