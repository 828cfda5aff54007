// SPDX-License-Identifier: Apache-2.0
/* See work.h. */
#include "work.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define THREADS                                                                                              \
    6 /* some may wait for commands that take long: of these run no more than there are workers              \
       */

struct queue {
    struct job *first, **last;
};

struct work {
    struct work_config config;
    int done_fd;
    struct event *done_event;
    pthread_t threads[THREADS];
    unsigned threads_count;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    struct queue waiting, done;
    struct job *running[THREADS];
    int is_ending;
};

void job_free(struct job *job)
{
    api_request_clear(&job->request);
    if (job->reply != NULL)
        evbuffer_free(job->reply);
    OPENSSL_clear_free(job, sizeof(*job));
}

/* ---- queues, with the lock held ---- */

static void push(struct queue *queue, struct job *job)
{
    job->queued = NULL;
    *queue->last = job;
    queue->last = &job->queued;
}

static struct job *pop(struct queue *queue)
{
    struct job *job = queue->first;

    if (job != NULL && (queue->first = job->queued) == NULL)
        queue->last = &queue->first;
    return job;
}

/* ---- threads ---- */

/* Returns 0 if it has been cancelled before. */
static int may_be_cancelled(struct work *work, struct job *job, int fd)
{
    int is_cancelled;

    pthread_mutex_lock(&work->lock);
    is_cancelled = job->is_cancelled || work->is_ending;
    job->cancel_fd = is_cancelled ? -1 : fd;
    pthread_mutex_unlock(&work->lock);
    return !is_cancelled;
}

static void log_in(struct work *work, struct job *job)
{
    struct worker_login login = {
        .name = job->request.name,
        .password = job->request.password,
        .certificate = *job->certificate != '\0' ? job->certificate : NULL,
        .address = job->address,
        .service = work->config.service,
    };
    unsigned wait_s = 0;
    char text[100];

    job->result = WORKER_LOGIN_UNAVAILABLE;
    if (!may_be_cancelled(work, job, -1))
        return; /* the client has gone */
    job->result = worker_login(work->config.logins, &login, &job->user, &wait_s);
    switch (job->result) {
    case WORKER_LOGIN_OK:
        reply_done(job->reply, &job->request, NULL);
        break;
    case WORKER_LOGIN_REFUSED:
        reply_trap(job->reply, &job->request, API_FAILED, "invalid user name or password");
        break;
    case WORKER_LOGIN_LATER:
        snprintf(text, sizeof(text), "too many logins have failed: try again in %u s", wait_s);
        reply_trap(job->reply, &job->request, API_FAILED, text);
        break;
    case WORKER_LOGIN_UNAVAILABLE:
        reply_trap(job->reply, &job->request, API_FAILED, "logins can't be checked now");
        break;
    }
}

static void run_command(struct work *work, struct job *job)
{
    json_t *answer = NULL;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        reply_trap(job->reply, &job->request, API_FAILED, "too many files are open");
        return;
    }
    if (may_be_cancelled(work, job, fds[1])) {
        answer = worker_call_as(work->config.logins, &job->user, job->request.json, fds[0]);
        pthread_mutex_lock(&work->lock);
        job->cancel_fd = -1;
        pthread_mutex_unlock(&work->lock);
        job->is_last = !reply_answer(job->reply, &job->request, answer);
    } else {
        reply_trap(job->reply, &job->request, API_INTERRUPTED, "interrupted");
    }
    json_decref(answer);
    close(fds[0]);
    close(fds[1]);
}

static void finish(struct work *work, unsigned thread, struct job *job)
{
    pthread_mutex_lock(&work->lock);
    work->running[thread] = NULL;
    push(&work->done, job);
    pthread_mutex_unlock(&work->lock);
    eventfd_write(work->done_fd, 1);
}

static struct job *next_job(struct work *work, unsigned thread)
{
    struct job *job = NULL;

    pthread_mutex_lock(&work->lock);
    while (!work->is_ending && (job = pop(&work->waiting)) == NULL)
        pthread_cond_wait(&work->wake, &work->lock);
    work->running[thread] = job;
    pthread_mutex_unlock(&work->lock);
    return job;
}

struct start {
    struct work *work;
    unsigned thread;
};

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;
    struct job *job;

    OPENSSL_free(arg);
    while ((job = next_job(start.work, start.thread)) != NULL) {
        if (job->request.kind == API_LOGIN)
            log_in(start.work, job);
        else
            run_command(start.work, job);
        finish(start.work, start.thread, job);
    }
    OPENSSL_thread_stop();
    return NULL;
}

/* ---- the loop's thread ---- */

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct work *work = arg;
    struct job *job;
    eventfd_t count;

    (void)what;
    eventfd_read(fd, &count);
    for (;;) {
        pthread_mutex_lock(&work->lock);
        job = pop(&work->done);
        pthread_mutex_unlock(&work->lock);
        if (job == NULL)
            return;
        work->config.done(job);
    }
}

void work_push(struct work *work, struct job *job)
{
    job->cancel_fd = -1;
    pthread_mutex_lock(&work->lock);
    push(&work->waiting, job);
    pthread_cond_signal(&work->wake);
    pthread_mutex_unlock(&work->lock);
}

/* With the lock held. */
static void cancel(struct job *job)
{
    job->is_cancelled = 1;
    if (job->cancel_fd >= 0)
        shutdown(job->cancel_fd, SHUT_RDWR);
}

void work_cancel(struct work *work, struct job *job)
{
    pthread_mutex_lock(&work->lock);
    cancel(job);
    pthread_mutex_unlock(&work->lock);
}

/* ---- the whole ---- */

struct work *work_new(const struct work_config *config)
{
    struct work *work = OPENSSL_zalloc(sizeof(*work));

    if (work == NULL)
        return NULL;
    work->config = *config;
    work->waiting.last = &work->waiting.first;
    work->done.last = &work->done.first;
    pthread_mutex_init(&work->lock, NULL);
    pthread_cond_init(&work->wake, NULL);
    work->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (work->done_fd >= 0)
        work->done_event = event_new(config->base, work->done_fd, EV_READ | EV_PERSIST, on_done, work);
    if (work->done_event != NULL && event_add(work->done_event, NULL) == 0)
        return work;
    work_free(work);
    return NULL;
}

/* Signals are for the program's own thread. */
int work_start(struct work *work)
{
    sigset_t all, before;
    int ok = 1;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (ok && work->threads_count < THREADS) {
        struct start *start = OPENSSL_malloc(sizeof(*start));

        if (start != NULL)
            *start = (struct start){work, work->threads_count};
        ok = start != NULL && pthread_create(&work->threads[work->threads_count], NULL, run, start) == 0;
        if (!ok)
            OPENSSL_free(start);
        work->threads_count += (unsigned)ok;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

void work_stop(struct work *work)
{
    unsigned i;

    pthread_mutex_lock(&work->lock);
    work->is_ending = 1;
    for (i = 0; i < THREADS; i++) {
        if (work->running[i] != NULL)
            cancel(work->running[i]);
    }
    pthread_cond_broadcast(&work->wake);
    pthread_mutex_unlock(&work->lock);
    while (work->threads_count > 0)
        pthread_join(work->threads[--work->threads_count], NULL);
}

void work_free(struct work *work)
{
    struct job *job;

    if (work == NULL)
        return;
    work_stop(work);
    while ((job = pop(&work->waiting)) != NULL || (job = pop(&work->done)) != NULL)
        job_free(job);
    if (work->done_event != NULL)
        event_free(work->done_event);
    if (work->done_fd >= 0)
        close(work->done_fd);
    pthread_cond_destroy(&work->wake);
    pthread_mutex_destroy(&work->lock);
    OPENSSL_free(work);
}
