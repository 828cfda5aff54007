// SPDX-License-Identifier: Apache-2.0
/* What is bound to which service, as the store keeps it. */
#include "private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const binding_names[BINDING_FIELDS] = {
    [BINDING_SERVICE] = "service",   [BINDING_PARAMETERS] = "parameters", [BINDING_OWNER] = "owner",
    [BINDING_DISABLED] = "disabled", [BINDING_STATUS] = "status",         [BINDING_ERROR] = "last-error",
    [BINDING_SINCE] = "since",       [BINDING_NEXT_TRY] = "next-try",     [BINDING_FAILURES] = "failures",
};

int bindings_raise(struct bindings_host *host, const char *format, ...)
{
    char text[WHY_MAX + 200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    host->error(host->arg, text);
    return 0;
}

/* ---- reading ---- */

static void take(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct binding *binding = arg;
    size_t i;

    if (strcmp(name, "certificate") == 0) {
        binding->certificate = certificate;
        return;
    }
    for (i = 0; i < BINDING_FIELDS; i++) {
        if (strcmp(name, binding_names[i]) != 0)
            continue;
        OPENSSL_free(binding->text[i]);
        binding->text[i] = OPENSSL_strdup(value);
    }
}

static int take_cert_name(struct store *store, struct binding *binding)
{
    struct store_cert *cert = store_cert_get(store, &(struct store_query){.id = binding->certificate});

    OPENSSL_free(binding->name);
    binding->name = cert != NULL ? OPENSSL_strdup(cert->text[STORE_NAME]) : NULL;
    store_cert_free(cert);
    return binding->name != NULL;
}

static void menu_of(int64_t id, char *menu, size_t size)
{
    snprintf(menu, size, BINDINGS_MENU "*%" PRId64, id);
}

struct binding *binding_get(struct store *store, int64_t id)
{
    struct binding *binding = OPENSSL_zalloc(sizeof(*binding));
    char menu[64];
    size_t i;
    int ok = binding != NULL;

    menu_of(id, menu, sizeof(menu));
    if (ok) {
        binding->id = id;
        binding->name = OPENSSL_strdup("");
        for (i = 0; i < BINDING_FIELDS; i++)
            binding->text[i] = OPENSSL_strdup("");
        ok = binding->name != NULL && store_setting_each(store, menu, take, binding) &&
             (binding->certificate == 0 || take_cert_name(store, binding));
        for (i = 0; i < BINDING_FIELDS; i++)
            ok = ok && binding->text[i] != NULL;
    }
    if (ok)
        return binding;
    binding_free(binding);
    return NULL;
}

void binding_free(struct binding *binding)
{
    size_t i;

    if (binding == NULL)
        return;
    for (i = 0; i < BINDING_FIELDS; i++)
        OPENSSL_free(binding->text[i]);
    OPENSSL_free(binding->name);
    OPENSSL_free(binding);
}

int bindings_each(struct store *store, int (*each)(void *arg, int64_t id), void *arg)
{
    return store_entry_each(store, BINDINGS_MENU, each, arg);
}

struct search {
    struct store *store;
    const char *owner;
    int64_t id;
};

static int is_owners(void *arg, int64_t id)
{
    struct search *search = arg;
    struct binding *binding = binding_get(search->store, id);

    if (binding != NULL && strcmp(binding->text[BINDING_OWNER], search->owner) == 0)
        search->id = id;
    binding_free(binding);
    return search->id == 0;
}

int64_t binding_find(struct store *store, const char *owner)
{
    struct search search = {store, owner, 0};

    return bindings_each(store, is_owners, &search) ? search.id : -1;
}

/* ---- writing ---- */

int binding_set(struct store *store, int64_t id, enum binding_field field, const char *value)
{
    char menu[64];

    menu_of(id, menu, sizeof(menu));
    return *value != '\0' ? store_setting_set(store, menu, binding_names[field], value, 0)
                          : store_setting_remove(store, menu, binding_names[field]);
}

static int set_certificate(struct store *store, int64_t id, int64_t certificate)
{
    struct store_cert *cert =
        certificate != 0 ? store_cert_get(store, &(struct store_query){.id = certificate}) : NULL;
    char menu[64];
    int ok;

    menu_of(id, menu, sizeof(menu));
    ok = certificate == 0
             ? store_setting_remove(store, menu, "certificate")
             : cert != NULL && store_setting_set(store, menu, "certificate", cert->text[STORE_NAME], 1);
    store_cert_free(cert);
    return ok;
}

int bindings_keep(struct bindings_host *host, const char *owner, const char *service, int64_t certificate,
                  const char *parameters, int is_disabled, int64_t *id)
{
    struct store *store = host->store;
    int ok;

    if (!store_begin(store))
        return 0;
    *id = binding_find(store, owner);
    if (*id == 0)
        *id = store_entry_add(store, BINDINGS_MENU);
    ok = *id > 0 && set_certificate(store, *id, certificate) &&
         binding_set(store, *id, BINDING_OWNER, owner) && binding_set(store, *id, BINDING_SERVICE, service) &&
         binding_set(store, *id, BINDING_PARAMETERS, parameters) &&
         binding_set(store, *id, BINDING_DISABLED, is_disabled ? "yes" : "");
    return store_end(store, ok);
}

/* ---- checks ---- */

struct paths {
    struct store *store;
    int64_t id;
    char *list; /* with commas around each */
    int64_t other;
};

/* ",/a,/b,"; the caller's. NULL with why. */
static char *list_paths(struct store *store, int64_t id, const char *name, const char *parameters, char *why,
                        size_t size)
{
    struct service *service = service_load(store, name, why, size);
    struct values values = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *list = NULL;
    size_t i;
    int ok = service != NULL && bio != NULL &&
             values_take(&values, service, parameters, store_home(store), id, why, size) &&
             BIO_puts(bio, ",") > 0;

    for (i = 0; ok && i < service->files_count; i++) {
        char *path = values_expand(&values, service->files[i].path);

        ok = path != NULL && BIO_printf(bio, "%s,", path) > 0;
        OPENSSL_free(path);
    }
    if (ok) {
        long len = BIO_get_mem_data(bio, &data);

        list = OPENSSL_strndup(data, (size_t)len);
    }
    BIO_free(bio);
    values_clear(&values);
    service_free(service);
    return list;
}

static int is_shared(const char *a, const char *b)
{
    char path[VALUE_MAX + 2];

    for (a++; *a != '\0'; a += strcspn(a, ",") + 1) {
        snprintf(path, sizeof(path), ",%.*s,", (int)strcspn(a, ","), a);
        if (strstr(b, path) != NULL)
            return 1;
    }
    return 0;
}

static int compare(void *arg, int64_t id)
{
    struct paths *paths = arg;
    struct binding *binding = id != paths->id ? binding_get(paths->store, id) : NULL;
    char why[WHY_MAX] = "", *list = NULL;

    if (binding != NULL)
        list = list_paths(paths->store, id, binding->text[BINDING_SERVICE], binding->text[BINDING_PARAMETERS],
                          why, sizeof(why));
    if (list != NULL && is_shared(paths->list, list))
        paths->other = id;
    OPENSSL_free(list);
    binding_free(binding);
    return paths->other == 0;
}

int bindings_check(struct bindings_host *host, int64_t id, const char *service, const char *parameters)
{
    struct paths paths = {host->store, id, NULL, 0};
    char why[WHY_MAX] = "out of memory";
    int ok;

    paths.list = list_paths(host->store, id, service, parameters, why, sizeof(why));
    if (paths.list == NULL)
        return bindings_raise(host, "%s", why);
    ok = bindings_each(host->store, compare, &paths);
    OPENSSL_free(paths.list);
    return ok && (paths.other == 0 ||
                  bindings_raise(host,
                                 "binding *%" PRIX64 " writes the same files: give this one a folder of its "
                                 "own, or change that one's certificate",
                                 (uint64_t)paths.other));
}

char *bindings_files(struct store *store, const struct binding *binding)
{
    char why[WHY_MAX] = "";
    char *list = list_paths(store, binding->id, binding->text[BINDING_SERVICE],
                            binding->text[BINDING_PARAMETERS], why, sizeof(why)),
         *result = NULL;

    if (list != NULL)
        result = OPENSSL_strndup(list + 1, strlen(list) - (strlen(list) > 1 ? 2 : 1));
    OPENSSL_free(list);
    return result;
}

void bindings_remove_files(struct store *store, const struct binding *binding)
{
    const struct plan plan = {.home = store_home(store), .id = binding->id};
    char *list = bindings_files(store, binding), *path, *state = NULL, why[WHY_MAX];

    if (plan_is_pending(&plan))
        plan_restore(&plan, why, sizeof(why)); /* as far as it goes */
    plan_sweep(&plan);
    for (path = list != NULL ? strtok_r(list, ",", &state) : NULL; path != NULL;
         path = strtok_r(NULL, ",", &state)) {
        if (value_is_good(VALUE_PATH, path))
            file_remove_below(path, plan.home);
    }
    OPENSSL_free(list);
}
