// SPDX-License-Identifier: Apache-2.0
/* Counters of lanes in a shared file. */
#include "stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "signet statistics 1"

struct page {
    char magic[24];
    struct stats_lane lanes[STATS_LANES];
};

struct stats {
    struct page *page;
    pid_t owner; /* of the file, or 0: there is none */
    char path[PATH_MAX];
};

/* NULL: not there. */
static struct page *map_file(const char *path)
{
    struct page *page = MAP_FAILED;
    int fd;

    unlink(path); /* a process of this number that ended badly */
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return NULL;
    if (ftruncate(fd, sizeof(*page)) == 0)
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        return page;
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
        stats->page = map_file(stats->path);
    if (stats->page != NULL)
        stats->owner = getpid();
    else
        stats->page = OPENSSL_zalloc(sizeof(*stats->page));
    if (stats->page == NULL) {
        OPENSSL_free(stats);
        return NULL;
    }
    memcpy(stats->page->magic, MAGIC, sizeof(MAGIC));
    return stats;
}

void stats_free(struct stats *stats)
{
    if (stats == NULL)
        return;
    if (stats->owner == 0)
        OPENSSL_free(stats->page);
    else
        munmap(stats->page, sizeof(*stats->page));
    if (stats->owner == getpid())
        unlink(stats->path);
    OPENSSL_free(stats);
}

struct stats_lane *stats_lane(struct stats *stats, size_t i, const char *name)
{
    OPENSSL_strlcpy(stats->page->lanes[i].name, name, sizeof(stats->page->lanes[i].name));
    return &stats->page->lanes[i];
}

/* The file is another process's: it may hold anything. */
static int read_page(const char *path, struct page *page)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, page, sizeof(*page)) : -1;
    size_t i;

    if (fd >= 0)
        close(fd);
    if (n != sizeof(*page) || memcmp(page->magic, MAGIC, sizeof(MAGIC)) != 0)
        return 0;
    for (i = 0; i < STATS_LANES; i++) {
        char *name = page->lanes[i].name;

        name[sizeof(page->lanes[i].name) - 1] = '\0';
        if (strspn(name, "abcdefghijklmnopqrstuvwxyz") != strlen(name))
            return 0;
    }
    return 1;
}

int stats_print_file(const char *path, void (*print)(void *arg, const char *line), void *arg)
{
    struct page page;
    char line[256];
    size_t i;

    if (!read_page(path, &page))
        return 0;
    for (i = 0; i < STATS_LANES; i++) {
        const struct stats_lane *lane = &page.lanes[i];

        if (lane->name[0] == '\0')
            continue;
        snprintf(line, sizeof(line),
                 "lane=%s operations=%llu service-us=%llu busy=%llu failures=%llu timeouts=%llu wrong=%llu "
                 "breaker=%s opened=%llu",
                 lane->name, (unsigned long long)lane->operations,
                 (unsigned long long)lane->service_ns / 1000, (unsigned long long)lane->busy,
                 (unsigned long long)lane->failures, (unsigned long long)lane->timeouts,
                 (unsigned long long)lane->wrong, lane->is_open ? "open" : "closed",
                 (unsigned long long)lane->opened);
        print(arg, line);
    }
    return 1;
}

/* ---- all of them ---- */

struct one {
    void (*print)(void *arg, const char *line);
    void *arg;
    const char *pid;
};

static void print_with_pid(void *arg, const char *line)
{
    const struct one *one = arg;
    char text[320];

    snprintf(text, sizeof(text), "pid=%s %s", one->pid, line);
    one->print(one->arg, text);
}

static int is_alive(const char *pid)
{
    return kill((pid_t)strtol(pid, NULL, 10), 0) == 0 || errno != ESRCH;
}

int hw_print_stats(const char *folder, void (*print)(void *arg, const char *line), void *arg)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[PATH_MAX];

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        struct one one = {print, arg, entry->d_name};

        if (entry->d_name[0] == '\0' || strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (is_alive(entry->d_name))
            stats_print_file(path, print_with_pid, &one);
        else
            unlink(path); /* if this user may */
    }
    closedir(dir);
    return 1;
}
