// SPDX-License-Identifier: Apache-2.0
/* Entries: settings that say what is done for a certificate, and what has become of it. */
#include "renewal.h"

#include "tools/scep/enrolment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void renewal_name(char name[RENEWAL_NAME_MAX], const char *menu, int64_t id)
{
    snprintf(name, RENEWAL_NAME_MAX, "%s*%" PRId64, menu, id);
}

char *renewal_get(struct store *store, const char *entry, const char *name, const char *initial)
{
    char *value = store_setting_get(store, entry, name);

    return value != NULL ? value : OPENSSL_strdup(initial);
}

int64_t renewal_get_number(struct store *store, const char *entry, const char *name)
{
    char *value = store_setting_get(store, entry, name);
    int64_t number = value != NULL ? strtoll(value, NULL, 10) : 0;

    OPENSSL_free(value);
    return number;
}

int renewal_is(struct store *store, const char *entry, const char *name, const char *value)
{
    char *now = renewal_get(store, entry, name, "");
    int is = now != NULL && strcmp(now, value) == 0;

    OPENSSL_free(now);
    return is;
}

int renewal_set(struct store *store, const char *entry, const char *name, const char *value)
{
    if (renewal_is(store, entry, name, value))
        return 1;
    return *value != '\0' ? store_setting_set(store, entry, name, value, 0)
                          : store_setting_remove(store, entry, name);
}

int renewal_set_number(struct store *store, const char *entry, const char *name, int64_t value)
{
    char text[24] = "";

    if (value != 0)
        snprintf(text, sizeof(text), "%" PRId64, value);
    return renewal_set(store, entry, name, text);
}

/* ---- whose entry ---- */

/* Does the name begin with the menu's, and an item's id? */
static int is_of(const char *name, const char *menu)
{
    size_t len = strlen(menu);

    return strncmp(name, menu, len) == 0 && name[len] == '*';
}

int renewal_is_own(const char *entry)
{
    return is_of(entry, RENEWAL_MENU);
}

static int take_entry(void *arg, const char *menu, const char *name)
{
    char *entry = arg;

    if (strcmp(name, "certificate") != 0 ||
        (!is_of(menu, MANAGED_MENU) && !is_of(menu, SCEP_CLIENT_MENU) && !is_of(menu, RENEWAL_MENU)))
        return 1;
    snprintf(entry, RENEWAL_NAME_MAX, "%s", menu);
    /* ACME's or SCEP's goes before one that was there first. */
    return is_of(menu, RENEWAL_MENU);
}

int renewal_entry_of(struct store *store, int64_t certificate, char name[RENEWAL_NAME_MAX])
{
    *name = '\0';
    return store_cert_users(store, certificate, take_entry, name);
}

int renewal_entry_add(struct store *store, const char *certificate, char name[RENEWAL_NAME_MAX])
{
    int64_t id;
    int ok;

    if (!store_begin(store))
        return 0;
    id = store_entry_add(store, RENEWAL_MENU);
    renewal_name(name, RENEWAL_MENU, id);
    ok = id != 0 && store_setting_set(store, name, "certificate", certificate, 1);
    return store_end(store, ok);
}

static int check(struct managed_host *host, const struct store_cert *cert, const char *entry,
                 const char *name)
{
    char text[256] = "";

    /* A template becomes what its entry says when it is signed. */
    if (strcmp(name, "renew") == 0 && *entry != '\0' && !renewal_is_own(entry))
        snprintf(text, sizeof(text), "renew: %.100s is renewed by %s", cert->text[STORE_NAME],
                 is_of(entry, MANAGED_MENU) ? "ACME" : "SCEP");
    else if (strcmp(name, "reuse-key") == 0 && is_of(entry, SCEP_CLIENT_MENU))
        snprintf(text, sizeof(text), "reuse-key: by SCEP there is a new key each time");
    else if (strcmp(name, "renew") == 0 && cert->der != NULL)
        return store_renew_check(host->store, cert);
    if (*text != '\0')
        host->error(host->arg, text);
    return *text == '\0';
}

int renewal_change(struct managed_host *host, int64_t certificate, const char *name, const char *value)
{
    struct store *store = host->store;
    struct store_cert *cert = store_cert_get(store, &(struct store_query){.id = certificate});
    char entry[RENEWAL_NAME_MAX];
    int ok = cert != NULL && store_begin(store);

    if (ok) {
        int is_no = strcmp(name, "renew") == 0 && strcmp(value, "no") == 0;

        ok = renewal_entry_of(store, certificate, entry) && (is_no || check(host, cert, entry, name)) &&
             (*entry != '\0' || renewal_entry_add(store, cert->text[STORE_NAME], entry)) &&
             renewal_set(store, entry, name, value);
        /* Reckoned again when it is looked at. */
        if (ok && strcmp(name, "renew-percent") == 0 && !renewal_is_own(entry))
            ok = renewal_set(store, entry, "renew-at", "");
        /* Whoever corrects something need not wait. */
        if (ok && renewal_is_own(entry))
            ok = renewal_set(store, entry, "next-try", "");
        if (ok && (strcmp(name, "live") == 0 || strncmp(name, "deploy-", 7) == 0))
            ok = renewal_set(store, entry, "deploy-pending", "yes") &&
                 renewal_set(store, entry, "deploy-next", "");
        ok = store_end(store, ok);
    }
    store_cert_free(cert);
    return ok;
}
