// SPDX-License-Identifier: Apache-2.0
/* print for programs: rows of texts, of what the user's group may see. */
#include "remote.h"

#include "answer.h"

#include <string.h>

/* Bytes of names and values. More than that at once is asked for with a query or a proplist. */
#define ROWS_MAX (12 << 20)

struct collect {
    struct call *call;
    const char *proplist;
    struct query *query;
    enum remote_group group;
    json_t *rows;
    size_t bytes;
    int ok;
};

static int is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);

    if (list == NULL)
        return 1;
    while (*list != '\0') {
        size_t part = strcspn(list, ",");

        if (part == len && strncmp(list, name, len) == 0)
            return 1;
        list += part;
        list += *list == ',';
    }
    return 0;
}

char *remote_value(struct console *console, const struct menu *menu, struct item *item,
                   const struct property *property, enum remote_group group)
{
    char *value;

    if (property->type == TYPE_SECRET || ((property->flags & PROP_HIDDEN) && group < REMOTE_FULL))
        return NULL;
    value = menu->value(console, menu, item, property);
    if (value != NULL && property_is_left_out(property, value)) {
        OPENSSL_free(value);
        return NULL;
    }
    if (value != NULL && property->type == TYPE_BOOL) {
        int is_yes = strcmp(value, "yes") == 0;

        OPENSSL_free(value);
        value = OPENSSL_strdup(is_yes ? "true" : "false");
    }
    return value;
}

static void put(struct collect *collect, json_t *row, const char *name, const char *value)
{
    json_t *text = answer_text(value);

    collect->bytes += strlen(name) + strlen(value) + 6;
    collect->ok = collect->ok && text != NULL && json_object_set_new(row, name, text) == 0;
}

static json_t *make_row(struct collect *collect, struct item *item)
{
    const struct menu *menu = collect->call->menu;
    struct console *console = collect->call->console;
    const struct property *property;
    const struct flag *flag;
    json_t *row = json_object();
    char *value;

    if (item != NULL && is_listed(collect->proplist, ".id")) {
        value = value_of_id(item->id);
        if (value != NULL)
            put(collect, row, ".id", value);
        OPENSSL_free(value);
    }
    for (property = menu->properties; property->name[0] != '\0'; property++) {
        if (!is_listed(collect->proplist, property->name))
            continue;
        value = remote_value(console, menu, item, property, collect->group);
        if (value != NULL) {
            put(collect, row, property->name, value);
            OPENSSL_clear_free(value, strlen(value));
        }
    }
    for (flag = item != NULL ? menu->flags : NULL; flag != NULL && flag->letter != 0; flag++) {
        if (is_listed(collect->proplist, flag->name) && json_object_get(row, flag->name) == NULL)
            put(collect, row, flag->name, item_flags(console, menu, item) & flag->bit ? "true" : "false");
    }
    return row;
}

static int collect_item(void *arg, struct item *item)
{
    struct collect *collect = arg;

    if (item != NULL && !query_matches(collect->query, collect->call->console, item))
        return !console_interrupted;
    collect->ok = collect->ok && json_array_append_new(collect->rows, make_row(collect, item)) == 0;
    if (collect->ok && collect->bytes > ROWS_MAX)
        collect->ok =
            console_fail(collect->call->console,
                         "%s has more than %d MiB to show: ask with a query, or for some properties",
                         collect->call->menu->path, ROWS_MAX >> 20);
    return collect->ok && !console_interrupted;
}

/* Named items, or those that an index can serve. */
static int each(struct collect *collect)
{
    struct call *call = collect->call;
    struct hint hint = {0};
    size_t i;

    if (!call->has_ids) {
        query_hint(collect->query, &hint);
        return call->menu->each(call->console, call->menu, &hint, collect_item, collect);
    }
    for (i = 0; i < call->ids_count && collect->ok; i++) {
        hint.id = call->ids[i];
        if (!call->menu->each(call->console, call->menu, &hint, collect_item, collect))
            return 0;
    }
    return 1;
}

json_t *remote_rows(struct call *call, const char *proplist, struct query *query, enum remote_group group)
{
    struct collect collect = {
        .call = call, .proplist = proplist, .query = query, .group = group, .rows = json_array(), .ok = 1};

    if (call->menu->kind == MENU_SETTINGS)
        collect_item(&collect, NULL);
    else
        collect.ok = each(&collect) && collect.ok;
    if (collect.ok && console_interrupted)
        collect.ok = console_fail(call->console, "interrupted");
    if (collect.ok)
        return collect.rows;
    json_decref(collect.rows);
    return NULL;
}
