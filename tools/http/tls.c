// SPDX-License-Identifier: Apache-2.0
/*
 * Handshakes; see tls.h. The loop waits until the client has sent something, a thread takes the handshake as
 * far as it goes with that, and the loop waits again or hands the connection on.
 */
#include "tls.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS_SIZE       64 /* of IPv6, with the name of an interface */
#define THREADS            4  /* a TPM answers one at a time; keys in files use all processors of a router */
#define HANDSHAKE_S        10 /* for all of it */
#define HANDSHAKES_MAX     128
#define HANDSHAKES_ADDRESS 32 /* of one address */
#define HANDSHAKES_OK      96 /* beyond these the oldest that waits for its client makes room */

struct handshake {
    struct tls *tls;
    evutil_socket_t fd;
    SSL *ssl;
    struct event *ready;
    char address[ADDRESS_SIZE];
    double until;
    double since;       /* it is with a thread, or waits for one */
    int is_with_thread; /* which alone may touch ssl then */
    int has_signed;     /* what is left takes no private key, as all key exchanges are ephemeral */
    int error;          /* of SSL_get_error */
    struct handshake *next, *prev;
    struct handshake *queued; /* the one behind it */
};

struct queue {
    struct handshake *first, **last;
};

struct tls {
    struct tls_config config;
    int done_fd;
    struct event *done_event;
    struct handshake *newest, *oldest;
    unsigned count;
    int is_full;
    pthread_t threads[THREADS];
    unsigned threads_count;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    SSL_CTX *context;
    struct queue waiting, done;
    int is_ending;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- queues, with the lock held ---- */

static void push(struct queue *queue, struct handshake *handshake)
{
    handshake->queued = NULL;
    *queue->last = handshake;
    queue->last = &handshake->queued;
}

static struct handshake *pop(struct queue *queue)
{
    struct handshake *handshake = queue->first;

    if (handshake != NULL && (queue->first = handshake->queued) == NULL)
        queue->last = &queue->first;
    return handshake;
}

/* ---- threads ---- */

static struct handshake *next_handshake(struct tls *tls)
{
    struct handshake *handshake = NULL;

    pthread_mutex_lock(&tls->lock);
    while (!tls->is_ending && (handshake = pop(&tls->waiting)) == NULL)
        pthread_cond_wait(&tls->wake, &tls->lock);
    pthread_mutex_unlock(&tls->lock);
    return handshake;
}

static void step(struct handshake *handshake)
{
    handshake->error = SSL_get_error(handshake->ssl, SSL_do_handshake(handshake->ssl));
    /* What a client does wrong is its own affair; what the hardware does is in the provider's log. */
    ERR_clear_error();
}

static void *work(void *arg)
{
    struct tls *tls = arg;
    struct handshake *handshake;

    while ((handshake = next_handshake(tls)) != NULL) {
        step(handshake);
        pthread_mutex_lock(&tls->lock);
        push(&tls->done, handshake);
        pthread_mutex_unlock(&tls->lock);
        eventfd_write(tls->done_fd, 1);
    }
    OPENSSL_thread_stop();
    return NULL;
}

/* ---- handshakes, in the loop's thread ---- */

static void say_full(struct tls *tls, int is_full)
{
    if (is_full == tls->is_full || tls->is_ending)
        return;
    tls->is_full = is_full;
    tls->config.is_full(tls->config.arg, is_full);
}

static void forget(struct handshake *handshake)
{
    struct tls *tls = handshake->tls;

    if (handshake->next != NULL)
        handshake->next->prev = handshake->prev;
    else
        tls->oldest = handshake->prev;
    if (handshake->prev != NULL)
        handshake->prev->next = handshake->next;
    else
        tls->newest = handshake->next;
    tls->count--;
    event_free(handshake->ready);
    OPENSSL_free(handshake);
    say_full(tls, tls->count >= HANDSHAKES_MAX);
}

static void drop(struct handshake *handshake)
{
    SSL_free(handshake->ssl);
    close(handshake->fd);
    forget(handshake);
}

static void fingerprint_of(SSL *ssl, char text[TLS_FINGERPRINT_SIZE])
{
    X509 *x509 = SSL_get1_peer_certificate(ssl);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0, i;

    text[0] = '\0';
    if (x509 != NULL && X509_digest(x509, EVP_sha256(), digest, &len) && len * 2 < TLS_FINGERPRINT_SIZE) {
        for (i = 0; i < len; i++)
            snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    X509_free(x509);
}

static void hand_on(struct handshake *handshake)
{
    struct tls *tls = handshake->tls;
    char certificate[TLS_FINGERPRINT_SIZE], address[sizeof(handshake->address)];
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(tls->config.base, handshake->fd, handshake->ssl, BUFFEREVENT_SSL_OPEN,
                                       BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);

    if (bev == NULL) {
        drop(handshake);
        return;
    }
    fingerprint_of(handshake->ssl, certificate);
    OPENSSL_strlcpy(address, handshake->address, sizeof(address));
    SSL_set_msg_callback(handshake->ssl, NULL);
    forget(handshake);
    tls->config.opened(tls->config.arg, bev, address, certificate);
}

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void wait_for_client(struct handshake *handshake, short what)
{
    double left = handshake->until - now_s();
    struct timeval limit = {.tv_sec = (time_t)left, .tv_usec = (suseconds_t)((left - (time_t)left) * 1e6)};

    if (left <= 0 ||
        event_assign(handshake->ready, handshake->tls->config.base, handshake->fd, what, on_ready,
                     handshake) != 0 ||
        event_add(handshake->ready, &limit) != 0)
        drop(handshake);
}

/* A step has been made. */
static void go_on(struct handshake *handshake)
{
    if (handshake->error == SSL_ERROR_NONE)
        hand_on(handshake);
    else if (handshake->error == SSL_ERROR_WANT_READ)
        wait_for_client(handshake, EV_READ);
    else if (handshake->error == SSL_ERROR_WANT_WRITE)
        wait_for_client(handshake, EV_WRITE);
    else
        drop(handshake);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct handshake *handshake = arg;
    struct tls *tls = handshake->tls;

    (void)fd;
    if ((what & EV_TIMEOUT) != 0) {
        drop(handshake);
        return;
    }
    if (handshake->has_signed) {
        step(handshake);
        go_on(handshake);
        return;
    }
    handshake->is_with_thread = 1;
    handshake->since = now_s();
    pthread_mutex_lock(&tls->lock);
    push(&tls->waiting, handshake);
    pthread_cond_signal(&tls->wake);
    pthread_mutex_unlock(&tls->lock);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct tls *tls = arg;
    struct handshake *handshake;
    eventfd_t count;

    (void)what;
    eventfd_read(fd, &count);
    for (;;) {
        pthread_mutex_lock(&tls->lock);
        handshake = pop(&tls->done);
        pthread_mutex_unlock(&tls->lock);
        if (handshake == NULL)
            return;
        handshake->is_with_thread = 0;
        /* The client's time is its own: others' signatures do not count. */
        handshake->until += now_s() - handshake->since;
        go_on(handshake);
    }
}

/* Whoever only opens connections loses them to whoever says something: the oldest that waits for its client
 * goes, of one address or (NULL) of all. Returns 0 if none does. */
static int make_room(struct tls *tls, const char *address)
{
    struct handshake *handshake = tls->oldest;

    while (handshake != NULL &&
           (handshake->is_with_thread || (address != NULL && strcmp(handshake->address, address) != 0)))
        handshake = handshake->prev;
    if (handshake != NULL)
        drop(handshake);
    return handshake != NULL;
}

/* In the server's flight, its signature comes before its Finished; of a session that is resumed there is only
 * that. */
static void on_message(int is_sent, int version, int type, const void *message, size_t len, SSL *ssl,
                       void *arg)
{
    const unsigned char *kind = message;
    struct handshake *handshake = arg;

    (void)version;
    (void)ssl;
    if (is_sent && type == SSL3_RT_HANDSHAKE && len > 0 &&
        (*kind == SSL3_MT_CERTIFICATE_VERIFY || *kind == SSL3_MT_SERVER_KEY_EXCHANGE ||
         *kind == SSL3_MT_FINISHED))
        handshake->has_signed = 1;
}

/* How many handshakes of the address are under way. */
static unsigned count_of(const struct tls *tls, const char *address)
{
    const struct handshake *handshake;
    unsigned n = 0;

    for (handshake = tls->newest; handshake != NULL; handshake = handshake->next)
        n += strcmp(handshake->address, address) == 0;
    return n;
}

static SSL *new_ssl(struct tls *tls, struct handshake *handshake, evutil_socket_t fd)
{
    SSL *ssl;

    pthread_mutex_lock(&tls->lock);
    ssl = SSL_new(tls->context);
    pthread_mutex_unlock(&tls->lock);
    if (ssl != NULL && SSL_set_fd(ssl, fd)) {
        SSL_set_accept_state(ssl);
        SSL_set_msg_callback(ssl, on_message);
        SSL_set_msg_callback_arg(ssl, handshake);
        return ssl;
    }
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
}

void tls_accept(struct tls *tls, evutil_socket_t fd, const char *address)
{
    struct handshake *handshake = NULL;
    int yes = 1;

    /* One address does not keep the TPM from all others. */
    if (count_of(tls, address) < HANDSHAKES_ADDRESS || make_room(tls, address))
        handshake = OPENSSL_zalloc(sizeof(*handshake));
    if (handshake == NULL ||
        (handshake->ready = event_new(tls->config.base, fd, EV_READ, on_ready, handshake)) == NULL ||
        (handshake->ssl = new_ssl(tls, handshake, fd)) == NULL) {
        if (handshake != NULL && handshake->ready != NULL)
            event_free(handshake->ready);
        OPENSSL_free(handshake);
        close(fd);
        return;
    }
    /* Its answers are whole when they are written. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    handshake->tls = tls;
    handshake->fd = fd;
    handshake->until = now_s() + HANDSHAKE_S;
    OPENSSL_strlcpy(handshake->address, address, sizeof(handshake->address));
    handshake->next = tls->newest;
    if (tls->newest != NULL)
        tls->newest->prev = handshake;
    else
        tls->oldest = handshake;
    tls->newest = handshake;
    tls->count++;
    wait_for_client(handshake, EV_READ);
    if (tls->count > HANDSHAKES_OK)
        make_room(tls, NULL);
    say_full(tls, tls->count >= HANDSHAKES_MAX);
}

/* ---- the whole ---- */

struct tls *tls_new(const struct tls_config *config, SSL_CTX *context)
{
    struct tls *tls = OPENSSL_zalloc(sizeof(*tls));

    if (tls == NULL)
        return NULL;
    tls->config = *config;
    tls->waiting.last = &tls->waiting.first;
    tls->done.last = &tls->done.first;
    pthread_mutex_init(&tls->lock, NULL);
    pthread_cond_init(&tls->wake, NULL);
    tls->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (tls->done_fd >= 0)
        tls->done_event = event_new(config->base, tls->done_fd, EV_READ | EV_PERSIST, on_done, tls);
    if (tls->done_event != NULL && event_add(tls->done_event, NULL) == 0 && SSL_CTX_up_ref(context)) {
        tls->context = context;
        return tls;
    }
    tls_free(tls);
    return NULL;
}

/* Signals are for the program's own thread. */
int tls_start(struct tls *tls)
{
    sigset_t all, before;
    int ok = 1;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ok && tls->threads_count < THREADS) {
        ok = pthread_create(&tls->threads[tls->threads_count], NULL, work, tls) == 0;
        tls->threads_count += (unsigned)ok;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

void tls_set_context(struct tls *tls, SSL_CTX *context)
{
    SSL_CTX *before;

    if (!SSL_CTX_up_ref(context))
        return;
    pthread_mutex_lock(&tls->lock);
    before = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(before);
}

void tls_stop(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    tls->is_ending = 1;
    pthread_cond_broadcast(&tls->wake);
    pthread_mutex_unlock(&tls->lock);
    while (tls->threads_count > 0)
        pthread_join(tls->threads[--tls->threads_count], NULL);
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    tls_stop(tls);
    while (tls->oldest != NULL)
        drop(tls->oldest);
    if (tls->done_event != NULL)
        event_free(tls->done_event);
    if (tls->done_fd >= 0)
        close(tls->done_fd);
    SSL_CTX_free(tls->context);
    pthread_cond_destroy(&tls->wake);
    pthread_mutex_destroy(&tls->lock);
    OPENSSL_free(tls);
}
