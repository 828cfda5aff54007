// SPDX-License-Identifier: Apache-2.0
/* What lanes keep for a key: made at its first operation on a lane, shared by threads, and detached by the
 * last of those that use it once it is stale. */
#include "attach.h"

static void detach(struct hw_attachment *attachment)
{
    attachment->lane->detach(attachment->state);
    OPENSSL_free(attachment);
}

/* Takes an attachment out of its slot, with the lock held. Returns it if nobody uses it; otherwise its last
 * user detaches it. */
static struct hw_attachment *retire(struct hw_held *held, size_t i)
{
    struct hw_attachment *old = held->attached[i];

    held->attached[i] = NULL;
    if (old == NULL)
        return NULL;
    old->is_stale = 1;
    return old->users == 0 ? old : NULL;
}

void hw_attach_let_go(struct hw_held *held, size_t i, struct hw_attachment *attachment, int has_failed)
{
    int is_last;

    pthread_mutex_lock(&held->lock);
    if (has_failed && held->attached[i] == attachment)
        retire(held, i);
    is_last = --attachment->users == 0 && attachment->is_stale;
    pthread_mutex_unlock(&held->lock);
    if (is_last)
        detach(attachment);
}

static struct hw_attachment *attach(struct hw_route *route, const struct hw_lane *lane, struct hw_held *held,
                                    unsigned epoch, enum lane_result *result)
{
    struct hw_attachment *attachment = OPENSSL_zalloc(sizeof(*attachment));
    char driver[HW_DRIVER_SIZE];

    *result = LANE_FAILED;
    if (attachment == NULL)
        return NULL;
    hw_route_get_driver(route, driver);
    attachment->lane = lane;
    attachment->epoch = epoch;
    attachment->forks = hw_fork_count();
    attachment->state = lane->attach(held, driver, result);
    if (attachment->state != NULL)
        return attachment;
    OPENSSL_free(attachment);
    return NULL;
}

struct hw_attachment *hw_attach_take(struct hw_route *route, const struct hw_lane *lane, size_t i,
                                     struct hw_held *held, unsigned epoch, enum lane_result *result)
{
    struct hw_attachment *attachment, *old = NULL;

    pthread_mutex_lock(&held->lock);
    attachment = held->attached[i];
    if (attachment != NULL && attachment->forks != hw_fork_count())
        attachment->users = 0; /* they are the parent's threads */
    if (attachment != NULL &&
        ((lane->is_accelerator && attachment->epoch != epoch) || attachment->forks != hw_fork_count()))
        old = retire(held, i);
    if (held->attached[i] == NULL)
        held->attached[i] = attach(route, lane, held, epoch, result);
    attachment = held->attached[i];
    if (attachment != NULL)
        attachment->users++;
    pthread_mutex_unlock(&held->lock);
    if (old != NULL)
        detach(old);
    return attachment;
}

void hw_attach_forget(struct hw_held *held)
{
    size_t i;

    for (i = 0; i < HW_LANES_MAX; i++) {
        struct hw_attachment *old = retire(held, i);

        if (old != NULL)
            detach(old);
        held->refused[i] = 0;
    }
}
