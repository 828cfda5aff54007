// SPDX-License-Identifier: Apache-2.0
/* Runs a server in a thread of its own. */
#include "runner.h"

#include "identity.h"
#include "protocol.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

struct runner {
    struct daemon *daemon;
    const char *name;
    const struct protocol *protocol;
    void *server;
    pthread_t thread;
    atomic_int has_ended;
};

void protocol_error(void *arg, const char *text)
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
        .error = protocol_error,
        .warn = protocol_error,
        .progress = on_progress,
        .cache = daemon->cache,
        .arg = daemon,
    };
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct runner *runner = arg;

    if (!runner->protocol->run(runner->server)) {
        tool_error("%s has ended: its workers can't work", runner->name);
        atomic_store(&runner->has_ended, 1);
        eventfd_write(runner->daemon->ended_fd, 1);
    }
    return NULL;
}

static const struct protocol *protocol_of(const char *name)
{
    return strncmp(name, "api", 3) == 0 ? &protocol_api : &protocol_http;
}

static SSL_CTX *context_of(const struct runner *runner, const struct service *service)
{
    return identity_context(runner->daemon->store, runner->daemon->tool->crypto, runner->name, service,
                            runner->protocol->alpn);
}

static void *open_server(struct runner *runner, const struct service *service)
{
    int is_tls = *service->tls_version != '\0';
    SSL_CTX *tls = is_tls ? context_of(runner, service) : NULL;
    void *server = NULL;

    if (!is_tls || tls != NULL)
        server = runner->protocol->open(runner->daemon, runner->name, service, tls);
    SSL_CTX_free(tls);
    return server;
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
    runner->protocol = protocol_of(name);
    runner->server = open_server(runner, service);
    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = runner->server != NULL && pthread_create(&runner->thread, NULL, run, runner) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok) {
        fprintf(stderr, "signetd: %s at port %u\n", name, runner->protocol->port(runner->server));
        return runner;
    }
    if (runner->server != NULL)
        runner->protocol->free(runner->server);
    OPENSSL_free(runner);
    return NULL;
}

int runner_set_identity(struct runner *runner, const struct service *service)
{
    SSL_CTX *tls = context_of(runner, service);

    if (tls == NULL)
        return 0;
    runner->protocol->set_tls(runner->server, tls);
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
    runner->protocol->stop(runner->server);
    pthread_join(runner->thread, NULL);
    runner->protocol->free(runner->server);
    OPENSSL_free(runner);
}
