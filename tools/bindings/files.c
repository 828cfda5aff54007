// SPDX-License-Identifier: Apache-2.0
/*
 * The files of a service: new ones in the place of old ones, and back.
 *
 * What was there before is kept in HOME/bindings-old/ID/ until it is known that the new files are good: that
 * folder appears as a whole before the first file is replaced, and goes as a whole. If it is there when a run
 * begins, one before was killed, and what it holds is the last that the service is known to have served.
 */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_MAX (16 << 20)

void plan_clear(struct plan *plan)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        OPENSSL_free(plan->files[i].path);
        OPENSSL_clear_free(plan->files[i].data, plan->files[i].len + 1);
    }
    plan->count = 0;
}

static int raise_errno(char *why, size_t size, const char *path)
{
    snprintf(why, size, "%.400s: %s", path, strerror(errno));
    return 0;
}

/* ---- single files ---- */

static int sync_parent(const char *path)
{
    char parent[PATH_MAX], *slash;
    int fd, ok;

    OPENSSL_strlcpy(parent, path, sizeof(parent));
    slash = strrchr(parent, '/');
    slash[slash == parent] = '\0';
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The folders above it. Whoever may not see a file in them is kept off by the file's mode. */
static int make_parents(const char *path)
{
    char folder[PATH_MAX], *slash;

    if (OPENSSL_strlcpy(folder, path, sizeof(folder)) >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    for (slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST)
            return 0;
        *slash = '/';
    }
    return 1;
}

static int fill(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return 0;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd) == 0;
}

/* Whole or not at all, and for nobody else at any time. */
static int put(const struct new_file *file)
{
    char temporary[PATH_MAX];
    int fd, ok, error;

    if (!make_parents(file->path))
        return 0;
    if (snprintf(temporary, sizeof(temporary), "%s.signet-new", file->path) >= (int)sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return 0;
    }
    if (unlink(temporary) != 0 && errno != ENOENT)
        return 0;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return 0;
    ok = ((file->owner == (uid_t)-1 && file->group == (gid_t)-1) ||
          fchown(fd, file->owner, file->group) == 0) &&
         fchmod(fd, file->mode) == 0 && fill(fd, file->data, file->len);
    error = errno;
    ok = close(fd) == 0 && ok && rename(temporary, file->path) == 0 && sync_parent(file->path);
    if (!ok) {
        errno = error != 0 ? error : errno;
        unlink(temporary);
    }
    return ok;
}

/* Reads a file with its mode and owner. 0: there is none, or errno is another than ENOENT. */
static int get(const char *path, struct new_file *file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ok = 0;
    struct stat st;

    *file = (struct new_file){0};
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < OLD_MAX &&
        (file->data = OPENSSL_malloc((size_t)st.st_size + 1)) != NULL) {
        ssize_t n = read(fd, file->data, (size_t)st.st_size);

        ok = n == st.st_size;
        file->len = (size_t)st.st_size;
        file->data[file->len] = '\0';
        file->mode = st.st_mode & 07777;
        file->owner = st.st_uid;
        file->group = st.st_gid;
    }
    close(fd);
    if (!ok) {
        OPENSSL_clear_free(file->data, file->data != NULL ? file->len + 1 : 0);
        file->data = NULL;
        errno = EIO;
    }
    return ok;
}

static void drop(struct new_file *file)
{
    OPENSSL_clear_free(file->data, file->data != NULL ? file->len + 1 : 0);
    file->data = NULL;
}

int plan_is_done(const struct plan *plan)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        const struct new_file *wanted = &plan->files[i];
        struct new_file file;
        int is = get(wanted->path, &file) && file.len == wanted->len &&
                 CRYPTO_memcmp(file.data, wanted->data, file.len) == 0 && file.mode == wanted->mode &&
                 (wanted->owner == (uid_t)-1 || file.owner == wanted->owner) &&
                 (wanted->group == (gid_t)-1 || file.group == wanted->group);

        drop(&file);
        if (!is)
            return 0;
    }
    return 1;
}

int plan_write(const struct plan *plan, char *why, size_t size)
{
    size_t i;

    for (i = 0; i < plan->count; i++) {
        if (!put(&plan->files[i]))
            return raise_errno(why, size, plan->files[i].path);
    }
    return 1;
}

/* ---- what was there before ---- */

#define PATHS     "paths" /* one a line; the file "0" is what the first held; none: there was nothing */
#define PATHS_MAX (SERVICE_WRITES * (PATH_MAX / 4))

static void old_path(const struct plan *plan, const char *suffix, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/bindings-old/%" PRId64 "%s%s%s", plan->home, plan->id, suffix,
             *name != '\0' ? "/" : "", name);
}

int plan_is_pending(const struct plan *plan)
{
    char path[PATH_MAX];

    old_path(plan, "", "", path, sizeof(path));
    return access(path, F_OK) == 0;
}

int bindings_is_pending(struct store *store, int64_t id)
{
    const struct plan plan = {.home = store_home(store), .id = id};

    return plan_is_pending(&plan);
}

/* Removes a folder of at most so many files. */
static void sweep(const struct plan *plan, const char *suffix)
{
    char path[PATH_MAX], name[24];
    size_t i;

    for (i = 0; i < SERVICE_WRITES; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        old_path(plan, suffix, name, path, sizeof(path));
        unlink(path);
        OPENSSL_strlcat(path, ".signet-new", sizeof(path));
        unlink(path);
    }
    old_path(plan, suffix, PATHS, path, sizeof(path));
    unlink(path);
    OPENSSL_strlcat(path, ".signet-new", sizeof(path));
    unlink(path);
    old_path(plan, suffix, "", path, sizeof(path));
    rmdir(path);
}

void plan_tidy(const struct plan *plan)
{
    static const char *const suffixes[] = {".new", ".gone"};
    char path[PATH_MAX];
    size_t i;

    for (i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        old_path(plan, suffixes[i], "", path, sizeof(path));
        if (access(path, F_OK) == 0)
            sweep(plan, suffixes[i]);
    }
}

void plan_forget(const struct plan *plan)
{
    char from[PATH_MAX], to[PATH_MAX];

    old_path(plan, "", "", from, sizeof(from));
    old_path(plan, ".gone", "", to, sizeof(to));
    sweep(plan, ".gone");
    if (rename(from, to) == 0)
        sync_parent(from);
    sweep(plan, ".gone");
}

void plan_sweep(const struct plan *plan)
{
    plan_forget(plan);
    sweep(plan, ".new");
}

void file_remove_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    char parent[PATH_MAX], *slash;

    if (strncmp(path, folder, len) != 0 || path[len] != '/')
        return;
    unlink(path);
    OPENSSL_strlcpy(parent, path, sizeof(parent));
    while ((slash = strrchr(parent, '/')) != NULL && slash > parent + len) {
        *slash = '\0';
        if (rmdir(parent) != 0)
            return;
    }
}

static int save_file(const struct plan *plan, size_t i, char *why, size_t size)
{
    char path[PATH_MAX], name[24];
    struct new_file file;
    int ok;

    if (!get(plan->files[i].path, &file))
        return errno == ENOENT || errno == ENOTDIR || raise_errno(why, size, plan->files[i].path);
    snprintf(name, sizeof(name), "%zu", i);
    old_path(plan, ".new", name, path, sizeof(path));
    file.path = path;
    ok = put(&file) || raise_errno(why, size, path);
    drop(&file);
    return ok;
}

/* Returns its length, or size if it does not fit. */
static size_t list_paths(const struct plan *plan, char *text, size_t size)
{
    size_t len = 0, i;

    *text = '\0';
    for (i = 0; i < plan->count; i++) {
        OPENSSL_strlcat(text, plan->files[i].path, size);
        len = OPENSSL_strlcat(text, "\n", size);
    }
    return len < size ? len : size;
}

static int save_paths(const struct plan *plan, char *why, size_t size)
{
    char path[PATH_MAX], text[PATHS_MAX];
    struct new_file file = {.path = path, .data = text, .mode = 0600, .owner = (uid_t)-1, .group = (gid_t)-1};

    file.len = list_paths(plan, text, sizeof(text));
    if (file.len == sizeof(text)) {
        errno = ENAMETOOLONG;
        return raise_errno(why, size, plan->home);
    }
    old_path(plan, ".new", PATHS, path, sizeof(path));
    return put(&file) || raise_errno(why, size, path);
}

static int restore_file(const struct plan *plan, size_t i, char *target, char *why, size_t size)
{
    char path[PATH_MAX], name[24];
    struct new_file file;
    int ok;

    snprintf(name, sizeof(name), "%zu", i);
    old_path(plan, "", name, path, sizeof(path));
    if (!get(path, &file))
        return errno == ENOENT ? unlink(target) == 0 || errno == ENOENT || errno == ENOTDIR ||
                                     raise_errno(why, size, target)
                               : raise_errno(why, size, path);
    file.path = target;
    ok = put(&file) || raise_errno(why, size, target);
    drop(&file);
    return ok;
}

int plan_restore(const struct plan *plan, char *why, size_t size)
{
    char path[PATH_MAX], *line, *state = NULL;
    struct new_file paths;
    size_t i = 0;
    int ok = 1;

    old_path(plan, "", PATHS, path, sizeof(path));
    if (!get(path, &paths))
        return raise_errno(why, size, path);
    for (line = strtok_r(paths.data, "\n", &state); line != NULL; line = strtok_r(NULL, "\n", &state))
        ok = restore_file(plan, i++, line, why, size) && ok;
    drop(&paths);
    if (ok)
        plan_forget(plan);
    return ok;
}

/* Is what is kept of these very files? */
static int is_kept(const struct plan *plan)
{
    char path[PATH_MAX], text[PATHS_MAX];
    size_t len = list_paths(plan, text, sizeof(text));
    struct new_file paths;
    int is;

    old_path(plan, "", PATHS, path, sizeof(path));
    is = get(path, &paths) && paths.len == len && memcmp(paths.data, text, len) == 0;
    drop(&paths);
    return is;
}

int plan_save(const struct plan *plan, char *why, size_t size)
{
    char from[PATH_MAX], to[PATH_MAX];
    size_t i;

    if (plan_is_pending(plan)) {
        if (is_kept(plan))
            return 1;
        /* Of others, before its parameters were changed: these come back, and are no more of this binding. */
        if (!plan_restore(plan, why, size))
            return 0;
    }
    snprintf(to, sizeof(to), "%s/bindings-old", plan->home);
    if (mkdir(to, 0700) != 0 && errno != EEXIST)
        return raise_errno(why, size, to);
    sweep(plan, ".new");
    for (i = 0; i < plan->count; i++) {
        if (!save_file(plan, i, why, size))
            return 0;
    }
    if (!save_paths(plan, why, size))
        return 0;
    old_path(plan, ".new", "", from, sizeof(from));
    old_path(plan, "", "", to, sizeof(to));
    return (rename(from, to) == 0 && sync_parent(to)) || raise_errno(why, size, to);
}
