// SPDX-License-Identifier: Apache-2.0
/* The timer, and the process that it starts. */
#include "schedule.h"

#include "program.h"
#include "tools/renewal/renewal.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS   300  /* many changes of the store are looked at once */
#define AGAIN_FIRST 5    /* seconds until a process is started again that has left something due */
#define AGAIN_MOST  3600 /* doubled up to that */
#define WORK_MOST   7200 /* seconds after which a process is taken to hang */

struct schedule {
    struct daemon *daemon;
    struct event *timer, *settled, *ended, *hung;
    int timer_fd; /* CLOCK_REALTIME: certificates are about the time of day; says when that is set */
    int child_fd;
    pid_t child;
    unsigned idle_runs; /* in a row that have left something due */
    int64_t not_before; /* what is left due is not tried before that */
};

/* ---- the moment ---- */

/* As exact as the timer: time(2) may still be in the second before. */
static int64_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* 0: never. */
static void set_timer(struct schedule *schedule, int64_t when)
{
    struct itimerspec moment = {.it_value.tv_sec = (time_t)when};

    if (timerfd_settime(schedule->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &moment, NULL) != 0)
        tool_error("the timer of renewal can't be set: %s", strerror(errno));
}

/* In the writers' turn, as what woke us may not have been synced yet: see get_services. */
static int read_next(struct schedule *schedule, int64_t now, int64_t *next)
{
    struct store *store = schedule->daemon->store;

    return store_begin(store) && store_end(store, renewal_next(store, now, next));
}

static void start(struct schedule *schedule);

static void look(struct schedule *schedule)
{
    int64_t now = now_s(), next = RENEWAL_NEVER;

    if (schedule->child_fd >= 0)
        return; /* looked at again when it has ended */
    if (!read_next(schedule, now, &next)) {
        set_timer(schedule, now + 60);
        return;
    }
    if (next > now) {
        schedule->idle_runs = 0;
        set_timer(schedule, next == RENEWAL_NEVER ? 0 : next);
        return;
    }
    /* A clock that was set back does not make it wait longer. */
    if (schedule->not_before > now && schedule->not_before <= now + AGAIN_MOST && schedule->idle_runs > 0) {
        set_timer(schedule, schedule->not_before);
        return;
    }
    set_timer(schedule, 0);
    start(schedule);
}

/* ---- the process ---- */

static void wait_longer(struct schedule *schedule)
{
    int64_t wait = AGAIN_FIRST;
    unsigned i;

    for (i = 0; i < schedule->idle_runs && wait < AGAIN_MOST; i++)
        wait *= 2;
    schedule->idle_runs++;
    schedule->not_before = now_s() + (wait < AGAIN_MOST ? wait : AGAIN_MOST);
}

static void start(struct schedule *schedule)
{
    static const struct timeval most = {WORK_MOST, 0};

    schedule->child_fd = program_start(schedule->daemon->tool, "renew", &schedule->child);
    if (schedule->child_fd < 0) {
        wait_longer(schedule);
        set_timer(schedule, schedule->not_before);
        return;
    }
    event_assign(schedule->ended, event_get_base(schedule->timer), schedule->child_fd, EV_READ,
                 event_get_callback(schedule->ended), schedule);
    event_add(schedule->ended, NULL);
    evtimer_add(schedule->hung, &most);
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct schedule *schedule = arg;
    int64_t now, next = 0;
    int status = 0;

    (void)fd;
    (void)what;
    if (waitpid(schedule->child, &status, WNOHANG) == 0)
        return;
    event_del(schedule->ended);
    evtimer_del(schedule->hung);
    close(schedule->child_fd);
    schedule->child_fd = -1;
    /* A failure is told by itself; of an end by a signal nobody has said anything. */
    if (WIFSIGNALED(status))
        store_log(schedule->daemon->store, "system,error",
                  "renewal was ended by signal %d, and goes on later", WTERMSIG(status));
    now = now_s();
    if (!read_next(schedule, now, &next) || next <= now)
        wait_longer(schedule);
    look(schedule);
}

static void on_hung(evutil_socket_t fd, short what, void *arg)
{
    struct schedule *schedule = arg;

    (void)fd;
    (void)what;
    if (schedule->child_fd >= 0)
        kill(-schedule->child, SIGKILL);
}

/* ---- what happens ---- */

/* ECANCELED: the clock was set, and whatever was reckoned with it is reckoned anew. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) >= 0 || errno == ECANCELED)
        look(arg);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look(arg);
}

void schedule_changed(struct schedule *schedule)
{
    static const struct timeval settle = {0, SETTLE_MS * 1000};

    if (schedule->child_fd < 0 && !evtimer_pending(schedule->settled, NULL))
        evtimer_add(schedule->settled, &settle);
}

struct schedule *schedule_new(struct daemon *daemon, struct event_base *base)
{
    struct schedule *schedule = OPENSSL_zalloc(sizeof(*schedule));
    static const struct timeval at_once = {0, 0};

    if (schedule == NULL) {
        tool_error("out of memory");
        return NULL;
    }
    schedule->daemon = daemon;
    schedule->child_fd = -1;
    schedule->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (schedule->timer_fd < 0)
        tool_error("timerfd: %s", strerror(errno));
    schedule->timer = event_new(base, schedule->timer_fd, EV_READ | EV_PERSIST, on_timer, schedule);
    schedule->settled = evtimer_new(base, on_settled, schedule);
    schedule->ended = event_new(base, -1, 0, on_ended, schedule);
    schedule->hung = evtimer_new(base, on_hung, schedule);
    if (schedule->timer_fd >= 0 && schedule->timer != NULL && schedule->settled != NULL &&
        schedule->ended != NULL && schedule->hung != NULL && event_add(schedule->timer, NULL) == 0 &&
        evtimer_add(schedule->settled, &at_once) == 0)
        return schedule;
    schedule_free(schedule);
    return NULL;
}

void schedule_free(struct schedule *schedule)
{
    struct event **events[4];
    size_t i;

    if (schedule == NULL)
        return;
    events[0] = &schedule->timer;
    events[1] = &schedule->settled;
    events[2] = &schedule->ended;
    events[3] = &schedule->hung;
    for (i = 0; i < 4; i++) {
        if (*events[i] != NULL)
            event_free(*events[i]);
    }
    if (schedule->child_fd >= 0) {
        program_stop(schedule->child, schedule->child_fd);
        close(schedule->child_fd);
    }
    if (schedule->timer_fd >= 0)
        close(schedule->timer_fd);
    OPENSSL_free(schedule);
}
