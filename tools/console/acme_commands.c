// SPDX-License-Identifier: Apache-2.0
/* /certificate's commands for ACME. */
#include "acme.h"

#include <stdlib.h>
#include <string.h>

#define WWW_SSL "/ip/service*5"

/* ---- what add-acme and enable-ssl-certificate share ---- */

/* The account for an entry, with what was given of an external one. */
static int prepare_account(struct managed_host *host, int64_t entry, const char *directory,
                           const struct call *call)
{
    const char *kid = call_text(call, "eab-kid"), *hmac = call_text(call, "eab-hmac-key"),
               *key = call_text(call, "eab-key");
    struct managed_registration registration = {
        .directory_url = directory,
        .contact = call_text(call, "contact"),
        .eab_kid = kid,
        .eab_hmac_key = hmac != NULL ? hmac : key,
    };
    struct managed *managed = managed_get(host->store, entry);
    int has_own = managed != NULL && *managed->text[MANAGED_F_ACCOUNT] != '\0', ok;
    struct managed_account *account;
    int64_t id;

    managed_free(managed);
    /* Without a word of an account, issuing finds or makes the directory's. */
    if (kid == NULL && (has_own || registration.contact == NULL))
        return 1;
    id = managed_account_find(host->store, NULL, directory, kid);
    account = id > 0 ? managed_account_get(host->store, id) : NULL;
    ok = id >= 0;
    if (ok && (account == NULL || *account->url == '\0')) {
        ok = managed_register(host, &registration, &id);
        managed_account_free(account);
        account = id > 0 ? managed_account_get(host->store, id) : NULL;
    }
    /* Of several at one directory it is this one, also if it has to be registered once more. */
    if (account != NULL && kid != NULL)
        ok = managed_set(host->store, entry, MANAGED_F_ACCOUNT, account->name) && ok;
    managed_account_free(account);
    if (!ok)
        managed_failed(host, entry);
    return ok;
}

/* ---- add-acme ---- */

static int run_settings(struct call *call, struct managed_host *host, int64_t id)
{
    const struct property *property;
    int ok = 1;

    for (property = acme_settings; ok && property->name[0] != '\0'; property++) {
        const char *text = call_text(call, property->name);

        if (text != NULL)
            ok = acme_check_setting(call, property, text) &&
                 managed_set(host->store, id, (enum managed_field)property->field, text);
    }
    return ok;
}

/* The directory of the account that is named, unless one is given. The caller's. NULL: said why. */
static char *choose_directory(struct call *call, struct managed_host *host)
{
    const char *directory = call_text(call, "directory-url"), *name = call_text(call, "account");
    struct managed_account *account;
    char *copy = NULL;
    int64_t id;

    if (directory != NULL || name == NULL)
        return OPENSSL_strdup(directory != NULL ? directory : MANAGED_DIRECTORY);
    id = managed_account_find(host->store, name, NULL, NULL);
    account = id > 0 ? managed_account_get(host->store, id) : NULL;
    if (account != NULL)
        copy = OPENSSL_strdup(account->directory_url);
    else
        console_fail(call->console, "failure: there is no ACME account %.64s: see %s print", name,
                     MANAGED_ACCOUNTS);
    managed_account_free(account);
    return copy;
}

static int add_and_issue(struct call *call, struct managed_host *host, const char *directory)
{
    const char *name = call_text(call, "name"), *names = call_text(call, "domain-names"),
               *challenge = call_text(call, "challenge");
    int64_t id = 0;

    if (!managed_check_names(host, names, challenge != NULL ? challenge : MANAGED_CHALLENGE) ||
        !store_begin(host->store))
        return 0;
    if (!store_end(host->store, managed_add(host, name != NULL ? name : "", names, &id) &&
                                    managed_set(host->store, id, MANAGED_F_DIRECTORY_URL, directory) &&
                                    run_settings(call, host, id)))
        return 0;
    if ((call_text(call, "account") != NULL || prepare_account(host, id, directory, call)) &&
        managed_issue(host, id, 0))
        return 1;
    console_note(call->console,
                 "the settings are kept: %s set changes them, acme-renew tries again after next-try, "
                 "acme-renew NAME at once",
                 MANAGED_MENU);
    return 0;
}

int acme_run_add(struct call *call)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), ok;
    char *directory;

    if (lock < 0)
        return 0;
    directory = choose_directory(call, &host);
    if (directory != NULL && strncmp(directory, "https://", 8) != 0)
        ok = console_fail(call->console, "invalid value for argument directory-url: expected https://");
    else
        ok = directory != NULL && add_and_issue(call, &host, directory);
    OPENSSL_free(directory);
    acme_host_unlock(call->console, lock);
    if (ok && !call->is_nested)
        console_progress(call->console, "done");
    return ok;
}

/* ---- enable-ssl-certificate ---- */

/* The entry that the command has made for this name earlier; 0: none, -1: failed. */
static int64_t find_ssl(struct managed_host *host, const char *name, int64_t *certificate)
{
    struct store_cert *cert = store_cert_get(host->store, &(struct store_query){.name = name});

    *certificate = cert != NULL ? cert->id : 0;
    store_cert_free(cert);
    return *certificate != 0 ? managed_find(host->store, *certificate) : 0;
}

static int bind_www_ssl(struct managed_host *host, const char *name)
{
    return store_begin(host->store) &&
           store_end(host->store, store_setting_set(host->store, WWW_SSL, "certificate", name, 1) &&
                                      store_setting_set(host->store, WWW_SSL, "disabled", "no", 0) &&
                                      store_log(host->store, "acme,info",
                                                "acme: www-ssl uses certificate %s (letsencrypt)", name));
}

static int prepare_ssl(struct managed_host *host, const char *name, const char *dns_name,
                       const char *directory, int64_t *id)
{
    int64_t certificate;
    int ok;

    if (!store_begin(host->store))
        return 0;
    *id = find_ssl(host, name, &certificate);
    ok = *id >= 0;
    if (*id == 0 && certificate != 0)
        ok = console_fail(host->arg, "there is a certificate %s already, and not from here: rename it first",
                          name);
    else if (*id == 0)
        ok = managed_add(host, name, dns_name, id);
    ok = ok && managed_set(host->store, *id, MANAGED_F_DIRECTORY_URL, directory);
    return store_end(host->store, ok);
}

int acme_run_enable_ssl(struct call *call)
{
    const char *dns_name = call_text(call, "dns-name"), *directory = call_text(call, "directory-url"),
               *reset = call_text(call, "reset-private-key");
    struct managed_host host;
    char name[300];
    int64_t id = 0;
    int lock, ok;

    if (directory == NULL)
        directory = MANAGED_DIRECTORY;
    if (strncmp(directory, "https://", 8) != 0)
        return console_fail(call->console, "invalid value for argument directory-url: expected https://");
    if (strchr(dns_name, ',') != NULL)
        return console_fail(call->console, "dns-name: one name; for more than one there is add-acme");
    snprintf(name, sizeof(name), "letsencrypt-%.253s", dns_name);
    lock = acme_host_lock(call->console, &host);
    if (lock < 0)
        return 0;
    ok = managed_check_names(&host, dns_name, MANAGED_CHALLENGE) &&
         prepare_ssl(&host, name, dns_name, directory, &id) && prepare_account(&host, id, directory, call) &&
         managed_issue(&host, id, reset != NULL && strcmp(reset, "yes") == 0) && bind_www_ssl(&host, name);
    acme_host_unlock(call->console, lock);
    if (ok && !call->is_nested)
        console_progress(call->console, "[success] ssl certificate updated");
    return ok;
}

/* ---- acme-renew, acme-revoke ---- */

/* Those that are named: each, whatever becomes of the others. */
static int renew_named(struct call *call, struct managed_host *host, int *count)
{
    size_t i;
    int ok = 1;

    for (i = 0; i < call->ids_count && !host->is_cancelled(host->arg); i++) {
        int64_t id = managed_find(host->store, call->ids[i]);
        int done = id > 0 && managed_issue(host, id, 0);

        if (id == 0)
            console_fail(call->console, "not a certificate that ACME keeps: see %s print", MANAGED_MENU);
        *count += done;
        ok &= done;
    }
    return ok;
}

int acme_run_renew(struct call *call)
{
    struct managed_host host;
    int lock = acme_host_lock(call->console, &host), count = 0, ok;

    if (lock < 0)
        return 0;
    ok = call->has_ids ? renew_named(call, &host, &count) : managed_run_due(&host, &count);
    acme_host_unlock(call->console, lock);
    call_tell(call, 9, "renewed", "%d", count);
    return ok;
}

int acme_run_revoke(struct call *call)
{
    const char *reason = call_text(call, "reason"), *by = call_text(call, "by");
    struct managed_host host;
    int number = 0, lock, ok = 0;
    int64_t id;

    /* The names are in the order of CRLReason's numbers (RFC 5280 section 5.3.1). */
    while (reason != NULL && strcmp(store_revocation_reasons[number], reason) != 0)
        number++;
    lock = acme_host_lock(call->console, &host);
    if (lock < 0)
        return 0;
    id = managed_find(host.store, call->ids[0]);
    if (id == 0)
        console_fail(call->console, "not a certificate that ACME keeps: see %s print", MANAGED_MENU);
    else if (id > 0)
        ok = managed_revoke(&host, id, number, by != NULL && strcmp(by, "certificate-key") == 0);
    acme_host_unlock(call->console, lock);
    return ok;
}
