// SPDX-License-Identifier: Apache-2.0
/* What the DNS shows of TXT records: at the zone's own servers, which is where a CA looks. Private to
 * tools/acme/. */
#ifndef SIGNET_ACME_DNS_VISIBLE_H
#define SIGNET_ACME_DNS_VISIBLE_H

#include "acme.h"

#define ACME_DNS_NAME_MAX 256 /* with the 0 at its end */

/* Where the CNAMEs from name lead to, in at most eight steps; name itself if it is none. servers as in
 * acme_solver_config. 0: raised. */
int acme_dns_follow(struct acme *acme, const char *servers, const char *name, char target[ACME_DNS_NAME_MAX]);

struct acme_dns_record {
    const char *name; /* CNAMEs are followed from here */
    const char *value;
};
/* Waits until every authoritative server shows every record, at most so many seconds; then the error names
 * the servers that do not. */
int acme_dns_await(struct acme *acme, const char *servers, const struct acme_dns_record *records,
                   size_t count, unsigned seconds);

#endif
