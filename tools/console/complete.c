// SPDX-License-Identifier: Apache-2.0
/* Completion: what could stand at the end of a line. Works on unfinished text, so it splits words itself. */
#include "console.h"

#include <string.h>

struct completion {
    struct console *console;
    void (*fn)(void *arg, const char *word, const char *help);
    void *arg;
    const char *prefix; /* what has been typed of the last word */
    size_t prefix_len;
};

static void offer(const struct completion *c, const char *word, const char *help)
{
    if (strncmp(word, c->prefix, c->prefix_len) == 0)
        c->fn(c->arg, word, help);
}

static void offer_menu(const struct completion *c, const struct menu *menu)
{
    const struct command *command;
    size_t i;

    for (i = 0; console_menus[i] != NULL; i++) {
        if (menu_is_child(console_menus[i], menu))
            offer(c, menu_name(console_menus[i]), console_menus[i]->help);
    }
    for (i = 0; (command = menu_command(menu, i)) != NULL; i++)
        offer(c, command->name, command->help);
}

struct names {
    const struct completion *completion;
    const struct menu *menu;
    const struct property *property;
    int count;
};

static int offer_item(void *arg, struct item *item)
{
    struct names *names = arg;
    struct console *console = names->completion->console;
    char *name = names->menu->value(console, names->menu, item, names->property);

    if (name != NULL && *name != '\0')
        offer(names->completion, name, NULL);
    OPENSSL_free(name);
    return ++names->count < 10000;
}

static void offer_items(const struct completion *c, const struct menu *menu)
{
    int is_ambiguous;
    struct names names = {c, menu, property_find(menu->properties, "name", 0, &is_ambiguous), 0};

    if (names.property != NULL && menu->kind == MENU_ITEMS)
        menu->each(c->console, menu, &(struct hint){0}, offer_item, &names);
}

static void offer_values(struct completion *c, const struct property *property)
{
    size_t i, skip;

    if (property->type == TYPE_BOOL) {
        offer(c, "yes", NULL);
        offer(c, "no", NULL);
    } else if (property->type == TYPE_CERTIFICATE) {
        offer_items(c, &menu_certificate);
    } else if (property->type == TYPE_FILE) {
        offer_items(c, &menu_file);
    } else if (property->values != NULL) {
        /* Of a list, the part behind the last comma; the word offered is the whole list. */
        for (skip = c->prefix_len; skip > 0 && c->prefix[skip - 1] != ','; skip--)
            continue;
        for (i = 0; property->values[i] != NULL; i++) {
            char whole[1024];

            snprintf(whole, sizeof(whole), "%.*s%s", (int)skip, c->prefix, property->values[i]);
            offer(c, whole, NULL);
        }
    }
}

/* Offers "name=". */
static void offer_property(const struct completion *c, const struct property *property)
{
    char word[80];

    snprintf(word, sizeof(word), "%s=", property->name);
    offer(c, word, property->help);
}

static const struct property *parameter(const struct menu *menu, const struct command *command,
                                        const char *name)
{
    int is_ambiguous;
    const struct property *found = property_find(command->parameters, name, 0, &is_ambiguous);

    if (found == NULL && (command->flags & (COMMAND_ADD | COMMAND_SET | COMMAND_WHERE)))
        found = property_find(menu->properties, name, 0, &is_ambiguous);
    return found;
}

static void offer_command(struct completion *c, const struct menu *menu, const struct command *command,
                          int is_where, int has_words)
{
    unsigned wanted = command->flags & COMMAND_ADD ? PROP_ADD : command->flags & COMMAND_SET ? PROP_SET : 0;
    const char *equals = memchr(c->prefix, '=', c->prefix_len);
    const struct property *property;
    const struct print_name *name;
    const struct flag *flag;

    if (equals != NULL) {
        char text[64];

        snprintf(text, sizeof(text), "%.*s", (int)(equals - c->prefix), c->prefix);
        property = parameter(menu, command, text);
        c->prefix_len -= (size_t)(equals + 1 - c->prefix);
        c->prefix = equals + 1;
        if (property != NULL)
            offer_values(c, property);
        return;
    }
    if (is_where) {
        for (flag = menu->flags; flag != NULL && flag->letter != 0; flag++)
            offer(c, flag->name, NULL);
        for (property = menu->properties; property != NULL && property->name[0] != '\0'; property++)
            offer(c, property->name, property->help);
        return;
    }
    if ((command->flags & COMMAND_ITEMS) && !(command->flags & COMMAND_PRINT) && !has_words)
        offer_items(c, menu);
    for (property = command->parameters; property != NULL && property->name[0] != '\0'; property++)
        offer_property(c, property);
    for (property = menu->properties; wanted != 0 && property != NULL && property->name[0] != '\0';
         property++) {
        if (property->flags & wanted)
            offer_property(c, property);
    }
    for (name = console_print_names; (command->flags & COMMAND_PRINT) && name->name[0] != '\0'; name++)
        offer(c, name->name, name->help);
    if (command->flags & COMMAND_PRINT)
        offer(c, "proplist=", NULL);
    if (command->flags & COMMAND_WHERE)
        offer(c, "where", NULL);
}

/* The beginning of the statement that the line ends with. */
static const char *last_statement(const char *line, const char *end)
{
    const char *start = line, *p;
    int is_quoted = 0;

    for (p = line; p < end; p++) {
        if (*p == '\\' && p + 1 < end)
            p++;
        else if (*p == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (*p == ';' || *p == '[' || *p == '\n'))
            start = p + 1;
    }
    return is_quoted ? NULL : start;
}

void complete_line(struct console *console, const char *line, size_t len,
                   void (*fn)(void *arg, const char *word, const char *help), void *arg)
{
    const char *end = line + len, *p = last_statement(line, end);
    struct completion c = {.console = console, .fn = fn, .arg = arg};
    const struct menu *menu = console->menu;
    const struct command *command = NULL;
    int is_where = 0, has_words = 0, is_ambiguous;

    if (p == NULL)
        return;
    while (1) {
        const char *start;
        char part[128];

        p += strspn(p, " \t");
        if (*p == '/' && command == NULL) {
            menu = console_menus[0];
            p++;
            continue;
        }
        start = p;
        while (p < end && *p != ' ' && *p != '\t' && (command != NULL || *p != '/'))
            p++;
        c.prefix = start;
        c.prefix_len = (size_t)(p - start);
        if (p == end)
            break;
        snprintf(part, sizeof(part), "%.*s", (int)c.prefix_len, start);
        if (command == NULL && strcmp(part, "..") == 0) {
            menu = menu_parent(menu);
        } else if (command == NULL) {
            const struct menu *next = menu_find(menu, part, &is_ambiguous);

            if (next == NULL && (command = menu_find_command(menu, part, &is_ambiguous)) == NULL)
                return;
            menu = next != NULL ? next : menu;
            if (next == NULL && *p == '/')
                return;
        } else {
            is_where = is_where || strcmp(part, "where") == 0;
            has_words = 1;
        }
        p++;
    }
    if (command == NULL)
        offer_menu(&c, menu);
    else
        offer_command(&c, menu, command, is_where, has_words);
}
