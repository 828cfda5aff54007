// SPDX-License-Identifier: Apache-2.0
/* What the service www answers: SCEP, and what anybody may ask a CA for. One for each thread. */
#ifndef SIGNET_SIGNETD_WWW_H
#define SIGNET_SIGNETD_WWW_H

#include "ocsp.h"
#include "tools/http/front.h"

struct www;

/* The store and the cache outlive it. NULL: out of memory. */
struct www *www_new(struct store *store, OSSL_LIB_CTX *libctx, struct ocsp_cache *cache);
void www_free(struct www *www);
/*
 *   /crl/N.crl   the CRL of the CA with this id, DER (RFC 5280 section 4.2.1.13)
 *   /ca/N.crt    its certificate, DER (section 4.2.2.1)
 *   /ocsp        OCSP by POST, and by GET behind /ocsp/ (RFC 6960 appendix A)
 *   /.well-known/acme-challenge/TOKEN   for http-01 (RFC 8555 section 8.3)
 *   /metrics     Prometheus's text, for the networks of /system metrics
 *   everything else is SCEP's
 */
void www_answer(struct www *www, const struct front_request *request, struct front_response *response);

#endif
