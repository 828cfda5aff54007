// SPDX-License-Identifier: Apache-2.0
/* One question to the DNS; see dns_query.h. */
#include "dns_query.h"

#include "private.h"

#include <ares.h>
#include <arpa/inet.h>
#include <poll.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>

/* c-ares 1.28 has newer names for what is used here, Debian 12 has 1.18: these work with both. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define TRY_MS  2000
#define TRIES   3
#define TICK_MS 100
/* More than one question ever has; c-ares shifts a bit out of its macros for the sixteenth. */
#define SOCKETS_MAX 8

/* ---- asking ---- */

struct question {
    struct acme_dns_answer *answer;
    int is_done;
};

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int len)
{
    struct question *question = arg;
    struct acme_dns_answer *answer = question->answer;

    (void)timeouts;
    question->is_done = 1;
    if (status == ARES_SUCCESS) {
        answer->message = OPENSSL_memdup(message, (size_t)len);
        answer->len = len;
        answer->status = answer->message != NULL ? DNS_ANSWERED : DNS_FAILED;
    } else if (status == ARES_ENODATA || status == ARES_ENOTFOUND) {
        answer->status = DNS_NOTHING;
    } else {
        answer->status = DNS_FAILED;
        answer->why = ares_strerror(status);
    }
}

/* Gives the channel its sockets' events for a tick. */
static void turn(ares_channel channel)
{
    ares_socket_t sockets[SOCKETS_MAX];
    int bits = ares_getsock(channel, sockets, SOCKETS_MAX);
    struct pollfd fds[SOCKETS_MAX];
    nfds_t count = 0, i;
    int n;

    for (n = 0; n < SOCKETS_MAX; n++) {
        short events = (short)((ARES_GETSOCK_READABLE(bits, n) ? POLLIN : 0) |
                               (ARES_GETSOCK_WRITABLE(bits, n) ? POLLOUT : 0));

        if (events != 0)
            fds[count++] = (struct pollfd){.fd = sockets[n], .events = events};
    }
    poll(fds, count, TICK_MS);
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* timeouts */
    for (i = 0; i < count; i++) {
        if (fds[i].revents != 0)
            ares_process_fd(channel, fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
                            fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
    }
}

void acme_dns_ask(struct acme *acme, const char *servers, int recurse, const char *name, ns_type type,
                  struct acme_dns_answer *answer)
{
    struct ares_options options = {
        .flags = recurse ? 0 : ARES_FLAG_NORECURSE, .timeout = TRY_MS, .tries = TRIES};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES, status;
    struct question question = {.answer = answer};
    ares_channel channel = NULL;

    memset(answer, 0, sizeof(*answer));
#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE; /* of no seconds: what changes is what is waited for */
#endif
    answer->status = DNS_FAILED;
    answer->why = "interrupted";
    status = ares_init_options(&channel, &options, mask);
    if (status == ARES_SUCCESS && servers != NULL)
        status = ares_set_servers_ports_csv(channel, servers);
    if (status != ARES_SUCCESS) {
        answer->why = ares_strerror(status);
        if (channel != NULL)
            ares_destroy(channel);
        return;
    }
    ares_query(channel, name, ns_c_in, type, on_answer, &question);
    while (!question.is_done && !acme->config.is_cancelled(acme->config.arg))
        turn(channel);
    /* Calls on_answer if it has not been. */
    ares_destroy(channel);
}

void acme_dns_answer_clear(struct acme_dns_answer *answer)
{
    OPENSSL_free(answer->message);
    answer->message = NULL;
}

/* ---- reading ---- */

static int text_of_strings(const unsigned char *data, size_t len, char *text, size_t size)
{
    size_t at, n = 0;

    for (at = 0; at < len; at += 1U + data[at]) {
        if (data[at] > len - at - 1 || n + data[at] >= size)
            return 0;
        memcpy(text + n, data + at + 1, data[at]);
        n += data[at];
    }
    text[n] = '\0';
    return memchr(text, 0, n) == NULL;
}

static int text_of(const ns_msg *message, const ns_rr *record, char *text, size_t size)
{
    switch (ns_rr_type(*record)) {
    case ns_t_a:
        return ns_rr_rdlen(*record) == 4 &&
               inet_ntop(AF_INET, ns_rr_rdata(*record), text, (socklen_t)size) != NULL;
    case ns_t_aaaa:
        return ns_rr_rdlen(*record) == 16 &&
               inet_ntop(AF_INET6, ns_rr_rdata(*record), text, (socklen_t)size) != NULL;
    case ns_t_soa:
        return strlen(ns_rr_name(*record)) < size && strcpy(text, ns_rr_name(*record)) != NULL;
    case ns_t_txt:
        return text_of_strings(ns_rr_rdata(*record), ns_rr_rdlen(*record), text, size);
    default:
        return dn_expand(ns_msg_base(*message), ns_msg_end(*message), ns_rr_rdata(*record), text,
                         (int)size) >= 0;
    }
}

int acme_dns_record(const struct acme_dns_answer *answer, ns_type type, int n, char *text, size_t size)
{
    ns_msg message;
    ns_rr record;
    int i;

    if (answer->status != DNS_ANSWERED || ns_initparse(answer->message, answer->len, &message) != 0)
        return 0;
    for (i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        if (ns_parserr(&message, ns_s_an, i, &record) != 0)
            return 0;
        if (ns_rr_type(record) == type && n-- == 0)
            return text_of(&message, &record, text, size);
    }
    return 0;
}
