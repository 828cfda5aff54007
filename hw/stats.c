// SPDX-License-Identifier: Apache-2.0
/* Counters of lanes in a shared file. */
#include "stats.h"

#include "lane.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "signet statistics 1"

struct page {
    char magic[24];
    char program[32];
    _Atomic int32_t pid; /* that has counted last */
    struct stats_lane lanes[STATS_LANES];
};

struct stats {
    struct page *page;
    int fd;         /* holds the lock, here and in forked processes; -1: there is no file */
    pid_t owner;    /* who removes the file at its end */
    unsigned forks; /* of the process that page->pid is of */
    char path[PATH_MAX];
};

/* Makes room for the file's pages: to write to one that the file system has no room for ends the process. */
static int reserve(int fd, size_t size)
{
    int error;

    do
        error = posix_fallocate(fd, 0, (off_t)size);
    while (error == EINTR);
    return error == 0;
}

/* NULL: not there. */
static struct page *map_file(const char *path, int *fd)
{
    struct page *page = MAP_FAILED;

    unlink(path); /* a process of this number that ended badly */
    *fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (*fd < 0)
        return NULL;
    if (flock(*fd, LOCK_SH | LOCK_NB) == 0 && reserve(*fd, sizeof(*page)))
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (page != MAP_FAILED)
        return page;
    close(*fd);
    *fd = -1;
    unlink(path);
    return NULL;
}

struct stats *stats_new(const char *folder)
{
    struct stats *stats = OPENSSL_zalloc(sizeof(*stats));

    if (stats == NULL)
        return NULL;
    if (folder != NULL &&
        snprintf(stats->path, sizeof(stats->path), "%s/%d", folder, (int)getpid()) < (int)sizeof(stats->path))
        stats->page = map_file(stats->path, &stats->fd);
    if (stats->page == NULL) {
        stats->fd = -1;
        stats->page = OPENSSL_zalloc(sizeof(*stats->page));
    }
    if (stats->page == NULL) {
        OPENSSL_free(stats);
        return NULL;
    }
    stats->owner = getpid();
    stats->forks = hw_fork_count();
    stats->page->pid = stats->owner;
    OPENSSL_strlcpy(stats->page->program, program_invocation_short_name, sizeof(stats->page->program));
    memcpy(stats->page->magic, MAGIC, sizeof(MAGIC));
    return stats;
}

void stats_touch(struct stats *stats)
{
    if (stats->forks == hw_fork_count())
        return;
    stats->forks = hw_fork_count();
    stats->page->pid = getpid();
}

void stats_free(struct stats *stats)
{
    if (stats == NULL)
        return;
    if (stats->fd < 0) {
        OPENSSL_free(stats->page);
    } else {
        munmap(stats->page, sizeof(*stats->page));
        close(stats->fd);
        if (stats->owner == getpid())
            unlink(stats->path);
    }
    OPENSSL_free(stats);
}

struct stats_lane *stats_lane(struct stats *stats, size_t i, const char *name)
{
    OPENSSL_strlcpy(stats->page->lanes[i].name, name, sizeof(stats->page->lanes[i].name));
    return &stats->page->lanes[i];
}

static int is_text(char *text, size_t size)
{
    size_t i;

    text[size - 1] = '\0';
    for (i = 0; text[i] != '\0'; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return 0;
    }
    return 1;
}

/* The file is another process's: it may hold anything. Returns 1, 0 if it is none, -1 if its processes have
 * ended. */
static int read_page(const char *path, struct page *page)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, page, sizeof(*page)) : -1;
    int is_over = n == sizeof(*page) && flock(fd, LOCK_EX | LOCK_NB) == 0;
    size_t i;

    if (fd >= 0)
        close(fd);
    if (n != sizeof(*page) || memcmp(page->magic, MAGIC, sizeof(MAGIC)) != 0 ||
        !is_text(page->program, sizeof(page->program)))
        return 0;
    for (i = 0; i < STATS_LANES; i++) {
        if (!is_text(page->lanes[i].name, sizeof(page->lanes[i].name)))
            return 0;
    }
    return is_over ? -1 : 1;
}

static void read_file(const char *path, void (*fn)(void *arg, const struct hw_stats *stats), void *arg)
{
    struct page page;
    int status = read_page(path, &page);
    size_t i;

    if (status < 0)
        unlink(path); /* if this user may */
    for (i = 0; status > 0 && i < STATS_LANES; i++) {
        const struct stats_lane *lane = &page.lanes[i];

        if (lane->name[0] == '\0')
            continue;
        fn(arg, &(struct hw_stats){.pid = page.pid,
                                   .program = page.program,
                                   .lane = lane->name,
                                   .operations = lane->operations,
                                   .service_us = lane->service_ns / 1000,
                                   .busy = lane->busy,
                                   .failures = lane->failures,
                                   .timeouts = lane->timeouts,
                                   .wrong = lane->wrong,
                                   .opened = lane->opened,
                                   .is_open = lane->is_open != 0});
    }
}

int hw_stats_each(const char *folder, void (*fn)(void *arg, const struct hw_stats *stats), void *arg)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[PATH_MAX];

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '\0' || strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        read_file(path, fn, arg);
    }
    closedir(dir);
    return 1;
}

struct printer {
    void (*print)(void *arg, const char *line);
    void *arg;
};

static void print_one(void *arg, const struct hw_stats *stats)
{
    const struct printer *printer = arg;
    char line[384];

    snprintf(
        line, sizeof(line),
        "pid=%d program=%s lane=%s operations=%llu service-us=%llu busy=%llu failures=%llu timeouts=%llu "
        "wrong=%llu breaker=%s opened=%llu",
        stats->pid, stats->program, stats->lane, (unsigned long long)stats->operations,
        (unsigned long long)stats->service_us, (unsigned long long)stats->busy,
        (unsigned long long)stats->failures, (unsigned long long)stats->timeouts,
        (unsigned long long)stats->wrong, stats->is_open ? "open" : "closed",
        (unsigned long long)stats->opened);
    printer->print(printer->arg, line);
}

int hw_print_stats(const char *folder, void (*print)(void *arg, const char *line), void *arg)
{
    return hw_stats_each(folder, print_one, &(struct printer){print, arg});
}
