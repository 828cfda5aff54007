// SPDX-License-Identifier: Apache-2.0
/* The console's language: what words a text has, and where it is wrong. */
#include "tools/console/parse.h"

#include "unit.h"

#include <openssl/crypto.h>
#include <string.h>

/* Writes statements as "<word> <name|op|value>;", with what is in brackets in [ ], to compare them. */
static void show(const struct statement *statement, char *out, size_t size)
{
    size_t i;

    for (; statement != NULL; statement = statement->next) {
        for (i = 0; i < statement->count; i++) {
            const struct word *word = &statement->words[i];

            OPENSSL_strlcat(out, "<", size);
            if (word->kind == WORD_PAIR) {
                OPENSSL_strlcat(out, word->name, size);
                OPENSSL_strlcat(out, "|", size);
                OPENSSL_strlcat(out, word->op, size);
                OPENSSL_strlcat(out, "|", size);
            }
            OPENSSL_strlcat(out,
                            word->kind == WORD_OPEN    ? "("
                            : word->kind == WORD_CLOSE ? ")"
                            : word->kind == WORD_NOT   ? "!"
                            : word->text != NULL       ? word->text
                                                       : "[",
                            size);
            if (word->sub != NULL) {
                show(word->sub, out, size);
                OPENSSL_strlcat(out, "]", size);
            }
            OPENSSL_strlcat(out, ">", size);
        }
        OPENSSL_strlcat(out, ";", size);
    }
}

static int gives_len(const char *text, size_t len, const char *expected)
{
    struct parse_error error;
    struct statement *first = parse(text, len, &error);
    char out[1024] = "";
    int ok;

    show(first, out, sizeof(out));
    ok = error.what == NULL && strcmp(out, expected) == 0;
    if (!ok)
        fprintf(stderr, "\n%s\ngives %s, not %s; error %s\n", text, out, expected,
                error.what != NULL ? error.what : "none");
    parse_free(first);
    return ok;
}

static int gives(const char *text, const char *expected)
{
    return gives_len(text, strlen(text), expected);
}

static int fails(const char *text, const char *what, int line, int column, int is_incomplete)
{
    struct parse_error error;
    struct statement *first = parse(text, strlen(text), &error);
    int ok = first == NULL && error.what != NULL && strstr(error.what, what) != NULL && error.line == line &&
             error.column == column && error.is_incomplete == is_incomplete;

    if (!ok)
        fprintf(stderr, "\n%s\nfails with %s (line %d column %d, %d)\n", text,
                error.what != NULL ? error.what : "nothing", error.line, error.column, error.is_incomplete);
    parse_free(first);
    return ok;
}

static void words(void)
{
    CU_ASSERT(gives("", ""));
    CU_ASSERT(gives(" \t\r\n;\n ", ""));
    CU_ASSERT(gives("/certificate print detail", "</certificate><print><detail>;"));
    CU_ASSERT(gives("add name=a b!=c d<1 e>=2 f~x", "<add><name|=|a><b|!=|c><d|<|1><e|>=|2><f|~|x>;"));
    CU_ASSERT(gives("set a b=", "<set><a><b|=|>;"));
    CU_ASSERT(gives("find a = b and c >=\t2", "<find><a|=|b><and><c|>=|2>;"));
    CU_ASSERT(gives("x url=http://a/?b=c&d", "<x><url|=|http://a/?b=c&d>;"));
}

static void quotes(void)
{
    CU_ASSERT(gives("a=\"b c;d#e]\"", "<a|=|b c;d#e]>;"));
    CU_ASSERT(gives("a=\"\" \"x y\"", "<a|=|><x y>;"));
    CU_ASSERT(gives("a=\"line\nbreak\"", "<a|=|line\nbreak>;"));
    CU_ASSERT(gives("a=\"\\\"\\\\\\n\\r\\t\\_\\$\\?\"", "<a|=|\"\\\n\r\t $?>;"));
    CU_ASSERT(gives("\"\\41\\42\\C3\\A9\"", "<AB\xc3\xa9>;"));
    CU_ASSERT(gives("\"\\a4 \\zz\"", "<\a4 zz>;"));
    CU_ASSERT(gives("\"one \\\n    two\"", "<one two>;"));
    CU_ASSERT(fails("a=\"b", "not closed", 1, 5, 1));
    CU_ASSERT(fails("a=\"b\\", "goes on", 1, 6, 1));
    CU_ASSERT(fails("a=\"\\00\"", "\\00", 1, 5, 0));
}

static void lines(void)
{
    CU_ASSERT(gives("add \\\n  name=a \\\n\tb=c\nprint", "<add><name|=|a><b|=|c>;<print>;"));
    CU_ASSERT(gives("add name=a\\\n b=c", "<add><name|=|a><b|=|c>;"));
    CU_ASSERT(gives("add \\\r\n name=a", "<add><name|=|a>;"));
    CU_ASSERT(gives("add \\ name=a", "<add><name|=|a>;")); /* pasted as one line */
    CU_ASSERT(gives("a;b ; c\nd;", "<a>;<b>;<c>;<d>;"));
    CU_ASSERT(fails("add \\", "goes on", 1, 6, 1));
}

static void comments(void)
{
    CU_ASSERT(gives("# all \"of [ this\nprint", "<print>;"));
    CU_ASSERT(gives("  # one\n# two\n;# three", ""));
    CU_ASSERT(gives("a b=#c", "<a><b|=|#c>;"));
    CU_ASSERT(gives("print ;# behind", "<print>;"));
}

static void brackets(void)
{
    CU_ASSERT(gives("remove [find name=a]", "<remove><[<find><name|=|a>;]>;"));
    CU_ASSERT(gives("set x ca=[get [find a=1] name] y=2",
                    "<set><x><ca|=|[<get><[<find><a|=|1>;]><name>;]><y|=|2>;"));
    CU_ASSERT(gives("find (a or !b=c) d", "<find><(><a><or><!><b|=|c><)><d>;"));
    CU_ASSERT(gives("a=]", "<a|=|]>;"));
    CU_ASSERT(fails("remove [find", "expected ]", 1, 13, 1));
    CU_ASSERT(fails("remove []", "expected a command", 1, 9, 0));
    CU_ASSERT(fails("remove [a;b]", "expected ]", 1, 10, 0));
    CU_ASSERT(fails("find (a", "expected )", 1, 8, 1));
    CU_ASSERT(gives("find a)", "<find><a)>;"));
    CU_ASSERT(fails("find ) a", "syntax error", 1, 6, 0));
    CU_ASSERT(fails("[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]", "too deeply", 1, 17, 0));
}

static void places(void)
{
    struct parse_error error;
    static const char text[] = "# c\n  add a=1 \\\n   bb=[x\t y]; z";
    struct statement *first = parse(text, sizeof(text) - 1, &error);

    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT(first->line == 2 && first->column == 3);
    CU_ASSERT(first->words[1].line == 2 && first->words[1].column == 7);
    CU_ASSERT(first->words[2].line == 3 && first->words[2].column == 4);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first->words[2].sub);
    CU_ASSERT(first->words[2].sub->words[1].line == 3 && first->words[2].sub->words[1].column == 11);
    CU_ASSERT(first->next->line == 3 && first->next->column == 15);
    parse_free(first);
    CU_ASSERT(fails("ok\n  =x", "syntax error", 2, 3, 0));
    CU_ASSERT(fails("ok\n\na \x01", "control character", 3, 3, 0));
}

static void limits(void)
{
    struct parse_error error;
    char *text = OPENSSL_malloc(PARSE_TEXT_MAX + 1);
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, ' ', PARSE_TEXT_MAX + 1);
    CU_ASSERT_PTR_NULL(parse(text, PARSE_TEXT_MAX + 1, &error));
    CU_ASSERT(error.what != NULL && strstr(error.what, "too long") != NULL);
    CU_ASSERT_PTR_NULL(parse(text, PARSE_TEXT_MAX, &error));
    CU_ASSERT_PTR_NULL(error.what);
    for (i = 0; i < 2002; i += 2)
        text[i] = 'a';
    CU_ASSERT_PTR_NULL(parse(text, 2002, &error));
    CU_ASSERT_PTR_NOT_NULL(error.what);
    OPENSSL_free(text);
    CU_ASSERT_PTR_NULL(parse("a=\"b\0c\"", 7, &error));
    CU_ASSERT_PTR_NOT_NULL(error.what);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"words", words},       {"quotes", quotes}, {"lines", lines},   {"comments", comments},
        {"brackets", brackets}, {"places", places}, {"limits", limits}, CU_TEST_INFO_NULL,
    };

    return unit_run("console_parse", tests);
}
