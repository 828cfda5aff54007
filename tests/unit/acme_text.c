// SPDX-License-Identifier: Apache-2.0
/* What servers write: headers, times, URLs, problem documents. */
#include "tools/acme/private.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct acme *acme;
static char error_text[8192];

static void on_text(void *arg, const char *text)
{
    (void)arg;
    snprintf(error_text, sizeof(error_text), "%s", text);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return 0;
}

static void retry_after(void)
{
    const int64_t now = 1800000000; /* 2027-01-15T08:00:00Z */

    CU_ASSERT_EQUAL(acme_retry_after(NULL, now), 0);
    CU_ASSERT_EQUAL(acme_retry_after("0", now), now);
    CU_ASSERT_EQUAL(acme_retry_after("120", now), now + 120);
    CU_ASSERT_EQUAL(acme_retry_after("99999999", now), now + 99999999);
    CU_ASSERT_EQUAL(acme_retry_after("Fri, 15 Jan 2027 08:01:00 GMT", now), now + 60);
    CU_ASSERT_EQUAL(acme_retry_after("Friday, 15-Jan-27 08:01:00 GMT", now), now + 60);
    /* Nonsense, and the past, are none. */
    CU_ASSERT_EQUAL(acme_retry_after("", now), 0);
    CU_ASSERT_EQUAL(acme_retry_after("soon", now), 0);
    CU_ASSERT_EQUAL(acme_retry_after("-5", now), 0);
    CU_ASSERT_EQUAL(acme_retry_after("999999999999999999999999", now), 0);
    CU_ASSERT_EQUAL(acme_retry_after("Fri, 15 Jan 2016 08:01:00 GMT", now), 0);
}

static int64_t time_in(const char *text)
{
    json_t *json = json_pack("{s:s}", "t", text);
    int64_t when = acme_time(json, "t");

    json_decref(json);
    return when;
}

static void times(void)
{
    json_t *json = json_pack("{s:i}", "t", 7);

    CU_ASSERT_EQUAL(time_in("2027-01-15T08:00:00Z"), 1800000000);
    CU_ASSERT_EQUAL(time_in("2027-01-15T08:00:00.999999999Z"), 1800000000);
    CU_ASSERT_EQUAL(time_in("2027-01-15T10:00:00+02:00"), 1800000000);
    CU_ASSERT_EQUAL(time_in("2027-01-15T04:30:00-03:30"), 1800000000);
    CU_ASSERT_EQUAL(time_in("2024-02-29T00:00:00Z"), 1709164800);
    CU_ASSERT_EQUAL(time_in("2027-01-15"), 0);
    CU_ASSERT_EQUAL(time_in("2027-01-15T08:00:00"), 0);
    CU_ASSERT_EQUAL(time_in("2027-01-15T08:00:00Zx"), 0);
    CU_ASSERT_EQUAL(time_in("2027-01-15T08:00:00+2"), 0);
    CU_ASSERT_EQUAL(time_in("2027-13-15T08:00:00Z"), 0);
    CU_ASSERT_EQUAL(time_in("tomorrow"), 0);
    CU_ASSERT_EQUAL(time_in(""), 0);
    CU_ASSERT_EQUAL(acme_time(json, "t"), 0);
    CU_ASSERT_EQUAL(acme_time(json, "none"), 0);
    json_decref(json);
}

static void urls(void)
{
    static const char *const bad[] = {
        "",
        "https:",
        "https://",
        "https:///x",
        "http://localhost/",
        "HTTPS://localhost/",
        "https://a b/",
        "https://a/\n",
        "https://a/\x1b[31m",
        "https://a/\x7f",
        "https://\xc3\xbc/",
        "javascript:https://a/",
        "/x",
    };
    char longest[2100] = "https://localhost/";
    size_t i;

    CU_ASSERT(acme_is_url("https://localhost/x") && acme_is_url("https://[::1]:14000/dir?a=b"));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT(!acme_is_url(bad[i]));
    memset(longest + strlen(longest), 'x', sizeof(longest) - strlen(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CU_ASSERT(!acme_is_url(longest));
    longest[ACME_URL_MAX] = '\0';
    CU_ASSERT(acme_is_url(longest));
}

static void printable(void)
{
    char out[64];

    acme_printable(out, sizeof(out), "plain, and \xc3\xa4\xe2\x82\xac");
    CU_ASSERT_STRING_EQUAL(out, "plain, and \xc3\xa4\xe2\x82\xac");
    acme_printable(out, sizeof(out), "a\x1b[2Jb\rc\nd\te\x7f\x07");
    CU_ASSERT_STRING_EQUAL(out, "a?[2Jb?c d e??");
    /* C1 controls are two bytes of UTF-8, and neither may pass. */
    acme_printable(out, sizeof(out),
                   "x\xc2\x9b"
                   "31m\xc2\x80y\xc2\xa0z");
    CU_ASSERT_STRING_EQUAL(out, "x?31m?y\xc2\xa0z");
    acme_printable(out, 4, "abcdef");
    CU_ASSERT_STRING_EQUAL(out, "abc");
    acme_printable(out, sizeof(out), "\xc2");
    CU_ASSERT_EQUAL(strlen(out), 1);
}

static void problems(void)
{
    json_t *json = json_loads(
        "{\"type\": \"urn:ietf:params:acme:error:malformed\", \"detail\": \"Some of the identifiers "
        "requested "
        "were rejected\", \"subproblems\": [{\"type\": \"urn:ietf:params:acme:error:malformed\", \"detail\": "
        "\"Invalid underscore\", \"identifier\": {\"type\": \"dns\", \"value\": \"_example.org\"}}, "
        "{\"type\": \"urn:ietf:params:acme:error:rejectedIdentifier\", \"detail\": \"not for you\", "
        "\"identifier\": {\"type\": \"dns\", \"value\": \"example.net\"}}]}",
        0, NULL);
    char text[3000], tiny[20];

    /* RFC 8555 section 6.7.1's example. */
    acme_problem_text(text, sizeof(text), json);
    CU_ASSERT_STRING_EQUAL(
        text, "malformed: Some of the identifiers requested were rejected; _example.org: malformed: Invalid "
              "underscore; example.net: rejectedIdentifier: not for you");
    acme_problem_text(tiny, sizeof(tiny), json);
    CU_ASSERT_EQUAL(strlen(tiny), sizeof(tiny) - 1);
    CU_ASSERT(!acme_problem_json(acme, "it", json, "do this"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error_text, "it: malformed: Some of"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error_text, "(do this)"));
    CU_ASSERT_STRING_EQUAL(acme_problem_type(acme), "malformed");
    json_decref(json);
    json = json_object();
    acme_problem_text(text, sizeof(text), json);
    CU_ASSERT_STRING_EQUAL(text, "problem: no reason given");
    json_object_set_new(json, "type", json_string("https://ca.example/own"));
    json_object_set_new(json, "title", json_string("a title"));
    acme_problem_text(text, sizeof(text), json);
    CU_ASSERT_STRING_EQUAL(text, "https://ca.example/own: a title");
    json_decref(json);
}

static void members(void)
{
    json_t *json =
        json_pack("{s:s, s:i, s:s%, s:s}", "a", "text", "b", 1, "c", "nul\0nul", (size_t)7, "u", "http://x/");
    char *url = NULL;

    CU_ASSERT_STRING_EQUAL(acme_text(json, "a"), "text");
    CU_ASSERT_PTR_NULL(acme_text(json, "b"));
    CU_ASSERT_PTR_NULL(acme_text(json, "c"));
    CU_ASSERT_PTR_NULL(acme_text(json, "d"));
    CU_ASSERT_PTR_NULL(acme_text(NULL, "a"));
    CU_ASSERT(acme_url(acme, json, "d", &url) && url == NULL);
    CU_ASSERT(!acme_url(acme, json, "u", &url));
    CU_ASSERT_PTR_NOT_NULL(strstr(error_text, "the server's u is no https URL: http://x/"));
    json_decref(json);
}

static void polling(void)
{
    struct acme_response response = {.retry_after = "3"};
    unsigned n, delay, before = 0;

    delay = acme_poll_delay(&response, 0);
    CU_ASSERT(delay >= 2000 && delay <= 3000);
    response.retry_after = "99999999";
    CU_ASSERT_EQUAL(acme_poll_delay(&response, 0), ACME_POLL_SECONDS * 1000);
    response.retry_after = NULL;
    for (n = 0; n < 100; n++) {
        delay = acme_poll_delay(&response, n);
        CU_ASSERT(delay >= before && delay > 0 && delay <= 10000);
        before = delay;
    }
    CU_ASSERT_EQUAL(acme_poll_delay(&response, 4000000000U), 10000);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"Retry-After", retry_after},
        {"times (RFC 3339)", times},
        {"URLs", urls},
        {"what a terminal is sent", printable},
        {"problem documents", problems},
        {"members", members},
        {"delays between looks", polling},
        CU_TEST_INFO_NULL,
    };
    const struct acme_config config = {.directory_url = "https://localhost/directory",
                                       .ca_file = "/nonexistent",
                                       .error = on_text,
                                       .progress = on_text,
                                       .is_cancelled = is_cancelled};
    int status;

    acme = acme_new(&config);
    if (acme == NULL)
        return EXIT_FAILURE;
    status = unit_run("acme_text", tests);
    acme_free(acme);
    return status;
}
