// SPDX-License-Identifier: Apache-2.0
/* Entries of /certificate scep-server, read from the store's settings. */
#include "server_private.h"

#include "tools/duration.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *setting(struct store *store, const char *menu, const char *name, const char *initial)
{
    char *value = store_setting_get(store, menu, name);

    return value != NULL ? value : OPENSSL_strdup(initial);
}

static int is_yes(struct store *store, const char *menu, const char *name, const char *initial)
{
    char *value = setting(store, menu, name, initial);
    int is = value != NULL && strcmp(value, "yes") == 0;

    OPENSSL_free(value);
    return is;
}

static int64_t number(struct store *store, const char *menu, const char *name, const char *initial)
{
    char *value = setting(store, menu, name, initial);
    int64_t n = value != NULL ? strtoll(value, NULL, 10) : 0;

    OPENSSL_free(value);
    return n;
}

static int64_t certificate(struct store *store, const char *menu, const char *name)
{
    char *value = setting(store, menu, name, "");
    struct store_cert *cert =
        value != NULL && *value != '\0' ? store_cert_get(store, &(struct store_query){.name = value}) : NULL;
    int64_t id = cert != NULL ? cert->id : 0;

    store_cert_free(cert);
    OPENSSL_free(value);
    return id;
}

/* With a "/" at both ends: "/scep", "/scep/" and "scep" are one. */
static char *normal_path(const char *path)
{
    size_t len = strlen(path), size = len + 3;
    char *normal = OPENSSL_malloc(size);

    if (normal != NULL)
        snprintf(normal, size, "%s%s%s", *path == '/' ? "" : "/", path,
                 len > 0 && path[len - 1] == '/' ? "" : "/");
    return normal;
}

int scep_entry_get(struct store *store, int64_t id, struct scep_entry *entry)
{
    char menu[64], *path, *text;

    *entry = (struct scep_entry){.id = id};
    snprintf(menu, sizeof(menu), "%s*%lld", SCEP_SERVER_MENU, (long long)id);
    path = setting(store, menu, "path", "");
    entry->path = path != NULL ? normal_path(path) : NULL;
    OPENSSL_free(path);
    entry->challenge_password = setting(store, menu, "challenge-password", "");
    entry->allowed_names = setting(store, menu, "allowed-names", "");
    entry->ca = certificate(store, menu, "ca-cert");
    entry->next_ca = certificate(store, menu, "next-ca-cert");
    entry->ra = certificate(store, menu, "ra-cert");
    entry->days_valid = (int)number(store, menu, "days-valid", SCEP_DAYS_VALID);
    entry->key_size_min = (int)number(store, menu, "key-size-min", SCEP_KEY_SIZE_MIN);
    entry->is_disabled = is_yes(store, menu, "disabled", "yes");
    entry->allow_3des = is_yes(store, menu, "allow-3des", "no");
    entry->allow_des = is_yes(store, menu, "allow-des", "no");
    text = setting(store, menu, "authorization", SCEP_AUTHORIZATION);
    entry->authorization_none = text != NULL && strcmp(text, "none") == 0;
    OPENSSL_free(text);
    text = setting(store, menu, "request-lifetime", SCEP_REQUEST_LIFETIME);
    entry->request_lifetime = text != NULL ? duration_parse(text) : -1;
    OPENSSL_free(text);
    if (entry->path != NULL && entry->challenge_password != NULL && entry->allowed_names != NULL &&
        entry->request_lifetime > 0)
        return 1;
    scep_entry_clear(entry);
    return 0;
}

void scep_entry_clear(struct scep_entry *entry)
{
    OPENSSL_free(entry->path);
    if (entry->challenge_password != NULL)
        OPENSSL_clear_free(entry->challenge_password, strlen(entry->challenge_password));
    OPENSSL_free(entry->allowed_names);
    *entry = (struct scep_entry){0};
}
