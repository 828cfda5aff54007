// SPDX-License-Identifier: Apache-2.0
/* What the store's own CAs have to do: renew what they have issued, and sign their CRLs. */
#include "renewal.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNTS RENEWAL_MENU "/counts" /* settings */

static unsigned jitter(void)
{
    unsigned char bytes[2] = {0};

    return RAND_bytes(bytes, sizeof(bytes)) == 1 ? (unsigned)bytes[0] << 8 | bytes[1] : 0;
}

/* ---- what is noted ---- */

int renewal_note(struct store *store, const char *entry, const char *error)
{
    int64_t failures = error != NULL ? renewal_get_number(store, entry, "failures") + 1 : 0;

    if (error != NULL && *error == '\0')
        error = "see the messages of that try";
    return store_begin(store) &&
           store_end(store, renewal_set(store, entry, "last-error", error != NULL ? error : "") &&
                                renewal_set_number(store, entry, "failures", failures) &&
                                renewal_set_number(store, entry, "next-try",
                                                   failures == 0
                                                       ? 0
                                                       : (int64_t)time(NULL) +
                                                             managed_backoff((unsigned)failures, jitter())));
}

int renewal_count(struct store *store, enum renewal_kind kind, int ok)
{
    char name[40], last[40];
    int done;

    snprintf(name, sizeof(name), "%s-%s", renewal_kinds[kind], ok ? "ok" : "failed");
    snprintf(last, sizeof(last), "%s-last", renewal_kinds[kind]);
    if (!store_begin(store))
        return 0;
    done = renewal_set_number(store, COUNTS, name, renewal_get_number(store, COUNTS, name) + 1) &&
           (!ok || renewal_set_number(store, COUNTS, last, (int64_t)time(NULL)));
    return store_end(store, done);
}

int64_t renewal_counted(struct store *store, enum renewal_kind kind, const char *what)
{
    char name[40];

    snprintf(name, sizeof(name), "%s-%s", renewal_kinds[kind], what);
    return renewal_get_number(store, COUNTS, name);
}

/* ---- certificates ---- */

static int is_due(struct store *store, const char *entry, const struct store_cert *cert)
{
    int64_t now = (int64_t)time(NULL);
    char *percent;
    int is;

    if (cert->der == NULL || cert->revoked_at != 0 || !renewal_is(store, entry, "renew", "yes") ||
        managed_is_waiting(renewal_get_number(store, entry, "next-try"), now))
        return 0;
    percent = renewal_get(store, entry, "renew-percent", RENEWAL_PERCENT);
    is = percent != NULL && managed_renewal_time(cert->not_before, cert->not_after,
                                                 (unsigned)strtoul(percent, NULL, 10), 0) <= now;
    OPENSSL_free(percent);
    return is;
}

static int renew(struct managed_host *host, const char *entry, const struct store_cert *cert, int *count)
{
    struct store *store = host->store;
    const char *name = cert->text[STORE_NAME], *error;
    char text[300];

    snprintf(text, sizeof(text), "renewing %.200s", name);
    host->progress(host->arg, text);
    if (store_renew(store, cert->id, renewal_is(store, entry, "reuse-key", "no"))) {
        ++*count;
        renewal_count(store, RENEWAL_LOCAL, 1);
        return renewal_note(store, entry, NULL);
    }
    if (host->is_cancelled(host->arg)) /* which does not mean that it failed */
        return 0;
    error = host->last_error(host->arg);
    renewal_count(store, RENEWAL_LOCAL, 0);
    if (renewal_note(store, entry, error))
        store_log(store, "certificate,error", "certificate %s is not renewed: %.300s", name, error);
    return 0;
}

int renewal_run_local(struct managed_host *host, int64_t id, int is_forced, int *count)
{
    struct store *store = host->store;
    char entry[RENEWAL_NAME_MAX], keeper[RENEWAL_NAME_MAX], *name;
    struct store_cert *cert;
    int ok = 1;

    renewal_name(entry, RENEWAL_MENU, id);
    name = renewal_get(store, entry, "certificate", "");
    cert = name != NULL && *name != '\0' ? store_cert_get(store, &(struct store_query){.name = name}) : NULL;
    OPENSSL_free(name);
    if (cert == NULL) /* it went with its CA */
        return store_entry_remove(store, RENEWAL_MENU, id);
    if (!renewal_entry_of(store, cert->id, keeper) || strcmp(keeper, entry) != 0) { /* ACME or SCEP does */
        store_cert_free(cert);
        return store_entry_remove(store, RENEWAL_MENU, id);
    }
    /* What a process that was killed has left comes first: a new certificate is proved before the next. */
    if (renewal_deploy_is_due(store, entry, cert))
        ok = renewal_deploy(host, entry, cert->id);
    if (is_forced || is_due(store, entry, cert)) {
        ok = renew(host, entry, cert, count);
        if (ok)
            ok = renewal_deploy(host, entry, cert->id);
    }
    store_cert_free(cert);
    return ok;
}

/* ---- CRLs ---- */

int renewal_run_crl(struct managed_host *host, const struct renewal_item *item)
{
    struct store *store = host->store;
    char entry[RENEWAL_NAME_MAX];
    int ok = store_crl_issue(store, item->certificate);

    renewal_name(entry, "/certificate/crl", item->id);
    renewal_count(store, RENEWAL_CRL, ok);
    renewal_note(store, entry, ok ? NULL : host->last_error(host->arg));
    if (!ok)
        store_log(store, "certificate,crl,error", "the CRL of %s is not signed: %.300s", item->name,
                  host->last_error(host->arg));
    return ok;
}
