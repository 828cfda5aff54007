// SPDX-License-Identifier: Apache-2.0
/* The end of certificates' lives, and how much was said of it. One that is replaced ends at another time, so
 * that what was said is not of it. */
#include "private.h"

int store_expiry_each(struct store *store, int (*each)(void *arg, const struct store_expiry *expiry),
                      void *arg)
{
    sqlite3_stmt *stmt = store_prepare(
        store,
        "SELECT c.id, c.name, c.not_before, c.not_after, coalesce(w.step, 0),"
        " EXISTS (SELECT 1 FROM setting s WHERE s.certificate = c.id AND s.name = 'certificate') "
        "FROM certificate c LEFT JOIN warned w ON w.certificate = c.id AND w.not_after = c.not_after "
        /* By two indexes, as OR would read the whole table. */
        "WHERE c.id IN (SELECT id FROM certificate WHERE key IS NOT NULL"
        " UNION SELECT id FROM certificate WHERE is_trusted AND is_authority)"
        " AND c.der IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM revocation r WHERE r.ca = c.ca AND r.serial_number = c.serial_number) "
        "ORDER BY c.not_after",
        "");
    int row = -1, wanted = 1;

    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1) {
        struct store_expiry expiry = {
            .id = sqlite3_column_int64(stmt, 0),
            .name = (const char *)sqlite3_column_text(stmt, 1),
            .not_before = sqlite3_column_int64(stmt, 2),
            .not_after = sqlite3_column_int64(stmt, 3),
            .step = sqlite3_column_int(stmt, 4),
            .is_kept = sqlite3_column_int(stmt, 5),
        };

        wanted = each(arg, &expiry);
    }
    sqlite3_finalize(stmt);
    return row >= 0;
}

int store_expiry_note(struct store *store, int64_t id, int step)
{
    return store_begin(store) &&
           store_end(store, store_run(store,
                                      "INSERT OR REPLACE INTO warned (certificate, not_after, step) "
                                      "SELECT id, not_after, ? FROM certificate WHERE id = ?",
                                      "ii", (int64_t)step, id));
}
