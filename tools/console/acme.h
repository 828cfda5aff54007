// SPDX-License-Identifier: Apache-2.0
/* Between menu_acme.c, acme_commands.c and menu_certificate.c. */
#ifndef SIGNET_CONSOLE_ACME_H
#define SIGNET_CONSOLE_ACME_H

#include "console.h"
#include "tools/acme/managed.h"

/* A host whose messages are the console's. Returns 0 and says why if there is no store or no crypto. */
int acme_host(struct console *console, struct managed_host *host);

/* The same for what may not run twice at a time: a lock for acme_host_unlock, or -1 and said why. */
int acme_host_lock(struct console *console, struct managed_host *host);
void acme_host_unlock(struct console *console, int lock);

/* What add-acme and the menu take of an entry, in the order of enum managed_field up to renew-percent. */
extern const struct property acme_settings[];
int acme_check_setting(struct call *call, const struct property *property, const char *text);

/* acme-status, domain-names or directory-url of a certificate; the caller's. NULL: ACME has nothing to do
 * with it. */
char *acme_certificate_value(struct console *console, int64_t certificate, enum managed_field field);

/* A certificate is going to be removed: so is what kept it valid. */
int acme_certificate_removed(struct console *console, int64_t certificate);

int acme_run_enable_ssl(struct call *call);
int acme_run_add(struct call *call);
int acme_run_renew(struct call *call);
int acme_run_revoke(struct call *call);
extern const struct property acme_enable_ssl_parameters[], acme_add_parameters[], acme_revoke_parameters[];

extern const struct menu menu_certificate_acme, menu_certificate_acme_account;

#endif
