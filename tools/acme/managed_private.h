// SPDX-License-Identifier: Apache-2.0
/* Between managed.c, managed_account.c and issue.c. */
#ifndef SIGNET_ACME_MANAGED_PRIVATE_H
#define SIGNET_ACME_MANAGED_PRIVATE_H

#include "managed.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* A conversation under an account, and the account's key. */
struct managed_session {
    struct managed_host *host;
    struct acme *acme;
    struct managed_account *account;
    EVP_PKEY *key;
};

/* Raises through the host; returns 0. */
int managed_raise(struct managed_host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));
void managed_progress(struct managed_host *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
unsigned managed_random(void);
/* The name of the key of the certificate to come, kept until that is issued: an order outlives a process. */
void managed_next_key(char *name, size_t size, int64_t id);
/* A record for requests: names, common name and usages. The caller's. NULL: out of memory. */
struct store_cert *managed_subject(const char *domain_names);
/* Name of an entry's or account's settings in the store. */
void managed_setting_menu(char *name, size_t size, const char *menu, int64_t id);

/* Opens a conversation under the account; registers it if that did not happen or the server has forgotten it.
 */
int managed_session_open(struct managed_session *session, struct managed_host *host, int64_t account);
/* Registers the account again, under its key: the server does not know it any more. */
int managed_session_register(struct managed_session *session,
                             const struct managed_registration *registration);
void managed_session_close(struct managed_session *session);
/* The account that an entry is under; made if there is none. -1: failed. */
int64_t managed_account_of(struct managed_host *host, const struct managed *managed);

/* ---- issue.c ---- */

/* acme_certificate_id of a record; the caller's. NULL: it has none, or is a template. */
char *managed_certificate_id(const struct store_cert *certificate);
/* When a certificate is to be renewed if its CA does not tell. */
int64_t managed_renewal_of(const struct managed *managed, const struct store_cert *cert);
/* Sets a field to a time; 0 takes it away. */
int managed_set_time(struct managed_host *host, int64_t id, enum managed_field field, int64_t when);

/* ---- deploy.c ---- */

/* Gives an issued certificate to its service if the entry says how: writes live/NAME, and calls deploy-hook
 * (ACME_HOOK_SECONDS at most). What fails is noted in the entry, where the next acme-renew finds it. */
int managed_deploy(struct managed_host *host, int64_t id);

#endif
