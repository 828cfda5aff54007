// SPDX-License-Identifier: Apache-2.0
/* Renewal: when the CA wants it (RFC 9773), or when a part of the life has passed; not again too soon after a
 * failure. */
#include "managed_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_INFO_AGAIN                                                                                        \
    86400 /* seconds until a CA that offers no renewal information is asked whether it does now */

static int64_t time_of(const struct managed *managed, enum managed_field field)
{
    return strtoll(managed->text[field], NULL, 10);
}

/* ---- renewal information ---- */

static int keep_info(struct managed_host *host, const struct managed *managed, int64_t when,
                     const struct acme_renewal_info *info)
{
    return store_begin(host->store) &&
           store_end(host->store,
                     managed_set_time(host, managed->id, MANAGED_F_RENEW_AT, when) &&
                         managed_set_time(host, managed->id, MANAGED_F_ARI_NEXT, info->next) &&
                         managed_set(host->store, managed->id, MANAGED_F_ARI_EXPLANATION, info->explanation));
}

static int ask_renewal_info(struct managed_host *host, const struct managed *managed,
                            const struct store_cert *cert)
{
    const char *name = managed->text[MANAGED_F_ACCOUNT];
    int64_t account = managed_account_find(host->store, *name != '\0' ? name : NULL,
                                           managed->text[MANAGED_F_DIRECTORY_URL], NULL),
            when = time_of(managed, MANAGED_F_RENEW_AT);
    struct acme_renewal_info info = {.next = (int64_t)time(NULL) + NO_INFO_AGAIN};
    struct managed_session session = {0};
    char *id = managed_certificate_id(cert), why[512] = "";
    int has = -1;

    if (account > 0 && id != NULL && managed_session_open(&session, host, account))
        has = acme_renewal_info(session.acme, id, &info, why, sizeof(why));
    managed_session_close(&session);
    OPENSSL_free(id);
    if (has < 0)
        info.next = (int64_t)time(NULL) + NO_INFO_AGAIN;
    if (has == 0)
        managed_progress(host, "%s: no renewal information: %s", managed->name, why);
    /* Section 4.2: a moment within the window is chosen once, unless the window has moved away from it. */
    if (has == 1 && (when < info.start || when > info.end))
        when = managed_window_time(&info, cert->not_before, cert->not_after, managed_random());
    if (*info.explanation != '\0')
        managed_progress(host, "%s: the CA explains its renewal window at %s", managed->name,
                         info.explanation);
    return keep_info(host, managed, when, &info);
}

/* ---- what is due ---- */

static int reload(struct managed_host *host, struct managed **managed)
{
    int64_t id = (*managed)->id;

    managed_free(*managed);
    *managed = managed_get(host->store, id);
    return *managed != NULL || managed_raise(host, "out of memory");
}

/* Brings what is known of an issued certificate's renewal up to date. */
static int look(struct managed_host *host, struct managed **managed, const struct store_cert *cert,
                int64_t now)
{
    int ok = 1;

    if (cert->der == NULL)
        return 1;
    if (time_of(*managed, MANAGED_F_RENEW_AT) == 0)
        ok = managed_set_time(host, (*managed)->id, MANAGED_F_RENEW_AT, managed_renewal_of(*managed, cert)) &&
             reload(host, managed);
    if (ok && time_of(*managed, MANAGED_F_ARI_NEXT) <= now)
        ok = ask_renewal_info(host, *managed, cert) && reload(host, managed);
    return ok;
}

static int run_one(struct managed_host *host, struct managed **managed, const struct store_cert *cert,
                   int *count)
{
    int64_t now = (int64_t)time(NULL);
    int ok;

    if (!look(host, managed, cert, now))
        return 0;
    if ((cert->der != NULL && time_of(*managed, MANAGED_F_RENEW_AT) > now) ||
        managed_is_waiting(time_of(*managed, MANAGED_F_NEXT_TRY), now))
        return cert->der == NULL || managed_deploy(host, (*managed)->id);
    managed_progress(host, "renewing %s", (*managed)->name);
    ok = managed_issue(host, (*managed)->id, 0);
    *count += ok;
    return ok;
}

int managed_run_entry(struct managed_host *host, int64_t id, int *count)
{
    struct managed *managed = managed_get(host->store, id);
    struct store_cert *cert;
    int ok = 1;

    if (managed == NULL)
        return managed_raise(host, "an ACME entry can't be read");
    if (managed->certificate == 0) { /* it went with its CA */
        managed_free(managed);
        return managed_remove(host, id);
    }
    cert = store_cert_get(host->store, &(struct store_query){.id = managed->certificate});
    if (cert == NULL)
        ok = 0;
    else if (strcmp(managed->text[MANAGED_F_STATUS], MANAGED_REVOKED) != 0)
        ok = run_one(host, &managed, cert, count);
    store_cert_free(cert);
    managed_free(managed);
    return ok;
}

struct ids {
    int64_t *ids;
    size_t count;
};

static int collect(void *arg, int64_t id)
{
    struct ids *list = arg;
    int64_t *bigger = OPENSSL_realloc(list->ids, (list->count + 1) * sizeof(*bigger));

    if (bigger == NULL)
        return 0;
    list->ids = bigger;
    list->ids[list->count++] = id;
    return 1;
}

int managed_run_due(struct managed_host *host, int *count)
{
    struct ids list = {0};
    size_t i;
    int ok = store_entry_each(host->store, MANAGED_MENU, collect, &list);

    *count = 0;
    for (i = 0; i < list.count && !host->is_cancelled(host->arg); i++)
        ok = managed_run_entry(host, list.ids[i], count) && ok;
    OPENSSL_free(list.ids);
    return ok;
}
