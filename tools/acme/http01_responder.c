// SPDX-License-Identifier: Apache-2.0
/* http-01 (RFC 8555 section 8.3) with a server of our own, there while it is needed. */
#include "challenge.h"
#include "private.h"
#include "server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX 8192
#define PREFIX      "/.well-known/acme-challenge/"

struct response {
    char *token, *key_authorization;
    unsigned asked;
    struct response *next;
};

struct responder {
    struct acme *acme;
    uint16_t port;
    struct acme_server *server;
    pthread_mutex_t lock; /* for what follows */
    struct response *responses;
    unsigned others; /* requests for something else */
};

/* ---- requests, in the server's thread ---- */

static void reply(struct evbuffer *out, const char *status, const char *type, const char *body, int is_head)
{
    evbuffer_add_printf(out,
                        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Cache-Control: no-store\r\nConnection: close\r\n\r\n%s",
                        status, type, strlen(body), is_head ? "" : body);
}

/* The path of a request's target (RFC 9112 section 3.2): of an absolute one what follows the authority. */
static const char *path_of(const char *target)
{
    const char *authority = strncasecmp(target, "http://", 7) == 0 ? target + 7 : NULL;

    if (authority == NULL)
        return target;
    target = strchr(authority, '/');
    return target != NULL ? target : "/";
}

static void reply_to(struct responder *responder, const char *method, const char *target,
                     struct evbuffer *out)
{
    const char *path = path_of(target);
    int is_head = strcmp(method, "HEAD") == 0;
    struct response *response = NULL;

    pthread_mutex_lock(&responder->lock);
    if ((is_head || strcmp(method, "GET") == 0) && strncmp(path, PREFIX, strlen(PREFIX)) == 0) {
        for (response = responder->responses; response != NULL; response = response->next) {
            if (strcmp(response->token, path + strlen(PREFIX)) == 0)
                break;
        }
    }
    if (response != NULL) {
        response->asked++;
        reply(out, "200 OK", "application/octet-stream", response->key_authorization, is_head);
    } else {
        responder->others++;
        reply(out, "404 Not Found", "text/plain", "not found\n", is_head);
    }
    pthread_mutex_unlock(&responder->lock);
}

/* Of a request only its first line matters; a body has no place in it, and is not read. */
static int answer(void *arg, struct evbuffer *in, struct evbuffer *out)
{
    size_t len = evbuffer_get_length(in), eol_len;
    char method[16], target[1024], version[16];
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char *line;

    if (end.pos < 0 || end.pos > REQUEST_MAX) {
        if (len < REQUEST_MAX)
            return 0;
        reply(out, "431 Request Header Fields Too Large", "text/plain", "too large\n", 0);
        return 1;
    }
    line = evbuffer_readln(in, &eol_len, EVBUFFER_EOL_CRLF_STRICT);
    if (line == NULL)
        return -1;
    if (strlen(line) == eol_len && sscanf(line, "%15s %1023s HTTP/%15s", method, target, version) == 3)
        reply_to(arg, method, target, out);
    else
        reply(out, "400 Bad Request", "text/plain", "bad request\n", 0);
    free(line);
    evbuffer_drain(in, evbuffer_get_length(in));
    return 1;
}

static struct bufferevent *accept_plain(void *arg, struct event_base *base, evutil_socket_t fd)
{
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)arg;
    if (bev != NULL)
        bufferevent_setwatermark(bev, EV_READ, 0, REQUEST_MAX);
    return bev;
}

static const struct acme_server_handler handler = {
    .way = "http-01",
    .advice = "give that server's document root as webroot, or stop it",
    .accept = accept_plain,
    .answer = answer,
};

/* ---- the solver ---- */

static void responder_close(void *solver)
{
    struct responder *responder = solver;
    struct response *response;

    acme_server_close(responder->server);
    while ((response = responder->responses) != NULL) {
        responder->responses = response->next;
        OPENSSL_free(response->token);
        OPENSSL_free(response->key_authorization);
        OPENSSL_free(response);
    }
    pthread_mutex_destroy(&responder->lock);
    OPENSSL_free(responder);
}

static void *responder_open(struct acme *acme, const struct acme_solver_config *config)
{
    struct responder *responder = OPENSSL_zalloc(sizeof(*responder));

    if (responder == NULL) {
        acme_raise(acme, "out of memory");
        return NULL;
    }
    responder->acme = acme;
    responder->port = config->port != 0 ? config->port : 80;
    pthread_mutex_init(&responder->lock, NULL);
    responder->server = acme_server_open(acme, &handler, responder, config->address, responder->port);
    if (responder->server != NULL)
        return responder;
    responder_close(responder);
    return NULL;
}

static int responder_begin(void *solver, const struct acme_challenge *challenge)
{
    struct responder *responder = solver;
    struct response *response = OPENSSL_zalloc(sizeof(*response));

    if (response != NULL) {
        response->token = OPENSSL_strdup(challenge->token);
        response->key_authorization = OPENSSL_strdup(challenge->key_authorization);
    }
    if (response == NULL || response->token == NULL || response->key_authorization == NULL) {
        if (response != NULL) {
            OPENSSL_free(response->token);
            OPENSSL_free(response->key_authorization);
        }
        OPENSSL_free(response);
        return acme_raise(responder->acme, "out of memory");
    }
    pthread_mutex_lock(&responder->lock);
    response->next = responder->responses;
    responder->responses = response;
    pthread_mutex_unlock(&responder->lock);
    return 1;
}

static void responder_end(void *solver, const struct acme_challenge *challenge, int is_done)
{
    struct responder *responder = solver;
    struct response **at, *response;

    (void)is_done;
    pthread_mutex_lock(&responder->lock);
    for (at = &responder->responses; *at != NULL && strcmp((*at)->token, challenge->token) != 0;
         at = &(*at)->next)
        ;
    response = *at;
    if (response != NULL)
        *at = response->next;
    pthread_mutex_unlock(&responder->lock);
    if (response != NULL) {
        OPENSSL_free(response->token);
        OPENSSL_free(response->key_authorization);
        OPENSSL_free(response);
    }
}

static void responder_hint(void *solver, const struct acme_challenge *challenge, char *text, size_t size)
{
    struct responder *responder = solver;
    const struct response *response;

    *text = '\0';
    pthread_mutex_lock(&responder->lock);
    for (response = responder->responses; response != NULL && strcmp(response->token, challenge->token) != 0;
         response = response->next)
        ;
    if (response == NULL)
        ;
    else if (response->asked > 0)
        snprintf(text, size, "the response was fetched here %u times", response->asked);
    else if (responder->others > 0)
        snprintf(text, size,
                 "nobody has asked for the response, but %u times for something else: is %s this router?",
                 responder->others, challenge->identifier);
    else
        snprintf(text, size,
                 "nobody has asked for the response: is port 80 reachable from the internet, and does %s "
                 "lead to port %u of this router?",
                 challenge->identifier, responder->port);
    pthread_mutex_unlock(&responder->lock);
}

const struct acme_solver acme_http01_responder = {
    .open = responder_open,
    .begin = responder_begin,
    .hint = responder_hint,
    .end = responder_end,
    .close = responder_close,
};
