// SPDX-License-Identifier: Apache-2.0
/* Folders that are made anew beside the old one and take its place by the renaming of a link: a program that
 * opens files there sees the old or the new. */
#include "private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int store_swap_lock(struct store *store, int operation)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/.lock", store->home);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, operation) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int store_swap(struct store *store, const char *parent, const char *name, const char *folder)
{
    char link[PATH_MAX], next[PATH_MAX];

    if (snprintf(link, sizeof(link), "%s/%s", parent, name) >= (int)sizeof(link) ||
        snprintf(next, sizeof(next), "%s.link", folder) >= (int)sizeof(next))
        return store_raise(store, "%s/%s: %s", parent, name, strerror(ENAMETOOLONG));
    if (symlink(strrchr(folder, '/') + 1, next) == 0 && rename(next, link) == 0 && store_sync_folder(parent))
        return 1;
    return store_raise(store, "%s can't be replaced: %s", link, strerror(errno));
}

/* ---- what nothing leads to any more ---- */

static void remove_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0)
            remove_folder(fd, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* Does a link in the folder lead to name? Where that is not known, it does. */
static int is_in_use(const char *parent, const char *name)
{
    DIR *dir = opendir(parent);
    struct dirent *entry;
    char target[NAME_MAX + 1];
    ssize_t len;
    int is = dir == NULL;

    while (!is && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        is = strcmp(target, name) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return is;
}

void store_swap_sweep(const char *parent, const char *prefix)
{
    DIR *dir = opendir(parent);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || is_in_use(parent, entry->d_name))
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            remove_folder(dirfd(dir), entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
}
