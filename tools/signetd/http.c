// SPDX-License-Identifier: Apache-2.0
/* www and www-ssl: HTTP, by workers that have a store each. */
#include "protocol.h"

#include "tools/http/front.h"
#include "tools/page/page.h"
#include "tools/scep/server.h"
#include "www.h"

#define WORKERS 4 /* one may wait for the TPM, one for the disk */
/* With TLS some may also wait for commands that take long: of these run and wait no more than there are
 * worker processes. */
#define WORKERS_TLS 6
#define RATE        50 /* requests a second and address */
#define METHODS     (1U << FRONT_GET | 1U << FRONT_HEAD | 1U << FRONT_POST)
#define METHODS_TLS (METHODS | 1U << FRONT_PUT | 1U << FRONT_PATCH | 1U << FRONT_DELETE)

struct http {
    struct daemon *daemon;
    int is_tls;
    struct front *front;
};

/* ---- workers ---- */

struct worker {
    struct http *http;
    struct store *store;
    struct www *www;
    struct rest *rest; /* NULL: not without TLS */
};

static void worker_free(void *arg)
{
    struct worker *worker = arg;

    if (worker == NULL)
        return;
    www_free(worker->www);
    store_free(worker->store);
    OPENSSL_free(worker);
}

static int open_www(struct worker *worker)
{
    struct daemon *daemon = worker->http->daemon;
    struct store_config config = daemon_store_config(daemon);

    if (worker->www == NULL && (worker->store = store_open(&config)) != NULL &&
        (worker->www = www_new(worker->store, daemon->tool->crypto, daemon->ocsp)) == NULL) {
        store_free(worker->store);
        worker->store = NULL;
    }
    return worker->www != NULL;
}

/* What REST and the page ask takes no store here: with TLS one is opened when it is needed. */
static void *worker_new(void *arg)
{
    struct http *http = arg;
    struct worker *worker = OPENSSL_zalloc(sizeof(*worker));

    if (worker == NULL)
        return NULL;
    worker->http = http;
    worker->rest = http->is_tls ? http->daemon->rest : NULL;
    if (worker->rest != NULL || open_www(worker))
        return worker;
    worker_free(worker);
    return NULL;
}

static void answer(void *arg, const struct front_request *request, struct front_response *response)
{
    struct worker *worker = arg;

    if (worker->rest != NULL && rest_is_path(request->path))
        rest_answer(worker->rest, request, response);
    else if (worker->rest != NULL && page_answer(request, response))
        return;
    else if (request->method != FRONT_GET && request->method != FRONT_HEAD && request->method != FRONT_POST)
        response->status = 405;
    else if (request->body_len > SCEP_BODY_MAX)
        response->status = 413;
    else if (!open_www(worker))
        response->status = 503;
    else
        www_answer(worker->www, request, response);
}

/* ---- the protocol ---- */

static void close_http(void *server)
{
    struct http *http = server;

    front_free(http->front);
    OPENSSL_free(http);
}

static void *open_http(struct daemon *daemon, const char *name, const struct service *service, SSL_CTX *tls)
{
    struct http *http = OPENSSL_zalloc(sizeof(*http));

    (void)name;
    if (http == NULL)
        return NULL;
    http->daemon = daemon;
    http->is_tls = tls != NULL;
    http->front = front_new(&(struct front_config){
        .port = service->port,
        .networks = service->address,
        .tls = tls,
        .methods = tls != NULL ? METHODS_TLS : METHODS,
        .body_max = tls != NULL ? REST_BODY_MAX : SCEP_BODY_MAX,
        .tells_gone = tls != NULL,
        .workers = tls != NULL ? WORKERS_TLS : WORKERS,
        .rate = RATE,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .answer = answer,
        .error = protocol_error,
        .arg = http,
    });
    if (http->front != NULL)
        return http;
    OPENSSL_free(http);
    return NULL;
}

static uint16_t port(const void *server)
{
    const struct http *http = server;

    return front_port(http->front);
}

static int run(void *server)
{
    struct http *http = server;

    return front_run(http->front);
}

static void set_tls(void *server, SSL_CTX *tls)
{
    struct http *http = server;

    front_set_tls(http->front, tls);
}

static void stop(void *server)
{
    struct http *http = server;

    front_stop(http->front);
}

const struct protocol protocol_http = {
    .alpn = "http/1.1",
    .open = open_http,
    .port = port,
    .run = run,
    .set_tls = set_tls,
    .stop = stop,
    .free = close_http,
};
