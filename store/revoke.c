// SPDX-License-Identifier: Apache-2.0
/* Revocation of what a CA of this store has issued (RFC 5280 section 5.3). */
#include "private.h"

#include <openssl/err.h>
#include <string.h>

const char *const store_revocation_reasons[] = {"unspecified",
                                                "key-compromise",
                                                "ca-compromise",
                                                "affiliation-changed",
                                                "superseded",
                                                "cessation-of-operation",
                                                NULL};

/* The CA in this store, with its key, that signed a certificate which came by import. */
static int64_t find_ca(struct store *store, const struct store_cert *cert)
{
    sqlite3_stmt *stmt =
        store_prepare(store,
                      "SELECT ca.id FROM certificate c JOIN certificate ca ON ca.is_authority"
                      " AND ca.subject_hash = c.issuer_hash AND ca.key IS NOT NULL WHERE c.id = ?",
                      "i", cert->id);
    X509 *x509 = store_cert_x509(store, cert);
    int64_t found = 0;

    while (stmt != NULL && x509 != NULL && found == 0 && store_step(store, stmt) == 1) {
        struct store_cert *ca = store_cert_by_id(store, sqlite3_column_int64(stmt, 0));
        X509 *issuer = ca != NULL ? store_cert_x509(store, ca) : NULL;

        if (issuer != NULL && X509_verify(x509, X509_get0_pubkey(issuer)) == 1)
            found = ca->id;
        X509_free(issuer);
        store_cert_free(ca);
    }
    ERR_clear_error();
    sqlite3_finalize(stmt);
    X509_free(x509);
    return found;
}

int store_revoke(struct store *store, int64_t id, const char *reason)
{
    struct store_cert *cert = store_cert_by_id(store, id);
    int64_t ca;
    int ok = 0;

    if (cert == NULL)
        return 0;
    ca = cert->ca != 0 || cert->der == NULL ? cert->ca : find_ca(store, cert);
    if (cert->der == NULL)
        store_raise(store, "%s is a template: there is nothing to revoke", cert->text[STORE_NAME]);
    else if (ca == 0)
        store_raise(store, "%s was not issued by a CA of this store that has its key",
                    cert->text[STORE_NAME]);
    else if (ca == id)
        store_raise(store, "%s is self-signed: nobody can revoke it; remove it, or set trusted=no",
                    cert->text[STORE_NAME]);
    else if (cert->revoked_at != 0)
        store_raise(store, "%s is revoked already", cert->text[STORE_NAME]);
    else if (store_begin(store)) {
        ok = store_run(store, "UPDATE certificate SET ca = ? WHERE id = ?", "ii", ca, id) &&
             store_run(store,
                       "INSERT INTO revocation (ca, serial_number, revoked_at, reason, not_after) VALUES (?, "
                       "?, ?, ?, ?)",
                       "ititi", ca, cert->text[STORE_SERIAL_NUMBER], (int64_t)time(NULL), reason,
                       cert->not_after) &&
             store_crl_issue(store, ca) &&
             store_log(store, "certificate,info", "certificate %s revoked: %s", cert->text[STORE_NAME],
                       reason);
        ok = store_end(store, ok);
    }
    store_cert_free(cert);
    return ok;
}

enum store_status store_cert_status(struct store *store, int64_t ca, const ASN1_INTEGER *serial,
                                    int64_t *when, char reason[32])
{
    char *number = store_hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), 1);
    enum store_status status = STORE_STATUS_FAILED;
    sqlite3_stmt *stmt;
    int row;

    if (number == NULL)
        return STORE_STATUS_FAILED;
    stmt = store_prepare_again(store,
                               "SELECT revoked_at, reason FROM revocation WHERE ca = ? AND serial_number = ?",
                               "it", ca, number);
    row = stmt != NULL ? store_step(store, stmt) : -1;
    if (row == 1) {
        *when = sqlite3_column_int64(stmt, 0);
        OPENSSL_strlcpy(reason, (const char *)sqlite3_column_text(stmt, 1), 32);
        status = STORE_STATUS_REVOKED;
    }
    store_done(stmt);
    if (row == 0) {
        int64_t is_here = store_number(
            store, 0,
            "SELECT 1 FROM certificate WHERE ca = ?1 AND serial_number = ?2 AND der IS NOT NULL "
            "UNION SELECT 1 FROM previous WHERE ca = ?1 AND serial_number = ?2",
            "it", ca, number);

        status = is_here < 0 ? STORE_STATUS_FAILED : is_here ? STORE_STATUS_GOOD : STORE_STATUS_UNKNOWN;
    }
    OPENSSL_free(number);
    return status;
}
