// SPDX-License-Identifier: Apache-2.0
/*
 * Against guessing. An address that fails waits longer each time, up to five minutes. Of a user whom many
 * addresses guess at, a login a second is looked at, but an address that the user has come from is not held
 * back by what strangers do: nobody can lock somebody else out of where they work. Private to tools/worker.
 */
#ifndef SIGNET_WORKER_GUARD_H
#define SIGNET_WORKER_GUARD_H

#include <stdint.h>

struct guard;

struct guard *guard_new(void);
void guard_free(struct guard *guard);
/* Seconds that a login has to wait; 0: it may be looked at, and guard_note tells what became of it. now is in
 * ms. */
unsigned guard_wait(struct guard *guard, const char *user, const char *address, int64_t now);
void guard_note(struct guard *guard, const char *user, const char *address, int64_t now, int is_ok);

/* Has the user come from there in the last day? */
int guard_knows(struct guard *guard, const char *user, const char *address, int64_t now);

#endif
