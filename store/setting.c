// SPDX-License-Identifier: Apache-2.0
/* Settings of menus, items of menus that have nothing but settings, and the log. */
#include "private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOG_LINES 10000

/* ---- settings ---- */

char *store_setting_get(struct store *store, const char *menu, const char *name)
{
    sqlite3_stmt *stmt =
        store_prepare(store,
                      "SELECT coalesce(c.name, s.value) FROM setting s LEFT JOIN certificate c "
                      "ON c.id = s.certificate WHERE s.menu = ? AND s.name = ?",
                      "tt", menu, name);
    char *value = NULL;

    if (stmt != NULL && store_step(store, stmt) == 1)
        value = store_column_text(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

int store_setting_each(struct store *store, const char *menu,
                       void (*each)(void *arg, const char *name, const char *value, int64_t certificate),
                       void *arg)
{
    sqlite3_stmt *stmt = store_prepare(
        store, "SELECT name, value, coalesce(certificate, 0) FROM setting WHERE menu = ?", "t", menu);
    int row = -1;

    while (stmt != NULL && (row = store_step(store, stmt)) == 1)
        each(arg, (const char *)sqlite3_column_text(stmt, 0), (const char *)sqlite3_column_text(stmt, 1),
             sqlite3_column_int64(stmt, 2));
    sqlite3_finalize(stmt);
    return row >= 0;
}

int store_setting_is(struct store *store, const char *name, const char *value)
{
    char *now = store_setting_get(store, STORE_SETTINGS, name);
    int is = now != NULL && strcmp(now, value) == 0;

    OPENSSL_free(now);
    return is;
}

int store_setting_set(struct store *store, const char *menu, const char *name, const char *value,
                      int is_certificate)
{
    int64_t cert = 0;

    if (is_certificate && *value != '\0') {
        cert = store_number(store, 0, "SELECT id FROM certificate WHERE name = ?", "t", value);
        if (cert == 0)
            store_raise(store, "%s: there is no certificate called %.200s", name, value);
        if (cert <= 0)
            return 0;
        value = "";
    }
    return store_begin(store) &&
           store_end(
               store,
               store_run(
                   store,
                   "INSERT INTO setting (menu, name, value, certificate) VALUES (?, ?, ?, nullif(?, 0)) "
                   "ON CONFLICT (menu, name) DO UPDATE SET value = excluded.value, "
                   "certificate = excluded.certificate",
                   "ttti", menu, name, value, cert) &&
                   (strcmp(menu, STORE_SETTINGS) != 0 || store_trust_touch(store)));
}

int store_setting_remove(struct store *store, const char *menu, const char *name)
{
    return store_begin(store) &&
           store_end(store,
                     store_run(store, "DELETE FROM setting WHERE menu = ? AND name = ?", "tt", menu, name));
}

int store_cert_users(struct store *store, int64_t cert,
                     int (*each)(void *arg, const char *menu, const char *name), void *arg)
{
    sqlite3_stmt *stmt = store_prepare(
        store, "SELECT menu, name FROM setting WHERE certificate = ? ORDER BY menu, name", "i", cert);
    int row = -1, wanted = 1;

    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1)
        wanted =
            each(arg, (const char *)sqlite3_column_text(stmt, 0), (const char *)sqlite3_column_text(stmt, 1));
    sqlite3_finalize(stmt);
    return row >= 0;
}

/* ---- entries ---- */

int64_t store_entry_add(struct store *store, const char *menu)
{
    int64_t id = 0;
    int ok;

    if (!store_begin(store))
        return 0;
    ok = store_run(store, "INSERT INTO entry (menu) VALUES (?)", "t", menu);
    id = sqlite3_last_insert_rowid(store->db);
    return store_end(store, ok) ? id : 0;
}

int store_entry_remove(struct store *store, const char *menu, int64_t id)
{
    char settings[256];

    snprintf(settings, sizeof(settings), "%s*%lld", menu, (long long)id);
    return store_begin(store) &&
           store_end(store, store_run(store, "DELETE FROM setting WHERE menu = ?", "t", settings) &&
                                store_run(store, "DELETE FROM entry WHERE id = ?", "i", id));
}

int store_entry_each(struct store *store, const char *menu, int (*each)(void *arg, int64_t id), void *arg)
{
    sqlite3_stmt *stmt = store_prepare(store, "SELECT id FROM entry WHERE menu = ? ORDER BY id", "t", menu);
    int row = -1, wanted = 1;

    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1)
        wanted = each(arg, sqlite3_column_int64(stmt, 0));
    sqlite3_finalize(stmt);
    return row >= 0;
}

/* ---- log ---- */

int store_log(struct store *store, const char *topics, const char *format, ...)
{
    char text[512];
    va_list args;
    int ok;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!store_begin(store))
        return 0;
    ok = store_run(store, "INSERT INTO log (time, topics, message) VALUES (?, ?, ?)", "itt",
                   (int64_t)time(NULL), topics, text) &&
         store_run(store, "DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", "i",
                   (int64_t)LOG_LINES);
    return store_end(store, ok);
}

int store_log_each(struct store *store,
                   int (*each)(void *arg, int64_t id, int64_t when, const char *topics, const char *message),
                   void *arg)
{
    sqlite3_stmt *stmt = store_prepare(store, "SELECT id, time, topics, message FROM log ORDER BY id", "");
    int row = -1, wanted = 1;

    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1)
        wanted = each(arg, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                      (const char *)sqlite3_column_text(stmt, 2), (const char *)sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
    return row >= 0;
}
