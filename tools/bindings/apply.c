// SPDX-License-Identifier: Apache-2.0
/* A certificate goes to its service, and is proved to be there, or the old one comes back. */
#include "private.h"

#include "tools/hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#define LOCK            "bindings.lock"
#define LOCK_SECONDS    120
#define COMMAND_SECONDS 60
#define VERIFY_MS       8000
#define GLANCE_MS       2000 /* for what ought to be so already */
#define WAIT_FIRST      300  /* seconds */
#define WAIT_MAX        86400
#define SYSTEMCTL       "/usr/bin/systemctl"

struct job {
    struct bindings_host *host;
    struct binding *binding;
    struct service *service;
    struct store_cert *cert;
    struct values values;
    struct plan plan;
    const char *status; /* what it has come to */
    int is_changed;     /* something was done */
    int is_going_back;  /* which is not cancelled */
    char why[WHY_MAX];
};

/* ---- one at a time ---- */

static int lock(struct bindings_host *host)
{
    char path[PATH_MAX];
    int fd, tries;

    snprintf(path, sizeof(path), "%s/" LOCK, store_home(host->store));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return bindings_raise(host, "%s: %s", path, strerror(errno)) - 1;
    for (tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno == EWOULDBLOCK && tries < LOCK_SECONDS * 10 && !host->is_cancelled(host->arg)) {
            poll(NULL, 0, 100);
            continue;
        }
        bindings_raise(host, "%s: another process works on bindings", path);
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- the service ---- */

static int is_stopped(void *arg)
{
    const struct job *job = arg;

    return !job->is_going_back && job->host->is_cancelled(job->host->arg);
}

static int expand_all(const struct job *job, char *const *texts, char **result)
{
    size_t i;

    for (i = 0; texts[i] != NULL; i++) {
        if ((result[i] = values_expand(&job->values, texts[i])) == NULL)
            return 0;
    }
    return 1;
}

static void free_all(char **texts)
{
    size_t i;

    for (i = 0; texts[i] != NULL; i++)
        OPENSSL_free(texts[i]);
}

/* what is "check" or "reload". */
static int run(struct job *job, const char *what, char *const *command, char *why, size_t size)
{
    char *argv[SERVICE_WORDS + 1] = {NULL}, *environment[SERVICE_WORDS] = {NULL}, cause[WHY_MAX - 200] = "";
    const struct hook hook = {(const char *const *)argv, (const char *const *)environment, COMMAND_SECONDS,
                              is_stopped, job};
    int ok = expand_all(job, command, argv) && expand_all(job, job->service->environment, environment);

    if (!ok)
        snprintf(why, size, "out of memory");
    else if (!(ok = hook_check(argv[0], 0, cause, sizeof(cause))))
        snprintf(why, size, "%s: %s", what, cause + strlen("hook "));
    else if (!(ok = hook_run(&hook, cause, sizeof(cause), NULL, 0)))
        snprintf(why, size, "%s: %.100s: %s", what, argv[0], cause);
    free_all(argv);
    free_all(environment);
    return ok;
}

/* As process_open. */
static int open_process(const struct job *job, int *is_hidden)
{
    char *path = values_expand(&job->values, job->service->running_what),
         *program = values_expand(&job->values, job->service->needs);
    int fd = -1;

    *is_hidden = 0;
    if (path != NULL && program != NULL)
        fd = process_open(path, program, is_hidden);
    OPENSSL_free(path);
    OPENSSL_free(program);
    return fd;
}

static int is_process_there(const struct job *job)
{
    int is_hidden, fd = open_process(job, &is_hidden);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int send_signal(const struct job *job, char *why, size_t size)
{
    int is_hidden, fd = open_process(job, &is_hidden), ok;

    ok = fd >= 0 && !is_hidden && pidfd_send_signal(fd, job->service->reload_signal, NULL, 0) == 0;
    if (!ok)
        snprintf(why, size, "reload: the process: %s",
                 is_hidden ? "/proc does not show whether it is the service's"
                           : strerror(fd >= 0 ? errno : ESRCH));
    if (fd >= 0)
        close(fd);
    return ok;
}

static int is_active(struct job *job)
{
    char *unit = values_expand(&job->values, job->service->running_what), why[WHY_MAX];
    const char *const argv[] = {SYSTEMCTL, "is-active", "--quiet", unit, NULL};
    const struct hook hook = {argv, NULL, COMMAND_SECONDS, is_stopped, job};
    int is = unit != NULL && hook_check(SYSTEMCTL, 0, why, sizeof(why)) &&
             hook_run(&hook, why, sizeof(why), NULL, 0);

    OPENSSL_free(unit);
    return is;
}

struct address {
    char *host, *port, *name;
};

static int take_address(const struct job *job, struct address *address)
{
    const struct service *service = job->service;

    address->host = values_expand(&job->values, service->verify_host);
    address->port = values_expand(&job->values, service->verify_port);
    address->name = service->verify_name != NULL ? values_expand(&job->values, service->verify_name) : NULL;
    return address->host != NULL && address->port != NULL;
}

static void clear_address(struct address *address)
{
    OPENSSL_free(address->host);
    OPENSSL_free(address->port);
    OPENSSL_free(address->name);
}

static int can_connect(const struct job *job)
{
    struct address address;
    int is = take_address(job, &address) && handshake_can_connect(address.host, address.port, GLANCE_MS);

    clear_address(&address);
    return is;
}

static int is_running(struct job *job)
{
    switch (job->service->running) {
    case RUNNING_SYSTEMD:
        return is_active(job);
    case RUNNING_PIDFILE:
        return is_process_there(job);
    case RUNNING_CONNECT:
        return can_connect(job);
    default:
        return 1;
    }
}

static int reload(struct job *job, char *why, size_t size)
{
    const struct service *service = job->service;

    if (service->reload[0] != NULL)
        return run(job, "reload", (char *const *)service->reload, why, size);
    return service->reload_signal == 0 || send_signal(job, why, size);
}

static int can_verify(const struct job *job)
{
    return job->service->verify_host != NULL && job->cert != NULL && job->cert->der != NULL;
}

static int shows(struct job *job, int timeout_ms, char *why, size_t size)
{
    struct address address;
    int is = take_address(job, &address);

    is = is && handshake_shows(address.host, address.port, address.name, job->cert->der, job->cert->der_len,
                               timeout_ms, job->host, why, size);
    clear_address(&address);
    return is;
}

/* ---- what becomes of it ---- */

/* The new files are there. */
static int prove(struct job *job)
{
    if (job->service->check[0] != NULL && !run(job, "check", job->service->check, job->why, sizeof(job->why)))
        return 0;
    if (!is_running(job)) {
        job->status = BINDING_STOPPED;
        return 1;
    }
    if (!reload(job, job->why, sizeof(job->why)))
        return 0;
    if (!can_verify(job)) {
        job->status = BINDING_WRITTEN;
        return 1;
    }
    job->status = BINDING_SERVED;
    return shows(job, VERIFY_MS, job->why, sizeof(job->why));
}

/* The old ones come back, whatever was wrong with the new ones, which is what is reported. A cancellation
 * does not leave it half done: each command has its time. */
static void take_back(struct job *job)
{
    char cause[WHY_MAX] = "";
    size_t len = strlen(job->why);

    job->is_going_back = 1;
    if (!plan_restore(&job->plan, cause, sizeof(cause)))
        snprintf(job->why + len, sizeof(job->why) - len, "; the old files can't be put back: %s", cause);
    else if (is_running(job) && !reload(job, cause, sizeof(cause)))
        snprintf(job->why + len, sizeof(job->why) - len, "; the old files are back, but %s", cause);
    else
        snprintf(job->why + len, sizeof(job->why) - len, "; the old files are back");
}

/* settle: has the service take the new files. */
static int replace(struct job *job, int (*settle)(struct job *job))
{
    char *why = job->why;

    job->is_changed = 1;
    if (!plan_save(&job->plan, why, sizeof(job->why)))
        return 0;
    if (plan_write(&job->plan, why, sizeof(job->why)) && settle(job)) {
        plan_forget(&job->plan);
        return 1;
    }
    take_back(job);
    return 0;
}

/* The files are as they should be. */
static int look(struct job *job)
{
    if (!is_running(job)) {
        job->status = BINDING_STOPPED;
        return 1;
    }
    if (can_verify(job) && shows(job, GLANCE_MS, job->why, sizeof(job->why))) {
        job->status = BINDING_SERVED;
        return 1;
    }
    if (!can_verify(job) && strcmp(job->binding->text[BINDING_STATUS], BINDING_WRITTEN) == 0) {
        job->status = BINDING_WRITTEN;
        return 1;
    }
    job->is_changed = 1;
    return prove(job);
}

static int prepare(struct job *job)
{
    const struct binding *binding = job->binding;
    const char *home = store_home(job->host->store);

    job->service = service_load(job->host->store, binding->text[BINDING_SERVICE], job->why, sizeof(job->why));
    if (job->service == NULL || !values_take(&job->values, job->service, binding->text[BINDING_PARAMETERS],
                                             home, binding->id, job->why, sizeof(job->why)))
        return 0;
    if (binding->certificate != 0)
        job->cert = store_cert_get(job->host->store, &(struct store_query){.id = binding->certificate});
    job->plan.home = home;
    job->plan.id = binding->id;
    return 1;
}

static int is_here(const struct job *job)
{
    char *path = job->service->needs != NULL ? values_expand(&job->values, job->service->needs) : NULL;
    int is = job->service->needs == NULL || (path != NULL && access(path, X_OK) == 0);

    OPENSSL_free(path);
    return is;
}

/* is_due: only if there is something to do. */
static int give(struct job *job, int is_due)
{
    const char *before = job->binding->text[BINDING_STATUS];

    if (!is_here(job)) {
        job->status = BINDING_ABSENT;
        return 1;
    }
    if (!plan_make(&job->plan, job->host->store, job->cert, &job->values, job->why, sizeof(job->why)))
        return 0;
    plan_tidy(&job->plan);
    if (!plan_is_done(&job->plan) || plan_is_pending(&job->plan))
        return replace(job, prove);
    if (is_due && (strcmp(before, BINDING_SERVED) == 0 || strcmp(before, BINDING_WRITTEN) == 0)) {
        job->status = strcmp(before, BINDING_SERVED) == 0 ? BINDING_SERVED : BINDING_WRITTEN;
        return 1;
    }
    return look(job);
}

/* ---- taking it away ---- */

static int settle_empty(struct job *job)
{
    if (!is_here(job))
        return 1;
    return (job->service->check[0] == NULL ||
            run(job, "check", job->service->check, job->why, sizeof(job->why))) &&
           (!is_running(job) || reload(job, job->why, sizeof(job->why)));
}

/* What the empty ones do not name any more; with those, if the binding goes. */
static void remove_written(const struct job *job, int with_text)
{
    const struct service *service = job->service;
    size_t i;

    for (i = 0; i < service->files_count; i++) {
        char *path = with_text || service->files[i].content != CONTENT_TEXT
                         ? values_expand(&job->values, service->files[i].path)
                         : NULL;

        if (path != NULL && value_is_good(VALUE_PATH, path))
            unlink(path);
        OPENSSL_free(path);
    }
}

static int withdraw(struct job *job, int is_dropped)
{
    if (!plan_make_empty(&job->plan, job->host->store, &job->values, job->why, sizeof(job->why)))
        return 0;
    plan_tidy(&job->plan);
    if ((!plan_is_done(&job->plan) || plan_is_pending(&job->plan)) && !replace(job, settle_empty))
        return 0;
    remove_written(job, is_dropped);
    job->status = BINDING_WITHDRAWN;
    return 1;
}

/* ---- what is kept and said of it ---- */

static void describe(const struct job *job, char *text, size_t size)
{
    const struct binding *binding = job->binding;

    snprintf(text, size, "%.64s%s%.64s", binding->text[BINDING_SERVICE], *binding->name != '\0' ? ": " : "",
             binding->name);
}

/* Five minutes, doubled each time, at most a day: a reload is not free for the service. */
static int note_next_try(const struct job *job)
{
    struct store *store = job->host->store;
    int64_t id = job->binding->id, wait = WAIT_FIRST;
    long failures = strtol(job->binding->text[BINDING_FAILURES], NULL, 10);
    char text[24];
    long i;

    for (i = 0; i < failures && wait < WAIT_MAX; i++)
        wait *= 2;
    snprintf(text, sizeof(text), "%" PRId64, (int64_t)time(NULL) + (wait < WAIT_MAX ? wait : WAIT_MAX));
    if (!binding_set(store, id, BINDING_NEXT_TRY, text))
        return 0;
    snprintf(text, sizeof(text), "%ld", failures < 1000 ? failures + 1 : failures);
    return binding_set(store, id, BINDING_FAILURES, text);
}

/* After a failure; a clock that was set back is no reason to wait for long. */
static int is_waiting(const struct binding *binding)
{
    int64_t next = strtoll(binding->text[BINDING_NEXT_TRY], NULL, 10), now = time(NULL);

    return strcmp(binding->text[BINDING_STATUS], BINDING_FAILED) == 0 && now < next && next <= now + WAIT_MAX;
}

static int note_failure(struct job *job)
{
    struct store *store = job->host->store;
    char subject[160];

    describe(job, subject, sizeof(subject));
    if (*job->why == '\0')
        OPENSSL_strlcpy(job->why, "the store can't be read", sizeof(job->why));
    bindings_raise(job->host, "binding %s: %s", subject, job->why);
    if (store_begin(store))
        store_end(store, binding_set(store, job->binding->id, BINDING_STATUS, BINDING_FAILED) &&
                             binding_set(store, job->binding->id, BINDING_ERROR, job->why) &&
                             binding_set(store, job->binding->id, BINDING_SINCE, "") && note_next_try(job) &&
                             store_log(store, "certificate,error", "binding %s: %.360s", subject, job->why));
    return 0;
}

static void say(struct job *job, const char *subject)
{
    static const char *const texts[][2] = {
        {BINDING_SERVED, "is served, as a handshake shows"},
        {BINDING_WRITTEN, "is given to the service"},
        {BINDING_STOPPED, "is written; the service does not run, and is not started by this"},
        {BINDING_WITHDRAWN, "is taken away from the service"},
        {BINDING_ABSENT, "the service is not installed; it gets the certificate once it is"},
    };
    char text[300];
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (strcmp(texts[i][0], job->status) == 0) {
            snprintf(text, sizeof(text), "%s: %s", subject, texts[i][1]);
            job->host->progress(job->host->arg, text);
        }
    }
}

static int note_success(struct job *job, int is_due)
{
    struct store *store = job->host->store;
    const struct binding *binding = job->binding;
    int is_new = strcmp(binding->text[BINDING_STATUS], job->status) != 0 || job->is_changed, ok;
    char subject[160], since[24];

    describe(job, subject, sizeof(subject));
    if (!is_due || is_new)
        say(job, subject);
    if (!is_new)
        return 1;
    snprintf(since, sizeof(since), "%" PRId64, (int64_t)time(NULL));
    if (!store_begin(store))
        return 0;
    ok = binding_set(store, binding->id, BINDING_STATUS, job->status) &&
         binding_set(store, binding->id, BINDING_ERROR, "") &&
         binding_set(store, binding->id, BINDING_NEXT_TRY, "") &&
         binding_set(store, binding->id, BINDING_FAILURES, "") &&
         binding_set(store, binding->id, BINDING_SINCE,
                     strcmp(job->status, BINDING_SERVED) == 0 ? since : "") &&
         store_log(store, "certificate,info", "binding %s: %s", subject, job->status);
    return store_end(store, ok);
}

static void clear(struct job *job)
{
    plan_clear(&job->plan);
    values_clear(&job->values);
    service_free(job->service);
    store_cert_free(job->cert);
    binding_free(job->binding);
}

enum mode { MODE_APPLY, MODE_DUE, MODE_VERIFY, MODE_WITHDRAW, MODE_DROP };

static int check_now(struct job *job)
{
    if (!is_here(job)) {
        job->status = BINDING_ABSENT;
        return 1;
    }
    if (!is_running(job)) {
        job->status = BINDING_STOPPED;
        return 1;
    }
    if (!can_verify(job)) {
        snprintf(job->why, sizeof(job->why), "the service has nothing to shake hands with");
        return 0;
    }
    job->status = BINDING_SERVED;
    return shows(job, GLANCE_MS, job->why, sizeof(job->why));
}

/* Within the lock. *count counts what something was done for; -1: no file tells how it is withdrawn. */
static int work(struct bindings_host *host, int64_t id, enum mode mode, int *count)
{
    struct job job = {.host = host, .binding = binding_get(host->store, id)};
    int ok;

    if (job.binding == NULL)
        return 0;
    if ((mode < MODE_WITHDRAW && strcmp(job.binding->text[BINDING_DISABLED], "yes") == 0) ||
        *job.binding->text[BINDING_SERVICE] == '\0' || (mode == MODE_DUE && is_waiting(job.binding))) {
        clear(&job);
        return 1;
    }
    ok = prepare(&job);
    if (ok && mode >= MODE_WITHDRAW && !job.service->is_withdrawn_empty) {
        *count = -1;
        clear(&job);
        return 1;
    }
    ok = ok && (mode == MODE_VERIFY     ? check_now(&job)
                : mode >= MODE_WITHDRAW ? withdraw(&job, mode == MODE_DROP)
                                        : give(&job, mode == MODE_DUE));
    ok = ok ? note_success(&job, mode == MODE_DUE) : note_failure(&job);
    *count += ok && job.is_changed;
    clear(&job);
    return ok;
}

/* ---- many ---- */

#define MANY_MAX 256

struct many {
    struct bindings_host *host;
    int64_t certificate; /* 0: any */
    int64_t ids[MANY_MAX];
    size_t count;
};

static int collect(void *arg, int64_t id)
{
    struct many *many = arg;
    struct binding *binding = binding_get(many->host->store, id);

    if (binding != NULL && many->count < MANY_MAX &&
        (many->certificate == 0 || binding->certificate == many->certificate))
        many->ids[many->count++] = id;
    binding_free(binding);
    return 1;
}

static int work_all(struct bindings_host *host, int64_t certificate, enum mode mode, int *count)
{
    struct many many = {.host = host, .certificate = certificate};
    int fd, ok;
    size_t i;

    *count = 0;
    ok = bindings_each(host->store, collect, &many);
    if (!ok || many.count == 0)
        return ok;
    fd = lock(host);
    if (fd < 0)
        return 0;
    for (i = 0; i < many.count && !host->is_cancelled(host->arg); i++)
        ok = work(host, many.ids[i], mode, count) && ok;
    close(fd);
    return ok && i == many.count; /* what was not reached has not been proved */
}

int bindings_apply(struct bindings_host *host, int64_t certificate)
{
    int count;

    return certificate == 0 || work_all(host, certificate, MODE_APPLY, &count);
}

int bindings_apply_due(struct bindings_host *host, int *count)
{
    return work_all(host, 0, MODE_DUE, count);
}

static int work_one(struct bindings_host *host, int64_t id, enum mode mode, int *count)
{
    int fd = lock(host), ok;

    *count = 0;
    if (fd < 0)
        return 0;
    ok = work(host, id, mode, count);
    close(fd);
    return ok;
}

int bindings_apply_one(struct bindings_host *host, int64_t id)
{
    int count;

    return work_one(host, id, MODE_APPLY, &count);
}

int bindings_verify(struct bindings_host *host, int64_t id)
{
    int count;

    return work_one(host, id, MODE_VERIFY, &count);
}

int bindings_withdraw(struct bindings_host *host, int64_t id, int *is_known)
{
    int count, ok = work_one(host, id, MODE_WITHDRAW, &count);

    *is_known = count >= 0;
    return ok;
}

int bindings_drop(struct bindings_host *host, int64_t id)
{
    struct store *store = host->store;
    struct binding *binding = binding_get(store, id);
    int count, ok;

    /* The menu has gone: should this fail, or be killed, the user must be able to remove it. */
    ok = binding != NULL && binding_set(store, id, BINDING_OWNER, "") &&
         work_one(host, id, MODE_DROP, &count) && store_entry_remove(store, BINDINGS_MENU, id);
    if (ok)
        bindings_remove_files(store, binding);
    binding_free(binding);
    return ok;
}
