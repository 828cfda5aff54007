// SPDX-License-Identifier: Apache-2.0
/* Somebody else's program: executed directly, never by a shell, for a bounded time. */
#ifndef SIGNET_HOOK_H
#define SIGNET_HOOK_H

#include <stddef.h>

#define HOOK_SECONDS 120

struct hook {
    const char *const *argv;        /* the first is its path; ends with NULL */
    const char *const *environment; /* "NAME=VALUE" besides ours; ends with NULL. NULL: nothing */
    unsigned seconds;               /* that it may take */
    int (*is_cancelled)(void *arg); /* NULL: it is not stopped sooner */
    void *arg;
};

/* Is it what may be run: an absolute path, a regular file that nobody but its owner can write, who is root or
 * the user? is_script: it is read by another program and need not be executable. Returns 0 with why (one
 * line). */
int hook_check(const char *path, int is_script, char *why, size_t size);
/* May the user give this "NAME=VALUE" to it? Not what would bring foreign code into the program. */
int hook_may_set(const char *variable);
/* Runs it and waits for its end. Returns 1 if it said that it succeeded; otherwise why says how it has ended.
 * In both cases output (NULL: not wanted) gets the last that it has printed, in one line. */
int hook_run(const struct hook *hook, char *why, size_t size, char *output, size_t output_size);

#endif
