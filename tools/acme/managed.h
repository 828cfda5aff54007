// SPDX-License-Identifier: Apache-2.0
/*
 * Managed certificates: those of a store that ACME obtains and renews, and the accounts they are under. What
 * is to be known after a restart is kept as settings of the store's menus, so that the console shows and
 * changes the same.
 *
 * Functions return 1 on success and 0 on failure, which was reported: through managed_host.error, or by the
 * store.
 */
#ifndef SIGNET_ACME_MANAGED_H
#define SIGNET_ACME_MANAGED_H

#include "acme.h"
#include "store/store.h"

#define MANAGED_MENU          "/certificate/acme"
#define MANAGED_ACCOUNTS      "/certificate/acme/account"
#define MANAGED_DIRECTORY     "https://acme-v02.api.letsencrypt.org/directory"
#define MANAGED_CHALLENGE     "http-01"
#define MANAGED_HOOK_KIND     "signet"
#define MANAGED_DNS_WAIT      "300"
#define MANAGED_KEY_SIZE      "2048"
#define MANAGED_CUSTODY       "auto"
#define MANAGED_REUSE_KEY     "yes"
#define MANAGED_RENEW_PERCENT "66"
#define MANAGED_LIVE          "no"
#define MANAGED_REVOKED       "revoked" /* an acme-status */

/* Whom it works for. */
struct managed_host {
    struct store *store;
    OSSL_LIB_CTX *libctx; /* of the store's keys */
    void (*error)(void *arg, const char *text);
    void (*progress)(void *arg, const char *text);
    int (*is_cancelled)(void *arg);
    /* What error, or the store, has reported last; "" if nothing. For the state that is kept. */
    const char *(*last_error)(void *arg);
    void *arg;
};

/* ---- entries ---- */

/* The fields of an entry: each a setting of "/certificate/acme*N". */
enum managed_field {
    MANAGED_F_DOMAIN_NAMES, /* "www.example.com,*.example.org,192.0.2.1" */
    MANAGED_F_DIRECTORY_URL,
    MANAGED_F_ACCOUNT, /* the name of an account; empty: the directory's */
    MANAGED_F_CHALLENGE,
    MANAGED_F_WEBROOT,
    MANAGED_F_ADDRESS,
    MANAGED_F_PORT,
    MANAGED_F_HOOK,
    MANAGED_F_HOOK_KIND,
    MANAGED_F_DNS_ALIAS,
    MANAGED_F_DNS_SERVERS,
    MANAGED_F_DNS_WAIT,
    MANAGED_F_PROFILE,
    MANAGED_F_PREFERRED_CHAIN,
    MANAGED_F_KEY_SIZE,
    MANAGED_F_CUSTODY,
    MANAGED_F_REUSE_KEY,
    MANAGED_F_RENEW_PERCENT,
    MANAGED_F_LIVE,        /* "yes": its files are in live/NAME (store_live_write) */
    MANAGED_F_DEPLOY_HOOK, /* what is executed when those are new */
    MANAGED_F_DEPLOY_ARGUMENTS, /* before "deploy", with blanks between them */
    MANAGED_F_DEPLOY_ENVIRONMENT,
    MANAGED_F_DEPLOY_TIMEOUT, /* seconds */
    /* State; times in seconds since 1970. */
    MANAGED_F_STATUS, /* "issued", "failed", MANAGED_REVOKED; empty: nothing has happened yet */
    MANAGED_F_ERROR,  /* of the last try */
    MANAGED_F_RENEW_AT,
    MANAGED_F_NEXT_TRY,
    MANAGED_F_FAILURES,
    MANAGED_F_ARI_NEXT, /* when to ask for renewal information again */
    MANAGED_F_ARI_EXPLANATION,
    MANAGED_F_ORDER_URL,      /* an order that is under way */
    MANAGED_F_DEPLOY_PENDING, /* "yes": the service does not have the certificate yet */
    MANAGED_FIELDS
};
/* Names of the settings, and their values when they are not set, in the order of enum managed_field. */
extern const char *const managed_names[MANAGED_FIELDS];
extern const char *const managed_defaults[MANAGED_FIELDS];

struct managed {
    int64_t id;
    int64_t certificate;
    char *name;                 /* of the certificate */
    char *text[MANAGED_FIELDS]; /* never NULL */
};
/* NULL: there is none, or it could not be read, and said so. An entry whose certificate is gone has
 * certificate 0. */
struct managed *managed_get(struct store *store, int64_t id);
void managed_free(struct managed *managed);
/* The entry of a certificate; 0: it has none, -1: failed. */
int64_t managed_find(struct store *store, int64_t certificate);
/* Makes a template for the names and an entry for it. *id is the entry's. The caller sets the other fields.
 */
int managed_add(struct managed_host *host, const char *name, const char *domain_names, int64_t *id);
/* Sets a field, or takes it away if value is empty. A change of what an order depends on drops the order
 * under way, and one of what a key depends on the key that was made for it. */
int managed_set(struct store *store, int64_t id, enum managed_field field, const char *value);

/* Stops keeping the certificate, which stays. */
int managed_remove(struct managed_host *host, int64_t id);

/* Are these DNS names and addresses? Raises why not. With wildcards only if challenge is dns-01. */
int managed_check_names(struct managed_host *host, const char *domain_names, const char *challenge);

/* ---- accounts ---- */

struct managed_account {
    int64_t id;
    char *name, *directory_url, *url, *key, *eab_kid, *contact;
    int is_deactivated;
};
struct managed_account *managed_account_get(struct store *store, int64_t id);
void managed_account_free(struct managed_account *account);
/* By name, or by directory and eab_kid (NULL: any), where one that is not registered yet will do as well; 0:
 * none, -1: failed. */
int64_t managed_account_find(struct store *store, const char *name, const char *directory_url,
                             const char *eab_kid);
struct managed_registration {
    const char *name; /* NULL: as the directory's host */
    const char *directory_url;
    const char *contact, *eab_kid, *eab_hmac_key, *eab_alg;
    const char *key_size, *custody; /* of its key; NULL: 2048, auto */
};
/* Makes a key and registers it; or registers again the account that is there. *id is set as soon as it
 * exists. */
int managed_register(struct managed_host *host, const struct managed_registration *registration, int64_t *id);
int managed_account_set_contact(struct managed_host *host, int64_t id, const char *contact);
int managed_account_change_key(struct managed_host *host, int64_t id, const char *key_size,
                               const char *custody);
int managed_account_deactivate(struct managed_host *host, int64_t id);
/* Forgets it here, with its key. */
int managed_account_remove(struct managed_host *host, int64_t id);

/* ---- work ---- */

/* One process at a time works on managed certificates: returns a descriptor to close, or -1 and said why. */
int managed_lock(struct managed_host *host);
/* Obtains or renews now. reset_key: with a new key whatever reuse-key says. */
int managed_issue(struct managed_host *host, int64_t id, int reset_key);
/* Notes that a try has failed before it could be made. */
void managed_failed(struct managed_host *host, int64_t id);
/* Asks for renewal information where that is due, and renews what is due. *count is the number renewed. Goes
 * on after a failure, and returns 0 then. */
int managed_run_due(struct managed_host *host, int *count);
/* The same for one entry; *count is raised if it was renewed. */
int managed_run_entry(struct managed_host *host, int64_t id, int *count);
/* Revokes a managed certificate; by_key: asked for with the certificate's own key. reason is a CRLReason's
 * number. */
int managed_revoke(struct managed_host *host, int64_t id, int reason, int by_key);

/* ---- schedule.c ---- */

/* The moment to renew: percent of the life, and up to a fiftieth of it later, by random (0 to 65535). */
int64_t managed_renewal_time(int64_t not_before, int64_t not_after, unsigned percent, unsigned random);
/* The same within a window that the CA suggests (RFC 9773 section 4.2), but before nine tenths of the life.
 */
int64_t managed_window_time(const struct acme_renewal_info *info, int64_t not_before, int64_t not_after,
                            unsigned random);
/* Seconds to wait after so many failures in a row: 5 minutes, doubled each time, at most a day, and up to a
 * tenth less by random. */
int64_t managed_backoff(unsigned failures, unsigned random);
/* Is it too soon for a next try? Not if that is later than any back-off: then the clock was wrong when it was
 * noted. */
int managed_is_waiting(int64_t next_try, int64_t now);

#endif
