// SPDX-License-Identifier: Apache-2.0
/* What the files of tools/acme/ share. Private to tools/acme/. */
#ifndef SIGNET_ACME_PRIVATE_H
#define SIGNET_ACME_PRIVATE_H

#include "acme.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>

#define ACME_NONCES_MAX   8
#define ACME_ALTERNATES   8
#define ACME_URL_MAX      2048
#define ACME_POLL_SECONDS 600 /* how long a server may take to see a challenge, or to issue */

struct acme {
    struct acme_config config;
    void *curl; /* CURL *; kept, as is its connection */
    X509_LOOKUP_METHOD *roots;
    struct acme_directory *directory;
    EVP_PKEY *key;
    char *account_url;             /* kid */
    char *nonces[ACME_NONCES_MAX]; /* as the server gave them */
    size_t nonces_count;
    char problem_type[64];
    int64_t retry_at;
    int is_cut;  /* the last exchange did not come to an end, or the server could not do it at the moment */
    int is_lost; /* an authorization or the order is invalid */
    char *quiet; /* where errors go that are no reason to give up; NULL: they are reported */
    size_t quiet_size;
};

/* ---- acme.c ---- */

/* Both return 0. */
int acme_raise(struct acme *acme, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with OpenSSL's newest error; empties its queue. */
int acme_raise_ssl(struct acme *acme, const char *format, ...) __attribute__((format(printf, 2, 3)));
void acme_progress(struct acme *acme, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Of a clock that nobody sets, for deadlines. */
int64_t acme_seconds(void);
/* Waits; 0 if that was cancelled (and raises). */
int acme_wait(struct acme *acme, unsigned milliseconds);
/* The text with what no terminal should be sent replaced by "?", cut at size. */
void acme_printable(char *out, size_t size, const char *text);

/* ---- base64url.c (RFC 4648 section 5, without padding) ---- */

/* The caller's (OPENSSL_free). NULL: out of memory. */
char *acme_base64url(const void *data, size_t len);
/* NULL: it is none. *len is set; the caller's (OPENSSL_clear_free). */
unsigned char *acme_base64url_decode(const char *text, size_t *len);
/* Only letters, digits, "-" and "_", and 1 to max of them? */
int acme_is_base64url(const char *text, size_t max);

/* ---- http.c ---- */

struct acme_response {
    long status;
    char *body; /* ends with 0 */
    size_t len;
    json_t *json; /* if it is JSON */
    char *location, *content_type, *retry_after, *nonce;
    char *alternates[ACME_ALTERNATES]; /* Link rel="alternate" */
    size_t alternates_count;
};
/* One exchange; any status is a success. body is NULL but for POST. */
int acme_exchange(struct acme *acme, const char *method, const char *url, const char *body,
                  struct acme_response *response);
void acme_response_clear(struct acme_response *response);
/* Seconds since 1970 that a Retry-After (RFC 9110 section 10.2.3) means; 0: there is none, or it is
 * malformed. */
int64_t acme_retry_after(const char *text, int64_t now);

/* ---- roots.c ---- */

/* For the life of the conversation; acme->roots is freed after acme->curl. */
int acme_roots_init(struct acme *acme);
/* The next exchange trusts what is in config.ca_file, and nothing else. */
void acme_roots_use(struct acme *acme);

/* ---- directory.c ---- */

void acme_directory_free(struct acme_directory *directory);

/* ---- jws.c (RFC 7515, RFC 7517, RFC 7638) ---- */

/* The public key as a JWK, a new reference. */
json_t *acme_jwk(struct acme *acme, EVP_PKEY *key);
/* The caller's. */
char *acme_thumbprint(struct acme *acme, EVP_PKEY *key);
/* Flattened JSON serialization. protected is completed with alg; payload NULL is the empty string. The
 * caller's (free). */
char *acme_jws(struct acme *acme, EVP_PKEY *key, json_t *protected, const char *payload);
/* The same with an HMAC: external account binding. A new reference. */
json_t *acme_jws_hmac(struct acme *acme, const char *alg, const unsigned char *key, size_t key_len,
                      json_t *protected, const char *payload);
/* "RS256", "ES256", "ES384"; NULL: keys of this kind can't be used. */
const char *acme_jws_algorithm(EVP_PKEY *key);

/* ---- request.c ---- */

/* Signs with the account's key and posts; payload NULL is POST-as-GET. Repeats what was refused for its
 * nonce. A status that is no success is raised: what says in which step. */
int acme_post(struct acme *acme, const char *what, const char *url, const json_t *payload,
              struct acme_response *response);
/* The same with the key itself (jwk) in the place of the account (kid). */
int acme_post_with(struct acme *acme, EVP_PKEY *key, const char *what, const char *url, const json_t *payload,
                   struct acme_response *response);
/* How long to wait for the next look at something that is not finished, in milliseconds: what the server asks
 * for, else longer each time. */
unsigned acme_poll_delay(const struct acme_response *response, unsigned n);

/* ---- problem.c (RFC 7807, RFC 8555 section 6.7) ---- */

/* Raises what a response says of its failure, whole; what is in front. */
int acme_problem(struct acme *acme, const char *what, const struct acme_response *response);
/* The same of a problem within an object, such as a challenge's error. hint may be empty. */
int acme_problem_json(struct acme *acme, const char *what, const json_t *problem, const char *hint);
/* "type: detail" and what is below it. */
void acme_problem_text(char *out, size_t size, const json_t *problem);

/* ---- json.c: members of what servers send ---- */

/* NULL: there is none, it is no text, or it is longer than 4096. */
const char *acme_text(const json_t *object, const char *name);
/* The same, and an https URL; raises if it is there and none. The caller's. */
int acme_url(struct acme *acme, const json_t *object, const char *name, char **url);
int acme_is_url(const char *url);
/* RFC 3339: "2026-11-25T08:00:00Z"; 0: none or malformed. */
int64_t acme_time(const json_t *object, const char *name);

/* ---- authorization.c ---- */

int acme_authorize(struct acme *acme, char **urls, size_t count, const struct acme_solver_config *config);

#endif
