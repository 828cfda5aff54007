// SPDX-License-Identifier: Apache-2.0
/* /certificate scep, add-scep and scep-renew: certificates that come by SCEP. */
#include "scep.h"

#include "acme.h"
#include "kept.h"

#include "tools/scep/enrolment.h"

#include <string.h>

static const char *const custodies[] = {"auto", "tpm", "sealed", "file", NULL};

#define ALLOW_DES                                                                                            \
    "read answers in DES, of servers that know nothing else: certificates are in them, no secrets"

/* ---- entries ---- */

enum { PLAIN, TIME };

static const struct property entry_properties[] = {
    {"certificate", TYPE_CERTIFICATE, PROP_COLUMN, NULL, 0, 0, NULL, "what it is for", PLAIN},
    {"scep-url", TYPE_TEXT, PROP_SET | PROP_COLUMN, NULL, 0, 0, NULL, "of the server", PLAIN},
    {"ca-identity", TYPE_TEXT, PROP_SET | PROP_QUIET, NULL, 0, 0, NULL, "which of the server's CAs", PLAIN},
    {"ca-fingerprint", TYPE_TEXT, PROP_SET | PROP_QUIET, NULL, 0, 0, NULL, "SHA-256 of the CA's certificate",
     PLAIN},
    {"ra-fingerprint", TYPE_TEXT, PROP_SET | PROP_QUIET, NULL, 0, 0, NULL, "SHA-256 of its RA's certificate",
     PLAIN},
    {"next-ca-fingerprint", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of the CA that follows, as the CA says",
     PLAIN},
    {"challenge-password", TYPE_SECRET, PROP_SET | PROP_QUIET, NULL, 0, 0, NULL, "for the next request",
     PLAIN},
    {"key-size", TYPE_ENUM, PROP_SET, store_key_sizes, 0, 0, MANAGED_KEY_SIZE, "of a new key", PLAIN},
    {"custody", TYPE_ENUM, PROP_SET, custodies, 0, 0, MANAGED_CUSTODY, "who holds a new key", PLAIN},
    {"refresh", TYPE_BOOL, PROP_SET, NULL, 0, 0, SCEP_REFRESH, "renew it before it expires", PLAIN},
    {"allow-des", TYPE_BOOL, PROP_SET | PROP_QUIET, NULL, 0, 0, "no", ALLOW_DES, PLAIN},
    {"scep-status", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "issued, pending or failed", PLAIN},
    {"last-error", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of the last try", PLAIN},
    {"transaction-id", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of what is pending", PLAIN},
    {"renew-at", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "when it is renewed; local time", TIME},
    {"next-try", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "not before this; local time", TIME},
    {"failures", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "in a row", PLAIN},
    {.name = ""},
};

static char *entry_value(struct console *console, const struct menu *menu, const struct item *item,
                         const struct property *property)
{
    return property->field == TIME ? kept_time(console, menu, item, property)
                                   : kept_value(console, menu, item, property);
}

static int remove_entry(struct call *call, int64_t id)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;

    if (lock < 0)
        return 0;
    ok = scep_enrol_remove(&host, id);
    acme_host_unlock(call->console, lock);
    return ok;
}

const struct menu menu_certificate_scep = {
    .path = SCEP_CLIENT_MENU,
    .kind = MENU_ITEMS,
    .help = "certificates that come by SCEP (RFC 8894)",
    .properties = entry_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_SET | STD_REMOVE,
    .each = kept_each,
    .count = items_count,
    .value = entry_value,
    .set = kept_set,
    .remove = remove_entry,
};

/* ---- add-scep ---- */

const struct property scep_add_parameters[] = {
    {"template", TYPE_CERTIFICATE, PROP_NEEDED, NULL, 0, 0, NULL, "what the request is for", 0},
    {"scep-url", TYPE_TEXT, PROP_NEEDED, NULL, 0, 0, NULL, "of the server", 0},
    {"challenge-password", TYPE_SECRET, 0, NULL, 0, 0, NULL, "what the CA has given for it", 0},
    {"ca-identity", TYPE_TEXT, 0, NULL, 0, 0, NULL, "which of the server's CAs", 0},
    {"ca-fingerprint", TYPE_TEXT, 0, NULL, 0, 0, NULL,
     "SHA-256 of the CA's certificate; without it the CA must be trusted here", 0},
    {"ra-fingerprint", TYPE_TEXT, 0, NULL, 0, 0, NULL,
     "SHA-256 of the certificate of an RA that answers for the CA and is not marked as one", 0},
    {"refresh", TYPE_BOOL, 0, NULL, 0, 0, SCEP_REFRESH, "renew it before it expires", 0},
    {"allow-des", TYPE_BOOL, 0, NULL, 0, 0, "no", ALLOW_DES, 0},
    {"name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "a new name", 0},
    {"key-size", TYPE_ENUM, 0, store_key_sizes, 0, 0, NULL, "of the key; without it the template's", 0},
    {"custody", TYPE_ENUM, 0, custodies, 0, 0, NULL, "who holds the key; without it as the template says", 0},
    {.name = ""},
};

static int rename_template(struct managed_host *host, int64_t id, const char *name)
{
    struct store_cert *cert = store_cert_get(host->store, &(struct store_query){.id = id});
    int ok = cert != NULL && (name == NULL || (store_cert_set_text(cert, STORE_NAME, name) &&
                                               store_cert_update(host->store, cert)));

    store_cert_free(cert);
    return ok;
}

static int check(struct call *call, struct managed_host *host, int64_t template)
{
    struct store_cert *cert = store_cert_get(host->store, &(struct store_query){.id = template});
    int ok = cert != NULL && cert->der == NULL;

    if (cert != NULL && cert->der != NULL)
        console_fail(call->console, "%s is signed already: add a template", cert->text[STORE_NAME]);
    else if (ok && strspn(cert->text[STORE_KEY_SIZE], "0123456789") != strlen(cert->text[STORE_KEY_SIZE]))
        /* The answer is encrypted to it. */
        ok = console_fail(call->console, "key-size %s: SCEP needs an RSA key", cert->text[STORE_KEY_SIZE]);
    store_cert_free(cert);
    return ok && (scep_enrol_find(host->store, template) == 0 ||
                  console_fail(call->console,
                               "it has a SCEP entry already: %s set changes it, scep-renew NAME tries again",
                               SCEP_CLIENT_MENU));
}

static int run_now(struct call *call, struct managed_host *host, int64_t id)
{
    int lock = managed_lock(host), is_pending = 0, ok;

    if (lock < 0)
        return 0;
    ok = scep_enrol_run(host, id, &is_pending);
    acme_host_unlock(call->console, lock);
    if (ok && !call->is_nested)
        console_progress(call->console,
                         is_pending ? "pending; scep-renew asks again after next-try, scep-renew NAME at once"
                                    : "done");
    return ok;
}

int scep_run_add(struct call *call)
{
    const char *refresh = call_text(call, "refresh"), *des = call_text(call, "allow-des"),
               *url = call_text(call, "scep-url");
    struct scep_enrolment enrolment = {
        .url = url,
        .ca_identity = call_text(call, "ca-identity"),
        .ca_fingerprint = call_text(call, "ca-fingerprint"),
        .ra_fingerprint = call_text(call, "ra-fingerprint"),
        .challenge_password = call_text(call, "challenge-password"),
        .key_size = call_text(call, "key-size"),
        .custody = call_text(call, "custody"),
        .no_refresh = refresh != NULL && strcmp(refresh, "no") == 0,
        .allow_des = des != NULL && strcmp(des, "yes") == 0,
    };
    int64_t template = call_certificate(call, "template"), id = 0;
    struct managed_host host;

    if (template <= 0)
        return template == 0 ? console_fail(call->console, "missing value(s) of argument(s) template") : 0;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return console_fail(call->console,
                            "invalid value for argument scep-url: expected http:// or https://");
    if (enrolment.key_size != NULL && strspn(enrolment.key_size, "0123456789") != strlen(enrolment.key_size))
        return console_fail(call->console, "key-size %s: SCEP needs an RSA key", enrolment.key_size);
    if (!acme_host(call->console, &host) || !check(call, &host, template) || !store_begin(host.store))
        return 0;
    if (!store_end(host.store, rename_template(&host, template, call_text(call, "name")) &&
                                   scep_enrol_add(&host, template, &enrolment, &id)))
        return 0;
    if (run_now(call, &host, id))
        return 1;
    console_note(call->console,
                 "the settings are kept: %s set changes them, scep-renew tries again after next-try, "
                 "scep-renew NAME at once",
                 SCEP_CLIENT_MENU);
    return 0;
}

/* ---- scep-renew ---- */

int scep_run_renew(struct call *call)
{
    struct managed_host host;
    int lock, count = 0, ok = 1;
    size_t i;

    if (!acme_host(call->console, &host))
        return 0;
    for (i = 0; i < call->ids_count; i++) {
        int64_t id = scep_enrol_find(host.store, call->ids[i]);

        if (id == 0)
            ok = console_fail(call->console, "not a certificate that came by SCEP: see %s print",
                              SCEP_CLIENT_MENU);
        else
            ok = id > 0 && run_now(call, &host, id) && ok;
    }
    if (call->has_ids)
        return ok;
    lock = managed_lock(&host);
    if (lock < 0)
        return 0;
    ok = scep_enrol_run_due(&host, &count);
    acme_host_unlock(call->console, lock);
    call_tell(call, 9, "renewed", "%d", count);
    return ok;
}

int scep_certificate_removed(struct console *console, int64_t certificate)
{
    int64_t id = scep_enrol_find(console_store(console), certificate);
    struct managed_host host;

    if (id <= 0)
        return id == 0;
    return acme_host(console, &host) && scep_enrol_remove(&host, id);
}
