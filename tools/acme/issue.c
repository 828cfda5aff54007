// SPDX-License-Identifier: Apache-2.0
/*
 * Obtaining a managed certificate: an order, its proofs, a key, the certificate in its place. Each step that
 * took effect is kept, so that a process that ends half-way is followed by one that goes on: no order is
 * placed twice.
 */
#include "managed_private.h"
#include "tools/services.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define IDENTIFIERS_MAX 100
#define RETRY_MOST      86400 /* what a CA may ask for (Retry-After): certificates end, and it might never */

struct issue {
    struct managed_host *host;
    struct managed *managed;
    struct managed_session session;
    struct store_cert *certificate; /* or template */
    struct store_cert *subject;
    struct acme_order *order;
    int has_new_key;
    int is_key_fresh; /* it was made by this run */
    char key[64];     /* the name of the new one */
    char webroot[4096];
};

/* ---- the order ---- */

char *managed_certificate_id(const struct store_cert *certificate)
{
    const unsigned char *p = certificate->der;
    X509 *x509 = p != NULL ? d2i_X509(NULL, &p, (long)certificate->der_len) : NULL;
    char *id = x509 != NULL ? acme_certificate_id(x509) : NULL;

    X509_free(x509);
    ERR_clear_error();
    return id;
}

static struct acme_order *place(struct issue *issue, const char *replaces)
{
    char *names = OPENSSL_strdup(issue->managed->text[MANAGED_F_DOMAIN_NAMES]), *next = names;
    const char *identifiers[IDENTIFIERS_MAX], *profile = issue->managed->text[MANAGED_F_PROFILE];
    struct acme_order_request request = {.identifiers = identifiers, .replaces = replaces};
    struct acme_order *order;

    while (next != NULL && *next != '\0' && request.count < IDENTIFIERS_MAX)
        identifiers[request.count++] = strsep(&next, ",");
    request.profile = *profile != '\0' ? profile : NULL;
    order = acme_order_new(issue->session.acme, &request);
    OPENSSL_free(names);
    return order;
}

static int is_problem(const struct issue *issue, const char *type)
{
    const char *problem = acme_problem_type(issue->session.acme);

    return problem != NULL && strcmp(problem, type) == 0;
}

static int new_order(struct issue *issue)
{
    char *replaces = managed_certificate_id(issue->certificate);

    issue->order = place(issue, replaces);
    /* A server that has lost its accounts, as one for trials does: the key is registered anew. */
    if (issue->order == NULL && is_problem(issue, "accountDoesNotExist") &&
        managed_session_register(&issue->session, NULL))
        issue->order = place(issue, replaces);
    OPENSSL_free(replaces);
    return issue->order != NULL &&
           managed_set(issue->host->store, issue->managed->id, MANAGED_F_ORDER_URL, issue->order->url);
}

/* Does the server say that it has no such order, or not for this account? Anything else may be otherwise
 * later. */
static int is_gone(const struct issue *issue)
{
    return !acme_is_cut(issue->session.acme) &&
           (is_problem(issue, ACME_NOT_FOUND) || is_problem(issue, "malformed") ||
            is_problem(issue, "unauthorized") || is_problem(issue, "accountDoesNotExist"));
}

/* What was issued, or is being, is for the key that was handed in, and a new one has been made since. */
static int is_for_old_key(const struct issue *issue)
{
    return issue->is_key_fresh &&
           (strcmp(issue->order->status, "valid") == 0 || strcmp(issue->order->status, "processing") == 0);
}

/* The order that was under way, if it still is. */
static int resume_order(struct issue *issue)
{
    const char *url = issue->managed->text[MANAGED_F_ORDER_URL];

    if (*url == '\0')
        return 1;
    managed_progress(issue->host, "going on with an order that is under way");
    issue->order = acme_order_resume(issue->session.acme, url);
    if (issue->order == NULL && !is_gone(issue))
        return 0;
    if (issue->order != NULL && (strcmp(issue->order->status, "invalid") == 0 || is_for_old_key(issue))) {
        acme_order_free(issue->order);
        issue->order = NULL;
    }
    return issue->order != NULL ||
           managed_set(issue->host->store, issue->managed->id, MANAGED_F_ORDER_URL, "");
}

/* ---- the proofs ---- */

static const char *or_null(const char *text)
{
    return *text != '\0' ? text : NULL;
}

/* Where the router's own web service is, is where the CA comes to. If it is served, the server has the port,
 * and gives out what is in a folder. */
static int take_www(struct issue *issue, struct acme_solver_config *config)
{
    struct store *store = issue->host->store;
    struct service www;

    if (config->webroot != NULL || config->port != 0)
        return 1;
    if (!service_get(store, "www", &www))
        return 0;
    config->port = www.port;
    service_clear(&www);
    if (config->address != NULL || !service_is_served(store, "www"))
        return 1;
    if (snprintf(issue->webroot, sizeof(issue->webroot), "%s/" SERVICES_WEBROOT, store_home(store)) >=
            (int)sizeof(issue->webroot) ||
        (mkdir(issue->webroot, 0700) != 0 && errno != EEXIST))
        return managed_raise(issue->host, "%s can't be made: %s", issue->webroot, strerror(errno));
    config->webroot = issue->webroot;
    return 1;
}

/* An authorization that failed is not tried again (RFC 8555 section 7.1.6): the next try places a new order.
 */
static void drop_lost_order(struct issue *issue)
{
    if (acme_is_lost(issue->session.acme))
        managed_set(issue->host->store, issue->managed->id, MANAGED_F_ORDER_URL, "");
}

/* How the names are proved: before anything is ordered or made. */
static int take_config(struct issue *issue, struct acme_solver_config *config)
{
    char *const *text = issue->managed->text;

    *config = (struct acme_solver_config){
        .webroot = or_null(text[MANAGED_F_WEBROOT]),
        .address = or_null(text[MANAGED_F_ADDRESS]),
        .port = (uint16_t)strtoul(text[MANAGED_F_PORT], NULL, 10),
        .hook = or_null(text[MANAGED_F_HOOK]),
        .dns_alias = or_null(text[MANAGED_F_DNS_ALIAS]),
        .dns_servers = or_null(text[MANAGED_F_DNS_SERVERS]),
        .dns_wait = (unsigned)strtoul(text[MANAGED_F_DNS_WAIT], NULL, 10),
    };
    if (!acme_challenge_from(text[MANAGED_F_CHALLENGE], &config->type) ||
        !acme_hook_from(text[MANAGED_F_HOOK_KIND], &config->hook_kind))
        return managed_raise(issue->host, "%s: its challenge or hook-kind is none", issue->managed->name);
    if (config->type == ACME_HTTP_01 && !take_www(issue, config))
        return 0;
    if (config->type == ACME_DNS_01 && config->hook == NULL)
        return managed_raise(
            issue->host, "challenge=dns-01 needs hook=: the program that publishes TXT records (signet(1))");
    return 1;
}

static int authorize(struct issue *issue, const struct acme_solver_config *config)
{
    if (acme_order_authorize(issue->session.acme, issue->order, config))
        return 1;
    drop_lost_order(issue);
    return 0;
}

/* ---- the key ---- */

static int prepare_key(struct issue *issue, int reset_key)
{
    char *const *text = issue->managed->text;
    int here;

    issue->has_new_key =
        reset_key || issue->certificate->key == 0 || strcmp(text[MANAGED_F_REUSE_KEY], "yes") != 0;
    managed_next_key(issue->key, sizeof(issue->key), issue->managed->id);
    here = store_key_is_here(issue->host->store, issue->key);
    if (here < 0)
        return 0;
    /* One that was made for an order under way is what that order's certificate is for. */
    if (here == 1)
        issue->has_new_key = 1;
    issue->is_key_fresh = here == 0 && issue->has_new_key;
    return here == 1 || !issue->has_new_key ||
           store_key_make(issue->host->store, issue->key, text[MANAGED_F_KEY_SIZE], text[MANAGED_F_CUSTODY],
                          NULL);
}

/* ---- what is known afterwards ---- */

int managed_set_time(struct managed_host *host, int64_t id, enum managed_field field, int64_t when)
{
    char text[24] = "";

    if (when != 0)
        snprintf(text, sizeof(text), "%lld", (long long)when);
    return managed_set(host->store, id, field, text);
}

int64_t managed_renewal_of(const struct managed *managed, const struct store_cert *cert)
{
    unsigned percent = (unsigned)strtoul(managed->text[MANAGED_F_RENEW_PERCENT], NULL, 10);

    return managed_renewal_time(cert->not_before, cert->not_after, percent, managed_random());
}

static int note_success(struct managed_host *host, const struct managed *managed)
{
    struct store_cert *cert = store_cert_get(host->store, &(struct store_query){.id = managed->certificate});
    int64_t now = (int64_t)time(NULL), renew_at = cert != NULL ? managed_renewal_of(managed, cert) : 0;
    /* One that is due at once, by a clock that is off, say, is not asked for again and again. */
    int64_t next_try = renew_at <= now ? now + managed_backoff(1, managed_random()) : 0;
    int ok = cert != NULL && store_begin(host->store);

    if (ok)
        ok = store_end(host->store,
                       managed_set(host->store, managed->id, MANAGED_F_STATUS, "issued") &&
                           managed_set(host->store, managed->id, MANAGED_F_ERROR, "") &&
                           managed_set(host->store, managed->id, MANAGED_F_FAILURES, "") &&
                           managed_set_time(host, managed->id, MANAGED_F_NEXT_TRY, next_try) &&
                           /* The new certificate has a window of its own. */
                           managed_set(host->store, managed->id, MANAGED_F_ARI_NEXT, "") &&
                           managed_set(host->store, managed->id, MANAGED_F_ARI_EXPLANATION, "") &&
                           managed_set_time(host, managed->id, MANAGED_F_RENEW_AT, renew_at) &&
                           (strcmp(managed->text[MANAGED_F_LIVE], "yes") != 0 ||
                            managed_set(host->store, managed->id, MANAGED_F_DEPLOY_PENDING, "yes")) &&
                           store_log(host->store, "acme,info", "acme: certificate %s for %.300s obtained",
                                     managed->name, managed->text[MANAGED_F_DOMAIN_NAMES]));
    store_cert_free(cert);
    return ok;
}

static void note_failure(struct managed_host *host, const struct managed *managed, const char *error,
                         int64_t retry_at)
{
    unsigned failures = (unsigned)strtoul(managed->text[MANAGED_F_FAILURES], NULL, 10) + 1;
    int64_t now = (int64_t)time(NULL), next = now + managed_backoff(failures, managed_random());
    char count[16];

    if (retry_at > now + RETRY_MOST)
        retry_at = now + RETRY_MOST;
    if (*error == '\0')
        error = "see the messages of that try";
    if (!store_begin(host->store))
        return;
    snprintf(count, sizeof(count), "%u", failures);
    store_end(
        host->store,
        managed_set(host->store, managed->id, MANAGED_F_STATUS, "failed") &&
            managed_set(host->store, managed->id, MANAGED_F_ERROR, error) &&
            managed_set(host->store, managed->id, MANAGED_F_FAILURES, count) &&
            managed_set_time(host, managed->id, MANAGED_F_NEXT_TRY, next > retry_at ? next : retry_at) &&
            store_log(host->store, "acme,error", "acme: certificate %s: %.400s", managed->name, error));
}

/* ---- what is issued for the key ---- */

static int finalize(struct issue *issue)
{
    const char *key = issue->has_new_key ? issue->key : NULL,
               *preferred = or_null(issue->managed->text[MANAGED_F_PREFERRED_CHAIN]);
    struct store *store = issue->host->store;
    unsigned char *csr = NULL;
    char *chain = NULL;
    size_t len = 0;
    int ok;

    managed_progress(issue->host, "waiting for the certificate");
    ok = store_enrol_request(store, issue->subject, issue->certificate->id, key, NULL, &csr, &len) &&
         acme_order_finalize(issue->session.acme, issue->order, csr, len) &&
         (chain = acme_order_certificate(issue->session.acme, issue->order, preferred)) != NULL;
    if (ok && !store_enrol_check(store, issue->subject, issue->certificate->id, key, chain)) {
        /* The order gives this and nothing else: the next try places a new one. */
        managed_set(store, issue->managed->id, MANAGED_F_ORDER_URL, "");
        ok = 0;
    }
    if (!ok)
        drop_lost_order(issue);
    ok = ok && store_begin(store);
    /* One transaction: half of it would be wrong, and each costs the medium several writes. */
    if (ok)
        ok =
            store_end(store, store_enrol_install(store, issue->subject, issue->certificate->id, key, chain) &&
                                 managed_set(store, issue->managed->id, MANAGED_F_ORDER_URL, "") &&
                                 note_success(issue->host, issue->managed));
    OPENSSL_free(chain);
    OPENSSL_free(csr);
    return ok;
}

/* ---- the whole ---- */

static int run(struct issue *issue, int reset_key)
{
    struct managed_host *host = issue->host;
    struct acme_solver_config config;
    int64_t account;

    issue->certificate =
        store_cert_get(host->store, &(struct store_query){.id = issue->managed->certificate});
    issue->subject = managed_subject(issue->managed->text[MANAGED_F_DOMAIN_NAMES]);
    if (issue->certificate == NULL || issue->subject == NULL)
        return managed_raise(host, "the certificate of the ACME entry is not there any more");
    if (!managed_check_names(host, issue->managed->text[MANAGED_F_DOMAIN_NAMES],
                             issue->managed->text[MANAGED_F_CHALLENGE]) ||
        !take_config(issue, &config))
        return 0;
    account = managed_account_of(host, issue->managed);
    if (account < 0 || !managed_session_open(&issue->session, host, account) ||
        !prepare_key(issue, reset_key) || !resume_order(issue))
        return 0;
    if (issue->order == NULL) {
        managed_progress(host, "ordering a certificate for %s", issue->managed->text[MANAGED_F_DOMAIN_NAMES]);
        if (!new_order(issue))
            return 0;
    }
    return authorize(issue, &config) && finalize(issue);
}

void managed_failed(struct managed_host *host, int64_t id)
{
    struct managed *managed = managed_get(host->store, id);

    if (managed != NULL)
        note_failure(host, managed, host->last_error(host->arg), 0);
    managed_free(managed);
}

int managed_issue(struct managed_host *host, int64_t id, int reset_key)
{
    struct issue issue = {.host = host, .managed = managed_get(host->store, id)};
    int ok = 0;

    if (issue.managed == NULL)
        return managed_raise(host, "the ACME entry can't be read");
    if (issue.managed->certificate == 0) {
        managed_free(issue.managed);
        return managed_raise(host, "the certificate of the ACME entry is not there any more");
    }
    /* What made somebody revoke it may be the key. */
    reset_key |= strcmp(issue.managed->text[MANAGED_F_STATUS], MANAGED_REVOKED) == 0;
    ok = run(&issue, reset_key);
    /* Who interrupts it does not mean that it failed. */
    if (!ok && !host->is_cancelled(host->arg))
        note_failure(host, issue.managed, host->last_error(host->arg),
                     issue.session.acme != NULL ? acme_retry_at(issue.session.acme) : 0);
    ok = ok && managed_deploy(host, id);
    acme_order_free(issue.order);
    managed_session_close(&issue.session);
    store_cert_free(issue.subject);
    store_cert_free(issue.certificate);
    managed_free(issue.managed);
    return ok;
}

/* ---- revocation ---- */

int managed_revoke(struct managed_host *host, int64_t id, int reason, int by_key)
{
    struct managed *managed = managed_get(host->store, id);
    struct store_cert *cert =
        managed != NULL && managed->certificate != 0
            ? store_cert_get(host->store, &(struct store_query){.id = managed->certificate})
            : NULL;
    struct managed_session session = {0};
    EVP_PKEY *key = NULL;
    int64_t account;
    int ok = 0;

    if (cert == NULL || cert->der == NULL) {
        managed_raise(host, "%s is not issued",
                      managed != NULL && managed->name != NULL ? managed->name : "it");
        goto out;
    }
    account = managed_account_of(host, managed);
    if (account < 0 || !managed_session_open(&session, host, account) ||
        (by_key && (key = store_key_pkey(host->store, NULL, cert->id)) == NULL))
        goto out;
    ok = acme_revoke(session.acme, cert->der, cert->der_len, reason, key) && store_begin(host->store);
    if (ok)
        ok = store_end(host->store, managed_set(host->store, id, MANAGED_F_STATUS, MANAGED_REVOKED) &&
                                        managed_set(host->store, id, MANAGED_F_RENEW_AT, "") &&
                                        store_log(host->store, "acme,info", "acme: certificate %s revoked",
                                                  managed->name));
out:
    EVP_PKEY_free(key);
    managed_session_close(&session);
    store_cert_free(cert);
    managed_free(managed);
    return ok;
}
