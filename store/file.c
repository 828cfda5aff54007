// SPDX-License-Identifier: Apache-2.0
/* Files: below files/ by their name, and written whole or not at all. */
#include "private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name is one or more components, none of them empty, "." or "..": it can't lead out of the folder. Links
 * are not followed when a file is opened. */
static int is_inside(const char *name)
{
    while (*name != '\0') {
        size_t len = strcspn(name, "/");

        if (len == 0 || name[0] == '.')
            return 0;
        name += len;
        if (*name == '/' && *++name == '\0')
            return 0;
    }
    return 1;
}

char *store_file_path(struct store *store, const char *name)
{
    size_t size = strlen(store->home) + strlen("/files/") + strlen(name) + 1;
    char *path;

    if (!is_inside(name)) {
        store_raise(
            store, "file name \"%.200s\": files are named inside %s/files, and names do not begin with a dot",
            name, store->home);
        return NULL;
    }
    path = OPENSSL_malloc(size);
    if (path == NULL)
        store_raise(store, "out of memory");
    else
        snprintf(path, size, "%s/files%s%s", store->home, *name != '\0' ? "/" : "", name);
    return path;
}

void store_file_stem(char *stem, size_t size, const char *name)
{
    const char *slash = strrchr(name, '/');
    char *dot;

    OPENSSL_strlcpy(stem, slash != NULL ? slash + 1 : name, size);
    dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
}

int store_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

/* ---- temporary files ---- */

#define TEMPORARY    ".signet."
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define SWEEP_DEPTH  16

/* Opens a new file, 0600, whose lock tells sweep_folder that somebody is still at it. template ends with
 * XXXXXX. Returns the descriptor, or -1 with errno. */
static int open_temporary(char *template)
{
    size_t len = strlen(template);
    struct stat st;
    int fd;

    for (;;) {
        fd = mkostemp(template, O_CLOEXEC);
        if (fd < 0 || (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0))
            return fd;
        /* It was swept away before it was locked. */
        close(fd);
        memcpy(template + len - 6, "XXXXXX", 6);
    }
}

static void sweep_file(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

/* Removes what processes that were killed have left in a folder, which this closes, and down to depth levels
 * of folders below it. */
static void sweep_folder(int fd, int depth)
{
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, TEMPORARY, strlen(TEMPORARY)) == 0)
            sweep_file(fd, entry->d_name);
        else if (depth > 0 && entry->d_name[0] != '.' &&
                 (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
            sweep_folder(openat(fd, entry->d_name, FOLDER_FLAGS | O_NOFOLLOW), depth - 1);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
}

void store_files_sweep(struct store *store)
{
    char *path = store_file_path(store, "");

    if (path != NULL)
        sweep_folder(open(path, FOLDER_FLAGS), SWEEP_DEPTH);
    OPENSSL_free(path);
}

/* ---- writing ---- */

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        data += n;
        len -= (size_t)n;
    }
    return 1;
}

int store_write_path(struct store *store, const char *path, const void *data, size_t len)
{
    char temporary[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int folder_len = slash != NULL ? (int)(slash - path) : 0, fd, ok;
    struct stat st;

    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return store_raise(store, "%s is there and not a plain file: not written", path);
    if (slash == NULL || snprintf(temporary, sizeof(temporary), "%.*s/" TEMPORARY "XXXXXX", folder_len,
                                  path) >= (int)sizeof(temporary))
        return store_raise(store, "%s: %s", path, strerror(ENAMETOOLONG));
    snprintf(folder, sizeof(folder), "%.*s", folder_len, path);
    sweep_folder(open(folder, FOLDER_FLAGS), 0);
    fd = open_temporary(temporary);
    if (fd < 0)
        return store_raise(store, "%s can't be written: %s", path, strerror(errno));
    ok = write_all(fd, data, len) && fsync(fd) == 0 && rename(temporary, path) == 0;
    if (!ok) {
        store_raise(store, "%s can't be written: %s", path, strerror(errno));
        unlink(temporary);
    } else if (!store_sync_folder(folder)) {
        ok = store_raise(store, "%s can't be made to last: %s", path, strerror(errno));
    }
    close(fd);
    return ok;
}

int store_file_write(struct store *store, const char *name, const void *data, size_t len)
{
    char *path = store_file_path(store, name);
    int ok = path != NULL && store_write_path(store, path, data, len);

    OPENSSL_free(path);
    return ok;
}

/* ---- reading ---- */

static unsigned char *read_open(struct store *store, const char *path, int fd, size_t *len)
{
    unsigned char *data;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        store_raise(store, "%s is not a plain file", path);
        return NULL;
    }
    if (st.st_size > STORE_FILE_MAX) {
        store_raise(store, "%s is larger than %d MiB", path, STORE_FILE_MAX >> 20);
        return NULL;
    }
    data = OPENSSL_zalloc((size_t)st.st_size + 1);
    if (data == NULL) {
        store_raise(store, "out of memory for %s", path);
        return NULL;
    }
    *len = 0;
    do
        n = read(fd, data + *len, (size_t)st.st_size - *len);
    while ((n > 0 && (*len += (size_t)n) < (size_t)st.st_size) || (n < 0 && errno == EINTR));
    if (*len == (size_t)st.st_size)
        return data;
    store_raise(store, "%s can't be read: %s", path, n < 0 ? strerror(errno) : "it became shorter meanwhile");
    OPENSSL_clear_free(data, (size_t)st.st_size + 1);
    return NULL;
}

unsigned char *store_file_read(struct store *store, const char *name, size_t *len)
{
    char *path = store_file_path(store, name);
    unsigned char *data = NULL;
    int fd;

    if (path == NULL)
        return NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0) {
        data = read_open(store, path, fd, len);
        close(fd);
    } else {
        store_raise(store, "file %s can't be read: %s", path,
                    errno == ENOENT ? "there is no such file; see /file print" : strerror(errno));
    }
    OPENSSL_free(path);
    return data;
}
