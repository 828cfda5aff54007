// SPDX-License-Identifier: Apache-2.0
/* From a statement's words to a call: which menu, which command, which parameter each word is. */
#include "console.h"

#include <string.h>

const struct print_name console_print_names[] = {
    {"detail", PRINT_DETAIL, "every property of each item"},
    {"brief", PRINT_BRIEF, "a table, also where there is little to show"},
    {"terse", PRINT_TERSE, "one line an item, for scripts"},
    {"value-list", PRINT_VALUE_LIST, "one line a property"},
    {"count-only", PRINT_COUNT_ONLY, "how many there are"},
    {"as-value", PRINT_AS_VALUE, "one line for all: .id=*1;name=…"},
    {"as-json", PRINT_AS_JSON, "JSON (RFC 8259): an array of objects with texts"},
    {"show-ids", PRINT_SHOW_IDS, "ids, which never change, instead of numbers"},
    {"without-paging", PRINT_WITHOUT_PAGING, "as it is: nothing here pages"},
    {"", 0, NULL},
};

/* ---- errors at a word ---- */

static int fail_at(struct console *console, const struct word *word, const char *what, const char *text)
{
    return console_fail(console, "%s%s%.64s (line %d column %d)", what, *text != '\0' ? " " : "", text,
                        word->line, word->column);
}

/* ---- arguments ---- */

void call_clear(struct call *call)
{
    size_t i;

    for (i = 0; i < call->count; i++)
        OPENSSL_clear_free(call->arguments[i].text, strlen(call->arguments[i].text));
    OPENSSL_free(call->arguments);
    OPENSSL_free(call->ids);
    OPENSSL_free(call->proplist);
    where_free(call->where);
}

static int add_argument(struct call *call, const struct property *property, char *text)
{
    struct argument *arguments;
    size_t i;

    for (i = 0; i < call->count; i++) {
        if (call->arguments[i].property == property) {
            OPENSSL_clear_free(text, strlen(text));
            return console_fail(call->console, "%s is given twice", property->name);
        }
    }
    arguments = OPENSSL_realloc(call->arguments, (call->count + 1) * sizeof(*arguments));
    if (arguments == NULL) {
        OPENSSL_clear_free(text, strlen(text));
        return console_fail(call->console, "out of memory");
    }
    call->arguments = arguments;
    arguments[call->count++] = (struct argument){property, text};
    return 1;
}

const char *call_text(const struct call *call, const char *name)
{
    size_t i;

    for (i = 0; i < call->count; i++) {
        if (strcmp(call->arguments[i].property->name, name) == 0)
            return call->arguments[i].text;
    }
    return NULL;
}

int64_t call_certificate(struct call *call, const char *name)
{
    const char *text = call_text(call, name);
    int64_t *ids = NULL, id;
    size_t count = 0;

    if (text == NULL || *text == '\0' || strcmp(text, "none") == 0)
        return 0;
    if (!items_resolve(call->console, &menu_certificate, text, COMMAND_SINGLE, &ids, &count))
        return -1;
    id = ids[0];
    OPENSSL_free(ids);
    return id;
}

/* The value of a word: its text, or the result of what is in brackets. The caller's. */
static char *word_text(struct console *console, const struct word *word)
{
    char *result = NULL;

    if (word->sub == NULL)
        return OPENSSL_strdup(word->text);
    if (!console_run(console, word->sub, 1, &result))
        return NULL;
    return result != NULL ? result : OPENSSL_strdup("");
}

/* The same to be checked: from here on messages about values name this word. */
static char *word_value(struct console *console, const struct word *word)
{
    char *text = word_text(console, word);

    console->word = word;
    return text;
}

static const struct property *find_parameter(const struct call *call, const char *name, int *is_ambiguous)
{
    const struct command *command = call->command;
    const struct property *found = property_find(command->parameters, name, 0, is_ambiguous);

    if (found == NULL && !*is_ambiguous && (command->flags & (COMMAND_ADD | COMMAND_SET)))
        found = property_find(call->menu->properties, name,
                              command->flags & COMMAND_ADD ? PROP_ADD : PROP_SET, is_ambiguous);
    return found;
}

static int take_items(struct call *call, char *text)
{
    int ok;

    if (call->has_ids) {
        OPENSSL_free(text);
        return console_fail(call->console, "numbers is given twice");
    }
    call->has_ids = 1;
    ok = items_resolve(call->console, call->menu, text, call->command->flags, &call->ids, &call->ids_count);
    OPENSSL_free(text);
    return ok;
}

static int take_pair(struct call *call, const struct word *word)
{
    int is_ambiguous = 0;
    const struct property *property;
    char *text, *canonical = NULL;

    if (strcmp(word->op, "=") != 0)
        return fail_at(call->console, word, "syntax error at", word->name);
    if ((call->command->flags & COMMAND_ITEMS) &&
        (strcmp(word->name, "numbers") == 0 || strcmp(word->name, "number") == 0 ||
         strcmp(word->name, ".id") == 0 || strcmp(word->name, "from") == 0)) {
        text = word_value(call->console, word);
        return text != NULL && take_items(call, text);
    }
    if ((call->command->flags & COMMAND_PRINT) && strcmp(word->name, "proplist") == 0) {
        OPENSSL_free(call->proplist);
        call->proplist = word_text(call->console, word);
        return call->proplist != NULL;
    }
    property = find_parameter(call, word->name, &is_ambiguous);
    if (property == NULL)
        return fail_at(call->console, word, is_ambiguous ? "ambiguous parameter" : "unknown parameter",
                       word->name);
    text = word_value(call->console, word);
    if (text == NULL || !value_check(call->console, property, text, &canonical)) {
        if (text != NULL)
            OPENSSL_clear_free(text, strlen(text));
        return 0;
    }
    OPENSSL_clear_free(text, strlen(text));
    return add_argument(call, property, canonical);
}

int call_take(struct call *call, const char *name, char *text)
{
    static const char *const numbers[] = {"numbers", "number", ".id", "from", NULL};
    const struct property *property;
    char *canonical = NULL;
    int is_ambiguous = 0, ok;
    size_t i;

    for (i = 0; (call->command->flags & COMMAND_ITEMS) && numbers[i] != NULL; i++) {
        if (strcmp(name, numbers[i]) == 0)
            return take_items(call, text);
    }
    property = find_parameter(call, name, &is_ambiguous);
    if (property == NULL || strcmp(property->name, name) != 0)
        ok = console_fail(call->console, "unknown parameter %.64s", name);
    else
        ok = value_check(call->console, property, text, &canonical);
    OPENSSL_clear_free(text, strlen(text));
    return ok && add_argument(call, property, canonical);
}

static int take_print_word(struct call *call, const struct word *word, int *is_taken)
{
    const struct print_name *name, *found = NULL;
    size_t len = strlen(word->text), count = 0;

    for (name = console_print_names; name->name[0] != '\0'; name++) {
        if (strncmp(name->name, word->text, len) == 0) {
            found = name;
            count++;
            if (name->name[len] == '\0') {
                count = 1;
                break;
            }
        }
    }
    if (count > 1)
        return fail_at(call->console, word, "ambiguous word", word->text);
    *is_taken = count == 1;
    if (count == 1)
        call->print |= found->bit;
    return 1;
}

/* A word without a name: an option of print, the items, or the command's first parameter that is needed. */
static int take_bare(struct call *call, const struct word *word)
{
    const struct property *property;
    unsigned flags = call->command->flags;
    int is_taken = 0;
    char *text;

    if ((flags & COMMAND_PRINT) && word->text != NULL && !word->is_quoted) {
        if (!take_print_word(call, word, &is_taken))
            return 0;
        if (is_taken)
            return 1;
    }
    if ((flags & COMMAND_ITEMS) && call->menu->kind == MENU_ITEMS && !call->has_ids) {
        text = word_value(call->console, word);
        return text != NULL && take_items(call, text);
    }
    for (property = call->command->parameters; property != NULL && property->name[0] != '\0'; property++) {
        if ((property->flags & PROP_NEEDED) && call_text(call, property->name) == NULL) {
            char *canonical = NULL;
            int ok;

            text = word_value(call->console, word);
            ok = text != NULL && value_check(call->console, property, text, &canonical);
            OPENSSL_free(text);
            return ok && add_argument(call, property, canonical);
        }
    }
    return fail_at(call->console, word, "expected end of command, not",
                   word->text != NULL ? word->text : "a bracket");
}

static int check_needed(struct call *call, const struct property *properties, unsigned flags)
{
    const struct property *property;

    for (property = properties; property != NULL && property->name[0] != '\0'; property++) {
        if ((property->flags & PROP_NEEDED) && (flags == 0 || (property->flags & flags)) &&
            call_text(call, property->name) == NULL)
            return console_fail(call->console, "missing value(s) of argument(s) %s", property->name);
    }
    return 1;
}

static int bind(struct call *call, const struct statement *statement, size_t first)
{
    const struct command *command = call->command;
    size_t i;

    for (i = first; i < statement->count; i++) {
        const struct word *word = &statement->words[i];

        if (word->kind == WORD_BARE && !word->is_quoted && word->text != NULL &&
            strcmp(word->text, "where") == 0 && (command->flags & COMMAND_WHERE)) {
            call->where = where_parse(call->console, call->menu, statement, i + 1);
            if (call->where == NULL)
                return 0;
            break;
        }
        /* find takes its conditions without "where", too. */
        if ((command->flags & COMMAND_WHERE) && !(command->flags & COMMAND_PRINT) &&
            word->kind != WORD_BARE) {
            call->where = where_parse(call->console, call->menu, statement, i);
            if (call->where == NULL)
                return 0;
            break;
        }
        if (word->kind == WORD_PAIR   ? !take_pair(call, word)
            : word->kind == WORD_BARE ? !take_bare(call, word)
                                      : !fail_at(call->console, word, "syntax error", ""))
            return 0;
    }
    return call_check(call);
}

int call_check(struct call *call)
{
    const struct command *command = call->command;

    if ((command->flags & COMMAND_ITEMS) && !call->has_ids && !(command->flags & COMMAND_OPTIONAL) &&
        call->menu->kind == MENU_ITEMS)
        return console_fail(call->console, "missing value(s) of argument(s) numbers");
    return check_needed(call, command->parameters, 0) &&
           (!(command->flags & COMMAND_ADD) || check_needed(call, call->menu->properties, PROP_ADD));
}

/* ---- menu and command ---- */

struct place {
    const struct menu *menu;
    const struct command *command;
    size_t next; /* word behind the command */
};

/* One part of a path, or a word: "..", a menu, or a command. 0: an error was said. */
static int step(struct console *console, struct place *place, const struct word *word, const char *part)
{
    const struct command *command;
    const struct menu *menu;
    int is_ambiguous;

    if (place->command != NULL)
        return fail_at(console, word, "expected end of command, not", part);
    if (strcmp(part, "..") == 0) {
        place->menu = menu_parent(place->menu);
        return 1;
    }
    if (!menu_resolve(place->menu, part, &menu, &command, &is_ambiguous))
        return fail_at(console, word, is_ambiguous ? "ambiguous command name" : "bad command name", part);
    if (menu != NULL)
        place->menu = menu;
    place->command = command;
    return 1;
}

static int step_path(struct console *console, struct place *place, const struct word *word)
{
    const char *text = word->text;

    if (*text == '/')
        place->menu = console_menus[0];
    while (*text != '\0') {
        char part[64];
        size_t len;

        text += strspn(text, "/");
        len = strcspn(text, "/");
        if (len >= sizeof(part))
            return fail_at(console, word, "bad command name", text);
        memcpy(part, text, len);
        part[len] = '\0';
        if (len > 0 && !step(console, place, word, part))
            return 0;
        text += len;
    }
    return 1;
}

static int is_question(const struct word *word)
{
    return word->kind == WORD_BARE && !word->is_quoted && word->text != NULL && strcmp(word->text, "?") == 0;
}

static int find_place(struct console *console, const struct statement *statement, struct place *place)
{
    *place = (struct place){.menu = console->menu};
    for (; place->next < statement->count && place->command == NULL; place->next++) {
        const struct word *word = &statement->words[place->next];

        if (word->kind != WORD_BARE || word->text == NULL || word->is_quoted)
            return fail_at(console, word, "expected command name", "");
        if (is_question(word))
            break;
        if (!step_path(console, place, word))
            return 0;
    }
    return 1;
}

static int run_command(struct console *console, const struct statement *statement, const struct place *place,
                       int is_nested, char **result)
{
    const struct menu *before = console->menu;
    struct call call = {
        .console = console, .menu = place->menu, .command = place->command, .is_nested = is_nested};
    int ok;

    if (place->command->not_yet != NULL)
        return console_fail(console, "not yet: %s", place->command->not_yet);
    console->menu = place->menu; /* what brackets begin in */
    ok = bind(&call, statement, place->next);
    console->word = NULL;
    ok = ok && place->command->run(&call);
    console->menu = before;
    if (ok && call.result != NULL && result != NULL)
        *result = call.result;
    else
        OPENSSL_free(call.result);
    call_clear(&call);
    return ok;
}

int console_run(struct console *console, const struct statement *statement, int is_nested, char **result)
{
    struct place place;

    if (!find_place(console, statement, &place))
        return 0;
    if (statement->count > 0 && is_question(&statement->words[statement->count - 1])) {
        if (place.command != NULL)
            help_command(console, place.menu, place.command);
        else
            help_menu(console, place.menu);
        return 1;
    }
    if (place.command != NULL)
        return run_command(console, statement, &place, is_nested, result);
    if (is_nested)
        return console_fail(console, "expected command name (line %d column %d)", statement->line,
                            statement->column);
    console->menu = place.menu;
    return 1;
}
