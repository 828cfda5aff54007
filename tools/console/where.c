// SPDX-License-Identifier: Apache-2.0
/*
 * where: which items. Terms with "and" (also by standing side by side), "or", "!", parentheses; a term is a
 * property, an operator and a value, or the name of a flag or of a property that is yes or no.
 */
#include "console.h"

#include "tools/duration.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a regular expression. The C library descends for each parenthesis. */
#define PATTERN_MAX 1000

enum where_kind { WHERE_AND, WHERE_OR, WHERE_NOT, WHERE_FLAG, WHERE_COMPARE, WHERE_ID };

struct where {
    enum where_kind kind;
    struct where *left, *right;
    unsigned flag;
    const struct property *property;
    char op[3];
    char *text;
    regex_t regex;
    int has_regex;
};

struct reader {
    struct console *console;
    const struct menu *menu;
    const struct statement *statement;
    size_t at;
    int depth;
};

void where_free(struct where *where)
{
    if (where == NULL)
        return;
    where_free(where->left);
    where_free(where->right);
    if (where->has_regex)
        regfree(&where->regex);
    OPENSSL_free(where->text);
    OPENSSL_free(where);
}

/* ---- reading ---- */

static struct where *read_or(struct reader *reader);

static const struct word *peek(const struct reader *reader)
{
    return reader->at < reader->statement->count ? &reader->statement->words[reader->at] : NULL;
}

static int is_word(const struct word *word, const char *a, const char *b)
{
    return word != NULL && word->kind == WORD_BARE && !word->is_quoted && word->text != NULL &&
           (strcmp(word->text, a) == 0 || strcmp(word->text, b) == 0);
}

static struct where *where_new(enum where_kind kind, struct where *left, struct where *right)
{
    struct where *where = OPENSSL_zalloc(sizeof(*where));

    if (where == NULL) {
        where_free(left);
        where_free(right);
        return NULL;
    }
    where->kind = kind;
    where->left = left;
    where->right = right;
    return where;
}

static const struct flag *find_flag(const struct menu *menu, const char *name)
{
    const struct flag *flag;

    for (flag = menu->flags; flag != NULL && flag->letter != 0; flag++) {
        if (strcmp(flag->name, name) == 0 || (name[0] == flag->letter && name[1] == '\0'))
            return flag;
    }
    return NULL;
}

static struct where *unknown(struct reader *reader, const struct word *word, const char *name)
{
    console_fail(reader->console, "%s has no property or flag %.64s (line %d column %d)", reader->menu->path,
                 name, word->line, word->column);
    return NULL;
}

/* A flag, or a property that is yes or no. */
static struct where *read_bare(struct reader *reader, const struct word *word)
{
    const struct flag *flag = find_flag(reader->menu, word->text);
    const struct property *property;
    struct where *where;
    int is_ambiguous;

    if (flag != NULL) {
        where = where_new(WHERE_FLAG, NULL, NULL);
        if (where != NULL)
            where->flag = flag->bit;
        return where;
    }
    property = property_find(reader->menu->properties, word->text, 0, &is_ambiguous);
    if (property == NULL)
        return unknown(reader, word, word->text);
    where = where_new(WHERE_COMPARE, NULL, NULL);
    if (where != NULL) {
        where->property = property;
        strcpy(where->op, "=");
        where->text = OPENSSL_strdup("yes");
    }
    return where;
}

static int compile(struct reader *reader, struct where *where)
{
    char why[128];
    int error;

    if (strlen(where->text) > PATTERN_MAX)
        return console_fail(reader->console, "a regular expression has %d characters at most", PATTERN_MAX);
    error = regcomp(&where->regex, where->text, REG_EXTENDED | REG_NOSUB);
    where->has_regex = error == 0;
    if (error == 0)
        return 1;
    regerror(error, &where->regex, why, sizeof(why));
    return console_fail(reader->console, "\"%.64s\" is no regular expression: %s", where->text, why);
}

/* yes and true are the same, and no and false. */
static const char *plain(const struct property *property, const char *text)
{
    if (property != NULL && property->type == TYPE_BOOL)
        return strcmp(text, "true") == 0 ? "yes" : strcmp(text, "false") == 0 ? "no" : text;
    return text;
}

static struct where *read_compare(struct reader *reader, const struct word *word)
{
    const struct flag *flag = find_flag(reader->menu, word->name);
    const struct property *property = NULL;
    struct where *where;
    char *text = NULL;
    int is_ambiguous = 0;

    if (strcmp(word->name, ".id") != 0 && flag == NULL) {
        property = property_find(reader->menu->properties, word->name, 0, &is_ambiguous);
        if (property == NULL)
            return unknown(reader, word, word->name);
    }
    if (word->sub != NULL) {
        if (!console_run(reader->console, word->sub, 1, &text))
            return NULL;
    } else {
        text = OPENSSL_strdup(plain(property, word->text));
    }
    where = where_new(property != NULL ? WHERE_COMPARE : flag != NULL ? WHERE_FLAG : WHERE_ID, NULL, NULL);
    if (where == NULL || text == NULL) {
        OPENSSL_free(text);
        where_free(where);
        return NULL;
    }
    where->property = property;
    where->text = text;
    memcpy(where->op, word->op, sizeof(where->op));
    if (flag != NULL && property == NULL) {
        int is_yes = strcmp(text, "yes") == 0 || strcmp(text, "true") == 0;

        where->flag = flag->bit;
        return is_yes == (strcmp(where->op, "=") == 0) ? where : where_new(WHERE_NOT, where, NULL);
    }
    if (where->op[0] == '~' && !compile(reader, where)) {
        where_free(where);
        return NULL;
    }
    return where;
}

static struct where *read_term(struct reader *reader)
{
    const struct word *word = peek(reader);
    struct where *where;

    if (word == NULL) {
        console_fail(reader->console, "expected a condition after where (line %d)", reader->statement->line);
        return NULL;
    }
    if (++reader->depth > 100) {
        console_fail(reader->console, "the condition is nested too deeply");
        return NULL;
    }
    reader->at++;
    if (word->kind == WORD_NOT || is_word(word, "not", "not")) {
        where = read_term(reader);
        where = where != NULL ? where_new(WHERE_NOT, where, NULL) : NULL;
    } else if (word->kind == WORD_OPEN) {
        where = read_or(reader);
        if (where != NULL && (peek(reader) == NULL || peek(reader)->kind != WORD_CLOSE)) {
            console_fail(reader->console, "expected ) (line %d column %d)", word->line, word->column);
            where_free(where);
            where = NULL;
        }
        reader->at++;
    } else if (word->kind == WORD_PAIR) {
        where = read_compare(reader, word);
    } else if (word->kind == WORD_BARE && word->text != NULL) {
        where = read_bare(reader, word);
    } else {
        console_fail(reader->console, "syntax error (line %d column %d)", word->line, word->column);
        where = NULL;
    }
    reader->depth--;
    return where;
}

static struct where *read_and(struct reader *reader)
{
    struct where *left = read_term(reader);

    while (left != NULL && peek(reader) != NULL && peek(reader)->kind != WORD_CLOSE &&
           !is_word(peek(reader), "or", "||")) {
        struct where *right;

        if (is_word(peek(reader), "and", "&&"))
            reader->at++;
        right = read_term(reader);
        if (right == NULL) {
            where_free(left);
            return NULL;
        }
        left = where_new(WHERE_AND, left, right);
    }
    return left;
}

static struct where *read_or(struct reader *reader)
{
    struct where *left = read_and(reader);

    while (left != NULL && is_word(peek(reader), "or", "||")) {
        struct where *right;

        reader->at++;
        right = read_and(reader);
        if (right == NULL) {
            where_free(left);
            return NULL;
        }
        left = where_new(WHERE_OR, left, right);
    }
    return left;
}

struct where *where_parse(struct console *console, const struct menu *menu, const struct statement *statement,
                          size_t first)
{
    struct reader reader = {.console = console, .menu = menu, .statement = statement, .at = first};
    struct where *where = read_or(&reader);
    const struct word *rest = peek(&reader);

    if (where == NULL || rest == NULL)
        return where;
    console_fail(console, "syntax error (line %d column %d)", rest->line, rest->column);
    where_free(where);
    return NULL;
}

/* ---- using ---- */

void where_hint(const struct where *where, struct hint *hint)
{
    if (where == NULL)
        return;
    if (where->kind == WHERE_AND) {
        where_hint(where->left, hint);
        where_hint(where->right, hint);
    } else if (where->kind == WHERE_COMPARE && strcmp(where->op, "=") == 0 &&
               strcmp(where->property->name, "name") == 0) {
        hint->name = where->text;
    } else if (where->kind == WHERE_ID && strcmp(where->op, "=") == 0 && where->text[0] == '*') {
        hint->id = (int64_t)strtoull(where->text + 1, NULL, 16);
    }
}

unsigned item_flags(struct console *console, const struct menu *menu, struct item *item)
{
    if (!item->has_flags) {
        item->flags = menu->item_flags != NULL ? menu->item_flags(console, menu, item) : 0;
        item->has_flags = 1;
    }
    return item->flags;
}

int value_compare(const char *a, const char *b)
{
    int64_t x = duration_parse(a), y = duration_parse(b);

    if (x >= 0 && y >= 0)
        return x < y ? -1 : x > y;
    return strcmp(a, b);
}

static int compare_value(struct console *console, const struct menu *menu, const struct where *where,
                         struct item *item)
{
    char *value = menu->value(console, menu, item, where->property);
    const char *text = value != NULL ? value : "";
    int matches;

    if (where->has_regex)
        matches = regexec(&where->regex, text, 0, NULL, 0) == 0;
    else if (strcmp(where->op, "=") == 0)
        matches = strcmp(text, where->text) == 0;
    else if (strcmp(where->op, "!=") == 0)
        matches = strcmp(text, where->text) != 0;
    else
        matches = (strchr(where->op, '=') != NULL && value_compare(text, where->text) == 0) ||
                  (where->op[0] == '<' ? value_compare(text, where->text) < 0
                                       : value_compare(text, where->text) > 0);
    OPENSSL_free(value);
    return matches;
}

int where_matches(struct console *console, const struct menu *menu, const struct where *where,
                  struct item *item)
{
    if (where == NULL)
        return 1;
    switch (where->kind) {
    case WHERE_AND:
        return where_matches(console, menu, where->left, item) &&
               where_matches(console, menu, where->right, item);
    case WHERE_OR:
        return where_matches(console, menu, where->left, item) ||
               where_matches(console, menu, where->right, item);
    case WHERE_NOT:
        return !where_matches(console, menu, where->left, item);
    case WHERE_FLAG:
        return (item_flags(console, menu, item) & where->flag) != 0;
    case WHERE_ID:
        return (where->text[0] == '*' && item->id == (int64_t)strtoull(where->text + 1, NULL, 16)) ==
               (strcmp(where->op, "=") == 0);
    case WHERE_COMPARE:
        return compare_value(console, menu, where, item);
    }
    return 0;
}
