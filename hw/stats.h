// SPDX-License-Identifier: Apache-2.0
/*
 * What lanes have done: counters of a process and of those that it forks, in a file that others can read.
 *
 * The file is FOLDER/PID, mapped shared, so that a server's workers count in their master's; nothing is
 * written where the folder does not exist or may not be written. Private to hw/.
 */
#ifndef SIGNET_HW_STATS_H
#define SIGNET_HW_STATS_H

#include "hw.h"

#include <stdatomic.h>
#include <stdint.h>

#define STATS_LANES 8

struct stats_lane {
    char name[16];
    _Atomic uint64_t operations, failures, timeouts, wrong, busy, opened;
    _Atomic uint64_t service_ns; /* of one operation, lately, by the process that counted last */
    _Atomic uint64_t is_open;    /* the breaker */
};

struct stats;

/* folder may be NULL. NULL: out of memory. */
struct stats *stats_new(const char *folder);
void stats_free(struct stats *stats);
/* Notes which process has counted last. */
void stats_touch(struct stats *stats);
struct stats_lane *stats_lane(struct stats *stats, size_t i, const char *name);

#endif
