// SPDX-License-Identifier: Apache-2.0
/* Parts of the HTTP server that stand alone: queries, and from where and how often an address may ask. */
#include "tools/http/front.h"
#include "tools/http/networks.h"
#include "tools/http/rate.h"

#include "unit.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

/* ---- who waits, in which order they are answered ---- */

#define CROWD 20

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: nothing is answered */
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static char order[CROWD + 2][48]; /* addresses, as they were answered */
static size_t answered, begun;
static int is_open;

static void *worker_new(void *arg)
{
    return arg;
}

static void worker_free(void *worker)
{
    (void)worker;
}

static void answer(void *worker, const struct front_request *request, struct front_response *response)
{
    (void)worker;
    (void)response;
    pthread_mutex_lock(&gate);
    begun++;
    pthread_cond_broadcast(&moved);
    while (!is_open)
        pthread_cond_wait(&moved, &gate);
    OPENSSL_strlcpy(order[answered++], request->address, sizeof(order[0]));
    pthread_mutex_unlock(&gate);
}

static void error(void *arg, const char *what)
{
    (void)arg;
    fprintf(stderr, "\n%s\n", what);
}

static void *run(void *arg)
{
    front_run(arg);
    return NULL;
}

/* A GET from this address of the loopback. */
static int ask(uint16_t port, const char *address)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET, address, &from.sin_addr);
    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
                    connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
                    write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
    return fd;
}

static void turns(void)
{
    struct front *front = front_new(&(struct front_config){.address = "127.0.0.1",
                                                           .methods = 1U << FRONT_GET,
                                                           .body_max = 1000,
                                                           .workers = 1,
                                                           .worker_new = worker_new,
                                                           .worker_free = worker_free,
                                                           .answer = answer,
                                                           .error = error,
                                                           .arg = order});
    const struct timespec pause = {.tv_nsec = 200000000};
    int fds[CROWD + 2];
    pthread_t thread;
    char buf[1000];
    size_t i;

    CU_ASSERT_FATAL(front != NULL && pthread_create(&thread, NULL, run, front) == 0);
    fds[0] = ask(front_port(front), "127.0.0.2");
    pthread_mutex_lock(&gate);
    while (begun == 0) /* the worker has it, and the others wait */
        pthread_cond_wait(&moved, &gate);
    pthread_mutex_unlock(&gate);
    for (i = 1; i <= CROWD; i++)
        fds[i] = ask(front_port(front), "127.0.0.2");
    nanosleep(&pause, NULL);
    fds[i] = ask(front_port(front), "127.0.0.3");
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&gate);
    is_open = 1;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&gate);
    for (i = 0; i < CROWD + 2; i++) {
        CU_ASSERT(read(fds[i], buf, sizeof(buf)) > 0);
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(answered, CROWD + 2);
    CU_ASSERT_STRING_EQUAL(order[0], "127.0.0.2");
    CU_ASSERT_STRING_EQUAL(order[1], "127.0.0.2"); /* the first that waited */
    CU_ASSERT_STRING_EQUAL(order[2], "127.0.0.3"); /* before the other nineteen */
    front_stop(front);
    pthread_join(thread, NULL);
    front_free(front);
}

/* Whether the list, which must be sound, has the address. */
static int has(const char *list, const char *address)
{
    struct networks *networks = networks_new(list);
    int is;

    CU_ASSERT_PTR_NOT_NULL_FATAL(networks);
    is = networks_have(networks, address);
    networks_free(networks);
    return is;
}

static int is_local(const char *list)
{
    struct networks *networks = networks_new(list);
    int is;

    CU_ASSERT_PTR_NOT_NULL_FATAL(networks);
    is = networks_are_local(networks);
    networks_free(networks);
    return is;
}

static void networks_of_clients(void)
{
    static const char *const malformed[] = {"x",          "1.2.3",      "1.2.3.4/33", "1.2.3.4/",
                                            "1.2.3.4/-1", "1.2.3.4/8x", "::1/129",    "1.2.3.4;5.6.7.8",
                                            "1.2.3.4/+8", "/8"};
    char many[65 * 10] = "";
    size_t i;

    CU_ASSERT(has("", "192.0.2.1") && has("", "2001:db8::1") && has(" , ", "192.0.2.1"));
    CU_ASSERT(has("192.0.2.1", "192.0.2.1") && !has("192.0.2.1", "192.0.2.2"));
    CU_ASSERT(has("192.0.2.0/25", "192.0.2.127") && !has("192.0.2.0/25", "192.0.2.128"));
    CU_ASSERT(has("10.0.0.0/8, 2001:db8::/33", "2001:db8:7fff::1") &&
              !has("10.0.0.0/8,2001:db8::/33", "2001:db8:8000::1"));
    CU_ASSERT(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "2001:db8::1"));
    CU_ASSERT(has("::/0", "2001:db8::1") && !has("192.0.2.1", "nonsense"));
    CU_ASSERT(has("fe80::/10", "fe80::1%eth0") && !has("fe80::/10", "2001:db8::1%eth0"));
    for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        CU_ASSERT_PTR_NULL(networks_new(malformed[i]));
    for (i = 0; i < 65; i++)
        strcat(many, "10.0.0.1,");
    CU_ASSERT_PTR_NULL(networks_new(many));
    CU_ASSERT(is_local("127.0.0.0/8") && is_local("127.0.0.1,::1"));
    CU_ASSERT(!is_local("") && !is_local("126.0.0.0/7") && !is_local("127.0.0.1,10.0.0.0/8") &&
              !is_local("::/0") && !is_local("::/127"));
}

int main(void)
{
    CU_TestInfo tests[] = {{"queries", queries},
                           {"networks", networks_of_clients},
                           {"rates", rates},
                           {"turns", turns},
                           CU_TEST_INFO_NULL};

    return unit_run("http_front", tests);
}
