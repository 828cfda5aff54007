// SPDX-License-Identifier: Apache-2.0
/* Certificates that SCEP obtains for the store: their entries, and which are due; see enrolment.h. */
#include "enrolment_private.h"

#include "tools/renewal/renewal.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- settings ---- */

char *enrol_get(struct enrol_run *run, const char *name, const char *initial)
{
    char *value = store_setting_get(run->host->store, run->menu, name);

    return value != NULL ? value : OPENSSL_strdup(initial);
}

int64_t enrol_get_number(struct enrol_run *run, const char *name)
{
    char *value = enrol_get(run, name, "0");
    int64_t n = value != NULL ? strtoll(value, NULL, 10) : 0;

    OPENSSL_free(value);
    return n;
}

int enrol_is(struct enrol_run *run, const char *name, const char *initial, const char *wanted)
{
    char *value = enrol_get(run, name, initial);
    int yes = value != NULL && strcmp(value, wanted) == 0;

    OPENSSL_free(value);
    return yes;
}

int enrol_set(struct enrol_run *run, const char *name, const char *value)
{
    return *value != '\0' ? store_setting_set(run->host->store, run->menu, name, value, 0)
                          : store_setting_remove(run->host->store, run->menu, name);
}

int enrol_set_number(struct enrol_run *run, const char *name, int64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, n);
    return enrol_set(run, name, n != 0 ? text : "");
}

int enrol_raise(struct enrol_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(run->error, sizeof(run->error), format, args);
    va_end(args);
    run->host->error(run->host->arg, run->error);
    return 0;
}

/* ---- entries ---- */

int scep_enrol_add(struct managed_host *host, int64_t template, const struct scep_enrolment *enrolment,
                   int64_t *id)
{
    struct store_cert *cert = store_cert_get(host->store, &(struct store_query){.id = template});
    struct enrol_run run = {.host = host};
    int ok;

    if (cert == NULL || !store_begin(host->store)) {
        store_cert_free(cert);
        return 0;
    }
    *id = store_entry_add(host->store, SCEP_CLIENT_MENU);
    snprintf(run.menu, sizeof(run.menu), "%s*%" PRId64, SCEP_CLIENT_MENU, *id);
    ok = *id != 0 && store_setting_set(host->store, run.menu, "certificate", cert->text[STORE_NAME], 1) &&
         enrol_set(&run, "scep-url", enrolment->url) &&
         enrol_set(&run, "ca-identity", enrolment->ca_identity != NULL ? enrolment->ca_identity : "") &&
         enrol_set(&run, "ca-fingerprint",
                   enrolment->ca_fingerprint != NULL ? enrolment->ca_fingerprint : "") &&
         enrol_set(&run, "ra-fingerprint",
                   enrolment->ra_fingerprint != NULL ? enrolment->ra_fingerprint : "") &&
         enrol_set(&run, "challenge-password",
                   enrolment->challenge_password != NULL ? enrolment->challenge_password : "") &&
         enrol_set(&run, "key-size",
                   enrolment->key_size != NULL ? enrolment->key_size : cert->text[STORE_KEY_SIZE]) &&
         enrol_set(&run, "custody",
                   enrolment->custody != NULL ? enrolment->custody : cert->text[STORE_CUSTODY]) &&
         enrol_set(&run, "refresh", enrolment->no_refresh ? "no" : SCEP_REFRESH) &&
         enrol_set(&run, "allow-des", enrolment->allow_des ? "yes" : "");
    store_cert_free(cert);
    return store_end(host->store, ok);
}

static int is_entry(void *arg, const char *menu, const char *name)
{
    int64_t *id = arg;

    if (strncmp(menu, SCEP_CLIENT_MENU "*", sizeof(SCEP_CLIENT_MENU)) != 0 ||
        strcmp(name, "certificate") != 0)
        return 1;
    *id = strtoll(menu + sizeof(SCEP_CLIENT_MENU), NULL, 10);
    return 0;
}

int64_t scep_enrol_find(struct store *store, int64_t certificate)
{
    int64_t id = 0;

    return store_cert_users(store, certificate, is_entry, &id) ? id : -1;
}

static int drop_key(struct enrol_run *run)
{
    int here = store_key_is_here(run->host->store, run->key), ok = here >= 0;
    struct store_key *key = here == 1 ? store_key_get(run->host->store, run->key) : NULL;

    if (key != NULL)
        ok = store_key_remove(run->host->store, key->id);
    store_key_free(key);
    return ok;
}

void enrol_name_key(struct enrol_run *run)
{
    snprintf(run->menu, sizeof(run->menu), "%s*%" PRId64, SCEP_CLIENT_MENU, run->id);
    snprintf(run->key, sizeof(run->key), "scep-next-%" PRId64, run->id);
}

int scep_enrol_remove(struct managed_host *host, int64_t id)
{
    struct enrol_run run = {.host = host, .id = id};

    enrol_name_key(&run);
    return store_begin(host->store) &&
           store_end(host->store, drop_key(&run) && store_entry_remove(host->store, SCEP_CLIENT_MENU, id));
}

/* ---- what is due ---- */

static int is_due(struct enrol_run *run)
{
    int64_t now = (int64_t)time(NULL);

    if (managed_is_waiting(enrol_get_number(run, "next-try"), now))
        return 0;
    if (run->certificate->der == NULL || enrol_is(run, "scep-status", "", SCEP_STATUS_PENDING))
        return 1;
    return enrol_is(run, "refresh", SCEP_REFRESH, "yes") && enrol_get_number(run, "renew-at") <= now;
}

/* Between renewals the CA may get a successor, and be gone before the next one. */
static int is_look_due(struct enrol_run *run)
{
    return run->certificate->der != NULL && enrol_is(run, "scep-status", "", SCEP_STATUS_ISSUED) &&
           enrol_is(run, "refresh", SCEP_REFRESH, "yes") &&
           enrol_get_number(run, "next-look") <= (int64_t)time(NULL);
}

struct ids {
    int64_t ids[1000];
    size_t count;
};

static int collect(void *arg, int64_t id)
{
    struct ids *list = arg;

    list->ids[list->count++] = id;
    return list->count < sizeof(list->ids) / sizeof(list->ids[0]);
}

int scep_enrol_run_entry(struct managed_host *host, int64_t id, int *count)
{
    struct enrol_run run;
    int due, is_pending = 0, ok = 1;

    if (!enrol_begin(&run, host, id)) {
        enrol_end(&run);
        return scep_enrol_remove(host, id); /* its certificate went with its CA */
    }
    due = is_due(&run);
    if (!due && is_look_due(&run))
        enrol_look(&run);
    /* What a process that was killed has left. */
    if (!due && renewal_deploy_is_due(host->store, run.menu, run.certificate))
        ok = renewal_deploy(host, run.menu, run.certificate->id);
    enrol_end(&run);
    if (due)
        ok = scep_enrol_run(host, id, &is_pending);
    *count += due && ok && !is_pending;
    return ok;
}

int scep_enrol_run_due(struct managed_host *host, int *count)
{
    struct ids list = {.count = 0};
    size_t i;
    int ok = store_entry_each(host->store, SCEP_CLIENT_MENU, collect, &list);

    *count = 0;
    for (i = 0; i < list.count && !host->is_cancelled(host->arg); i++)
        ok = scep_enrol_run_entry(host, list.ids[i], count) && ok;
    return ok;
}
