// SPDX-License-Identifier: Apache-2.0
/* Values of properties: what is taken, what becomes of it, and what is said of the rest. */
#include "tools/console/console.h"

#include "tools/duration.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct console console;
static const char *const words[] = {"sha256", "sha384", "sha512", "tls-server", "tls", NULL};

static int takes(const struct property *property, const char *text, const char *expected)
{
    char *canonical = NULL;
    int ok = value_check(&console, property, text, &canonical) && strcmp(canonical, expected) == 0;

    if (!ok)
        fprintf(stderr, "\n%s=%s gives %s\n", property->name, text,
                canonical != NULL ? canonical : "nothing");
    OPENSSL_free(canonical);
    return ok;
}

static int refuses(const struct property *property, const char *text, const char *why)
{
    char *canonical = NULL;
    int ok;

    unit_catch();
    ok = !value_check(&console, property, text, &canonical) && canonical == NULL;
    return unit_caught(why) && ok;
}

static void bools(void)
{
    const struct property p = {.name = "trusted", .type = TYPE_BOOL};

    CU_ASSERT(takes(&p, "yes", "yes") && takes(&p, "true", "yes"));
    CU_ASSERT(takes(&p, "no", "no") && takes(&p, "false", "no"));
    CU_ASSERT(refuses(&p, "", "value of trusted") && refuses(&p, "Yes", "expected yes or no"));
}

static void numbers(void)
{
    const struct property p = {.name = "days-valid", .type = TYPE_NUMBER, .min = 1, .max = 36500};

    CU_ASSERT(takes(&p, "1", "1") && takes(&p, "36500", "36500"));
    CU_ASSERT(refuses(&p, "0", "(1..36500)") && refuses(&p, "36501", "out of range"));
    CU_ASSERT(refuses(&p, "", "no number") && refuses(&p, "-1", "no number"));
    CU_ASSERT(refuses(&p, "12x", "\"12x\"") && refuses(&p, "99999999999999999999", "no number"));
}

static void durations(void)
{
    const struct property p = {.name = "lifetime", .type = TYPE_DURATION, .min = 60, .max = 86400};
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"0", 0},        {"90", 90},         {"1h30m", 5400}, {"1w2d3h4m5s", 788645},
                 {"1h30", 3630},  {"00:30:00", 1800}, {"1:30", 5400},  {"100:00:01", 360001},
                 {"", -1},        {"1m1h", -1},       {"h", -1},       {"1x", -1},
                 {"1:60", -1},    {"1:2:3:4", -1},    {"-1", -1},      {"1h1h", -1},
                 {"1:-1:00", -1}, {"-1:00", -1},      {"1:00:0a", -1}, {"99999999999s", -1}};
    static const struct {
        int64_t seconds;
        const char *text;
    } shown[] = {{0, "0s"}, {-5, "0s"}, {60, "1m"}, {788645, "1w2d3h4m5s"}, {86401, "1d1s"}};
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(duration_parse(cases[i].text), cases[i].seconds);
        if (duration_parse(cases[i].text) != cases[i].seconds)
            fprintf(stderr, "\n%s\n", cases[i].text);
    }
    for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        char *text = duration_text(shown[i].seconds);

        CU_ASSERT_STRING_EQUAL(text, shown[i].text);
        OPENSSL_free(text);
    }
    CU_ASSERT(takes(&p, "1h30m", "1h30m"));
    CU_ASSERT(refuses(&p, "59", "(1m..1d)") && refuses(&p, "1d1s", "out of range"));
    CU_ASSERT(refuses(&p, "soon", "no time such as"));
}

static void enums(void)
{
    const struct property p = {.name = "digest", .type = TYPE_ENUM, .values = words};

    CU_ASSERT(takes(&p, "sha256", "sha256") && takes(&p, "sha2", "sha256"));
    CU_ASSERT(takes(&p, "tls", "tls") && takes(&p, "tls-", "tls-server")); /* whole before a beginning */
    CU_ASSERT(refuses(&p, "sha", "value of digest"));
    CU_ASSERT(refuses(&p, "", "one of: sha256 sha384") && refuses(&p, "md5", "\"md5\""));
}

static void lists(void)
{
    const struct property p = {.name = "usage", .type = TYPE_LIST, .values = words};
    char text[4200];

    CU_ASSERT(takes(&p, "", "") && takes(&p, "sha256", "sha256"));
    CU_ASSERT(takes(&p, "sha256,tls-s,tls", "sha256,tls-server,tls"));
    CU_ASSERT(refuses(&p, "sha256,,tls", "\"\"") && refuses(&p, "sha256,x", "some of: sha256"));
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    CU_ASSERT(refuses(&p, text, "too long"));
    for (size_t i = 3; i < 2000; i += 4)
        memcpy(text + i - 3, "tls,", 4);
    text[1999] = '\0';
    CU_ASSERT(refuses(&p, text, "too long"));
}

static void texts(void)
{
    const struct property p = {.name = "name", .type = TYPE_TEXT};
    char *text;

    CU_ASSERT(takes(&p, "", "") && takes(&p, "a \"b\"", "a \"b\""));
    text = value_of_id(31);
    CU_ASSERT_STRING_EQUAL(text, "*1F");
    OPENSSL_free(text);
    setenv("TZ", "UTC", 1);
    text = value_of_time(1795507200);
    CU_ASSERT_STRING_EQUAL(text, "2026-11-24 08:00:00");
    OPENSSL_free(text);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"yes and no", bools}, {"numbers", numbers}, {"durations", durations}, {"enumerations", enums},
        {"lists", lists},      {"texts", texts},     CU_TEST_INFO_NULL,
    };

    return unit_run("console_value", tests);
}
