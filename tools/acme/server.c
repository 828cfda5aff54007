// SPDX-License-Identifier: Apache-2.0
/* A server with a thread of its own; see server.h. */
#include "server.h"

#include "private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define CONNECTION_S    5 /* for all of it: whoever sends a byte now and then gets no more */
#define LISTENERS_MAX   2

struct connection {
    struct acme_server *server;
    struct bufferevent *bev;
    struct event *deadline;
    int is_answered;
    struct connection *next, *prev;
};

struct acme_server {
    const struct acme_server_handler *handler;
    void *arg;
    struct event_base *base;
    struct evconnlistener *listeners[LISTENERS_MAX];
    size_t listeners_count;
    int stop_fd; /* readable: the thread shall end */
    struct event *stop;
    struct connection *connections;
    size_t connections_count;
    pthread_t thread;
    int is_started;
};

/* ---- connections, in the thread ---- */

static void connection_free(struct connection *connection)
{
    struct acme_server *server = connection->server;
    size_t i;

    if (connection->prev != NULL)
        connection->prev->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    event_free(connection->deadline);
    bufferevent_free(connection->bev);
    OPENSSL_free(connection);
    server->connections_count--;
    for (i = 0; i < server->listeners_count; i++)
        evconnlistener_enable(server->listeners[i]);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    connection_free(arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;
    const struct acme_server *server = connection->server;
    struct evbuffer *in = bufferevent_get_input(bev);
    int answered;

    if (connection->is_answered) {
        evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    answered = server->handler->answer != NULL
                   ? server->handler->answer(server->arg, in, bufferevent_get_output(bev))
                   : -1;
    if (answered < 0)
        connection_free(connection);
    else
        connection->is_answered = answered;
}

/* The answer is sent. Closing while the peer still sends could take it away again: the peer closes first. */
static void on_written(struct bufferevent *bev, void *arg)
{
    const struct connection *connection = arg;

    if (connection->is_answered)
        shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;

    (void)bev;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0 ||
        ((what & BEV_EVENT_CONNECTED) != 0 && connection->server->handler->answer == NULL))
        connection_free(connection);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
                      void *arg)
{
    static const struct timeval deadline = {CONNECTION_S, 0};
    struct acme_server *server = arg;
    struct connection *connection = OPENSSL_zalloc(sizeof(*connection));
    size_t i;

    (void)listener;
    (void)address;
    (void)len;
    if (connection != NULL)
        connection->deadline = evtimer_new(server->base, on_deadline, connection);
    if (connection != NULL && connection->deadline != NULL)
        connection->bev = server->handler->accept(server->arg, server->base, fd);
    if (connection == NULL || connection->bev == NULL) {
        if (connection != NULL && connection->deadline != NULL)
            event_free(connection->deadline);
        OPENSSL_free(connection);
        close(fd);
        return;
    }
    connection->server = server;
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->prev = connection;
    server->connections = connection;
    evtimer_add(connection->deadline, &deadline);
    bufferevent_setcb(connection->bev, on_read, on_written, on_event, connection);
    bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
    if (++server->connections_count < CONNECTIONS_MAX)
        return;
    /* The rest waits in the kernel's queue until one ends. */
    for (i = 0; i < server->listeners_count; i++)
        evconnlistener_disable(server->listeners[i]);
}

/* ---- the thread ---- */

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct acme_server *server = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(server->base);
}

static void *run(void *arg)
{
    struct acme_server *server = arg;

    event_base_dispatch(server->base);
    return NULL;
}

/* Signals are for the program's own threads; SIGPIPE is for nobody. */
static int start(struct acme_server *server)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&server->thread, NULL, run, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    server->is_started = error == 0;
    return error;
}

/* ---- listening ---- */

static int raise_bind(struct acme *acme, const struct acme_server *server, const char *address, uint16_t port)
{
    const char *way = server->handler->way;

    if (errno == EADDRINUSE)
        return acme_raise(acme, "%s: port %u is used by another program: %s", way, port,
                          server->handler->advice);
    if (errno == EACCES)
        return acme_raise(acme, "%s: port %u needs root or CAP_NET_BIND_SERVICE", way, port);
    return acme_raise(acme, "%s: listening on %s port %u: %s", way, address, port, strerror(errno));
}

/* 1, 0 raised, -1 this kind of address does not exist here. */
static int listen_on(struct acme *acme, struct acme_server *server, const char *address, uint16_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    int is_6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1, one = 1, fd;
    struct evconnlistener *listener;

    if (!is_6 && inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return acme_raise(acme, "%s: %.100s is not an address to listen on", server->handler->way, address);
    fd = socket(is_6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT ? -1 : raise_bind(acme, server, address, port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (is_6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, is_6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in, is_6 ? sizeof(in6) : sizeof(in)) !=
            0 ||
        listen(fd, CONNECTIONS_MAX) != 0) {
        int absent = errno == EADDRNOTAVAIL;

        if (!absent)
            raise_bind(acme, server, address, port);
        close(fd);
        return absent ? -1 : 0;
    }
    listener = evconnlistener_new(server->base, on_accept, server,
                                  LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (listener == NULL) {
        close(fd);
        return acme_raise(acme, "out of memory");
    }
    server->listeners[server->listeners_count++] = listener;
    return 1;
}

static int listen_all(struct acme *acme, struct acme_server *server, const char *address, uint16_t port)
{
    const char *const all[] = {"0.0.0.0", "::"};
    size_t i;

    if (address != NULL) {
        int listens = listen_on(acme, server, address, port);

        return listens >= 0
                   ? listens
                   : acme_raise(acme, "%s: this system has no address %s", server->handler->way, address);
    }
    for (i = 0; i < 2; i++) {
        if (listen_on(acme, server, all[i], port) == 0)
            return 0;
    }
    return server->listeners_count > 0 ||
           acme_raise(acme, "%s: this system has no IP addresses", server->handler->way);
}

/* ---- the whole ---- */

struct acme_server *acme_server_open(struct acme *acme, const struct acme_server_handler *handler, void *arg,
                                     const char *address, uint16_t port)
{
    struct acme_server *server = OPENSSL_zalloc(sizeof(*server));
    int error;

    if (server == NULL) {
        acme_raise(acme, "out of memory");
        return NULL;
    }
    server->handler = handler;
    server->arg = arg;
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->base = event_base_new();
    if (server->stop_fd >= 0 && server->base != NULL)
        server->stop = event_new(server->base, server->stop_fd, EV_READ, on_stop, server);
    if (server->stop == NULL || event_add(server->stop, NULL) != 0) {
        acme_raise(acme, "%s: a server can't be set up", handler->way);
    } else if (listen_all(acme, server, address, port)) {
        error = start(server);
        if (error == 0)
            return server;
        acme_raise(acme, "%s: starting a thread: %s", handler->way, strerror(error));
    }
    acme_server_close(server);
    return NULL;
}

void acme_server_close(struct acme_server *server)
{
    if (server == NULL)
        return;
    if (server->is_started) {
        eventfd_write(server->stop_fd, 1);
        pthread_join(server->thread, NULL);
    }
    while (server->connections != NULL)
        connection_free(server->connections);
    while (server->listeners_count > 0)
        evconnlistener_free(server->listeners[--server->listeners_count]);
    if (server->stop != NULL)
        event_free(server->stop);
    if (server->base != NULL)
        event_base_free(server->base);
    if (server->stop_fd >= 0)
        close(server->stop_fd);
    OPENSSL_free(server);
}
