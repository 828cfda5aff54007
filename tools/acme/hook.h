// SPDX-License-Identifier: Apache-2.0
/* Somebody else's program, run for a challenge: directly, never by a shell. Private to tools/acme/. */
#ifndef SIGNET_ACME_HOOK_H
#define SIGNET_ACME_HOOK_H

#include "acme.h"
#include "tools/hook/hook.h"

/* Is it what may be run: an absolute path, a regular file that nobody but its owner can write, who is root or
 * the user? is_script: it is read by another program and need not be executable. Raises what is wrong. */
int acme_hook_check(struct acme *acme, const char *path, int is_script);

#define ACME_HOOK_SECONDS HOOK_SECONDS

/* Runs argv (its first is the path; ends with NULL) and waits for its end, at most so many seconds. Returns 1
 * if it said that it succeeded; otherwise the last that it printed is in the error. */
int acme_hook_run(struct acme *acme, const char *const *argv, unsigned seconds);
/* The same for cleaning up: what goes wrong is a warning, and it is done although all was cancelled. */
void acme_hook_clean(struct acme *acme, const char *const *argv, unsigned seconds);

#endif
