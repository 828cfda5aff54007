// SPDX-License-Identifier: Apache-2.0
/* Menus of services and protocols: their settings are parsed and kept. */
#include "kept.h"

#include "binding.h"
#include "tools/http/networks.h"
#include "tools/services.h"

#include <string.h>

#define STD_KEPT_ITEMS (STD_PRINT | STD_FIND | STD_GET | STD_SET)
static const char *const tls_versions[] = {"any", "only-1.2", "only-1.3", NULL};

static const struct flag disabled_flags[] = {{'X', "disabled", 1}, {0, NULL, 0}};

/* ---- /ip service ---- */

static const struct property service_properties[] = {
    {"name", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "which service", 0},
    {"port", TYPE_NUMBER, PROP_SET | PROP_COLUMN, NULL, 1, 65535, NULL, "TCP port", 0},
    {"address", TYPE_TEXT, PROP_SET | PROP_COLUMN, NULL, 0, 0, NULL, "networks that may connect, with commas",
     0},
    {"certificate", TYPE_CERTIFICATE, PROP_SET | PROP_COLUMN, NULL, 0, 0, NULL, "what it shows to clients",
     0},
    {"tls-version", TYPE_ENUM, PROP_SET | PROP_COLUMN, tls_versions, 0, 0, NULL, "TLS versions it speaks", 0},
    {"disabled", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "yes or no", 0},
    {.name = ""},
};

static int service_set(struct call *call, int64_t id)
{
    size_t i;

    for (i = 0; i < call->count; i++) {
        struct networks *networks;

        if (strcmp(call->arguments[i].property->name, "address") != 0)
            continue;
        networks = networks_new(call->arguments[i].text);
        networks_free(networks);
        if (networks == NULL)
            return console_fail(
                call->console,
                "address: expected up to 64 networks such as 192.168.88.0/24,fd00::/8, got %.64s",
                call->arguments[i].text);
    }
    return kept_set(call, id);
}

/* Those that signetd runs; NULL: it does not. */
static const char *served_name(int64_t id)
{
    return id == SERVICE_WWW       ? "www"
           : id == SERVICE_WWW_SSL ? "www-ssl"
           : id == SERVICE_API     ? "api"
           : id == SERVICE_API_SSL ? "api-ssl"
                                   : NULL;
}

static void service_changed(struct call *call)
{
    struct store *store = console_store(call->console);
    struct service service;
    size_t i;

    for (i = 0; i < call->ids_count; i++) {
        const char *name = served_name(call->ids[i]);
        int is_off = call->count == 1 && strcmp(call->arguments[0].property->name, "disabled") == 0 &&
                     strcmp(call->arguments[0].text, "yes") == 0;

        if (name == NULL && !is_off) {
            console_note(
                call->console,
                "not yet: the setting is kept; signetd runs nothing but www, www-ssl, api and api-ssl so "
                "far");
            continue;
        }
        if (name == NULL || store == NULL || !service_get(store, name, &service))
            continue;
        if (service.is_enabled && *service.tls_version != '\0' && service.certificate == 0)
            console_note(call->console, "%s has no certificate: /ip service set %s certificate=…", name,
                         name);
        else if (service.is_enabled && !service_is_served(store, name))
            console_note(call->console, "signetd does not run, which serves it: signetd(8)");
        service_clear(&service);
    }
}

const struct menu menu_ip_service = {
    .path = "/ip/service",
    .kind = MENU_ITEMS,
    .help = "the router's own services; signetd runs www, www-ssl, api (for this host alone, as it has no "
            "TLS) and "
            "api-ssl, the others are only kept so far",
    .properties = service_properties,
    .flags = disabled_flags,
    .standard = STD_KEPT_ITEMS | STD_ENABLE,
    .changed = service_changed,
    .value = kept_value,
    .set = service_set,
    .each = kept_each,
    .count = items_count,
    .item_flags = kept_flags,
};

/* clang-format off */
#define SEED(id, name, port, tls)                                                                                 \
    {&menu_ip_service, id, "name", name}, {&menu_ip_service, id, "port", port},                              \
        {&menu_ip_service, id, "disabled", "yes"}, {&menu_ip_service, id, "tls-version", tls},

const struct kept_seed kept_seeds[] = {
    SERVICES(SEED)
    {&menu_ip_hotspot_profile, 1, "name", "default"},
    {NULL, 0, NULL, NULL},
};
/* clang-format on */

const struct menu menu_ip = {.path = "/ip", .kind = MENU_FOLDER, .help = "services over IP"};

/* ---- /ip dns ---- */

static const struct property dns_properties[] = {
    {"servers", TYPE_TEXT, PROP_SET, NULL, 0, 0, NULL, "addresses of DNS servers, with commas", 0},
    {"use-doh-server", TYPE_TEXT, PROP_SET, NULL, 0, 0, NULL, "URL of a DNS over HTTPS server (RFC 8484)", 0},
    {"verify-doh-cert", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "verify its certificate with the trust store",
     0},
    {"allow-remote-requests", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "answer others", 0},
    {.name = ""},
};

const struct menu menu_ip_dns = {
    .path = "/ip/dns",
    .kind = MENU_SETTINGS,
    .help = "DNS",
    .properties = dns_properties,
    .standard = STD_PRINT | STD_GET | STD_SET,
    .apply = bound_dns,
    .value = kept_value,
    .set = bound_dns_set,
};

/* ---- /ip hotspot profile ---- */

static const char *const login_methods[] = {"cookie", "http-chap",  "http-pap", "https",
                                            "mac",    "mac-cookie", "trial",    NULL};

static const struct property profile_properties[] = {
    {"name", TYPE_TEXT, PROP_BOTH | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL, "its name", 0},
    {"hotspot-address", TYPE_TEXT, PROP_BOTH | PROP_COLUMN, NULL, 0, 0, NULL, "address of the portal", 0},
    {"dns-name", TYPE_TEXT, PROP_BOTH | PROP_COLUMN, NULL, 0, 0, NULL, "name of the portal", 0},
    {"ssl-certificate", TYPE_CERTIFICATE, PROP_BOTH | PROP_COLUMN, NULL, 0, 0, NULL, "for login-by=https", 0},
    {"login-by", TYPE_LIST, PROP_BOTH | PROP_COLUMN, login_methods, 0, 0, "cookie,http-chap",
     "ways to log in", 0},
    {.name = ""},
};

const struct menu menu_ip_hotspot_profile = {
    .path = "/ip/hotspot/profile",
    .kind = MENU_ITEMS,
    .help = "what a captive portal is like",
    .properties = profile_properties,
    .standard = STD_KEPT_ITEMS | STD_ADD | STD_REMOVE,
    .apply = bound_hotspot,
    .value = kept_value,
    .set = bound_hotspot_set,
    .add = bound_hotspot_add,
    .remove = kept_remove,
    .each = kept_each,
    .count = items_count,
    .item_flags = kept_flags,
};

const struct menu menu_ip_hotspot = {.path = "/ip/hotspot", .kind = MENU_FOLDER, .help = "captive portals"};

/* ---- /interface sstp-server server ---- */

static const struct property sstp_properties[] = {
    {"enabled", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "yes or no", 0},
    {"port", TYPE_NUMBER, PROP_SET, NULL, 1, 65535, "443", "TCP port", 0},
    {"certificate", TYPE_CERTIFICATE, PROP_SET, NULL, 0, 0, NULL, "what it shows to clients", 0},
    {"verify-client-certificate", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "ask clients for one", 0},
    {"tls-version", TYPE_ENUM, PROP_SET, tls_versions, 0, 0, "any", "TLS versions it speaks", 0},
    {.name = ""},
};

const struct menu menu_interface_sstp_server_server = {
    .path = "/interface/sstp-server/server",
    .kind = MENU_SETTINGS,
    .help = "the SSTP server",
    .properties = sstp_properties,
    .standard = STD_PRINT | STD_GET | STD_SET,
    .apply = bound_sstp,
    .value = kept_value,
    .set = kept_set,
};

const struct menu menu_interface = {.path = "/interface", .kind = MENU_FOLDER, .help = "interfaces"};
const struct menu menu_interface_sstp_server = {
    .path = "/interface/sstp-server", .kind = MENU_FOLDER, .help = "SSTP, a VPN over TLS"};
