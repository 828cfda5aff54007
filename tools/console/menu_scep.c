// SPDX-License-Identifier: Apache-2.0
/* /certificate scep-server: enrolment of other devices by SCEP, its one-time passwords and the requests that
 * came in. */
#include "scep.h"

#include "kept.h"

#include "tools/duration.h"
#include "tools/scep/server.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct flag disabled_flags[] = {{'X', "disabled", 1}, {0, NULL, 0}};
static const char *const authorizations[] = {"required", "none", NULL};

/* ---- entries ---- */

static const struct property entry_properties[] = {
    {"ca-cert", TYPE_CERTIFICATE, PROP_BOTH | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL,
     "the CA that signs", 0},
    {"path", TYPE_TEXT, PROP_BOTH | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL,
     "path of its URL, such as /scep/", 0},
    {"next-ca-cert", TYPE_CERTIFICATE, PROP_BOTH | PROP_COLUMN, NULL, 0, 0, NULL, "the CA that follows it",
     0},
    {"previous-ca-cert", TYPE_CERTIFICATE, PROP_BOTH | PROP_QUIET, NULL, 0, 0, NULL,
     "the CA before it: certificates of it are renewed, too", 0},
    {"ra-cert", TYPE_CERTIFICATE, PROP_BOTH | PROP_QUIET, NULL, 0, 0, NULL,
     "answers in the CA's place: a certificate of it with its key here", 0},
    {"days-valid", TYPE_NUMBER, PROP_BOTH | PROP_COLUMN, NULL, 1, 36500, SCEP_DAYS_VALID, "of what it issues",
     0},
    {"request-lifetime", TYPE_DURATION, PROP_BOTH | PROP_COLUMN, NULL, 300, 0, SCEP_REQUEST_LIFETIME,
     "of a request that waits", 0},
    {"challenge-password", TYPE_SECRET, PROP_BOTH, NULL, 0, 0, NULL,
     "whoever has it gets a certificate; without it: one-time passwords, or by hand", 0},
    {"authorization", TYPE_ENUM, PROP_BOTH, authorizations, 0, 0, SCEP_AUTHORIZATION,
     "none: whoever asks gets a certificate", 0},
    {"allowed-names", TYPE_TEXT, PROP_BOTH | PROP_QUIET, NULL, 0, 0, NULL,
     "patterns with commas, such as *.example.com: each name asked for must match one", 0},
    {"key-size-min", TYPE_NUMBER, PROP_BOTH, NULL, 1024, 16384, SCEP_KEY_SIZE_MIN, "bits of an RSA key", 0},
    {"allow-3des", TYPE_BOOL, PROP_BOTH, NULL, 0, 0, "no", "for clients that do not know AES", 0},
    {"allow-des", TYPE_BOOL, PROP_BOTH, NULL, 0, 0, "no",
     "for clients that know nothing but DES (RFC 8894 section 2.9 forbids it): read, never written", 0},
    {"disabled", TYPE_BOOL, PROP_BOTH, NULL, 0, 0, "yes", "yes or no", 0},
    {.name = ""},
};

struct twin {
    struct store *store;
    const struct scep_entry *entry;
    int64_t id; /* another entry of the same path, or 0 */
};

static int is_twin(void *arg, int64_t id)
{
    struct twin *twin = arg;
    struct scep_entry other;

    if (id == twin->entry->id || !scep_entry_get(twin->store, id, &other))
        return 1;
    if (strcmp(other.path, twin->entry->path) == 0)
        twin->id = id;
    scep_entry_clear(&other);
    return twin->id == 0;
}

/* Says what of a certificate that the entry names keeps it from working, as RouterOS lets one set it up in
 * any order. */
static void check_certificate(struct call *call, const char *property, int64_t id, int must_be_ca,
                              int must_have_key)
{
    struct store_cert *cert =
        id != 0 ? store_cert_get(console_store(call->console), &(struct store_query){.id = id}) : NULL;
    const char *name = cert != NULL ? cert->text[STORE_NAME] : "";

    if (cert == NULL)
        return;
    if (cert->der == NULL)
        console_note(call->console, "%s=%s is a template: /certificate sign it", property, name);
    else if (must_be_ca && !cert->is_authority)
        console_note(call->console, "%s=%s is no CA (flag A)", property, name);
    else if (must_have_key && cert->key == 0)
        console_note(call->console, "%s=%s has no private key here (flag K)", property, name);
    store_cert_free(cert);
}

/* Whether nothing else answers there: signetd(8). */
static int is_free(const char *path)
{
    static const char *const taken[] = {"/crl/", "/ca/", "/ocsp/", "/.well-known/", NULL};
    size_t i;

    for (i = 0; taken[i] != NULL; i++) {
        if (strncmp(path, taken[i], strlen(taken[i])) == 0)
            return 0;
    }
    return strstr(path, "//") == NULL && path[strcspn(path, "?# %")] == '\0';
}

static int check_entry(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    struct scep_entry entry;
    struct twin twin = {store, &entry, 0};
    int ok;

    if (!scep_entry_get(store, id, &entry))
        return 0;
    ok = is_free(entry.path) ||
         console_fail(call->console, "path: expected one such as /scep/, that is not of "
                                     "signetd's own (/crl/, /ca/, /ocsp/, /.well-known/)");
    ok = ok && store_entry_each(store, SCEP_SERVER_MENU, is_twin, &twin);
    if (ok && twin.id != 0)
        ok = console_fail(call->console, "another entry has the path %.100s", entry.path);
    if (ok) {
        check_certificate(call, "ca-cert", entry.ca, 1, 1);
        check_certificate(call, "next-ca-cert", entry.next_ca, 1, 0);
        check_certificate(call, "previous-ca-cert", entry.previous_ca, 1, 0);
        check_certificate(call, "ra-cert", entry.ra, 0, 1);
        if (entry.next_ca != 0 && entry.next_ca == entry.ca)
            console_note(call->console, "next-ca-cert is ca-cert itself");
    }
    scep_entry_clear(&entry);
    return ok;
}

static int entry_add(struct call *call, int64_t *id)
{
    return kept_add(call, id) && check_entry(call, *id);
}

static int entry_set(struct call *call, int64_t id)
{
    return kept_set(call, id) && check_entry(call, id);
}

const struct menu menu_certificate_scep_server = {
    .path = SCEP_SERVER_MENU,
    .kind = MENU_ITEMS,
    .help = "enrolment of other devices by SCEP (RFC 8894): signetd serves it",
    .properties = entry_properties,
    .flags = disabled_flags,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_SET | STD_ADD | STD_REMOVE | STD_ENABLE,
    .each = kept_each,
    .count = items_count,
    .item_flags = kept_flags,
    .value = kept_value,
    .add = entry_add,
    .set = entry_set,
    .remove = kept_remove,
};

/* ---- one-time passwords ---- */

static const struct property otp_parameters[] = {
    {"minutes-valid", TYPE_NUMBER, 0, NULL, 1, 525600, "5", "how long the password can be used", 0},
    {"for", TYPE_TEXT, 0, NULL, 0, 0, NULL,
     "patterns with commas: each name asked for must match one; or one of the subject as a whole", 0},
    {.name = ""},
};

static int run_generate(struct call *call)
{
    const char *minutes = call_text(call, "minutes-valid"), *pattern = call_text(call, "for");
    struct store *store = console_store(call->console);
    char password[33];

    if (store == NULL || !store_password_make(store, minutes != NULL ? strtoll(minutes, NULL, 10) : 5,
                                              pattern != NULL ? pattern : "", password))
        return 0;
    call->result = OPENSSL_strdup(password);
    call_tell(call, 10, "password", "%s", password);
    OPENSSL_cleanse(password, sizeof(password));
    return 1;
}

static const struct command otp_commands[] = {
    {"generate", 0, otp_parameters, run_generate, "makes a password for one enrolment", NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};

const struct menu menu_certificate_scep_server_otp = {.path = SCEP_SERVER_MENU "/otp",
                                                      .kind = MENU_FOLDER,
                                                      .help = "passwords for one enrolment",
                                                      .commands = otp_commands};

/* ---- requests ---- */

enum { STATUS, SUBJECT, ALT_NAME, TRANSACTION, ADDRESS, CREATED, EXPIRES, CERTIFICATE, REASON, KEY };

static const struct property request_properties[] = {
    {"status", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "pending, issued, denied or expired", STATUS},
    {"subject", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "that is asked for", SUBJECT},
    {"subject-alt-name", TYPE_TEXT, PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL, "that is asked for",
     ALT_NAME},
    {"transaction-id", TYPE_TEXT, 0, NULL, 0, 0, NULL, "the client's", TRANSACTION},
    {"address", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "where it came from", ADDRESS},
    {"created", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "local time", CREATED},
    {"expires", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "until when it waits; local time", EXPIRES},
    {"certificate", TYPE_CERTIFICATE, PROP_QUIET, NULL, 0, 0, NULL, "that was issued", CERTIFICATE},
    {"reason", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of the denial", REASON},
    {"key-fingerprint", TYPE_TEXT, 0, NULL, 0, 0, NULL, "SHA-256 of the public key", KEY},
    {.name = ""},
};

struct walk {
    item_fn *fn;
    const struct hint *hint;
    void *arg;
};

static int visit(void *arg, struct store_incoming *incoming)
{
    struct walk *walk = arg;
    struct item item = {.id = incoming->id, .data = incoming};

    return (walk->hint->id != 0 && walk->hint->id != incoming->id) || walk->fn(walk->arg, &item);
}

static int each_request(struct console *console, const struct menu *menu, const struct hint *hint,
                        item_fn *fn, void *arg)
{
    struct store *store = console_store(console);
    struct walk walk = {fn, hint, arg};

    (void)menu;
    return store != NULL && (hint->name != NULL || store_incoming_each(store, visit, &walk));
}

static char *certificate_name(struct console *console, int64_t id)
{
    struct store_cert *cert =
        id != 0 ? store_cert_get(console_store(console), &(struct store_query){.id = id}) : NULL;
    char *name = cert != NULL ? OPENSSL_strdup(cert->text[STORE_NAME]) : NULL;

    store_cert_free(cert);
    return name;
}

static char *request_value(struct console *console, const struct menu *menu, const struct item *item,
                           const struct property *property)
{
    const struct store_incoming *incoming = item->data;
    int is_pending = strcmp(incoming->status, "pending") == 0;

    (void)menu;
    switch (property->field) {
    case STATUS:
        return OPENSSL_strdup(is_pending && incoming->expires <= (int64_t)time(NULL) ? "expired"
                                                                                     : incoming->status);
    case SUBJECT:
        return OPENSSL_strdup(incoming->subject);
    case ALT_NAME:
        return OPENSSL_strdup(incoming->subject_alt_name);
    case TRANSACTION:
        return OPENSSL_strdup(incoming->transaction_id);
    case ADDRESS:
        return OPENSSL_strdup(incoming->address);
    case CREATED:
        return value_of_time(incoming->created);
    case EXPIRES:
        return is_pending ? value_of_time(incoming->expires) : NULL;
    case CERTIFICATE:
        return certificate_name(console, incoming->certificate);
    case REASON:
        return OPENSSL_strdup(incoming->reason);
    case KEY:
        return OPENSSL_strdup(incoming->key_fingerprint);
    }
    return NULL;
}

static int remove_request(struct call *call, int64_t id)
{
    return store_incoming_remove(console_store(call->console), id);
}

/* The CA and the days are the entry's, as they are now. */
static int grant(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    struct store_incoming *incoming = store_incoming_get(store, id, 0, NULL, NULL);
    struct scep_entry entry = {0};
    int ok = 0;

    if (incoming == NULL || !scep_entry_get(store, incoming->entry, &entry) || entry.ca == 0)
        console_fail(call->console, "the scep-server entry that the request came to is not there any more");
    else if (incoming->expires <= (int64_t)time(NULL))
        console_fail(call->console, "the request has expired: its client has to ask again");
    else
        ok = store_incoming_issue(store, id, NULL, entry.ca, entry.days_valid, 0);
    scep_entry_clear(&entry);
    store_incoming_free(incoming);
    return ok;
}

static int run_grant(struct call *call)
{
    size_t i;
    int ok = 1;

    for (i = 0; ok && i < call->ids_count; i++)
        ok = grant(call, call->ids[i]);
    return ok;
}

static const struct property deny_parameters[] = {
    {"reason", TYPE_TEXT, 0, NULL, 0, 0, NULL, "told to the client", 0},
    {.name = ""},
};

static int run_deny(struct call *call)
{
    const char *reason = call_text(call, "reason");
    size_t i;
    int ok = 1;

    for (i = 0; ok && i < call->ids_count; i++)
        ok = store_incoming_deny(console_store(call->console), call->ids[i],
                                 reason != NULL ? reason : "by the administrator");
    return ok;
}

static const struct command request_commands[] = {
    {"grant", COMMAND_ITEMS, NULL, run_grant, "issues the certificates that are asked for", NULL},
    {"deny", COMMAND_ITEMS, deny_parameters, run_deny, "refuses them", NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};

const struct menu menu_certificate_scep_server_requests = {
    .path = SCEP_SERVER_MENU "/requests",
    .kind = MENU_ITEMS,
    .help = "requests that came in: pending ones wait for grant",
    .properties = request_properties,
    .commands = request_commands,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_REMOVE,
    .each = each_request,
    .count = items_count,
    .value = request_value,
    .remove = remove_request,
};
