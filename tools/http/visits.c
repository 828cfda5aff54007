// SPDX-License-Identifier: Apache-2.0
/* Who may stay how long; see visits.h. */
#include "visits.h"

#include <openssl/crypto.h>
#include <sys/socket.h>
#include <time.h>

#define REQUEST_S       20 /* for a request as a whole to come in */
#define CONNECTIONS_MAX 256
#define CONNECTIONS_OK  192 /* beyond these the oldest that has sent no request makes room */
#define SWEEP_US        250000

struct visit {
    struct bufferevent *bev;
    double since;
    int is_here; /* the request, whole */
    int is_cut;
    struct visit *next;
};

struct visits {
    void (*is_full)(void *arg, int is_full);
    void *arg;
    struct event *sweep;
    struct visit *first;
    unsigned count;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* libevent finds out, lets go of the connection, and on_sweep after it. */
static void cut(struct visit *visit)
{
    visit->is_cut = 1;
    shutdown(bufferevent_getfd(visit->bev), SHUT_RDWR);
}

/* Whoever only holds connections open loses them to whoever asks for something. */
static void make_room(struct visits *visits)
{
    struct visit *visit, *oldest = NULL;

    for (visit = visits->first; visit != NULL; visit = visit->next) {
        if (!visit->is_here && !visit->is_cut)
            oldest = visit;
    }
    if (oldest != NULL)
        cut(oldest);
}

struct bufferevent *visits_accept(struct event_base *base, void *arg)
{
    static const struct timeval often = {0, SWEEP_US};
    struct visits *visits = arg;
    struct visit *visit = OPENSSL_zalloc(sizeof(*visit));

    if (visit == NULL || (visit->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
        OPENSSL_free(visit);
        return NULL; /* libevent makes one itself, or fails for the same reason */
    }
    bufferevent_incref(visit->bev);
    visit->since = now_s();
    visit->next = visits->first;
    visits->first = visit;
    if (++visits->count == 1)
        event_add(visits->sweep, &often);
    if (visits->count > CONNECTIONS_OK)
        make_room(visits);
    if (visits->count >= CONNECTIONS_MAX)
        visits->is_full(visits->arg, 1);
    return visit->bev;
}

/* libevent has let go of it: it takes its callbacks away then. */
static int has_ended(struct bufferevent *bev)
{
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;

    bufferevent_getcb(bev, &read, &write, &event, NULL);
    return read == NULL && write == NULL && event == NULL;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct visits *visits = arg;
    struct visit **p = &visits->first, *visit;
    double now = now_s();

    (void)fd;
    (void)what;
    while ((visit = *p) != NULL) {
        if (has_ended(visit->bev)) {
            *p = visit->next;
            bufferevent_decref(visit->bev);
            OPENSSL_free(visit);
            visits->count--;
            continue;
        }
        if (!visit->is_here && !visit->is_cut && now - visit->since > REQUEST_S)
            cut(visit);
        p = &visit->next;
    }
    if (visits->count < CONNECTIONS_MAX)
        visits->is_full(visits->arg, 0);
    if (visits->count == 0)
        event_del(visits->sweep);
}

static void set_here(struct visits *visits, const struct bufferevent *bev, int is_here)
{
    struct visit *visit;

    for (visit = visits->first; visit != NULL; visit = visit->next) {
        if (visit->bev != bev)
            continue;
        visit->is_here = is_here;
        visit->since = now_s();
    }
}

void visits_request(struct visits *visits, const struct bufferevent *bev)
{
    set_here(visits, bev, 1);
}

void visits_answered(struct visits *visits, const struct bufferevent *bev)
{
    set_here(visits, bev, 0);
}

struct visits *visits_new(struct event_base *base, void (*is_full)(void *arg, int is_full), void *arg)
{
    struct visits *visits = OPENSSL_zalloc(sizeof(*visits));

    if (visits == NULL)
        return NULL;
    visits->is_full = is_full;
    visits->arg = arg;
    visits->sweep = event_new(base, -1, EV_PERSIST, on_sweep, visits);
    if (visits->sweep != NULL)
        return visits;
    OPENSSL_free(visits);
    return NULL;
}

void visits_free(struct visits *visits)
{
    struct visit *visit;

    if (visits == NULL)
        return;
    while ((visit = visits->first) != NULL) {
        visits->first = visit->next;
        bufferevent_decref(visit->bev);
        OPENSSL_free(visit);
    }
    event_free(visits->sweep);
    OPENSSL_free(visits);
}
