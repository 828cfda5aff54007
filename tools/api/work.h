// SPDX-License-Identifier: Apache-2.0
/* Threads that wait for workers, so that the loop's does not. Private to tools/api/. */
#ifndef SIGNET_API_WORK_H
#define SIGNET_API_WORK_H

#include "reply.h"
#include "tools/worker/login.h"

#include <event2/event.h>

struct work;
struct session;

struct job {
    struct api_request request;
    char address[64], certificate[65]; /* of a login: the client's; "": it has shown none */
    struct worker_session user;        /* whose command it is; after a login who has logged in */
    struct evbuffer *reply;            /* once it is done */
    enum worker_login_result result;   /* of a login */
    int is_last;                       /* the connection ends behind the reply */

    /* The session's, in the loop's thread. */
    struct session *session; /* NULL: the client has gone */
    struct job *next;        /* that came later */
    int is_sent;             /* to the threads, whose it is until it is done */

    /* With the lock held. */
    struct job *queued;
    int cancel_fd; /* of a command that runs: it is cancelled by shutting this down. -1: it does not run */
    int is_cancelled;
};

struct work_config {
    struct event_base *base;
    struct worker_logins *logins;
    const char *service;           /* for the log */
    void (*done)(struct job *job); /* in the loop's thread; the callee's */
};

/* NULL: out of memory. */
struct work *work_new(const struct work_config *config);
/* Starts the threads. Returns 0 if that fails. */
int work_start(struct work *work);
/* Both in the loop's thread. A job that is cancelled is done soon. */
void work_push(struct work *work, struct job *job);
void work_cancel(struct work *work, struct job *job);
/* Cancels what runs, and waits for that. */
void work_stop(struct work *work);
void work_free(struct work *work);
void job_free(struct job *job);

#endif
