// SPDX-License-Identifier: Apache-2.0
/* print: collects what is to be shown. */
#include "console.h"

#include <inttypes.h>
#include <string.h>

struct collect {
    struct call *call;
    struct table table;
    int ok;
};

static int is_shown(const struct call *call, const struct property *property)
{
    if (call->proplist != NULL) {
        const char *p = call->proplist;
        size_t len = strlen(property->name);

        while (*p != '\0') {
            size_t part = strcspn(p, ",");

            if (part == len && strncmp(p, property->name, len) == 0)
                return 1;
            p += part;
            p += *p == ',';
        }
        return 0;
    }
    if (property->type == TYPE_SECRET && !(call->print & (PRINT_DETAIL | PRINT_TERSE)))
        return 0;
    return (call->print & (PRINT_DETAIL | PRINT_TERSE | PRINT_VALUE_LIST | PRINT_AS_VALUE | PRINT_AS_JSON)) ||
           call->menu->kind == MENU_SETTINGS || (property->flags & PROP_COLUMN);
}

static int choose_properties(struct collect *collect)
{
    const struct property *property;
    size_t n = 0;

    for (property = collect->call->menu->properties; property->name[0] != '\0'; property++)
        n++;
    collect->table.properties = OPENSSL_zalloc((n + 1) * sizeof(*collect->table.properties));
    if (collect->table.properties == NULL)
        return 0;
    for (property = collect->call->menu->properties; property->name[0] != '\0'; property++) {
        if (is_shown(collect->call, property))
            collect->table.properties[collect->table.properties_count++] = property;
    }
    if (collect->call->proplist != NULL && collect->table.properties_count == 0)
        return console_fail(collect->call->console, "proplist names no property of %s",
                            collect->call->menu->path);
    return 1;
}

static int collect_item(void *arg, struct item *item)
{
    struct collect *collect = arg;
    struct call *call = collect->call;
    struct table *table = &collect->table;
    struct row *row;
    size_t i;

    if ((table->rows_count & (table->rows_count - 1)) == 0) {
        size_t size = table->rows_count == 0 ? 1 : 2 * table->rows_count;
        struct row *rows = OPENSSL_realloc(table->rows, size * sizeof(*rows));

        if (rows == NULL)
            return collect->ok = 0;
        table->rows = rows;
    }
    row = &table->rows[table->rows_count];
    row->id = item != NULL ? item->id : 0;
    row->flags = item != NULL ? item_flags(call->console, call->menu, item) : 0;
    row->values = OPENSSL_zalloc((table->properties_count + 1) * sizeof(*row->values));
    if (row->values == NULL)
        return collect->ok = 0;
    table->rows_count++;
    for (i = 0; i < table->properties_count; i++)
        row->values[i] = call->menu->value(call->console, call->menu, item, table->properties[i]);
    return 1;
}

static void clear_table(struct table *table)
{
    size_t r, i;

    for (r = 0; r < table->rows_count; r++) {
        for (i = 0; i < table->properties_count; i++)
            OPENSSL_free(table->rows[r].values[i]);
        OPENSSL_free(table->rows[r].values);
    }
    OPENSSL_free(table->rows);
    OPENSSL_free(table->properties);
}

static int count_match(void *arg, struct item *item)
{
    (void)item;
    ++*(int64_t *)arg;
    return 1;
}

static int print_count(struct call *call)
{
    int64_t count = 0;
    char text[24];

    if (call->where == NULL && !call->has_ids && call->menu->count != NULL)
        count = call->menu->count(call->console, call->menu);
    else if (!items_each(call, count_match, &count))
        count = -1;
    if (count < 0)
        return 0;
    snprintf(text, sizeof(text), "%" PRId64, count);
    call->result = OPENSSL_strdup(text);
    if (!call->is_nested)
        puts(text);
    return call->result != NULL;
}

static int remember_rows(struct call *call, const struct table *table)
{
    int64_t *ids = OPENSSL_malloc((table->rows_count + 1) * sizeof(*ids));
    size_t i;

    if (ids == NULL)
        return console_fail(call->console, "out of memory");
    for (i = 0; i < table->rows_count; i++)
        ids[i] = table->rows[i].id;
    items_remember(call->console, call->menu, ids, table->rows_count);
    OPENSSL_free(ids);
    return 1;
}

static int show(struct call *call, const struct table *table)
{
    struct console *console = call->console;

    if (call->print & PRINT_AS_JSON)
        return format_json(console, table);
    if (call->is_nested || (call->print & PRINT_AS_VALUE)) {
        call->result = format_as_value(table);
        if (call->result != NULL && !call->is_nested)
            puts(call->result);
        return call->result != NULL;
    }
    if (call->print & PRINT_TERSE)
        format_terse(console, table, call->print);
    else if (call->menu->kind == MENU_SETTINGS || (call->print & PRINT_VALUE_LIST))
        format_value_list(console, table);
    else if (call->print & PRINT_DETAIL)
        format_detail(console, table, call->print);
    else
        format_table(console, table, call->print);
    return 1;
}

int items_run_print(struct call *call)
{
    struct collect collect = {.call = call, .table = {.menu = call->menu}, .ok = 1};
    int ok;

    if (call->menu->kind == MENU_ITEMS && (call->print & PRINT_COUNT_ONLY))
        return print_count(call);
    ok = choose_properties(&collect);
    if (ok && call->menu->kind == MENU_SETTINGS)
        collect_item(&collect, NULL);
    else if (ok)
        ok = items_each(call, collect_item, &collect);
    ok = ok && collect.ok;
    if (ok && console_interrupted)
        ok = console_fail(call->console, "interrupted");
    if (ok && call->menu->kind == MENU_ITEMS && !call->is_nested)
        ok = remember_rows(call, &collect.table);
    ok = ok && show(call, &collect.table);
    clear_table(&collect.table);
    return ok;
}
