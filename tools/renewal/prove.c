// SPDX-License-Identifier: Apache-2.0
/* Where renewal meets those who serve a certificate: the bindings of services, and this router's own. */
#include "renewal.h"

#include "tools/bindings/bindings.h"
#include "tools/http/networks.h"
#include "tools/services.h"

#include <stdio.h>

#define PROVE_MS 8000

/* Can this process ask it what it shows? Whom it is not for, it does not answer. */
static int is_for_loopback(const struct service *service)
{
    struct networks *networks = networks_new(service->address);
    int is = networks != NULL && networks_have(networks, "127.0.0.1");

    networks_free(networks);
    return is;
}

int renewal_ask_service(struct bindings_host *host, const char *name, const struct service *service,
                        int timeout_ms)
{
    char port[8];

    if (!is_for_loopback(service))
        return 1;
    snprintf(port, sizeof(port), "%u", service->port);
    return bindings_prove(host, name, "127.0.0.1", port,
                          *service->tls_version != '\0' ? service->certificate : 0, timeout_ms);
}

static int prove_own(struct bindings_host *host, const char *name, int64_t certificate)
{
    struct service service;
    int ok = 1;

    if (!service_get(host->store, name, &service))
        return 0;
    if (service.is_enabled && service.certificate == certificate && service_is_served(host->store, name))
        ok = renewal_ask_service(host, name, &service, PROVE_MS);
    service_clear(&service);
    return ok;
}

struct bindings_host renewal_bindings_host(const struct managed_host *host)
{
    return (struct bindings_host){.store = host->store,
                                  .error = host->error,
                                  .progress = host->progress,
                                  .is_cancelled = host->is_cancelled,
                                  .arg = host->arg};
}

int renewal_prove(struct managed_host *host, int64_t certificate)
{
    struct bindings_host bindings = renewal_bindings_host(host);

    return prove_own(&bindings, "www-ssl", certificate) && prove_own(&bindings, "api-ssl", certificate) &&
           bindings_apply(&bindings, certificate);
}
