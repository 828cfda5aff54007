// SPDX-License-Identifier: Apache-2.0
/* /certificate renewal: what the CAs here renew, and what services are given; and /system metrics. */
#include "renewal.h"

#include "kept.h"

#include "tools/http/networks.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN, TIME };

static const struct property entry_properties[] = {
    {"certificate", TYPE_CERTIFICATE, PROP_COLUMN, NULL, 0, 0, NULL, "what it is for", PLAIN},
    {"renew", TYPE_BOOL, PROP_SET | PROP_COLUMN, NULL, 0, 0, "no", "its CA here renews it", PLAIN},
    {"reuse-key", TYPE_BOOL, PROP_SET, NULL, 0, 0, "yes", "renew with the same key", PLAIN},
    {"renew-percent", TYPE_NUMBER, PROP_SET, NULL, 10, 95, RENEWAL_PERCENT,
     "of its life that has passed when it is renewed", PLAIN},
    {"live", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "keep its files for a service in the folder live/NAME",
     PLAIN},
    {"deploy-hook", TYPE_TEXT, PROP_SET | PROP_QUIET | PROP_FULL, NULL, 0, 0, NULL,
     "the program that is executed when those are new, with its path", PLAIN},
    {"deploy-arguments", TYPE_TEXT, PROP_SET | PROP_QUIET | PROP_FULL | PROP_HIDDEN, NULL, 0, 0, NULL,
     "its arguments", PLAIN},
    {"deploy-environment", TYPE_TEXT, PROP_SET | PROP_QUIET | PROP_FULL | PROP_HIDDEN, NULL, 0, 0, NULL,
     "its variables", PLAIN},
    {"deploy-timeout", TYPE_NUMBER, PROP_SET | PROP_QUIET, NULL, 1, 3600, RENEWAL_DEPLOY_SECONDS,
     "seconds that it may take", PLAIN},
    {"last-error", TYPE_TEXT, PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL, "of the last try", PLAIN},
    {"failures", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "in a row", PLAIN},
    {"next-try", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "not before this, after failures; local time",
     TIME},
    {"deploy-pending", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "the service does not have it yet", PLAIN},
    {"deploy-failures", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "in a row", PLAIN},
    {"deploy-next", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "when it is given again; local time", TIME},
    {.name = ""},
};

static char *entry_value(struct console *console, const struct menu *menu, const struct item *item,
                         const struct property *property)
{
    return property->field == TIME ? kept_time(console, menu, item, property)
                                   : kept_value(console, menu, item, property);
}

static struct managed_host change_host(struct console *console)
{
    return (struct managed_host){.store = console_store(console), .error = console_on_error, .arg = console};
}

static int64_t certificate_of(struct console *console, int64_t id)
{
    char entry[RENEWAL_NAME_MAX], *name;
    struct store_cert *cert;
    int64_t certificate = 0;

    renewal_name(entry, RENEWAL_MENU, id);
    name = renewal_get(console_store(console), entry, "certificate", "");
    cert = name != NULL && *name != '\0'
               ? store_cert_get(console_store(console), &(struct store_query){.name = name})
               : NULL;
    if (cert != NULL)
        certificate = cert->id;
    store_cert_free(cert);
    OPENSSL_free(name);
    return certificate;
}

static int entry_set(struct call *call, int64_t id)
{
    int64_t certificate = certificate_of(call->console, id);
    size_t i;
    int ok = certificate != 0 || console_fail(call->console, "its certificate is not there any more");

    for (i = 0; ok && i < call->count; i++)
        ok = renewal_certificate_set(call->console, certificate, call->arguments[i].property,
                                     call->arguments[i].text);
    return ok;
}

const struct menu menu_certificate_renewal = {
    .path = RENEWAL_MENU,
    .kind = MENU_ITEMS,
    .help = "certificates that a CA here renews (/certificate set renew=yes), and what services are given",
    .properties = entry_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_SET | STD_REMOVE,
    .each = kept_each,
    .count = items_count,
    .value = entry_value,
    .set = entry_set,
    .remove = kept_remove,
};

/* ---- as properties of /certificate ---- */

char *renewal_certificate_value(struct console *console, const struct store_cert *cert, const char *name)
{
    struct store *store = console_store(console);
    char entry[RENEWAL_NAME_MAX];

    /* Of ten thousand that others have the keys of, nobody asks the settings. */
    if (cert->der != NULL && cert->key == 0)
        return NULL;
    if (!renewal_entry_of(store, cert->id, entry) || *entry == '\0')
        return NULL;
    return store_setting_get(store, entry, name);
}

int renewal_certificate_set(struct console *console, int64_t certificate, const struct property *property,
                            const char *text)
{
    struct managed_host host = change_host(console);

    if (strcmp(property->name, "deploy-hook") == 0 && *text != '\0' && *text != '/')
        return console_fail(console, "value of deploy-hook must be an absolute path");
    return host.store != NULL && renewal_change(&host, certificate, property->name, text);
}

int renewal_certificate_removed(struct console *console, int64_t certificate)
{
    struct store *store = console_store(console);
    char entry[RENEWAL_NAME_MAX];

    if (!renewal_entry_of(store, certificate, entry))
        return 0;
    return !renewal_is_own(entry) ||
           store_entry_remove(store, RENEWAL_MENU, strtoll(entry + sizeof(RENEWAL_MENU), NULL, 10));
}

/* ---- /system metrics ---- */

static const struct property metrics_properties[] = {
    {"address", TYPE_TEXT, PROP_SET, NULL, 0, 0, RENEWAL_METRICS_ADDRESS,
     "networks that may read /metrics of www, with commas; empty: nobody", 0},
    {.name = ""},
};

static int metrics_set(struct call *call, int64_t id)
{
    const char *address = call_text(call, "address");
    struct networks *networks = address != NULL ? networks_new(address) : NULL;

    if (address != NULL && networks == NULL)
        return console_fail(call->console, "address: expected networks such as 192.168.88.0/24,::1");
    networks_free(networks);
    return kept_set(call, id);
}

const struct menu menu_system_metrics = {
    .path = RENEWAL_METRICS_MENU,
    .kind = MENU_SETTINGS,
    .help = "who may read /metrics, Prometheus's text, of the service www",
    .properties = metrics_properties,
    .standard = STD_PRINT | STD_GET | STD_SET,
    .value = kept_value,
    .set = metrics_set,
};
