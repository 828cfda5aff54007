// SPDX-License-Identifier: Apache-2.0
/* /certificate crl, and /certificate builtin. */
#include "fetch.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define CRL_MAX (16 << 20) /* bytes */

/* ---- crl ---- */

enum { CRL_URL, CRL_CERT, CRL_ISSUER, CRL_NUMBER, CRL_COUNT, CRL_LAST, CRL_NEXT };

static const struct property crl_properties[] = {
    {"url", TYPE_TEXT, PROP_ADD | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL, "where it is downloaded from",
     CRL_URL},
    {"cert", TYPE_CERTIFICATE, PROP_COLUMN, NULL, 0, 0, NULL, "the CA here that signs it", CRL_CERT},
    {"issuer", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "subject of the CA", CRL_ISSUER},
    {"number", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "hexadecimal", CRL_NUMBER},
    {"revoked", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "how many it lists", CRL_COUNT},
    {"last-update", TYPE_ENUM, PROP_QUIET, NULL, 0, 0, NULL, "local time", CRL_LAST},
    {"next-update", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "local time", CRL_NEXT},
    {.name = ""},
};

enum { FLAG_EXPIRED = 1, FLAG_DYNAMIC = 2, FLAG_INVALID = 4 };
static const struct flag crl_flags[] = {{'E', "expired", FLAG_EXPIRED},
                                        {'D', "dynamic", FLAG_DYNAMIC},
                                        {'I', "invalid", FLAG_INVALID},
                                        {0, NULL, 0}};

struct walk {
    const struct hint *hint;
    item_fn *fn;
    void *arg;
};

static int visit_crl(void *arg, struct store_crl *crl)
{
    struct walk *walk = arg;
    struct item item = {.id = crl->id, .data = crl};

    return (walk->hint->id != 0 && walk->hint->id != crl->id) || walk->fn(walk->arg, &item);
}

static int crl_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                    void *arg)
{
    struct store *store = console_store(console);
    struct walk walk = {hint, fn, arg};

    (void)menu;
    /* CRLs have no names. */
    return store != NULL && (hint->name != NULL || store_crl_each(store, visit_crl, &walk));
}

static unsigned crl_item_flags(struct console *console, const struct menu *menu, const struct item *item)
{
    const struct store_crl *crl = item->data;

    (void)menu;
    return (crl->der != NULL && crl->next_update != 0 && crl->next_update < (int64_t)time(NULL) ? FLAG_EXPIRED
                                                                                                : 0u) |
           (crl->ca != 0 || *crl->url == '\0' ? FLAG_DYNAMIC : 0u) |
           (crl->der != NULL && !store_crl_is_valid(console->store, crl) ? FLAG_INVALID : 0u);
}

static char *crl_value(struct console *console, const struct menu *menu, const struct item *item,
                       const struct property *property)
{
    const struct store_crl *crl = item->data;
    struct store_cert *ca;
    char text[24], *name;

    (void)menu;
    switch (property->field) {
    case CRL_URL:
        return OPENSSL_strdup(crl->url);
    case CRL_CERT:
        ca = crl->ca != 0 ? store_cert_get(console_store(console), &(struct store_query){.id = crl->ca})
                          : NULL;
        name = OPENSSL_strdup(ca != NULL ? ca->text[STORE_NAME] : "");
        store_cert_free(ca);
        return name;
    case CRL_ISSUER:
        return OPENSSL_strdup(crl->issuer);
    case CRL_NUMBER:
        return OPENSSL_strdup(crl->number);
    case CRL_COUNT:
        snprintf(text, sizeof(text), "%" PRId64, crl->count);
        return crl->der != NULL ? OPENSSL_strdup(text) : NULL;
    case CRL_LAST:
        return crl->this_update != 0 ? value_of_time(crl->this_update) : NULL;
    case CRL_NEXT:
        return crl->next_update != 0 ? value_of_time(crl->next_update) : NULL;
    }
    return NULL;
}

static int crl_add(struct call *call, int64_t *id)
{
    return store_crl_add(console_store(call->console), call_text(call, "url"), id);
}

static int crl_remove(struct call *call, int64_t id)
{
    return store_crl_remove(console_store(call->console), id);
}

struct download {
    int64_t id;
    char *url;
};
struct downloads {
    struct download *list;
    size_t count;
};

static int note_url(void *arg, struct item *item)
{
    struct downloads *downloads = arg;
    const struct store_crl *crl = item->data;
    struct download *list;

    if (*crl->url == '\0')
        return 1;
    list = OPENSSL_realloc(downloads->list, (downloads->count + 1) * sizeof(*list));
    if (list == NULL)
        return 0;
    downloads->list = list;
    list[downloads->count++] = (struct download){crl->id, OPENSSL_strdup(crl->url)};
    return 1;
}

/* All that can be had are had; the first that could not decides the result. */
static int run_download(struct call *call)
{
    struct downloads downloads = {0};
    int ok = items_each(call, note_url, &downloads);
    size_t i;

    for (i = 0; i < downloads.count; i++) {
        struct fetched fetched = {0};

        if (!fetch_url(call->console, downloads.list[i].url,
                       &(struct fetch_options){.max = CRL_MAX, .check = 1}, &fetched) ||
            !store_crl_replace(console_store(call->console), downloads.list[i].id, fetched.data, fetched.len))
            ok = 0;
        OPENSSL_free(fetched.data);
        OPENSSL_free(downloads.list[i].url);
    }
    OPENSSL_free(downloads.list);
    return ok;
}

static int run_flush(struct call *call)
{
    struct store *store = console_store(call->console);

    return store != NULL && store_crl_flush(store);
}

/* New CRLs of the CAs here: those of the items, or all. */
static int issue_own(void *arg, struct item *item)
{
    struct downloads *own = arg;
    const struct store_crl *crl = item->data;
    struct download *list;

    if (crl->ca == 0)
        return 1;
    list = OPENSSL_realloc(own->list, (own->count + 1) * sizeof(*list));
    if (list == NULL)
        return 0;
    own->list = list;
    list[own->count++] = (struct download){crl->ca, NULL};
    return 1;
}

static int run_generate(struct call *call)
{
    struct downloads own = {0};
    int64_t ca = call_certificate(call, "ca");
    int ok = ca >= 0;
    size_t i;

    if (ca > 0)
        ok = store_crl_issue(console_store(call->console), ca);
    else if (ok)
        ok = items_each(call, issue_own, &own);
    for (i = 0; i < own.count; i++)
        ok = store_crl_issue(console_store(call->console), own.list[i].id) && ok;
    OPENSSL_free(own.list);
    return ok;
}

static const struct property generate_parameters[] = {
    {"ca", TYPE_CERTIFICATE, 0, NULL, 0, 0, NULL, "a CA here; without it all that have a CRL", 0},
    {.name = ""},
};

static const struct command crl_commands[] = {
    {"download", COMMAND_ITEMS | COMMAND_OPTIONAL, NULL, run_download, "downloads CRLs that have a URL",
     NULL},
    {"generate", COMMAND_ITEMS | COMMAND_OPTIONAL, generate_parameters, run_generate,
     "signs new CRLs of the CAs here", NULL},
    {"flush", 0, NULL, run_flush, "forgets what was downloaded", NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};

const struct menu menu_certificate_crl = {
    .path = "/certificate/crl",
    .kind = MENU_ITEMS,
    .help = "revocation lists: own, downloaded, imported",
    .properties = crl_properties,
    .flags = crl_flags,
    .commands = crl_commands,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_ADD | STD_REMOVE,
    .each = crl_each,
    .count = items_count,
    .item_flags = crl_item_flags,
    .value = crl_value,
    .add = crl_add,
    .remove = crl_remove,
};

/* ---- builtin ---- */

enum { BUILTIN_NAME, BUILTIN_SUBJECT, BUILTIN_FINGERPRINT, BUILTIN_AFTER };

static const struct property builtin_properties[] = {
    {"name", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "common name, or unit", BUILTIN_NAME},
    {"subject", TYPE_TEXT, 0, NULL, 0, 0, NULL, "RFC 2253", BUILTIN_SUBJECT},
    {"fingerprint", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "SHA-256", BUILTIN_FINGERPRINT},
    {"invalid-after", TYPE_TEXT, 0, NULL, 0, 0, NULL, "UTC", BUILTIN_AFTER},
    {.name = ""},
};

static char *builtin_value(struct console *console, const struct menu *menu, const struct item *item,
                           const struct property *property)
{
    static const char digits[] = "0123456789abcdef";
    X509 *x509 = item->data;
    const X509_NAME *subject = X509_get_subject_name(x509);
    unsigned char md[EVP_MAX_MD_SIZE];
    char text[1024] = "";
    unsigned len = 0, i;
    struct tm tm;

    (void)console;
    (void)menu;
    switch (property->field) {
    case BUILTIN_NAME:
        if (X509_NAME_get_text_by_NID((X509_NAME *)subject, NID_commonName, text, sizeof(text)) < 0)
            X509_NAME_get_text_by_NID((X509_NAME *)subject, NID_organizationalUnitName, text, sizeof(text));
        break;
    case BUILTIN_SUBJECT:
        X509_NAME_oneline(subject, text, sizeof(text));
        break;
    case BUILTIN_FINGERPRINT:
        if (!X509_digest(x509, EVP_sha256(), md, &len))
            return NULL;
        for (i = 0; i < len; i++) {
            text[2 * i] = digits[md[i] >> 4];
            text[2 * i + 1] = digits[md[i] & 15];
        }
        text[2 * len] = '\0';
        break;
    case BUILTIN_AFTER:
        if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm))
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        break;
    }
    return OPENSSL_strdup(text);
}

static int builtin_each(struct console *console, const struct menu *menu, const struct hint *hint,
                        item_fn *fn, void *arg)
{
    BIO *bio = BIO_new_file(STORE_BUILTIN_ROOTS, "r");
    int64_t id = 0;
    X509 *x509;
    int wanted = 1;

    (void)menu;
    if (bio == NULL) {
        ERR_clear_error();
        return console_fail(console, "the system's roots, %s, can't be read: install ca-certificates",
                            STORE_BUILTIN_ROOTS);
    }
    while (wanted && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        struct item item = {.id = ++id, .data = x509};

        if (hint->id == 0 || hint->id == id)
            wanted = fn(arg, &item);
        X509_free(x509);
    }
    ERR_clear_error();
    BIO_free(bio);
    return 1;
}

const struct menu menu_certificate_builtin = {
    .path = "/certificate/builtin",
    .kind = MENU_ITEMS,
    .help = "the system's roots",
    .properties = builtin_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET,
    .each = builtin_each,
    .count = items_count,
    .value = builtin_value,
};
