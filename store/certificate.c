// SPDX-License-Identifier: Apache-2.0
/* The table of certificates and templates: records in, records out, removal. */
#include "private.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

const char *const store_text_names[STORE_TEXTS] = {
    [STORE_NAME] = "name",
    [STORE_COMMON_NAME] = "common_name",
    [STORE_COUNTRY] = "country",
    [STORE_STATE] = "state",
    [STORE_LOCALITY] = "locality",
    [STORE_ORGANIZATION] = "organization",
    [STORE_UNIT] = "unit",
    [STORE_SUBJECT_ALT_NAME] = "subject_alt_name",
    [STORE_KEY_USAGE] = "key_usage",
    [STORE_KEY_SIZE] = "key_size",
    [STORE_KEY_TYPE] = "key_type",
    [STORE_DIGEST_ALGORITHM] = "digest_algorithm",
    [STORE_CUSTODY] = "custody",
    [STORE_SUBJECT] = "subject",
    [STORE_ISSUER] = "issuer",
    [STORE_SERIAL_NUMBER] = "serial_number",
    [STORE_FINGERPRINT] = "fingerprint",
    [STORE_SKID] = "skid",
    [STORE_AKID] = "akid",
    [STORE_TRUST_STORE] = "trust_store",
    [STORE_CA_CRL_HOST] = "ca_crl_host",
};

const char *const store_digests[] = {"sha256", "sha384", "sha512", NULL};
const char *const store_uses[] = {"api", "dns", "eap", "fetch", "hotspot", "sstp", "www", NULL};

/* ---- records ---- */

struct store_cert *store_template_new(void)
{
    static const struct {
        enum store_text field;
        const char *value;
    } defaults[] = {
        {STORE_KEY_SIZE, "2048"},
        {STORE_DIGEST_ALGORITHM, "sha256"},
        {STORE_CUSTODY, "auto"},
        {STORE_TRUST_STORE, "all"},
        {STORE_KEY_USAGE, "digital-signature,key-encipherment,data-encipherment,key-cert-sign,crl-sign,"
                          "tls-server,tls-client"},
    };
    struct store_cert *cert = OPENSSL_zalloc(sizeof(*cert));
    int ok = cert != NULL;
    size_t i;

    for (i = 0; ok && i < STORE_TEXTS; i++)
        ok = store_cert_set_text(cert, i, "");
    for (i = 0; ok && i < sizeof(defaults) / sizeof(defaults[0]); i++)
        ok = store_cert_set_text(cert, defaults[i].field, defaults[i].value);
    if (!ok) {
        store_cert_free(cert);
        return NULL;
    }
    cert->days_valid = 365;
    cert->path_length = -1;
    return cert;
}

int store_cert_set_text(struct store_cert *cert, enum store_text field, const char *value)
{
    char *copy = OPENSSL_strdup(value);

    if (copy == NULL)
        return 0;
    OPENSSL_free(cert->text[field]);
    cert->text[field] = copy;
    return 1;
}

void store_cert_free(struct store_cert *cert)
{
    size_t i;

    if (cert == NULL)
        return;
    for (i = 0; i < STORE_TEXTS; i++)
        OPENSSL_free(cert->text[i]);
    OPENSSL_free(cert->key_custody);
    OPENSSL_free(cert->der);
    OPENSSL_free(cert);
}

/* ---- reading ---- */

/* SELECT: the texts, and then what read_record takes in this order. */
static void select_sql(char *sql, size_t size, const char *where)
{
    size_t i;

    OPENSSL_strlcpy(sql, "SELECT ", size);
    for (i = 0; i < STORE_TEXTS; i++) {
        OPENSSL_strlcat(sql, "c.", size);
        OPENSSL_strlcat(sql, store_text_names[i], size);
        OPENSSL_strlcat(sql, ", ", size);
    }
    OPENSSL_strlcat(
        sql,
        "c.id, c.days_valid, c.path_length, c.is_authority, c.is_trusted, c.not_before, c.not_after, "
        "c.key, c.ca, r.revoked_at, k.custody, c.der FROM certificate c "
        "LEFT JOIN key k ON k.id = c.key "
        "LEFT JOIN revocation r ON r.ca = c.ca AND r.serial_number = c.serial_number ",
        size);
    OPENSSL_strlcat(sql, where, size);
}

static struct store_cert *read_record(sqlite3_stmt *stmt)
{
    struct store_cert *cert = OPENSSL_zalloc(sizeof(*cert));
    const void *der;
    int i, n = STORE_TEXTS;

    if (cert == NULL)
        return NULL;
    for (i = 0; i < STORE_TEXTS; i++)
        cert->text[i] = store_column_text(stmt, i);
    cert->id = sqlite3_column_int64(stmt, n++);
    cert->days_valid = sqlite3_column_int(stmt, n++);
    cert->path_length = sqlite3_column_int(stmt, n++);
    cert->is_authority = sqlite3_column_int(stmt, n++);
    cert->is_trusted = sqlite3_column_int(stmt, n++);
    cert->not_before = sqlite3_column_int64(stmt, n++);
    cert->not_after = sqlite3_column_int64(stmt, n++);
    cert->key = sqlite3_column_int64(stmt, n++);
    cert->ca = sqlite3_column_int64(stmt, n++);
    cert->revoked_at = sqlite3_column_int64(stmt, n++);
    if (sqlite3_column_type(stmt, n) != SQLITE_NULL)
        cert->key_custody = store_column_text(stmt, n);
    der = sqlite3_column_blob(stmt, ++n);
    if (der != NULL) {
        cert->der_len = (size_t)sqlite3_column_bytes(stmt, n);
        cert->der = OPENSSL_memdup(der, cert->der_len);
    }
    return cert;
}

int store_cert_each(struct store *store, const struct store_query *query,
                    int (*each)(void *arg, struct store_cert *cert), void *arg)
{
    sqlite3_stmt *stmt;
    int row = -1, wanted = 1;
    char sql[2048];

    select_sql(sql, sizeof(sql),
               query->id != 0        ? "WHERE c.id = ?"
               : query->name != NULL ? "WHERE c.name = ?"
               : query->is_local_ca
                   ? "WHERE c.is_authority AND c.key IS NOT NULL AND c.der IS NOT NULL ORDER BY c.id"
                   : "ORDER BY c.id");
    if (query->id != 0)
        stmt = store_prepare(store, sql, "i", query->id);
    else if (query->name != NULL)
        stmt = store_prepare(store, sql, "t", query->name);
    else
        stmt = store_prepare(store, sql, "");
    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1) {
        struct store_cert *cert = read_record(stmt);

        wanted = cert != NULL && each(arg, cert);
        store_cert_free(cert);
    }
    sqlite3_finalize(stmt);
    return row >= 0;
}

int64_t store_cert_count(struct store *store)
{
    return store_number(store, 0, "SELECT count(*) FROM certificate", "");
}

struct store_cert *store_cert_get(struct store *store, const struct store_query *query)
{
    struct store_cert *cert = NULL;
    sqlite3_stmt *stmt;
    char sql[2048];

    select_sql(sql, sizeof(sql), query->id != 0 ? "WHERE c.id = ?" : "WHERE c.name = ?");
    stmt = query->id != 0 ? store_prepare_again(store, sql, "i", query->id)
                          : store_prepare_again(store, sql, "t", query->name);
    if (stmt != NULL && store_step(store, stmt) == 1)
        cert = read_record(stmt);
    store_done(stmt);
    return cert;
}

struct store_cert *store_cert_find(struct store *store, const unsigned char *der, size_t len)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    struct store_cert *cert = NULL;
    char *fingerprint = NULL;
    size_t md_len = 0;
    int64_t id = 0;

    if (EVP_Q_digest(store_crypto(store), "SHA256", "provider=default", der, len, md, &md_len) &&
        (fingerprint = store_hex(md, md_len, 0)) != NULL)
        id = store_number(store, 0, "SELECT id FROM certificate WHERE fingerprint = ?", "t", fingerprint);
    if (id > 0)
        cert = store_cert_get(store, &(struct store_query){.id = id});
    OPENSSL_free(fingerprint);
    return cert;
}

struct store_cert *store_cert_issued(struct store *store, int64_t ca, const ASN1_INTEGER *serial)
{
    char *number = store_hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), 1);
    int64_t id = number == NULL
                     ? 0
                     : store_number(store, 0, "SELECT id FROM certificate WHERE ca = ? AND serial_number = ?",
                                    "it", ca, number);

    OPENSSL_free(number);
    return id > 0 ? store_cert_get(store, &(struct store_query){.id = id}) : NULL;
}

struct store_cert *store_cert_by_id(struct store *store, int64_t id)
{
    struct store_cert *cert = store_cert_get(store, &(struct store_query){.id = id});

    if (cert == NULL)
        store_raise(store, "the certificate is not there any more");
    return cert;
}

X509 *store_cert_x509(struct store *store, const struct store_cert *cert)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    X509 *x509 = libctx != NULL && cert->der != NULL ? X509_new_ex(libctx, NULL) : NULL;
    const unsigned char *p = cert->der;

    if (cert->der == NULL) {
        store_raise(store, "%s is a template: sign it first", cert->text[STORE_NAME]);
        return NULL;
    }
    if (x509 != NULL && d2i_X509(&x509, &p, (long)cert->der_len) != NULL)
        return x509;
    if (libctx != NULL)
        store_raise_ssl(store, "certificate %s can't be read", cert->text[STORE_NAME]);
    return NULL; /* d2i has freed it */
}

/* ---- writing ---- */

/* Digest of the public key, where there is one, and hashes of the names. */
struct derived {
    char *key_fingerprint;
    int64_t subject_hash, issuer_hash;
};

static int derive(struct store *store, X509 *x509, struct derived *derived)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);

    if (libctx == NULL)
        return 0;
    derived->key_fingerprint = store_spki_fingerprint(store, X509_get_X509_PUBKEY(x509));
    derived->subject_hash = (int64_t)X509_NAME_hash_ex(X509_get_subject_name(x509), libctx, NULL, NULL);
    derived->issuer_hash = (int64_t)X509_NAME_hash_ex(X509_get_issuer_name(x509), libctx, NULL, NULL);
    return derived->key_fingerprint != NULL;
}

/* INSERT or, with id NULL, UPDATE with all columns; the statement's first parameters are the texts. */
static int write_record(struct store *store, const struct store_cert *cert, X509 *x509, int64_t *id)
{
    static const char others[] =
        "days_valid, path_length, is_authority, is_trusted, not_before, not_after, key, "
        "ca, der, key_fingerprint, subject_hash, issuer_hash";
    struct derived derived = {0};
    sqlite3_stmt *stmt;
    int i, n, ok, is_new = id != NULL;
    char sql[2048];

    if (x509 != NULL && !derive(store, x509, &derived))
        return 0;
    OPENSSL_strlcpy(sql, is_new ? "INSERT INTO certificate (" : "UPDATE certificate SET (", sizeof(sql));
    for (i = 0; i < STORE_TEXTS; i++) {
        OPENSSL_strlcat(sql, store_text_names[i], sizeof(sql));
        OPENSSL_strlcat(sql, ", ", sizeof(sql));
    }
    OPENSSL_strlcat(sql, others, sizeof(sql));
    OPENSSL_strlcat(sql, is_new ? ") VALUES (" : ") = (", sizeof(sql));
    for (i = 0; i < STORE_TEXTS + 11; i++)
        OPENSSL_strlcat(sql, "?, ", sizeof(sql));
    OPENSSL_strlcat(sql, is_new ? "?)" : "?) WHERE id = ?", sizeof(sql));
    stmt = store_prepare(store, sql, "");
    if (stmt == NULL) {
        OPENSSL_free(derived.key_fingerprint);
        return 0;
    }
    for (n = 1; n <= STORE_TEXTS; n++)
        sqlite3_bind_text(stmt, n, cert->text[n - 1], -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, n++, cert->days_valid);
    sqlite3_bind_int(stmt, n++, cert->path_length);
    sqlite3_bind_int(stmt, n++, cert->is_authority);
    sqlite3_bind_int(stmt, n++, cert->is_trusted);
    sqlite3_bind_int64(stmt, n++, cert->not_before);
    sqlite3_bind_int64(stmt, n++, cert->not_after);
    if (cert->key != 0)
        sqlite3_bind_int64(stmt, n, cert->key);
    if (cert->ca != 0)
        sqlite3_bind_int64(stmt, n + 1, cert->ca);
    if (cert->der != NULL)
        sqlite3_bind_blob64(stmt, n + 2, cert->der, cert->der_len, SQLITE_STATIC);
    sqlite3_bind_text(stmt, n + 3, derived.key_fingerprint != NULL ? derived.key_fingerprint : "", -1,
                      SQLITE_STATIC);
    sqlite3_bind_int64(stmt, n + 4, derived.subject_hash);
    sqlite3_bind_int64(stmt, n + 5, derived.issuer_hash);
    if (!is_new)
        sqlite3_bind_int64(stmt, n + 6, cert->id);
    ok = store_step(store, stmt) == 0;
    if (ok && is_new)
        *id = sqlite3_last_insert_rowid(store->db);
    sqlite3_finalize(stmt);
    OPENSSL_free(derived.key_fingerprint);
    return ok;
}

char *store_free_name(struct store *store, const char *wanted)
{
    char name[256];
    int64_t n = 0, taken;

    OPENSSL_strlcpy(name, wanted, sizeof(name));
    taken = store_number(store, 0, "SELECT 1 FROM certificate WHERE name = ?", "t", name);
    if (taken > 0) {
        /* The largest number behind the name, where it is one: a bundle of thousands takes one look each. */
        n = store_number(store, 0,
                         "SELECT max(CAST(substr(name, length(?1) + 2) AS INTEGER)) FROM certificate "
                         "WHERE name > ?1 || '_' AND name < ?1 || '`' AND substr(name, length(?1) + 2) NOT "
                         "GLOB '*[^0-9]*'",
                         "t", wanted);
        snprintf(name, sizeof(name), "%.230s_%lld", wanted, (long long)(n + 1));
        taken = n < 0 ? -1 : 0;
    }
    return taken < 0 ? NULL : OPENSSL_strdup(name);
}

static int check_new_name(struct store *store, const char *name, int64_t id)
{
    if (!store_check_name(store, name))
        return 0;
    switch (store_number(store, 0, "SELECT 1 FROM certificate WHERE name = ? AND id <> ?", "ti", name, id)) {
    case 0:
        return 1;
    case 1:
        return store_raise(store, "there is a certificate called %s already", name);
    }
    return 0;
}

int store_template_add(struct store *store, struct store_cert *cert)
{
    int ok = 1;

    if (!store_begin(store))
        return 0;
    if (*cert->text[STORE_NAME] == '\0') {
        const char *wanted = *cert->text[STORE_COMMON_NAME] != '\0' ? cert->text[STORE_COMMON_NAME] : "cert1";
        char *name = store_free_name(store, wanted);

        ok = name != NULL && store_cert_set_text(cert, STORE_NAME, name);
        OPENSSL_free(name);
    }
    ok = ok && check_new_name(store, cert->text[STORE_NAME], 0) &&
         write_record(store, cert, NULL, &cert->id) &&
         store_log(store, "certificate,info", "template %s added", cert->text[STORE_NAME]);
    return store_end(store, ok);
}

int store_cert_insert(struct store *store, struct store_cert *cert, X509 *x509)
{
    return check_new_name(store, cert->text[STORE_NAME], 0) && write_record(store, cert, x509, &cert->id);
}

int store_cert_write(struct store *store, const struct store_cert *cert, X509 *x509)
{
    return check_new_name(store, cert->text[STORE_NAME], cert->id) && write_record(store, cert, x509, NULL);
}

int store_cert_update(struct store *store, const struct store_cert *cert)
{
    int64_t was_trusted;
    int ok;

    if (!store_begin(store))
        return 0;
    was_trusted = store_number(store, 0, "SELECT is_trusted FROM certificate WHERE id = ?", "i", cert->id);
    if (cert->der == NULL)
        ok = store_cert_write(store, cert, NULL);
    else
        ok = check_new_name(store, cert->text[STORE_NAME], cert->id) &&
             store_run(store, "UPDATE certificate SET name = ?, is_trusted = ?, trust_store = ? WHERE id = ?",
                       "titi", cert->text[STORE_NAME], (int64_t)cert->is_trusted,
                       cert->text[STORE_TRUST_STORE], cert->id) &&
             ((!was_trusted && !cert->is_trusted) || store_trust_touch(store));
    ok = ok && store_log(store, "certificate,info", "certificate %s changed", cert->text[STORE_NAME]);
    return store_end(store, ok);
}

static int warn_user(void *arg, const char *menu, const char *name)
{
    struct store *store = arg;

    store_warn(store, "%s %s named the certificate and is empty now", menu, name);
    return 1;
}

int store_cert_remove(struct store *store, int64_t id, int *removed)
{
    struct store_cert *cert;
    int64_t before, after = -1, trusted;
    int ok = 0;

    if (!store_begin(store))
        return 0;
    before = store_cert_count(store);
    trusted = store_number(store, 0, "SELECT count(*) FROM certificate WHERE is_trusted", "");
    cert = store_cert_get(store, &(struct store_query){.id = id});
    if (cert == NULL) {
        *removed = 0; /* with its CA, a moment ago */
        return store_end(store, before >= 0);
    }
    ok = store_cert_users(store, id, warn_user, store) &&
         store_run(store, "DELETE FROM certificate WHERE id = ?", "i", id) && store_key_sweep(store) &&
         (trusted == store_number(store, 0, "SELECT count(*) FROM certificate WHERE is_trusted", "") ||
          store_trust_touch(store)) &&
         (after = store_cert_count(store)) >= 0;
    *removed = (int)(before - after);
    ok = ok && store_log(store, "certificate,info", "certificate %s removed%s", cert->text[STORE_NAME],
                         *removed > 1 ? " with what it issued" : "");
    store_cert_free(cert);
    return store_end(store, ok);
}
