// SPDX-License-Identifier: Apache-2.0
/*
 * Connections of an HTTP server: each has a limit of time for a request as a whole, and there is an end to
 * how many there are. libevent's server offers neither, so each connection's bufferevent is ours as well, and
 * looked after by a timer. Private to tools/http/; all for the loop's thread.
 */
#ifndef SIGNET_HTTP_VISITS_H
#define SIGNET_HTTP_VISITS_H

#include <event2/bufferevent.h>
#include <event2/event.h>

struct visits;

/* is_full: shall new ones wait in the kernel's queue? NULL: out of memory. */
struct visits *visits_new(struct event_base *base, void (*is_full)(void *arg, int is_full), void *arg);
/* For evhttp_set_bevcb; arg is the struct visits. */
struct bufferevent *visits_accept(struct event_base *base, void *arg);
/* Its request is here, whole; and answered: the next one's time begins. */
void visits_request(struct visits *visits, const struct bufferevent *bev);
void visits_answered(struct visits *visits, const struct bufferevent *bev);
/* After the server has let go of them. */
void visits_free(struct visits *visits);

#endif
