// SPDX-License-Identifier: Apache-2.0
/* Signed requests: nonces (RFC 8555 section 6.5), and what is repeated when a server refuses one. */
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A server that refuses every second nonce, as some do to try clients, is passed with all but certainty. */
#define NONCE_TRIES     24
#define POLL_LONGEST_MS 10000
/* Some servers are done in no time; ten looks later the longest wait is reached. */
#define POLL_FIRST_MS 10

/* The caller's. */
static char *take_nonce(struct acme *acme)
{
    const struct acme_directory *directory = acme_directory(acme);
    struct acme_response response;
    char *nonce;

    if (directory == NULL)
        return NULL;
    if (acme->nonces_count == 0) {
        if (!acme_exchange(acme, "HEAD", directory->new_nonce, NULL, &response))
            return NULL;
        acme_response_clear(&response);
    }
    if (acme->nonces_count == 0) {
        acme_raise(acme, "%.200s gives no nonce", directory->new_nonce);
        return NULL;
    }
    nonce = acme->nonces[--acme->nonces_count];
    return nonce;
}

static char *make_body(struct acme *acme, EVP_PKEY *key, const char *url, const char *payload)
{
    char *nonce = take_nonce(acme), *body = NULL;
    json_t *protected;

    if (nonce == NULL)
        return NULL;
    protected = json_pack("{s:s, s:s}", "nonce", nonce, "url", url);
    if (key == acme->key && acme->account_url != NULL)
        json_object_set_new(protected, "kid", json_string(acme->account_url));
    else
        json_object_set_new(protected, "jwk", acme_jwk(acme, key));
    body = acme_jws(acme, key, protected, payload);
    json_decref(protected);
    OPENSSL_free(nonce);
    return body;
}

static int is_bad_nonce(const struct acme_response *response)
{
    const char *type = response->status == 400 ? acme_text(response->json, "type") : NULL;

    return type != NULL && strcmp(type, "urn:ietf:params:acme:error:badNonce") == 0;
}

int acme_post_with(struct acme *acme, EVP_PKEY *key, const char *what, const char *url, const json_t *payload,
                   struct acme_response *response)
{
    char *text = payload != NULL ? json_dumps(payload, JSON_COMPACT) : NULL, *body;
    int tries, ok = 0;

    *response = (struct acme_response){0};
    acme->problem_type[0] = '\0';
    if (payload != NULL && text == NULL)
        return acme_raise(acme, "out of memory");
    for (tries = 0; tries < NONCE_TRIES; tries++) {
        acme_response_clear(response);
        body = make_body(acme, key, url, text);
        ok = body != NULL && acme_exchange(acme, "POST", url, body, response);
        free(body);
        if (!ok || !is_bad_nonce(response))
            break;
    }
    free(text);
    if (ok && response->status / 100 != 2) {
        ok = acme_problem(acme, what, response);
        acme_response_clear(response);
    }
    return ok;
}

int acme_post(struct acme *acme, const char *what, const char *url, const json_t *payload,
              struct acme_response *response)
{
    *response = (struct acme_response){0};
    if (acme->key == NULL || acme->account_url == NULL)
        return acme_raise(acme, "%s: there is no account", what);
    return acme_post_with(acme, acme->key, what, url, payload, response);
}

unsigned acme_poll_delay(const struct acme_response *response, unsigned n)
{
    int64_t now = (int64_t)time(NULL), until = acme_retry_after(response->retry_after, now);
    unsigned delay = n < 10 ? POLL_FIRST_MS << n : POLL_LONGEST_MS;

    if (until > now)
        return until - now < ACME_POLL_SECONDS ? (unsigned)(until - now) * 1000 : ACME_POLL_SECONDS * 1000;
    return delay < POLL_LONGEST_MS ? delay : POLL_LONGEST_MS;
}
