// SPDX-License-Identifier: Apache-2.0
/* One question to the DNS. Private to tools/acme/. */
#ifndef SIGNET_ACME_DNS_QUERY_H
#define SIGNET_ACME_DNS_QUERY_H

#include "acme.h"

#include <arpa/nameser.h>

enum acme_dns_status { DNS_ANSWERED, DNS_NOTHING /* no such name, or nothing of the type */, DNS_FAILED };
struct acme_dns_answer {
    enum acme_dns_status status;
    const char *why; /* DNS_FAILED: static */
    unsigned char *message;
    int len;
};
/* Asks servers ("127.0.0.1:53,[::1]:53"; NULL: the system's). recurse: the server is to find it out;
 * otherwise it is to say what it has. Cleared by acme_dns_answer_clear. Ends early if all is cancelled. */
void acme_dns_ask(struct acme *acme, const char *servers, int recurse, const char *name, ns_type type,
                  struct acme_dns_answer *answer);
void acme_dns_answer_clear(struct acme_dns_answer *answer);

/* The n-th record of the type in the answer section as text: the name of CNAME and NS, the owner of SOA, an
 * address, the joined strings of TXT. 0: there is none. */
int acme_dns_record(const struct acme_dns_answer *answer, ns_type type, int n, char *text, size_t size);

#endif
