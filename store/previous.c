// SPDX-License-Identifier: Apache-2.0
/* What a certificate was before it was replaced: kept, with its key, until somebody has seen that the new one
 * works. One at a time: of two replacements that nobody has proved, the one before both is what has worked.
 */
#include "private.h"

#include <openssl/err.h>

int store_previous_keep(struct store *store, int64_t id)
{
    return store_run(store,
                     "INSERT OR IGNORE INTO previous (certificate, ca, serial_number, key, der) "
                     "SELECT id, ca, serial_number, key, der FROM certificate "
                     "WHERE id = ? AND der IS NOT NULL AND key IS NOT NULL",
                     "i", id);
}

int store_previous_is_there(struct store *store, int64_t id)
{
    return (int)store_number(store, 0, "SELECT 1 FROM previous WHERE certificate = ?", "i", id);
}

int store_previous_drop(struct store *store, int64_t id)
{
    return store_begin(store) &&
           store_end(store, store_run(store, "DELETE FROM previous WHERE certificate = ?", "i", id) &&
                                store_key_sweep(store));
}

/* What is kept, as a record with the name and the trust that the certificate has now. */
static struct store_cert *read_previous(struct store *store, int64_t id, X509 **x509)
{
    sqlite3_stmt *stmt =
        store_prepare(store, "SELECT der, key, coalesce(ca, 0) FROM previous WHERE certificate = ?", "i", id);
    struct store_cert *now = store_cert_by_id(store, id), *cert = store_template_new();
    int row = stmt != NULL && now != NULL && cert != NULL ? store_step(store, stmt) : -1, ok = 0;

    *x509 = NULL;
    if (row == 1) {
        const unsigned char *der = sqlite3_column_blob(stmt, 0);

        *x509 = X509_new_ex(store_crypto(store), NULL);
        if (*x509 != NULL && d2i_X509(x509, &der, sqlite3_column_bytes(stmt, 0)) == NULL)
            *x509 = NULL; /* d2i has freed it */
        cert->id = id;
        cert->key = sqlite3_column_int64(stmt, 1);
        ok = *x509 != NULL && store_cert_describe(store, cert, *x509) &&
             store_cert_set_text(cert, STORE_NAME, now->text[STORE_NAME]) &&
             store_cert_set_text(cert, STORE_TRUST_STORE, now->text[STORE_TRUST_STORE]) &&
             store_cert_set_text(cert, STORE_CA_CRL_HOST, now->text[STORE_CA_CRL_HOST]);
        cert->ca = sqlite3_column_int64(stmt, 2);
        cert->is_trusted = now->is_trusted;
        ERR_clear_error();
    } else if (row == 0) {
        store_raise(store, "nothing is kept of what %s was", now->text[STORE_NAME]);
    }
    sqlite3_finalize(stmt);
    store_cert_free(now);
    if (ok)
        return cert;
    store_cert_free(cert);
    X509_free(*x509);
    *x509 = NULL;
    return NULL;
}

int store_previous_is_usable(struct store *store, int64_t id)
{
    int is = store_previous_is_there(store, id);
    struct store_cert *cert;
    X509 *x509 = NULL;
    char reason[32];
    int64_t when;

    if (is != 1)
        return is;
    cert = read_previous(store, id, &x509);
    is = cert != NULL && !(store_cert_flags(store, cert) & (STORE_EXPIRED | STORE_REVOKED)) &&
         (cert->ca == 0 || store_cert_status(store, cert->ca, X509_get0_serialNumber(x509), &when, reason) !=
                               STORE_STATUS_REVOKED);
    store_cert_free(cert);
    X509_free(x509);
    return is;
}

int store_previous_restore(struct store *store, int64_t id)
{
    struct store_cert *cert;
    X509 *x509 = NULL;
    int ok;

    if (!store_begin(store))
        return 0;
    cert = read_previous(store, id, &x509);
    ok = cert != NULL && store_cert_write(store, cert, x509) &&
         store_run(store, "DELETE FROM previous WHERE certificate = ?", "i", id) && store_key_sweep(store) &&
         (!cert->is_trusted || store_trust_touch(store)) &&
         store_log(store, "certificate,warning", "certificate %s is again the one before its renewal",
                   cert->text[STORE_NAME]);
    store_cert_free(cert);
    X509_free(x509);
    return store_end(store, ok);
}
