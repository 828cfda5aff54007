// SPDX-License-Identifier: Apache-2.0
/* `signet renew`, `signet status` and /certificate renewal. */
#ifndef SIGNET_CONSOLE_RENEWAL_H
#define SIGNET_CONSOLE_RENEWAL_H

#include "console.h"
#include "tools/renewal/renewal.h"

/* Does all that is due, and prints a line for each thing:
 *   result kind=local name=www outcome=ok
 *   result kind=acme name=www outcome=failed error="…"
 * signetd runs it; for people there is no harm in it. Returns 0 if anything has failed. */
int renewal_command(struct console *console);

/* Prints what is served, what is due, what fails. Returns 1 if all is well, 0 if something needs attention,
 * -1 if the store can't be read. */
int status_command(struct console *console, int as_json);

/* A property of /certificate that is kept in the certificate's entry: the caller's; NULL: it has none. */
char *renewal_certificate_value(struct console *console, const struct store_cert *cert, const char *name);
int renewal_certificate_set(struct console *console, int64_t certificate, const struct property *property,
                            const char *text);
/* A certificate is going to be removed: so is its entry. */
int renewal_certificate_removed(struct console *console, int64_t certificate);

extern const struct menu menu_certificate_renewal, menu_system_metrics;

#endif
