// SPDX-License-Identifier: Apache-2.0
/* Entries of /certificate scep-server, read from the store's settings. */
#include "server_private.h"

#include "tools/duration.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int is_yes(const char *value)
{
    return strcmp(value, "yes") == 0;
}

static void take_text(char **text, const char *value)
{
    OPENSSL_free(*text);
    *text = OPENSSL_strdup(value);
}

static void take(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct scep_entry *entry = arg;

    if (strcmp(name, "path") == 0) {
        OPENSSL_free(entry->path);
        entry->path = normal_path(value);
    } else if (strcmp(name, "challenge-password") == 0)
        take_text(&entry->challenge_password, value);
    else if (strcmp(name, "allowed-names") == 0)
        take_text(&entry->allowed_names, value);
    else if (strcmp(name, "ca-cert") == 0)
        entry->ca = certificate;
    else if (strcmp(name, "next-ca-cert") == 0)
        entry->next_ca = certificate;
    else if (strcmp(name, "previous-ca-cert") == 0)
        entry->previous_ca = certificate;
    else if (strcmp(name, "ra-cert") == 0)
        entry->ra = certificate;
    else if (strcmp(name, "days-valid") == 0)
        entry->days_valid = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "key-size-min") == 0)
        entry->key_size_min = (int)strtol(value, NULL, 10);
    else if (strcmp(name, "disabled") == 0)
        entry->is_disabled = is_yes(value);
    else if (strcmp(name, "allow-3des") == 0)
        entry->allow_3des = is_yes(value);
    else if (strcmp(name, "allow-des") == 0)
        entry->allow_des = is_yes(value);
    else if (strcmp(name, "authorization") == 0)
        entry->authorization_none = strcmp(value, "none") == 0;
    else if (strcmp(name, "request-lifetime") == 0)
        entry->request_lifetime = duration_parse(value);
}

/* With every message: one query. */
int scep_entry_get(struct store *store, int64_t id, struct scep_entry *entry)
{
    static const char *const initial[][2] = {{"path", ""},
                                             {"challenge-password", ""},
                                             {"allowed-names", ""},
                                             {"days-valid", SCEP_DAYS_VALID},
                                             {"key-size-min", SCEP_KEY_SIZE_MIN},
                                             {"disabled", "yes"},
                                             {"authorization", SCEP_AUTHORIZATION},
                                             {"request-lifetime", SCEP_REQUEST_LIFETIME}};
    char menu[64];
    size_t i;

    *entry = (struct scep_entry){.id = id};
    for (i = 0; i < sizeof(initial) / sizeof(initial[0]); i++)
        take(entry, initial[i][0], initial[i][1], 0);
    snprintf(menu, sizeof(menu), "%s*%lld", SCEP_SERVER_MENU, (long long)id);
    if (store_setting_each(store, menu, take, entry) && entry->path != NULL &&
        entry->challenge_password != NULL && entry->allowed_names != NULL && entry->request_lifetime > 0)
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
