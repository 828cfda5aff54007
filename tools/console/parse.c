// SPDX-License-Identifier: Apache-2.0
#include "parse.h"

#include <openssl/crypto.h>
#include <string.h>

#define NESTING_MAX 16
#define WORDS_MAX   1000

struct parser {
    const char *p, *end;
    const char *line_start;
    int line;
    int nesting; /* of [ ] */
    int parens;
    struct parse_error *error;
};

/* ---- characters ---- */

static int peek(const struct parser *parser, size_t ahead)
{
    return parser->p + ahead < parser->end ? (unsigned char)parser->p[ahead] : -1;
}

static void advance(struct parser *parser)
{
    if (*parser->p++ == '\n') {
        parser->line++;
        parser->line_start = parser->p;
    }
}

static int column(const struct parser *parser)
{
    return (int)(parser->p - parser->line_start) + 1;
}

static int fail(struct parser *parser, const char *what, int is_incomplete)
{
    if (parser->error->what == NULL)
        *parser->error = (struct parse_error){what, parser->line, column(parser), is_incomplete};
    return 0;
}

static int is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Blanks, and the end of a line behind a backslash. A backslash before a blank counts as one: that is what is
 * left of a continued line when a page is pasted as one line. */
static void skip_blanks(struct parser *parser)
{
    while (parser->p < parser->end) {
        if (is_blank(*parser->p))
            advance(parser);
        else if (*parser->p == '\\' && peek(parser, 1) == '\r' && peek(parser, 2) == '\n')
            advance(parser), advance(parser), advance(parser);
        else if (*parser->p == '\\' && (peek(parser, 1) == '\n' || is_blank(peek(parser, 1))))
            advance(parser), advance(parser);
        else
            break;
    }
}

static int at_statement_end(const struct parser *parser)
{
    int c = peek(parser, 0);

    return c == -1 || c == '\n' || c == ';' || (c == ']' && parser->nesting > 0);
}

/* ---- text ---- */

struct text {
    char *data;
    size_t len, size;
};

static int put(struct parser *parser, struct text *text, int c)
{
    if (text->len + 1 >= text->size) {
        size_t size = text->size == 0 ? 32 : 2 * text->size;
        char *data = OPENSSL_clear_realloc(text->data, text->size, size); /* it may be a passphrase */

        if (data == NULL)
            return fail(parser, "out of memory", 0);
        text->data = data;
        text->size = size;
    }
    text->data[text->len++] = (char)c;
    text->data[text->len] = '\0';
    return 1;
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_escape(struct parser *parser, struct text *text)
{
    static const char from[] = "nrt_abfv", to[] = "\n\r\t \a\b\f\v";
    int c = peek(parser, 0), high = hex_digit(c), low = hex_digit(peek(parser, 1));
    const char *known;

    if (c == -1)
        return fail(parser, "the quote is not closed", 1);
    if (high >= 0 && low >= 0) {
        if (high == 0 && low == 0)
            return fail(parser, "\\00 is not allowed in a text", 0);
        advance(parser), advance(parser);
        return put(parser, text, high * 16 + low);
    }
    advance(parser);
    if (c == '\n' || (c == '\r' && peek(parser, 0) == '\n')) { /* the text goes on in the next line */
        while (parser->p < parser->end && (is_blank(*parser->p) || *parser->p == '\n'))
            advance(parser);
        return 1;
    }
    known = c != 0 ? strchr(from, c) : NULL;
    return put(parser, text, known != NULL ? to[known - from] : c);
}

static int read_quoted(struct parser *parser, struct text *text)
{
    advance(parser); /* " */
    while (parser->p < parser->end && *parser->p != '"') {
        int c = (unsigned char)*parser->p, ok;

        if (c == 0)
            return fail(parser, "a NUL byte is not allowed", 0);
        advance(parser);
        ok = c == '\\' ? read_escape(parser, text) : put(parser, text, c);
        if (!ok)
            return 0;
    }
    if (parser->p == parser->end)
        return fail(parser, "the quote is not closed", 1);
    advance(parser);
    return 1;
}

/* Up to a blank or one of stop. */
static int read_raw(struct parser *parser, struct text *text, const char *stop)
{
    while (!at_statement_end(parser)) {
        int c = peek(parser, 0);

        if (is_blank(c) || strchr(stop, c) != NULL || (c == ')' && parser->parens > 0) ||
            (c == '\\' && (peek(parser, 1) == '\n' || is_blank(peek(parser, 1)))))
            break;
        if (c < ' ')
            return fail(parser, "a control character is not allowed", 0);
        if (!put(parser, text, c))
            return 0;
        advance(parser);
    }
    return 1;
}

/* ---- words ---- */

static struct statement *read_statement(struct parser *parser);

static int read_operator(struct parser *parser, char op[3])
{
    int c = peek(parser, 0), n = peek(parser, 1);

    if ((c == '!' || c == '<' || c == '>') && n == '=') {
        op[0] = (char)c;
        op[1] = '=';
        advance(parser), advance(parser);
        return 1;
    }
    if (c == '=' || c == '~' || c == '<' || c == '>') {
        op[0] = (char)c;
        advance(parser);
        return 1;
    }
    return 0;
}

static int read_value(struct parser *parser, struct word *word)
{
    struct text text = {0};
    int ok;

    if (peek(parser, 0) == '[') {
        if (parser->nesting == NESTING_MAX)
            return fail(parser, "brackets are nested too deeply", 0);
        advance(parser);
        parser->nesting++;
        word->sub = read_statement(parser);
        if (word->sub == NULL)
            return fail(parser, "expected a command in the brackets", peek(parser, 0) == -1);
        if (peek(parser, 0) != ']')
            return fail(parser, "expected ]", peek(parser, 0) == -1);
        parser->nesting--;
        advance(parser);
        return 1;
    }
    word->is_quoted = peek(parser, 0) == '"';
    ok = word->is_quoted ? read_quoted(parser, &text) : read_raw(parser, &text, "\"");
    word->text = text.data != NULL ? text.data : OPENSSL_strdup("");
    return ok && word->text != NULL;
}

/* A name, and an operator and a value if one follows: at once, or between blanks as people write it behind
 * "where". */
static int read_name(struct parser *parser, struct word *word)
{
    struct text text = {0};
    const char *start = parser->p;
    int has_blank;

    if (!read_raw(parser, &text, "=~<>!\"[") || parser->p == start) {
        OPENSSL_free(text.data);
        return fail(parser, "syntax error", 0);
    }
    word->text = text.data;
    has_blank = is_blank(peek(parser, 0));
    if (has_blank) {
        struct parser ahead = *parser;

        skip_blanks(&ahead);
        if (!read_operator(&ahead, word->op) || ahead.p == ahead.end)
            return 1;
        skip_blanks(&ahead);
        *parser = ahead;
    } else if (!read_operator(parser, word->op)) {
        return 1;
    }
    word->kind = WORD_PAIR;
    word->name = word->text;
    word->text = NULL;
    return read_value(parser, word);
}

static int read_word(struct parser *parser, struct word *word)
{
    *word = (struct word){.line = parser->line, .column = column(parser)};
    switch (peek(parser, 0)) {
    case '(':
        word->kind = WORD_OPEN;
        parser->parens++;
        advance(parser);
        return 1;
    case ')':
        if (parser->parens == 0)
            return fail(parser, "syntax error", 0);
        word->kind = WORD_CLOSE;
        parser->parens--;
        advance(parser);
        return 1;
    case '!':
        word->kind = WORD_NOT;
        advance(parser);
        return 1;
    case '"':
    case '[':
        return read_value(parser, word);
    }
    return read_name(parser, word);
}

/* ---- statements ---- */

static void free_words(struct statement *statement)
{
    size_t i;

    for (i = 0; i < statement->count; i++) {
        struct word *word = &statement->words[i];

        OPENSSL_free(word->name);
        if (word->text != NULL)
            OPENSSL_clear_free(word->text, strlen(word->text));
        parse_free(word->sub);
    }
    OPENSSL_free(statement->words);
}

void parse_free(struct statement *statement)
{
    while (statement != NULL) {
        struct statement *next = statement->next;

        free_words(statement);
        OPENSSL_free(statement);
        statement = next;
    }
}

static struct word *add_word(struct parser *parser, struct statement *statement)
{
    struct word *words = NULL;

    if (statement->count == WORDS_MAX)
        fail(parser, "too many words", 0);
    else if ((words = OPENSSL_realloc(statement->words, (statement->count + 1) * sizeof(*words))) == NULL)
        fail(parser, "out of memory", 0);
    if (words == NULL)
        return NULL;
    statement->words = words;
    memset(&words[statement->count], 0, sizeof(*words));
    return &words[statement->count++];
}

/* NULL: there is no word, or an error. */
static struct statement *read_statement(struct parser *parser)
{
    int parens = parser->parens;
    struct statement *statement = OPENSSL_zalloc(sizeof(*statement));

    parser->parens = 0;
    while (statement != NULL) {
        struct word *word;

        skip_blanks(parser);
        if (at_statement_end(parser))
            break;
        if (statement->count == 0) {
            statement->line = parser->line;
            statement->column = column(parser);
        }
        word = add_word(parser, statement);
        if (word == NULL || !read_word(parser, word))
            break;
    }
    if (parser->parens > 0)
        fail(parser, "expected )", peek(parser, 0) == -1);
    parser->parens = parens;
    if (statement != NULL && (statement->count == 0 || parser->error->what != NULL)) {
        parse_free(statement);
        statement = NULL;
    }
    return statement;
}

static void skip_between(struct parser *parser)
{
    while (parser->p < parser->end) {
        skip_blanks(parser);
        if (peek(parser, 0) == '#') {
            while (parser->p < parser->end && *parser->p != '\n')
                advance(parser);
        } else if (peek(parser, 0) == '\n' || peek(parser, 0) == ';') {
            advance(parser);
        } else {
            break;
        }
    }
}

struct statement *parse(const char *text, size_t len, struct parse_error *error)
{
    struct parser parser = {.p = text, .end = text + len, .line_start = text, .line = 1, .error = error};
    struct statement *first = NULL, **last = &first;

    *error = (struct parse_error){0};
    if (len > PARSE_TEXT_MAX) {
        fail(&parser, "the text is too long", 0);
        return NULL;
    }
    if (len > 0 && text[len - 1] == '\\') {
        parser.p = parser.end;
        fail(&parser, "the line goes on", 1);
        return NULL;
    }
    for (skip_between(&parser); parser.p < parser.end; skip_between(&parser)) {
        *last = read_statement(&parser);
        if (*last == NULL) {
            fail(&parser, "syntax error", 0);
            break;
        }
        last = &(*last)->next;
    }
    if (error->what == NULL)
        return first;
    parse_free(first);
    return NULL;
}
