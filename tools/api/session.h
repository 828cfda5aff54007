// SPDX-License-Identifier: Apache-2.0
/* The clients that are there: what they send is read, given to the threads, and answered. All in the loop's
 * thread. Private to tools/api/. */
#ifndef SIGNET_API_SESSION_H
#define SIGNET_API_SESSION_H

#include "work.h"

#include <event2/bufferevent.h>

struct sessions;

/* NULL: out of memory. */
struct sessions *sessions_new(struct event_base *base);
/* Where commands go; work's callback is session_done. */
void sessions_set_work(struct sessions *sessions, struct work *work);
/* A new client; bev becomes its session's. certificate: of the client, as in tools/http/tls.h. */
void sessions_open(struct sessions *sessions, struct bufferevent *bev, const char *address,
                   const char *certificate, int is_tls);
/* A job is done, and is freed here. */
void session_done(struct job *job);
/* The jobs that are with the threads stay there. */
void sessions_free(struct sessions *sessions);

#endif
