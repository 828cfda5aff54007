// SPDX-License-Identifier: Apache-2.0
/* What the files of tools/acme/ share. Private to tools/acme/. */
#ifndef SIGNET_ACME_PRIVATE_H
#define SIGNET_ACME_PRIVATE_H

#include "acme.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define ACME_NONCES_MAX 8

struct acme {
    struct acme_config config;
    void *curl; /* CURL *; kept, as is its connection */
    struct acme_directory *directory;
    EVP_PKEY *key;
    char *account_url;               /* kid */
    char *nonces[ACME_NONCES_MAX];   /* as the server gave them */
    size_t nonces_count;
    char problem_type[64];
    int64_t retry_at;
};

/* ---- acme.c ---- */

/* Both return 0. */
int acme_raise(struct acme *acme, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with OpenSSL's newest error; empties its queue. */
int acme_raise_ssl(struct acme *acme, const char *format, ...) __attribute__((format(printf, 2, 3)));
void acme_progress(struct acme *acme, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Waits; 0 if that was cancelled (and raises). */
int acme_wait(struct acme *acme, unsigned milliseconds);

/* ---- base64url.c (RFC 4648 section 5, without padding) ---- */

/* The caller's (OPENSSL_free). NULL: out of memory. */
char *acme_base64url(const void *data, size_t len);
/* NULL: it is none. *len is set; the caller's (OPENSSL_clear_free). */
unsigned char *acme_base64url_decode(const char *text, size_t *len);
/* Only letters, digits, "-" and "_", and 1 to max of them? */
int acme_is_base64url(const char *text, size_t max);

#endif
