// SPDX-License-Identifier: Apache-2.0
/* dns-01 (RFC 8555 section 8.4): TXT records, published by a program of the user's. */
#include "challenge.h"
#include "dns_visible.h"
#include "hook.h"
#include "private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PREFIX    "_acme-challenge."
#define WAIT_S    300
#define NAME_MAX_ (ACME_DNS_NAME_MAX + sizeof(PREFIX))

struct published {
    char name[NAME_MAX_]; /* _acme-challenge.DOMAIN */
    char value[44];
    struct published *next;
};

struct dns01 {
    struct acme *acme;
    const struct acme_solver_config *config;
    const char *adapter; /* of acme.sh's files */
    char alias[ACME_DNS_NAME_MAX];
    struct published *published;
    size_t count;
};

/* ---- the conventions ---- */

static const char *const kinds[] = {
    [ACME_HOOK_SIGNET] = "signet",
    [ACME_HOOK_ACME_SH] = "acme-sh",
    [ACME_HOOK_DEHYDRATED] = "dehydrated",
    [ACME_HOOK_LEGO] = "lego",
};

const char *acme_hook_name(enum acme_hook_kind kind)
{
    return kinds[kind];
}

int acme_hook_from(const char *name, enum acme_hook_kind *kind)
{
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strcmp(kinds[i], name) == 0) {
            *kind = (enum acme_hook_kind)i;
            return 1;
        }
    }
    return 0;
}

enum step { BEGIN, DONE, FAILED };

struct call {
    const char *argv[7];
    char name[NAME_MAX_ + 1]; /* of the record */
};

static void set_argv(const struct dns01 *dns01, const struct acme_challenge *challenge, enum step step,
                     struct call *call)
{
    static const char *const steps[] = {"begin", "done", "failed"};
    const char *domain;

    snprintf(call->name, sizeof(call->name), "%s%s", *dns01->alias != '\0' ? "" : PREFIX,
             *dns01->alias != '\0' ? dns01->alias : challenge->identifier);
    domain = call->name + sizeof(PREFIX) - 1; /* of an alias: dns01_open has seen to it */
    call->argv[0] = dns01->config->hook;
    switch (dns01->config->hook_kind) {
    case ACME_HOOK_SIGNET:
        call->argv[1] = steps[step];
        call->argv[2] = "dns-01";
        call->argv[3] = domain;
        call->argv[4] = challenge->token;
        call->argv[5] = challenge->value;
        break;
    case ACME_HOOK_DEHYDRATED:
        call->argv[1] = step == BEGIN ? "deploy_challenge" : "clean_challenge";
        call->argv[2] = domain;
        call->argv[3] = challenge->token;
        call->argv[4] = challenge->value;
        break;
    case ACME_HOOK_LEGO:
        strcat(call->name, ".");
        call->argv[1] = step == BEGIN ? "present" : "cleanup";
        call->argv[2] = call->name;
        call->argv[3] = challenge->value;
        break;
    case ACME_HOOK_ACME_SH:
        call->argv[0] = dns01->adapter;
        call->argv[1] = step == BEGIN ? "add" : "rm";
        call->argv[2] = dns01->config->hook;
        call->argv[3] = call->name;
        call->argv[4] = challenge->value;
        break;
    }
}

/* What a CA may have had a hand in, once more before it becomes a program's argument: nothing that could be
 * an option, a path or a shell's syntax to a careless program. */
static int is_harmless(const struct acme_challenge *challenge)
{
    static const char name_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const char *name = challenge->identifier;

    return *name != '-' && *name != '.' && *name != '\0' && strlen(name) < ACME_DNS_NAME_MAX &&
           name[strspn(name, name_chars)] == '\0' && acme_is_base64url(challenge->token, 256) &&
           acme_is_base64url(challenge->value, 43);
}

/* ---- the solver ---- */

static void dns01_close(void *solver)
{
    struct dns01 *dns01 = solver;
    struct published *published;

    while ((published = dns01->published) != NULL) {
        dns01->published = published->next;
        OPENSSL_free(published);
    }
    OPENSSL_free(dns01);
}

/* The installed one, or that of the tree this was built in. */
static const char *adapter_path(void)
{
    return access(SIGNET_DNSAPI_INSTALLED, F_OK) == 0 ? SIGNET_DNSAPI_INSTALLED : SIGNET_DNSAPI_SOURCE;
}

static int take_config(struct dns01 *dns01)
{
    const struct acme_solver_config *config = dns01->config;
    int is_script = config->hook_kind == ACME_HOOK_ACME_SH;
    size_t len;

    if (!acme_hook_check(dns01->acme, config->hook, is_script))
        return 0;
    dns01->adapter = adapter_path();
    if (is_script && !acme_hook_check(dns01->acme, dns01->adapter, 0))
        return 0;
    if (config->dns_alias == NULL)
        return 1;
    len = strlen(config->dns_alias);
    if (len > 0 && config->dns_alias[len - 1] == '.')
        len--;
    if (len == 0 || len >= sizeof(dns01->alias))
        return acme_raise(dns01->acme,
                          "dns-alias: expected the name that _acme-challenge.DOMAIN is a CNAME of");
    memcpy(dns01->alias, config->dns_alias, len);
    if ((config->hook_kind == ACME_HOOK_SIGNET || config->hook_kind == ACME_HOOK_DEHYDRATED) &&
        strncasecmp(dns01->alias, PREFIX, sizeof(PREFIX) - 1) != 0)
        return acme_raise(dns01->acme,
                          "dns-alias %s: hooks of this kind write only names that begin with " PREFIX,
                          dns01->alias);
    return 1;
}

static void *dns01_open(struct acme *acme, const struct acme_solver_config *config)
{
    struct dns01 *dns01 = OPENSSL_zalloc(sizeof(*dns01));

    if (dns01 == NULL) {
        acme_raise(acme, "out of memory");
        return NULL;
    }
    dns01->acme = acme;
    dns01->config = config;
    if (take_config(dns01))
        return dns01;
    dns01_close(dns01);
    return NULL;
}

/* An alias that nothing leads to would only show after minutes, and then in the CA's words. */
static int check_alias(const struct dns01 *dns01, const char *name)
{
    char target[ACME_DNS_NAME_MAX];

    if (!acme_dns_follow(dns01->acme, dns01->config->dns_servers, name, target))
        return 0;
    if (strcasecmp(target, dns01->alias) == 0)
        return 1;
    if (strcasecmp(target, name) == 0)
        return acme_raise(dns01->acme, "dns-01: %s is no CNAME: it must be one of %s", name, dns01->alias);
    return acme_raise(dns01->acme, "dns-01: %s is a CNAME of %s, not of %s", name, target, dns01->alias);
}

static int dns01_begin(void *solver, const struct acme_challenge *challenge)
{
    struct dns01 *dns01 = solver;
    struct published *published;
    struct call call = {0};

    if (challenge->is_ip)
        return acme_raise(dns01->acme,
                          "dns-01 can't prove control of an address (%s): use http-01 or tls-alpn-01",
                          challenge->identifier);
    if (!is_harmless(challenge))
        return acme_raise(dns01->acme, "dns-01: the challenge is not one that a hook can be called with");
    published = OPENSSL_zalloc(sizeof(*published));
    if (published == NULL)
        return acme_raise(dns01->acme, "out of memory");
    snprintf(published->name, sizeof(published->name), PREFIX "%s", challenge->identifier);
    OPENSSL_strlcpy(published->value, challenge->value, sizeof(published->value));
    set_argv(dns01, challenge, BEGIN, &call);
    if ((*dns01->alias != '\0' && !check_alias(dns01, published->name)) ||
        !acme_hook_run(dns01->acme, call.argv, ACME_HOOK_SECONDS)) {
        OPENSSL_free(published);
        return 0;
    }
    published->next = dns01->published;
    dns01->published = published;
    dns01->count++;
    return 1;
}

static int dns01_settle(void *solver)
{
    struct dns01 *dns01 = solver;
    const struct acme_solver_config *config = dns01->config;
    struct acme_dns_record *records = OPENSSL_zalloc((dns01->count + 1) * sizeof(*records));
    const struct published *published;
    size_t n = 0;
    int ok;

    if (records == NULL)
        return acme_raise(dns01->acme, "out of memory");
    for (published = dns01->published; published != NULL; published = published->next)
        records[n++] = (struct acme_dns_record){published->name, published->value};
    ok = acme_dns_await(dns01->acme, config->dns_servers, records, n,
                        config->dns_wait != 0 ? config->dns_wait : WAIT_S);
    OPENSSL_free(records);
    return ok;
}

static void dns01_end(void *solver, const struct acme_challenge *challenge, int is_done)
{
    struct dns01 *dns01 = solver;
    struct published **at, *published;
    struct call call = {0};

    for (at = &dns01->published; *at != NULL && strcmp((*at)->value, challenge->value) != 0;
         at = &(*at)->next)
        ;
    published = *at;
    if (published == NULL)
        return;
    *at = published->next;
    dns01->count--;
    OPENSSL_free(published);
    set_argv(dns01, challenge, is_done ? DONE : FAILED, &call);
    acme_hook_clean(dns01->acme, call.argv, ACME_HOOK_SECONDS);
}

static void dns01_hint(void *solver, const struct acme_challenge *challenge, char *text, size_t size)
{
    const struct dns01 *dns01 = solver;

    snprintf(text, size, "the zone's servers showed the record of " PREFIX "%s%s%s to this router",
             challenge->identifier, *dns01->alias != '\0' ? " at " : "", dns01->alias);
}

const struct acme_solver acme_dns01 = {
    .open = dns01_open,
    .begin = dns01_begin,
    .settle = dns01_settle,
    .end = dns01_end,
    .hint = dns01_hint,
    .close = dns01_close,
};
