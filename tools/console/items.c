// SPDX-License-Identifier: Apache-2.0
/* Items by number, name and id, and the commands that all menus of items share. */
#include "console.h"

#include <inttypes.h>
#include <openssl/bio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX 100000

/* ---- lists of ids ---- */

struct ids {
    int64_t *ids;
    size_t count, size;
};

static int push(struct ids *list, int64_t id)
{
    if (list->count == list->size) {
        size_t size = list->size == 0 ? 16 : 2 * list->size;
        int64_t *ids = OPENSSL_realloc(list->ids, size * sizeof(*ids));

        if (ids == NULL)
            return 0;
        list->ids = ids;
        list->size = size;
    }
    list->ids[list->count++] = id;
    return 1;
}

static int push_item(void *arg, struct item *item)
{
    return push(arg, item->id);
}

int items_remember(struct console *console, const struct menu *menu, const int64_t *ids, size_t count)
{
    OPENSSL_free(console->numbers);
    console->numbers = count > 0 ? OPENSSL_memdup(ids, count * sizeof(*ids)) : NULL;
    console->numbers_count = console->numbers != NULL ? count : 0;
    console->numbers_menu = menu;
    return 1;
}

/* ---- one name, number or id ---- */

static int find_number(struct console *console, const struct menu *menu, const char *text, int64_t *id)
{
    struct ids all = {0};
    uint64_t number = strtoull(text, NULL, 10);
    int ok = 1;

    if (console->numbers_menu == menu) {
        if (number < console->numbers_count)
            *id = console->numbers[number];
        return 1;
    }
    ok = menu->each(console, menu, &(struct hint){0}, push_item, &all);
    if (ok && number < all.count)
        *id = all.ids[number];
    OPENSSL_free(all.ids);
    return ok;
}

struct prefix {
    struct console *console;
    const struct menu *menu;
    const char *text;
    int64_t id;
    int count;
    char *name;
};

static int match_prefix(void *arg, struct item *item)
{
    struct prefix *prefix = arg;
    int is_ambiguous;
    const struct property *property = property_find(prefix->menu->properties, "name", 0, &is_ambiguous);
    char *name = property != NULL ? prefix->menu->value(prefix->console, prefix->menu, item, property) : NULL;

    if (name != NULL && strncmp(name, prefix->text, strlen(prefix->text)) == 0) {
        prefix->id = item->id;
        prefix->count++;
        OPENSSL_free(prefix->name);
        prefix->name = name;
        name = NULL;
    }
    OPENSSL_free(name);
    return 1;
}

/* A beginning of a name is taken for the name only by set, which loses nothing, only if one item has it, and
 * it is said: "set router-tls name=router-tls" then means router-tls-new once router-tls is gone. */
static int find_prefix(struct console *console, const struct menu *menu, const char *text, int64_t *id)
{
    struct prefix prefix = {.console = console, .menu = menu, .text = text};
    int ok = menu->each(console, menu, &(struct hint){0}, match_prefix, &prefix);

    if (ok && prefix.count == 1) {
        console_note(console, "%s: taken for %s", text, prefix.name);
        *id = prefix.id;
    }
    OPENSSL_free(prefix.name);
    return ok;
}

static int resolve_one(struct console *console, const struct menu *menu, const char *text, unsigned flags,
                       struct ids *list)
{
    struct ids found = {0};
    int64_t id = 0;
    int ok = 1;

    if (text[0] == '*' && text[1] != '\0' && strspn(text + 1, "0123456789ABCDEFabcdef") == strlen(text + 1)) {
        struct hint hint = {.id = (int64_t)strtoull(text + 1, NULL, 16)};

        ok = menu->each(console, menu, &hint, push_item, &found);
        id = ok && found.count > 0 ? hint.id : 0;
    } else {
        ok = menu->each(console, menu, &(struct hint){.name = text}, push_item, &found);
        id = ok && found.count > 0 ? found.ids[0] : 0;
        if (console->answer != NULL)
            ; /* an item that has gone must not stand for another */
        else if (ok && id == 0 && strspn(text, "0123456789") == strlen(text))
            ok = find_number(console, menu, text, &id);
        else if (ok && id == 0 && (flags & COMMAND_SET))
            ok = find_prefix(console, menu, text, &id);
    }
    OPENSSL_free(found.ids);
    console->is_missing |= ok && id == 0;
    if (ok && id == 0)
        return console_fail_value(console, "no such item (%.64s) in %s", text, menu->path);
    return ok && (push(list, id) || console_fail(console, "out of memory"));
}

int items_resolve(struct console *console, const struct menu *menu, const char *text, unsigned flags,
                  int64_t **ids, size_t *count)
{
    struct ids list = {0};
    char *copy = OPENSSL_strdup(text), *next = copy, *one;
    int ok = copy != NULL;

    while (ok && (one = strsep(&next, ",;")) != NULL) {
        if (*one == '\0')
            continue;
        ok = list.count < NUMBERS_MAX ? resolve_one(console, menu, one, flags, &list)
                                      : console_fail_value(console, "too many items");
    }
    OPENSSL_free(copy);
    if (ok && (flags & COMMAND_SINGLE) && list.count != 1)
        ok = console_fail_value(console, "expected one item, got %zu", list.count);
    if (!ok) {
        OPENSSL_free(list.ids);
        return 0;
    }
    *ids = list.ids;
    *count = list.count;
    return 1;
}

/* ---- many ---- */

struct filter {
    struct call *call;
    item_fn *fn;
    void *arg;
    int is_stopped;
};

static int filter_item(void *arg, struct item *item)
{
    struct filter *filter = arg;
    struct call *call = filter->call;

    if (!where_matches(call->console, call->menu, call->where, item))
        return !console_interrupted;
    filter->is_stopped = !filter->fn(filter->arg, item);
    return !filter->is_stopped && !console_interrupted;
}

int items_each(struct call *call, item_fn *fn, void *arg)
{
    struct filter filter = {.call = call, .fn = fn, .arg = arg};
    const struct menu *menu = call->menu;
    struct hint hint = {0};
    size_t i;

    if (!call->has_ids) {
        where_hint(call->where, &hint);
        return menu->each(call->console, menu, &hint, filter_item, &filter);
    }
    for (i = 0; i < call->ids_count && !filter.is_stopped; i++) {
        hint.id = call->ids[i];
        if (!menu->each(call->console, menu, &hint, filter_item, &filter))
            return 0;
    }
    return 1;
}

static int count_item(void *arg, struct item *item)
{
    (void)item;
    ++*(int64_t *)arg;
    return 1;
}

int64_t items_count(struct console *console, const struct menu *menu)
{
    int64_t count = 0;

    return menu->each(console, menu, &(struct hint){0}, count_item, &count) ? count : -1;
}

/* ---- find, get ---- */

static int run_find(struct call *call)
{
    struct ids found = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    int ok = bio != NULL && items_each(call, push_item, &found);
    char *data = NULL;
    long len;
    size_t i;

    for (i = 0; ok && i < found.count; i++)
        BIO_printf(bio, "%s*%" PRIX64, i > 0 ? ";" : "", (uint64_t)found.ids[i]);
    len = ok ? BIO_get_mem_data(bio, &data) : 0;
    if (ok)
        call->result = len > 0 ? OPENSSL_strndup(data, (size_t)len) : OPENSSL_strdup("");
    BIO_free(bio);
    OPENSSL_free(found.ids);
    if (call->result != NULL && !call->is_nested && call->console->answer == NULL)
        puts(call->result);
    return call->result != NULL;
}

struct get {
    struct call *call;
    const struct property *property;
};

static int get_item(void *arg, struct item *item)
{
    struct get *get = arg;

    OPENSSL_free(get->call->result);
    get->call->result = get->call->menu->value(get->call->console, get->call->menu, item, get->property);
    return 1;
}

int items_run_get(struct call *call)
{
    const char *name = call_text(call, "value-name");
    struct get get = {.call = call};
    int is_ambiguous, ok = 1;

    get.property = property_find(call->menu->properties, name, 0, &is_ambiguous);
    if (get.property == NULL)
        return console_fail(call->console, "%s has no property %.64s", call->menu->path, name);
    if (call->menu->kind == MENU_SETTINGS)
        get_item(&get, NULL);
    else
        ok = items_each(call, get_item, &get);
    if (ok && !call->is_nested && call->console->answer == NULL)
        puts(call->result != NULL ? call->result : "");
    return ok;
}

/* ---- add, set, remove, enable, disable ---- */

/* A command that changes several items changes all of them or none. */
static int in_transaction(struct call *call, int (*work)(struct call *call))
{
    struct store *store = console_store(call->console);

    if (store == NULL || !store_begin(store))
        return 0;
    if (!store_end(store, work(call)))
        return 0;
    if (call->menu->not_yet != NULL)
        console_note(call->console, "not yet: %s", call->menu->not_yet);
    if (call->menu->changed != NULL)
        call->menu->changed(call);
    return 1;
}

static int add_work(struct call *call)
{
    int64_t id = 0;

    if (!call->menu->add(call, &id))
        return 0;
    call->result = value_of_id(id);
    return call->result != NULL;
}

static int run_add(struct call *call)
{
    return in_transaction(call, add_work);
}

static int set_work(struct call *call)
{
    size_t i;

    if (call->count == 0)
        return console_fail(call->console, "nothing to set");
    if (call->menu->kind == MENU_SETTINGS)
        return call->menu->set(call, 0);
    for (i = 0; i < call->ids_count; i++) {
        if (!call->menu->set(call, call->ids[i]))
            return 0;
    }
    return 1;
}

static int run_set(struct call *call)
{
    return in_transaction(call, set_work);
}

static int remove_work(struct call *call)
{
    size_t i;

    for (i = 0; i < call->ids_count; i++) {
        if (!call->menu->remove(call, call->ids[i]))
            return 0;
    }
    return 1;
}

static int run_remove(struct call *call)
{
    return in_transaction(call, remove_work);
}

static int switch_items(struct call *call, const char *value)
{
    int is_ambiguous;
    const struct property *property = property_find(call->menu->properties, "disabled", 0, &is_ambiguous);
    struct argument argument = {property, OPENSSL_strdup(value)};
    int ok;

    call->arguments = &argument;
    call->count = 1;
    ok = argument.text != NULL && in_transaction(call, set_work);
    OPENSSL_free(argument.text);
    call->arguments = NULL;
    call->count = 0;
    return ok;
}

static int run_enable(struct call *call)
{
    return switch_items(call, "no");
}

static int run_disable(struct call *call)
{
    return switch_items(call, "yes");
}

static const struct property get_parameters[] = {
    {"value-name", TYPE_TEXT, PROP_NEEDED, NULL, 0, 0, NULL, "the property", 0},
    {.name = ""},
};

const struct command items_commands[] = {
    {"print", COMMAND_PRINT | COMMAND_WHERE | COMMAND_ITEMS | COMMAND_OPTIONAL | COMMAND_READ, NULL,
     items_run_print, "shows items", NULL},
    {"find", COMMAND_WHERE | COMMAND_READ, NULL, run_find, "the ids of the items that match, for brackets",
     NULL},
    {"get", COMMAND_ITEMS | COMMAND_SINGLE | COMMAND_READ, get_parameters, items_run_get,
     "one property of one item", NULL},
    {"add", COMMAND_ADD, NULL, run_add, "adds an item", NULL},
    {"set", COMMAND_ITEMS | COMMAND_SET, NULL, run_set, "changes properties", NULL},
    {"remove", COMMAND_ITEMS, NULL, run_remove, "removes items", NULL},
    {"enable", COMMAND_ITEMS, NULL, run_enable, "switches items on", NULL},
    {"disable", COMMAND_ITEMS, NULL, run_disable, "switches items off", NULL},
    {"", 0, NULL, NULL, NULL, NULL},
};
