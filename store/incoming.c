// SPDX-License-Identifier: Apache-2.0
/* Requests of others that a protocol has brought: kept until they are answered, and for a while after that,
 * so that whoever asks again gets the same answer. */
#include "private.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* ---- records ---- */

void store_incoming_clear(struct store_incoming *incoming)
{
    OPENSSL_free(incoming->transaction_id);
    OPENSSL_free(incoming->key_fingerprint);
    OPENSSL_free(incoming->status);
    OPENSSL_free(incoming->reason);
    OPENSSL_free(incoming->subject);
    OPENSSL_free(incoming->subject_alt_name);
    OPENSSL_free(incoming->address);
    OPENSSL_clear_free(incoming->request, incoming->request_len); /* the password may be in it */
    X509_REQ_free(incoming->parsed);
    X509_free(incoming->issued);
    *incoming = (struct store_incoming){0};
}

void store_incoming_free(struct store_incoming *incoming)
{
    if (incoming == NULL)
        return;
    store_incoming_clear(incoming);
    OPENSSL_free(incoming);
}

static const char columns[] =
    "SELECT id, entry, transaction_id, key_fingerprint, status, reason, subject,"
    " subject_alt_name, address, created, expires, certificate, request FROM incoming ";

static struct store_incoming *read_record(sqlite3_stmt *stmt)
{
    struct store_incoming *incoming = OPENSSL_zalloc(sizeof(*incoming));
    const void *request;
    int n = 0;

    if (incoming == NULL)
        return NULL;
    incoming->id = sqlite3_column_int64(stmt, n++);
    incoming->entry = sqlite3_column_int64(stmt, n++);
    incoming->transaction_id = store_column_text(stmt, n++);
    incoming->key_fingerprint = store_column_text(stmt, n++);
    incoming->status = store_column_text(stmt, n++);
    incoming->reason = store_column_text(stmt, n++);
    incoming->subject = store_column_text(stmt, n++);
    incoming->subject_alt_name = store_column_text(stmt, n++);
    incoming->address = store_column_text(stmt, n++);
    incoming->created = sqlite3_column_int64(stmt, n++);
    incoming->expires = sqlite3_column_int64(stmt, n++);
    incoming->certificate = sqlite3_column_int64(stmt, n++);
    request = sqlite3_column_blob(stmt, n);
    incoming->request_len = (size_t)sqlite3_column_bytes(stmt, n);
    incoming->request = OPENSSL_memdup(request, incoming->request_len);
    return incoming;
}

struct store_incoming *store_incoming_get(struct store *store, int64_t id, int64_t entry,
                                          const char *transaction_id, const char *key_fingerprint)
{
    struct store_incoming *incoming = NULL;
    sqlite3_stmt *stmt;
    char sql[512];

    snprintf(sql, sizeof(sql), "%s%s", columns,
             id != 0 ? "WHERE id = ?" : "WHERE entry = ? AND transaction_id = ? AND key_fingerprint = ?");
    stmt = id != 0 ? store_prepare(store, sql, "i", id)
                   : store_prepare(store, sql, "itt", entry, transaction_id, key_fingerprint);
    if (stmt != NULL && store_step(store, stmt) == 1)
        incoming = read_record(stmt);
    sqlite3_finalize(stmt);
    return incoming;
}

int store_incoming_each(struct store *store, int (*each)(void *arg, struct store_incoming *incoming),
                        void *arg)
{
    int row = -1, wanted = 1;
    sqlite3_stmt *stmt;
    char sql[512];

    snprintf(sql, sizeof(sql), "%sORDER BY id", columns);
    stmt = store_prepare(store, sql, "");
    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1) {
        struct store_incoming *incoming = read_record(stmt);

        wanted = incoming != NULL && each(arg, incoming);
        store_incoming_free(incoming);
    }
    sqlite3_finalize(stmt);
    return row >= 0;
}

/* ---- what comes in ---- */

static X509_REQ *parse(struct store *store, const unsigned char *der, size_t len)
{
    X509_REQ *request = X509_REQ_new_ex(store_crypto(store), NULL);
    const unsigned char *p = der;

    if (request == NULL || d2i_X509_REQ(&request, &p, (long)len) == NULL)
        return NULL; /* d2i has freed it */
    if (p == der + len)
        return request;
    X509_REQ_free(request);
    return NULL;
}

int store_incoming_parse(struct store *store, const unsigned char *der, size_t len,
                         struct store_incoming *incoming, char *why, size_t size)
{
    X509_REQ *request = store_crypto(store) != NULL ? parse(store, der, len) : NULL;
    struct store_cert *cert = store_template_new();
    EVP_PKEY *pkey = request != NULL ? X509_REQ_get0_pubkey(request) : NULL;
    int ok = 0;

    if (request == NULL)
        snprintf(why, size, "no certificate request (PKCS #10)");
    else if (pkey == NULL)
        snprintf(why, size, "the request's public key is of no kind that is known");
    else if (X509_REQ_verify_ex(request, pkey, store_crypto(store), NULL) != 1)
        snprintf(why, size, "the request's signature is not its key's");
    else if (cert == NULL || !store_describe_request(store, cert, request) ||
             (incoming->key_fingerprint = store_spki_fingerprint(store, X509_REQ_get_X509_PUBKEY(request))) ==
                 NULL)
        snprintf(why, size, "out of memory");
    else
        ok = 1;
    if (ok) {
        incoming->subject = OPENSSL_strdup(cert->text[STORE_SUBJECT]);
        incoming->subject_alt_name = OPENSSL_strdup(cert->text[STORE_SUBJECT_ALT_NAME]);
        incoming->request = OPENSSL_memdup(der, len);
        incoming->request_len = len;
        incoming->parsed = request;
        request = NULL;
    }
    ERR_clear_error();
    store_cert_free(cert);
    X509_REQ_free(request);
    return ok;
}

static int has_place(struct store *store, const struct store_incoming *incoming, int64_t limit,
                     int64_t same_address)
{
    int64_t count, near;

    if (limit == INT64_MAX)
        return 1;
    count = store_number(store, 0, "SELECT count(*) FROM incoming WHERE entry = ? AND status = 'pending'",
                         "i", incoming->entry);
    near = store_number(
        store, 0, "SELECT count(*) FROM incoming WHERE entry = ? AND status = 'pending' AND address = ?",
        "it", incoming->entry, incoming->address);
    if (count < 0 || near < 0)
        return 0;
    if (count >= limit)
        return store_raise(store, "%d requests are pending already", (int)limit);
    return near < same_address ||
           store_raise(store, "%d requests of %.48s are pending already", (int)near, incoming->address);
}

int store_incoming_add(struct store *store, struct store_incoming *incoming, int64_t limit,
                       int64_t same_address)
{
    int64_t same;
    int ok;

    if (!store_begin(store))
        return 0;
    /* The same message twice at once, perhaps. */
    same =
        store_number(store, 0,
                     "SELECT id FROM incoming WHERE entry = ? AND transaction_id = ? AND key_fingerprint = ?"
                     " AND request = ?",
                     "ittb", incoming->entry, incoming->transaction_id, incoming->key_fingerprint,
                     incoming->request, incoming->request_len);
    if (same > 0) {
        incoming->id = same;
        return store_end(store, 1);
    }
    incoming->created = (int64_t)time(NULL);
    ok = has_place(store, incoming, limit, same_address) &&
         store_run(store,
                   "INSERT INTO incoming (entry, transaction_id, key_fingerprint, status, reason, subject,"
                   " subject_alt_name, address, created, expires, request)"
                   " VALUES (?, ?, ?, 'pending', '', ?, ?, ?, ?, ?, ?)",
                   "itttttiib", incoming->entry, incoming->transaction_id, incoming->key_fingerprint,
                   incoming->subject, incoming->subject_alt_name, incoming->address, incoming->created,
                   incoming->expires, incoming->request, incoming->request_len);
    incoming->id = sqlite3_last_insert_rowid(store->db);
    return store_end(store, ok);
}

/* ---- what is answered ---- */

/* A name for the certificate: the common name, or the first alternative name, of the characters a name takes.
 * It begins with a letter, so that nobody takes it for an item's number or for an option. */
static void wanted_name(const struct store_incoming *incoming, char *name, size_t size)
{
    const char *start = strstr(incoming->subject, "CN=");
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t n = 0;

    if (start != NULL && (start == incoming->subject || start[-1] == ',' || start[-1] == '+'))
        start += 3;
    else if ((start = strchr(incoming->subject_alt_name, ':')) != NULL)
        start++;
    else
        start = "scep";
    if (*start == '\0' || strchr(letters, *start) == NULL) {
        OPENSSL_strlcpy(name, "scep-", size);
        n = strlen("scep-");
    }
    for (; *start != '\0' && *start != ',' && *start != '+' && n + 1 < size && n < 64; start++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@", *start) != NULL)
            name[n++] = *start;
        else if (n > 0 && name[n - 1] != '-')
            name[n++] = '-';
    }
    name[n] = '\0';
}

static int save(struct store *store, const struct store_incoming *incoming, struct store_cert *cert,
                X509 *x509, int64_t password)
{
    int ok;

    if (!store_begin(store))
        return 0;
    /* Another process, or the administrator, may have been faster. */
    ok = store_number(store, 0, "SELECT 1 FROM incoming WHERE id = ? AND status = 'pending'", "i",
                      incoming->id) == 1 ||
         store_raise(store, "the request is not pending any more");
    if (ok && password != 0)
        ok = store_number(store, 0, "SELECT 1 FROM password WHERE id = ?", "i", password) == 1
                 ? store_run(store, "DELETE FROM password WHERE id = ?", "i", password)
                 : store_raise(store, "the password was used meanwhile");
    ok = ok && store_request_insert(store, cert, x509) &&
         store_run(store, "UPDATE incoming SET status = 'issued', certificate = ? WHERE id = ?", "ii",
                   cert->id, incoming->id) &&
         store_log(store, "scep,info", "scep: certificate %s issued for \"%.200s\" (transaction %.64s)",
                   cert->text[STORE_NAME], incoming->subject, incoming->transaction_id);
    return store_end(store, ok);
}

static X509 *sign(struct store *store, const struct store_incoming *incoming, X509 *old, int64_t ca_id,
                  int days_valid, struct store_cert *cert)
{
    struct store_cert *ca = store_cert_by_id(store, ca_id);
    X509_REQ *request =
        incoming->parsed != NULL ? incoming->parsed : parse(store, incoming->request, incoming->request_len);
    X509 *x509 = NULL;
    char name[80];

    wanted_name(incoming, name, sizeof(name));
    if (request == NULL)
        store_raise_ssl(store, "the request can't be read");
    else if (ca != NULL)
        x509 = store_request_issue(store, ca, request, old, days_valid, name, cert);
    if (request != incoming->parsed)
        X509_REQ_free(request);
    store_cert_free(ca);
    return x509;
}

int store_incoming_issue(struct store *store, int64_t id, X509 *old, int64_t ca, int days_valid,
                         int64_t password)
{
    struct store_incoming *incoming = store_incoming_get(store, id, 0, NULL, NULL);
    struct store_cert *cert = store_template_new();
    X509 *x509 = NULL;
    int ok = 0;

    if (incoming == NULL || strcmp(incoming->status, "pending") != 0)
        store_raise(store, "the request is not pending any more");
    else if (cert != NULL)
        ok = (x509 = sign(store, incoming, old, ca, days_valid, cert)) != NULL &&
             save(store, incoming, cert, x509, password);
    X509_free(x509);
    store_cert_free(cert);
    store_incoming_free(incoming);
    return ok;
}

int store_incoming_enrol(struct store *store, struct store_incoming *incoming, X509 *old, int64_t ca,
                         int days_valid, int64_t password, int64_t answered_before, const char *line)
{
    struct store_cert *cert = store_template_new();
    /* Before the transaction: it may take a TPM its time. */
    X509 *x509 = cert != NULL ? sign(store, incoming, old, ca, days_valid, cert) : NULL;
    int ok = x509 != NULL && store_begin(store);

    if (ok)
        ok = store_end(store, store_incoming_sweep(store, answered_before) &&
                                  store_incoming_add(store, incoming, INT64_MAX, INT64_MAX) &&
                                  save(store, incoming, cert, x509, password) &&
                                  (line == NULL || store_log(store, "scep,info", "%s", line)));
    if (ok)
        incoming->issued = x509;
    else
        X509_free(x509);
    store_cert_free(cert);
    return ok;
}

int store_incoming_deny(struct store *store, int64_t id, const char *reason)
{
    return store_begin(store) &&
           store_end(store,
                     store_run(store,
                               "UPDATE incoming SET status = 'denied', reason = ? WHERE id = ? AND status ="
                               " 'pending'",
                               "ti", reason, id) &&
                         store_log(store, "scep,info", "scep: request %d denied: %.200s", (int)id, reason));
}

int store_incoming_remove(struct store *store, int64_t id)
{
    return store_begin(store) &&
           store_end(store, store_run(store, "DELETE FROM incoming WHERE id = ?", "i", id) &&
                                store_log(store, "scep,info", "scep: request %d removed", (int)id));
}

int store_incoming_sweep(struct store *store, int64_t answered_before)
{
    return store_begin(store) &&
           store_end(store, store_run(store, "DELETE FROM incoming WHERE status = 'pending' AND expires <= ?",
                                      "i", (int64_t)time(NULL)) &&
                                (answered_before == 0 ||
                                 store_run(store,
                                           "DELETE FROM incoming WHERE status <> 'pending' AND"
                                           " max(created, expires) < ?",
                                           "i", answered_before)));
}
