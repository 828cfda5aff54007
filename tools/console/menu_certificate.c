// SPDX-License-Identifier: Apache-2.0
/* /certificate: the table of certificates, their flags and properties. */
#include "certificate.h"

#include "acme.h"
#include "renewal.h"
#include "scep.h"

#include "tools/duration.h"

#include <inttypes.h>
#include <string.h>

/* ---- properties ---- */

/* Fields that are no text of the record. */
enum {
    FIELD_DAYS_VALID = STORE_TEXTS,
    FIELD_TRUSTED,
    FIELD_PATH_LENGTH,
    FIELD_CUSTODY,
    FIELD_CA,
    FIELD_INVALID_BEFORE,
    FIELD_INVALID_AFTER,
    FIELD_EXPIRES_AFTER,
    FIELD_REVOKED,
    FIELD_STATUS,
    FIELD_COPY_FROM,
    FIELD_ACME_STATUS,
    FIELD_DOMAIN_NAMES,
    FIELD_DIRECTORY_URL,
    FIELD_ENTRY, /* of the entry that keeps it; the name there is the same */
};

static const char *const custodies[] = {"auto", "tpm", "sealed", "file", NULL};
const char *const certificate_trust_values[] = {"all",     "api",  "dns", "eap", "fetch",
                                                "hotspot", "sstp", "www", NULL};
/* In add and set md5 and sha1 are known, and refused by name. */
static const char *const digests[] = {"md5", "sha1", "sha256", "sha384", "sha512", NULL};

#define TEXT(name, flags, help, field)                                                                       \
    {                                                                                                        \
        name, TYPE_TEXT, flags, NULL, 0, 0, NULL, help, field                                                \
    }

static const struct property properties[] = {
    TEXT("name", PROP_BOTH | PROP_COLUMN, "what it is called here", STORE_NAME),
    TEXT("issuer", PROP_QUIET, "subject of the CA", STORE_ISSUER),
    {"digest-algorithm", TYPE_ENUM, PROP_BOTH, digests, 0, 0, "sha256", "of the signature",
     STORE_DIGEST_ALGORITHM},
    {"key-type", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "rsa, ec …", STORE_KEY_TYPE},
    TEXT("country", PROP_BOTH | PROP_QUIET, "of the subject: two letters", STORE_COUNTRY),
    TEXT("state", PROP_BOTH | PROP_QUIET, "of the subject", STORE_STATE),
    TEXT("locality", PROP_BOTH | PROP_QUIET, "of the subject", STORE_LOCALITY),
    TEXT("organization", PROP_BOTH | PROP_QUIET, "of the subject", STORE_ORGANIZATION),
    TEXT("unit", PROP_BOTH | PROP_QUIET, "of the subject", STORE_UNIT),
    TEXT("common-name", PROP_BOTH | PROP_COLUMN, "of the subject", STORE_COMMON_NAME),
    {"key-size", TYPE_ENUM, PROP_BOTH, store_key_sizes, 0, 0, "2048", "bits of an RSA key, or a curve",
     STORE_KEY_SIZE},
    {"subject-alt-name", TYPE_TEXT, PROP_BOTH | PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL,
     "names it is valid for: DNS:host,IP:address,email:name@host,URI:url", STORE_SUBJECT_ALT_NAME},
    {"days-valid", TYPE_NUMBER, PROP_BOTH, NULL, 1, 36500, "365", "from signing", FIELD_DAYS_VALID},
    {"trusted", TYPE_BOOL, PROP_BOTH, NULL, 0, 0, "no", "in the trust store", FIELD_TRUSTED},
    {"trust-store", TYPE_LIST, PROP_BOTH, certificate_trust_values, 0, 0, "all", "what it is trusted for",
     STORE_TRUST_STORE},
    {"key-usage", TYPE_LIST, PROP_BOTH, store_usages, 0, 0,
     "digital-signature,key-encipherment,data-encipherment,key-cert-sign,crl-sign,tls-server,tls-client",
     "what the key is for; key-cert-sign makes a CA", STORE_KEY_USAGE},
    {"path-length", TYPE_NUMBER, PROP_BOTH, NULL, 0, 100, NULL, "of a CA: how many CAs may be below it",
     FIELD_PATH_LENGTH},
    {"custody", TYPE_ENUM, PROP_BOTH | PROP_QUIET, custodies, 0, 0, "auto",
     "who holds the private key: tpm, sealed (encrypted to the TPM at rest), file, or auto: the TPM if it "
     "can",
     FIELD_CUSTODY},
    {"copy-from", TYPE_ITEM, PROP_ADD, NULL, 0, 0, NULL, "takes the properties of another", FIELD_COPY_FROM},
    {"ca", TYPE_CERTIFICATE, PROP_QUIET, NULL, 0, 0, NULL, "the CA here that issued it", FIELD_CA},
    TEXT("ca-crl-host", PROP_QUIET, "of a CA: the host in its CRL's URL", STORE_CA_CRL_HOST),
    TEXT("serial-number", PROP_QUIET, "hexadecimal", STORE_SERIAL_NUMBER),
    TEXT("fingerprint", PROP_QUIET, "SHA-256 of the certificate", STORE_FINGERPRINT),
    TEXT("akid", PROP_QUIET, "authority key identifier", STORE_AKID),
    TEXT("skid", PROP_QUIET, "subject key identifier", STORE_SKID),
    {"invalid-before", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "local time", FIELD_INVALID_BEFORE},
    {"invalid-after", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "local time", FIELD_INVALID_AFTER},
    {"expires-after", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "time left", FIELD_EXPIRES_AFTER},
    {"revoked", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "when its CA here revoked it", FIELD_REVOKED},
    {"status", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "template, or why it is invalid", FIELD_STATUS},
    {"acme-status", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "how ACME's last try has ended",
     FIELD_ACME_STATUS},
    {"domain-names", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "what ACME keeps it valid for",
     FIELD_DOMAIN_NAMES},
    {"directory-url", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of its ACME server", FIELD_DIRECTORY_URL},
    {"renew", TYPE_BOOL, PROP_BOTH | PROP_QUIET, NULL, 0, 0, "no", "its CA here renews it", FIELD_ENTRY},
    {"reuse-key", TYPE_BOOL, PROP_BOTH | PROP_QUIET, NULL, 0, 0, "yes", "renew with the same key",
     FIELD_ENTRY},
    {"renew-percent", TYPE_NUMBER, PROP_BOTH | PROP_QUIET, NULL, 10, 95, RENEWAL_PERCENT,
     "of its life that has passed when it is renewed", FIELD_ENTRY},
    {"live", TYPE_BOOL, PROP_BOTH | PROP_QUIET, NULL, 0, 0, "no",
     "keep its files for a service in the folder live/NAME", FIELD_ENTRY},
    TEXT("deploy-hook", PROP_BOTH | PROP_QUIET | PROP_FULL,
         "the program that is executed when those are new, with its path", FIELD_ENTRY),
    TEXT("deploy-arguments", PROP_BOTH | PROP_QUIET | PROP_FULL | PROP_HIDDEN,
         "what it is given before \"deploy\", the name and the folder; a backslash keeps a blank",
         FIELD_ENTRY),
    TEXT("deploy-environment", PROP_BOTH | PROP_QUIET | PROP_FULL | PROP_HIDDEN,
         "variables for it: NAME=VALUE, with blanks between them", FIELD_ENTRY),
    {"deploy-timeout", TYPE_NUMBER, PROP_BOTH | PROP_QUIET, NULL, 1, 3600, RENEWAL_DEPLOY_SECONDS,
     "seconds that it may take", FIELD_ENTRY},
    {.name = ""},
};

static const struct flag flags[] = {
    {'K', "private-key", STORE_PRIVATE_KEY},
    {'A', "authority", STORE_AUTHORITY},
    {'L', "crl", STORE_CRL},
    {'T', "trusted", STORE_TRUSTED},
    {'I', "invalid", STORE_INVALID},
    {'R', "revoked", STORE_REVOKED},
    {'E', "expired", STORE_EXPIRED},
    {0, NULL, 0},
};

/* ---- reading ---- */

struct walk {
    item_fn *fn;
    void *arg;
};

static int visit(void *arg, struct store_cert *cert)
{
    struct walk *walk = arg;
    struct item item = {.id = cert->id, .data = cert};

    return walk->fn(walk->arg, &item);
}

static int each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                void *arg)
{
    struct store *store = console_store(console);
    struct walk walk = {fn, arg};

    (void)menu;
    return store != NULL &&
           store_cert_each(store, &(struct store_query){.id = hint->id, .name = hint->name}, visit, &walk);
}

static int64_t count(struct console *console, const struct menu *menu)
{
    struct store *store = console_store(console);

    (void)menu;
    return store != NULL ? store_cert_count(store) : -1;
}

static unsigned cert_flags(struct console *console, const struct menu *menu, const struct item *item)
{
    (void)menu;
    return store_cert_flags(console_store(console), item->data);
}

static char *ca_name(struct console *console, const struct store_cert *cert)
{
    struct store_cert *ca =
        cert->ca != 0 && cert->ca != cert->id
            ? store_cert_get(console_store(console), &(struct store_query){.id = cert->ca})
            : NULL;
    char *name = OPENSSL_strdup(ca != NULL ? ca->text[STORE_NAME] : "");

    store_cert_free(ca);
    return name;
}

static char *status(struct console *console, const struct store_cert *cert)
{
    const char *text = cert->der == NULL ? "template" : store_cert_problem(console_store(console), cert);

    return OPENSSL_strdup(text != NULL ? text : "");
}

static char *value(struct console *console, const struct menu *menu, const struct item *item,
                   const struct property *property)
{
    const struct store_cert *cert = item->data;
    int is_signed = cert->der != NULL;
    char text[24];

    (void)menu;
    if (property->field < STORE_TEXTS)
        return OPENSSL_strdup(cert->text[property->field]);
    switch (property->field) {
    case FIELD_DAYS_VALID:
        snprintf(text, sizeof(text), "%d", cert->days_valid);
        return OPENSSL_strdup(text);
    case FIELD_TRUSTED:
        return OPENSSL_strdup(cert->is_trusted ? "yes" : "no");
    case FIELD_PATH_LENGTH:
        if (cert->path_length < 0)
            return NULL;
        snprintf(text, sizeof(text), "%d", cert->path_length);
        return OPENSSL_strdup(text);
    case FIELD_CUSTODY:
        return OPENSSL_strdup(cert->key_custody != NULL ? cert->key_custody : cert->text[STORE_CUSTODY]);
    case FIELD_CA:
        return ca_name(console, cert);
    case FIELD_INVALID_BEFORE:
        return is_signed ? value_of_time(cert->not_before) : NULL;
    case FIELD_INVALID_AFTER:
        return is_signed ? value_of_time(cert->not_after) : NULL;
    case FIELD_EXPIRES_AFTER:
        return is_signed ? duration_text(cert->not_after - (int64_t)time(NULL)) : NULL;
    case FIELD_REVOKED:
        return cert->revoked_at != 0 ? value_of_time(cert->revoked_at) : NULL;
    case FIELD_STATUS:
        return status(console, cert);
    case FIELD_ACME_STATUS:
        return acme_certificate_value(console, cert->id, MANAGED_F_STATUS);
    case FIELD_DOMAIN_NAMES:
        return acme_certificate_value(console, cert->id, MANAGED_F_DOMAIN_NAMES);
    case FIELD_DIRECTORY_URL:
        return acme_certificate_value(console, cert->id, MANAGED_F_DIRECTORY_URL);
    case FIELD_ENTRY:
        return renewal_certificate_value(console, cert, property->name);
    }
    return NULL;
}

/* ---- changing ---- */

static int change(struct call *call, struct store_cert *cert, const struct argument *argument)
{
    struct console *console = call->console;
    const char *text = argument->text;

    switch (argument->property->field) {
    case FIELD_COPY_FROM:
    case FIELD_ENTRY:
        return 1;
    case FIELD_DAYS_VALID:
        cert->days_valid = atoi(text);
        return 1;
    case FIELD_TRUSTED:
        cert->is_trusted = strcmp(text, "yes") == 0;
        return 1;
    case FIELD_PATH_LENGTH:
        cert->path_length = atoi(text);
        return 1;
    case FIELD_CUSTODY:
        return store_cert_set_text(cert, STORE_CUSTODY, text);
    case STORE_SUBJECT_ALT_NAME:
        if (!store_check_alt_name(console_store(console), text))
            return 0;
        break;
    case STORE_DIGEST_ALGORITHM:
        if (strcmp(text, "md5") == 0 || strcmp(text, "sha1") == 0)
            return console_fail(console,
                                "digest-algorithm %s is broken: signatures are made with sha256, sha384 or "
                                "sha512",
                                text);
        break;
    case STORE_COUNTRY:
        if (*text != '\0' && strlen(text) != 2)
            return console_fail(console, "value of country must be two letters (ISO 3166)");
        break;
    case STORE_COMMON_NAME:
        if (strlen(text) > 64)
            return console_fail(console, "value of common-name is longer than 64 characters (RFC 5280)");
        break;
    }
    return store_cert_set_text(cert, argument->property->field, text) ||
           console_fail(console, "out of memory");
}

/* The fields that templates share, from another certificate or template. */
static int copy_from(struct call *call, struct store_cert *cert)
{
    static const enum store_text fields[] = {STORE_COMMON_NAME,      STORE_COUNTRY,      STORE_STATE,
                                             STORE_LOCALITY,         STORE_ORGANIZATION, STORE_UNIT,
                                             STORE_SUBJECT_ALT_NAME, STORE_KEY_USAGE,    STORE_KEY_SIZE,
                                             STORE_DIGEST_ALGORITHM, STORE_TRUST_STORE};
    int64_t id = call_certificate(call, "copy-from");
    struct store_cert *from;
    size_t i;
    int ok;

    if (id <= 0)
        return id == 0;
    from = store_cert_get(console_store(call->console), &(struct store_query){.id = id});
    ok = from != NULL;
    for (i = 0; ok && i < sizeof(fields) / sizeof(fields[0]); i++)
        ok = store_cert_set_text(cert, fields[i], from->text[fields[i]]);
    if (ok) {
        cert->days_valid = from->days_valid;
        cert->path_length = from->path_length;
    }
    store_cert_free(from);
    return ok;
}

/* What is kept in the certificate's entry. */
static int change_entry(struct call *call, int64_t id)
{
    size_t i;
    int ok = 1;

    for (i = 0; ok && i < call->count; i++) {
        const struct argument *argument = &call->arguments[i];

        if (argument->property->field == FIELD_ENTRY)
            ok = renewal_certificate_set(call->console, id, argument->property, argument->text);
    }
    return ok;
}

static int add(struct call *call, int64_t *id)
{
    struct store *store = console_store(call->console);
    struct store_cert *cert = store_template_new();
    int ok = cert != NULL && copy_from(call, cert);
    size_t i;

    for (i = 0; ok && i < call->count; i++)
        ok = change(call, cert, &call->arguments[i]);
    ok = ok && store_begin(store);
    if (ok)
        ok = store_end(store, store_template_add(store, cert) && change_entry(call, cert->id));
    if (ok)
        *id = cert->id;
    store_cert_free(cert);
    return ok;
}

static int is_changeable(const struct store_cert *cert, const struct argument *argument)
{
    int field = argument->property->field;

    return cert->der == NULL || field == STORE_NAME || field == FIELD_TRUSTED || field == STORE_TRUST_STORE ||
           field == FIELD_ENTRY;
}

static int set(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    struct store_cert *cert = store_cert_get(store, &(struct store_query){.id = id});
    int ok = cert != NULL || console_fail(call->console, "no such item");
    size_t i;

    for (i = 0; ok && i < call->count; i++) {
        if (!is_changeable(cert, &call->arguments[i]))
            ok = console_fail(call->console,
                              "%s of %s can't be changed: it is signed; only name, trusted and trust-store "
                              "can, and how it is "
                              "renewed and given to services",
                              call->arguments[i].property->name, cert->text[STORE_NAME]);
        else
            ok = change(call, cert, &call->arguments[i]);
    }
    if (ok && cert->is_trusted && cert->der != NULL && !cert->is_authority &&
        call_text(call, "trusted") != NULL)
        console_note(call->console, "%s is no CA: trusting it trusts this one certificate",
                     cert->text[STORE_NAME]);
    ok = ok && store_begin(store);
    if (ok)
        ok = store_end(store, store_cert_update(store, cert) && change_entry(call, id));
    store_cert_free(cert);
    return ok;
}

static int remove_cert(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    int removed = 0, ok;

    if (store == NULL || !store_begin(store))
        return 0;
    ok = acme_certificate_removed(call->console, id) && scep_certificate_removed(call->console, id) &&
         renewal_certificate_removed(call->console, id) && store_cert_remove(store, id, &removed);
    if (!store_end(store, ok))
        return 0;
    if (removed > 1)
        console_note(call->console, "removed with the %d certificates it issued", removed - 1);
    return 1;
}

const struct menu menu_certificate = {
    .path = "/certificate",
    .kind = MENU_ITEMS,
    .help = "certificates, their keys, the local CA",
    .properties = properties,
    .flags = flags,
    .commands = certificate_commands,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_ADD | STD_SET | STD_REMOVE,
    .each = each,
    .count = count,
    .item_flags = cert_flags,
    .value = value,
    .add = add,
    .set = set,
    .remove = remove_cert,
};

/* ---- /certificate settings ---- */

static const char *const crl_stores[] = {"ram", "system", NULL};
static const char *const builtin_values[] = {"all",   "none",    "api",  "dns", "eap",
                                             "fetch", "hotspot", "sstp", "www", NULL};

static const struct property settings[] = {
    {"crl-download", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "download CRLs when they are due", 0},
    {"crl-store", TYPE_ENUM, PROP_SET, crl_stores, 0, 0, "system", "where downloaded CRLs are kept", 0},
    {"crl-use", TYPE_BOOL, PROP_SET, NULL, 0, 0, "no", "what a CRL lists is revoked", 0},
    {"builtin-trust-store", TYPE_LIST, PROP_SET, builtin_values, 0, 0, STORE_BUILTIN_DEFAULT,
     "what trusts the system's roots, too", 0},
    {.name = ""},
};

const struct menu menu_certificate_settings = {
    .path = STORE_SETTINGS,
    .kind = MENU_SETTINGS,
    .help = "how certificates are checked",
    .properties = settings,
    .standard = STD_PRINT | STD_GET | STD_SET,
    .value = kept_value,
    .set = kept_set,
};
