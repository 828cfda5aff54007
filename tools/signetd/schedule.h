// SPDX-License-Identifier: Apache-2.0
/*
 * When what is due of the store is done: certificates, CRLs, warnings (tools/renewal/). The moment comes from
 * the store, and between two moments nothing wakes. The work is another process's, `signet renew`, one at a
 * time: it has an HTTP client, and may wait for a CA or a TPM as long as it likes. All is in the store; what
 * a process that was killed has left is due again.
 */
#ifndef SIGNET_SIGNETD_SCHEDULE_H
#define SIGNET_SIGNETD_SCHEDULE_H

#include "runner.h"

#include <event2/event.h>

struct schedule;

/* NULL: said why. The daemon and the base outlive it. */
struct schedule *schedule_new(struct daemon *daemon, struct event_base *base);
/* Ends a process that works, which stops where nothing is lost. */
void schedule_free(struct schedule *schedule);
/* The store may say something else now. */
void schedule_changed(struct schedule *schedule);

#endif
