// SPDX-License-Identifier: Apache-2.0
/*
 * A client of SCEP (RFC 8894): what a server can do and who it is, requests, polls. Keys come as EVP_PKEYs,
 * and decrypt the answer wherever they live. Whoever answers must have a certificate of the CA that was
 * looked at and found good.
 *
 * Functions return 1 (or a pointer) on success and 0 (or NULL) on failure, which was reported through
 * scep_client_config.error.
 */
#ifndef SIGNET_SCEP_CLIENT_H
#define SIGNET_SCEP_CLIENT_H

#include "scep.h"

struct scep_client;

struct scep_client_config {
    OSSL_LIB_CTX *libctx;    /* in which the keys are; borrowed */
    const char *url;         /* http or https */
    const char *ca_identity; /* sent with GetCACert; NULL: nothing */
    const char *ca_file;     /* PEM: what an https server's certificate is verified with */
    int allow_des; /* read answers that are encrypted with DES: certificates are in them, no secrets */

    /* Is this certificate of a CA to be believed? Asked once, with what the server says is its CA. */
    int (*is_good)(void *arg, X509 *ca);
    /* Does this certificate, which the CA has issued, answer for the CA (as its RA)? Asked if the certificate
     * does not say so itself: any device has one of the CA. Reports why not. */
    int (*is_good_ra)(void *arg, X509 *ra);
    void (*error)(void *arg, const char *text);
    int (*is_cancelled)(void *arg);
    void *arg;
};

struct scep_client *scep_client_new(const struct scep_client_config *config);
void scep_client_free(struct scep_client *client);

/* Asks what the server can do (GetCACaps) and who it is (GetCACert). */
int scep_client_look(struct scep_client *client);
/* The CA, and all certificates of GetCACert; borrowed. After scep_client_look. */
X509 *scep_client_get0_ca(const struct scep_client *client);
const STACK_OF(X509) * scep_client_get0_chain(const struct scep_client *client);
int scep_client_can_renew(const struct scep_client *client);
/* The CA that follows (GetNextCACert), first, and what is above it, signed by the one that is there; the
 * caller's. NULL: said why. */
STACK_OF(X509) * scep_client_next_ca(struct scep_client *client);
int scep_client_has_next_ca(const struct scep_client *client);

/* The transactionID for a public key (section 3.2.1.1): its digest, in hexadecimal. */
int scep_transaction_id(OSSL_LIB_CTX *libctx, EVP_PKEY *key, char id[65]);

struct scep_answer {
    enum scep_status status; /* failures are reported, and not seen here */
    X509 *certificate;       /* SCEP_SUCCESS: for the key */
    STACK_OF(X509) * others; /* what came with it */
};
void scep_answer_clear(struct scep_answer *answer);
/* PKCSReq, or RenewalReq if old is not NULL: the certificate that is renewed, with its key. csr is PKCS #10,
 * DER. key is the new one. */
int scep_client_request(struct scep_client *client, const unsigned char *csr, size_t len, EVP_PKEY *key,
                        X509 *old, EVP_PKEY *old_key, const char *transaction_id, struct scep_answer *answer);
/* CertPoll of a request that is pending. */
int scep_client_poll(struct scep_client *client, X509_NAME *subject, EVP_PKEY *key,
                     const char *transaction_id, struct scep_answer *answer);

#endif
