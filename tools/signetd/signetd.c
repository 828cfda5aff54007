// SPDX-License-Identifier: Apache-2.0
/*
 * signetd: serves what /ip service has enabled, and takes up each change of the store at once, whoever makes
 * it. The main thread waits for signals, for changes of the database's files, and for what is due (schedule.h);
 * each service has threads of its own.
 */
#include "notify.h"
#include "program.h"
#include "runner.h"
#include "schedule.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#define SETTLE_US    50000 /* many changes at once are taken up as one */
#define FILES_WANTED 4096
#define RETRY_S      30 /* a service that can't be served is tried again */

static const struct option options[] = {
    TOOL_OPTIONS,
    {NULL, 0, NULL, 0},
};

struct served {
    const char *name;
    struct service now; /* what the store says */
    struct runner *runner;
    int has_failed; /* it can't be served as that says */
    int is_due;     /* and is tried again now */
};
#define SERVED_COUNT 4

struct server {
    struct daemon daemon;
    struct event_base *base;
    struct event *signals[3], *change, *settled, *ended, *retry;
    struct schedule *schedule;
    int watch_fd, lock_fd;
    struct served served[SERVED_COUNT];
};

/* ---- services ---- */

static void try_later(struct server *server)
{
    static const struct timeval later = {RETRY_S, 0};

    evtimer_add(server->retry, &later);
}

/* Said in the log once, as the log's lines are changes of the store. */
static void serve(struct server *server, struct served *served)
{
    int is_said = served->has_failed;

    served->is_due = 0;
    served->runner = runner_start(&server->daemon, served->name, &served->now);
    served->has_failed = served->runner == NULL;
    if (served->has_failed)
        try_later(server);
    if (served->runner != NULL || !is_said)
        store_log(server->daemon.store, "system,info", "%s: %s port %u", served->name,
                  served->runner != NULL ? "served at" : "can't be served at", served->now.port);
}

static void stop(struct served *served)
{
    runner_stop(served->runner);
    served->runner = NULL;
}

/* In the writers' turn: what woke us was written then, but with a write-ahead log nobody reads it before it
 * has been synced, which a slow disk may take longer for than we have waited, and nothing wakes us again. */
static int get_services(struct server *server, struct service now[SERVED_COUNT])
{
    struct store *store = server->daemon.store;
    size_t i;
    int ok = 1;

    if (!store_begin(store))
        return 0;
    for (i = 0; ok && i < SERVED_COUNT; i++)
        ok = service_get(store, server->served[i].name, &now[i]);
    if (store_end(store, ok))
        return 1;
    for (i = 0; i < SERVED_COUNT; i++)
        service_clear(&now[i]);
    return 0;
}

/* A certificate that can't be shown leaves the one that is shown. */
static void show(struct server *server, struct served *served)
{
    int ok = runner_set_identity(served->runner, &served->now);

    store_log(server->daemon.store, ok ? "system,info" : "system,error", "%s: %s", served->name,
              ok ? "shows its new certificate" : "its new certificate can't be shown, the old one stays");
}

/* Takes what the store says; the caller's no longer. */
static void take_up_one(struct server *server, struct served *served, struct service *now)
{
    int is_same = service_is_same(now, &served->now), is_known = service_is_same_identity(now, &served->now);

    service_clear(&served->now);
    served->now = *now;
    if (is_same && (is_known || served->runner == NULL)) {
        /* What has failed for want of a certificate may have it now. */
        if (!is_known && served->has_failed && served->now.is_enabled)
            serve(server, served);
        return;
    }
    if (is_same) {
        show(server, served);
        return;
    }
    if (served->runner != NULL)
        fprintf(stderr, "signetd: %s is stopped\n", served->name);
    stop(served);
    served->has_failed = 0;
    if (served->now.is_enabled)
        serve(server, served);
}

static void take_up(struct server *server)
{
    struct service now[SERVED_COUNT] = {0};
    size_t i;

    if (!get_services(server, now)) {
        try_later(server);
        return;
    }
    for (i = 0; i < SERVED_COUNT; i++)
        take_up_one(server, &server->served[i], &now[i]);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;

    (void)fd;
    (void)what;
    take_up(server);
    schedule_changed(server->schedule);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;
    size_t i;

    (void)fd;
    (void)what;
    evtimer_del(server->retry);
    for (i = 0; i < SERVED_COUNT; i++)
        server->served[i].is_due = server->served[i].has_failed;
    take_up(server);
    for (i = 0; i < SERVED_COUNT; i++) {
        if (server->served[i].is_due && server->served[i].now.is_enabled)
            serve(server, &server->served[i]);
    }
}

/* A listener that nobody answers behind would be worse than none. */
static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;
    eventfd_t count;
    size_t i;

    (void)what;
    eventfd_read(fd, &count);
    for (i = 0; i < SERVED_COUNT; i++) {
        struct served *served = &server->served[i];

        if (served->runner == NULL || !runner_has_ended(served->runner))
            continue;
        stop(served);
        served->has_failed = 1;
        try_later(server);
    }
}

/* Something in the store's folder is new: most often a certificate or a line of the log. */
static void on_change(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval settle = {0, SETTLE_US};
    _Alignas(struct inotify_event) char events[4096];
    struct server *server = arg;

    (void)what;
    while (read(fd, events, sizeof(events)) > 0)
        ;
    if (!evtimer_pending(server->settled, NULL))
        evtimer_add(server->settled, &settle);
}

/* ---- the process ---- */

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
    struct server *server = arg;

    (void)what;
    if (signal == SIGHUP) {
        on_retry(-1, 0, server);
    } else {
        event_base_loopbreak(server->base);
    }
}

/* Each connection with TLS has three descriptors: more than what many systems allow unless they are asked. */
static void allow_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_WANTED) {
        limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* One for a store, as two would both renew and both write. */
static int lock_store(struct server *server)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const char *home = store_home(server->daemon.store);
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/" SERVICES_LOCK, home) >= (int)sizeof(path))
        return 0;
    server->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (server->lock_fd >= 0 && fcntl(server->lock_fd, F_OFD_SETLK, &lock) == 0)
        return 1;
    if (errno == EAGAIN || errno == EACCES)
        tool_error("another signetd serves the store %s", home);
    else
        tool_error("%s: %s", path, strerror(errno));
    return 0;
}

static int watch_store(struct server *server)
{
    const char *home = store_home(server->daemon.store);

    server->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (server->watch_fd >= 0 &&
        inotify_add_watch(server->watch_fd, home, IN_MODIFY | IN_CREATE | IN_DELETE) >= 0)
        return 1;
    tool_error("%s can't be watched for changes: %s", home, strerror(errno));
    return 0;
}

static int add_events(struct server *server)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    size_t i;
    int ok = 1;

    server->base = event_base_new();
    if (server->base == NULL)
        return 0;
    for (i = 0; ok && i < sizeof(signals) / sizeof(signals[0]); i++) {
        server->signals[i] = evsignal_new(server->base, signals[i], on_signal, server);
        ok = server->signals[i] != NULL && event_add(server->signals[i], NULL) == 0;
    }
    server->change = event_new(server->base, server->watch_fd, EV_READ | EV_PERSIST, on_change, server);
    server->settled = evtimer_new(server->base, on_settled, server);
    server->retry = evtimer_new(server->base, on_retry, server);
    server->ended = event_new(server->base, server->daemon.ended_fd, EV_READ | EV_PERSIST, on_ended, server);
    return ok && server->retry != NULL && server->ended != NULL && event_add(server->ended, NULL) == 0 &&
           server->change != NULL && server->settled != NULL && event_add(server->change, NULL) == 0;
}

static void clear(struct server *server)
{
    size_t i;

    schedule_free(server->schedule);
    if (server->daemon.workers != NULL)
        worker_pool_stop(server->daemon.workers);
    for (i = 0; i < SERVED_COUNT; i++) {
        stop(&server->served[i]);
        service_clear(&server->served[i].now);
    }
    for (i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++) {
        if (server->signals[i] != NULL)
            event_free(server->signals[i]);
    }
    if (server->change != NULL)
        event_free(server->change);
    if (server->settled != NULL)
        event_free(server->settled);
    if (server->retry != NULL)
        event_free(server->retry);
    if (server->ended != NULL)
        event_free(server->ended);
    if (server->base != NULL)
        event_base_free(server->base);
    rest_free(server->daemon.rest);
    worker_logins_free(server->daemon.logins);
    worker_pool_free(server->daemon.workers);
    store_free(server->daemon.store);
    store_cache_free(server->daemon.cache);
    ocsp_cache_free(server->daemon.ocsp);
    if (server->watch_fd >= 0)
        close(server->watch_fd);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
    if (server->daemon.ended_fd >= 0)
        close(server->daemon.ended_fd);
}

static void on_worker_error(void *arg, const char *text)
{
    (void)arg;
    tool_error("%s", text);
}

static int open_workers(struct daemon *daemon)
{
    char program[PROGRAM_PATH_MAX];

    if (!program_find(program))
        return 0;
    daemon->workers = worker_pool_new(&(struct worker_config){
        .home = daemon->tool->config.home, .program = program, .error = on_worker_error});
    daemon->logins = daemon->workers != NULL ? worker_logins_new(daemon->workers) : NULL;
    daemon->rest = daemon->logins != NULL ? rest_new(daemon->logins) : NULL;
    return daemon->rest != NULL;
}

static int serve_store(struct tool *tool)
{
    struct server server = {
        .daemon = {.tool = tool, .ended_fd = -1},
        .watch_fd = -1,
        .lock_fd = -1,
        .served = {{.name = "www"}, {.name = "www-ssl"}, {.name = "api"}, {.name = "api-ssl"}},
    };
    struct store_config config;
    int ok;

    signal(SIGPIPE, SIG_IGN);
    allow_files();
    server.daemon.cache = store_cache_new();
    server.daemon.ocsp = ocsp_cache_new();
    config = daemon_store_config(&server.daemon);
    /* The library context before there are threads. */
    ok = server.daemon.cache != NULL && server.daemon.ocsp != NULL && tool_crypto(tool) != NULL &&
         ((server.daemon.ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0 ||
          tool_error("eventfd: %s", strerror(errno)) == TOOL_OK) &&
         (server.daemon.store = store_open(&config)) != NULL && lock_store(&server) && watch_store(&server) &&
         ((open_workers(&server.daemon) && add_events(&server)) || tool_error("out of memory") == TOOL_OK) &&
         (server.schedule = schedule_new(&server.daemon, server.base)) != NULL;
    if (ok) {
        take_up(&server);
        notify(tool->config.notify_socket, "READY=1");
        event_base_dispatch(server.base);
        notify(tool->config.notify_socket, "STOPPING=1");
    }
    clear(&server);
    return ok ? TOOL_OK : TOOL_FAILED;
}

static int print_help(void)
{
    printf(
        "Usage: signetd [OPTION...]\n\n"
        "Serves the store's services that are enabled (signet '/ip service print') until SIGTERM, and takes "
        "up\n"
        "each change at once. See signetd(8).\n\n"
        "%s  --version\n",
        tool_options_help);
    return TOOL_OK;
}

static int run(struct tool *tool, int argc, char **argv)
{
    int option, status;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return TOOL_USAGE;
        if (option == 'h')
            return print_help();
        if (option == 'v') {
            puts("signetd " SIGNET_VERSION);
            return TOOL_OK;
        }
        tool_take_option(&tool->config, option, optarg);
    }
    if (optind != argc)
        return tool_usage_error("no arguments are expected, got %.64s; see --help", argv[optind]);
    /* Whoever runs a server wants to know what is wrong with the hardware. */
    if (tool->config.log == NULL)
        tool->config.log = "error";
    status = tool_prepare(tool);
    return status == TOOL_OK ? serve_store(tool) : status;
}

int main(int argc, char **argv)
{
    struct tool tool = {0};
    int status;

    tool_config_read(&tool.config);
    status = run(&tool, argc, argv);
    tool_close(&tool);
    return status;
}
