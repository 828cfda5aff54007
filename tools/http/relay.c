// SPDX-License-Identifier: Apache-2.0
/* Between TLS and a socket of this process; see relay.h. */
#include "relay.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG      512       /* beyond what may be open at once: connecting never has to wait */
#define RELAYS_MAX   320       /* beyond these the oldest that has asked for nothing makes room */
#define BUFFER_MAX   (1 << 18) /* bytes on their way, before the side they come from has to wait */
#define CLIENT_S     20        /* for the client to ask, and to take what it has asked for */
#define REST_S       2         /* for the client to close, once it has its answer */
#define NAME_MAX_LEN 8         /* of the names that the kernel chooses: a 0 and five digits */

static const struct timeval patience = {CLIENT_S, 0};

struct relay {
    struct relays *relays;
    struct bufferevent *client, *server; /* server: NULL until the client has said something */
    unsigned char name[NAME_MAX_LEN];    /* of the end that is ours */
    size_t name_len;
    char address[64], certificate[TLS_FINGERPRINT_SIZE];
    int is_refused; /* the server takes no more */
    int is_ending;  /* and has said all */
    time_t closed;  /* when the client had all of that */
    struct relay *next, *prev;
};

struct relays {
    struct event_base *base;
    struct sockaddr_un server;
    socklen_t server_len;
    struct relay *newest, *oldest;
    unsigned count;
};

/* ---- names ---- */

static int bind_anywhere(int fd)
{
    const struct sockaddr_un nameless = {.sun_family = AF_UNIX};

    return bind(fd, (const struct sockaddr *)&nameless, sizeof(sa_family_t)) == 0;
}

/* Returns its length; 0: it has none of those that the kernel chooses. */
static size_t take_name(const struct sockaddr_un *address, socklen_t len, unsigned char name[NAME_MAX_LEN])
{
    size_t n = (size_t)len - offsetof(struct sockaddr_un, sun_path);

    if ((size_t)len <= offsetof(struct sockaddr_un, sun_path) || n > NAME_MAX_LEN)
        return 0;
    memcpy(name, address->sun_path, n);
    return n;
}

int relay_listen(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), reason;

    if (fd >= 0 && bind_anywhere(fd) && listen(fd, BACKLOG) == 0)
        return fd;
    reason = errno;
    if (fd >= 0)
        close(fd);
    errno = reason;
    return -1;
}

int relay_find(const struct relays *relays, evutil_socket_t fd, struct relay_peer *peer)
{
    unsigned char name[NAME_MAX_LEN];
    struct sockaddr_un address;
    socklen_t len = sizeof(address), who_len = sizeof(struct ucred);
    const struct relay *relay;
    struct ucred who;
    size_t name_len;

    /* A name that one of ours had may be another process's by now. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len) != 0 || who.pid != getpid() ||
        getpeername(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    name_len = take_name(&address, len, name);
    for (relay = relays->newest; relay != NULL; relay = relay->next) {
        if (name_len == 0 || relay->name_len != name_len || memcmp(relay->name, name, name_len) != 0)
            continue;
        *peer = (struct relay_peer){relay->address, relay->certificate};
        return 1;
    }
    return 0;
}

/* ---- what goes through ---- */

static void relay_free(struct relay *relay)
{
    struct relays *relays = relay->relays;

    if (relay->next != NULL)
        relay->next->prev = relay->prev;
    else
        relays->oldest = relay->prev;
    if (relay->prev != NULL)
        relay->prev->next = relay->next;
    else
        relays->newest = relay->next;
    relays->count--;
    if (relay->server != NULL)
        bufferevent_free(relay->server);
    bufferevent_free(relay->client);
    OPENSSL_free(relay);
}

static struct bufferevent *other_side(const struct relay *relay, const struct bufferevent *bev)
{
    return bev == relay->client ? relay->server : relay->client;
}

static int connect_to(struct relay *relay);

static void on_read(struct bufferevent *from, void *arg)
{
    struct relay *relay = arg;
    struct bufferevent *to;

    /* Whoever says nothing costs the server nothing. */
    if (relay->server == NULL && !connect_to(relay)) {
        relay_free(relay);
        return;
    }
    to = other_side(relay, from);
    bufferevent_write_buffer(to, bufferevent_get_input(from));
    if (evbuffer_get_length(bufferevent_get_output(to)) < BUFFER_MAX)
        return;
    bufferevent_disable(from, EV_READ);
    bufferevent_setwatermark(to, EV_WRITE, BUFFER_MAX / 2, 0);
}

/* What the client still sends is taken and thrown away: closed before that, the connection would be reset,
 * and the server's answer lost on its way. */
static void on_rest(struct bufferevent *client, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(client);
    const struct relay *relay = arg;

    if (time(NULL) > relay->closed + REST_S)
        relay_free(arg);
    else
        evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_rest_event(struct bufferevent *client, short what, void *arg)
{
    (void)client;
    (void)what;
    relay_free(arg);
}

/* The client has all that the server has said. */
static void close_client(struct relay *relay)
{
    static const struct timeval rest = {REST_S, 0};

    bufferevent_free(relay->server);
    relay->server = NULL;
    relay->name_len = 0;
    relay->closed = time(NULL);
    SSL_shutdown(bufferevent_openssl_get_ssl(relay->client));
    shutdown(bufferevent_getfd(relay->client), SHUT_WR);
    bufferevent_setcb(relay->client, on_rest, NULL, on_rest_event, relay);
    bufferevent_set_timeouts(relay->client, &rest, NULL);
    bufferevent_enable(relay->client, EV_READ);
    on_rest(relay->client, relay);
}

/* There is less on its way again; or nothing any more, and the server has said all. */
static void on_written(struct bufferevent *to, void *arg)
{
    struct relay *relay = arg;

    if (relay->is_ending && evbuffer_get_length(bufferevent_get_output(relay->client)) == 0) {
        close_client(relay);
        return;
    }
    bufferevent_setwatermark(to, EV_WRITE, 0, 0);
    if (relay->server != NULL && !relay->is_refused)
        bufferevent_enable(other_side(relay, to), EV_READ);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct relay *relay = arg;

    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) == 0)
        return;
    if (bev == relay->client || relay->server == NULL) {
        relay_free(relay);
        return;
    }
    bufferevent_disable(relay->client, EV_READ);
    relay->is_refused = 1;
    /* The server wants to hear no more, but may have said why. */
    if ((what & BEV_EVENT_WRITING) != 0)
        return;
    relay->is_ending = 1;
    bufferevent_setwatermark(relay->client, EV_WRITE, 0, 0);
    on_written(relay->client, relay);
}

/* ---- relays ---- */

static int connect_to(struct relay *relay)
{
    struct relays *relays = relay->relays;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address;
    socklen_t len = sizeof(address);

    if (fd < 0)
        return 0;
    if (bind_anywhere(fd) && getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
        (relay->name_len = take_name(&address, len, relay->name)) > 0 &&
        connect(fd, (struct sockaddr *)&relays->server, relays->server_len) == 0)
        relay->server = bufferevent_socket_new(relays->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (relay->server == NULL) {
        close(fd);
        return 0;
    }
    bufferevent_setcb(relay->server, on_read, on_written, on_event, relay);
    bufferevent_enable(relay->server, EV_READ | EV_WRITE);
    /* From here on the time that the server gives it is what counts. */
    bufferevent_set_timeouts(relay->client, NULL, &patience);
    return 1;
}

/* The server bounds those that have asked for something. */
static int make_room(struct relays *relays)
{
    struct relay *relay = relays->oldest;

    while (relay != NULL && relay->server != NULL)
        relay = relay->prev;
    if (relay != NULL)
        relay_free(relay);
    return relay != NULL;
}

void relay_open(struct relays *relays, struct bufferevent *bev, const char *address, const char *certificate)
{
    struct relay *relay = NULL;

    if (relays->count < RELAYS_MAX || make_room(relays))
        relay = OPENSSL_zalloc(sizeof(*relay));
    if (relay == NULL) {
        bufferevent_free(bev);
        return;
    }
    relay->relays = relays;
    relay->client = bev;
    OPENSSL_strlcpy(relay->address, address, sizeof(relay->address));
    OPENSSL_strlcpy(relay->certificate, certificate, sizeof(relay->certificate));
    relay->next = relays->newest;
    if (relay->next != NULL)
        relay->next->prev = relay;
    else
        relays->oldest = relay;
    relays->newest = relay;
    relays->count++;
    bufferevent_setcb(relay->client, on_read, on_written, on_event, relay);
    bufferevent_set_timeouts(relay->client, &patience, &patience);
    bufferevent_enable(relay->client, EV_READ | EV_WRITE);
}

struct relays *relays_new(struct event_base *base, int listener)
{
    struct relays *relays = OPENSSL_zalloc(sizeof(*relays));

    if (relays == NULL)
        return NULL;
    relays->base = base;
    relays->server_len = sizeof(relays->server);
    if (getsockname(listener, (struct sockaddr *)&relays->server, &relays->server_len) == 0)
        return relays;
    OPENSSL_free(relays);
    return NULL;
}

void relays_free(struct relays *relays)
{
    if (relays == NULL)
        return;
    while (relays->oldest != NULL)
        relay_free(relays->oldest);
    OPENSSL_free(relays);
}
