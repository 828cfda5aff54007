// SPDX-License-Identifier: Apache-2.0
/* What a service shows to a client: the only proof that it has taken a certificate up. */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS   100
#define CONNECT_MS 3000
/* Old workers may still take connections while new ones start: it has to be shown so often in a row,
 * with pauses. */
#define TIMES 3

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_fd(int fd, short events, int64_t end)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int64_t left = end - now_ms();

    return left > 0 && poll(&poll_fd, 1, (int)left) == 1;
}

/* A connected socket that does not block, or -1 with why. */
static int connect_to(const char *host, const char *port, int64_t end, char *why, size_t size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL, *address;
    int error = getaddrinfo(host, port, &hints, &list), fd = -1;

    if (error != 0) {
        snprintf(why, size, "%.200s: %s", host, gai_strerror(error));
        return -1;
    }
    for (address = list; fd < 0 && address != NULL; address = address->ai_next) {
        socklen_t len = sizeof(error);

        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        error = errno;
        if (fd < 0)
            continue;
        error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
        if (error == EINPROGRESS &&
            (!wait_fd(fd, POLLOUT, end) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0))
            error = ETIMEDOUT;
        if (error != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        snprintf(why, size, "%.200s port %.8s: %s", host, port, strerror(error));
    return fd;
}

int handshake_can_connect(const char *host, const char *port, int timeout_ms)
{
    char why[WHY_MAX];
    int fd = connect_to(host, port, now_ms() + timeout_ms, why, sizeof(why));

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The certificate is compared, not trusted; and a server that wants one from its clients has shown its own
 * before it says so. */
static int take_any(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    (void)ctx;
    return 1;
}

static int is_name(const char *text)
{
    return strpbrk(text, ":") == NULL && text[strspn(text, "0123456789.")] != '\0';
}

/* 1: it shows it. */
static int try_once(SSL_CTX *ctx, const char *host, const char *port, const char *name,
                    const unsigned char *der, size_t len, int64_t end, char *why, size_t size)
{
    int fd = connect_to(host, port, end, why, size), is = 0, result = -1, shown_len = 0;
    SSL *ssl = fd >= 0 ? SSL_new(ctx) : NULL;
    unsigned char *shown = NULL;
    X509 *x509;

    if (ssl == NULL || !SSL_set_fd(ssl, fd) || (is_name(name) && !SSL_set_tlsext_host_name(ssl, name)))
        goto out;
    for (;;) {
        int error;

        ERR_clear_error();
        result = SSL_connect(ssl);
        error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result);
        if ((error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) ||
            !wait_fd(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end))
            break;
    }
    x509 = SSL_get0_peer_certificate(ssl);
    if (x509 == NULL) {
        unsigned long code = ERR_peek_last_error();

        snprintf(why, size, "%.200s port %.8s: no TLS handshake: %s", host, port,
                 code != 0 ? ERR_reason_error_string(code) : "no answer");
        goto out;
    }
    shown_len = i2d_X509(x509, &shown);
    is = shown_len > 0 && (size_t)shown_len == len && memcmp(shown, der, len) == 0;
    if (!is)
        snprintf(why, size, "%.200s port %.8s shows another certificate", host, port);
out:
    OPENSSL_free(shown);
    SSL_free(ssl);
    if (fd >= 0)
        close(fd);
    return is;
}

int handshake_shows(const char *host, const char *port, const char *name, const unsigned char *der,
                    size_t len, int timeout_ms, const struct bindings_host *cancel, char *why, size_t size)
{
    /* A context of its own: no openssl.cnf decides what is seen. */
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    SSL_CTX *ctx = libctx != NULL ? SSL_CTX_new_ex(libctx, NULL, TLS_client_method()) : NULL;
    int64_t end = now_ms() + timeout_ms;
    int times = 0;

    if (ctx == NULL)
        snprintf(why, size, "no TLS: out of memory");
    else
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
    /* An old certificate may have an old signature, or a small key. */
    if (ctx != NULL)
        SSL_CTX_set_security_level(ctx, 0);
    while (ctx != NULL && times < TIMES && !cancel->is_cancelled(cancel->arg)) {
        times =
            try_once(ctx, host, port, name != NULL ? name : host, der, len, now_ms() + CONNECT_MS, why, size)
                ? times + 1
                : 0;
        if (times == 0 && now_ms() >= end)
            break;
        if (times < TIMES)
            poll(NULL, 0, PAUSE_MS);
    }
    SSL_CTX_free(ctx);
    OSSL_LIB_CTX_free(libctx);
    if (times < TIMES && ctx != NULL && cancel->is_cancelled(cancel->arg))
        snprintf(why, size, "interrupted");
    return times == TIMES;
}

int bindings_prove(struct bindings_host *host, const char *what, const char *address, const char *port,
                   int64_t certificate, int timeout_ms)
{
    struct store_cert *cert = NULL;
    char why[WHY_MAX] = "its certificate is not there any more";
    int ok;

    if (certificate == 0)
        return handshake_can_connect(address, port, CONNECT_MS) ||
               bindings_raise(host, "%s does not answer at port %s", what, port);
    cert = store_cert_get(host->store, &(struct store_query){.id = certificate});
    ok =
        cert != NULL && cert->der != NULL &&
        handshake_shows(address, port, address, cert->der, cert->der_len, timeout_ms, host, why, sizeof(why));
    store_cert_free(cert);
    return ok || bindings_raise(host, "%s does not show its certificate: %s", what, why);
}
