// SPDX-License-Identifier: Apache-2.0
/*
 * Attachments: what a lane keeps for a key, from the key's first operation there until the driver changes,
 * the process forks, or an operation fails. Private to hw/.
 */
#ifndef SIGNET_HW_ATTACH_H
#define SIGNET_HW_ATTACH_H

#include "lane.h"

struct hw_attachment {
    void *state; /* the lane's */
    unsigned users, epoch, forks;
    int is_stale; /* its last user detaches it */
    const struct hw_lane *lane;
};

/* The attachment of the key to the lane of index i, made if there is none that holds in this epoch of the
 * route's driver. NULL: *result says why. */
struct hw_attachment *hw_attach_take(struct hw_route *route, const struct hw_lane *lane, size_t i,
                                     struct hw_held *held, unsigned epoch, enum lane_result *result);
/* Ends what hw_attach_take began. has_failed: what is attached may be the reason; the next operation attaches
 * the key anew. */
void hw_attach_let_go(struct hw_held *held, size_t i, struct hw_attachment *attachment, int has_failed);

#endif
