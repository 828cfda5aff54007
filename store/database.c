// SPDX-License-Identifier: Apache-2.0
/* SQLite: the schema and its migrations, statements with bound parameters, errors. */
#include "private.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/statvfs.h>

/* Each brings the schema from the version that is its index to the next. Never changed once released; a new
 * version is a new entry. */
static const char *const migrations[] = {
    "CREATE TABLE key ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT UNIQUE,"
    " fingerprint TEXT NOT NULL UNIQUE," /* SHA-256 of the SubjectPublicKeyInfo */
    " custody TEXT NOT NULL CHECK (custody IN ('tpm', 'sealed', 'file')),"
    " type TEXT NOT NULL,"
    " bits INTEGER NOT NULL,"
    " pem TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE certificate ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE,"
    " common_name TEXT NOT NULL, country TEXT NOT NULL, state TEXT NOT NULL, locality TEXT NOT NULL,"
    " organization TEXT NOT NULL, unit TEXT NOT NULL, subject_alt_name TEXT NOT NULL,"
    " key_usage TEXT NOT NULL, key_size TEXT NOT NULL, key_type TEXT NOT NULL,"
    " digest_algorithm TEXT NOT NULL, custody TEXT NOT NULL, subject TEXT NOT NULL, issuer TEXT NOT NULL,"
    " serial_number TEXT NOT NULL, fingerprint TEXT NOT NULL, skid TEXT NOT NULL, akid TEXT NOT NULL,"
    " trust_store TEXT NOT NULL, ca_crl_host TEXT NOT NULL,"
    " days_valid INTEGER NOT NULL, path_length INTEGER NOT NULL,"
    " is_authority INTEGER NOT NULL, is_trusted INTEGER NOT NULL,"
    " not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,"
    " subject_hash INTEGER NOT NULL, issuer_hash INTEGER NOT NULL," /* X509_NAME_hash_ex: where to look */
    " key INTEGER REFERENCES key(id),"
    " key_fingerprint TEXT NOT NULL," /* of the public key, to find the private one by */
    " ca INTEGER REFERENCES certificate(id) ON DELETE CASCADE,"
    " der BLOB"
    ") STRICT;"
    "CREATE UNIQUE INDEX certificate_fingerprint ON certificate(fingerprint) WHERE fingerprint <> '';"
    "CREATE INDEX certificate_subject ON certificate(subject_hash) WHERE is_authority;"
    "CREATE INDEX certificate_key ON certificate(key);"
    "CREATE INDEX certificate_key_fingerprint ON certificate(key_fingerprint) WHERE key_fingerprint <> '';"
    "CREATE INDEX certificate_ca ON certificate(ca);"
    "CREATE INDEX certificate_trusted ON certificate(id) WHERE is_trusted;"
    "CREATE INDEX certificate_authority ON certificate(id) WHERE is_authority;"
    "CREATE TABLE revocation (" /* by a CA of this store; outlives the certificate */
    " ca INTEGER NOT NULL REFERENCES certificate(id) ON DELETE CASCADE,"
    " serial_number TEXT NOT NULL,"
    " revoked_at INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " PRIMARY KEY (ca, serial_number)"
    ") STRICT;"
    "CREATE TABLE crl ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " ca INTEGER UNIQUE REFERENCES certificate(id) ON DELETE CASCADE,"
    " url TEXT NOT NULL,"
    " issuer TEXT NOT NULL,"
    " issuer_hash INTEGER NOT NULL,"
    " number TEXT NOT NULL,"
    " this_update INTEGER NOT NULL,"
    " next_update INTEGER NOT NULL,"
    " count INTEGER NOT NULL,"
    " der BLOB"
    ") STRICT;"
    "CREATE TABLE crl_number (" /* the last that a CA of this store used; never goes back */
    " ca INTEGER PRIMARY KEY REFERENCES certificate(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, menu TEXT NOT NULL) STRICT;"
    "CREATE INDEX entry_menu ON entry(menu);"
    "INSERT INTO entry VALUES (255, ''); DELETE FROM entry;" /* ids up to there are for items that are always
                                                                there */
    "CREATE TABLE setting ("
    " menu TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " certificate INTEGER REFERENCES certificate(id) ON DELETE SET NULL,"
    " PRIMARY KEY (menu, name)"
    ") STRICT;"
    "CREATE INDEX setting_certificate ON setting(certificate);"
    "CREATE TABLE log ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, topics TEXT NOT NULL, message TEXT NOT "
    "NULL"
    ") STRICT;"
    "CREATE TABLE trust (generation INTEGER NOT NULL) STRICT;"
    "INSERT INTO trust VALUES (1);",

    "CREATE TABLE incoming (" /* requests of others that a protocol has brought */
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " entry INTEGER NOT NULL,"
    " transaction_id TEXT NOT NULL,"
    " key_fingerprint TEXT NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('pending', 'issued', 'denied')),"
    " reason TEXT NOT NULL, subject TEXT NOT NULL, subject_alt_name TEXT NOT NULL, address TEXT NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " request BLOB NOT NULL,"
    " certificate INTEGER REFERENCES certificate(id) ON DELETE SET NULL,"
    " UNIQUE (entry, transaction_id, key_fingerprint)"
    ") STRICT;"
    "CREATE INDEX incoming_certificate ON incoming(certificate);"
    "CREATE INDEX incoming_pending ON incoming(expires) WHERE status = 'pending';"
    "CREATE TABLE password (" /* for one enrolment each */
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " digest TEXT NOT NULL UNIQUE," /* SHA-256: they are random, and long */
    " pattern TEXT NOT NULL,"
    " expires INTEGER NOT NULL"
    ") STRICT;",

    /* What a CA has issued is asked for by its serial number, too. */
    "CREATE INDEX certificate_issued ON certificate(ca, serial_number); DROP INDEX certificate_ca;",

    "CREATE TABLE previous (" /* what a certificate was, until its successor has been proved */
    " certificate INTEGER PRIMARY KEY REFERENCES certificate(id) ON DELETE CASCADE,"
    " ca INTEGER REFERENCES certificate(id) ON DELETE SET NULL,"
    " serial_number TEXT NOT NULL,"
    " key INTEGER NOT NULL REFERENCES key(id),"
    " der BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX previous_key ON previous(key);"
    "CREATE INDEX previous_issued ON previous(ca, serial_number);"
    "CREATE TABLE warned (" /* how much was said of the end of a certificate's life */
    " certificate INTEGER PRIMARY KEY REFERENCES certificate(id) ON DELETE CASCADE,"
    " not_after INTEGER NOT NULL,"
    " step INTEGER NOT NULL"
    ") STRICT;"
    /* All that store_expiry_each reads: it is asked with each change of the store. */
    "CREATE INDEX certificate_expiry ON certificate(not_after, not_before, name, ca, serial_number) "
    "WHERE key IS NOT NULL AND der IS NOT NULL;",
};
#define VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

/* A journal that finds no inode, SQLite tries to open without making it; the error is then that of the second
 * try. */
static int is_disk_full(struct store *store, int error)
{
    struct statvfs disk;

    return error == ENOSPC || error == EDQUOT ||
           (error == ENOENT && statvfs(store->home, &disk) == 0 &&
            (disk.f_bavail == 0 || (disk.f_files > 0 && disk.f_favail == 0)));
}

/* SQLite keeps no error of the system's when a commit fails. */
static const char *system_reason(int rc, int error)
{
    if (error != 0)
        return strerror(error);
    return rc == SQLITE_IOERR_WRITE
               ? "writing failed: the limit of a file's size or a quota, or the disk's fault"
               : sqlite3_errstr(rc);
}

int store_raise_db(struct store *store)
{
    int rc = sqlite3_extended_errcode(store->db), error = sqlite3_system_errno(store->db);

    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return store_raise(store,
                           "the store is busy: another program has been writing to it for ten seconds; "
                           "try again");
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (rc == SQLITE_CANTOPEN_SYMLINK)
            return store_raise(store, "the store %s/signet.db is a link: not opened", store->home);
        if (!is_disk_full(store, error))
            return store_raise(store, "the store %s/signet.db: %s (%s)", store->home,
                               sqlite3_errmsg(store->db), system_reason(rc, error));
        /* fall through */
    case SQLITE_FULL:
        return store_raise(store, "the disk is full: nothing was changed in %s/signet.db", store->home);
    case SQLITE_READONLY:
        return store_raise(store, "the store %s/signet.db can't be written: %s", store->home,
                           sqlite3_errmsg(store->db));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return store_raise(store, "the store %s/signet.db is damaged: %s", store->home,
                           sqlite3_errmsg(store->db));
    }
    return store_raise(store, "the store %s/signet.db: %s (%s)", store->home, sqlite3_errmsg(store->db),
                       sqlite3_errstr(rc));
}

static int bind(sqlite3_stmt *stmt, const char *types, va_list args)
{
    int rc = SQLITE_OK, i;

    for (i = 1; rc == SQLITE_OK && *types != '\0'; i++, types++) {
        if (*types == 'i') {
            rc = sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
        } else if (*types == 't') {
            rc = sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        } else {
            const void *data = va_arg(args, const void *);
            size_t len = va_arg(args, size_t);

            rc = data == NULL ? sqlite3_bind_null(stmt, i)
                              : sqlite3_bind_blob64(stmt, i, data, len, SQLITE_TRANSIENT);
        }
    }
    return rc;
}

/* A statement as it was prepared before, or in the place of the oldest: a server runs the same ones with
 * every message. They run to their end before anybody else can want them. */
static sqlite3_stmt *prepare_again(struct store *store, const char *sql, const char *types, va_list args)
{
    sqlite3_stmt **place = NULL, *stmt = NULL;
    size_t i;

    for (i = 0; place == NULL && i < STORE_STATEMENTS; i++) {
        if (store->statements[i] != NULL && strcmp(sqlite3_sql(store->statements[i]), sql) == 0)
            place = &store->statements[i];
    }
    if (place == NULL) {
        if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) {
            store_raise_db(store);
            return NULL;
        }
        place = &store->statements[store->statements_next++ % STORE_STATEMENTS];
        sqlite3_finalize(*place);
        *place = stmt;
    }
    if (bind(*place, types, args) == SQLITE_OK)
        return *place;
    store_raise_db(store);
    return NULL;
}

sqlite3_stmt *store_prepare_again(struct store *store, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt;
    va_list args;

    va_start(args, types);
    stmt = prepare_again(store, sql, types, args);
    va_end(args);
    return stmt;
}

/* Nothing of what was bound stays. */
void store_done(sqlite3_stmt *stmt)
{
    if (stmt == NULL)
        return;
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

void store_statements_free(struct store *store)
{
    size_t i;

    for (i = 0; i < STORE_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
}

sqlite3_stmt *store_prepare(struct store *store, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt = NULL;
    va_list args;
    int rc = sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL);

    va_start(args, types);
    if (rc == SQLITE_OK)
        rc = bind(stmt, types, args);
    va_end(args);
    if (rc == SQLITE_OK)
        return stmt;
    store_raise_db(store);
    sqlite3_finalize(stmt);
    return NULL;
}

int store_step(struct store *store, sqlite3_stmt *stmt)
{
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        return 0;
    }
    store_raise_db(store);
    return -1;
}

int store_run(struct store *store, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt;
    va_list args;
    int ok;

    va_start(args, types);
    stmt = prepare_again(store, sql, types, args);
    va_end(args);
    ok = stmt != NULL && store_step(store, stmt) >= 0;
    store_done(stmt);
    return ok;
}

int64_t store_number(struct store *store, int64_t missing, const char *sql, const char *types, ...)
{
    sqlite3_stmt *stmt;
    int64_t number = -1;
    va_list args;

    va_start(args, types);
    stmt = prepare_again(store, sql, types, args);
    va_end(args);
    if (stmt != NULL) {
        int row = store_step(store, stmt);

        if (row >= 0)
            number = row ? sqlite3_column_int64(stmt, 0) : missing;
    }
    store_done(stmt);
    return number;
}

char *store_column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return OPENSSL_strdup(text != NULL ? text : "");
}

/* All migrations that are missing, in one transaction: a store is of one version or of another. */
static int migrate(struct store *store, int64_t version)
{
    char sql[64];

    for (; version < VERSION; version++) {
        if (sqlite3_exec(store->db, migrations[version], NULL, NULL, NULL) != SQLITE_OK)
            return store_raise_db(store);
    }
    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA user_version = %lld", (long long)VERSION);
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK || store_raise_db(store);
}

/* A database of version 0 is a new one, or another program's. */
static int is_empty(struct store *store)
{
    int64_t objects = store_number(store, 0, "SELECT count(*) FROM sqlite_schema", "");

    if (objects > 0)
        store_raise(store, "%s/signet.db is another program's database, not a store of signet: left alone",
                    store->home);
    return objects == 0;
}

int store_schema_migrate(struct store *store)
{
    int64_t version = store_number(store, 0, "PRAGMA user_version", "");
    int ok;

    if (version == VERSION)
        return 1;
    if (version < 0 || !store_run(store, "BEGIN IMMEDIATE", ""))
        return 0;
    /* Another process may have been faster. */
    version = store_number(store, 0, "PRAGMA user_version", "");
    if (version > VERSION)
        ok = store_raise(
            store, "the store %s/signet.db was written by a later signet (schema %d, this one knows %d)",
            store->home, (int)version, (int)VERSION);
    else
        ok = version >= 0 && (version > 0 || is_empty(store)) && migrate(store, version);
    if (ok && store_run(store, "COMMIT", ""))
        return 1;
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return 0;
}
