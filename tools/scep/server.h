// SPDX-License-Identifier: Apache-2.0
/*
 * The SCEP server (RFC 8894) over a store: entries of /certificate scep-server, each a CA under a path. What
 * a client does wrong is answered in a CertRep with failInfo where a CertRep can be written at all.
 */
#ifndef SIGNET_SCEP_SERVER_H
#define SIGNET_SCEP_SERVER_H

#include "store/store.h"
#include "tools/http/front.h"

#define SCEP_SERVER_MENU      "/certificate/scep-server"
#define SCEP_DAYS_VALID       "365"
#define SCEP_REQUEST_LIFETIME "1h"
#define SCEP_AUTHORIZATION    "required"
#define SCEP_KEY_SIZE_MIN     "2048"
/* Bytes of a request (a message, DER): what is encrypted may have 20 KB, certificates are beside it. Nobody
 * is known yet who sends them, and there are connections enough to fill the memory with larger ones. */
#define SCEP_BODY_MAX (64 << 10)

struct scep_server {
    struct store *store;  /* of this thread */
    OSSL_LIB_CTX *libctx; /* of the store's keys */
    /* Of the log, so that a flood does not fill it: lines that may still come, since when, and those left
     * out. */
    unsigned log_lines, log_left_out;
    int64_t log_second;
    int64_t swept; /* when old answers were looked for last */
};

/* An entry, as its settings are. */
struct scep_entry {
    int64_t id;
    char *path; /* begins and ends with "/" */
    char *challenge_password;
    char *allowed_names; /* patterns with commas (fnmatch(3)) that each name must match one of; empty: any */
    /* Certificates. ra: 0, the CA itself answers; previous_ca: whose certificates may be renewed, too. */
    int64_t ca, next_ca, previous_ca, ra;
    int64_t request_lifetime; /* seconds */
    int days_valid, key_size_min;
    int is_disabled, allow_3des, allow_des;
    int authorization_none; /* whoever asks gets a certificate */
};
/* Returns 0 if a setting makes no sense, or out of memory. */
int scep_entry_get(struct store *store, int64_t id, struct scep_entry *entry);
void scep_entry_clear(struct scep_entry *entry);

/* Answers any request; paths of no entry with 404. */
void scep_serve(struct scep_server *server, const struct front_request *request,
                struct front_response *response);

#endif
