// SPDX-License-Identifier: Apache-2.0
/* Private keys: made, kept as PEM of their custody, found by their public key. */
#include "private.h"

#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

const char *const store_key_sizes[] = {"1024", "1536",       "2048",      "3072",      "4096",
                                       "8192", "prime256v1", "secp384r1", "secp521r1", NULL};

void store_wipe(char *text)
{
    if (text != NULL)
        OPENSSL_clear_free(text, strlen(text));
}

/* ---- what an EVP_PKEY tells ---- */

/* Frees der. */
static char *spki_digest(struct store *store, unsigned char *der, int len)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    unsigned char md[EVP_MAX_MD_SIZE];
    char *text = NULL;
    size_t md_len = 0;

    if (len > 0 && libctx != NULL &&
        EVP_Q_digest(libctx, "SHA256", "provider=default", der, (size_t)len, md, &md_len))
        text = store_hex(md, md_len, 0);
    if (text == NULL)
        store_raise_ssl(store, "the public key can't be encoded");
    OPENSSL_free(der);
    return text;
}

char *store_spki_fingerprint(struct store *store, X509_PUBKEY *spki)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(spki, &der);

    return spki_digest(store, der, len);
}

static char *fingerprint_of(struct store *store, EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);

    return spki_digest(store, der, len);
}

const char *store_pkey_custody(EVP_PKEY *pkey)
{
    char custody[16] = "";

    /* Keys of OpenSSL's own provider know of no custody: they are in clear. */
    if (EVP_PKEY_get_utf8_string_param(pkey, "custody", custody, sizeof(custody), NULL) <= 0) {
        ERR_clear_error();
        return "file";
    }
    return strcmp(custody, "tpm") == 0 ? "tpm" : strcmp(custody, "sealed") == 0 ? "sealed" : "file";
}

char *store_pkey_pem(struct store *store, EVP_PKEY *pkey)
{
    OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(
        pkey, OSSL_KEYMGMT_SELECT_KEYPAIR | OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, "PEM", "PrivateKeyInfo",
        NULL);
    unsigned char *data = NULL;
    char *pem = NULL;
    size_t len = 0;

    if (ctx != NULL && OSSL_ENCODER_to_data(ctx, &data, &len))
        pem = OPENSSL_strndup((char *)data, len);
    if (pem == NULL)
        store_raise_ssl(store, "the key can't be encoded");
    OPENSSL_clear_free(data, len);
    OSSL_ENCODER_CTX_free(ctx);
    return pem;
}

/* ---- making ---- */

static int on_generation(EVP_PKEY_CTX *ctx)
{
    struct store *store = EVP_PKEY_CTX_get_app_data(ctx);

    return store->config.progress(store->config.arg, NULL);
}

static EVP_PKEY_CTX *generation(struct store *store, OSSL_LIB_CTX *libctx, const char *size,
                                const char *custody, const char *pcrs)
{
    int is_rsa = strspn(size, "0123456789") == strlen(size);
    int is_large_curve = strcmp(size, "secp521r1") == 0;
    size_t bits = is_rsa ? strtoul(size, NULL, 10) : 0;
    /* An EC key in a file has nothing of Signet's: no accelerator signs with it. */
    int is_plain = !is_rsa && (is_large_curve || (strcmp(custody, "file") == 0 && pcrs == NULL));
    EVP_PKEY_CTX *ctx;
    OSSL_PARAM params[4] = {OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END};

    if (is_large_curve && (pcrs != NULL || (strcmp(custody, "file") != 0 && strcmp(custody, "auto") != 0))) {
        store_raise(store, "key-size %s: keys on this curve are of custody file only", size);
        return NULL;
    }
    ctx = EVP_PKEY_CTX_new_from_name(libctx, is_rsa ? "RSA" : "EC",
                                     is_plain ? "provider=default" : "provider=signet");
    if (is_rsa)
        params[0] = OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits);
    else
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)size, 0);
    if (is_plain)
        params[1] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, (char *)"named_curve", 0);
    else
        params[1] = OSSL_PARAM_construct_utf8_string("custody", (char *)custody, 0);
    if (pcrs != NULL && !is_plain)
        params[2] = OSSL_PARAM_construct_utf8_string("pcrs", (char *)pcrs, 0);
    if (ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_params(ctx, params) > 0)
        return ctx;
    store_raise_ssl(store, "key-size %s", size);
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

EVP_PKEY *store_pkey_make(struct store *store, const char *size, const char *custody, const char *pcrs,
                          char **pem)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *pkey = NULL;
    char text[128];

    *pem = NULL;
    if (libctx == NULL || (ctx = generation(store, libctx, size, custody, pcrs)) == NULL)
        return NULL;
    snprintf(text, sizeof(text), "generating a %s%s key (custody %s)", size,
             strspn(size, "0123456789") == strlen(size) ? "-bit RSA" : "", custody);
    EVP_PKEY_CTX_set_app_data(ctx, store);
    EVP_PKEY_CTX_set_cb(ctx, on_generation);
    if (!store->config.progress(store->config.arg, text)) {
        store_raise(store, "interrupted: no key was made");
    } else if (EVP_PKEY_generate(ctx, &pkey) <= 0) {
        pkey = NULL;
        if (store->config.progress(store->config.arg, NULL))
            store_raise_ssl(store, "no key was made");
        else
            store_raise(store, "interrupted: no key was made");
        ERR_clear_error();
    } else if ((*pem = store_pkey_pem(store, pkey)) == NULL) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    } else {
        snprintf(text, sizeof(text), "key made, custody %s", store_pkey_custody(pkey));
        store->config.progress(store->config.arg, text);
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* ---- the table ---- */

/* Frees print. */
static int64_t find(struct store *store, char *print)
{
    int64_t id =
        print == NULL ? -1 : store_number(store, 0, "SELECT id FROM key WHERE fingerprint = ?", "t", print);

    OPENSSL_free(print);
    return id;
}

int64_t store_key_find(struct store *store, EVP_PKEY *pkey)
{
    return find(store, fingerprint_of(store, pkey));
}

int64_t store_key_find_spki(struct store *store, X509_PUBKEY *spki)
{
    return find(store, store_spki_fingerprint(store, spki));
}

int64_t store_key_insert(struct store *store, EVP_PKEY *pkey, const char *pem, const char *name)
{
    char *print = fingerprint_of(store, pkey);
    int64_t id = -1;

    if (print == NULL)
        return -1;
    id = store_number(store, 0, "SELECT id FROM key WHERE fingerprint = ?", "t", print);
    if (id == 0) {
        char type[32];
        const char *p = EVP_PKEY_get0_type_name(pkey);
        size_t i;

        for (i = 0; p != NULL && p[i] != '\0' && i < sizeof(type) - 1; i++)
            type[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
        type[i] = '\0';
        id = store_run(
                 store,
                 "INSERT INTO key (name, fingerprint, custody, type, bits, pem) VALUES (?, ?, ?, ?, ?, ?)",
                 "ttttit", name, print, store_pkey_custody(pkey), type, (int64_t)EVP_PKEY_get_bits(pkey), pem)
                 ? sqlite3_last_insert_rowid(store->db)
                 : -1;
    }
    /* Certificates and templates that were waiting for it. */
    if (id > 0 &&
        !store_run(store, "UPDATE certificate SET key = ? WHERE key_fingerprint = ? AND key IS NULL", "it",
                   id, print))
        id = -1;
    OPENSSL_free(print);
    return id;
}

static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

EVP_PKEY *store_key_parse(struct store *store, const char *pem)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    BIO *bio = libctx != NULL ? BIO_new_mem_buf(pem, -1) : NULL;
    EVP_PKEY *pkey =
        bio != NULL ? PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, NULL, libctx, NULL) : NULL;

    if (pkey == NULL && libctx != NULL)
        store_raise_ssl(store, "a key of the store can't be loaded");
    BIO_free(bio);
    return pkey;
}

EVP_PKEY *store_pkey_load(struct store *store, int64_t id)
{
    sqlite3_stmt *stmt = store_prepare(store, "SELECT pem FROM key WHERE id = ?", "i", id);
    EVP_PKEY *pkey = NULL;

    if (stmt != NULL && store_step(store, stmt) == 1)
        pkey = store_cached_key(store, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return pkey;
}

EVP_PKEY *store_cert_pkey(struct store *store, const struct store_cert *cert)
{
    if (cert->key != 0)
        return store_pkey_load(store, cert->key);
    store_raise(store, "%s has no private key here (flag K)", cert->text[STORE_NAME]);
    return NULL;
}

int store_key_is_here(struct store *store, const char *name)
{
    return (int)store_number(store, 0, "SELECT 1 FROM key WHERE name = ?", "t", name);
}

EVP_PKEY *store_key_pkey(struct store *store, const char *name, int64_t certificate)
{
    struct store_cert *cert;
    EVP_PKEY *pkey = NULL;
    int64_t id;

    if (name != NULL) {
        id = store_number(store, 0, "SELECT id FROM key WHERE name = ?", "t", name);
        if (id > 0)
            return store_pkey_load(store, id);
        if (id == 0)
            store_raise(store, "there is no key %.64s; see signet key list", name);
        return NULL;
    }
    cert = store_cert_by_id(store, certificate);
    if (cert != NULL)
        pkey = store_cert_pkey(store, cert);
    store_cert_free(cert);
    return pkey;
}

int store_key_sweep(struct store *store)
{
    return store_run(store,
                     "DELETE FROM key WHERE name IS NULL AND NOT EXISTS "
                     "(SELECT 1 FROM certificate WHERE certificate.key = key.id) AND NOT EXISTS "
                     "(SELECT 1 FROM previous WHERE previous.key = key.id)",
                     "");
}

/* ---- for `signet key` ---- */

static const char key_columns[] =
    "SELECT id, coalesce(name, ''), custody, type, fingerprint, bits, pem,"
    " (SELECT count(*) FROM certificate WHERE certificate.key = key.id)"
    " + (SELECT count(*) FROM previous WHERE previous.key = key.id) FROM key";

static struct store_key *read_key(sqlite3_stmt *stmt)
{
    struct store_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key == NULL)
        return NULL;
    key->id = sqlite3_column_int64(stmt, 0);
    key->name = store_column_text(stmt, 1);
    key->custody = store_column_text(stmt, 2);
    key->type = store_column_text(stmt, 3);
    key->fingerprint = store_column_text(stmt, 4);
    key->bits = sqlite3_column_int(stmt, 5);
    key->pem = store_column_text(stmt, 6);
    key->certificates = sqlite3_column_int64(stmt, 7);
    return key;
}

void store_key_free(struct store_key *key)
{
    if (key == NULL)
        return;
    OPENSSL_free(key->name);
    OPENSSL_free(key->custody);
    OPENSSL_free(key->type);
    OPENSSL_free(key->fingerprint);
    store_wipe(key->pem);
    OPENSSL_free(key);
}

int store_key_each(struct store *store, int (*each)(void *arg, struct store_key *key), void *arg)
{
    char sql[512];
    sqlite3_stmt *stmt;
    int row = -1, wanted = 1;

    snprintf(sql, sizeof(sql), "%s ORDER BY id", key_columns);
    stmt = store_prepare(store, sql, "");
    while (stmt != NULL && wanted && (row = store_step(store, stmt)) == 1) {
        struct store_key *key = read_key(stmt);

        wanted = key != NULL && each(arg, key);
        store_key_free(key);
    }
    sqlite3_finalize(stmt);
    return row >= 0;
}

struct store_key *store_key_get(struct store *store, const char *name)
{
    struct store_key *key = NULL;
    sqlite3_stmt *stmt;
    char sql[640];
    int row = -1;

    snprintf(sql, sizeof(sql),
             "%s WHERE name = ?1 OR fingerprint = ?1 OR id = (SELECT key FROM certificate WHERE name = ?1)"
             " ORDER BY name = ?1 DESC",
             key_columns);
    stmt = store_prepare(store, sql, "t", name);
    if (stmt != NULL && (row = store_step(store, stmt)) == 1)
        key = read_key(stmt);
    else if (row == 0)
        store_raise(store, "there is no key %.64s; see signet key list", name);
    sqlite3_finalize(stmt);
    return key;
}

int store_key_make(struct store *store, const char *name, const char *size, const char *custody,
                   const char *pcrs)
{
    EVP_PKEY *pkey;
    char *pem = NULL;
    int ok = 0;

    if (!store_check_name(store, name))
        return 0;
    if (store_number(store, 0, "SELECT 1 FROM key WHERE name = ?", "t", name) != 0)
        return store_raise(store, "there is a key %s already", name);
    pkey = store_pkey_make(store, size, custody, pcrs, &pem);
    if (pkey != NULL && store_begin(store)) {
        ok = store_key_insert(store, pkey, pem, name) > 0 &&
             store_log(store, "key,info", "key %s made, custody %s", name, store_pkey_custody(pkey));
        ok = store_end(store, ok);
    }
    store_wipe(pem);
    EVP_PKEY_free(pkey);
    return ok;
}

int store_key_replace(struct store *store, int64_t id, const char *name, const char *pem)
{
    EVP_PKEY *pkey = store_key_parse(store, pem);
    int ok = 0;

    if (pkey == NULL)
        return 0;
    if (store_key_find(store, pkey) != id)
        store_raise(store, "what is to replace the key is another key");
    else if (store_begin(store))
        ok = store_end(store, store_run(store, "UPDATE key SET pem = ?, custody = ? WHERE id = ?", "tti", pem,
                                        store_pkey_custody(pkey), id) &&
                                  store_log(store, "key,info", "key %s replaced, custody %s", name,
                                            store_pkey_custody(pkey)));
    EVP_PKEY_free(pkey);
    return ok;
}

int store_key_remove(struct store *store, int64_t id)
{
    int64_t users = store_number(store, 0, "SELECT count(*) FROM certificate WHERE key = ?", "i", id);

    if (users > 0)
        return store_raise(store, "%d certificates use the key: remove them first", (int)users);
    return users == 0 && store_begin(store) &&
           store_end(store, store_run(store, "DELETE FROM key WHERE id = ?", "i", id));
}
