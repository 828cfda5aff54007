// SPDX-License-Identifier: Apache-2.0
/*
 * The console's language, as far as its text goes: statements of words, quotes and brackets. What the words
 * mean is for others; nothing here knows of menus.
 *
 *   statement  = word…                    ends at a newline or ";"
 *   word       = NAME | NAME op value | "quoted" | [statement] | "(" | ")" | "!"
 *   op         = "=" "!=" "<" ">" "<=" ">=" "~"
 *   # at the beginning of a statement      a comment
 *   \ at the end of a line                 the statement goes on
 *   in quotes: \" \\ \n \r \t \_ (a blank) \$ \? \AB (a byte in hexadecimal), and \ before anything else is
 * nothing
 */
#ifndef SIGNET_CONSOLE_PARSE_H
#define SIGNET_CONSOLE_PARSE_H

#include <stddef.h>

#define PARSE_TEXT_MAX (1 << 20) /* bytes */

struct statement;

enum word_kind {
    WORD_BARE,  /* text */
    WORD_PAIR,  /* name op text */
    WORD_OPEN,  /* ( */
    WORD_CLOSE, /* ) */
    WORD_NOT,   /* ! */
};

struct word {
    enum word_kind kind;
    int line, column; /* from 1 */
    char *name;       /* of a pair */
    char op[3];
    char *text; /* NULL if sub stands in its place */
    int is_quoted;
    struct statement *sub; /* [ … ] */
};

struct statement {
    int line, column;
    struct word *words;
    size_t count;
    struct statement *next;
};

struct parse_error {
    const char *what; /* static; NULL: no error */
    int line, column;
    int is_incomplete; /* more text could mend it: an open quote or bracket, a \ at the end */
};

/* Returns the statements, NULL if there is none or the text is wrong: error says which. The caller's. */
struct statement *parse(const char *text, size_t len, struct parse_error *error);
void parse_free(struct statement *statement);

#endif
