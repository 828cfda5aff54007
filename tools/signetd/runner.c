// SPDX-License-Identifier: Apache-2.0
/* Runs www or www-ssl in a thread of its own; its workers have a store each. */
#include "runner.h"

#include "identity.h"
#include "tools/http/front.h"
#include "tools/scep/server.h"
#include "www.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

#define WORKERS 4 /* one may wait for the TPM, one for the disk */
/* With TLS some may also wait for commands that take long: of these run and wait no more than there are
 * worker processes. */
#define WORKERS_TLS 6
#define RATE        50 /* requests a second and address */
#define ALPN        "http/1.1"
#define METHODS     (1U << FRONT_GET | 1U << FRONT_HEAD | 1U << FRONT_POST)
#define METHODS_TLS (METHODS | 1U << FRONT_PUT | 1U << FRONT_PATCH | 1U << FRONT_DELETE)

struct runner {
    struct daemon *daemon;
    const char *name;
    int is_tls;
    struct front *front;
    pthread_t thread;
    atomic_int has_ended;
};

static void on_error(void *arg, const char *text)
{
    (void)arg;
    tool_error("%s", text);
}

static int on_progress(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    return 1;
}

static OSSL_LIB_CTX *on_crypto(void *arg)
{
    struct daemon *daemon = arg;

    return tool_crypto(daemon->tool);
}

struct store_config daemon_store_config(struct daemon *daemon)
{
    return (struct store_config){
        .home = daemon->tool->config.home,
        .crypto = on_crypto,
        .error = on_error,
        .warn = on_error,
        .progress = on_progress,
        .cache = daemon->cache,
        .arg = daemon,
    };
}

/* ---- workers ---- */

struct worker {
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

static void *worker_new(void *arg)
{
    struct runner *runner = arg;
    struct worker *worker = OPENSSL_zalloc(sizeof(*worker));
    struct store_config config = daemon_store_config(runner->daemon);

    if (worker != NULL && (worker->store = store_open(&config)) != NULL &&
        (worker->www = www_new(worker->store, runner->daemon->tool->crypto, runner->daemon->ocsp)) != NULL) {
        worker->rest = runner->is_tls ? runner->daemon->rest : NULL;
        return worker;
    }
    worker_free(worker);
    return NULL;
}

static void answer(void *arg, const struct front_request *request, struct front_response *response)
{
    struct worker *worker = arg;

    if (worker->rest != NULL && rest_is_path(request->path))
        rest_answer(worker->rest, request, response);
    else if (request->method != FRONT_GET && request->method != FRONT_HEAD && request->method != FRONT_POST)
        response->status = 405;
    else if (request->body_len > SCEP_BODY_MAX)
        response->status = 413;
    else
        www_answer(worker->www, request, response);
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct runner *runner = arg;

    if (!front_run(runner->front)) {
        tool_error("%s has ended: its workers can't work", runner->name);
        atomic_store(&runner->has_ended, 1);
        eventfd_write(runner->daemon->ended_fd, 1);
    }
    return NULL;
}

static SSL_CTX *context_of(const struct runner *runner, const struct service *service)
{
    return identity_context(runner->daemon->store, runner->daemon->tool->crypto, runner->name, service, ALPN);
}

static struct front *open_front(struct runner *runner, const struct service *service)
{
    SSL_CTX *tls = runner->is_tls ? context_of(runner, service) : NULL;
    struct front *front = NULL;

    if (!runner->is_tls || tls != NULL)
        front = front_new(&(struct front_config){
            .port = service->port,
            .networks = service->address,
            .tls = tls,
            .methods = runner->is_tls ? METHODS_TLS : METHODS,
            .body_max = runner->is_tls ? REST_BODY_MAX : SCEP_BODY_MAX,
            .workers = runner->is_tls ? WORKERS_TLS : WORKERS,
            .rate = RATE,
            .worker_new = worker_new,
            .worker_free = worker_free,
            .answer = answer,
            .error = on_error,
            .arg = runner,
        });
    SSL_CTX_free(tls);
    return front;
}

struct runner *runner_start(struct daemon *daemon, const char *name, const struct service *service)
{
    struct runner *runner = OPENSSL_zalloc(sizeof(*runner));
    sigset_t all, before;
    int ok;

    if (runner == NULL) {
        tool_error("%s: out of memory", name);
        return NULL;
    }
    runner->daemon = daemon;
    runner->name = name;
    runner->is_tls = *service->tls_version != '\0';
    runner->front = open_front(runner, service);
    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = runner->front != NULL && pthread_create(&runner->thread, NULL, run, runner) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok) {
        fprintf(stderr, "signetd: %s at port %u\n", name, front_port(runner->front));
        return runner;
    }
    front_free(runner->front);
    OPENSSL_free(runner);
    return NULL;
}

int runner_set_identity(struct runner *runner, const struct service *service)
{
    SSL_CTX *tls = context_of(runner, service);

    if (tls == NULL)
        return 0;
    front_set_tls(runner->front, tls);
    SSL_CTX_free(tls);
    return 1;
}

int runner_has_ended(struct runner *runner)
{
    return atomic_load(&runner->has_ended);
}

void runner_stop(struct runner *runner)
{
    if (runner == NULL)
        return;
    front_stop(runner->front);
    pthread_join(runner->thread, NULL);
    front_free(runner->front);
    OPENSSL_free(runner);
}
