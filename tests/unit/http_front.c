// SPDX-License-Identifier: Apache-2.0
/* Parts of the HTTP server that stand alone: queries, and how often an address may ask. */
#include "tools/http/front.h"
#include "tools/http/rate.h"

#include "unit.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The value of "name" in the query; wanted NULL: none. */
static int value_is(const char *query, const char *wanted)
{
    size_t len = 99;
    char *value = front_query_value(query, "name", &len);
    int ok =
        wanted != NULL ? value != NULL && len == strlen(wanted) && strcmp(value, wanted) == 0 : value == NULL;

    if (!ok)
        fprintf(stderr, "\n%s: %s\n", query, value != NULL ? value : "none");
    OPENSSL_free(value);
    return ok;
}

static void queries(void)
{
    size_t len = 0;
    char *value;

    CU_ASSERT(value_is("name=value", "value"));
    CU_ASSERT(value_is("a=b&name=value&c=d", "value"));
    CU_ASSERT(value_is("name=", ""));
    CU_ASSERT(value_is("name=&x=y", ""));
    CU_ASSERT(value_is("name=first&name=second", "first"));
    CU_ASSERT(value_is("name=a+b%2Bc/=", "a+b+c/="));
    CU_ASSERT(value_is("name=%41%7a%7A", "Azz"));
    CU_ASSERT(value_is("name=a%26b&c", "a&b"));
    CU_ASSERT(value_is("", NULL));
    CU_ASSERT(value_is("name", NULL));
    CU_ASSERT(value_is("&&&", NULL));
    CU_ASSERT(value_is("names=x&nam=y&xname=z", NULL));
    CU_ASSERT(value_is("name=%", NULL));
    CU_ASSERT(value_is("name=%4", NULL));
    CU_ASSERT(value_is("name=ab%4&x=1", NULL)); /* the next parameter is not read into */
    CU_ASSERT(value_is("name=%&x", NULL));
    CU_ASSERT(value_is("name=%g0", NULL));
    CU_ASSERT(value_is("name=%-1", NULL));
    value = front_query_value("name=a%00b", "name", &len);
    CU_ASSERT(value != NULL && len == 3 && memcmp(value, "a\0b", 4) == 0);
    OPENSSL_free(value);
}

static unsigned taken(struct rate *rate, const char *address, unsigned tries)
{
    unsigned n = 0;

    while (tries-- > 0)
        n += (unsigned)rate_take(rate, address);
    return n;
}

static void rates(void)
{
    struct rate *rate = rate_new(10), *none = rate_new(0);
    const struct timespec pause = {.tv_nsec = 250000000};
    unsigned n;

    CU_ASSERT_FATAL(rate != NULL && none != NULL);
    /* A few more, on a machine that is busy. */
    n = taken(rate, "192.0.2.1", 200);
    CU_ASSERT(n >= 100 && n < 120);
    CU_ASSERT_EQUAL(taken(rate, "2001:db8::1", 50), 50);
    nanosleep(&pause, NULL);
    n = taken(rate, "192.0.2.1", 200);
    CU_ASSERT(n >= 2 && n < 50);
    CU_ASSERT_EQUAL(taken(none, "192.0.2.1", 100000), 100000);
    rate_free(rate);
    rate_free(none);
    rate_free(NULL);
}

int main(void)
{
    CU_TestInfo tests[] = {{"queries", queries}, {"rates", rates}, CU_TEST_INFO_NULL};

    return unit_run("http_front", tests);
}
