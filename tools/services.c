// SPDX-License-Identifier: Apache-2.0
/* Reads the settings of a service. */
#include "services.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void take(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct service *service = arg;

    (void)certificate;
    if (strcmp(name, "port") == 0)
        service->port = (uint16_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "disabled") == 0)
        service->is_enabled = strcmp(value, "yes") != 0;
    else if (strcmp(name, "address") == 0) {
        OPENSSL_free(service->address);
        service->address = OPENSSL_strdup(value);
    }
}

int service_get(struct store *store, const char *name, struct service *service)
{
    static const struct {
        int64_t id;
        const char *name, *port;
    } services[] = {
#define SERVICE(id, name, port, tls) {id, name, port},
        SERVICES(SERVICE)
#undef SERVICE
    };
    char menu[64];
    size_t i;

    *service = (struct service){.address = OPENSSL_strdup("")};
    for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (strcmp(services[i].name, name) != 0)
            continue;
        take(service, "port", services[i].port, 0);
        snprintf(menu, sizeof(menu), SERVICES_MENU "*%" PRId64, services[i].id);
        if (store_setting_each(store, menu, take, service) && service->address != NULL)
            return 1;
        break;
    }
    service_clear(service);
    return 0;
}

void service_clear(struct service *service)
{
    OPENSSL_free(service->address);
    *service = (struct service){0};
}

int service_is_served(struct store *store, const char *name)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct service service;
    char path[4096];
    int fd = -1, is_running = 0;

    if (!service_get(store, name, &service))
        return 0;
    if (service.is_enabled &&
        snprintf(path, sizeof(path), "%s/" SERVICES_LOCK, store_home(store)) < (int)sizeof(path))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        /* Asks, and takes nothing. */
        is_running = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
        close(fd);
    }
    service_clear(&service);
    return is_running;
}

int service_is_same(const struct service *a, const struct service *b)
{
    return a->is_enabled == b->is_enabled &&
           (!a->is_enabled || (a->port == b->port && strcmp(a->address, b->address) == 0));
}
