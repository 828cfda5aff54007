// SPDX-License-Identifier: Apache-2.0
/* New TLS 1.3 handshakes per second with a server. Each is a full one on a connection of its own, so each
 * costs the server one signature; the client checks that signature. */
#include "bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64

struct client {
    SSL_CTX *tls;
    const struct sockaddr_in *server;
    double deadline;
    unsigned long handshakes;
    pthread_t thread;
};

static void handshake(SSL_CTX *tls, const struct sockaddr_in *server)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof(*server)) != 0)
        bench_die("cannot connect to port %d: %s", ntohs(server->sin_port), strerror(errno));
    SSL *ssl = SSL_new(tls);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        bench_die("out of memory");
    if (SSL_connect(ssl) != 1)
        bench_die("the handshake with port %d failed", ntohs(server->sin_port));
    if (SSL_session_reused(ssl))
        bench_die("the session was resumed");
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

static void *client_run(void *arg)
{
    struct client *client = arg;
    do {
        handshake(client->tls, client->server);
        client->handshakes++;
    } while (bench_now() < client->deadline);
    return NULL;
}

/* Several clients at a time keep the server busy while one of them does its own arithmetic. */
static double slice(SSL_CTX *tls, const struct sockaddr_in *server, unsigned n, double seconds)
{
    struct client clients[CLIENTS_MAX];
    unsigned long handshakes = 0;
    double start = bench_now();

    for (unsigned i = 0; i < n; i++) {
        clients[i] = (struct client){.tls = tls, .server = server, .deadline = start + seconds};
        if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
            bench_die("cannot start a thread");
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(clients[i].thread, NULL);
        handshakes += clients[i].handshakes;
    }
    return (double)handshakes / (bench_now() - start);
}

static SSL_CTX *client_context(const char *certificate)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1)
        bench_die("no TLS 1.3");
    if (SSL_CTX_load_verify_locations(tls, certificate, NULL) != 1)
        bench_die("cannot read %s", certificate);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    return tls;
}

void bench_handshakes(const struct bench_options *options)
{
    if (options->clients > CLIENTS_MAX)
        bench_die("at most %d clients", CLIENTS_MAX);
    const struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)options->port),
    };
    SSL_CTX *tls = client_context(options->certificate);

    /* Each worker of the server loads its key at its first signature. */
    slice(tls, &server, options->clients, options->seconds / 2);
    bench_sample(options->series, slice(tls, &server, options->clients, options->seconds));
    SSL_CTX_free(tls);
}
