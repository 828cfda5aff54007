// SPDX-License-Identifier: Apache-2.0
/* The store, in a folder of its own: its schema, transactions, names, flags, and export and import. */
#include "store/private.h"

#include "unit.h"

#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char folder[200];
static OSSL_LIB_CTX *libctx;
static int errors, warnings;
static char text[1024]; /* the last of either */

/* ---- folders and callbacks ---- */

static void on_error(void *arg, const char *what)
{
    (void)arg;
    errors++;
    snprintf(text, sizeof(text), "%s", what);
}

static void on_warn(void *arg, const char *what)
{
    (void)arg;
    warnings++;
    snprintf(text, sizeof(text), "%s", what);
}

static int on_progress(void *arg, const char *what)
{
    (void)arg;
    (void)what;
    return 1;
}

static OSSL_LIB_CTX *on_crypto(void *arg)
{
    (void)arg;
    return libctx;
}

/* name: of a folder below the test's. NULL: said why. */
static struct store *open_store(const char *name)
{
    char home[300];
    struct store_config config = {
        .home = home, .crypto = on_crypto, .error = on_error, .warn = on_warn, .progress = on_progress};

    snprintf(home, sizeof(home), "%s/%s", folder, name);
    return store_open(&config);
}

/* Was just one error raised since the last call, with this in its text? */
static int raised(const char *what)
{
    int ok = errors == 1 && strstr(text, what) != NULL;

    if (!ok)
        fprintf(stderr, "\n%d errors, the last: %s\n", errors, text);
    errors = 0;
    return ok;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* ---- records ---- */

static int64_t add_template(struct store *store, const char *name, const char *common_name, const char *usage)
{
    struct store_cert *cert = store_template_new();
    int64_t id = 0;

    if (cert != NULL && store_cert_set_text(cert, STORE_NAME, name) &&
        store_cert_set_text(cert, STORE_COMMON_NAME, common_name) &&
        store_cert_set_text(cert, STORE_KEY_USAGE, usage) &&
        store_cert_set_text(cert, STORE_KEY_SIZE, "prime256v1") &&
        store_cert_set_text(cert, STORE_CUSTODY, "file") && store_template_add(store, cert))
        id = cert->id;
    store_cert_free(cert);
    return id;
}

static struct store_cert *get(struct store *store, const char *name)
{
    return store_cert_get(store, &(struct store_query){.name = name});
}

static unsigned flags_of(struct store *store, const char *name)
{
    struct store_cert *cert = get(store, name);
    unsigned flags = cert != NULL ? store_cert_flags(store, cert) : 0;

    store_cert_free(cert);
    return flags;
}

/* Writes files/NAME.pem: a self-signed certificate of a new key, valid between these times from now. */
static int write_certificate(struct store *store, const char *name, long from, long to)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    X509 *x509 = X509_new_ex(libctx, NULL);
    BIO *bio = BIO_new(BIO_s_mem());
    char file[100], *data = NULL;
    int ok = pkey != NULL && x509 != NULL && bio != NULL && X509_set_version(x509, X509_VERSION_3) &&
             ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) && X509_set_pubkey(x509, pkey) &&
             X509_gmtime_adj(X509_getm_notBefore(x509), from) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(x509), to) != NULL &&
             X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                                        (const unsigned char *)name, -1, -1, 0) &&
             X509_set_issuer_name(x509, X509_get_subject_name(x509)) && X509_sign(x509, pkey, EVP_sha256()) &&
             PEM_write_bio_X509(bio, x509);
    long len = BIO_get_mem_data(bio, &data);

    snprintf(file, sizeof(file), "%s.pem", name);
    ok = ok && store_file_write(store, file, data, (size_t)len);
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    return ok;
}

static int import(struct store *store, const char *file, const char *passphrase, struct store_import *result)
{
    *result = (struct store_import){.file = file, .passphrase = passphrase};
    return store_import(store, result);
}

/* ---- the tests ---- */

static void opening(void)
{
    struct store *store = open_store("above/open"), *again;
    char path[300];
    struct stat st;

    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT_EQUAL(store_number(store, 0, "PRAGMA user_version", ""), 4);
    CU_ASSERT(add_template(store, "kept", "x", "tls-server") > 0);
    snprintf(path, sizeof(path), "%s/above/open", folder);
    CU_ASSERT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
    snprintf(path, sizeof(path), "%s/above/open/signet.db", folder);
    CU_ASSERT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    again = open_store("above/open");
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_EQUAL(store_cert_count(again), 1);
    store_free(again);
    /* Of a later version. */
    CU_ASSERT(store_run(store, "PRAGMA user_version = 99", ""));
    CU_ASSERT_PTR_NULL(open_store("above/open"));
    CU_ASSERT(raised("written by a later signet (schema 99"));
    store_free(store);
}

static void migrating(void)
{
    struct store *store;
    char path[300];
    sqlite3 *db = NULL;

    store_free(open_store("migrate"));
    snprintf(path, sizeof(path), "%s/migrate/signet.db", folder);
    CU_ASSERT_FATAL(remove(path) == 0 && sqlite3_open(path, &db) == SQLITE_OK);
    /* A migration that fails half-way leaves nothing: the table log is there before its time. */
    CU_ASSERT(sqlite3_exec(db, "CREATE TABLE log (x)", NULL, NULL, NULL) == SQLITE_OK);
    CU_ASSERT_PTR_NULL(open_store("migrate"));
    CU_ASSERT(raised("another program's database"));
    CU_ASSERT(sqlite3_exec(db, "SELECT * FROM certificate", NULL, NULL, NULL) == SQLITE_ERROR);
    CU_ASSERT(sqlite3_exec(db, "DROP TABLE log", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    store = open_store("migrate");
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT_EQUAL(store_cert_count(store), 0);
    /* From the first version. */
    CU_ASSERT(add_template(store, "kept", "x", "tls-server") > 0);
    CU_ASSERT(store_run(store, "DROP TABLE previous", "") && store_run(store, "DROP TABLE warned", "") &&
              store_run(store, "DROP INDEX certificate_expiry", ""));
    CU_ASSERT(store_run(store, "DROP TABLE incoming", "") && store_run(store, "DROP TABLE password", "") &&
              store_run(store, "DROP INDEX certificate_issued", "") &&
              store_run(store, "CREATE INDEX certificate_ca ON certificate(ca)", "") &&
              store_run(store, "PRAGMA user_version = 1", ""));
    store_free(store);
    store = open_store("migrate");
    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT_EQUAL(store_number(store, 0, "PRAGMA user_version", ""), 4);
    CU_ASSERT_EQUAL(store_number(store, 0, "SELECT count(*) FROM incoming", ""), 0);
    CU_ASSERT_EQUAL(store_cert_count(store), 1);
    store_free(store);
}

static void damaged(void)
{
    char path[300];
    FILE *file;

    store_free(open_store("damaged"));
    snprintf(path, sizeof(path), "%s/damaged/signet.db", folder);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "%0800d", 0);
    fclose(file);
    CU_ASSERT_PTR_NULL(open_store("damaged"));
    CU_ASSERT(raised("is damaged"));
}

static void transactions(void)
{
    struct store *store = open_store("transactions");

    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT(store_begin(store));
    CU_ASSERT(add_template(store, "a", "a", "tls-server") > 0);
    CU_ASSERT_EQUAL(store_cert_count(store), 1);
    CU_ASSERT_FALSE(store_end(store, 0));
    CU_ASSERT_EQUAL(store_cert_count(store), 0);
    /* One failure inside takes back the whole, whatever the outer end says. */
    CU_ASSERT(store_begin(store));
    CU_ASSERT(add_template(store, "a", "a", "tls-server") > 0);
    CU_ASSERT(store_begin(store));
    CU_ASSERT_FALSE(store_end(store, 0));
    CU_ASSERT_FALSE(store_end(store, 1));
    CU_ASSERT_EQUAL(store_cert_count(store), 0);
    /* And the next one is not told of it. */
    CU_ASSERT(store_begin(store));
    CU_ASSERT(add_template(store, "a", "a", "tls-server") > 0);
    CU_ASSERT(add_template(store, "b", "b", "tls-server") > 0);
    CU_ASSERT(store_end(store, 1));
    CU_ASSERT_EQUAL(store_cert_count(store), 2);
    CU_ASSERT_EQUAL(errors, 0);
    store_free(store);
}

static void busy(void)
{
    struct store *one = open_store("busy"), *two = open_store("busy");

    CU_ASSERT_FATAL(one != NULL && two != NULL);
    sqlite3_busy_timeout(two->db, 50);
    CU_ASSERT(store_begin(one));
    CU_ASSERT_FALSE(store_begin(two));
    CU_ASSERT(raised("the store is busy"));
    CU_ASSERT_EQUAL(store_cert_count(two), 0); /* reading goes on */
    CU_ASSERT_EQUAL(add_template(two, "a", "a", "tls-server"), 0);
    CU_ASSERT(raised("the store is busy"));
    CU_ASSERT(store_end(one, 1));
    CU_ASSERT(add_template(two, "a", "a", "tls-server") > 0);
    CU_ASSERT_EQUAL(store_cert_count(one), 1);
    store_free(one);
    store_free(two);
}

static void names(void)
{
    struct store *store = open_store("names");
    struct store_cert *cert;
    int64_t a;

    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    a = add_template(store, "a", "x", "tls-server");
    CU_ASSERT(a > 0);
    CU_ASSERT_EQUAL(add_template(store, "a", "y", "tls-server"), 0);
    CU_ASSERT(raised("there is a certificate called a already"));
    CU_ASSERT(add_template(store, "", "a", "tls-server") > 0); /* named by its common name, with a number */
    CU_ASSERT(add_template(store, "", "a", "tls-server") > 0);
    CU_ASSERT(add_template(store, "a_9", "y", "tls-server") > 0);
    CU_ASSERT(add_template(store, "", "a", "tls-server") > 0);
    for (const char *const *name = (const char *const[]){"a_1", "a_2", "a_9", "a_10", NULL}; *name; name++) {
        cert = get(store, *name);
        CU_ASSERT_PTR_NOT_NULL(cert);
        store_cert_free(cert);
    }
    /* Renaming to a name that is taken changes nothing. */
    cert = store_cert_get(store, &(struct store_query){.id = a});
    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    CU_ASSERT(store_cert_set_text(cert, STORE_NAME, "a_1") && !store_cert_update(store, cert));
    CU_ASSERT(raised("called a_1 already"));
    CU_ASSERT(store_cert_set_text(cert, STORE_NAME, "b") && store_cert_update(store, cert));
    store_cert_free(cert);
    cert = get(store, "a");
    CU_ASSERT_PTR_NULL(cert);
    CU_ASSERT_EQUAL(store_cert_count(store), 5);
    store_free(store);
}

static void flags(void)
{
    struct store *store = open_store("flags");
    struct store_import result;
    struct store_cert *cert;
    int64_t ca, leaf;

    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT(write_certificate(store, "now", -60, 3600) &&
              write_certificate(store, "expired", -7200, -3600) &&
              write_certificate(store, "future", 3600, 7200));
    CU_ASSERT(import(store, "now.pem", NULL, &result) && result.certificates == 1 && result.keys == 0);
    CU_ASSERT(import(store, "expired.pem", NULL, &result) && import(store, "future.pem", NULL, &result));
    CU_ASSERT_EQUAL(flags_of(store, "now") & (STORE_EXPIRED | STORE_PRIVATE_KEY | STORE_REVOKED), 0);
    CU_ASSERT_EQUAL(flags_of(store, "expired"), STORE_INVALID | STORE_EXPIRED);
    CU_ASSERT_EQUAL(flags_of(store, "future"), STORE_INVALID);
    cert = get(store, "future");
    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    CU_ASSERT_STRING_EQUAL(store_cert_problem(store, cert), "certificate is not yet valid");
    store_cert_free(cert);

    /* A chain: valid once its root is trusted, revoked once the root says so. */
    ca = add_template(store, "ca", "CA", "key-cert-sign,crl-sign");
    leaf = add_template(store, "leaf", "leaf", "tls-server");
    CU_ASSERT_EQUAL(flags_of(store, "leaf"), 0);
    CU_ASSERT(store_sign(store, ca, 0, NULL) && store_sign(store, leaf, ca, NULL));
    CU_ASSERT_EQUAL(flags_of(store, "ca"), STORE_PRIVATE_KEY | STORE_AUTHORITY);
    CU_ASSERT_EQUAL(flags_of(store, "leaf"), STORE_PRIVATE_KEY | STORE_INVALID);
    cert = get(store, "ca");
    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    cert->is_trusted = 1;
    CU_ASSERT(store_cert_update(store, cert));
    store_cert_free(cert);
    CU_ASSERT_EQUAL(flags_of(store, "ca"), STORE_PRIVATE_KEY | STORE_AUTHORITY | STORE_TRUSTED);
    CU_ASSERT_EQUAL(flags_of(store, "leaf"), STORE_PRIVATE_KEY);
    CU_ASSERT(store_revoke(store, leaf, "key-compromise"));
    CU_ASSERT_EQUAL(flags_of(store, "leaf"), STORE_PRIVATE_KEY | STORE_INVALID | STORE_REVOKED);
    CU_ASSERT(flags_of(store, "ca") & STORE_CRL);
    CU_ASSERT_FALSE(store_revoke(store, leaf, "key-compromise"));
    CU_ASSERT(raised("is revoked already"));
    store_free(store);
}

/* Copies a file of one store's files/ to another's. */
static int copy(struct store *from, struct store *to, const char *file)
{
    size_t len = 0;
    unsigned char *data = store_file_read(from, file, &len);
    int ok = data != NULL && store_file_write(to, file, data, len);

    OPENSSL_clear_free(data, len + 1);
    return ok;
}

static void round_trip(void)
{
    struct store *from = open_store("from"), *to = open_store("to"), *third = open_store("third");
    struct store_export pem = {.file = "leaf", .passphrase = "passphrase"};
    struct store_export p12 = {.file = "leaf", .passphrase = "passphrase", .is_pkcs12 = 1};
    struct store_import result;
    struct store_cert *before, *after;
    int64_t ca, leaf;

    CU_ASSERT_FATAL(from != NULL && to != NULL && third != NULL);
    ca = add_template(from, "ca", "CA", "key-cert-sign,crl-sign");
    leaf = add_template(from, "leaf", "leaf", "digital-signature,tls-server");
    CU_ASSERT(store_sign(from, ca, 0, NULL) && store_sign(from, leaf, ca, NULL));
    CU_ASSERT(store_export(from, leaf, &pem) && store_export(from, leaf, &p12));
    pem.passphrase = "short";
    CU_ASSERT_FALSE(store_export(from, leaf, &pem));
    CU_ASSERT(raised("at least 8 characters"));
    CU_ASSERT(copy(from, to, "leaf.p12") && copy(from, third, "leaf.crt") && copy(from, third, "leaf.key"));

    /* PKCS #12: nothing with a wrong passphrase, the whole chain and the key with the right one. */
    CU_ASSERT(import(to, "leaf.p12", "wrong", &result));
    CU_ASSERT(result.certificates == 0 && result.keys == 0 && result.decryption_failures == 1);
    CU_ASSERT(warnings == 1 && strstr(text, "the passphrase is wrong") != NULL);
    CU_ASSERT(import(to, "leaf.p12", "passphrase", &result));
    CU_ASSERT(result.certificates == 2 && result.keys == 1 && result.decryption_failures == 0);
    before = get(from, "leaf");
    after = get(to, "leaf");
    CU_ASSERT_FATAL(before != NULL && after != NULL);
    CU_ASSERT_STRING_EQUAL(before->text[STORE_FINGERPRINT], after->text[STORE_FINGERPRINT]);
    CU_ASSERT_STRING_EQUAL(after->text[STORE_KEY_USAGE], "digital-signature,tls-server");
    CU_ASSERT_STRING_EQUAL(after->text[STORE_KEY_SIZE], "prime256v1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(after->key_custody);
    CU_ASSERT_STRING_EQUAL(after->key_custody, "file");
    CU_ASSERT_EQUAL(before->not_after, after->not_after);
    store_cert_free(before);
    store_cert_free(after);

    /* PEM: the key finds its certificate, and only that. */
    warnings = 0;
    CU_ASSERT(import(third, "leaf.key", "passphrase", &result));
    CU_ASSERT(result.keys == 0 && result.keys_without_certificate == 1 && warnings == 1);
    CU_ASSERT(import(third, "leaf.crt", NULL, &result) && result.certificates == 1);
    CU_ASSERT_FALSE(flags_of(third, "leaf") & STORE_PRIVATE_KEY);
    CU_ASSERT(import(third, "leaf.key", "passphrase", &result) && result.keys == 1);
    CU_ASSERT(flags_of(third, "leaf") & STORE_PRIVATE_KEY);
    CU_ASSERT(import(third, "leaf.crt", NULL, &result) && result.certificates == 0); /* it is here already */
    CU_ASSERT_EQUAL(store_cert_count(third), 1);
    CU_ASSERT_EQUAL(errors, 0);
    store_free(from);
    store_free(to);
    store_free(third);
}

/* Writes files/costly.pem: what looks like a key that is encrypted like this. Frees algorithm. */
static int write_encrypted(struct store *store, X509_ALGOR *algorithm)
{
    X509_SIG *sig = X509_SIG_new();
    BIO *bio = BIO_new(BIO_s_mem());
    ASN1_OCTET_STRING *octets = NULL;
    X509_ALGOR *place = NULL;
    char *data = NULL;
    long len;
    int ok = algorithm != NULL && sig != NULL && bio != NULL;

    if (ok) {
        X509_SIG_getm(sig, &place, &octets);
        ok = X509_ALGOR_copy(place, algorithm) &&
             ASN1_OCTET_STRING_set(octets, (const unsigned char *)"0123456789abcdef", 16) &&
             PEM_write_bio_PKCS8(bio, sig);
    }
    len = BIO_get_mem_data(bio, &data);
    ok = ok && store_file_write(store, "costly.pem", data, (size_t)len);
    BIO_free(bio);
    X509_SIG_free(sig);
    X509_ALGOR_free(algorithm);
    return ok;
}

/* A file must not keep the router busy for an hour. */
static void costly_passphrases(void)
{
    struct store *store = open_store("costly");
    unsigned char salt[8] = {0}, iv[16] = {0};
    struct store_import result;

    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT(write_encrypted(store, PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 2048, salt, sizeof(salt), iv, -1)));
    CU_ASSERT(import(store, "costly.pem", "secret", &result) && result.decryption_failures == 1);
    CU_ASSERT(
        write_encrypted(store, PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), 10000001, salt, sizeof(salt), iv, -1)));
    CU_ASSERT_FALSE(import(store, "costly.pem", "secret", &result));
    CU_ASSERT(raised("hashed more than 5000000 times"));
    CU_ASSERT(write_encrypted(store,
                              PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), iv, 16384, 8, 1)));
    CU_ASSERT(import(store, "costly.pem", "secret", &result) && result.decryption_failures == 1);
    CU_ASSERT(write_encrypted(
        store, PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), iv, 65536, 2, 1000)));
    CU_ASSERT_FALSE(import(store, "costly.pem", "secret", &result));
    CU_ASSERT(raised("hashed more than 5000000 times"));
    store_free(store);
}

static void bad_files(void)
{
    struct store *store = open_store("bad");
    struct store_import result;

    CU_ASSERT_PTR_NOT_NULL_FATAL(store);
    CU_ASSERT_FALSE(import(store, "none", NULL, &result));
    CU_ASSERT(raised("none"));
    CU_ASSERT_FALSE(import(store, "../signet.db", NULL, &result));
    CU_ASSERT(raised("do not begin with a dot"));
    CU_ASSERT(store_file_write(store, "empty", "", 0) && !import(store, "empty", NULL, &result));
    CU_ASSERT(raised("is empty"));
    CU_ASSERT(store_file_write(store, "noise", "noise", 5) && !import(store, "noise", NULL, &result));
    CU_ASSERT(raised("holds nothing that can be imported"));
    CU_ASSERT(store_file_write(store, "cut", "-----BEGIN CERTIFICATE-----\nMIIB\n", 33));
    CU_ASSERT_FALSE(import(store, "cut", NULL, &result));
    CU_ASSERT(raised("damaged or cut off"));
    CU_ASSERT_EQUAL(store_cert_count(store), 0);
    store_free(store);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"opening", opening},
        {"migrating", migrating},
        {"a damaged store", damaged},
        {"transactions", transactions},
        {"busy", busy},
        {"names", names},
        {"flags", flags},
        {"export and import", round_trip},
        {"files that are no use", bad_files},
        {"costly passphrases", costly_passphrases},
        CU_TEST_INFO_NULL,
    };
    const char *above = getenv("TMPDIR");
    OSSL_PROVIDER *provider;
    int status;

    libctx = OSSL_LIB_CTX_new();
    provider = OSSL_PROVIDER_load(libctx, "default");
    snprintf(folder, sizeof(folder), "%s/unit-store-XXXXXX",
             above != NULL && *above != '\0' ? above : "/tmp");
    if (provider == NULL || mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    status = unit_run("store", tests);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
    return status;
}
