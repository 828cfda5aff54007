// SPDX-License-Identifier: Apache-2.0
/* CRLs (RFC 5280 section 5): those that CAs of this store sign, and those that were downloaded or imported.
 */
#include "private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define CRL_DAYS 7 /* from thisUpdate to nextUpdate */

/* ---- signing ---- */

static int crl_reason(const char *name)
{
    static const int codes[] = {0, 1, 2, 3, 4, 5};
    int i;

    for (i = 0; store_revocation_reasons[i] != NULL; i++) {
        if (strcmp(name, store_revocation_reasons[i]) == 0)
            return codes[i];
    }
    return 0;
}

static int add_revoked(X509_CRL *crl, const char *serial_hex, int64_t when, const char *reason)
{
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)when);
    ASN1_INTEGER *serial = NULL;
    BIGNUM *number = NULL;
    int ok = revoked != NULL && code != NULL && time != NULL && BN_hex2bn(&number, serial_hex) &&
             (serial = BN_to_ASN1_INTEGER(number, NULL)) != NULL &&
             X509_REVOKED_set_serialNumber(revoked, serial) && X509_REVOKED_set_revocationDate(revoked, time);

    /* "unspecified" is said by saying nothing (RFC 5280 section 5.3.1). */
    if (ok && crl_reason(reason) != 0)
        ok = ASN1_ENUMERATED_set(code, crl_reason(reason)) &&
             X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, code, 0, 0) == 1;
    ok = ok && X509_CRL_add0_revoked(crl, revoked);
    if (!ok)
        X509_REVOKED_free(revoked);
    BN_free(number);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(time);
    ASN1_ENUMERATED_free(code);
    return ok;
}

/* Expired certificates need not stay on the list (RFC 5280 section 3.3). */
static int add_all_revoked(struct store *store, X509_CRL *crl, int64_t ca)
{
    sqlite3_stmt *stmt = store_prepare(
        store, "SELECT serial_number, revoked_at, reason FROM revocation WHERE ca = ? AND not_after >= ?",
        "ii", ca, (int64_t)time(NULL));
    int row = -1, ok = stmt != NULL;

    while (ok && (row = store_step(store, stmt)) == 1)
        ok = add_revoked(crl, (const char *)sqlite3_column_text(stmt, 0), sqlite3_column_int64(stmt, 1),
                         (const char *)sqlite3_column_text(stmt, 2)) ||
             store_raise_ssl(store, "CRL");
    sqlite3_finalize(stmt);
    return ok && row == 0;
}

static int add_crl_extensions(X509_CRL *crl, X509 *issuer, int64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    AUTHORITY_KEYID *akid = AUTHORITY_KEYID_new();
    const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(issuer);
    int ok = value != NULL && akid != NULL && ASN1_INTEGER_set_int64(value, number) &&
             X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1;

    if (ok && skid != NULL)
        ok = (akid->keyid = ASN1_OCTET_STRING_dup(skid)) != NULL &&
             X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, akid, 0, 0) == 1;
    ASN1_INTEGER_free(value);
    AUTHORITY_KEYID_free(akid);
    return ok;
}

static X509_CRL *crl_new(struct store *store, X509 *issuer)
{
    X509_CRL *crl = X509_CRL_new_ex(store_crypto(store), NULL);
    ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL)), *next = X509_time_adj_ex(NULL, CRL_DAYS, 0, NULL);

    if (crl == NULL || now == NULL || next == NULL || !X509_CRL_set_version(crl, X509_CRL_VERSION_2) ||
        !X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) ||
        !X509_CRL_set1_lastUpdate(crl, now) || !X509_CRL_set1_nextUpdate(crl, next)) {
        store_raise_ssl(store, "CRL");
        X509_CRL_free(crl);
        crl = NULL;
    }
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    return crl;
}

/* The number is taken within the transaction, so that two processes never use one twice. */
int store_crl_issue(struct store *store, int64_t id)
{
    struct store_cert *ca = store_cert_by_id(store, id);
    X509 *issuer = NULL;
    EVP_PKEY *pkey = NULL;
    X509_CRL *crl = NULL;
    int64_t number, ignored;
    int ok = 0;

    if (ca == NULL || !store_check_ca(store, ca))
        goto out;
    if (!store_usage_has(ca->text[STORE_KEY_USAGE], "crl-sign")) {
        store_raise(store, "%s can't sign a CRL: it has no key-usage crl-sign", ca->text[STORE_NAME]);
        goto out;
    }
    issuer = store_cert_x509(store, ca);
    pkey = issuer != NULL ? store_cert_pkey(store, ca) : NULL;
    if (pkey == NULL || !store_begin(store))
        goto out;
    number = store_number(
        store, -1,
        "INSERT INTO crl_number VALUES (?, 1) ON CONFLICT (ca) DO UPDATE SET number = number + 1 "
        "RETURNING number",
        "i", id);
    ok = number > 0 && (crl = crl_new(store, issuer)) != NULL && add_all_revoked(store, crl, id) &&
         ((add_crl_extensions(crl, issuer, number) && X509_CRL_sort(crl) &&
           X509_CRL_sign(crl, pkey, store_signature_md(store, pkey, ca->text[STORE_DIGEST_ALGORITHM])) > 0) ||
          store_raise_ssl(store, "%s can't sign its CRL", ca->text[STORE_NAME])) &&
         store_crl_insert(store, crl, id, "", &ignored) &&
         store_log(store, "certificate,crl,info", "CRL %lld of %s signed", (long long)number,
                   ca->text[STORE_NAME]);
    ok = store_end(store, ok);
out:
    X509_CRL_free(crl);
    EVP_PKEY_free(pkey);
    X509_free(issuer);
    store_cert_free(ca);
    return ok;
}

/* ---- the table ---- */

X509_CRL *store_crl_parse(struct store *store, const unsigned char *data, size_t len)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    X509_CRL *crl = libctx != NULL ? X509_CRL_new_ex(libctx, NULL) : NULL;
    BIO *bio = crl != NULL ? BIO_new_mem_buf(data, (int)len) : NULL;

    if (bio != NULL && PEM_read_bio_X509_CRL(bio, &crl, NULL, NULL) == NULL) {
        ERR_clear_error();
        if (crl == NULL)
            crl = X509_CRL_new_ex(libctx, NULL);
        if (d2i_X509_CRL(&crl, &data, (long)len) == NULL) {
            X509_CRL_free(crl);
            crl = NULL;
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return crl;
}

/* Fills the row id, or CA's row, or a new one if both are 0; sets *id. */
static int write_crl(struct store *store, X509_CRL *crl, int64_t ca, const char *url, int64_t *id)
{
    const X509_NAME *name = X509_CRL_get_issuer(crl);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der), revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), ok = 0;
    char *issuer = NULL, *hex = NULL;

    if (bio == NULL || len <= 0 ||
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
        goto out;
    issuer = store_bio_text(bio);
    hex = number != NULL ? store_hex(ASN1_STRING_get0_data(number), (size_t)ASN1_STRING_length(number), 1)
                         : OPENSSL_strdup("");
    if (ca != 0)
        *id = store_number(store, 0, "SELECT id FROM crl WHERE ca = ?", "i", ca);
    if (*id == 0 &&
        store_run(store,
                  "INSERT INTO crl (ca, url, issuer, issuer_hash, number, this_update, next_update, count)"
                  " VALUES (nullif(?, 0), ?, '', 0, '', 0, 0, 0)",
                  "it", ca, url))
        *id = sqlite3_last_insert_rowid(store->db);
    ok =
        *id > 0 &&
        store_run(store,
                  "UPDATE crl SET issuer = ?, issuer_hash = ?, number = ?, this_update = ?, next_update = ?, "
                  "count = ?, der = ? WHERE id = ?",
                  "titiiibi", issuer, (int64_t)X509_NAME_hash_ex(name, store_crypto(store), NULL, NULL), hex,
                  store_seconds(X509_CRL_get0_lastUpdate(crl)), store_seconds(X509_CRL_get0_nextUpdate(crl)),
                  revoked > 0 ? (int64_t)revoked : 0, der, (size_t)len, *id) &&
        store_trust_touch(store);
out:
    OPENSSL_free(hex);
    OPENSSL_free(issuer);
    BIO_free(bio);
    ASN1_INTEGER_free(number);
    OPENSSL_free(der);
    return ok;
}

int store_crl_insert(struct store *store, X509_CRL *crl, int64_t ca, const char *url, int64_t *id)
{
    *id = 0;
    return write_crl(store, crl, ca, url, id);
}

int store_crl_add(struct store *store, const char *url, int64_t *id)
{
    int ok;

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return store_raise(store, "url \"%.200s\": expected http:// or https://", url);
    if (!store_begin(store))
        return 0;
    ok = store_run(store,
                   "INSERT INTO crl (url, issuer, issuer_hash, number, this_update, next_update, count)"
                   " VALUES (?, '', 0, '', 0, 0, 0)",
                   "t", url);
    *id = sqlite3_last_insert_rowid(store->db);
    return store_end(store, ok);
}

int store_crl_remove(struct store *store, int64_t id)
{
    return store_begin(store) && store_end(store, store_run(store, "DELETE FROM crl WHERE id = ?", "i", id) &&
                                                      store_trust_touch_crl(store));
}

int store_crl_flush(struct store *store)
{
    return store_begin(store) &&
           store_end(store,
                     store_run(store,
                               "UPDATE crl SET der = NULL, issuer = '', issuer_hash = 0, number = '', "
                               "this_update = 0, next_update = 0, count = 0 WHERE ca IS NULL AND url <> ''",
                               "") &&
                         store_run(store, "DELETE FROM crl WHERE ca IS NULL AND url = ''", "") &&
                         store_trust_touch_crl(store));
}

int store_crl_replace(struct store *store, int64_t id, const unsigned char *data, size_t len)
{
    X509_CRL *crl = store_crl_parse(store, data, len);
    int ok = 0;

    if (crl == NULL)
        return store_raise(store, "what was downloaded is no CRL");
    if (store_begin(store)) {
        ok = write_crl(store, crl, 0, "", &id) && store_log(store, "certificate,crl,info", "CRL downloaded");
        ok = store_end(store, ok);
    }
    X509_CRL_free(crl);
    return ok;
}

/* Is there a certificate in this store whose key signed it? */
int store_crl_is_valid(struct store *store, const struct store_crl *row)
{
    X509_CRL *crl = row->der != NULL ? store_crl_parse(store, row->der, row->der_len) : NULL;
    sqlite3_stmt *stmt =
        store_prepare(store, "SELECT id FROM certificate WHERE is_authority AND subject_hash = ?", "i",
                      (int64_t)row->issuer_hash);
    int found = 0;

    while (crl != NULL && stmt != NULL && !found && store_step(store, stmt) == 1) {
        struct store_cert *cert = store_cert_by_id(store, sqlite3_column_int64(stmt, 0));
        X509 *x509 = cert != NULL ? store_cert_x509(store, cert) : NULL;

        found = x509 != NULL && X509_CRL_verify(crl, X509_get0_pubkey(x509)) == 1;
        X509_free(x509);
        store_cert_free(cert);
    }
    ERR_clear_error();
    sqlite3_finalize(stmt);
    X509_CRL_free(crl);
    return found;
}

int store_crl_is_here(struct store *store, const struct store_cert *ca)
{
    sqlite3_stmt *stmt =
        store_prepare(store,
                      "SELECT coalesce(ca, 0), der FROM crl WHERE der IS NOT NULL AND (ca = ?1 OR"
                      " issuer_hash = (SELECT subject_hash FROM certificate WHERE id = ?1))",
                      "i", ca->id);
    int found = 0;

    while (stmt != NULL && !found && store_step(store, stmt) == 1) {
        X509_CRL *crl;
        X509 *x509;

        found = sqlite3_column_int64(stmt, 0) == ca->id; /* signed here */
        if (found)
            break;
        crl = store_crl_parse(store, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
        x509 = store_cert_x509(store, ca);
        found = crl != NULL && x509 != NULL && X509_CRL_verify(crl, X509_get0_pubkey(x509)) == 1;
        X509_free(x509);
        X509_CRL_free(crl);
    }
    ERR_clear_error();
    sqlite3_finalize(stmt);
    return found;
}

int store_crl_each(struct store *store, int (*each)(void *arg, struct store_crl *crl), void *arg)
{
    sqlite3_stmt *stmt = store_prepare(
        store,
        "SELECT id, ca, url, issuer, number, this_update, next_update, count, issuer_hash, der FROM crl "
        "ORDER BY id",
        "");
    int row = -1, wanted = 1;

    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1) {
        struct store_crl crl = {
            .id = sqlite3_column_int64(stmt, 0),
            .ca = sqlite3_column_int64(stmt, 1),
            .url = store_column_text(stmt, 2),
            .issuer = store_column_text(stmt, 3),
            .number = store_column_text(stmt, 4),
            .this_update = sqlite3_column_int64(stmt, 5),
            .next_update = sqlite3_column_int64(stmt, 6),
            .count = sqlite3_column_int64(stmt, 7),
        };

        crl.issuer_hash = (uint32_t)sqlite3_column_int64(stmt, 8);
        crl.der = (unsigned char *)sqlite3_column_blob(stmt, 9); /* lent */
        crl.der_len = (size_t)sqlite3_column_bytes(stmt, 9);
        wanted = each(arg, &crl);
        OPENSSL_free(crl.url);
        OPENSSL_free(crl.issuer);
        OPENSSL_free(crl.number);
    }
    sqlite3_finalize(stmt);
    return row >= 0;
}

int store_crl_of(struct store *store, int64_t ca, unsigned char **der, size_t *len, int64_t *next_update)
{
    sqlite3_stmt *stmt = store_prepare(
        store, "SELECT der, next_update FROM crl WHERE ca = ? AND der IS NOT NULL ORDER BY id", "i", ca);
    int row = stmt != NULL ? store_step(store, stmt) : -1;

    *der = NULL;
    if (row == 1) {
        *len = (size_t)sqlite3_column_bytes(stmt, 0);
        *der = OPENSSL_memdup(sqlite3_column_blob(stmt, 0), *len);
        *next_update = sqlite3_column_int64(stmt, 1);
        if (*der == NULL)
            store_raise(store, "out of memory");
    }
    sqlite3_finalize(stmt);
    return row == 0 || *der != NULL;
}
