// SPDX-License-Identifier: Apache-2.0
/* Requests on their way from libevent to a worker, and their answers on the way back. Private to tools/http/.
 */
#ifndef SIGNET_HTTP_JOB_H
#define SIGNET_HTTP_JOB_H

#include "front.h"
#include "relay.h"

#include <event2/http.h>

struct job {
    struct job *next;
    size_t turn;                 /* how many of its address waited before it */
    struct evhttp_request *http; /* NULL: the client has gone; for the loop's thread alone */
    struct front_request request;
    struct front_response response;
    char *path, *query, *address, *authorization, *content_type, *certificate;
    unsigned char *body;
};

struct job_queue {
    struct job *first, **last;
    size_t count;
};

/* Copies the request, for a thread that libevent knows nothing of. NULL: out of memory. */
struct job *front_job_new(struct evhttp_request *http, const struct relay_peer *peer, int tells_gone);
void front_job_free(struct job *job);

void front_job_queue_init(struct job_queue *queue);
void front_job_push(struct job_queue *queue, struct job *job);
struct job *front_job_pop(struct job_queue *queue); /* NULL: it is empty */
/* Lets it wait, if there is room for one more of its address. Addresses take turns: with a TPM of ten
 * operations a second, whoever comes behind all that one stranger has sent would wait for half a minute. */
int front_job_wait(struct job_queue *queue, struct job *job);

#endif
