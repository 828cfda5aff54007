// SPDX-License-Identifier: Apache-2.0
/* What the files of store/ share. Private to store/. */
#ifndef SIGNET_STORE_PRIVATE_H
#define SIGNET_STORE_PRIVATE_H

#include "store.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sqlite3.h>

struct verifier; /* verify.c */

#define STORE_STATEMENTS 48

struct store {
    struct store_config config;
    char *home;
    sqlite3 *db;
    int depth;      /* of store_begin */
    int has_failed; /* something within the transaction has */
    OSSL_LIB_CTX *libctx;
    struct verifier *verifier;                  /* made when a flag needs it, dropped when anything changes */
    sqlite3_stmt *statements[STORE_STATEMENTS]; /* database.c: prepared, of store_prepare_again */
    unsigned statements_next;
};

/* ---- store.c ---- */

/* Both return 0. */
int store_raise(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with OpenSSL's newest error; empties its queue. */
int store_raise_ssl(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
void store_warn(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* NULL: said why. */
OSSL_LIB_CTX *store_crypto(struct store *store);
int store_is_in(const char *value, const char *const values[]);

/* ---- database.c ---- */

/* A statement with its parameters bound. types has a letter for each: i int64_t, t text (NULL is SQL's NULL),
 * b blob (pointer and size_t). NULL: said why. The caller ends it with sqlite3_finalize. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql, const char *types, ...);
/* The same, kept prepared for the next time. Whoever gets it runs it to its end, before anybody else could
 * want the same statement, and ends it with store_done. */
sqlite3_stmt *store_prepare_again(struct store *store, const char *sql, const char *types, ...);
void store_done(sqlite3_stmt *stmt);
/* Steps: 1 a row, 0 the end, -1 failed and said why. */
int store_step(struct store *store, sqlite3_stmt *stmt);
/* Runs a statement that gives no rows. */
int store_run(struct store *store, const char *sql, const char *types, ...);
/* The first column of the first row, or missing if there is no row; -1 failed, and said why. */
int64_t store_number(struct store *store, int64_t missing, const char *sql, const char *types, ...);
int store_raise_db(struct store *store);
void store_statements_free(struct store *store);
/* Never NULL; the caller's (OPENSSL_free). */
char *store_column_text(sqlite3_stmt *stmt, int column);
int store_schema_migrate(struct store *store);

/* ---- file.c ---- */

/* Writes path whole or not at all, 0600: temporary file, fsync, rename, fsync of the folder. */
int store_write_path(struct store *store, const char *path, const void *data, size_t len);
/* Removes the temporary files in files/ that killed processes have left. */
void store_files_sweep(struct store *store);
int store_sync_folder(const char *path);

/* ---- name.c: subjects, alternative names and usages between text and X.509 ---- */

X509_NAME *store_name_new(struct store *store, const struct store_cert *cert);
STACK_OF(GENERAL_NAME) * store_alt_names_new(struct store *store, const char *text);
/* Usages as text from a certificate's extensions, and extensions from text; see usage.c. */
char *store_usages_of(X509 *x509);
int store_usages_add(struct store *store, STACK_OF(X509_EXTENSION) * extensions, const char *text);
int store_usage_has(const char *text, const char *usage);
char *store_hex(const unsigned char *data, size_t len, int is_upper);
char *store_bio_text(BIO *bio);

/* ---- certificate.c ---- */

/* Fills the fields that an X509 tells. */
int store_cert_describe(struct store *store, struct store_cert *cert, X509 *x509);
/* Inserts a certificate that store_cert_describe has filled from x509; sets id. */
int store_cert_insert(struct store *store, struct store_cert *cert, X509 *x509);
/* The same in the place of what has this id. x509 is NULL for a template. */
int store_cert_write(struct store *store, const struct store_cert *cert, X509 *x509);
X509 *store_cert_x509(struct store *store, const struct store_cert *cert);
/* A name that is free: wanted, or wanted_1, … The caller's. */
char *store_free_name(struct store *store, const char *wanted);
struct store_cert *store_cert_by_id(struct store *store, int64_t id);

/* ---- key.c ---- */

/* Makes a key; reports progress. */
EVP_PKEY *store_pkey_make(struct store *store, const char *size, const char *custody, const char *pcrs,
                          char **pem);
/* Puts a key into the table, or finds it there. Returns its id. */
int64_t store_key_insert(struct store *store, EVP_PKEY *pkey, const char *pem, const char *name);
EVP_PKEY *store_pkey_load(struct store *store, int64_t id);
EVP_PKEY *store_key_parse(struct store *store, const char *pem);

/* ---- cache.c ---- */

EVP_PKEY *store_cached_key(struct store *store, const char *pem);
/* The threads of a server write one after the other, without a try for the database's lock every now and
 * then. */
void store_write_lock(struct store *store);
void store_write_unlock(struct store *store);

/* The key of a certificate or template; says which has none. */
EVP_PKEY *store_cert_pkey(struct store *store, const struct store_cert *cert);
int64_t store_key_find(struct store *store, EVP_PKEY *pkey);
int64_t store_key_find_spki(struct store *store, X509_PUBKEY *spki);
/* PEM of a private key as it is kept: TSS2 PRIVATE KEY or PKCS #8. The caller wipes it. */
char *store_pkey_pem(struct store *store, EVP_PKEY *pkey);
const char *store_pkey_custody(EVP_PKEY *pkey);
/* Removes keys that nothing uses and nobody named. */
int store_key_sweep(struct store *store);
void store_wipe(char *text);

/* ---- issue.c ---- */

struct store_issue {
    const struct store_cert *template;
    X509_REQ *request;           /* NULL, or whose subject and alternative names are taken */
    EVP_PKEY *pkey;              /* the subject's: public part */
    const struct store_cert *ca; /* NULL: self-signed */
    EVP_PKEY *ca_pkey;
    const char *crl_host;
    int64_t crl_id;  /* of the issuer, for the URL of its CRL */
    int64_t seconds; /* that it is valid; 0: the template's days_valid */
};
X509 *store_issue(struct store *store, const struct store_issue *issue);
const EVP_MD *store_signature_md(struct store *store, EVP_PKEY *pkey, const char *digest);
/* May ca sign certificates? Says why not. */
int store_check_ca(struct store *store, const struct store_cert *ca);

/* ---- sign.c ---- */

struct store_cert *store_template_get(struct store *store, int64_t id);
/* The template's key: the one it has from a request, or a new one; *pem is set for a new one. */
EVP_PKEY *store_template_key(struct store *store, const struct store_cert *template, char **pem);
/* The template as it was when the work began must still be there: nobody may have signed or changed it. */
int store_template_is_unchanged(struct store *store, const struct store_cert *before);

/* ---- previous.c ---- */

/* Keeps what the certificate is now, before it is replaced; what is kept already, and proved, stays. Within a
 * transaction. */
int store_previous_keep(struct store *store, int64_t id);

/* ---- request.c ---- */

/* options may be NULL. */
X509_REQ *store_request_new(struct store *store, const struct store_cert *template, EVP_PKEY *pkey,
                            const struct store_enrol_options *options);
/* Issues for a request: fills cert, whose name is wanted. The signature is made here, outside a transaction.
 * old: what it renews, whose usages are the most that it gets; NULL: it is new. */
X509 *store_request_issue(struct store *store, const struct store_cert *ca, X509_REQ *request, X509 *old,
                          int days_valid, const char *name, struct store_cert *cert);
/* Inserts what was issued so, under a name that is free. Within a transaction. */
int store_request_insert(struct store *store, struct store_cert *cert, X509 *x509);
/* The names a request asks for, as a certificate's would be told. 0: out of memory. */
int store_describe_request(struct store *store, struct store_cert *cert, X509_REQ *request);

/* ---- crl.c ---- */

/* Is a CRL in the store that this CA has signed? */
int store_crl_is_here(struct store *store, const struct store_cert *ca);
X509_CRL *store_crl_parse(struct store *store, const unsigned char *data, size_t len);
int store_crl_insert(struct store *store, X509_CRL *crl, int64_t ca, const char *url, int64_t *id);

/* ---- setting.c ---- */

/* Is a setting of STORE_SETTINGS this? */
int store_setting_is(struct store *store, const char *name, const char *value);

/* ---- describe.c ---- */

/* Seconds since 1970; 0 if time is NULL or malformed. */
int64_t store_seconds(const ASN1_TIME *time);

/* ---- verify.c ---- */

void store_verifier_free(struct store *store);

/* ---- export.c ---- */

/* The issuers, as far as they are in the store, each found by its name and the signature that it made. The
 * caller's; NULL: out of memory. */
STACK_OF(X509) * store_chain_above(struct store *store, const struct store_cert *cert);

/* ---- swap.c ---- */

/* One process at a time makes or removes folders that are swapped. operation as of flock. The caller closes
 * it; -1 with errno. */
int store_swap_lock(struct store *store, int operation);
/* Lets the link parent/name lead to folder, which is in parent, too. */
int store_swap(struct store *store, const char *parent, const char *name, const char *folder);
/* Removes what in parent begins with prefix (which begins with a dot) and no link there leads to: of before,
 * or of a process that was stopped. */
void store_swap_sweep(const char *parent, const char *prefix);

/* ---- live.c ---- */

/* Removes the folders of certificates that are gone, and what killed processes have left. */
void store_live_sweep(struct store *store);

/* ---- trust.c ---- */

/* Something changed that the trust folder shows. Within a transaction. */
int store_trust_touch(struct store *store);
/* The same of a CRL: it shows only if crl-use is on. */
int store_trust_touch_crl(struct store *store);
int store_trust_write(struct store *store);
/* Removes the trust folders that killed processes have left. */
void store_trust_sweep(struct store *store);
/* The system's roots as OpenSSL's hashed folder, where the system has one. */
#define STORE_BUILTIN_HASHED "/etc/ssl/certs"

#endif
