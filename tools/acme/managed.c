// SPDX-License-Identifier: Apache-2.0
/* Entries: the settings and the state of managed certificates, in the store. */
#include "managed_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAMES_MAX       100
#define COMMON_NAME_MAX 64

const char *const managed_names[MANAGED_FIELDS] = {
    [MANAGED_F_DOMAIN_NAMES] = "domain-names",
    [MANAGED_F_DIRECTORY_URL] = "directory-url",
    [MANAGED_F_ACCOUNT] = "account",
    [MANAGED_F_CHALLENGE] = "challenge",
    [MANAGED_F_WEBROOT] = "webroot",
    [MANAGED_F_ADDRESS] = "address",
    [MANAGED_F_PORT] = "port",
    [MANAGED_F_HOOK] = "hook",
    [MANAGED_F_HOOK_KIND] = "hook-kind",
    [MANAGED_F_DNS_ALIAS] = "dns-alias",
    [MANAGED_F_DNS_SERVERS] = "dns-servers",
    [MANAGED_F_DNS_WAIT] = "dns-wait",
    [MANAGED_F_PROFILE] = "profile",
    [MANAGED_F_PREFERRED_CHAIN] = "preferred-chain",
    [MANAGED_F_KEY_SIZE] = "key-size",
    [MANAGED_F_CUSTODY] = "custody",
    [MANAGED_F_REUSE_KEY] = "reuse-key",
    [MANAGED_F_RENEW_PERCENT] = "renew-percent",
    [MANAGED_F_LIVE] = "live",
    [MANAGED_F_DEPLOY_HOOK] = "deploy-hook",
    [MANAGED_F_DEPLOY_ARGUMENTS] = "deploy-arguments",
    [MANAGED_F_DEPLOY_ENVIRONMENT] = "deploy-environment",
    [MANAGED_F_DEPLOY_TIMEOUT] = "deploy-timeout",
    [MANAGED_F_STATUS] = "acme-status",
    [MANAGED_F_ERROR] = "last-error",
    [MANAGED_F_RENEW_AT] = "renew-at",
    [MANAGED_F_NEXT_TRY] = "next-try",
    [MANAGED_F_FAILURES] = "failures",
    [MANAGED_F_ARI_NEXT] = "ari-next",
    [MANAGED_F_ARI_EXPLANATION] = "ari-explanation",
    [MANAGED_F_ORDER_URL] = "order-url",
    [MANAGED_F_DEPLOY_PENDING] = "deploy-pending",
};

const char *const managed_defaults[MANAGED_FIELDS] = {
    [MANAGED_F_DIRECTORY_URL] = MANAGED_DIRECTORY,
    [MANAGED_F_CHALLENGE] = MANAGED_CHALLENGE,
    [MANAGED_F_HOOK_KIND] = MANAGED_HOOK_KIND,
    [MANAGED_F_DNS_WAIT] = MANAGED_DNS_WAIT,
    [MANAGED_F_KEY_SIZE] = MANAGED_KEY_SIZE,
    [MANAGED_F_CUSTODY] = MANAGED_CUSTODY,
    [MANAGED_F_REUSE_KEY] = MANAGED_REUSE_KEY,
    [MANAGED_F_RENEW_PERCENT] = MANAGED_RENEW_PERCENT,
    [MANAGED_F_LIVE] = MANAGED_LIVE,
};

/* ---- the host ---- */

int managed_raise(struct managed_host *host, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    host->error(host->arg, text);
    return 0;
}

void managed_progress(struct managed_host *host, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    host->progress(host->arg, text);
}

unsigned managed_random(void)
{
    unsigned char bytes[2] = {0};

    /* Jitter: a generator that fails is told of where a key is made. */
    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return 0;
    return (unsigned)bytes[0] << 8 | bytes[1];
}

int managed_lock(struct managed_host *host)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%.4000s/acme.lock", store_home(host->store));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0 && errno == EWOULDBLOCK)
        managed_raise(host, "another signet is working on ACME or SCEP certificates of this store: try again "
                            "when it is done");
    else
        managed_raise(host, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

void managed_setting_menu(char *name, size_t size, const char *menu, int64_t id)
{
    snprintf(name, size, "%s*%" PRId64, menu, id);
}

/* ---- names ---- */

/* Calls each with a part of a list with commas. */
static int each_name(const char *list, int (*each)(void *arg, const char *name), void *arg)
{
    char name[256];
    int ok = 1;

    while (ok && *list != '\0') {
        size_t len = strcspn(list, ",");

        snprintf(name, sizeof(name), "%.*s", (int)(len < 255 ? len : 255), list);
        ok = each(arg, name);
        list += len + (list[len] == ',');
    }
    return ok;
}

static int is_address(const char *name)
{
    unsigned char address[16];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

struct check {
    struct managed_host *host;
    const char *challenge;
    int count;
};

static int check_name(void *arg, const char *name)
{
    struct check *check = arg;
    char alt_name[300];

    if (++check->count > NAMES_MAX)
        return managed_raise(check->host, "domain-names: more than %d names", NAMES_MAX);
    if (strncmp(name, "*.", 2) == 0 && strcmp(check->challenge, "dns-01") != 0)
        return managed_raise(check->host, "domain-names: %s is a wildcard and needs challenge=dns-01", name);
    if (is_address(name) && strcmp(check->challenge, "dns-01") == 0)
        return managed_raise(check->host,
                             "domain-names: %s is an address: it can't be proved by dns-01 (RFC 8738)", name);
    if (!is_address(name) && strchr(name, '.') == NULL)
        return managed_raise(check->host, "domain-names: \"%s\" is no full DNS name", name);
    snprintf(alt_name, sizeof(alt_name), "%s:%s", is_address(name) ? "IP" : "DNS", name);
    return store_check_alt_name(check->host->store, alt_name);
}

int managed_check_names(struct managed_host *host, const char *domain_names, const char *challenge)
{
    struct check check = {host, challenge, 0};

    if (*domain_names == '\0')
        return managed_raise(host, "domain-names: expected DNS names or addresses, with commas between them");
    return each_name(domain_names, check_name, &check);
}

static int append_alt_name(void *arg, const char *name)
{
    char *text = arg;

    if (*text != '\0')
        OPENSSL_strlcat(text, ",", NAMES_MAX * 300);
    OPENSSL_strlcat(text, is_address(name) ? "IP:" : "DNS:", NAMES_MAX * 300);
    OPENSSL_strlcat(text, name, NAMES_MAX * 300);
    return 1;
}

struct store_cert *managed_subject(const char *domain_names)
{
    struct store_cert *subject = store_template_new();
    char *alt_names = OPENSSL_zalloc(NAMES_MAX * 300), first[256];
    int ok = subject != NULL && alt_names != NULL && each_name(domain_names, append_alt_name, alt_names);

    snprintf(first, sizeof(first), "%.*s", (int)strcspn(domain_names, ","), domain_names);
    /* A common name is one of the names, and no address; it may be too long for one. */
    if (ok && (is_address(first) || strlen(first) > COMMON_NAME_MAX))
        *first = '\0';
    ok = ok && store_cert_set_text(subject, STORE_SUBJECT_ALT_NAME, alt_names) &&
         store_cert_set_text(subject, STORE_COMMON_NAME, first) &&
         store_cert_set_text(subject, STORE_KEY_USAGE, "digital-signature,tls-server");
    OPENSSL_free(alt_names);
    if (ok)
        return subject;
    store_cert_free(subject);
    return NULL;
}

/* ---- reading ---- */

static void take_setting(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct managed *managed = arg;
    size_t i;

    if (strcmp(name, "certificate") == 0)
        managed->certificate = certificate;
    for (i = 0; i < MANAGED_FIELDS; i++) {
        if (strcmp(name, managed_names[i]) == 0)
            managed->text[i] = OPENSSL_strdup(value);
    }
}

/* The name of the certificate: of one that is not there any more, "". */
static int take_name(struct store *store, struct managed *managed)
{
    struct store_cert *cert;

    if (managed->certificate == 0)
        return (managed->name = OPENSSL_strdup("")) != NULL;
    cert = store_cert_get(store, &(struct store_query){.id = managed->certificate});
    managed->name = cert != NULL ? OPENSSL_strdup(cert->text[STORE_NAME]) : NULL;
    store_cert_free(cert);
    return managed->name != NULL;
}

struct managed *managed_get(struct store *store, int64_t id)
{
    struct managed *managed = OPENSSL_zalloc(sizeof(*managed));
    char menu[64];
    size_t i;
    int ok;

    if (managed == NULL)
        return NULL;
    managed->id = id;
    managed_setting_menu(menu, sizeof(menu), MANAGED_MENU, id);
    /* What could not be read is not what is not there: defaults would be another CA. */
    ok = store_setting_each(store, menu, take_setting, managed) && take_name(store, managed);
    for (i = 0; ok && i < MANAGED_FIELDS; i++) {
        if (managed->text[i] == NULL)
            managed->text[i] = OPENSSL_strdup(managed_defaults[i] != NULL ? managed_defaults[i] : "");
        ok = managed->text[i] != NULL;
    }
    if (ok)
        return managed;
    managed_free(managed);
    return NULL;
}

void managed_free(struct managed *managed)
{
    size_t i;

    if (managed == NULL)
        return;
    for (i = 0; i < MANAGED_FIELDS; i++)
        OPENSSL_free(managed->text[i]);
    OPENSSL_free(managed->name);
    OPENSSL_free(managed);
}

static int is_entry(void *arg, const char *menu, const char *name)
{
    int64_t *id = arg;

    if (strncmp(menu, MANAGED_MENU "*", sizeof(MANAGED_MENU)) != 0 || strcmp(name, "certificate") != 0)
        return 1;
    *id = strtoll(menu + sizeof(MANAGED_MENU), NULL, 10);
    return 0;
}

int64_t managed_find(struct store *store, int64_t certificate)
{
    int64_t id = 0;

    return store_cert_users(store, certificate, is_entry, &id) ? id : -1;
}

/* ---- writing ---- */

void managed_next_key(char *name, size_t size, int64_t id)
{
    snprintf(name, size, "acme-next-%" PRId64, id);
}

static int drop_next_key(struct store *store, int64_t id)
{
    struct store_key *key;
    char name[64];
    int here, ok;

    managed_next_key(name, sizeof(name), id);
    here = store_key_is_here(store, name);
    if (here <= 0)
        return here == 0;
    key = store_key_get(store, name);
    ok = key != NULL && store_key_remove(store, key->id);
    store_key_free(key);
    return ok;
}

int managed_set(struct store *store, int64_t id, enum managed_field field, const char *value)
{
    char menu[64], *before;
    int ok, is_same;

    managed_setting_menu(menu, sizeof(menu), MANAGED_MENU, id);
    before = store_setting_get(store, menu, managed_names[field]);
    is_same = before != NULL && strcmp(before, value) == 0;
    OPENSSL_free(before);
    if (is_same)
        return 1;
    if (!store_begin(store))
        return 0;
    ok = *value != '\0' ? store_setting_set(store, menu, managed_names[field], value, 0)
                        : store_setting_remove(store, menu, managed_names[field]);
    if (field == MANAGED_F_DOMAIN_NAMES || field == MANAGED_F_DIRECTORY_URL || field == MANAGED_F_ACCOUNT ||
        field == MANAGED_F_PROFILE)
        ok = ok && store_setting_remove(store, menu, managed_names[MANAGED_F_ORDER_URL]);
    /* An account is one at a directory. */
    if (field == MANAGED_F_DIRECTORY_URL)
        ok = ok && store_setting_remove(store, menu, managed_names[MANAGED_F_ACCOUNT]);
    /* Reckoned again when it is looked at. */
    if (field == MANAGED_F_RENEW_PERCENT)
        ok = ok && store_setting_remove(store, menu, managed_names[MANAGED_F_RENEW_AT]);
    /* The next acme-renew sees to it. */
    if (field >= MANAGED_F_LIVE && field <= MANAGED_F_DEPLOY_TIMEOUT)
        ok = ok && store_setting_set(store, menu, managed_names[MANAGED_F_DEPLOY_PENDING], "yes", 0) &&
             store_setting_remove(store, menu, "deploy-next");
    if (field == MANAGED_F_KEY_SIZE || field == MANAGED_F_CUSTODY)
        ok = ok && drop_next_key(store, id);
    return store_end(store, ok);
}

int managed_remove(struct managed_host *host, int64_t id)
{
    struct store *store = host->store;

    return store_begin(store) &&
           store_end(store, drop_next_key(store, id) && store_entry_remove(store, MANAGED_MENU, id));
}

int managed_add(struct managed_host *host, const char *name, const char *domain_names, int64_t *id)
{
    struct store *store = host->store;
    struct store_cert *template = managed_subject(domain_names);
    char menu[64];
    int ok;

    if (template == NULL)
        return managed_raise(host, "out of memory");
    ok = store_cert_set_text(template, STORE_NAME, name) && store_begin(store);
    if (ok) {
        *id = store_entry_add(store, MANAGED_MENU);
        managed_setting_menu(menu, sizeof(menu), MANAGED_MENU, *id);
        ok = *id != 0 && store_template_add(store, template) &&
             store_setting_set(store, menu, "certificate", template->text[STORE_NAME], 1) &&
             managed_set(store, *id, MANAGED_F_DOMAIN_NAMES, domain_names);
        ok = store_end(store, ok);
    }
    store_cert_free(template);
    return ok;
}
