// SPDX-License-Identifier: Apache-2.0
/* Queries as RouterOS's API has them: words that push results on a stack, and operations on it. */
#include "remote.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 100
#define STACK_MAX 256

struct term {
    char op;                         /* e: exists; -: does not; = < >; # operations */
    char *name;                      /* or the operations */
    const char *text;                /* behind the name's end */
    const struct property *property; /* NULL: a flag, .id, or nothing that is there */
    const struct flag *flag;
};

struct query {
    const struct menu *menu;
    enum remote_group group;
    struct term *terms;
    size_t count;
    int has_operations;
};

void query_free(struct query *query)
{
    size_t i;

    if (query == NULL)
        return;
    for (i = 0; i < query->count; i++)
        OPENSSL_free(query->terms[i].name);
    OPENSSL_free(query->terms);
    OPENSSL_free(query);
}

/* A name that there is not is no error: no item has it. */
static void resolve(const struct query *query, struct term *term)
{
    int is_ambiguous;

    term->property = property_find(query->menu->properties, term->name, 0, &is_ambiguous);
    if (term->property != NULL && strcmp(term->property->name, term->name) == 0)
        return;
    term->property = NULL;
    for (term->flag = query->menu->flags; term->flag != NULL && term->flag->letter != 0; term->flag++) {
        if (strcmp(term->flag->name, term->name) == 0)
            return;
    }
    term->flag = NULL;
}

static int read_word(struct query *query, struct term *term, const char *word)
{
    char *equals;

    if (*word++ != '?' || *word == '\0')
        return 0;
    term->op = 'e';
    if (*word == '-' || *word == '<' || *word == '>' || *word == '#')
        term->op = *word++;
    else if (*word == '=')
        word++; /* "?=name=x" is "?name=x" */
    term->name = OPENSSL_strdup(word);
    if (term->name == NULL)
        return 0;
    query->count++;
    if (term->op == '#') {
        query->has_operations = 1;
        return term->name[strspn(term->name, "0123456789.!&|")] == '\0' && *term->name != '\0';
    }
    equals = strchr(term->name, '=');
    if (equals != NULL && term->op != '-') {
        *equals = '\0';
        term->text = equals + 1;
        if (term->op == 'e')
            term->op = '=';
    }
    resolve(query, term);
    return term->text != NULL || term->op == 'e' || term->op == '-';
}

struct query *query_new(struct console *console, const struct menu *menu, const json_t *words,
                        enum remote_group group)
{
    struct query *query = OPENSSL_zalloc(sizeof(*query));
    size_t count = json_array_size(words), i;

    if (query == NULL)
        return NULL;
    query->menu = menu;
    query->group = group;
    query->terms = OPENSSL_zalloc((count + 1) * sizeof(*query->terms));
    for (i = 0; query->terms != NULL && count <= WORDS_MAX && i < count; i++) {
        const char *word = json_string_value(json_array_get(words, i));

        if (word == NULL || !read_word(query, &query->terms[i], word)) {
            console_fail(console, "\"%.64s\" is no query word", word != NULL ? word : "");
            break;
        }
    }
    if (count > WORDS_MAX)
        console_fail(console, "a query has %d words at most", WORDS_MAX);
    if (query->terms != NULL && i == count && count <= WORDS_MAX)
        return query;
    query_free(query);
    return NULL;
}

void query_hint(const struct query *query, struct hint *hint)
{
    size_t i;

    if (query == NULL || query->has_operations)
        return;
    for (i = 0; i < query->count; i++) {
        const struct term *term = &query->terms[i];

        if (term->op != '=')
            continue;
        if (strcmp(term->name, "name") == 0 && term->property != NULL)
            hint->name = term->text;
        else if (strcmp(term->name, ".id") == 0 && term->text[0] == '*')
            hint->id = (int64_t)strtoull(term->text + 1, NULL, 16);
    }
}

/* ---- matching ---- */

static char *term_value(const struct query *query, const struct term *term, struct console *console,
                        struct item *item)
{
    if (term->property != NULL)
        return remote_value(console, query->menu, item, term->property, query->group);
    if (term->flag != NULL)
        return OPENSSL_strdup(item_flags(console, query->menu, item) & term->flag->bit ? "true" : "false");
    return strcmp(term->name, ".id") == 0 ? value_of_id(item->id) : NULL;
}

static int is_bool(const struct term *term)
{
    return term->flag != NULL || (term->property != NULL && term->property->type == TYPE_BOOL);
}

static int term_matches(const struct query *query, const struct term *term, struct console *console,
                        struct item *item)
{
    char *value = term_value(query, term, console, item);
    const char *text = term->text;
    int result = 0;

    if (text != NULL && is_bool(term))
        text = strcmp(text, "yes") == 0 ? "true" : strcmp(text, "no") == 0 ? "false" : text;
    switch (term->op) {
    case 'e':
        result = value != NULL;
        break;
    case '-':
        result = value == NULL;
        break;
    case '=':
        result = value != NULL && strcmp(value, text) == 0;
        break;
    case '<':
        result = value != NULL && value_compare(value, text) < 0;
        break;
    case '>':
        result = value != NULL && value_compare(value, text) > 0;
        break;
    }
    if (value != NULL)
        OPENSSL_clear_free(value, strlen(value));
    return result;
}

struct stack {
    unsigned char values[STACK_MAX];
    size_t count;
};

static void push(struct stack *stack, int value)
{
    if (stack->count < STACK_MAX)
        stack->values[stack->count++] = (unsigned char)value;
}

/* An index counts from the top, which is 0. */
static int peek(const struct stack *stack, unsigned long index)
{
    return index < stack->count && stack->values[stack->count - 1 - index];
}

static int pop(struct stack *stack)
{
    return stack->count > 0 && stack->values[--stack->count];
}

/* An index with another character behind it pushes a copy of that value, one at the end replaces all by it; a
 * "." behind an index does nothing, elsewhere it pushes a copy of the top. */
static void operate(struct stack *stack, const char *operations)
{
    const char *p = operations;

    while (*p != '\0') {
        size_t digits = strspn(p, "0123456789");
        int a, b;

        if (digits > 0) {
            a = peek(stack, strtoul(p, NULL, 10));
            p += digits;
            if (*p == '\0')
                stack->count = 0;
            push(stack, a);
            p += *p == '.';
            continue;
        }
        switch (*p++) {
        case '!':
            push(stack, !pop(stack));
            break;
        case '&':
            a = pop(stack);
            b = pop(stack);
            push(stack, a && b);
            break;
        case '|':
            a = pop(stack);
            b = pop(stack);
            push(stack, a || b);
            break;
        case '.':
            push(stack, peek(stack, 0));
            break;
        }
    }
}

int query_matches(struct query *query, struct console *console, struct item *item)
{
    struct stack stack = {.count = 0};
    size_t i;

    for (i = 0; query != NULL && i < query->count; i++) {
        if (query->terms[i].op == '#')
            operate(&stack, query->terms[i].name);
        else
            push(&stack, term_matches(query, &query->terms[i], console, item));
    }
    for (i = 0; i < stack.count; i++) {
        if (!stack.values[i])
            return 0;
    }
    return 1;
}
