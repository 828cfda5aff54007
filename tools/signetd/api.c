// SPDX-License-Identifier: Apache-2.0
/* api and api-ssl: RouterOS's API. */
#include "protocol.h"

#include "tools/api/api.h"

static void *open_api(struct daemon *daemon, const char *name, const struct service *service, SSL_CTX *tls)
{
    return api_new(&(struct api_config){
        .name = name,
        .port = service->port,
        .networks = service->address,
        .tls = tls,
        .logins = daemon->logins,
        .error = protocol_error,
    });
}

static uint16_t port(const void *server)
{
    return api_port(server);
}

static int run(void *server)
{
    return api_run(server);
}

static void set_tls(void *server, SSL_CTX *tls)
{
    api_set_tls(server, tls);
}

static void stop(void *server)
{
    api_stop(server);
}

static void close_api(void *server)
{
    api_free(server);
}

const struct protocol protocol_api = {
    .open = open_api,
    .port = port,
    .run = run,
    .set_tls = set_tls,
    .stop = stop,
    .free = close_api,
};
