// SPDX-License-Identifier: Apache-2.0
/* What is said before a certificate ends that nothing renews: at 30, 14, 7, 3 days and one, or at a third of
 * its life, a sixth …, if that is later; and at its end. Each once. */
#include "renewal.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define DAY 86400

int64_t renewal_warn_at(int64_t not_before, int64_t not_after, int step)
{
    static const int64_t days[RENEWAL_STEPS - 1] = {30, 14, 7, 3, 1};
    int64_t life = not_after > not_before ? not_after - not_before : 0, before;

    if (step >= RENEWAL_STEPS - 1)
        return not_after;
    before = life / ((int64_t)3 << step);
    return not_after - (before < days[step] * DAY ? before : days[step] * DAY);
}

int renewal_warn_steps(int64_t not_before, int64_t not_after, int64_t now)
{
    int step = 0;

    while (step < RENEWAL_STEPS && renewal_warn_at(not_before, not_after, step) <= now)
        step++;
    return step;
}

/* What is left, in the unit that says enough of it. */
static void left_text(char *text, size_t size, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{DAY, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;

    while (i < 3 && seconds < units[i].seconds)
        i++;
    snprintf(text, size, "%lld %s%s", (long long)(seconds / units[i].seconds), units[i].name,
             seconds / units[i].seconds == 1 ? "" : "s");
}

struct warn {
    struct store *store;
    int64_t now;
    int64_t ids[64]; /* bounded: the others come with the next run */
    int steps[64];
    char texts[64][512];
    size_t count;
};

/* Nothing is written while the table is walked through. */
static int collect(void *arg, const struct store_expiry *expiry)
{
    struct warn *warn = arg;
    int steps = renewal_warn_steps(expiry->not_before, expiry->not_after, warn->now);
    char left[40], *error = NULL;

    if (steps <= expiry->step || warn->now - expiry->not_after > RENEWAL_NO_MORE)
        return 1;
    if (expiry->is_kept && renewal_is_kept(warn->store, expiry->id, &error))
        return 1;
    left_text(left, sizeof(left), expiry->not_after - warn->now);
    warn->ids[warn->count] = expiry->id;
    warn->steps[warn->count] = steps;
    if (steps == RENEWAL_STEPS)
        snprintf(warn->texts[warn->count], sizeof(warn->texts[0]), "certificate %.100s has expired%s%.180s",
                 expiry->name, error != NULL ? ": " : "", error != NULL ? error : "");
    else
        snprintf(warn->texts[warn->count], sizeof(warn->texts[0]),
                 "certificate %.100s expires in %s, %s%.140s", expiry->name, left,
                 error != NULL ? "and its renewal fails: " : "and nothing renews it",
                 error != NULL ? error : "");
    OPENSSL_free(error);
    return ++warn->count < sizeof(warn->ids) / sizeof(warn->ids[0]);
}

int renewal_warn(struct store *store, int64_t now)
{
    struct warn *warn = OPENSSL_zalloc(sizeof(*warn));
    int ok = warn != NULL;
    size_t i;

    if (ok) {
        warn->store = store;
        warn->now = now;
        ok = store_expiry_each(store, collect, warn);
    }
    for (i = 0; ok && i < warn->count; i++) {
        ok = store_begin(store);
        if (ok)
            ok = store_end(store, store_log(store, "certificate,warning", "%s", warn->texts[i]) &&
                                      store_expiry_note(store, warn->ids[i], warn->steps[i]));
    }
    OPENSSL_free(warn);
    return ok;
}
