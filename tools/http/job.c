// SPDX-License-Identifier: Apache-2.0
/* What a request says, and where it waits; see job.h. */
#include "job.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define WAITING_MAX     256 /* requests that no worker has taken */
#define WAITING_ADDRESS 64  /* of them from one address */

/* ---- what it says ---- */

static enum front_method method_of(struct evhttp_request *http)
{
    switch (evhttp_request_get_command(http)) {
    case EVHTTP_REQ_HEAD:
        return FRONT_HEAD;
    case EVHTTP_REQ_POST:
        return FRONT_POST;
    case EVHTTP_REQ_PUT:
        return FRONT_PUT;
    case EVHTTP_REQ_PATCH:
        return FRONT_PATCH;
    case EVHTTP_REQ_DELETE:
        return FRONT_DELETE;
    default:
        return FRONT_GET;
    }
}

/* A copy of a header, or "". */
static char *header_of(struct evhttp_request *http, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(http), name);

    return OPENSSL_strdup(value != NULL ? value : "");
}

/* libevent does not look at a connection while its request is answered. The caller closes it. */
static int connection_of(struct evhttp_request *http)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http);

    return fcntl(bufferevent_getfd(evhttp_connection_get_bufferevent(connection)), F_DUPFD_CLOEXEC, 3);
}

/* Browsers say whose page it is for (W3C Fetch Metadata); those that don't yet, at least with what changes
 * something. */
static int is_cross_site(struct evhttp_request *http)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(http);
    const char *site = evhttp_find_header(headers, "Sec-Fetch-Site"),
               *origin = evhttp_find_header(headers, "Origin"), *host = evhttp_find_header(headers, "Host");

    if (site != NULL)
        return strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    return origin != NULL &&
           (host == NULL || strncmp(origin, "https://", 8) != 0 || OPENSSL_strcasecmp(origin + 8, host) != 0);
}

void front_job_free(struct job *job)
{
    if (job == NULL)
        return;
    if (job->request.gone_fd >= 0)
        close(job->request.gone_fd);
    OPENSSL_free(job->path);
    OPENSSL_free(job->query);
    OPENSSL_free(job->address);
    if (job->authorization != NULL)
        OPENSSL_clear_free(job->authorization, strlen(job->authorization));
    OPENSSL_free(job->content_type);
    OPENSSL_free(job->certificate);
    OPENSSL_clear_free(job->body, job->request.body_len);
    OPENSSL_free(job->response.body);
    OPENSSL_free(job);
}

struct job *front_job_new(struct evhttp_request *http, const struct relay_peer *peer, int tells_gone)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *path = evhttp_uri_get_path(uri), *query = evhttp_uri_get_query(uri);
    struct evbuffer *body = evhttp_request_get_input_buffer(http);
    size_t len = evbuffer_get_length(body);
    struct job *job = OPENSSL_zalloc(sizeof(*job));

    if (job == NULL)
        return NULL;
    job->http = http;
    job->request.gone_fd = -1;
    job->path = OPENSSL_strdup(path != NULL ? path : "/");
    job->query = OPENSSL_strdup(query != NULL ? query : "");
    job->address = OPENSSL_strdup(peer->address);
    job->authorization = header_of(http, "Authorization");
    job->content_type = header_of(http, "Content-Type");
    job->certificate = OPENSSL_strdup(peer->certificate);
    job->body = OPENSSL_malloc(len + 1);
    if (job->path == NULL || job->query == NULL || job->address == NULL || job->authorization == NULL ||
        job->content_type == NULL || job->certificate == NULL || job->body == NULL) {
        front_job_free(job);
        return NULL;
    }
    evbuffer_copyout(body, job->body, len);
    job->request = (struct front_request){
        .method = method_of(http),
        .path = job->path,
        .query = job->query,
        .address = job->address,
        .authorization = job->authorization,
        .content_type = job->content_type,
        .client_certificate = *job->certificate != '\0' ? job->certificate : NULL,
        .gone_fd = tells_gone ? connection_of(http) : -1,
        .is_cross_site = is_cross_site(http),
        .is_script = evhttp_find_header(evhttp_request_get_input_headers(http), "X-Requested-With") != NULL,
        .body = job->body,
        .body_len = len,
    };
    return job;
}

/* ---- queues ---- */

void front_job_queue_init(struct job_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
    queue->count = 0;
}

void front_job_push(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

struct job *front_job_pop(struct job_queue *queue)
{
    struct job *job = queue->first;

    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    return job;
}

int front_job_wait(struct job_queue *queue, struct job *job)
{
    struct job *other, **place = &queue->first;

    for (other = queue->first; other != NULL; other = other->next)
        job->turn += strcmp(other->request.address, job->request.address) == 0;
    if (queue->count >= WAITING_MAX || job->turn >= WAITING_ADDRESS)
        return 0;
    while (*place != NULL && (*place)->turn <= job->turn)
        place = &(*place)->next;
    job->next = *place;
    *place = job;
    if (job->next == NULL)
        queue->last = &job->next;
    queue->count++;
    return 1;
}
