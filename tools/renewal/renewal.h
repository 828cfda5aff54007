// SPDX-License-Identifier: Apache-2.0
/*
 * Renewal: what of a store is due, and when next; certificates that a CA of the store renews; what a service
 * is given of a new certificate; what is said before one ends. Read here by signetd, which waits, and by
 * `signet renew`, which it runs when something is due and which does it all: signetd has no HTTP client.
 *
 * A certificate is kept by one entry at most, of one of three menus: ACME's, SCEP's, or RENEWAL_MENU. Entries
 * are settings of the store, with the same names in each: renew-at, next-try, failures, last-error, live,
 * deploy-hook … State is there and nowhere else, so that a process may be killed at any moment: whatever it
 * has left is due.
 *
 * Functions return 1 on success and 0 on failure, which was reported through managed_host.error or by the
 * store.
 */
#ifndef SIGNET_RENEWAL_H
#define SIGNET_RENEWAL_H

#include "store/store.h"
#include "tools/acme/managed.h" /* the host, the lock and the times are the same for all */
#include "tools/bindings/bindings.h"
#include "tools/services.h"

#define RENEWAL_MENU            "/certificate/renewal"
#define RENEWAL_PERCENT         "66"
#define RENEWAL_NEVER           INT64_MAX
#define RENEWAL_DEPLOY_SECONDS  "120"
#define RENEWAL_NO_MORE         (7 * 86400) /* seconds after which nothing is said of what has expired */
#define RENEWAL_METRICS_MENU    "/system/metrics"
#define RENEWAL_METRICS_ADDRESS "127.0.0.0/8,::1"

/* ---- entry.c: the settings of an entry ---- */

/* The name of an entry's settings. */
#define RENEWAL_NAME_MAX 64
void renewal_name(char name[RENEWAL_NAME_MAX], const char *menu, int64_t id);
/* The caller's; initial if it is not set. NULL: out of memory. */
char *renewal_get(struct store *store, const char *entry, const char *name, const char *initial);
int64_t renewal_get_number(struct store *store, const char *entry, const char *name);
int renewal_is(struct store *store, const char *entry, const char *name, const char *value);
/* An empty text, or 0, takes it away. Nothing is written if it is so already. */
int renewal_set(struct store *store, const char *entry, const char *name, const char *value);
int renewal_set_number(struct store *store, const char *entry, const char *name, int64_t value);
/* Its own entry of RENEWAL_MENU, or another's that keeps it; name is "" if there is none. *id may be NULL.
 * Returns 0 if that can't be told. */
int renewal_entry_of(struct store *store, int64_t certificate, char name[RENEWAL_NAME_MAX]);
int renewal_is_own(const char *entry);
/* Makes an entry of RENEWAL_MENU for a certificate that has none. */
int renewal_entry_add(struct store *store, const char *certificate, char name[RENEWAL_NAME_MAX]);
/* What "set" of /certificate does: renew, reuse-key, renew-percent, live, deploy-…; "" takes it away. */
int renewal_change(struct managed_host *host, int64_t certificate, const char *name, const char *value);

/* ---- due.c: what there is to do ---- */

enum renewal_kind {
    RENEWAL_ACME,
    RENEWAL_SCEP,
    RENEWAL_LOCAL,
    RENEWAL_CRL,
    RENEWAL_DOWNLOAD,
    RENEWAL_BINDING, /* one that has failed; the others follow their certificates */
    RENEWAL_WARNING
};
extern const char
    *const renewal_kinds[]; /* "acme", "scep", "local", "crl", "download", "binding", "warning" */

struct renewal_item {
    enum renewal_kind kind;
    int64_t id;          /* of the entry, the CRL, the binding, or (RENEWAL_WARNING) the certificate */
    int64_t certificate; /* 0: none, or it is gone */
    const char *name;    /* of the certificate or the CA, or the CRL's URL */
    const char *what;    /* is to be done: "renew", "obtain", "poll", "look", "deploy", "sign", … */
    int64_t due;         /* when; it may be over. RENEWAL_NEVER: nothing is to be done */
    int64_t not_after;   /* of what is there; 0: nothing */
    int64_t failures;    /* in a row */
    const char *error;   /* of the last try, or "" */
    int is_unproved;     /* its certificate is new, and what was before is kept */
};
/* All of them but warnings, which are only those that are due; 0 stops. */
int renewal_each(struct store *store, int64_t now, int (*each)(void *arg, const struct renewal_item *item),
                 void *arg);
/* When something is to be done next; at once if that is not after now. Returns 0 if the store can't be read.
 */
int renewal_next(struct store *store, int64_t now, int64_t *next);

/* ---- steps.c: warnings ---- */

#define RENEWAL_STEPS 6
/* When this step is to be said, of 0 (30 days before the end, or a third of the life) to 5 (the end). */
int64_t renewal_warn_at(int64_t not_before, int64_t not_after, int step);
/* How many steps that were. */
int renewal_warn_steps(int64_t not_before, int64_t not_after, int64_t now);
/* Says in the log what is due to be said. */
int renewal_warn(struct store *store, int64_t now);
/* Is the certificate kept valid by an entry, and does that work so far? *error: else, why not; the caller's,
 * or NULL. */
int renewal_is_kept(struct store *store, int64_t certificate, char **error);

/* ---- local.c: certificates that a CA of the store renews, and its CRLs ---- */

/* Renews what an entry of RENEWAL_MENU is for if it is due, and gives it to its service. *count is raised if
 * it was renewed. */
int renewal_run_local(struct managed_host *host, int64_t id, int is_forced, int *count);
/* The same for a CRL. */
int renewal_run_crl(struct managed_host *host, const struct renewal_item *item);
/* A try for what is kept in these settings has failed, or not (error NULL). */
int renewal_note(struct store *store, const char *entry, const char *error);
/* Counts for the statistics: of a kind, whether it worked. */
int renewal_count(struct store *store, enum renewal_kind kind, int ok);
int64_t renewal_counted(struct store *store, enum renewal_kind kind, const char *what);

/* ---- deploy.c: what a service gets ---- */

/* Gives a certificate to its services if the entry says how, or if it has replaced another: writes live/NAME,
 * executes deploy-hook, and has its bindings prove it (prove.c). If that fails, the certificate before comes
 * back and is given to them, and 0 is returned. What fails is noted in the entry, and tried again. */
int renewal_deploy(struct managed_host *host, const char *entry, int64_t certificate);
/* Is there anything of that to do? */
int renewal_deploy_is_due(struct store *store, const char *entry, const struct store_cert *cert);

/* ---- prove.c ---- */

/* The same host, for bindings. */
struct bindings_host renewal_bindings_host(const struct managed_host *host);
/* Has the services that are bound to a certificate serve it. 0: they do not, and serve the one before. */
int renewal_prove(struct managed_host *host, int64_t certificate);
/* Does one of this router's own services answer, and show its certificate? 1, too, if it is not for this
 * host. */
int renewal_ask_service(struct bindings_host *host, const char *name, const struct service *service,
                        int timeout_ms);

/* ---- metrics.c ---- */

/* Prometheus's text format, the caller's (OPENSSL_free). NULL: said why. */
char *renewal_metrics(struct store *store, int64_t now, size_t *len);

#endif
