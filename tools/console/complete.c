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

#define NESTING 16

/* The beginning of the statement that the line ends with, behind the bracket that is still open if there is
 * one. NULL: within quotes, or nested too deep. */
static const char *last_statement(const char *line, const char *end)
{
    const char *starts[NESTING], *start = line, *p;
    size_t depth = 0;
    int is_quoted = 0;

    for (p = line; p < end; p++) {
        if (*p == '\\' && p + 1 < end) {
            p++;
        } else if (*p == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted) {
            continue;
        } else if (*p == ';' || *p == '\n') {
            start = p + 1;
        } else if (*p == '[') {
            if (depth == NESTING)
                return NULL;
            starts[depth++] = start;
            start = p + 1;
        } else if (*p == ']' && depth > 0) {
            start = starts[--depth];
        }
    }
    return is_quoted ? NULL : start;
}

/* The end of a word; within a command it may hold brackets, and in these blanks. */
static const char *word_end(const char *p, const char *end, int is_command)
{
    int depth = 0;

    for (; p < end; p++) {
        if (*p == '[')
            depth++;
        else if (*p == ']' && depth > 0)
            depth--;
        else if (depth == 0 && (*p == ' ' || *p == '\t' || (!is_command && *p == '/')))
            break;
    }
    return p;
}

/* Where in the tree of menus a line ends. */
struct place {
    const struct menu *menu;
    const struct command *command;
    int is_where, has_words;
};

/* Follows the words of the last statement. Returns 0 if nothing can be offered there. */
static int find_place(struct completion *c, const char *line, const char *end, struct place *place)
{
    const char *p = last_statement(line, end);
    int is_ambiguous;

    *place = (struct place){.menu = c->console->menu};
    if (p == NULL)
        return 0;
    /* What is in brackets begins in the menu of the command around it. */
    if (p > line && p[-1] == '[') {
        if (!find_place(c, line, p - 1, place))
            return 0;
        *place = (struct place){.menu = place->menu};
    }
    while (1) {
        char part[128];

        /* Not by strspn: the line may go on behind the cursor. */
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p < end && *p == '/' && place->command == NULL) {
            place->menu = console_menus[0];
            p++;
            continue;
        }
        c->prefix = p;
        p = word_end(p, end, place->command != NULL);
        c->prefix_len = (size_t)(p - c->prefix);
        if (p == end)
            return 1;
        snprintf(part, sizeof(part), "%.*s", (int)c->prefix_len, c->prefix);
        if (place->command == NULL && strcmp(part, "..") == 0) {
            place->menu = menu_parent(place->menu);
        } else if (place->command == NULL) {
            const struct menu *next;

            if (!menu_resolve(place->menu, part, &next, &place->command, &is_ambiguous) ||
                (*p == '/' && next == NULL))
                return 0;
            place->menu = next != NULL ? next : place->menu;
        } else {
            place->is_where = place->is_where || strcmp(part, "where") == 0;
            place->has_words = 1;
        }
        p++;
    }
}

void complete_line(struct console *console, const char *line, size_t len,
                   void (*fn)(void *arg, const char *word, const char *help), void *arg)
{
    struct completion c = {.console = console, .fn = fn, .arg = arg};
    struct place place;

    if (!find_place(&c, line, line + len, &place))
        return;
    if (place.command == NULL)
        offer_menu(&c, place.menu);
    else
        offer_command(&c, place.menu, place.command, place.is_where, place.has_words);
}
