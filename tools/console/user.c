// SPDX-License-Identifier: Apache-2.0
/* Users as they are kept, and their login. */
#include "user.h"

#include "tools/http/networks.h"

#include <ctype.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

/* ---- records ---- */

void user_clear(struct user *user)
{
    OPENSSL_free(user->name);
    if (user->verifier != NULL)
        OPENSSL_clear_free(user->verifier, strlen(user->verifier));
    OPENSSL_free(user->address);
    OPENSSL_free(user->fingerprint);
    *user = (struct user){0};
}

struct read {
    struct user *user;
    int has_group, ok;
};

static void take_setting(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct read *read = arg;
    struct user *user = read->user;
    char **text = strcmp(name, "name") == 0       ? &user->name
                  : strcmp(name, "password") == 0 ? &user->verifier
                  : strcmp(name, "address") == 0  ? &user->address
                                                  : NULL;
    int group;

    if (text != NULL) {
        OPENSSL_free(*text);
        *text = OPENSSL_strdup(value);
        read->ok = read->ok && *text != NULL;
    } else if (strcmp(name, "disabled") == 0) {
        user->is_disabled = strcmp(value, "no") != 0;
    } else if (strcmp(name, "certificate") == 0) {
        user->certificate = certificate;
    } else if (strcmp(name, "group") == 0) {
        for (group = 0; remote_group_names[group] != NULL && strcmp(remote_group_names[group], value) != 0;
             group++)
            ;
        read->has_group = remote_group_names[group] != NULL;
        user->group = read->has_group ? (enum remote_group)group : REMOTE_READ;
    }
}

int user_get(struct console *console, int64_t id, struct user *user)
{
    struct store *store = console_store(console);
    struct read read = {.user = user, .ok = 1};
    struct store_cert *cert;
    char menu[40];

    *user = (struct user){.id = id};
    snprintf(menu, sizeof(menu), USER_MENU "*%" PRId64, id);
    if (store == NULL || !store_setting_each(store, menu, take_setting, &read) || !read.ok ||
        user->name == NULL || !read.has_group)
        return 0;
    if (user->certificate == 0)
        return 1;
    cert = store_cert_get(store, &(struct store_query){.id = user->certificate});
    if (cert != NULL && cert->der != NULL)
        user->fingerprint = OPENSSL_strdup(cert->text[STORE_FINGERPRINT]);
    store_cert_free(cert);
    return 1;
}

struct search {
    struct console *console;
    const char *name, *fingerprint;
    struct user *user;
    int is_found;
};

static int compare(void *arg, int64_t id)
{
    struct search *search = arg;
    struct user *user = search->user;

    search->is_found = user_get(search->console, id, user) &&
                       (search->name != NULL ? strcmp(user->name, search->name) == 0
                                             : user->fingerprint != NULL && !user->is_disabled &&
                                                   strcmp(user->fingerprint, search->fingerprint) == 0);
    if (!search->is_found)
        user_clear(user);
    return !search->is_found;
}

static int find(struct search *search)
{
    struct store *store = console_store(search->console);

    *search->user = (struct user){0};
    return store != NULL && store_entry_each(store, USER_MENU, compare, search) && search->is_found;
}

int user_find(struct console *console, const char *name, struct user *user)
{
    return find(&(struct search){.console = console, .name = name, .user = user});
}

/* A CA takes back what it has given by revoking it; asked anew each time, as time alone changes it, too. */
static int is_certificate_good(struct console *console, const struct user *user)
{
    struct store *store = console_store(console);
    struct store_cert *cert = store != NULL && user->fingerprint != NULL
                                  ? store_cert_get(store, &(struct store_query){.id = user->certificate})
                                  : NULL;
    int is_good = cert != NULL && cert->der != NULL &&
                  strcmp(cert->text[STORE_FINGERPRINT], user->fingerprint) == 0 &&
                  (int64_t)time(NULL) >= cert->not_before &&
                  !(store_cert_flags(store, cert) & (STORE_REVOKED | STORE_EXPIRED));

    store_cert_free(cert);
    return is_good;
}

int user_stamp(struct console *console, const struct user *user, char stamp[USER_STAMP])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    OSSL_LIB_CTX *libctx = tool_crypto(console->tool);
    char text[2048];
    size_t len = 0, i;
    int n = snprintf(text, sizeof(text), "%" PRId64 "\n%s\n%s\n%s\n%s\n%d %d %d", user->id, user->name,
                     user->verifier != NULL ? user->verifier : "", user->address != NULL ? user->address : "",
                     user->fingerprint != NULL ? user->fingerprint : "", (int)user->group, user->is_disabled,
                     is_certificate_good(console, user));

    if (n < 0 || (size_t)n >= sizeof(text) || libctx == NULL ||
        !EVP_Q_digest(libctx, "SHA256", "provider=default", text, strlen(text), md, &len))
        return 0;
    for (i = 0; i < len && 2 * i + 2 < USER_STAMP; i++)
        snprintf(stamp + 2 * i, 3, "%02x", md[i]);
    return 1;
}

/* ---- login ---- */

static const char *text_of(const json_t *login, const char *name)
{
    const char *text = json_string_value(json_object_get(login, name));

    return text != NULL ? text : "";
}

static int may_come_from(const struct user *user, const char *address)
{
    struct networks *networks;
    int may;

    if (user->address == NULL || *user->address == '\0')
        return 1;
    networks = networks_new(user->address);
    may = networks != NULL && networks_have(networks, address);
    networks_free(networks);
    return may;
}

/* What a stranger has sent goes into the log as plain characters. */
static void plain(char *out, size_t size, const char *text)
{
    size_t i;

    for (i = 0; i + 1 < size && text[i] != '\0'; i++)
        out[i] = isprint((unsigned char)text[i]) && text[i] != '"' ? text[i] : '?';
    out[i] = '\0';
}

static int tell(struct console *console, const struct user *user, json_t *told)
{
    char stamp[USER_STAMP];

    return user_stamp(console, user, stamp) &&
           json_object_set_new(told, "name", json_string(user->name)) == 0 &&
           json_object_set_new(told, "group", json_string(remote_group_names[user->group])) == 0 &&
           json_object_set_new(told, "stamp", json_string(stamp)) == 0;
}

/* An unknown user, and one who may not come, takes as long as one with a wrong password. */
static int check_password(struct console *console, const char *name, const char *password, struct user *user)
{
    int is_known = user_find(console, name, user);

    return store_verifier_matches(console_store(console), is_known ? user->verifier : NULL, password) == 1;
}

int user_login(struct console *console, const json_t *login, json_t *told)
{
    const char *name = text_of(login, "name"), *fingerprint = text_of(login, "certificate"),
               *address = text_of(login, "address");
    struct user user = {0};
    char shown[USER_NAME_MAX + 1], from[64], service[16];
    int ok;

    if (console_store(console) == NULL)
        return 0;
    if (*name == '\0' && *fingerprint != '\0')
        ok = find(&(struct search){.console = console, .fingerprint = fingerprint, .user = &user}) &&
             is_certificate_good(console, &user);
    else
        ok = check_password(console, name, text_of(login, "password"), &user);
    ok = ok && !user.is_disabled && may_come_from(&user, address);
    plain(shown, sizeof(shown), *name == '\0' && *fingerprint != '\0' ? fingerprint : name);
    plain(from, sizeof(from), address);
    plain(service, sizeof(service), text_of(login, "service"));
    if (!ok) {
        store_log(console->store, "system,error", "login failure for user %s from %s via %s", shown, from,
                  service);
        console_fail(console, "invalid user name or password");
    } else {
        ok = tell(console, &user, told);
        if (ok && json_is_true(json_object_get(login, "log")))
            store_log(console->store, "system,info", "user %s logged in from %s via %s", user.name, from,
                      service);
    }
    user_clear(&user);
    return ok;
}
