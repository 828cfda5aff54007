// SPDX-License-Identifier: Apache-2.0
/*
 * Bindings: certificates of the store that are given to services, and the proof that these serve them.
 *
 * What a service is like stands in a small file, NAME.conf (signet-bindings(5)); what is bound to it, with
 * the parameters of the file, is an entry of the store's menu BINDINGS_MENU. Services that have a menu of
 * their own, such as an SSTP server, keep their entry in step with it.
 *
 * Functions return 1 on success and 0 on failure, which was reported: through bindings_host.error, or by the
 * store.
 */
#ifndef SIGNET_BINDINGS_H
#define SIGNET_BINDINGS_H

#include "store/store.h"

#define BINDINGS_MENU "/certificate/binding"

/* Whom it works for. */
struct bindings_host {
    struct store *store;
    void (*error)(void *arg, const char *text);
    void (*progress)(void *arg, const char *text);
    int (*is_cancelled)(void *arg);
    void *arg;
};

/* The settings of an entry. */
enum binding_field {
    BINDING_SERVICE,
    BINDING_PARAMETERS, /* "port=443,folder=/etc/nginx/tls" */
    BINDING_OWNER,      /* the menu that keeps this entry; empty: the user */
    BINDING_DISABLED,   /* "yes": nothing is done */
    /* State. */
    BINDING_STATUS,   /* one of BINDING_…; empty: nothing has happened yet */
    BINDING_ERROR,    /* of the last try; then the old files are in place */
    BINDING_SINCE,    /* when the certificate was seen to be served first; seconds since 1970 */
    BINDING_NEXT_TRY, /* after a failure, of what is due; the same */
    BINDING_FAILURES, /* in a row */
    BINDING_FIELDS
};
extern const char *const binding_names[BINDING_FIELDS];

#define BINDING_SERVED    "served"  /* a handshake has shown it */
#define BINDING_WRITTEN   "written" /* the service has it; it can't be asked */
#define BINDING_STOPPED   "stopped" /* the files are there; the service does not run, and isn't started */
#define BINDING_ABSENT    "not-installed" /* the service is not on this machine; nothing is written */
#define BINDING_FAILED    "failed"
#define BINDING_WITHDRAWN "withdrawn" /* the service does nothing of it any more; its files are gone */

struct binding {
    int64_t id;
    int64_t certificate; /* 0: none, or it has been removed */
    char *name;          /* of the certificate; "" */
    char *text[BINDING_FIELDS];
};
/* NULL: there is none, or it could not be read, and said so. */
struct binding *binding_get(struct store *store, int64_t id);
void binding_free(struct binding *binding);
/* The entry that a menu keeps ("/interface/sstp-server/server"); 0: none, -1: failed. */
int64_t binding_find(struct store *store, const char *owner);
/* Makes that entry or changes it; certificate 0: it needs none. *id is set. In a transaction of its own. */
int bindings_keep(struct bindings_host *host, const char *owner, const char *service, int64_t certificate,
                  const char *parameters, int is_disabled, int64_t *id);
/* Is there such a service, are these parameters that it takes, and does no entry but id write the same files?
 */
int bindings_check(struct bindings_host *host, int64_t id, const char *service, const char *parameters);
/* The paths of an entry's files, with commas between them; the caller's. NULL: not known. */
char *bindings_files(struct store *store, const struct binding *binding);
/* Removes what an entry that goes has in the store's folder: its files there, with their keys, and what is
 * kept of those before. What a killed run has left is taken back first. */
void bindings_remove_files(struct store *store, const struct binding *binding);
/* Calls each with the name of a service that there is a file for, once a name; 0 stops. */
void bindings_services(struct store *store, int (*each)(void *arg, const char *name), void *arg);

/* Gives the certificate to all that it is bound to: writes files, keeping the old ones, has the service check
 * its configuration, reloads it if it runs, and looks at what it shows in a TLS handshake. Where one of these
 * fails, the old files are put back, the service is reloaded once more, and entry and log say why. Goes on
 * with the others after a failure. A run that was killed is completed or taken back by the next. One that is
 * cancelled before the last has failed. */
int bindings_apply(struct bindings_host *host, int64_t certificate);
/* The same for one entry. */
int bindings_apply_one(struct bindings_host *host, int64_t id);
/* All whose last try has failed, or whose files are not what they should be any more, such as after a CRL was
 * renewed. *count is the number of those that something was done for. */
int bindings_apply_due(struct bindings_host *host, int *count);
/* Does what answers at this address show the certificate, within so many milliseconds? For services without
 * an entry; what names it for messages. certificate 0: it has no TLS, and only has to answer. */
int bindings_prove(struct bindings_host *host, const char *what, const char *address, const char *port,
                   int64_t certificate, int timeout_ms);
/* Has a process that was killed left files of this entry to be completed or taken back? */
int bindings_is_pending(struct store *store, int64_t id);
/* Takes it away from the service, which was switched off: what it has of configuration becomes empty, the
 * service checks and reloads that, and the other files go. *is_known is 0 for a service that no file tells
 * how: nothing is done. After a failure all is as it was. */
int bindings_withdraw(struct bindings_host *host, int64_t id, int *is_known);
/* The same, and removes the entry with all of its files. After a failure it stays, as the user's. */
int bindings_drop(struct bindings_host *host, int64_t id);
/* Does the service show the certificate now? Writes nothing but the entry's state. */
int bindings_verify(struct bindings_host *host, int64_t id);

#endif
