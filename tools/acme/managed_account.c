// SPDX-License-Identifier: Apache-2.0
/* Accounts in the store: one a directory unless the user wants more; each has a key of its own, in hardware
 * if there is any. */
#include "managed_private.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- records ---- */

static char *setting(struct store *store, const char *menu, const char *name)
{
    char *value = store_setting_get(store, menu, name);

    return value != NULL ? value : OPENSSL_strdup("");
}

struct managed_account *managed_account_get(struct store *store, int64_t id)
{
    struct managed_account *account = OPENSSL_zalloc(sizeof(*account));
    char menu[64], *status;

    if (account == NULL)
        return NULL;
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, id);
    account->id = id;
    account->name = setting(store, menu, "name");
    account->directory_url = setting(store, menu, "directory-url");
    account->url = setting(store, menu, "url");
    account->key = setting(store, menu, "key");
    account->eab_kid = setting(store, menu, "eab-kid");
    account->contact = setting(store, menu, "contact");
    status = setting(store, menu, "status");
    account->is_deactivated = status != NULL && strcmp(status, "deactivated") == 0;
    if (account->name != NULL && account->directory_url != NULL && account->url != NULL &&
        account->key != NULL && account->eab_kid != NULL && account->contact != NULL && status != NULL) {
        OPENSSL_free(status);
        return account;
    }
    OPENSSL_free(status);
    managed_account_free(account);
    return NULL;
}

void managed_account_free(struct managed_account *account)
{
    if (account == NULL)
        return;
    OPENSSL_free(account->name);
    OPENSSL_free(account->directory_url);
    OPENSSL_free(account->url);
    OPENSSL_free(account->key);
    OPENSSL_free(account->eab_kid);
    OPENSSL_free(account->contact);
    OPENSSL_free(account);
}

struct search {
    struct store *store;
    const char *name, *directory_url, *eab_kid;
    int64_t id;
    int rank;
};

/* How well an account does: one that never got registered is a second choice, whatever it was tried with. */
static int rank(const struct search *search, const struct managed_account *account)
{
    if (search->name != NULL)
        return strcmp(account->name, search->name) == 0 ? 2 : 0;
    if (strcmp(account->directory_url, search->directory_url) != 0 || account->is_deactivated)
        return 0;
    if (*account->url == '\0')
        return 1;
    return search->eab_kid == NULL || strcmp(account->eab_kid, search->eab_kid) == 0 ? 2 : 0;
}

static int is_wanted(void *arg, int64_t id)
{
    struct search *search = arg;
    struct managed_account *account = managed_account_get(search->store, id);
    int new_rank = account != NULL ? rank(search, account) : 0;

    if (new_rank > search->rank) {
        search->id = id;
        search->rank = new_rank;
    }
    managed_account_free(account);
    return new_rank < 2;
}

int64_t managed_account_find(struct store *store, const char *name, const char *directory_url,
                             const char *eab_kid)
{
    struct search search = {store, name, directory_url, eab_kid, 0, 0};

    return store_entry_each(store, MANAGED_ACCOUNTS, is_wanted, &search) ? search.id : -1;
}

/* ---- conversations ---- */

static void on_error(void *arg, const char *text)
{
    struct managed_session *session = arg;

    session->host->error(session->host->arg, text);
}

static void on_progress(void *arg, const char *text)
{
    struct managed_session *session = arg;

    session->host->progress(session->host->arg, text);
}

static int is_cancelled(void *arg)
{
    struct managed_session *session = arg;

    return session->host->is_cancelled(session->host->arg);
}

int managed_session_register(struct managed_session *session, const struct managed_registration *registration)
{
    struct acme_registration wanted = {
        .contact = *session->account->contact != '\0' ? session->account->contact : NULL,
    };
    struct store *store = session->host->store;
    char *url = NULL, menu[64];
    int ok;

    if (registration != NULL) {
        wanted.eab_kid = registration->eab_kid;
        wanted.eab_hmac_key = registration->eab_hmac_key;
        wanted.eab_alg = registration->eab_alg;
    }
    managed_progress(session->host, "registering account %s at %s", session->account->name,
                     session->account->directory_url);
    if (!acme_account_use(session->acme, session->key, NULL) ||
        !acme_account_new(session->acme, &wanted, &url))
        return 0;
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, session->account->id);
    ok = store_begin(store) &&
         store_end(store, store_setting_set(store, menu, "url", url, 0) &&
                              store_log(store, "acme,info", "acme: account %s registered: %.300s",
                                        session->account->name, url));
    OPENSSL_free(session->account->url);
    session->account->url = url;
    return ok;
}

int managed_session_open(struct managed_session *session, struct managed_host *host, int64_t id)
{
    char bundle[PATH_MAX];

    *session = (struct managed_session){.host = host};
    session->account = managed_account_get(host->store, id);
    if (session->account == NULL || *session->account->key == '\0')
        return managed_raise(host, "the ACME account is not there any more");
    session->key = store_key_pkey(host->store, session->account->key, 0);
    if (session->key == NULL)
        return 0;
    snprintf(bundle, sizeof(bundle), "%.4000s/trust/fetch/bundle.pem", store_home(host->store));
    session->acme = acme_new(&(struct acme_config){
        .libctx = host->libctx,
        .directory_url = session->account->directory_url,
        .ca_file = bundle,
        .error = on_error,
        .progress = on_progress,
        .is_cancelled = is_cancelled,
        .arg = session,
    });
    if (session->acme == NULL)
        return 0;
    return *session->account->url == '\0' ||
           acme_account_use(session->acme, session->key, session->account->url);
}

void managed_session_close(struct managed_session *session)
{
    acme_free(session->acme);
    EVP_PKEY_free(session->key);
    managed_account_free(session->account);
    *session = (struct managed_session){0};
}

/* ---- registration ---- */

/* "acme-v02.api.letsencrypt.org" of its URL, with the port if it has one. */
static void host_of(char *host, size_t size, const char *url)
{
    const char *start = strstr(url, "://");
    char *p;

    start = start != NULL ? start + 3 : url;
    snprintf(host, size, "%.*s", (int)(strcspn(start, "/") < 100 ? strcspn(start, "/") : 100), start);
    for (p = host; *p != '\0'; p++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *p) == NULL)
            *p = '-';
    }
}

static int add(struct managed_host *host, const struct managed_registration *registration, int64_t *id)
{
    struct store *store = host->store;
    char name[120], menu[64];
    int64_t taken;
    int ok;

    if (registration->name != NULL)
        OPENSSL_strlcpy(name, registration->name, sizeof(name));
    else
        host_of(name, sizeof(name), registration->directory_url);
    taken = managed_account_find(store, name, NULL, NULL);
    if (taken > 0 && registration->name != NULL)
        return managed_raise(host, "there is an account %s already", name);
    if (taken < 0 || !store_begin(store))
        return 0;
    *id = store_entry_add(store, MANAGED_ACCOUNTS);
    if (taken > 0)
        snprintf(name + strlen(name), sizeof(name) - strlen(name), "-%lld", (long long)*id);
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, *id);
    ok = *id != 0 && store_setting_set(store, menu, "name", name, 0) &&
         store_setting_set(store, menu, "directory-url", registration->directory_url, 0) &&
         store_setting_set(store, menu, "contact", registration->contact != NULL ? registration->contact : "",
                           0) &&
         store_setting_set(store, menu, "eab-kid", registration->eab_kid != NULL ? registration->eab_kid : "",
                           0);
    return store_end(store, ok);
}

/* The account's key called name, made if it is not there yet: a process may have ended since. */
static int make_key(struct managed_host *host, const char *name, const char *size, const char *custody)
{
    int here = store_key_is_here(host->store, name);

    return here == 1 ||
           (here == 0 && store_key_make(host->store, name, size != NULL ? size : MANAGED_KEY_SIZE,
                                        custody != NULL ? custody : MANAGED_CUSTODY, NULL));
}

int managed_register(struct managed_host *host, const struct managed_registration *registration, int64_t *id)
{
    struct managed_session session = {0};
    struct managed_account *account;
    char key[64], menu[64];
    int ok;

    /* Before a key is made, which takes its time. */
    if (registration->eab_kid != NULL && registration->eab_hmac_key == NULL)
        return managed_raise(host, "eab-kid %.64s: eab-hmac-key is missing", registration->eab_kid);
    if (registration->contact != NULL && *registration->contact != '\0' &&
        strchr(registration->contact, '@') == NULL)
        return managed_raise(host, "contact: \"%.64s\" is no e-mail address", registration->contact);
    if (*id == 0 && !add(host, registration, id))
        return 0;
    account = managed_account_get(host->store, *id);
    if (account == NULL)
        return managed_raise(host, "out of memory");
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, *id);
    /* An earlier try may have had another one. */
    ok = registration->eab_kid == NULL || strcmp(registration->eab_kid, account->eab_kid) == 0 ||
         store_setting_set(host->store, menu, "eab-kid", registration->eab_kid, 0);
    if (ok && *account->key == '\0') {
        snprintf(key, sizeof(key), "acme-account-%lld", (long long)*id);
        ok = make_key(host, key, registration->key_size, registration->custody) &&
             store_setting_set(host->store, menu, "key", key, 0);
    }
    managed_account_free(account);
    ok = ok && managed_session_open(&session, host, *id) && managed_session_register(&session, registration);
    managed_session_close(&session);
    return ok;
}

int64_t managed_account_of(struct managed_host *host, const struct managed *managed)
{
    const char *name = managed->text[MANAGED_F_ACCOUNT], *directory = managed->text[MANAGED_F_DIRECTORY_URL];
    int64_t id = managed_account_find(host->store, *name != '\0' ? name : NULL, directory, NULL);
    struct managed_account *account;

    if (id == 0 && *name != '\0') {
        managed_raise(host, "there is no ACME account %s: see %s print", name, MANAGED_ACCOUNTS);
        return -1;
    }
    account = id > 0 ? managed_account_get(host->store, id) : NULL;
    if (id > 0 && account == NULL) {
        managed_raise(host, "the ACME account is not there any more");
        id = -1;
    } else if (account != NULL && strcmp(account->directory_url, directory) != 0) {
        managed_raise(host, "account %s is one at %s, not at %s", account->name, account->directory_url,
                      directory);
        id = -1;
    } else if (account != NULL && *account->url == '\0' && *account->eab_kid != '\0') {
        /* Its key is not kept. */
        managed_raise(
            host,
            "account %s is not registered: %s register name=%s directory-url=%s eab-kid=%s eab-hmac-key=…",
            account->name, MANAGED_ACCOUNTS, account->name, directory, account->eab_kid);
        id = -1;
    } else if (account != NULL && account->is_deactivated) {
        managed_raise(host, "account %s is deactivated", account->name);
        id = -1;
    }
    if (id >= 0 && (account == NULL || *account->url == '\0') &&
        !managed_register(host,
                          &(struct managed_registration){
                              .directory_url = directory,
                              .contact = account != NULL ? account->contact : NULL,
                          },
                          &id))
        id = -1;
    managed_account_free(account);
    return id;
}

/* ---- what can be done with one ---- */

int managed_account_set_contact(struct managed_host *host, int64_t id, const char *contact)
{
    struct managed_session session;
    char menu[64];
    int ok = managed_session_open(&session, host, id);

    if (ok && *session.account->url == '\0')
        ok = managed_raise(host, "account %s is not registered", session.account->name);
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, id);
    ok = ok && acme_account_set_contact(session.acme, contact) &&
         store_setting_set(host->store, menu, "contact", contact, 0);
    managed_session_close(&session);
    return ok;
}

/* Has the server taken the new key already, and this process's forerunner not lived to know? */
static int is_changed(struct managed_session *session, EVP_PKEY *key)
{
    char *url = NULL;
    int is = acme_account_use(session->acme, key, NULL) &&
             acme_account_new(session->acme, &(struct acme_registration){.only_existing = 1}, &url) &&
             strcmp(url, session->account->url) == 0;

    OPENSSL_free(url);
    return is;
}

static int save_key(struct managed_host *host, const struct managed_account *account, const char *menu,
                    const char *name)
{
    struct store *store = host->store;
    struct store_key *before = store_key_get(store, account->key);
    int ok = before != NULL && store_begin(store);

    if (ok)
        ok = store_end(
            store, store_setting_set(store, menu, "key", name, 0) &&
                       store_setting_remove(store, menu, "next-key") && store_key_remove(store, before->id) &&
                       store_log(store, "acme,info", "acme: account %s has a new key", account->name));
    store_key_free(before);
    return ok;
}

int managed_account_change_key(struct managed_host *host, int64_t id, const char *key_size,
                               const char *custody)
{
    struct managed_session session = {0};
    struct store *store = host->store;
    char menu[64], name[96], *next;
    EVP_PKEY *key = NULL;
    int is_second, ok;

    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, id);
    next = store_setting_get(store, menu, "next-key");
    is_second = next != NULL;
    if (is_second)
        OPENSSL_strlcpy(name, next, sizeof(name));
    else
        snprintf(name, sizeof(name), "acme-account-%lld-%lld", (long long)id, (long long)time(NULL));
    OPENSSL_free(next);
    /* The name is kept before the server is told: whatever happens, one of the two keys is the account's. */
    ok = make_key(host, name, key_size, custody) && store_setting_set(store, menu, "next-key", name, 0) &&
         (key = store_key_pkey(store, name, 0)) != NULL && managed_session_open(&session, host, id);
    if (ok && !(is_second && is_changed(&session, key)))
        ok = acme_account_use(session.acme, session.key, session.account->url) &&
             acme_account_change_key(session.acme, key);
    ok = ok && save_key(host, session.account, menu, name);
    EVP_PKEY_free(key);
    managed_session_close(&session);
    return ok;
}

int managed_account_deactivate(struct managed_host *host, int64_t id)
{
    struct managed_session session;
    char menu[64];
    int ok = managed_session_open(&session, host, id);

    if (ok && *session.account->url == '\0')
        ok = managed_raise(host, "account %s is not registered", session.account->name);
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, id);
    ok = ok && acme_account_deactivate(session.acme) &&
         store_setting_set(host->store, menu, "status", "deactivated", 0) &&
         store_log(host->store, "acme,info", "acme: account %s deactivated", session.account->name);
    managed_session_close(&session);
    return ok;
}

static int drop_key(struct managed_host *host, const char *name)
{
    int here = name != NULL && *name != '\0' ? store_key_is_here(host->store, name) : 0, ok = here >= 0;
    struct store_key *key = here == 1 ? store_key_get(host->store, name) : NULL;

    if (here == 1)
        ok = key != NULL && store_key_remove(host->store, key->id);
    store_key_free(key);
    return ok;
}

int managed_account_remove(struct managed_host *host, int64_t id)
{
    struct managed_account *account = managed_account_get(host->store, id);
    char menu[64], *next;
    int ok;

    if (account == NULL || !store_begin(host->store)) {
        managed_account_free(account);
        return 0;
    }
    managed_setting_menu(menu, sizeof(menu), MANAGED_ACCOUNTS, id);
    next = store_setting_get(host->store, menu, "next-key");
    ok = drop_key(host, account->key) && drop_key(host, next) &&
         store_entry_remove(host->store, MANAGED_ACCOUNTS, id) &&
         store_log(host->store, "acme,info", "acme: account %s removed", account->name);
    OPENSSL_free(next);
    managed_account_free(account);
    return store_end(host->store, ok);
}
