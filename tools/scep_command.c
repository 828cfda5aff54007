// SPDX-License-Identifier: Apache-2.0
/* signet scep-server run: the SCEP server in the foreground. */
#include "tool.h"

#include "tools/scep/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 4 /* one may wait for the TPM, one for the disk */
#define RATE    50

static struct front *running; /* for the handler of signals */

/* What the workers share. */
struct service {
    struct tool *tool;
    struct store_cache *cache;
};

static void on_signal(int signal)
{
    (void)signal;
    front_stop(running);
}

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
    return tool_crypto(arg);
}

static void *worker_new(void *arg)
{
    struct service *service = arg;
    struct tool *tool = service->tool;
    struct scep_server *server = OPENSSL_zalloc(sizeof(*server));

    if (server == NULL)
        return NULL;
    server->libctx = tool->crypto;
    server->store = store_open(&(struct store_config){
        .home = tool->config.home,
        .crypto = on_crypto,
        .error = on_error,
        .warn = on_error,
        .progress = on_progress,
        .cache = service->cache,
        .arg = tool,
    });
    if (server->store != NULL)
        return server;
    OPENSSL_free(server);
    return NULL;
}

static void worker_free(void *worker)
{
    struct scep_server *server = worker;

    store_free(server->store);
    OPENSSL_free(server);
}

static void answer(void *worker, const struct front_request *request, struct front_response *response)
{
    scep_serve(worker, request, response);
}

static int catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0 &&
           sigaction(SIGPIPE, &ignore, NULL) == 0;
}

int scep_command_run(struct tool *tool, char **argv)
{
    struct service service = {.tool = tool};
    const char *text = tool->port != NULL ? tool->port : "80";
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);
    int ok;

    (void)argv;
    if (*text == '\0' || *end != '\0' || port > 65535)
        return tool_usage_error("--port %.20s: expected a number up to 65535", text);
    /* Before there are threads. */
    if (tool_crypto(tool) == NULL)
        return TOOL_FAILED;
    service.cache = store_cache_new();
    running = front_new(&(struct front_config){
        .address = tool->address,
        .port = (uint16_t)port,
        .body_max = SCEP_BODY_MAX,
        .workers = WORKERS,
        .rate = RATE,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .answer = answer,
        .error = on_error,
        .arg = &service,
    });
    if (running == NULL) {
        store_cache_free(service.cache);
        return TOOL_FAILED;
    }
    if (!catch_signals()) {
        front_free(running);
        store_cache_free(service.cache);
        return tool_error("signals: %s", strerror(errno));
    }
    fprintf(stderr, "signet: SCEP at port %u; its log: /log print where topics~\"scep\"\n",
            front_port(running));
    ok = front_run(running);
    front_free(running);
    store_cache_free(service.cache);
    return ok ? TOOL_OK : TOOL_FAILED;
}
