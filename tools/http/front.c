// SPDX-License-Identifier: Apache-2.0
/* The HTTP server; see front.h. */
#include "front.h"

#include "job.h"
#include "listen.h"
#include "networks.h"
#include "rate.h"
#include "visits.h"

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
#include <unistd.h>

#define HEADERS_MAX 8192
#define IDLE_S      10 /* without a byte */

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
    struct visits *visits;
    struct tls *tls;       /* NULL: there is none, and libevent accepts itself */
    struct relays *relays; /* with tls */
    int are_visits_full, are_handshakes_full;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    struct job_queue waiting, done;
    int is_ending, has_failed;
    pthread_t *threads;
    unsigned threads_count;
};

/* ---- workers ---- */

static struct job *next_job(struct front *front)
{
    struct job *job = NULL;

    pthread_mutex_lock(&front->lock);
    while (!front->is_ending && (job = front_job_pop(&front->waiting)) == NULL)
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
        front_job_push(&front->done, job);
        pthread_mutex_unlock(&front->lock);
        eventfd_write(front->done_fd, 1);
    }
    front->config.worker_free(worker);
    return NULL;
}

/* ---- requests, in the loop's thread ---- */

/* Connections wait in the kernel's queue while there are too many of them. */
static void listen_again(struct front *front)
{
    unsigned i;

    for (i = 0; i < front->listeners_count; i++) {
        if (front->are_visits_full || front->are_handshakes_full)
            evconnlistener_disable(front->listeners[i]);
        else
            evconnlistener_enable(front->listeners[i]);
    }
}

static void on_visits_full(void *arg, int is_full)
{
    struct front *front = arg;

    front->are_visits_full = is_full;
    listen_again(front);
}

static void on_handshakes_full(void *arg, int is_full)
{
    struct front *front = arg;

    front->are_handshakes_full = is_full;
    listen_again(front);
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

/* Who asks. Returns 0 if it is another process of this machine, at the socket that relays are for. */
static int peer_of(const struct front *front, struct evhttp_connection *connection, struct relay_peer *peer)
{
    ev_uint16_t port;
    char *address = NULL;

    if (front->relays != NULL)
        return relay_find(front->relays, bufferevent_getfd(evhttp_connection_get_bufferevent(connection)),
                          peer);
    evhttp_connection_get_peer(connection, &address, &port);
    *peer = (struct relay_peer){address, ""};
    return 1;
}

static void on_request(struct evhttp_request *http, void *arg)
{
    struct front *front = arg;
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct relay_peer peer;
    struct job *job;
    int is_full;

    if (!peer_of(front, connection, &peer)) {
        send_status(http, 403, "Forbidden");
        return;
    }
    peer.address = listen_plain_address(peer.address);
    if (!networks_have(front->networks, peer.address)) {
        send_status(http, 403, "Forbidden");
        return;
    }
    /* A body too large or a method that is not allowed has been answered by libevent. */
    if (!rate_take(front->rate, peer.address)) {
        send_status(http, 429, "Too Many Requests");
        return;
    }
    job = front_job_new(http, &peer, front->config.tells_gone);
    if (job == NULL) {
        send_status(http, 503, "Service Unavailable");
        return;
    }
    visits_request(front->visits, evhttp_connection_get_bufferevent(connection));
    pthread_mutex_lock(&front->lock);
    is_full = !front_job_wait(&front->waiting, job);
    if (!is_full) {
        evhttp_connection_set_closecb(connection, on_close, job);
        pthread_cond_signal(&front->wake);
    }
    pthread_mutex_unlock(&front->lock);
    if (is_full) {
        front_job_free(job);
        send_status(http, 503, "Service Unavailable");
    }
}

/* ---- answers, in the loop's thread ---- */

/* Does the client have what the answer would bring? (RFC 9110 section 13.1.2) */
static int is_known(struct evhttp_request *http, const struct front_response *response)
{
    const char *known = evhttp_find_header(evhttp_request_get_input_headers(http), "If-None-Match");

    return response->etag != NULL && response->status == 200 && known != NULL &&
           strstr(known, response->etag) != NULL;
}

static void add_cache_headers(struct evkeyvalq *headers, const struct front_response *response)
{
    char cache[32] = "no-store";

    if (response->etag != NULL) {
        evhttp_add_header(headers, "ETag", response->etag);
        OPENSSL_strlcpy(cache, "no-cache", sizeof(cache));
    } else if (response->max_age > 0) {
        snprintf(cache, sizeof(cache), "max-age=%u", response->max_age);
    }
    evhttp_add_header(headers, "Cache-Control", cache);
}

/* A client has its certificate's key used by the handshake: with TLS the connection stays for more. */
static void send_answer(struct front *front, struct job *job)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(job->http);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(job->http);
    const struct front_response *response = &job->response;
    struct evbuffer *body = evbuffer_new();
    const struct front_header *header;
    int is_same = is_known(job->http, response);

    evhttp_connection_set_closecb(connection, NULL, NULL);
    if (response->type != NULL)
        evhttp_add_header(headers, "Content-Type", response->type);
    add_cache_headers(headers, response);
    for (header = response->headers; header != NULL && header->name != NULL; header++)
        evhttp_add_header(headers, header->name, header->value);
    if (front->tls == NULL)
        evhttp_add_header(headers, "Connection", "close");
    if (body != NULL && response->body != NULL && !is_same)
        evbuffer_add(body, response->body, response->len);
    visits_answered(front->visits, evhttp_connection_get_bufferevent(connection));
    /* libevent knows the usual reasons. */
    evhttp_send_reply(job->http, is_same ? 304 : response->status, NULL, body);
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
        job = front_job_pop(&front->done);
        pthread_mutex_unlock(&front->lock);
        if (job == NULL)
            return;
        if (job->http != NULL)
            send_answer(front, job);
        front_job_free(job);
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

static void on_opened(void *arg, struct bufferevent *bev, const char *address, const char *certificate)
{
    struct front *front = arg;

    relay_open(front->relays, bev, address, certificate);
}

/* The networks are looked at before there is a handshake, too: it is what costs. */
static void on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
                          void *arg)
{
    struct front *front = arg;
    char host[LISTEN_PEER_SIZE];
    const char *address;

    (void)listener;
    address = listen_peer(from, len, host);
    if (address != NULL && networks_have(front->networks, address))
        tls_accept(front->tls, fd, address);
    else
        close(fd);
}

/* Makes a listener of the descriptor, whose it is then. */
static struct evconnlistener *make_listener(struct front *front, int fd)
{
    struct evhttp_bound_socket *bound;

    if (front->tls != NULL)
        return evconnlistener_new(front->base, on_connection, front,
                                  LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    bound = evhttp_accept_socket_with_handle(front->http, fd);
    return bound != NULL ? evhttp_bound_socket_get_listener(bound) : NULL;
}

static int listen_at(struct front *front, const char *address)
{
    int fds[2], count, i, ok = 1;

    front->port = front->config.port;
    if (address == NULL)
        count = listen_for(front->networks, &front->port, fds);
    else
        count = (fds[0] = listen_open(address, &front->port)) >= 0;
    for (i = 0; i < count; i++) {
        struct evconnlistener *listener = ok ? make_listener(front, fds[i]) : NULL;

        ok = listener != NULL;
        if (ok)
            front->listeners[front->listeners_count++] = listener;
        else
            close(fds[i]);
    }
    if (count > 0 && ok)
        return 1;
    return fail(&front->config, "port %u at %s: %s%s", front->config.port,
                address != NULL ? address : "all addresses", strerror(errno),
                errno == EACCES ? " (root or CAP_NET_BIND_SERVICE is needed)" : "");
}

static int set_up_tls(struct front *front)
{
    int fd = relay_listen();

    if (fd < 0)
        return 0;
    if (evhttp_accept_socket(front->http, fd) != 0) {
        close(fd);
        return 0;
    }
    front->relays = relays_new(front->base, fd);
    front->tls = tls_new(
        &(struct tls_config){
            .base = front->base, .opened = on_opened, .is_full = on_handshakes_full, .arg = front},
        front->config.tls);
    return front->relays != NULL && front->tls != NULL;
}

static int set_up(struct front *front)
{
    static const ev_uint16_t methods[] = {
        [FRONT_GET] = EVHTTP_REQ_GET, [FRONT_HEAD] = EVHTTP_REQ_HEAD,   [FRONT_POST] = EVHTTP_REQ_POST,
        [FRONT_PUT] = EVHTTP_REQ_PUT, [FRONT_PATCH] = EVHTTP_REQ_PATCH, [FRONT_DELETE] = EVHTTP_REQ_DELETE,
    };
    ev_uint16_t allowed = 0;
    size_t i;

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
    front->visits = visits_new(front->base, on_visits_full, front);
    front->threads = OPENSSL_zalloc(front->config.workers * sizeof(*front->threads));
    if (front->done_event == NULL || front->stop_event == NULL || front->threads == NULL ||
        front->visits == NULL || event_add(front->done_event, NULL) != 0 ||
        event_add(front->stop_event, NULL) != 0)
        return 0;
    evhttp_set_max_headers_size(front->http, HEADERS_MAX);
    evhttp_set_max_body_size(front->http, (ev_ssize_t)front->config.body_max);
    evhttp_set_timeout(front->http, IDLE_S);
    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if ((front->config.methods & 1U << i) != 0)
            allowed |= methods[i];
    }
    evhttp_set_allowed_methods(front->http, allowed);
    evhttp_set_bevcb(front->http, visits_accept, front->visits);
    evhttp_set_gencb(front->http, on_request, front);
    return front->config.tls == NULL || set_up_tls(front);
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
    front_job_queue_init(&front->waiting);
    front_job_queue_init(&front->done);
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
    int ok = start(front) && (front->tls == NULL || tls_start(front->tls) ||
                              fail(&front->config, "a thread can't be started"));

    if (ok)
        event_base_dispatch(front->base);
    if (front->tls != NULL)
        tls_stop(front->tls);
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

void front_set_tls(struct front *front, SSL_CTX *context)
{
    tls_set_context(front->tls, context);
}

void front_free(struct front *front)
{
    struct job *job;
    unsigned i;

    if (front == NULL)
        return;
    for (i = 0; front->config.tls != NULL && i < front->listeners_count; i++)
        evconnlistener_free(front->listeners[i]);
    tls_free(front->tls);
    relays_free(front->relays);
    if (front->http != NULL)
        evhttp_free(front->http);
    visits_free(front->visits);
    while ((job = front_job_pop(&front->waiting)) != NULL || (job = front_job_pop(&front->done)) != NULL)
        front_job_free(job);
    if (front->done_event != NULL)
        event_free(front->done_event);
    if (front->stop_event != NULL)
        event_free(front->stop_event);
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
