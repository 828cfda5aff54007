// SPDX-License-Identifier: Apache-2.0
/* TXT records at their zone's own servers; see dns_visible.h. */
#include "dns_visible.h"

#include "dns_query.h"
#include "private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CNAMES_MAX    8
#define SERVERS_MAX   16 /* of a zone */
#define ADDRESSES_MAX 8  /* of a server */
#define TEXTS_MAX     64 /* records of a name that are looked at */
#define INTERVAL_MS   1000
#define INTERVAL_MAX  10000

/* ---- names ---- */

static int failed(struct acme *acme, const char *what, const char *name, const struct acme_dns_answer *answer)
{
    /* Then it is that which is told. */
    return acme_wait(acme, 0) &&
           acme_raise(acme, "dns-01: asking for the %s of %s: %s", what, name, answer->why);
}

int acme_dns_follow(struct acme *acme, const char *servers, const char *name, char target[ACME_DNS_NAME_MAX])
{
    struct acme_dns_answer answer;
    char next[ACME_DNS_NAME_MAX];
    int n, is_alias;

    OPENSSL_strlcpy(target, name, ACME_DNS_NAME_MAX);
    for (n = 0; n < CNAMES_MAX; n++) {
        acme_dns_ask(acme, servers, 1, target, ns_t_cname, &answer);
        if (answer.status == DNS_FAILED)
            return failed(acme, "CNAME", target, &answer);
        is_alias = acme_dns_record(&answer, ns_t_cname, 0, next, sizeof(next));
        acme_dns_answer_clear(&answer);
        if (!is_alias)
            return 1;
        OPENSSL_strlcpy(target, next, ACME_DNS_NAME_MAX);
    }
    return acme_raise(acme, "dns-01: %s: more than %d CNAMEs one after the other", name, CNAMES_MAX);
}

/* The zone of a name that is no CNAME: the nearest one above it that has a SOA record. */
static int find_zone(struct acme *acme, const char *servers, const char *name, const char **zone)
{
    struct acme_dns_answer answer;
    char owner[ACME_DNS_NAME_MAX];
    int found;

    for (*zone = name; *zone != NULL; *zone = strchr(*zone, '.'), *zone += *zone != NULL) {
        acme_dns_ask(acme, servers, 1, *zone, ns_t_soa, &answer);
        if (answer.status == DNS_FAILED)
            return failed(acme, "SOA", *zone, &answer);
        found = acme_dns_record(&answer, ns_t_soa, 0, owner, sizeof(owner)) && strcasecmp(owner, *zone) == 0;
        acme_dns_answer_clear(&answer);
        if (found)
            return 1;
    }
    return acme_raise(acme, "dns-01: %s is in no zone that the DNS knows", name);
}

/* ---- servers ---- */

struct server {
    char name[ACME_DNS_NAME_MAX];
    char addresses[ADDRESSES_MAX][INET6_ADDRSTRLEN + 10]; /* with a port, for c-ares */
    int count;
};

/*
 * Authoritative servers are asked at port 53. The exception is a server whose address is also one of
 * dns-servers with a port of its own: that is a server on this machine or in a laboratory which has no port
 * 53, and it is the same one.
 */
static void address_with_port(const char *servers, const char *address, char *out, size_t size)
{
    int is_6 = strchr(address, ':') != NULL;
    char host[INET6_ADDRSTRLEN + 3];
    const char *at;
    size_t len;

    snprintf(host, sizeof(host), is_6 ? "[%s]" : "%s", address);
    len = strlen(host);
    for (at = servers; at != NULL; at = strchr(at, ','), at += at != NULL) {
        if (strncasecmp(at, host, len) == 0 && at[len] == ':') {
            snprintf(out, size, "%.*s", (int)strcspn(at, ","), at);
            return;
        }
    }
    snprintf(out, size, "%s:53", host);
}

static int find_addresses(struct acme *acme, const char *servers, struct server *server, ns_type type)
{
    struct acme_dns_answer answer;
    char address[INET6_ADDRSTRLEN];
    int n;

    acme_dns_ask(acme, servers, 1, server->name, type, &answer);
    if (answer.status == DNS_FAILED)
        return failed(acme, "address", server->name, &answer);
    for (n = 0; server->count < ADDRESSES_MAX && acme_dns_record(&answer, type, n, address, sizeof(address));
         n++)
        address_with_port(servers, address, server->addresses[server->count++], sizeof(*server->addresses));
    acme_dns_answer_clear(&answer);
    return 1;
}

static int find_servers(struct acme *acme, const char *servers, const char *zone, struct server *list,
                        size_t *count)
{
    struct acme_dns_answer answer;
    int ok = 1;

    acme_dns_ask(acme, servers, 1, zone, ns_t_ns, &answer);
    if (answer.status == DNS_FAILED)
        return failed(acme, "NS", zone, &answer);
    for (*count = 0; ok && *count < SERVERS_MAX &&
                     acme_dns_record(&answer, ns_t_ns, (int)*count, list[*count].name, sizeof(list->name));
         ++*count) {
        list[*count].count = 0;
        ok = find_addresses(acme, servers, &list[*count], ns_t_a) &&
             find_addresses(acme, servers, &list[*count], ns_t_aaaa);
    }
    acme_dns_answer_clear(&answer);
    return ok && (*count > 0 || acme_raise(acme, "dns-01: the zone %s names no servers", zone));
}

/* ---- records ---- */

/* Does the server show it? The first of its addresses that answers speaks for it: that a network has no IPv6
 * says nothing of a record. *why: what it does instead; static. */
static int shows(struct acme *acme, const struct server *server, const char *name, const char *value,
                 const char **why)
{
    struct acme_dns_answer answer;
    char text[512];
    int i, n, found;

    *why = server->count > 0 ? "does not answer" : "has no address";
    for (i = 0; i < server->count; i++) {
        acme_dns_ask(acme, server->addresses[i], 0, name, ns_t_txt, &answer);
        if (answer.status == DNS_FAILED)
            continue;
        for (found = n = 0; !found && n < TEXTS_MAX; n++)
            found = acme_dns_record(&answer, ns_t_txt, n, text, sizeof(text)) && strcmp(text, value) == 0;
        *why = answer.status == DNS_NOTHING ? "has no TXT record there" : "has another TXT record there";
        acme_dns_answer_clear(&answer);
        return found;
    }
    return 0;
}

struct place {
    char name[ACME_DNS_NAME_MAX]; /* behind the CNAMEs */
    const char *zone;             /* its end */
    struct server servers[SERVERS_MAX];
    size_t count;
    int is_seen[SERVERS_MAX];
    const char *why[SERVERS_MAX];
};

static int find_place(struct acme *acme, const char *servers, const char *name, struct place *place)
{
    return acme_dns_follow(acme, servers, name, place->name) &&
           find_zone(acme, servers, place->name, &place->zone) &&
           find_servers(acme, servers, place->zone, place->servers, &place->count);
}

/* One look at those that have not shown it yet; how many still do not. */
static size_t look(struct acme *acme, struct place *place, const char *value)
{
    size_t missing = 0, i;

    for (i = 0; i < place->count && !acme->config.is_cancelled(acme->config.arg); i++) {
        if (!place->is_seen[i])
            place->is_seen[i] = shows(acme, &place->servers[i], place->name, value, &place->why[i]);
        missing += !place->is_seen[i];
    }
    return missing;
}

static int raise_missing(struct acme *acme, const struct place *place, const struct acme_dns_record *record,
                         unsigned seconds)
{
    char list[2048];
    size_t n = 0, i;

    *list = '\0';
    for (i = 0; i < place->count && n < sizeof(list); i++) {
        if (!place->is_seen[i])
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s %s", n > 0 ? ", " : "",
                                  place->servers[i].name, place->why[i]);
    }
    if (strcasecmp(place->name, record->name) != 0)
        return acme_raise(
            acme,
            "dns-01: the record of %s, which is a CNAME of %s, is not visible after %u seconds: %s; "
            "dns-alias=%s lets the hook write it there",
            record->name, place->name, seconds, list, place->name);
    return acme_raise(acme, "dns-01: the record of %s is not visible after %u seconds: %s", place->name,
                      seconds, list);
}

static int await_one(struct acme *acme, const char *servers, const struct acme_dns_record *record, time_t end,
                     unsigned seconds)
{
    struct place *place = OPENSSL_zalloc(sizeof(*place));
    unsigned interval = INTERVAL_MS;
    int ok = 0;

    if (place == NULL)
        return acme_raise(acme, "out of memory");
    if (!find_place(acme, servers, record->name, place))
        goto out;
    acme_progress(acme, "dns-01: waiting for %s at the %zu servers of %s", place->name, place->count,
                  place->zone);
    while (!(ok = look(acme, place, record->value) == 0)) {
        if (time(NULL) >= end) {
            raise_missing(acme, place, record, seconds);
            goto out;
        }
        if (!acme_wait(acme, interval))
            goto out;
        interval = interval * 2 < INTERVAL_MAX ? interval * 2 : INTERVAL_MAX;
    }
    ok = acme_wait(acme, 0);
out:
    OPENSSL_free(place);
    return ok;
}

int acme_dns_await(struct acme *acme, const char *servers, const struct acme_dns_record *records,
                   size_t count, unsigned seconds)
{
    time_t end = time(NULL) + (time_t)seconds;
    size_t i;

    for (i = 0; i < count; i++) {
        if (!await_one(acme, servers, &records[i], end, seconds))
            return 0;
    }
    return 1;
}
