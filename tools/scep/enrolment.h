// SPDX-License-Identifier: Apache-2.0
/*
 * Certificates of a store that SCEP obtains and renews: the settings and the state of each are settings of
 * the store's menu. A request that has to wait for somebody is polled for by the next run.
 */
#ifndef SIGNET_SCEP_ENROLMENT_H
#define SIGNET_SCEP_ENROLMENT_H

#include "tools/acme/managed.h" /* the host, the lock and the times are the same */

#define SCEP_CLIENT_MENU   "/certificate/scep"
#define SCEP_RENEW_PERCENT "80"
#define SCEP_REFRESH       "yes"

/* acme-status's brother. */
#define SCEP_STATUS_PENDING "pending"
#define SCEP_STATUS_ISSUED  "issued"
#define SCEP_STATUS_FAILED  "failed"

struct scep_enrolment {
    const char *url, *ca_identity, *ca_fingerprint, *ra_fingerprint,
        *challenge_password; /* NULL: not given */
    const char *key_size, *custody;
    int no_refresh; /* is not renewed by itself */
    int allow_des;  /* in answers: what is in them is public */
};
/* Makes an entry for a template. *id is set. */
int scep_enrol_add(struct managed_host *host, int64_t template, const struct scep_enrolment *enrolment,
                   int64_t *id);
/* The entry of a certificate; 0: it has none, -1: failed. */
int64_t scep_enrol_find(struct store *store, int64_t certificate);
/* Requests, renews, or polls for what is pending. *is_pending: it waits for somebody. */
int scep_enrol_run(struct managed_host *host, int64_t id, int *is_pending);
/* All that is due. *count is the number obtained. Goes on after a failure, and returns 0 then. */
int scep_enrol_run_due(struct managed_host *host, int *count);
/* The same for one entry; *count is raised if its certificate was obtained. */
int scep_enrol_run_entry(struct managed_host *host, int64_t id, int *count);
int scep_enrol_remove(struct managed_host *host, int64_t id);

#endif
