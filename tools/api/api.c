// SPDX-License-Identifier: Apache-2.0
/* The server: its sockets and its loop; see api.h. */
#include "api.h"

#include "session.h"
#include "tools/http/listen.h"
#include "tools/http/networks.h"
#include "tools/http/tls.h"

#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define THIS_HOST "127.0.0.0/8,::1"

struct api {
    struct api_config config;
    struct event_base *base;
    uint16_t port;
    int stop_fd;
    struct event *stop_event;
    struct networks *networks, *this_host;
    struct evconnlistener *listeners[2];
    int listeners_count;
    struct tls *tls; /* NULL: there is none */
    struct sessions *sessions;
    struct work *work;
};

static int fail(const struct api_config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int fail(const struct api_config *config, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    config->error(config->arg, text);
    return 0;
}

/* ---- connections, in the loop's thread ---- */

static void on_opened(void *arg, struct bufferevent *bev, const char *address, const char *certificate)
{
    struct api *api = arg;

    sessions_open(api->sessions, bev, address, certificate, 1);
}

/* There are too many handshakes: connections wait in the kernel's queue. */
static void on_full(void *arg, int is_full)
{
    struct api *api = arg;
    int i;

    for (i = 0; i < api->listeners_count; i++) {
        if (is_full)
            evconnlistener_disable(api->listeners[i]);
        else
            evconnlistener_enable(api->listeners[i]);
    }
}

static void open_plain(struct api *api, evutil_socket_t fd, const char *address)
{
    struct bufferevent *bev =
        bufferevent_socket_new(api->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    int yes = 1;

    if (bev == NULL) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    sessions_open(api->sessions, bev, address, "", 0);
}

/* Without TLS from this host alone, whatever the kernel forwards to where we listen. */
static void on_connection(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
                          void *arg)
{
    struct api *api = arg;
    char host[LISTEN_PEER_SIZE];
    const char *address;
    int yes = 1;

    (void)listener;
    address = listen_peer(from, len, host);
    if (address == NULL || !networks_have(api->networks, address) ||
        (api->tls == NULL && !networks_have(api->this_host, address))) {
        close(fd);
        return;
    }
    /* A session may be long, and its client gone without a word. */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
    if (api->tls != NULL)
        tls_accept(api->tls, fd, address);
    else
        open_plain(api, fd, address);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct api *api = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(api->base);
}

/* ---- the whole ---- */

static int listen_at(struct api *api)
{
    const struct networks *networks =
        api->tls == NULL && !networks_are_local(api->networks) ? api->this_host : api->networks;
    int fds[2], count, i, ok = 1;

    api->port = api->config.port;
    count = listen_for(networks, &api->port, fds);
    for (i = 0; i < count; i++) {
        struct evconnlistener *listener =
            ok ? evconnlistener_new(api->base, on_connection, api,
                                    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fds[i])
               : NULL;

        ok = listener != NULL;
        if (ok)
            api->listeners[api->listeners_count++] = listener;
        else
            close(fds[i]);
    }
    return (count > 0 && ok) || fail(&api->config, "port %u: %s", api->config.port, strerror(errno));
}

static int set_up(struct api *api)
{
    api->base = event_base_new();
    api->networks = networks_new(api->config.networks != NULL ? api->config.networks : "");
    api->this_host = networks_new(THIS_HOST);
    api->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (api->base == NULL || api->networks == NULL || api->this_host == NULL || api->stop_fd < 0)
        return 0;
    api->stop_event = event_new(api->base, api->stop_fd, EV_READ | EV_PERSIST, on_stop, api);
    api->sessions = sessions_new(api->base);
    api->work = work_new(&(struct work_config){
        .base = api->base, .logins = api->config.logins, .service = api->config.name, .done = session_done});
    if (api->stop_event == NULL || event_add(api->stop_event, NULL) != 0 || api->sessions == NULL ||
        api->work == NULL)
        return 0;
    sessions_set_work(api->sessions, api->work);
    if (api->config.tls == NULL)
        return 1;
    api->tls =
        tls_new(&(struct tls_config){.base = api->base, .opened = on_opened, .is_full = on_full, .arg = api},
                api->config.tls);
    return api->tls != NULL;
}

struct api *api_new(const struct api_config *config)
{
    struct api *api = OPENSSL_zalloc(sizeof(*api));

    if (api == NULL) {
        fail(config, "out of memory");
        return NULL;
    }
    api->config = *config;
    api->stop_fd = -1;
    if (!set_up(api))
        fail(config, "a server can't be set up");
    else if (listen_at(api))
        return api;
    api_free(api);
    return NULL;
}

uint16_t api_port(const struct api *api)
{
    return api->port;
}

int api_run(struct api *api)
{
    int ok = (work_start(api->work) && (api->tls == NULL || tls_start(api->tls))) ||
             fail(&api->config, "a thread can't be started");

    if (ok)
        event_base_dispatch(api->base);
    if (api->tls != NULL)
        tls_stop(api->tls);
    work_stop(api->work);
    return ok;
}

void api_set_tls(struct api *api, SSL_CTX *context)
{
    tls_set_context(api->tls, context);
}

void api_stop(struct api *api)
{
    eventfd_write(api->stop_fd, 1);
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    while (api->listeners_count > 0)
        evconnlistener_free(api->listeners[--api->listeners_count]);
    tls_free(api->tls);
    sessions_free(api->sessions);
    work_free(api->work);
    if (api->stop_event != NULL)
        event_free(api->stop_event);
    if (api->base != NULL)
        event_base_free(api->base);
    if (api->stop_fd >= 0)
        close(api->stop_fd);
    networks_free(api->networks);
    networks_free(api->this_host);
    OPENSSL_free(api);
}
