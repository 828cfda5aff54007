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

static void take_text(char **text, const char *value)
{
    OPENSSL_free(*text);
    *text = OPENSSL_strdup(value);
}

static void take(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct service *service = arg;

    if (strcmp(name, "port") == 0)
        service->port = (uint16_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "disabled") == 0)
        service->is_enabled = strcmp(value, "yes") != 0;
    else if (strcmp(name, "address") == 0)
        take_text(&service->address, value);
    else if (strcmp(name, "tls-version") == 0)
        take_text(&service->tls_version, value);
    else if (strcmp(name, "certificate") == 0)
        service->certificate = certificate;
}

/* What the certificate is now: it may have been renewed. */
static int take_fingerprint(struct store *store, struct service *service)
{
    struct store_cert *cert = service->certificate != 0
                                  ? store_cert_get(store, &(struct store_query){.id = service->certificate})
                                  : NULL;

    take_text(&service->fingerprint, cert != NULL ? cert->text[STORE_FINGERPRINT] : "");
    store_cert_free(cert);
    return service->fingerprint != NULL && service->address != NULL && service->tls_version != NULL;
}

struct user {
    struct store *store;
    int has_certificate, is_disabled, some;
};

static void take_user(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct user *user = arg;

    if (strcmp(name, "certificate") == 0)
        user->has_certificate = certificate != 0;
    else if (strcmp(name, "disabled") == 0)
        user->is_disabled = strcmp(value, "yes") == 0;
}

static int visit_user(void *arg, int64_t id)
{
    struct user *user = arg;
    char menu[64];

    snprintf(menu, sizeof(menu), SERVICES_USERS "*%" PRId64, id);
    user->has_certificate = user->is_disabled = 0;
    user->some |=
        store_setting_each(user->store, menu, take_user, user) && user->has_certificate && !user->is_disabled;
    return !user->some;
}

/* Browsers trouble people with a choice of certificates, so only if one could be of use. */
static int take_users(struct store *store, struct service *service)
{
    struct user user = {.store = store};
    int ok = *service->tls_version == '\0' || store_entry_each(store, SERVICES_USERS, visit_user, &user);

    service->asks_clients = user.some;
    return ok;
}

int service_get(struct store *store, const char *name, struct service *service)
{
    static const struct {
        int64_t id;
        const char *name, *port, *tls_version;
    } services[] = {
#define SERVICE(id, name, port, tls) {id, name, port, tls},
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
        take(service, "tls-version", services[i].tls_version != NULL ? services[i].tls_version : "", 0);
        snprintf(menu, sizeof(menu), SERVICES_MENU "*%" PRId64, services[i].id);
        if (store_setting_each(store, menu, take, service) && take_fingerprint(store, service) &&
            take_users(store, service))
            return 1;
        break;
    }
    service_clear(service);
    return 0;
}

void service_clear(struct service *service)
{
    OPENSSL_free(service->address);
    OPENSSL_free(service->tls_version);
    OPENSSL_free(service->fingerprint);
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

/* NULL: a service that was not read yet. */
static int is_same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

int service_is_same(const struct service *a, const struct service *b)
{
    return a->is_enabled == b->is_enabled &&
           (!a->is_enabled || (a->port == b->port && is_same_text(a->address, b->address)));
}

int service_is_same_identity(const struct service *a, const struct service *b)
{
    return a->certificate == b->certificate && a->asks_clients == b->asks_clients &&
           is_same_text(a->fingerprint, b->fingerprint) && is_same_text(a->tls_version, b->tls_version);
}
