// SPDX-License-Identifier: Apache-2.0
/* Between operation.c, pki_operation.c, policy.c and entry.c. */
#ifndef SIGNET_SCEP_SERVER_PRIVATE_H
#define SIGNET_SCEP_SERVER_PRIVATE_H

#include "private.h"
#include "server.h"

/* A line of the log; what clients send is made printable. */
void scep_log(struct scep_server *server, const struct front_request *request, const struct scep_entry *entry,
              const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same, to be logged by somebody else in a transaction that there is anyway. Returns 0 if it is to be
 * left out. */
#define SCEP_LOG_LINE 600
int scep_log_line(struct scep_server *server, const struct front_request *request,
                  const struct scep_entry *entry, char line[SCEP_LOG_LINE], const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The X509 of a certificate of the store, the caller's. NULL: it is not there, or a template. */
X509 *scep_cert_x509(struct scep_server *server, int64_t id);

/* PKIOperation: reads the message, does what it asks, writes the CertRep. */
void scep_pki_operation(struct scep_server *server, const struct scep_entry *entry,
                        const struct front_request *request, const unsigned char *der, size_t len,
                        struct front_response *response);

/* What policy says to a request. */
enum scep_verdict { SCEP_GRANT, SCEP_WAIT, SCEP_REFUSE };
struct scep_decision {
    enum scep_verdict verdict;
    int64_t password; /* one-time password that is used up, or 0 */
    X509 *old;        /* the certificate that is renewed, or NULL; signer, borrowed */
    enum scep_fail_info fail_info;
    char reason[200];
};
/* signer: the certificate that the message was signed with; type: of the message. request is parsed. */
void scep_decide(struct scep_server *server, const struct scep_entry *entry, enum scep_type type,
                 X509 *signer, const struct store_incoming *incoming, struct scep_decision *decision);
/* Is the certificate one that this entry's CA, or the one before it, has issued, valid and not revoked? */
int scep_is_ours(struct scep_server *server, const struct scep_entry *entry, X509 *x509);

#endif
