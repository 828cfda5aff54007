// SPDX-License-Identifier: Apache-2.0
/* How menus that are only settings read and write them. */
#include "kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The menu's name in the store: with the item's id, if it has items. */
static void setting_menu(char *name, size_t size, const struct menu *menu, int64_t id)
{
    if (menu->kind == MENU_SETTINGS)
        snprintf(name, size, "%s", menu->path);
    else
        snprintf(name, size, "%s*%" PRId64, menu->path, id);
}

static const char *seed_value(const struct menu *menu, int64_t id, const char *property)
{
    const struct kept_seed *seed;

    for (seed = kept_seeds; seed->menu != NULL; seed++) {
        if (seed->menu == menu && seed->id == id && strcmp(seed->property, property) == 0)
            return seed->value;
    }
    return NULL;
}

char *kept_value(struct console *console, const struct menu *menu, const struct item *item,
                 const struct property *property)
{
    struct store *store = console_store(console);
    int64_t id = item != NULL ? item->id : 0;
    const char *initial = seed_value(menu, id, property->name);
    char name[128], *value;

    if (store == NULL)
        return NULL;
    setting_menu(name, sizeof(name), menu, id);
    value = store_setting_get(store, name, property->name);
    if (value != NULL)
        return value;
    if (initial == NULL)
        initial = property->initial != NULL ? property->initial : "";
    return OPENSSL_strdup(initial);
}

char *kept_time(struct console *console, const struct menu *menu, const struct item *item,
                const struct property *property)
{
    char *text = kept_value(console, menu, item, property);
    int64_t when = text != NULL ? strtoll(text, NULL, 10) : 0;

    OPENSSL_free(text);
    return when > 0 ? value_of_time(when) : NULL;
}

/* ---- items ---- */

struct walk {
    struct console *console;
    const struct menu *menu;
    const struct hint *hint;
    item_fn *fn;
    void *arg;
};

static int visit(void *arg, int64_t id)
{
    struct walk *walk = arg;
    struct item item = {.id = id};
    int is_ambiguous;

    if (walk->hint->id != 0 && walk->hint->id != id)
        return 1;
    if (walk->hint->name != NULL) {
        const struct property *property = property_find(walk->menu->properties, "name", 0, &is_ambiguous);
        char *name = property != NULL ? kept_value(walk->console, walk->menu, &item, property) : NULL;
        int is_wanted = name != NULL && strcmp(name, walk->hint->name) == 0;

        OPENSSL_free(name);
        if (!is_wanted)
            return 1;
    }
    return walk->fn(walk->arg, &item);
}

int kept_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
              void *arg)
{
    struct walk walk = {console, menu, hint, fn, arg};
    struct store *store = console_store(console);
    const struct kept_seed *seed;
    int64_t last = 0;

    if (store == NULL)
        return 0;
    for (seed = kept_seeds; seed->menu != NULL; seed++) {
        if (seed->menu == menu && seed->id != last && !visit(&walk, last = seed->id))
            return 1;
    }
    return store_entry_each(store, menu->path, visit, &walk);
}

unsigned kept_flags(struct console *console, const struct menu *menu, const struct item *item)
{
    const struct flag *flag;
    unsigned flags = 0;

    for (flag = menu->flags; flag != NULL && flag->letter != 0; flag++) {
        int is_ambiguous;
        const struct property *property = property_find(menu->properties, flag->name, 0, &is_ambiguous);
        char *value = property != NULL ? kept_value(console, menu, item, property) : NULL;

        if (value != NULL && strcmp(value, "yes") == 0)
            flags |= flag->bit;
        OPENSSL_free(value);
    }
    return flags;
}

static int set_one(struct call *call, const char *name, const struct argument *argument)
{
    struct store *store = console_store(call->console);
    int is_certificate = argument->property->type == TYPE_CERTIFICATE && *argument->text != '\0' &&
                         strcmp(argument->text, "none") != 0;
    struct store_cert *cert;
    int64_t id;
    int ok;

    if (!is_certificate)
        return store_setting_set(store, name, argument->property->name,
                                 argument->property->type == TYPE_CERTIFICATE ? "" : argument->text, 0);
    id = call_certificate(call, argument->property->name);
    if (id <= 0)
        return 0;
    cert = store_cert_get(store, &(struct store_query){.id = id});
    ok = cert != NULL && store_setting_set(store, name, argument->property->name, cert->text[STORE_NAME], 1);
    store_cert_free(cert);
    return ok;
}

int kept_set(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    char name[128], log[512] = "";
    size_t i;

    if (store == NULL)
        return 0;
    setting_menu(name, sizeof(name), call->menu, id);
    for (i = 0; i < call->count; i++) {
        if (!set_one(call, name, &call->arguments[i]))
            return 0;
        OPENSSL_strlcat(log, i > 0 ? ", " : "", sizeof(log));
        OPENSSL_strlcat(log, call->arguments[i].property->name, sizeof(log));
    }
    return store_log(store, "system,info", "%s: %s set", name, log);
}

int kept_add(struct call *call, int64_t *id)
{
    struct store *store = console_store(call->console);

    *id = store != NULL ? store_entry_add(store, call->menu->path) : 0;
    return *id != 0 && kept_set(call, *id);
}

int kept_remove(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    const struct kept_seed *seed;

    for (seed = kept_seeds; seed->menu != NULL; seed++) {
        if (seed->menu == call->menu && seed->id == id)
            return console_fail(call->console, "%s is always there and can't be removed", seed->value);
    }
    return store != NULL && store_entry_remove(store, call->menu->path, id);
}
