// SPDX-License-Identifier: Apache-2.0
/* The HTTP server; see front.h. */
#include "front.h"

#include "listen.h"
#include "networks.h"
#include "rate.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define HEADERS_MAX     8192
#define IDLE_S          10 /* without a byte */
#define REQUEST_S       20 /* for a request as a whole to come in */
#define CONNECTIONS_MAX 256
#define CONNECTIONS_OK  192 /* beyond these the oldest that has sent no request makes room */
#define SWEEP_US        250000
#define WAITING_MAX     256       /* requests that no worker has taken */
#define WAITING_ADDRESS 64        /* of them from one address */
#define IPV4            "::ffff:" /* before an IPv4 address on a socket of IPv6 */

struct job {
    struct job *next;
    size_t turn;                 /* how many of its address waited before it */
    struct evhttp_request *http; /* NULL: the client has gone; for the loop's thread alone */
    struct front_request request;
    struct front_response response;
    char *path, *query, *address;
    unsigned char *body;
};

struct queue {
    struct job *first, **last;
    size_t count;
};

struct front {
    struct front_config config;
    struct event_base *base;
    struct evhttp *http;
    uint16_t port;
    int done_fd, stop_fd; /* eventfds: answers are ready; the server shall end */
    struct event *done_event, *stop_event;
    struct rate *rate;
    struct networks *networks;
    struct evconnlistener *listeners[2];
    unsigned listeners_count;
    struct event *sweep_event;
    struct visit *visits;
    unsigned visits_count;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    struct queue waiting, done;
    int is_ending, has_failed;
    pthread_t *threads;
    unsigned threads_count;
};

/* ---- queues, with the lock held ---- */

static void push(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

static struct job *pop(struct queue *queue)
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

static void job_free(struct job *job)
{
    if (job == NULL)
        return;
    OPENSSL_free(job->path);
    OPENSSL_free(job->query);
    OPENSSL_free(job->address);
    OPENSSL_clear_free(job->body, job->request.body_len);
    OPENSSL_free(job->response.body);
    OPENSSL_free(job);
}

/* ---- workers ---- */

static struct job *next_job(struct front *front)
{
    struct job *job = NULL;

    pthread_mutex_lock(&front->lock);
    while (!front->is_ending && (job = pop(&front->waiting)) == NULL)
        pthread_cond_wait(&front->wake, &front->lock);
    pthread_mutex_unlock(&front->lock);
    return job;
}

static void *work(void *arg)
{
    struct front *front = arg;
    void *worker = front->config.worker_new(front->config.arg);
    struct job *job;

    if (worker == NULL) {
        pthread_mutex_lock(&front->lock);
        front->has_failed = 1;
        pthread_mutex_unlock(&front->lock);
        front_stop(front);
        return NULL;
    }
    while ((job = next_job(front)) != NULL) {
        job->response = (struct front_response){.status = 200, .type = "text/plain"};
        front->config.answer(worker, &job->request, &job->response);
        pthread_mutex_lock(&front->lock);
        push(&front->done, job);
        pthread_mutex_unlock(&front->lock);
        eventfd_write(front->done_fd, 1);
    }
    front->config.worker_free(worker);
    return NULL;
}

/* ---- requests, in the loop's thread ---- */

/* A connection brings one request, for which it has a limit of time as a whole. libevent's server offers
 * neither that nor a limit of connections: so each connection's bufferevent is ours as well, and looked after
 * by a timer. */
struct visit {
    struct bufferevent *bev;
    double since;
    int is_here; /* the request, whole */
    int is_cut;
    struct visit *next;
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
static void make_room(struct front *front)
{
    struct visit *visit, *oldest = NULL;

    for (visit = front->visits; visit != NULL; visit = visit->next) {
        if (!visit->is_here && !visit->is_cut)
            oldest = visit;
    }
    if (oldest != NULL)
        cut(oldest);
}

static void listen_again(struct front *front, int is_wanted)
{
    unsigned i;

    for (i = 0; i < front->listeners_count; i++) {
        if (is_wanted)
            evconnlistener_enable(front->listeners[i]);
        else
            evconnlistener_disable(front->listeners[i]);
    }
}

static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    static const struct timeval often = {0, SWEEP_US};
    struct front *front = arg;
    struct visit *visit = OPENSSL_zalloc(sizeof(*visit));

    if (visit == NULL || (visit->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
        OPENSSL_free(visit);
        return NULL; /* libevent makes one itself, or fails for the same reason */
    }
    bufferevent_incref(visit->bev);
    visit->since = now_s();
    visit->next = front->visits;
    front->visits = visit;
    if (++front->visits_count == 1)
        event_add(front->sweep_event, &often);
    if (front->visits_count > CONNECTIONS_OK)
        make_room(front);
    if (front->visits_count >= CONNECTIONS_MAX)
        listen_again(front, 0);
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
    struct front *front = arg;
    struct visit **p = &front->visits, *visit;
    double now = now_s();

    (void)fd;
    (void)what;
    while ((visit = *p) != NULL) {
        if (has_ended(visit->bev)) {
            *p = visit->next;
            bufferevent_decref(visit->bev);
            OPENSSL_free(visit);
            front->visits_count--;
            continue;
        }
        if (!visit->is_here && !visit->is_cut && now - visit->since > REQUEST_S)
            cut(visit);
        p = &visit->next;
    }
    if (front->visits_count < CONNECTIONS_MAX)
        listen_again(front, 1);
    if (front->visits_count == 0)
        event_del(front->sweep_event);
}

static void request_is_here(struct front *front, struct evhttp_connection *connection)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(connection);
    struct visit *visit;

    for (visit = front->visits; visit != NULL; visit = visit->next) {
        if (visit->bev == bev)
            visit->is_here = 1;
    }
}

static void on_close(struct evhttp_connection *connection, void *arg)
{
    struct job *job = arg;

    (void)connection;
    job->http = NULL;
}

static void send_status(struct evhttp_request *http, int status, const char *reason)
{
    evhttp_add_header(evhttp_request_get_output_headers(http), "Connection", "close");
    evhttp_send_error(http, status, reason);
}

static struct job *take(struct front *front, struct evhttp_request *http, const char *address)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *path = evhttp_uri_get_path(uri), *query = evhttp_uri_get_query(uri);
    struct evbuffer *body = evhttp_request_get_input_buffer(http);
    size_t len = evbuffer_get_length(body);
    struct job *job = OPENSSL_zalloc(sizeof(*job));

    (void)front;
    if (job == NULL)
        return NULL;
    job->http = http;
    job->path = OPENSSL_strdup(path != NULL ? path : "/");
    job->query = OPENSSL_strdup(query != NULL ? query : "");
    job->address = OPENSSL_strdup(address);
    job->body = OPENSSL_malloc(len + 1);
    if (job->path == NULL || job->query == NULL || job->address == NULL || job->body == NULL) {
        job_free(job);
        return NULL;
    }
    evbuffer_copyout(body, job->body, len);
    job->request = (struct front_request){
        .is_post = evhttp_request_get_command(http) == EVHTTP_REQ_POST,
        .path = job->path,
        .query = job->query,
        .address = job->address,
        .body = job->body,
        .body_len = len,
    };
    return job;
}

/* Lets it wait, if there is room for one more of its address. Addresses take turns: with a TPM of ten
 * operations a second, whoever comes behind all that one stranger has sent would wait for half a minute. With
 * the lock held. */
static int take_place(struct front *front, struct job *job)
{
    struct queue *queue = &front->waiting;
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

static void on_request(struct evhttp_request *http, void *arg)
{
    struct front *front = arg;
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    ev_uint16_t port;
    char *address = NULL;
    struct job *job;
    int is_full;

    evhttp_connection_get_peer(connection, &address, &port);
    if (strncmp(address, IPV4, strlen(IPV4)) == 0)
        address += strlen(IPV4);
    if (!networks_have(front->networks, address)) {
        send_status(http, 403, "Forbidden");
        return;
    }
    /* A body too large or a method that is not allowed has been answered by libevent. */
    if (!rate_take(front->rate, address)) {
        send_status(http, 429, "Too Many Requests");
        return;
    }
    job = take(front, http, address);
    if (job == NULL) {
        send_status(http, 503, "Service Unavailable");
        return;
    }
    request_is_here(front, connection);
    pthread_mutex_lock(&front->lock);
    is_full = !take_place(front, job);
    if (!is_full) {
        evhttp_connection_set_closecb(connection, on_close, job);
        pthread_cond_signal(&front->wake);
    }
    pthread_mutex_unlock(&front->lock);
    if (is_full) {
        job_free(job);
        send_status(http, 503, "Service Unavailable");
    }
}

/* ---- answers, in the loop's thread ---- */

static void send_answer(struct front *front, struct job *job)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(job->http);
    struct evbuffer *body = evbuffer_new();
    char cache[32] = "no-store";

    (void)front;
    evhttp_connection_set_closecb(evhttp_request_get_connection(job->http), NULL, NULL);
    evhttp_add_header(headers, "Content-Type", job->response.type);
    if (job->response.max_age > 0)
        snprintf(cache, sizeof(cache), "max-age=%u", job->response.max_age);
    evhttp_add_header(headers, "Cache-Control", cache);
    evhttp_add_header(headers, "Connection", "close");
    if (body != NULL && job->response.body != NULL)
        evbuffer_add(body, job->response.body, job->response.len);
    evhttp_send_reply(job->http, job->response.status, job->response.status == 200 ? "OK" : "Refused", body);
    if (body != NULL)
        evbuffer_free(body);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    struct job *job;
    eventfd_t count;

    (void)what;
    eventfd_read(fd, &count);
    for (;;) {
        pthread_mutex_lock(&front->lock);
        job = pop(&front->done);
        pthread_mutex_unlock(&front->lock);
        if (job == NULL)
            return;
        if (job->http != NULL)
            send_answer(front, job);
        job_free(job);
    }
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(front->base);
}

/* ---- the whole ---- */

static int fail(const struct front_config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int fail(const struct front_config *config, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    config->error(config->arg, text);
    return 0;
}

/* Sets errno. */
static int listen_to(struct front *front, const char *address)
{
    int fd = listen_open(address, &front->port), reason;
    struct evhttp_bound_socket *bound = fd >= 0 ? evhttp_accept_socket_with_handle(front->http, fd) : NULL;

    if (bound == NULL) {
        reason = errno;
        if (fd >= 0)
            close(fd);
        errno = reason;
        return 0;
    }
    front->listeners[front->listeners_count++] = evhttp_bound_socket_get_listener(bound);
    return 1;
}

/* Is errno of a kernel that has no IPv6? */
static int is_without_ipv6(void)
{
    return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
}

/* Nobody but this host, or everybody, of whom networks_have then chooses: on IPv6 and IPv4, if the kernel has
 * both. */
static int listen_to_all(struct front *front)
{
    int is_ipv6 = networks_have(front->networks, "::1");

    if (!networks_are_local(front->networks))
        return listen_to(front, "::") || (is_without_ipv6() && listen_to(front, "0.0.0.0"));
    if ((!is_ipv6 || networks_have(front->networks, "127.0.0.1")) && !listen_to(front, "127.0.0.1"))
        return 0;
    return !is_ipv6 || listen_to(front, "::1") || (is_without_ipv6() && front->listeners_count > 0);
}

static int listen_at(struct front *front, const char *address)
{
    front->port = front->config.port;
    if (address != NULL ? listen_to(front, address) : listen_to_all(front))
        return 1;
    return fail(&front->config, "port %u at %s: %s%s", front->config.port,
                address != NULL ? address : "all addresses", strerror(errno),
                errno == EACCES ? " (root or CAP_NET_BIND_SERVICE is needed)" : "");
}

static int set_up(struct front *front)
{
    front->base = event_base_new();
    front->http = front->base != NULL ? evhttp_new(front->base) : NULL;
    front->rate = rate_new(front->config.rate);
    front->networks = networks_new(front->config.networks != NULL ? front->config.networks : "");
    front->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    front->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (front->http == NULL || front->rate == NULL || front->networks == NULL || front->done_fd < 0 ||
        front->stop_fd < 0)
        return 0;
    front->done_event = event_new(front->base, front->done_fd, EV_READ | EV_PERSIST, on_done, front);
    front->stop_event = event_new(front->base, front->stop_fd, EV_READ | EV_PERSIST, on_stop, front);
    front->sweep_event = event_new(front->base, -1, EV_PERSIST, on_sweep, front);
    front->threads = OPENSSL_zalloc(front->config.workers * sizeof(*front->threads));
    if (front->done_event == NULL || front->stop_event == NULL || front->threads == NULL ||
        front->sweep_event == NULL || event_add(front->done_event, NULL) != 0 ||
        event_add(front->stop_event, NULL) != 0)
        return 0;
    evhttp_set_max_headers_size(front->http, HEADERS_MAX);
    evhttp_set_max_body_size(front->http, (ev_ssize_t)front->config.body_max);
    evhttp_set_timeout(front->http, IDLE_S);
    evhttp_set_allowed_methods(front->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
    evhttp_set_bevcb(front->http, on_accept, front);
    evhttp_set_gencb(front->http, on_request, front);
    return 1;
}

struct front *front_new(const struct front_config *config)
{
    struct front *front = OPENSSL_zalloc(sizeof(*front));

    if (front == NULL) {
        fail(config, "out of memory");
        return NULL;
    }
    front->config = *config;
    front->done_fd = front->stop_fd = -1;
    front->waiting.last = &front->waiting.first;
    front->done.last = &front->done.first;
    pthread_mutex_init(&front->lock, NULL);
    pthread_cond_init(&front->wake, NULL);
    if (!set_up(front))
        fail(config, "a server can't be set up");
    else if (listen_at(front, config->address))
        return front;
    front_free(front);
    return NULL;
}

uint16_t front_port(const struct front *front)
{
    return front->port;
}

/* Signals are for the program's own thread. */
static int start(struct front *front)
{
    sigset_t all, before;
    int ok = 1;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ok && front->threads_count < front->config.workers) {
        ok = pthread_create(&front->threads[front->threads_count], NULL, work, front) == 0;
        front->threads_count += (unsigned)ok;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok || fail(&front->config, "a thread can't be started");
}

int front_run(struct front *front)
{
    int ok = start(front);

    if (ok)
        event_base_dispatch(front->base);
    pthread_mutex_lock(&front->lock);
    front->is_ending = 1;
    ok = ok && !front->has_failed;
    pthread_cond_broadcast(&front->wake);
    pthread_mutex_unlock(&front->lock);
    while (front->threads_count > 0)
        pthread_join(front->threads[--front->threads_count], NULL);
    return ok;
}

void front_stop(struct front *front)
{
    eventfd_write(front->stop_fd, 1);
}

void front_free(struct front *front)
{
    struct visit *visit;
    struct job *job;

    if (front == NULL)
        return;
    if (front->http != NULL)
        evhttp_free(front->http);
    while ((visit = front->visits) != NULL) {
        front->visits = visit->next;
        bufferevent_decref(visit->bev);
        OPENSSL_free(visit);
    }
    while ((job = pop(&front->waiting)) != NULL || (job = pop(&front->done)) != NULL)
        job_free(job);
    if (front->done_event != NULL)
        event_free(front->done_event);
    if (front->stop_event != NULL)
        event_free(front->stop_event);
    if (front->sweep_event != NULL)
        event_free(front->sweep_event);
    if (front->base != NULL)
        event_base_free(front->base);
    if (front->done_fd >= 0)
        close(front->done_fd);
    if (front->stop_fd >= 0)
        close(front->stop_fd);
    rate_free(front->rate);
    networks_free(front->networks);
    pthread_cond_destroy(&front->wake);
    pthread_mutex_destroy(&front->lock);
    OPENSSL_free(front->threads);
    OPENSSL_free(front);
}
