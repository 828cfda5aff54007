// SPDX-License-Identifier: Apache-2.0
/*
 * See session.h. A client that does not read is not read from either; one that says nothing is closed after a
 * while, and before it has logged in, soon, or as soon as others come.
 */
#include "session.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#define LOGIN_S        10 /* until it has logged in */
#define IDLE_S         1800
#define WRITE_S        30         /* until it reads what it gets */
#define CLOSE_S        5          /* the same of the last */
#define STRANGERS_MAX  64         /* that have not logged in: beyond these the oldest goes */
#define SESSIONS_MAX   128        /* that have */
#define SESSIONS_HOST  32         /* from one address */
#define COMMANDS_MAX   16         /* of a session under way */
#define COMMANDS_SENT  3          /* of them with the threads: others come to their turn */
#define STRANGER_BYTES 4096       /* of a sentence before the login */
#define INPUT_MAX      (64 << 10) /* bytes that are read ahead */
#define OUTPUT_MAX                                                                                           \
    (1 << 20) /* bytes: beyond these nothing is read, and no command begun, until all are gone */

struct session {
    struct sessions *sessions;
    struct session *next, *prev; /* older, newer */
    struct bufferevent *bev;
    struct event *timer;
    char address[64], certificate[65];
    struct sentence sentence;
    struct worker_session user;
    int is_tls, is_logged_in, is_logging_in;
    int is_full;      /* of replies */
    int is_closing;   /* behind the last reply */
    struct job *jobs; /* the first came first */
    unsigned jobs_count, jobs_sent;
};

struct sessions {
    struct event_base *base;
    struct work *work;
    struct session *newest, *oldest;
};

/* ---- the end of one ---- */

static void close_now(struct session *session)
{
    struct sessions *sessions = session->sessions;
    struct job *job;

    while ((job = session->jobs) != NULL) {
        session->jobs = job->next;
        job->session = NULL;
        if (job->is_sent)
            work_cancel(sessions->work, job);
        else
            job_free(job);
    }
    if (session->prev != NULL)
        session->prev->next = session->next;
    else
        sessions->newest = session->next;
    if (session->next != NULL)
        session->next->prev = session->prev;
    else
        sessions->oldest = session->prev;
    sentence_clear(&session->sentence);
    event_free(session->timer);
    bufferevent_free(session->bev);
    OPENSSL_clear_free(session, sizeof(*session));
}

static void set_timer(struct session *session, int seconds)
{
    const struct timeval limit = {seconds, 0};

    evtimer_add(session->timer, &limit);
}

/* What still comes is thrown away; on_written says that nothing more goes. To close at once would take the
 * reply from a client that is sending: TCP answers that with a reset. */
static void close_behind(struct session *session, const char *reason)
{
    if (reason != NULL)
        reply_fatal(bufferevent_get_output(session->bev), reason);
    session->is_closing = 1;
    bufferevent_enable(session->bev, EV_READ);
    set_timer(session, CLOSE_S);
}

static void end_output(struct session *session)
{
    SSL *ssl = session->is_tls ? bufferevent_openssl_get_ssl(session->bev) : NULL;

    if (ssl != NULL)
        SSL_shutdown(ssl);
    ERR_clear_error();
    shutdown(bufferevent_getfd(session->bev), SHUT_WR);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct session *session = arg;

    (void)fd;
    (void)what;
    close_now(session);
}

/* ---- commands ---- */

static int is_same_tag(const struct job *a, const struct job *b)
{
    return a->request.has_tag == b->request.has_tag && strcmp(a->request.tag, b->request.tag) == 0;
}

/* Replies of one tag, or of none, can't be told apart: they don't mix. */
static int is_its_turn(const struct session *session, const struct job *job)
{
    const struct job *other;

    for (other = session->jobs; other != job; other = other->next) {
        if (is_same_tag(other, job))
            return 0;
    }
    return 1;
}

static void send_jobs(struct session *session)
{
    struct job *job;

    if (session->is_full || session->is_closing)
        return;
    for (job = session->jobs; job != NULL && session->jobs_sent < COMMANDS_SENT; job = job->next) {
        if (job->is_sent || !is_its_turn(session, job))
            continue;
        job->is_sent = 1;
        session->jobs_sent++;
        job->user = session->user;
        work_push(session->sessions->work, job);
    }
}

static void forget_job(struct session *session, struct job *job)
{
    struct job **place = &session->jobs;

    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    session->jobs_count--;
    session->jobs_sent -= (unsigned)job->is_sent;
}

/* The request is the job's then. */
static void add_job(struct session *session, struct api_request *request)
{
    struct job *job = OPENSSL_zalloc(sizeof(*job)), **place = &session->jobs;

    if (job == NULL || (job->reply = evbuffer_new()) == NULL) {
        OPENSSL_free(job);
        close_behind(session, "out of memory");
        return;
    }
    job->request = *request;
    *request = (struct api_request){0};
    job->session = session;
    memcpy(job->address, session->address, sizeof(job->address));
    memcpy(job->certificate, session->certificate, sizeof(job->certificate));
    while (*place != NULL)
        place = &(*place)->next;
    *place = job;
    session->jobs_count++;
    send_jobs(session);
}

static void cancel(struct session *session, const struct api_request *request)
{
    struct evbuffer *out = bufferevent_get_output(session->bev);
    struct job *job, *next;
    int some = 0;

    for (job = session->jobs; job != NULL; job = next) {
        next = job->next;
        if (request->cancel != NULL &&
            (!job->request.has_tag || strcmp(job->request.tag, request->cancel) != 0))
            continue;
        some = 1;
        if (job->is_sent) {
            work_cancel(session->sessions->work, job);
        } else {
            reply_trap(out, &job->request, API_INTERRUPTED, "interrupted");
            forget_job(session, job);
            job_free(job);
        }
    }
    if (some || request->cancel == NULL)
        reply_done(out, request, NULL);
    else
        reply_trap(out, request, API_MISUSED, "no command with this tag is under way");
}

static void take_login(struct session *session, struct api_request *request)
{
    struct evbuffer *out = bufferevent_get_output(session->bev);

    if (session->is_logged_in) {
        reply_trap(out, request, API_MISUSED, "already logged in");
    } else if ((request->name == NULL) != (request->password == NULL)) {
        reply_trap(out, request, API_MISUSED, "a login has a =name= and a =password=");
    } else if (request->name == NULL && *session->certificate == '\0') {
        reply_trap(out, request, API_MISUSED,
                   "the login by challenge and response is not supported: send =name= and =password=");
    } else {
        /* It ends by itself, when workers are busy perhaps late. */
        evtimer_del(session->timer);
        session->is_logging_in = 1;
        add_job(session, request);
    }
}

static void take_request(struct session *session, struct api_request *request)
{
    struct evbuffer *out = bufferevent_get_output(session->bev);

    if (request->kind == API_QUIT)
        close_behind(session, "session terminated on request");
    else if (!session->is_logged_in && request->kind != API_LOGIN)
        close_behind(session, "not logged in");
    else if (request->why != NULL)
        reply_trap(out, request, request->category, request->why);
    else if (request->kind == API_LOGIN)
        take_login(session, request);
    else if (request->kind == API_CANCEL)
        cancel(session, request);
    else if (session->jobs_count == COMMANDS_MAX)
        reply_trap(out, request, API_MISUSED, "16 commands are under way: wait for one of them");
    else
        add_job(session, request);
}

static void take_sentence(struct session *session)
{
    struct api_request request;

    /* An empty one means nothing. */
    if (session->sentence.count > 0) {
        api_request_read(&request, &session->sentence);
        take_request(session, &request);
        api_request_clear(&request);
        if (session->is_logged_in && !session->is_closing)
            set_timer(session, IDLE_S);
    }
    sentence_clear(&session->sentence);
}

/* ---- the connection ---- */

static int may_read(struct session *session)
{
    size_t waiting = evbuffer_get_length(bufferevent_get_output(session->bev));

    if (waiting > OUTPUT_MAX && !session->is_full) {
        session->is_full = 1;
        bufferevent_disable(session->bev, EV_READ);
    }
    return !session->is_full && !session->is_closing && !session->is_logging_in;
}

static void read_input(struct session *session)
{
    struct evbuffer *in = bufferevent_get_input(session->bev);
    struct evbuffer_iovec piece;
    enum sentence_state state;
    size_t taken;

    while (may_read(session) && evbuffer_peek(in, -1, NULL, &piece, 1) > 0 && piece.iov_len > 0) {
        state = sentence_read(&session->sentence, piece.iov_base, piece.iov_len, &taken);
        evbuffer_drain(in, taken);
        if (state == SENTENCE_WHOLE)
            take_sentence(session);
        else if (state != SENTENCE_MORE)
            close_behind(session, state == SENTENCE_MALFORMED ? "malformed sentence" : "out of memory");
    }
    if (session->is_closing)
        evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    read_input(arg);
}

/* All has been written. */
static void on_written(struct bufferevent *bev, void *arg)
{
    struct session *session = arg;

    if (evbuffer_get_length(bufferevent_get_output(bev)) > 0)
        return;
    if (session->is_closing) {
        end_output(session);
    } else if (session->is_full) {
        session->is_full = 0;
        bufferevent_enable(bev, EV_READ);
        send_jobs(session);
        read_input(session);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    (void)what;
    close_now(arg);
}

/* ---- what is done ---- */

static int may_stay(const struct session *session)
{
    const struct session *other;
    unsigned all = 0, host = 0;

    for (other = session->sessions->newest; other != NULL; other = other->next) {
        all += (unsigned)other->is_logged_in;
        host += (unsigned)(other->is_logged_in && strcmp(other->address, session->address) == 0);
    }
    return all < SESSIONS_MAX && host < SESSIONS_HOST;
}

static void take_user(struct session *session, const struct job *job)
{
    session->is_logging_in = 0;
    if (job->result != WORKER_LOGIN_OK)
        return;
    if (!may_stay(session)) {
        evbuffer_drain(job->reply, evbuffer_get_length(job->reply));
        close_behind(session, "too many sessions");
        return;
    }
    session->user = job->user;
    session->is_logged_in = 1;
    session->sentence.max = SENTENCE_MAX;
}

void session_done(struct job *job)
{
    struct session *session = job->session;

    if (session == NULL) {
        job_free(job);
        return;
    }
    forget_job(session, job);
    if (job->request.kind == API_LOGIN)
        take_user(session, job);
    if (!session->is_closing)
        evbuffer_add_buffer(bufferevent_get_output(session->bev), job->reply);
    if (job->is_last)
        close_behind(session, NULL);
    job_free(job);
    if (session->is_closing)
        return;
    set_timer(session, session->is_logged_in ? IDLE_S : LOGIN_S);
    may_read(session);
    send_jobs(session);
    read_input(session);
}

/* ---- the whole ---- */

struct sessions *sessions_new(struct event_base *base)
{
    struct sessions *sessions = OPENSSL_zalloc(sizeof(*sessions));

    if (sessions != NULL)
        sessions->base = base;
    return sessions;
}

void sessions_set_work(struct sessions *sessions, struct work *work)
{
    sessions->work = work;
}

/* Whoever only opens connections loses them to whoever logs in. */
static void make_room(struct sessions *sessions)
{
    struct session *session, *oldest = NULL, *silent = NULL;
    unsigned count = 0;

    for (session = sessions->newest; session != NULL; session = session->next) {
        if (session->is_logged_in)
            continue;
        oldest = session;
        if (!session->is_logging_in)
            silent = session;
        count++;
    }
    if (count > STRANGERS_MAX)
        close_now(silent != NULL && silent != sessions->newest ? silent : oldest);
}

void sessions_open(struct sessions *sessions, struct bufferevent *bev, const char *address,
                   const char *certificate, int is_tls)
{
    static const struct timeval write_limit = {WRITE_S, 0};
    struct session *session = OPENSSL_zalloc(sizeof(*session));

    if (session == NULL || (session->timer = evtimer_new(sessions->base, on_timer, session)) == NULL) {
        OPENSSL_free(session);
        bufferevent_free(bev);
        return;
    }
    session->sessions = sessions;
    session->bev = bev;
    session->is_tls = is_tls;
    session->sentence.max = STRANGER_BYTES;
    OPENSSL_strlcpy(session->address, address, sizeof(session->address));
    OPENSSL_strlcpy(session->certificate, certificate, sizeof(session->certificate));
    session->next = sessions->newest;
    if (session->next != NULL)
        session->next->prev = session;
    else
        sessions->oldest = session;
    sessions->newest = session;
    bufferevent_setcb(bev, on_read, on_written, on_event, session);
    bufferevent_setwatermark(bev, EV_READ, 0, INPUT_MAX);
    bufferevent_set_timeouts(bev, NULL, &write_limit);
    set_timer(session, LOGIN_S);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    make_room(sessions);
}

void sessions_free(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    while (sessions->oldest != NULL)
        close_now(sessions->oldest);
    OPENSSL_free(sessions);
}
