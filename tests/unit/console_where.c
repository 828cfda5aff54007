// SPDX-License-Identifier: Apache-2.0
/* Conditions behind "where", over a menu of four items. */
#include "tools/console/console.h"

#include "unit.h"

#include <string.h>

static struct console console;

/* ---- the menu ---- */

enum { NAME, DAYS, IS_CA };
static const struct property properties[] = {
    {.name = "name", .type = TYPE_TEXT, .field = NAME},
    {.name = "days-valid", .type = TYPE_NUMBER, .field = DAYS},
    {.name = "authority", .type = TYPE_BOOL, .field = IS_CA},
    {.name = ""},
};
static const struct flag flags[] = {{'T', "trusted", 1}, {'E', "expired", 2}, {0, NULL, 0}};
static const struct {
    const char *values[3];
    unsigned flags;
} items[] = {{{"ca", "3650", "yes"}, 1},
             {{"router", "825", "no"}, 0},
             {{"old", "90", "no"}, 3},
             {{"x y", "", "no"}, 2}};

static char *item_value(struct console *c, const struct menu *menu, const struct item *item,
                        const struct property *property)
{
    (void)c;
    (void)menu;
    return OPENSSL_strdup(items[item->id - 1].values[property->field]);
}

static unsigned flags_of(struct console *c, const struct menu *menu, const struct item *item)
{
    (void)c;
    (void)menu;
    return items[item->id - 1].flags;
}

static const struct menu menu = {.path = "/test",
                                 .kind = MENU_ITEMS,
                                 .properties = properties,
                                 .flags = flags,
                                 .value = item_value,
                                 .item_flags = flags_of};

/* ---- what matches ---- */

/* The bits of the items that match: 1 for the first, 2 for the second, …; -1: the condition is wrong. */
static int matching(const char *text)
{
    struct parse_error error;
    struct statement *statement = parse(text, strlen(text), &error);
    struct where *where = statement != NULL ? where_parse(&console, &menu, statement, 0) : NULL;
    int64_t id;
    int bits = where != NULL ? 0 : -1;

    for (id = 1; where != NULL && id <= 4; id++) {
        if (where_matches(&console, &menu, where, &(struct item){.id = id}))
            bits |= 1 << (id - 1);
    }
    where_free(where);
    parse_free(statement);
    return bits;
}

static int wrong(const char *text, const char *why)
{
    int bits;

    unit_catch();
    bits = matching(text);
    return unit_caught(why) && bits == -1;
}

static void comparisons(void)
{
    CU_ASSERT_EQUAL(matching("name=ca"), 1);
    CU_ASSERT_EQUAL(matching("name!=ca"), 14);
    CU_ASSERT_EQUAL(matching("name=\"x y\""), 8);
    CU_ASSERT_EQUAL(matching("name = ca"), 1);
    CU_ASSERT_EQUAL(matching("days-valid>825"), 1);
    CU_ASSERT_EQUAL(matching("days-valid>=825"), 3);
    CU_ASSERT_EQUAL(matching("name!=\"x y\" days-valid<100"), 4); /* not as texts: 90 is no more than 100 */
    CU_ASSERT_EQUAL(matching("days=90"), 4);                      /* a beginning of the property's name */
    CU_ASSERT_EQUAL(matching("name~\"^(ca|old)$\""), 5);
    CU_ASSERT_EQUAL(matching("name~o"), 6);
    CU_ASSERT_EQUAL(matching(".id=*2"), 2);
    CU_ASSERT_EQUAL(matching(".id!=*2"), 13);
}

static void flags_and_bools(void)
{
    CU_ASSERT_EQUAL(matching("trusted"), 5);
    CU_ASSERT_EQUAL(matching("T"), 5);
    CU_ASSERT_EQUAL(matching("!trusted"), 10);
    CU_ASSERT_EQUAL(matching("not trusted"), 10);
    CU_ASSERT_EQUAL(matching("trusted=no"), 10);
    CU_ASSERT_EQUAL(matching("trusted!=no"), 5);
    CU_ASSERT_EQUAL(matching("expired=true"), 12);
    CU_ASSERT_EQUAL(matching("authority"), 1);
    CU_ASSERT_EQUAL(matching("authority=false"), 14);
}

static void combinations(void)
{
    CU_ASSERT_EQUAL(matching("trusted expired"), 4);
    CU_ASSERT_EQUAL(matching("trusted and expired"), 4);
    CU_ASSERT_EQUAL(matching("trusted && expired"), 4);
    CU_ASSERT_EQUAL(matching("trusted or expired"), 13);
    CU_ASSERT_EQUAL(matching("name=router or trusted expired"), 6); /* and binds tighter */
    CU_ASSERT_EQUAL(matching("(name=router or trusted) expired"), 4);
    CU_ASSERT_EQUAL(matching("!(name=router or trusted)"), 8);
    CU_ASSERT_EQUAL(matching("!!trusted"), 5);
    CU_ASSERT_EQUAL(matching("((name=ca) || (name=old))"), 5);
}

static void mistakes(void)
{
    char deep[400], pattern[1100] = "name~";

    CU_ASSERT(wrong("colour=red", "/test has no property or flag colour (line 1 column 1)"));
    CU_ASSERT(wrong("trusted and bogus", "bogus (line 1 column 13)"));
    CU_ASSERT(wrong("trusted and", "expected a condition"));
    CU_ASSERT(wrong("trusted or", "expected a condition"));
    CU_ASSERT(wrong("or trusted", "no property or flag or"));
    CU_ASSERT(wrong("name~\"(\"", "no regular expression"));
    CU_ASSERT(wrong("()", "syntax error"));
    memset(deep, '!', sizeof(deep));
    strcpy(deep + 200, "trusted");
    CU_ASSERT(wrong(deep, "nested too deeply"));
    memset(pattern + 5, 'a', 1000);
    CU_ASSERT_EQUAL(matching(pattern), 0);
    pattern[1005] = 'a';
    CU_ASSERT(wrong(pattern, "1000 characters at most"));
}

static void hints(void)
{
    static const struct {
        const char *text, *name;
        int64_t id;
    } cases[] = {{"name=ca", "ca", 0},  {"trusted name=ca", "ca", 0}, {".id=*1F", NULL, 31},
                 {"name!=ca", NULL, 0}, {"!(name=ca)", NULL, 0},      {"name=ca or trusted", NULL, 0},
                 {"name~ca", NULL, 0},  {".id!=*1", NULL, 0}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parse_error error;
        struct statement *statement = parse(cases[i].text, strlen(cases[i].text), &error);
        struct where *where;
        struct hint hint = {0};

        CU_ASSERT_PTR_NOT_NULL_FATAL(statement);
        where = where_parse(&console, &menu, statement, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(where);
        where_hint(where, &hint);
        CU_ASSERT_EQUAL(hint.id, cases[i].id);
        CU_ASSERT((hint.name == NULL) == (cases[i].name == NULL));
        if (hint.name != NULL && cases[i].name != NULL)
            CU_ASSERT_STRING_EQUAL(hint.name, cases[i].name);
        where_free(where);
        parse_free(statement);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"comparisons", comparisons},
        {"flags, yes and no", flags_and_bools},
        {"combinations", combinations},
        {"mistakes", mistakes},
        {"hints", hints},
        CU_TEST_INFO_NULL,
    };

    return unit_run("console_where", tests);
}
