// SPDX-License-Identifier: Apache-2.0
/*
 * Authorizations and their challenges (RFC 8555 section 7.5, 8): all responses are published first, then the
 * server is told of each, then each is waited for.
 */
#include "challenge.h"
#include "private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_MAX 256

struct authorization {
    const char *url;
    char *name; /* of the identifier, as challenges have it */
    char *challenge_url;
    char *token, *key_authorization;
    struct acme_challenge challenge;
    int is_pending; /* there is something to be proved */
    int is_begun, is_done;
};

static const char *const names[] = {
    [ACME_HTTP_01] = "http-01", [ACME_DNS_01] = "dns-01", [ACME_TLS_ALPN_01] = "tls-alpn-01"};

const char *acme_challenge_name(enum acme_challenge_type type)
{
    return names[type];
}

int acme_challenge_from(const char *name, enum acme_challenge_type *type)
{
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *type = (enum acme_challenge_type)i;
            return 1;
        }
    }
    return 0;
}

/* ---- what the server sends ---- */

static int take_identifier(struct acme *acme, struct authorization *authorization, const json_t *json)
{
    const json_t *identifier = json_object_get(json, "identifier");
    const char *type = acme_text(identifier, "type"), *value = acme_text(identifier, "value");
    unsigned char address[16];

    if (type == NULL || value == NULL)
        return acme_raise(acme, "%.200s: an authorization without an identifier", authorization->url);
    authorization->challenge.is_ip = strcmp(type, "ip") == 0;
    if (authorization->challenge.is_ip
            ? inet_pton(AF_INET, value, address) != 1 && inet_pton(AF_INET6, value, address) != 1
            : strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") !=
                      strlen(value) ||
                  strlen(value) > 253 || *value == '-' || *value == '.' || *value == '\0')
        return acme_raise(acme, "%.200s: the identifier is neither a DNS name nor an address: %.100s",
                          authorization->url, value);
    authorization->name = OPENSSL_strdup(value);
    authorization->challenge.identifier = authorization->name;
    return authorization->name != NULL || acme_raise(acme, "out of memory");
}

static int take_token(struct acme *acme, struct authorization *authorization, const json_t *challenge,
                      const char *thumbprint)
{
    const char *token = acme_text(challenge, "token");
    char text[TOKEN_MAX + 100];
    size_t len = 0;
    char *value;

    /* It becomes a file's name and a program's argument. */
    if (token == NULL || !acme_is_base64url(token, TOKEN_MAX))
        return acme_raise(acme, "%.200s: the challenge's token is not base64url", authorization->url);
    snprintf(text, sizeof(text), "%s.%s", token, thumbprint);
    authorization->token = OPENSSL_strdup(token);
    authorization->key_authorization = OPENSSL_strdup(text);
    if (authorization->token == NULL || authorization->key_authorization == NULL ||
        !EVP_Q_digest(acme->config.libctx, "SHA256", "provider=default", text, strlen(text),
                      authorization->challenge.digest, &len) ||
        (value = acme_base64url(authorization->challenge.digest, len)) == NULL)
        return acme_raise_ssl(acme, "the challenge's response can't be made");
    OPENSSL_strlcpy(authorization->challenge.value, value, sizeof(authorization->challenge.value));
    OPENSSL_free(value);
    authorization->challenge.token = authorization->token;
    authorization->challenge.key_authorization = authorization->key_authorization;
    return 1;
}

static int choose(struct acme *acme, struct authorization *authorization, const json_t *json,
                  const char *wanted, const char *thumbprint)
{
    const json_t *challenges = json_object_get(json, "challenges"), *challenge;
    char offered[256] = "";
    size_t i;

    json_array_foreach(challenges, i, challenge)
    {
        const char *type = acme_text(challenge, "type");

        if (type == NULL)
            continue;
        if (strcmp(type, wanted) == 0)
            return acme_url(acme, challenge, "url", &authorization->challenge_url) &&
                   (authorization->challenge_url != NULL ||
                    acme_raise(acme, "%.200s: the challenge has no URL", authorization->url)) &&
                   take_token(acme, authorization, challenge, thumbprint);
        OPENSSL_strlcat(offered, *offered != '\0' ? ", " : "", sizeof(offered));
        OPENSSL_strlcat(offered, type, sizeof(offered));
    }
    return acme_raise(acme, "%.253s: the CA does not offer %s, but %s%s", authorization->name, wanted,
                      *offered != '\0' ? offered : "nothing",
                      json_is_true(json_object_get(json, "wildcard")) ? " (a wildcard needs challenge=dns-01)"
                                                                      : "");
}

/* The error of the challenge that failed, in the authorization that it made invalid. */
static int tell_failure(struct acme *acme, const struct authorization *authorization, const json_t *json,
                        const char *hint)
{
    const json_t *challenges = json_object_get(json, "challenges"), *challenge;
    const char *status = acme_text(json, "status");
    char what[400];
    size_t i;

    acme->is_lost = 1;
    json_array_foreach(challenges, i, challenge)
    {
        const json_t *error = json_object_get(challenge, "error");
        const char *type = acme_text(challenge, "type");

        if (!json_is_object(error))
            continue;
        snprintf(what, sizeof(what), "%.253s: the CA has not seen the response to %.20s", authorization->name,
                 type != NULL ? type : "the challenge");
        return acme_problem_json(acme, what, error, hint);
    }
    return acme_raise(acme, "%.253s: the authorization is %.50s", authorization->name,
                      status != NULL ? status : "of no status");
}

static int fetch(struct acme *acme, struct authorization *authorization, const char *wanted,
                 const char *thumbprint)
{
    struct acme_response response;
    const char *status;
    int ok;

    if (!acme_post(acme, "the authorization", authorization->url, NULL, &response))
        return 0;
    status = acme_text(response.json, "status");
    ok = take_identifier(acme, authorization, response.json);
    if (ok && (status == NULL || (strcmp(status, "valid") != 0 && strcmp(status, "pending") != 0)))
        ok = tell_failure(acme, authorization, response.json, NULL);
    else if (ok && strcmp(status, "pending") == 0) {
        authorization->is_pending = 1;
        ok = choose(acme, authorization, response.json, wanted, thumbprint);
    }
    acme_response_clear(&response);
    return ok;
}

/* ---- answering ---- */

static const struct acme_solver *solver_for(const struct acme_solver_config *config)
{
    switch (config->type) {
    case ACME_DNS_01:
        return &acme_dns01;
    case ACME_TLS_ALPN_01:
        return &acme_tls_alpn01;
    default:
        return config->webroot != NULL ? &acme_http01_webroot : &acme_http01_responder;
    }
}

static int respond(struct acme *acme, struct authorization *authorization)
{
    struct acme_response response;
    json_t *payload = json_object();
    int ok = acme_post(acme, "the challenge", authorization->challenge_url, payload, &response);

    json_decref(payload);
    if (ok)
        acme_response_clear(&response);
    return ok;
}

static int await(struct acme *acme, struct authorization *authorization, const struct acme_solver *solver,
                 void *opened)
{
    int64_t end = acme_seconds() + ACME_POLL_SECONDS;
    struct acme_response response = {0};
    const char *status = NULL;
    char hint[512] = "";
    unsigned n;
    int ok = 0;

    for (n = 0;; n++) {
        acme_response_clear(&response);
        if (!acme_post(acme, "the authorization", authorization->url, NULL, &response))
            break;
        status = acme_text(response.json, "status");
        if (status != NULL && strcmp(status, "valid") == 0) {
            acme_progress(acme, "%.253s: the CA has seen the response", authorization->name);
            authorization->is_done = ok = 1;
            break;
        }
        if (status == NULL || strcmp(status, "pending") != 0) {
            if (solver->hint != NULL)
                solver->hint(opened, &authorization->challenge, hint, sizeof(hint));
            tell_failure(acme, authorization, response.json, hint);
            break;
        }
        if (acme_seconds() > end) {
            acme_raise(acme, "%.253s: the CA has not looked for the response within %d seconds",
                       authorization->name, ACME_POLL_SECONDS);
            break;
        }
        if (!acme_wait(acme, acme_poll_delay(&response, n)))
            break;
    }
    acme_response_clear(&response);
    return ok;
}

/* RFC 8555 section 7.5.2: what is left of an order that is lost would otherwise count against the account's
 * limits. */
static void deactivate(struct acme *acme, const struct authorization *authorization)
{
    json_t *payload = json_pack("{s:s}", "status", "deactivated");
    struct acme_response response;
    char why[512];

    acme->quiet = why;
    acme->quiet_size = sizeof(why);
    if (acme_post(acme, "deactivating an authorization", authorization->url, payload, &response))
        acme_response_clear(&response);
    acme->quiet = NULL;
    json_decref(payload);
}

static int prove(struct acme *acme, struct authorization *list, size_t count,
                 const struct acme_solver_config *config)
{
    const struct acme_solver *solver = solver_for(config);
    void *opened = solver->open(acme, config);
    size_t i;
    int ok = opened != NULL;

    if (!ok)
        return 0;
    for (i = 0; ok && i < count; i++) {
        if (!list[i].is_pending)
            continue;
        ok = solver->begin(opened, &list[i].challenge);
        list[i].is_begun = ok;
    }
    ok = ok && (solver->settle == NULL || solver->settle(opened));
    for (i = 0; ok && i < count; i++)
        ok = !list[i].is_pending || respond(acme, &list[i]);
    for (i = 0; ok && i < count; i++)
        ok = !list[i].is_pending || await(acme, &list[i], solver, opened);
    for (i = 0; i < count; i++) {
        if (list[i].is_begun)
            solver->end(opened, &list[i].challenge, list[i].is_done);
    }
    solver->close(opened);
    return ok;
}

int acme_authorize(struct acme *acme, char **urls, size_t count, const struct acme_solver_config *config)
{
    struct authorization *list = OPENSSL_zalloc(count * sizeof(*list));
    char *thumbprint = list != NULL ? acme_thumbprint(acme, acme->key) : NULL, type[64];
    int ok = thumbprint != NULL, is_pending = 0;
    size_t i;

    for (i = 0; ok && i < count; i++) {
        list[i].url = urls[i];
        ok = fetch(acme, &list[i], acme_challenge_name(config->type), thumbprint);
        is_pending |= list[i].is_pending;
    }
    if (ok && is_pending)
        ok = prove(acme, list, count, config);
    /* The first problem is the one to be told of afterwards. */
    OPENSSL_strlcpy(type, acme->problem_type, sizeof(type));
    for (i = 0; list != NULL && i < count; i++) {
        if (!ok && acme->is_lost && list[i].is_pending && !list[i].is_done)
            deactivate(acme, &list[i]);
        OPENSSL_free(list[i].name);
        OPENSSL_free(list[i].challenge_url);
        OPENSSL_free(list[i].token);
        OPENSSL_free(list[i].key_authorization);
    }
    OPENSSL_strlcpy(acme->problem_type, type, sizeof(acme->problem_type));
    OPENSSL_free(thumbprint);
    OPENSSL_free(list);
    return ok;
}
