// SPDX-License-Identifier: Apache-2.0
/* Menus of services that Signet configures: each keeps an entry of /certificate binding in step. */
#include "binding.h"

#include "kept.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- settings of the menu ---- */

/* Of an item, or of settings (0); the caller's. */
static char *setting(struct call *call, int64_t id, const char *name)
{
    const struct item item = {.id = id};
    int is_ambiguous;
    const struct property *property = property_find(call->menu->properties, name, 0, &is_ambiguous);

    return kept_value(call->console, call->menu, id != 0 ? &item : NULL, property);
}

static int is_yes(struct call *call, const char *name)
{
    char *text = setting(call, 0, name);
    int is = text != NULL && strcmp(text, "yes") == 0;

    OPENSSL_free(text);
    return is;
}

/* A setting that the service can't be given: whoever sets it must not think that it holds. */
static void note_kept(struct call *call, const char *name)
{
    const char *text = call_text(call, name);
    int is_ambiguous;
    const struct property *property = property_find(call->menu->properties, name, 0, &is_ambiguous);

    if (text != NULL && *text != '\0' && (property->initial == NULL || strcmp(text, property->initial) != 0))
        console_note(call->console, "%s is kept, but no service here obeys it", name);
}

struct owner {
    char menu[80];
    const char *property;
    int64_t certificate;
};

static void take_certificate(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct owner *owner = arg;

    (void)value;
    if (strcmp(name, owner->property) == 0)
        owner->certificate = certificate;
}

/* ---- the entry ---- */

/* The old entry of a service that is not wanted any more stays, disabled, and the service is told so; one
 * that never was is not made. */
static int switch_off(struct call *call, struct bindings_host *host, const char *owner, const char *service,
                      int64_t certificate, int64_t id)
{
    struct binding *binding = binding_get(host->store, id);
    int is_known = 1, was_on = 0, ok;

    /* The parameters stay: they say where its files are. */
    ok = binding != NULL &&
         bindings_keep(host, owner, service, certificate, binding->text[BINDING_PARAMETERS], 1, &id);
    if (ok) {
        was_on = strcmp(binding->text[BINDING_DISABLED], "yes") != 0;
        if (was_on || strcmp(binding->text[BINDING_STATUS], BINDING_FAILED) == 0)
            ok = bindings_withdraw(host, id, &is_known);
        if (!ok)
            console_note(call->console,
                         "the setting is kept, but the service goes on as it was: set it again");
    }
    if (ok && was_on && !is_known)
        console_note(call->console,
                     "%s goes on with what it has: stop it, or take that out of its own configuration",
                     service);
    binding_free(binding);
    return ok;
}

static int keep(struct call *call, const char *owner, const char *service, int64_t certificate,
                const char *parameters, int is_disabled)
{
    struct bindings_host host;
    int64_t id;

    if (!binding_host(call->console, &host))
        return 0;
    id = binding_find(host.store, owner);
    if (id < 0 || (id == 0 && is_disabled))
        return id == 0;
    if (is_disabled)
        return switch_off(call, &host, owner, service, certificate, id);
    if (!bindings_check(&host, id, service, parameters))
        return 0;
    if (!bindings_keep(&host, owner, service, certificate, parameters, 0, &id))
        return 0;
    if (bindings_apply_one(&host, id))
        return 1;
    console_note(call->console, "the setting is kept: %s apply tries again", BINDINGS_MENU);
    return 0;
}

/* ---- /interface sstp-server server ---- */

int bound_sstp(struct call *call)
{
    struct owner owner = {.property = "certificate"};
    char *port = setting(call, 0, "port"), parameters[128];
    int ok;

    note_kept(call, "verify-client-certificate");
    note_kept(call, "tls-version");
    snprintf(owner.menu, sizeof(owner.menu), "%s", call->menu->path);
    snprintf(parameters, sizeof(parameters), "port=%.8s", port != NULL ? port : "");
    ok = store_setting_each(console_store(call->console), owner.menu, take_certificate, &owner);
    if (ok && is_yes(call, "enabled") && owner.certificate == 0) {
        console_note(call->console, "it has no certificate: certificate=… gives it one");
        ok = keep(call, owner.menu, "sstp-server", 0, "", 1);
    } else {
        ok = ok &&
             keep(call, owner.menu, "sstp-server", owner.certificate, parameters, !is_yes(call, "enabled"));
    }
    OPENSSL_free(port);
    return ok;
}

/* ---- /ip hotspot profile ---- */

static int has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (*list != '\0') {
        size_t n = strcspn(list, ",");

        if (n == len && strncmp(list, word, len) == 0)
            return 1;
        list += n + (list[n] == ',');
    }
    return 0;
}

static int give_profile(struct call *call, int64_t id)
{
    struct owner owner = {.property = "ssl-certificate"};
    char *login_by = setting(call, id, "login-by"), *address = setting(call, id, "hotspot-address"),
         *name = setting(call, id, "dns-name"), parameters[700];
    int ok = login_by != NULL && address != NULL && name != NULL;

    snprintf(owner.menu, sizeof(owner.menu), "%s*%" PRId64, call->menu->path, id);
    ok = ok && store_setting_each(console_store(call->console), owner.menu, take_certificate, &owner);
    if (ok) {
        int is_wanted = has_word(login_by, "https"), n;

        if (is_wanted && owner.certificate == 0)
            console_note(call->console, "login-by=https needs an ssl-certificate");
        n = snprintf(parameters, sizeof(parameters), "%s%.250s%s%s%.250s", *address != '\0' ? "address=" : "",
                     address, *address != '\0' && *name != '\0' ? "," : "", *name != '\0' ? "name=" : "",
                     name);
        ok = n < (int)sizeof(parameters) && keep(call, owner.menu, "hotspot", owner.certificate, parameters,
                                                 !is_wanted || owner.certificate == 0);
    }
    OPENSSL_free(login_by);
    OPENSSL_free(address);
    OPENSSL_free(name);
    return ok;
}

/* These come into a server's configuration: names and addresses, and nothing else. */
static int check_host(struct call *call, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_-";
    const char *text = call_text(call, name);

    return text == NULL || (strlen(text) < 254 && *text != '-' && text[strspn(text, plain)] == '\0') ||
           console_fail(call->console, "%s: expected a host's name or address, got %.64s", name, text);
}

int bound_hotspot_set(struct call *call, int64_t id)
{
    return check_host(call, "hotspot-address") && check_host(call, "dns-name") && kept_set(call, id);
}

int bound_hotspot_add(struct call *call, int64_t *id)
{
    return check_host(call, "hotspot-address") && check_host(call, "dns-name") && kept_add(call, id);
}

/* Of a profile that has been removed. */
static int drop_profile(struct call *call, int64_t profile)
{
    struct bindings_host host;
    char owner[80];
    int64_t id;

    if (!binding_host(call->console, &host))
        return 0;
    snprintf(owner, sizeof(owner), "%s*%" PRId64, call->menu->path, profile);
    id = binding_find(host.store, owner);
    if (id <= 0 || bindings_drop(&host, id))
        return id >= 0;
    console_note(call->console,
                 "the profile is removed, but the service goes on as it was: its entry in %s stays",
                 BINDINGS_MENU);
    return 0;
}

int bound_hotspot(struct call *call)
{
    int64_t id = call->result != NULL ? strtoll(call->result + 1, NULL, 16) : 0;
    int is_removed = strcmp(call->command->name, "remove") == 0, ok = 1;
    size_t i;

    if (strcmp(call->command->name, "add") == 0)
        return give_profile(call, id);
    for (i = 0; i < call->ids_count; i++)
        ok = (is_removed ? drop_profile(call, call->ids[i]) : give_profile(call, call->ids[i])) && ok;
    return ok;
}

/* ---- /ip dns ---- */

struct url {
    char host[254], port[6], path[256];
};

/* https://HOST[:PORT]/PATH, with nothing in it that is not plain. */
static int take_url(const char *text, struct url *url)
{
    const char *start = text + strlen("https://"), *path, *colon;
    size_t len;

    if (strncmp(text, "https://", strlen("https://")) != 0)
        return 0;
    path = start + strcspn(start, "/");
    len = (size_t)(path - start);
    colon = memchr(start, ':', len);
    if (colon != NULL)
        len = (size_t)(colon - start);
    if (len == 0 || len >= sizeof(url->host) || strlen(path) >= sizeof(url->path) ||
        strpbrk(path, "?#,") != NULL || start[len] == '@' || memchr(start, ',', len) != NULL)
        return 0;
    snprintf(url->host, sizeof(url->host), "%.*s", (int)len, start);
    snprintf(url->path, sizeof(url->path), "%s", *path != '\0' ? path : "/dns-query");
    if (colon == NULL) {
        snprintf(url->port, sizeof(url->port), "443");
        return 1;
    }
    len = (size_t)(path - colon - 1);
    if (len == 0 || len >= sizeof(url->port))
        return 0;
    snprintf(url->port, sizeof(url->port), "%.*s", (int)len, colon + 1);
    return 1;
}

/* dnsdist takes addresses only: it is what names are asked of. */
static int resolve(struct call *call, const char *host, char *address, size_t size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(host, "443", &hints, &list), ok = error == 0;

    if (ok)
        ok = getnameinfo(list->ai_addr, list->ai_addrlen, address, (socklen_t)size, NULL, 0,
                         NI_NUMERICHOST) == 0;
    if (error == 0)
        freeaddrinfo(list);
    return ok || console_fail(call->console, "the setting is kept, but %.253s has no address now: %s", host,
                              gai_strerror(error));
}

static int check_url(struct call *call, const char *text)
{
    struct url url;

    return *text == '\0' || take_url(text, &url) ||
           console_fail(call->console, "use-doh-server: expected https://HOST/PATH, got %.128s", text);
}

int bound_dns(struct call *call)
{
    char *server = setting(call, 0, "use-doh-server"), parameters[800], address[64];
    struct url url;
    int ok = 1;

    note_kept(call, "servers");
    note_kept(call, "allow-remote-requests");
    if (server == NULL || *server == '\0')
        ok = server != NULL && keep(call, call->menu->path, "dns-doh", 0, "", 1);
    else if ((ok = check_url(call, server) && take_url(server, &url) &&
                   resolve(call, url.host, address, sizeof(address)))) {
        snprintf(parameters, sizeof(parameters), "address=%s,port=%s,name=%s,path=%s,verify=%s", address,
                 url.port, url.host, url.path, is_yes(call, "verify-doh-cert") ? "true" : "false");
        ok = keep(call, call->menu->path, "dns-doh", 0, parameters, 0);
    }
    OPENSSL_free(server);
    return ok;
}

int bound_dns_set(struct call *call, int64_t id)
{
    const char *server = call_text(call, "use-doh-server");

    return (server == NULL || check_url(call, server)) && kept_set(call, id);
}
