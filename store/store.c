// SPDX-License-Identifier: Apache-2.0
/* The store's folder, its errors, its transactions. */
#include "private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- errors ---- */

static void say(void (*to)(void *arg, const char *text), void *arg, const char *format, va_list args)
{
    char text[1024];

    vsnprintf(text, sizeof(text), format, args);
    to(arg, text);
}

int store_raise(struct store *store, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(store->config.error, store->config.arg, format, args);
    va_end(args);
    return 0;
}

void store_warn(struct store *store, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(store->config.warn, store->config.arg, format, args);
    va_end(args);
}

int store_raise_ssl(struct store *store, const char *format, ...)
{
    const char *data = NULL, *reason;
    char text[512];
    int flags = 0;
    /* The first error is the cause where a provider raised it; what OpenSSL adds after it is about itself. */
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    reason = (flags & ERR_TXT_STRING) && data != NULL && *data != '\0' ? data : ERR_reason_error_string(code);
    store_raise(store, "%s: %s", text, reason != NULL ? reason : "OpenSSL gives no reason");
    ERR_clear_error();
    return 0;
}

int store_is_in(const char *value, const char *const values[])
{
    size_t i;

    for (i = 0; values[i] != NULL; i++) {
        if (strcmp(value, values[i]) == 0)
            return 1;
    }
    return 0;
}

OSSL_LIB_CTX *store_crypto(struct store *store)
{
    if (store->libctx == NULL)
        store->libctx = store->config.crypto(store->config.arg);
    return store->libctx;
}

/* ---- the folder ---- */

static int make_folder(struct store *store, const char *path)
{
    struct stat st;

    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return 1;
        errno = ENOTDIR;
    }
    return store_raise(store, "folder %s can't be made: %s", path, strerror(errno));
}

/* home and the folders above it. */
static int make_home(struct store *store)
{
    char *path = OPENSSL_strdup(store->home), *slash;
    struct stat st;
    int ok = path != NULL;

    if (ok && stat(path, &st) != 0) {
        for (slash = strchr(path + 1, '/'); ok && slash != NULL; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            if (stat(path, &st) != 0)
                ok = make_folder(store, path);
            *slash = '/';
        }
    }
    ok = ok && make_folder(store, path);
    OPENSSL_free(path);
    path = ok ? store_file_path(store, "") : NULL;
    ok = path != NULL && make_folder(store, path);
    OPENSSL_free(path);
    return ok;
}

/* Ten seconds in all. SQLite's own handler sleeps tens of milliseconds soon, where a transaction takes one.
 */
static int wait_for_lock(void *arg, int tries)
{
    static const struct {
        int tries;
        long us;
    } steps[] = {{50, 200}, {100, 2000}, {450, 22000}};
    size_t i;

    (void)arg;
    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (tries < steps[i].tries) {
            nanosleep(&(struct timespec){.tv_nsec = steps[i].us * 1000}, NULL);
            return 1;
        }
        tries -= steps[i].tries;
    }
    return 0;
}

/* Asked of another file than the database: whoever closes that lets go of the locks of all who have it open
 * in this process. */
static int can_share_memory(struct store *store)
{
    int fd = store_swap_lock(store, LOCK_SH);
    void *memory = fd >= 0 ? mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (memory != MAP_FAILED)
        munmap(memory, 1);
    if (fd >= 0)
        close(fd);
    return memory != MAP_FAILED;
}

/* A server writes often. With a write-ahead log each commit syncs once where a rollback journal syncs four
 * times, and readers wait for nobody. It needs a file system that can share mapped memory, which SQLite finds
 * out once the database is in this mode, and then nobody can read it any more; where it can't be had, the
 * journal at least stays as a file. The database keeps this mode, and other processes follow it,
 * until the server's last store is closed: store_free. */
static int journal_of_server(struct store *store)
{
    const char *pragma =
        can_share_memory(store) ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = TRUNCATE";
    int tries = 0, rc;

    do
        rc = sqlite3_exec(store->db, pragma, NULL, NULL, NULL);
    while (rc == SQLITE_BUSY && wait_for_lock(NULL, tries++));
    return rc != SQLITE_BUSY &&
           (store_number(store, 0, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", "") == 1 ||
            sqlite3_exec(store->db, "PRAGMA journal_mode = TRUNCATE", NULL, NULL, NULL) == SQLITE_OK);
}

static int open_database(struct store *store)
{
    /* EXTRA: what is committed outlasts a power cut; with FULL the journal could come back and undo it. */
    static const char pragmas[] = "PRAGMA foreign_keys = ON; PRAGMA synchronous = EXTRA;"
                                  "PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;";
    char path[4096];
    mode_t mask;
    int rc;

    if (snprintf(path, sizeof(path), "%s/signet.db", store->home) >= (int)sizeof(path))
        return store_raise(store, "%s: the path is too long", store->home);
    /* SQLite gives the journal the database's mode. */
    mask = umask(0077);
    rc = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW,
                         NULL);
    umask(mask);
    if (rc != SQLITE_OK)
        return store_raise_db(store);
    sqlite3_busy_handler(store->db, wait_for_lock, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (sqlite3_exec(store->db, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
        (store->config.cache != NULL && !journal_of_server(store)))
        return store_raise_db(store);
    return store_schema_migrate(store);
}

struct store *store_open(const struct store_config *config)
{
    struct store *store = OPENSSL_zalloc(sizeof(*store));

    if (store == NULL)
        return NULL;
    store->config = *config;
    store->home = OPENSSL_strdup(config->home);
    if (store->home == NULL || !make_home(store) || !open_database(store)) {
        store_free(store);
        return NULL;
    }
    store_files_sweep(store);
    store_trust_sweep(store);
    store_live_sweep(store);
    /* A process that was stopped, or had no room, may have left the folder behind what is committed. */
    if (!store_trust_write(store)) {
        store_free(store);
        return NULL;
    }
    return store;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    store_verifier_free(store);
    store_statements_free(store);
    /* Whoever is not the last to close it is refused, which is as well. */
    if (store->config.cache != NULL)
        sqlite3_exec(store->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    sqlite3_close(store->db);
    OPENSSL_free(store->home);
    OPENSSL_free(store);
}

const char *store_home(const struct store *store)
{
    return store->home;
}

/* ---- transactions ---- */

int store_begin(struct store *store)
{
    if (store->depth == 0) {
        /* IMMEDIATE: whoever is going to write must not find out half-way that another process does. */
        store_write_lock(store);
        if (!store_run(store, "BEGIN IMMEDIATE", "")) {
            store_write_unlock(store);
            return 0;
        }
        store->has_failed = 0;
    }
    store->depth++;
    return 1;
}

int store_end(struct store *store, int ok)
{
    if (!ok)
        store->has_failed = 1;
    if (--store->depth > 0)
        return ok;
    store_verifier_free(store);
    ok = !store->has_failed && store_run(store, "COMMIT", "");
    if (!ok && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store_write_unlock(store);
    return ok && store_trust_write(store);
}

int store_refresh(struct store *store)
{
    store_verifier_free(store);
    return store_trust_write(store);
}
