// SPDX-License-Identifier: Apache-2.0
/* What there is to do, and when: read from the store, as those who do it read it. */
#include "renewal.h"

#include "tools/bindings/bindings.h"
#include "tools/scep/enrolment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DOWNLOAD_AGAIN 86400 /* of a CRL that does not say when the next one comes */

const char *const renewal_kinds[] = {"acme", "scep", "local", "crl", "download", "binding", "warning"};

struct look {
    struct store *store;
    int64_t now;
    int (*each)(void *arg, const struct renewal_item *item);
    void *arg;
    enum renewal_kind kind;
    int downloads;
    int ok, is_over;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void take_sooner(struct renewal_item *item, int64_t when, const char *what)
{
    if (when < item->due) {
        item->due = when;
        item->what = what;
    }
}

static int give(struct look *look, const struct renewal_item *item)
{
    if (!look->is_over && !look->each(look->arg, item))
        look->is_over = 1;
    return !look->is_over;
}

/* ---- entries ---- */

/* When a try may be made again. */
static int64_t next_try(struct look *look, const char *entry)
{
    int64_t when = renewal_get_number(look->store, entry, "next-try");

    return managed_is_waiting(when, look->now) ? when : 0;
}

static void look_acme(struct look *look, struct renewal_item *item, const char *entry,
                      const struct store_cert *cert)
{
    struct store *store = look->store;
    int64_t wait = next_try(look, entry);

    if (renewal_is(store, entry, "acme-status", MANAGED_REVOKED))
        return;
    if (cert->der == NULL) {
        take_sooner(item, wait, "obtain");
        return;
    }
    take_sooner(item, later(renewal_get_number(store, entry, "renew-at"), wait), "renew");
    take_sooner(item, renewal_get_number(store, entry, "ari-next"), "look");
}

static void look_scep(struct look *look, struct renewal_item *item, const char *entry,
                      const struct store_cert *cert)
{
    struct store *store = look->store;
    int64_t wait = next_try(look, entry);

    if (renewal_is(store, entry, "scep-status", SCEP_STATUS_PENDING))
        take_sooner(item, wait, "poll");
    else if (cert->der == NULL)
        take_sooner(item, wait, "obtain");
    else if (renewal_is(store, entry, "refresh", SCEP_REFRESH)) {
        take_sooner(item, later(renewal_get_number(store, entry, "renew-at"), wait), "renew");
        if (renewal_is(store, entry, "scep-status", SCEP_STATUS_ISSUED))
            take_sooner(item, renewal_get_number(store, entry, "next-look"), "look");
    }
}

static void look_local(struct look *look, struct renewal_item *item, const char *entry,
                       const struct store_cert *cert)
{
    char *percent;

    /* What it can't be renewed for is said when it is tried. */
    if (cert->der == NULL || cert->revoked_at != 0 || !renewal_is(look->store, entry, "renew", "yes"))
        return;
    percent = renewal_get(look->store, entry, "renew-percent", RENEWAL_PERCENT);
    take_sooner(item,
                later(managed_renewal_time(cert->not_before, cert->not_after,
                                           percent != NULL ? (unsigned)strtoul(percent, NULL, 10) : 0, 0),
                      next_try(look, entry)),
                "renew");
    OPENSSL_free(percent);
}

struct owner {
    int64_t certificate;
};

static void take_owner(void *arg, const char *name, const char *value, int64_t certificate)
{
    struct owner *owner = arg;

    (void)value;
    if (strcmp(name, "certificate") == 0)
        owner->certificate = certificate;
}

/* Is this the entry that keeps the certificate? ACME and SCEP may have taken it over. */
static int is_whose(struct store *store, int64_t certificate, const char *entry)
{
    char name[RENEWAL_NAME_MAX];

    return !renewal_entry_of(store, certificate, name) || strcmp(name, entry) == 0;
}

static int look_entry(void *arg, int64_t id)
{
    static const char *const menus[] = {MANAGED_MENU, SCEP_CLIENT_MENU, RENEWAL_MENU};
    struct look *look = arg;
    struct owner owner = {0};
    struct renewal_item item = {.kind = look->kind, .id = id, .due = RENEWAL_NEVER, .what = "", .name = ""};
    struct store_cert *cert;
    char entry[RENEWAL_NAME_MAX], *error;

    renewal_name(entry, menus[look->kind], id);
    look->ok = store_setting_each(look->store, entry, take_owner, &owner);
    if (!look->ok)
        return 0;
    cert = owner.certificate != 0
               ? store_cert_get(look->store, &(struct store_query){.id = owner.certificate})
               : NULL;
    if (cert == NULL) { /* it went with its CA */
        item.due = 0;
        item.what = "forget";
        item.error = "";
        return give(look, &item);
    }
    if (look->kind == RENEWAL_LOCAL && !is_whose(look->store, cert->id, entry)) {
        item.due = 0;
        item.what = "forget";
        item.error = "";
        give(look, &item);
        store_cert_free(cert);
        return !look->is_over;
    }
    error = renewal_get(look->store, entry, "last-error", "");
    item.certificate = cert->id;
    item.name = cert->text[STORE_NAME];
    item.not_after = cert->der != NULL ? cert->not_after : 0;
    item.failures = later(renewal_get_number(look->store, entry, "failures"),
                          renewal_get_number(look->store, entry, "deploy-failures"));
    item.error = error != NULL ? error : "";
    item.is_unproved = store_previous_is_there(look->store, cert->id) == 1;
    if (look->kind == RENEWAL_ACME)
        look_acme(look, &item, entry, cert);
    else if (look->kind == RENEWAL_SCEP)
        look_scep(look, &item, entry, cert);
    else
        look_local(look, &item, entry, cert);
    if (renewal_deploy_is_due(look->store, entry, cert)) {
        int64_t wait = renewal_get_number(look->store, entry, "deploy-next");

        take_sooner(&item, managed_is_waiting(wait, look->now) ? wait : 0, "deploy");
    }
    give(look, &item);
    OPENSSL_free(error);
    store_cert_free(cert);
    return !look->is_over;
}

int renewal_is_kept(struct store *store, int64_t certificate, char **error)
{
    char entry[RENEWAL_NAME_MAX];
    int is;

    *error = NULL;
    if (!renewal_entry_of(store, certificate, entry) || *entry == '\0')
        return 0;
    is = renewal_is_own(entry) ? renewal_is(store, entry, "renew", "yes")
                               : !renewal_is(store, entry, "refresh", "no") &&
                                     !renewal_is(store, entry, "acme-status", MANAGED_REVOKED);
    if (is && renewal_get_number(store, entry, "failures") > 0) {
        *error = renewal_get(store, entry, "last-error", "");
        is = 0;
    }
    return is;
}

/* ---- CRLs ---- */

/* Ours: when three quarters of its time are over. One of a CA whose own time is over is nobody's any more. */
static void look_own(struct look *look, struct renewal_item *item, const struct store_cert *ca,
                     const struct store_crl *crl, int64_t wait)
{
    int64_t life = crl->next_update - crl->this_update;

    if (ca->revoked_at == 0 && ca->not_after > look->now)
        take_sooner(item, later(crl->this_update + life / 4 * 3 + 1, wait), "sign");
}

/* Others': when nine tenths of its time are over; until it is really new, as after failures. */
static void look_download(struct look *look, struct renewal_item *item, const struct store_crl *crl,
                          int64_t wait)
{
    int64_t life = crl->next_update - crl->this_update;

    item->due = crl->der == NULL        ? wait
                : crl->next_update == 0 ? later(crl->this_update + DOWNLOAD_AGAIN, wait)
                                        : later(crl->next_update - life / 10, wait);
    item->what = "download";
    (void)look;
}

static int look_crl(void *arg, struct store_crl *crl)
{
    struct look *look = arg;
    struct renewal_item item = {
        .id = crl->id, .due = RENEWAL_NEVER, .what = "", .not_after = crl->next_update};
    struct store_cert *ca = NULL;
    char entry[RENEWAL_NAME_MAX], *error;
    int64_t wait;

    renewal_name(entry, "/certificate/crl", crl->id);
    wait = next_try(look, entry);
    error = renewal_get(look->store, entry, "last-error", "");
    item.error = error != NULL ? error : "";
    item.failures = renewal_get_number(look->store, entry, "failures");
    if (crl->ca != 0 && crl->der != NULL) {
        ca = store_cert_get(look->store, &(struct store_query){.id = crl->ca});
        item.kind = RENEWAL_CRL;
        item.certificate = crl->ca;
        item.name = ca != NULL ? ca->text[STORE_NAME] : "";
        if (ca != NULL)
            look_own(look, &item, ca, crl, wait);
        give(look, &item);
    } else if (*crl->url != '\0') {
        item.kind = RENEWAL_DOWNLOAD;
        item.name = crl->url;
        if (look->downloads)
            look_download(look, &item, crl, wait);
        give(look, &item);
    }
    store_cert_free(ca);
    OPENSSL_free(error);
    return !look->is_over;
}

/* ---- bindings ---- */

/* What has failed, after a while; and at once what a process that was killed has left half done. */
static int look_binding(void *arg, int64_t id)
{
    struct look *look = arg;
    struct binding *binding = binding_get(look->store, id);
    int is_failed;
    int64_t wait;

    if (binding == NULL) {
        look->ok = 0;
        return 0;
    }
    is_failed = strcmp(binding->text[BINDING_STATUS], BINDING_FAILED) == 0;
    if (strcmp(binding->text[BINDING_DISABLED], "yes") != 0 &&
        (is_failed || bindings_is_pending(look->store, id))) {
        wait = is_failed ? strtoll(binding->text[BINDING_NEXT_TRY], NULL, 10) : 0;
        give(look, &(struct renewal_item){
                       .kind = RENEWAL_BINDING,
                       .id = id,
                       .certificate = binding->certificate,
                       .name = binding->text[BINDING_SERVICE],
                       .what = "apply",
                       .due = managed_is_waiting(wait, look->now) ? wait : 0,
                       .failures = strtoll(binding->text[BINDING_FAILURES], NULL, 10),
                       .error = binding->text[BINDING_ERROR],
                   });
    }
    binding_free(binding);
    return !look->is_over;
}

/* ---- all ---- */

static int look_warning(void *arg, const struct store_expiry *expiry)
{
    struct look *look = arg;
    int steps = renewal_warn_steps(expiry->not_before, expiry->not_after, look->now);
    struct renewal_item item = {
        .kind = RENEWAL_WARNING,
        .id = expiry->id,
        .certificate = expiry->id,
        .name = expiry->name,
        .what = "warn",
        .not_after = expiry->not_after,
        .error = "",
    };
    char *error = NULL;

    if (steps >= RENEWAL_STEPS && (expiry->step >= steps || look->now - expiry->not_after > RENEWAL_NO_MORE))
        return 1;
    item.due = steps > expiry->step ? 0 : renewal_warn_at(expiry->not_before, expiry->not_after, steps);
    /* What is kept says by itself that it fails. */
    if (expiry->is_kept && (renewal_is_kept(look->store, expiry->id, &error) || error != NULL)) {
        OPENSSL_free(error);
        return 1;
    }
    return give(look, &item);
}

static int look_at(struct look *look, int with_warnings)
{
    static const char *const menus[] = {MANAGED_MENU, SCEP_CLIENT_MENU, RENEWAL_MENU};
    enum renewal_kind kind;

    look->ok = 1;
    look->downloads = renewal_is(look->store, STORE_SETTINGS, "crl-download", "yes");
    for (kind = RENEWAL_ACME; look->ok && !look->is_over && kind <= RENEWAL_LOCAL; kind++) {
        look->kind = kind;
        if (!store_entry_each(look->store, menus[kind], look_entry, look))
            look->ok = 0;
    }
    return look->ok && (look->is_over || store_crl_each(look->store, look_crl, look)) &&
           (look->is_over ||
            (store_entry_each(look->store, BINDINGS_MENU, look_binding, look) && look->ok)) &&
           (look->is_over || !with_warnings || store_expiry_each(look->store, look_warning, look));
}

int renewal_each(struct store *store, int64_t now, int (*each)(void *arg, const struct renewal_item *item),
                 void *arg)
{
    struct look look = {.store = store, .now = now, .each = each, .arg = arg};

    return look_at(&look, 0);
}

static int take_next(void *arg, const struct renewal_item *item)
{
    int64_t *next = arg;

    if (item->due < *next)
        *next = item->due;
    return 1;
}

int renewal_next(struct store *store, int64_t now, int64_t *next)
{
    struct look look = {.store = store, .now = now, .each = take_next, .arg = next};

    *next = RENEWAL_NEVER;
    return look_at(&look, 1);
}
