// SPDX-License-Identifier: Apache-2.0
/* /certificate acme: what is kept valid by ACME, and the accounts. */
#include "acme.h"

#include "kept.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char *const challenges[] = {"http-01", "dns-01", "tls-alpn-01", NULL};
static const char *const hook_kinds[] = {"signet", "acme-sh", "dehydrated", "lego", NULL};
static const char *const custodies[] = {"auto", "tpm", "sealed", "file", NULL};
static const char *const account_sizes[] = {"2048", "3072", "4096", "prime256v1", "secp384r1", NULL};

/* ---- the host ---- */

static void on_progress(void *arg, const char *text)
{
    console_progress(arg, text);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return console_interrupted;
}

static const char *last_error(void *arg)
{
    struct console *console = arg;

    return console->last_failure;
}

int acme_host(struct console *console, struct managed_host *host)
{
    struct store *store = console_store(console);
    OSSL_LIB_CTX *libctx = store != NULL ? tool_crypto(console->tool) : NULL;

    console->last_failure[0] = '\0';
    *host = (struct managed_host){store,        libctx,     console_on_error, on_progress,
                                  is_cancelled, last_error, console};
    return libctx != NULL;
}

int acme_host_lock(struct console *console, struct managed_host *host)
{
    return acme_host(console, host) ? managed_lock(host) : -1;
}

void acme_host_unlock(struct console *console, int lock)
{
    close(lock);
    console_end_line(console);
}

/* ---- entries ---- */

#define FLAGGED(name, type, flags, values, min, max, initial, help, field)                                   \
    {                                                                                                        \
        name, type, PROP_BOTH | PROP_QUIET | (flags), values, min, max, initial, help, field                 \
    }
#define SETTING(name, type, values, min, max, initial, help, field)                                          \
    FLAGGED(name, type, 0, values, min, max, initial, help, field)
#define FOR_FULL(name, flags, help, field)                                                                   \
    FLAGGED(name, TYPE_TEXT, PROP_FULL | (flags), NULL, 0, 0, NULL, help, field)
#define SETTINGS                                                                                             \
    SETTING("challenge", TYPE_ENUM, challenges, 0, 0, MANAGED_CHALLENGE,                                     \
            "how control of the names is proved (RFC 8555 section 8, RFC 8737)", MANAGED_F_CHALLENGE),       \
        FOR_FULL("webroot", 0,                                                                               \
                 "http-01: folder of a web server that runs; without it signet answers itself",              \
                 MANAGED_F_WEBROOT),                                                                         \
        SETTING("address", TYPE_TEXT, NULL, 0, 0, NULL,                                                      \
                "where signet answers itself; without it everywhere", MANAGED_F_ADDRESS),                    \
        SETTING("port", TYPE_NUMBER, NULL, 1, 65535, NULL,                                                   \
                "the port there; the CA comes to 80 (http-01; without it that of /ip service www) or 443",   \
                MANAGED_F_PORT),                                                                             \
        FOR_FULL("hook", 0, "dns-01: the program that publishes TXT records, with its path",                 \
                 MANAGED_F_HOOK),                                                                            \
        FLAGGED(                                                                                             \
            "hook-kind", TYPE_ENUM, PROP_FULL, hook_kinds, 0, 0, MANAGED_HOOK_KIND,                          \
            "how it is called: as uacme's (signet), a file of acme.sh's dnsapi, as dehydrated's, lego's",    \
            MANAGED_F_HOOK_KIND),                                                                            \
        SETTING("dns-alias", TYPE_TEXT, NULL, 0, 0, NULL,                                                    \
                "the name that _acme-challenge of each name is a CNAME of", MANAGED_F_DNS_ALIAS),            \
        SETTING("dns-servers", TYPE_TEXT, NULL, 0, 0, NULL,                                                  \
                "whom to ask where the zone is: addresses with commas; without it the system's",             \
                MANAGED_F_DNS_SERVERS),                                                                      \
        SETTING("dns-wait", TYPE_NUMBER, NULL, 1, 86400, MANAGED_DNS_WAIT,                                   \
                "seconds until a record must be seen at each server of the zone", MANAGED_F_DNS_WAIT),       \
        SETTING("profile", TYPE_TEXT, NULL, 0, 0, NULL, "one of the CA's certificate profiles",              \
                MANAGED_F_PROFILE),                                                                          \
        SETTING("preferred-chain", TYPE_TEXT, NULL, 0, 0, NULL,                                              \
                "common name of the root that the chain should lead to", MANAGED_F_PREFERRED_CHAIN),         \
        SETTING("key-size", TYPE_ENUM, store_key_sizes, 0, 0, MANAGED_KEY_SIZE,                              \
                "of a new key: bits of RSA, or a curve", MANAGED_F_KEY_SIZE),                                \
        SETTING("custody", TYPE_ENUM, custodies, 0, 0, MANAGED_CUSTODY, "who holds a new key",               \
                MANAGED_F_CUSTODY),                                                                          \
        SETTING("reuse-key", TYPE_BOOL, NULL, 0, 0, MANAGED_REUSE_KEY, "renew with the same key",            \
                MANAGED_F_REUSE_KEY),                                                                        \
        SETTING("account", TYPE_TEXT, NULL, 0, 0, NULL, "name of an account; without it the directory's",    \
                MANAGED_F_ACCOUNT),                                                                          \
        SETTING("renew-percent", TYPE_NUMBER, NULL, 10, 95, MANAGED_RENEW_PERCENT,                           \
                "of its life that has passed when it is renewed, if the CA does not tell (RFC 9773)",        \
                MANAGED_F_RENEW_PERCENT),                                                                    \
        SETTING("live", TYPE_BOOL, NULL, 0, 0, MANAGED_LIVE,                                                 \
                "keep its files for a service in the folder live/NAME", MANAGED_F_LIVE),                     \
        FOR_FULL("deploy-hook", 0, "the program that is executed when those are new, with its path",         \
                 MANAGED_F_DEPLOY_HOOK),                                                                     \
        FOR_FULL("deploy-arguments", PROP_HIDDEN,                                                            \
                 "what it is given before \"deploy\", the name and the folder; a backslash keeps a blank",   \
                 MANAGED_F_DEPLOY_ARGUMENTS),                                                                \
        FOR_FULL("deploy-environment", PROP_HIDDEN,                                                          \
                 "variables for it: NAME=VALUE, with blanks between them", MANAGED_F_DEPLOY_ENVIRONMENT),    \
        SETTING("deploy-timeout", TYPE_NUMBER, NULL, 1, 3600, "120", "seconds that it may take",             \
                MANAGED_F_DEPLOY_TIMEOUT)

const struct property acme_settings[] = {SETTINGS, {.name = ""}};

#define DIRECTORY                                                                                            \
    {                                                                                                        \
        "directory-url", TYPE_TEXT, 0, NULL, 0, 0, MANAGED_DIRECTORY, "of the ACME server",                  \
            MANAGED_F_DIRECTORY_URL                                                                          \
    }
#define EXTERNAL_ACCOUNT                                                                                     \
    {"eab-kid", TYPE_TEXT, 0, NULL, 0, 0, NULL, "external account's key id, from the CA", 0},                \
    {                                                                                                        \
        "eab-hmac-key", TYPE_SECRET, 0, NULL, 0, 0, NULL, "external account's key, base64url", 0             \
    }

const struct property acme_enable_ssl_parameters[] = {
    {"dns-name", TYPE_TEXT, PROP_NEEDED, NULL, 0, 0, NULL, "the router's name in the DNS", 0},
    DIRECTORY,
    EXTERNAL_ACCOUNT,
    {"reset-private-key", TYPE_BOOL, 0, NULL, 0, 0, "no", "make a new key", 0},
    {.name = ""},
};

const struct property acme_add_parameters[] = {
    {"name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "of the certificate; without it as the first of its names", 0},
    {"domain-names", TYPE_TEXT, PROP_NEEDED, NULL, 0, 0, NULL,
     "DNS names and addresses it is to be valid for, with commas", 0},
    DIRECTORY,
    EXTERNAL_ACCOUNT,
    {"eab-key", TYPE_SECRET, 0, NULL, 0, 0, NULL, "the same as eab-hmac-key", 0},
    {"contact", TYPE_TEXT, 0, NULL, 0, 0, NULL, "of a new account: e-mail addresses, with commas", 0},
    SETTINGS,
    {.name = ""},
};

static const char *const revoke_by[] = {"account", "certificate-key", NULL};
const struct property acme_revoke_parameters[] = {
    {"reason", TYPE_ENUM, 0, store_revocation_reasons, 0, 0, "unspecified", "of RFC 5280 section 5.3.1", 0},
    {"by", TYPE_ENUM, 0, revoke_by, 0, 0, "account", "whose key asks for it", 0},
    {.name = ""},
};

/* Fields that are no setting of the entry. */
enum { FIELD_CERTIFICATE = MANAGED_FIELDS };

static const struct property entry_properties[] = {
    {"certificate", TYPE_CERTIFICATE, PROP_COLUMN, NULL, 0, 0, NULL, "what is kept valid", FIELD_CERTIFICATE},
    {"domain-names", TYPE_TEXT, PROP_SET | PROP_COLUMN, NULL, 0, 0, NULL,
     "DNS names and addresses it is valid for, with commas", MANAGED_F_DOMAIN_NAMES},
    {"directory-url", TYPE_TEXT, PROP_SET, NULL, 0, 0, MANAGED_DIRECTORY, "of the ACME server",
     MANAGED_F_DIRECTORY_URL},
    SETTINGS,
    {"acme-status", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "issued, failed or revoked", MANAGED_F_STATUS},
    {"last-error", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of the last try", MANAGED_F_ERROR},
    {"renew-at", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "when it is renewed; local time",
     MANAGED_F_RENEW_AT},
    {"next-try", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "not before this, after failures; local time",
     MANAGED_F_NEXT_TRY},
    {"failures", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "in a row", MANAGED_F_FAILURES},
    {"ari-next", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL,
     "when the CA is asked for its window again; local time", MANAGED_F_ARI_NEXT},
    {"ari-explanation", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "where the CA explains its window",
     MANAGED_F_ARI_EXPLANATION},
    {"order-url", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of an order that is under way",
     MANAGED_F_ORDER_URL},
    {"deploy-pending", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "the service does not have it yet",
     MANAGED_F_DEPLOY_PENDING},
    {.name = ""},
};

static char *entry_value(struct console *console, const struct menu *menu, const struct item *item,
                         const struct property *property)
{
    int is_time = property->field == MANAGED_F_RENEW_AT || property->field == MANAGED_F_NEXT_TRY ||
                  property->field == MANAGED_F_ARI_NEXT;

    return is_time ? kept_time(console, menu, item, property) : kept_value(console, menu, item, property);
}

int acme_check_setting(struct call *call, const struct property *property, const char *text)
{
    if ((property->field == MANAGED_F_WEBROOT || property->field == MANAGED_F_HOOK ||
         property->field == MANAGED_F_DEPLOY_HOOK) &&
        *text != '\0' && *text != '/')
        return console_fail(call->console, "value of %s must be an absolute path", property->name);
    if (property->field == MANAGED_F_DIRECTORY_URL && strncmp(text, "https://", 8) != 0)
        return console_fail(call->console, "invalid value for argument directory-url: expected https://");
    return 1;
}

static int set_fields(struct call *call, struct managed_host *host, int64_t id)
{
    const char *directory = call_text(call, "directory-url");
    struct managed *managed;
    size_t i;
    int ok = 1;

    /* First: it drops an account that is not one there. */
    if (directory != NULL)
        ok = managed_set(host->store, id, MANAGED_F_DIRECTORY_URL, directory);
    for (i = 0; ok && i < call->count; i++) {
        const struct property *property = call->arguments[i].property;

        ok = acme_check_setting(call, property, call->arguments[i].text) &&
             managed_set(host->store, id, (enum managed_field)property->field, call->arguments[i].text);
    }
    managed = ok ? managed_get(host->store, id) : NULL;
    ok = managed != NULL &&
         managed_check_names(host, managed->text[MANAGED_F_DOMAIN_NAMES], managed->text[MANAGED_F_CHALLENGE]);
    managed_free(managed);
    return ok;
}

static int set_entry(struct call *call, int64_t id)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = store_begin(host.store) && store_end(host.store, set_fields(call, &host, id));
    acme_host_unlock(call->console, lock);
    return ok;
}

static int remove_entry(struct call *call, int64_t id)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = managed_remove(&host, id);
    acme_host_unlock(call->console, lock);
    return ok;
}

/* By name: of the certificate. */
static int each_entry(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                      void *arg)
{
    struct store *store = console_store(console);
    struct store_cert *cert;
    struct item item = {0};
    int ok = 1;

    if (hint->name == NULL || store == NULL)
        return kept_each(console, menu, hint, fn, arg);
    cert = store_cert_get(store, &(struct store_query){.name = hint->name});
    item.id = cert != NULL ? managed_find(store, cert->id) : 0;
    if (item.id > 0)
        fn(arg, &item);
    ok = item.id >= 0;
    store_cert_free(cert);
    return ok;
}

const struct menu menu_certificate_acme = {
    .path = MANAGED_MENU,
    .kind = MENU_ITEMS,
    .help = "certificates that are kept valid by ACME (RFC 8555)",
    .properties = entry_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_SET | STD_REMOVE,
    .each = each_entry,
    .count = items_count,
    .value = entry_value,
    .set = set_entry,
    .remove = remove_entry,
};

char *acme_certificate_value(struct console *console, int64_t certificate, enum managed_field field)
{
    struct store *store = console_store(console);
    int64_t id = managed_find(store, certificate);
    struct managed *managed = id > 0 ? managed_get(store, id) : NULL;
    char *value = managed != NULL ? OPENSSL_strdup(managed->text[field]) : NULL;

    managed_free(managed);
    return value;
}

int acme_certificate_removed(struct console *console, int64_t certificate)
{
    int64_t id = managed_find(console_store(console), certificate);
    struct managed_host host;
    int lock, ok;

    if (id <= 0)
        return id == 0;
    lock = acme_host_lock(console, &host);
    if (lock < 0)
        return 0;
    ok = managed_remove(&host, id);
    acme_host_unlock(console, lock);
    return ok;
}

/* ---- accounts ---- */

static const struct property account_properties[] = {
    {"name", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "what it is called here", 0},
    {"directory-url", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "of the ACME server", 0},
    {"contact", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "e-mail addresses, with commas", 0},
    {"url", TYPE_TEXT, 0, NULL, 0, 0, NULL, "the account's own", 0},
    {"key", TYPE_TEXT, 0, NULL, 0, 0, NULL, "name of its key: see signet key list", 0},
    {"eab-kid", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "external account's key id", 0},
    {"status", TYPE_TEXT, PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL, "deactivated, if it is", 0},
    {.name = ""},
};

static const char *const eab_algorithms[] = {"HS256", "HS384", "HS512", NULL};
static const struct property register_parameters[] = {
    {"directory-url", TYPE_TEXT, 0, NULL, 0, 0, MANAGED_DIRECTORY, "of the ACME server",
     MANAGED_F_DIRECTORY_URL},
    {"name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "what it is called here; without it as the server", 0},
    {"contact", TYPE_TEXT, 0, NULL, 0, 0, NULL, "e-mail addresses, with commas", 0},
    {"eab-kid", TYPE_TEXT, 0, NULL, 0, 0, NULL, "external account's key id", 0},
    {"eab-hmac-key", TYPE_SECRET, 0, NULL, 0, 0, NULL, "external account's key, base64url", 0},
    {"eab-alg", TYPE_ENUM, 0, eab_algorithms, 0, 0, "HS256", "how that is used", 0},
    {"key-size", TYPE_ENUM, 0, account_sizes, 0, 0, MANAGED_KEY_SIZE, "of the account's key", 0},
    {"custody", TYPE_ENUM, 0, custodies, 0, 0, MANAGED_CUSTODY, "who holds the account's key", 0},
    {.name = ""},
};
static const struct property contact_parameters[] = {
    {"contact", TYPE_TEXT, PROP_NEEDED, NULL, 0, 0, NULL, "e-mail addresses, with commas; \"\": none", 0},
    {.name = ""},
};
static const struct property change_key_parameters[] = {
    {"key-size", TYPE_ENUM, 0, account_sizes, 0, 0, MANAGED_KEY_SIZE, "of the new key", 0},
    {"custody", TYPE_ENUM, 0, custodies, 0, 0, MANAGED_CUSTODY, "who holds the new key", 0},
    {.name = ""},
};

static int is_at(struct store *store, int64_t id, const char *directory)
{
    struct managed_account *account = managed_account_get(store, id);
    int is = account != NULL && strcmp(account->directory_url, directory) == 0;

    managed_account_free(account);
    return is;
}

/* One that was not registered so far is tried again. 0: there is none, -1: failed. */
static int64_t find_unregistered(struct call *call, struct managed_host *host,
                                 const struct managed_registration *registration)
{
    int64_t id = managed_account_find(host->store, registration->name, registration->directory_url,
                                      registration->eab_kid);
    struct managed_account *account;
    int is_new;

    if (id > 0 && registration->name != NULL && !is_at(host->store, id, registration->directory_url)) {
        console_fail(call->console, "failure: there is an account %s already, at another CA",
                     registration->name);
        return -1;
    }
    if (id <= 0 || registration->name != NULL)
        return id;
    account = managed_account_get(host->store, id);
    is_new = account == NULL || *account->url != '\0';
    managed_account_free(account);
    return is_new ? 0 : id;
}

static int run_register(struct call *call)
{
    const char *directory = call_text(call, "directory-url");
    struct managed_registration registration = {
        .name = call_text(call, "name"),
        .directory_url = directory != NULL ? directory : MANAGED_DIRECTORY,
        .contact = call_text(call, "contact"),
        .eab_kid = call_text(call, "eab-kid"),
        .eab_hmac_key = call_text(call, "eab-hmac-key"),
        .eab_alg = call_text(call, "eab-alg"),
        .key_size = call_text(call, "key-size"),
        .custody = call_text(call, "custody"),
    };
    struct managed_host host;
    int64_t id = -1;
    int lock, ok;

    if (strncmp(registration.directory_url, "https://", 8) != 0)
        return console_fail(call->console, "invalid value for argument directory-url: expected https://");
    lock = acme_host_lock(call->console, &host);
    if (lock < 0)
        return 0;
    id = find_unregistered(call, &host, &registration);
    ok = id >= 0 && managed_register(&host, &registration, &id);
    acme_host_unlock(call->console, lock);
    if (ok)
        call->result = value_of_id(id);
    return ok;
}

static int run_change_key(struct call *call)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = managed_account_change_key(&host, call->ids[0], call_text(call, "key-size"),
                                    call_text(call, "custody"));
    acme_host_unlock(call->console, lock);
    return ok;
}

static int run_set_contact(struct call *call)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = managed_account_set_contact(&host, call->ids[0], call_text(call, "contact"));
    acme_host_unlock(call->console, lock);
    return ok;
}

static int run_deactivate(struct call *call)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = managed_account_deactivate(&host, call->ids[0]);
    acme_host_unlock(call->console, lock);
    return ok;
}

/* The key goes with it: there is no other use for one. */
static int remove_account(struct call *call, int64_t id)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = managed_account_remove(&host, id);
    acme_host_unlock(call->console, lock);
    return ok;
}

static const struct command account_commands[] = {
    {"register", 0, register_parameters, run_register, "makes a key and registers it with an ACME server",
     NULL},
    {"change-key", COMMAND_ITEMS | COMMAND_SINGLE, change_key_parameters, run_change_key,
     "gives the account a new key (RFC 8555 section 7.3.5)", NULL},
    {"set-contact", COMMAND_ITEMS | COMMAND_SINGLE, contact_parameters, run_set_contact,
     "tells the server other e-mail addresses", NULL},
    {"deactivate", COMMAND_ITEMS | COMMAND_SINGLE, NULL, run_deactivate,
     "ends the account at the server, for good", NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};

const struct menu menu_certificate_acme_account = {
    .path = MANAGED_ACCOUNTS,
    .kind = MENU_ITEMS,
    .help = "accounts at ACME servers; remove forgets one here, and its key",
    .properties = account_properties,
    .commands = account_commands,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_REMOVE,
    .each = kept_each,
    .count = items_count,
    .value = kept_value,
    .remove = remove_account,
};
