// SPDX-License-Identifier: Apache-2.0
/*
 * store: libsignet, the certificate store.
 *
 * Certificates, keys, a local CA, CRLs, trust, the settings of menus and a log, in one SQLite database under
 * one folder. Keys are used through OpenSSL's EVP only, in a library context that the caller provides; where
 * a private key lives and signs is that context's business.
 *
 * Conventions
 *   - Functions return 1 (or a pointer) on success and 0 (or NULL) on failure. The place that knows the
 *     cause reports it once through store_config.error; callers add nothing.
 *   - A function that writes does all of it in one transaction or nothing. store_begin and store_commit make
 *     several into one. Files are written whole or not at all.
 *   - Strings of a record belong to it. Times are seconds since 1970 UTC. Ids are positive, 0 means none.
 *   - A struct store belongs to one thread; any number of processes may share the folder.
 *
 * The folder (0700, everything in it 0600)
 *   signet.db   the database; signet.db-wal and signet.db-shm, or signet.db-journal, belong to it
 *   files/      what is imported from and exported to
 *   live/NAME   a link to a folder with a certificate and its key for a service: see store_live_write
 *   trust       a link to a folder made anew at each change: bundle.pem, crl.pem, hashed/ as OpenSSL's
 *               -CApath wants it, and the same for each use in USE/
 */
#ifndef SIGNET_STORE_H
#define SIGNET_STORE_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct store;

struct store_cache;

struct store_config {
    const char *home; /* absolute path; made if it is not there */

    /* The library context in which keys are made, loaded and used, called when it is first needed. It has
     * OpenSSL's default provider and the provider signet, whose property query makes RSA keys take a
     * "custody" (signet(7)). NULL: said why. */
    OSSL_LIB_CTX *(*crypto)(void *arg);

    /* These three must be there. One line each, without a newline. */
    void (*error)(void *arg, const char *text);
    void (*warn)(void *arg, const char *text);
    /* Called when long work begins (text is "generating …") and about ten times a second during it (text is
     * NULL). Returns 0 to cancel. */
    int (*progress)(void *arg, const char *text);
    /* What the stores of a server's threads share: keys and certificates that stay parsed, and turns at
     * writing, to a write-ahead log where the file system can. NULL: nothing. */
    struct store_cache *cache;
    void *arg;
};

/* To be freed after the stores, and before what the keys are in. */
struct store_cache *store_cache_new(void);
void store_cache_free(struct store_cache *cache);

/* Opens or makes the store, brings its schema and the trust folder up to date, and removes what processes
 * that were killed have left. */
struct store *store_open(const struct store_config *config);
void store_free(struct store *store);

/* ---- transactions ---- */

/* Nest. Waits for other processes' writing for ten seconds, then fails and says that the store is busy. */
int store_begin(struct store *store);
/* Ends what store_begin began: commits if ok, otherwise takes everything back. Returns ok, or 0 if the
 * commit failed. Brings the trust folder up to date. */
int store_end(struct store *store, int ok);
/* Does the trust folder anew if a process was stopped before it could, and forgets what was remembered of
 * certificates for flags. To be called before each command. */
int store_refresh(struct store *store);

/* ---- certificates ---- */

/* The text fields of a record, each a column of the table and, with "-" for "_", a property of the menu. */
enum store_text {
    STORE_NAME, /* unique */
    STORE_COMMON_NAME,
    STORE_COUNTRY, /* two letters (ISO 3166) */
    STORE_STATE,
    STORE_LOCALITY,
    STORE_ORGANIZATION,
    STORE_UNIT,
    STORE_SUBJECT_ALT_NAME, /* "DNS:a.example,IP:192.0.2.1,email:a@b.example,URI:http://a.example/" */
    STORE_KEY_USAGE,        /* "digital-signature,tls-server": see store_usages */
    STORE_KEY_SIZE,         /* "2048", "prime256v1": see store_key_sizes */
    STORE_KEY_TYPE,         /* "rsa", "rsa-pss", "ec", …; empty for a template */
    STORE_DIGEST_ALGORITHM, /* "sha256", "sha384", "sha512" */
    STORE_CUSTODY,          /* of a template: wanted, "auto", "tpm", "sealed" or "file"; otherwise empty */
    STORE_SUBJECT,          /* RFC 2253 */
    STORE_ISSUER,
    STORE_SERIAL_NUMBER, /* upper case hexadecimal, as are the next three */
    STORE_FINGERPRINT,   /* SHA-256 of the DER; lower case */
    STORE_SKID,
    STORE_AKID,
    STORE_TRUST_STORE, /* "all" or a list of store_uses */
    STORE_CA_CRL_HOST, /* host of the CRL's URL in what this CA issues */
    STORE_TEXTS
};

/* Names of the columns, in the order of enum store_text. */
extern const char *const store_text_names[STORE_TEXTS];

struct store_cert {
    int64_t id;
    char *text[STORE_TEXTS]; /* never NULL; a template's are empty where only a certificate has them */
    int days_valid;
    int path_length; /* of basicConstraints; -1: none */
    int is_authority, is_trusted;
    int64_t not_before, not_after;
    int64_t key; /* id of its private key */
    int64_t ca;  /* id of the certificate in this store that issued it, its own if self-signed here */
    int64_t revoked_at;
    char *key_custody;  /* of the private key, or NULL */
    unsigned char *der; /* NULL: a template, not signed yet */
    size_t der_len;
};

/* Flags, computed from facts at the time of asking. */
enum store_flag {
    STORE_PRIVATE_KEY = 1 << 0, /* K: the private key is in this store */
    STORE_AUTHORITY = 1 << 1,   /* A: a CA (basicConstraints) */
    STORE_CRL = 1 << 2,         /* L: a CRL that it has issued is in this store */
    STORE_TRUSTED = 1 << 3,     /* T */
    STORE_INVALID = 1 << 4,     /* I: expired, not valid yet, revoked, or its chain can't be verified */
    STORE_REVOKED = 1 << 5,     /* R: here, or by a CRL in this store if settings crl-use is on */
    STORE_EXPIRED = 1 << 6,     /* E */
};
unsigned store_cert_flags(struct store *store, const struct store_cert *cert);
/* Why STORE_INVALID: OpenSSL's text, or NULL if it is valid. Static. */
const char *store_cert_problem(struct store *store, const struct store_cert *cert);

/* Which certificates; all if none of these is set. */
struct store_query {
    int64_t id;
    const char *name;
    int is_local_ca; /* those that can sign: an authority, with its key; for store_cert_each */
};
/* Calls each in the order of ids with a record that lives until it returns; 0 stops. */
int store_cert_each(struct store *store, const struct store_query *query,
                    int (*each)(void *arg, struct store_cert *cert), void *arg);
/* Number of certificates and templates; -1: said why. */
int64_t store_cert_count(struct store *store);
/* NULL: there is none, and nothing is said, unless the store can't be read. */
struct store_cert *store_cert_get(struct store *store, const struct store_query *query);
/* The X509 of one that is asked for again and again (a CA's), the caller's. NULL: a template, and said so. */
X509 *store_cert_cached(struct store *store, const struct store_cert *cert);
/* The certificate, then its issuers as far as they are in the store, without the root, which whoever verifies
 * has or does not trust: what a TLS server shows. The caller's (sk_X509_pop_free). NULL: said why. */
STACK_OF(X509) * store_cert_chain(struct store *store, const struct store_cert *cert);
/* store_cert_get by what it is (DER), and by who issued it. */
struct store_cert *store_cert_find(struct store *store, const unsigned char *der, size_t len);
struct store_cert *store_cert_issued(struct store *store, int64_t ca, const ASN1_INTEGER *serial);
void store_cert_free(struct store_cert *cert);

/* A template with default values, the caller's. */
struct store_cert *store_template_new(void);
/* Replaces a text. Returns 0 if out of memory. */
int store_cert_set_text(struct store_cert *cert, enum store_text field, const char *value);
/* Inserts a template, named by its common name if it has no name; sets id and name. */
int store_template_add(struct store *store, struct store_cert *cert);
/* Writes a template's fields back, or of a certificate name, trusted and trust-store; the fields that may not
 * change are the caller's to leave alone. */
int store_cert_update(struct store *store, const struct store_cert *cert);
/* Removes it, what it issued, and their keys unless something else uses them. *removed counts certificates.
 */
int store_cert_remove(struct store *store, int64_t id, int *removed);

/* ---- values that templates take; arrays end with NULL ---- */

extern const char *const store_usages[];
extern const char *const store_key_sizes[];
extern const char *const store_digests[];
extern const char *const store_uses[];
/* Checks a subjectAltName's text. Returns 0 and says what is wrong. */
int store_check_alt_name(struct store *store, const char *text);
int store_check_name(struct store *store, const char *name);

/* ---- the local CA ---- */

struct store_sign_options {
    const char *crl_host; /* becomes the certificate's own ca-crl-host; NULL: none */
    const char *name;     /* renames it; NULL: not */
    int64_t seconds;      /* that it is valid; 0: the template's days_valid */
};
/* Makes a certificate of the template: a key, and a signature by ca (0: self-signed). options may be NULL. */
int store_sign(struct store *store, int64_t template, int64_t ca, const struct store_sign_options *options);
/* Makes a PKCS #10 request (RFC 2986) of the template: writes FILE.pem and FILE_key.pem into files/, the
 * second with the key encrypted with passphrase, or wrapped by its TPM. The key stays with the template. */
int store_request_create(struct store *store, int64_t template, const char *file, const char *passphrase);
/* Issues a certificate for a request in files/; it joins the store as name. *id is set. */
int store_request_sign(struct store *store, const char *file, int64_t ca, int days_valid, const char *name,
                       int64_t *id);
/* Revokes what a CA of this store issued and renews the CA's CRL. reason is a name of RFC 5280 section 5.3.1
 * such as "key-compromise". */
int store_revoke(struct store *store, int64_t id, const char *reason);
extern const char *const store_revocation_reasons[];
/* What a CA of this store says of a serial number, of a certificate that is here or was revoked. when and
 * reason (one of store_revocation_reasons) are set if it is revoked. */
enum store_status { STORE_STATUS_FAILED, STORE_STATUS_UNKNOWN, STORE_STATUS_GOOD, STORE_STATUS_REVOKED };
enum store_status store_cert_status(struct store *store, int64_t ca, const ASN1_INTEGER *serial,
                                    int64_t *when, char reason[32]);
/* Signs a new CRL of a CA in this store. */
int store_crl_issue(struct store *store, int64_t ca);

/* ---- renewal ---- */

/* May it be renewed by the CA of this store that has issued it (itself, if it signed itself)? Says why not.
 */
int store_renew_check(struct store *store, const struct store_cert *cert);
/* Puts a new certificate of the same names, usages and length of life, by the same CA, in its place, with a
 * new key of the same kind and custody, or with its own. Id, name, trust and what names it stay. */
int store_renew(struct store *store, int64_t id, int new_key);

/* Whenever a certificate is replaced (store_renew, store_enrol_install), what it was is kept, with its key,
 * until the new one is proved to work: then it is dropped. Otherwise it comes back. */
int store_previous_is_there(struct store *store, int64_t id); /* -1: said why that is not known */
/* Is it there, and neither over nor revoked? */
int store_previous_is_usable(struct store *store, int64_t id);
int store_previous_drop(struct store *store, int64_t id);
int store_previous_restore(struct store *store, int64_t id);

/* The certificates whose key is here and the CAs that are trusted, by the end of their life, without those
 * that are revoked. */
struct store_expiry {
    int64_t id;
    const char *name;
    int64_t not_before, not_after;
    int is_kept; /* a setting called "certificate" names it: an entry that keeps it valid, perhaps */
    int step;    /* store_expiry_note's last, 0: none */
};
int store_expiry_each(struct store *store, int (*each)(void *arg, const struct store_expiry *expiry),
                      void *arg);
/* Notes how much was said of the end of this certificate's life; a new certificate begins at 0. */
int store_expiry_note(struct store *store, int64_t id, int step);

/* ---- enrolment: certificates that other CAs issue to this store, by ACME or SCEP ---- */

/* The request (PKCS #10, DER; the caller's) for a subject: the names and usages of a template that need not
 * be in the store. key is the name of a key (store_key_make); NULL: the key of certificate id. */
struct store_enrol_options {
    const char *challenge; /* challengePassword (RFC 2985 section 5.4.1), or NULL */
    int64_t like;          /* a certificate whose subject and alternative names are taken as they are, or 0 */
};
int store_enrol_request(struct store *store, const struct store_cert *subject, int64_t id, const char *key,
                        const struct store_enrol_options *options, unsigned char **der, size_t *len);
/* Is what came what was asked for: for this key, with each of the subject's alternative names, not expired,
 * and not the certificate that is there already? Returns 0 and says why. */
int store_enrol_check(struct store *store, const struct store_cert *subject, int64_t id, const char *key,
                      const char *pem);
/* Puts what was issued (PEM, the certificate first, then its chain) in the place of certificate or template
 * id: name, trust and whatever names it stay, and its key is from here on the one called key, which loses
 * that name. NULL: the key stays. Fails if the first certificate is not this key's or does not have each of
 * the subject's alternative names. The rest of the chain joins the store. */
int store_enrol_install(struct store *store, const struct store_cert *subject, int64_t id, const char *key,
                        const char *pem);

/* Adds a CA's certificate, untrusted, unless it is here. */
int store_enrol_add_issuer(struct store *store, X509 *x509);

/* ---- requests of others, which a protocol such as SCEP brings ---- */

struct store_incoming {
    int64_t id;
    int64_t entry; /* of the menu of the service that it came to */
    char *transaction_id;
    char *key_fingerprint; /* SHA-256 of the SubjectPublicKeyInfo, lower case hexadecimal */
    char *status;          /* "pending", "issued", "denied" */
    char *reason;          /* of a denial */
    char *subject;         /* RFC 2253 */
    char *subject_alt_name;
    char *address; /* where it came from */
    int64_t created, expires;
    int64_t certificate;    /* that was issued; 0: none, or removed since */
    unsigned char *request; /* PKCS #10, DER */
    size_t request_len;
    X509_REQ *parsed; /* after store_incoming_parse */
    X509 *issued;     /* after store_incoming_enrol */
};
/* Reads a request: its signature must be its key's. Fills subject, subject_alt_name, key_fingerprint and
 * request. Returns 0 with why (one line) and reports nothing: what is wrong is the sender's. */
int store_incoming_parse(struct store *store, const unsigned char *der, size_t len,
                         struct store_incoming *incoming, char *why, size_t size);
/* Adds it as pending until expires; sets id, which is the old one if it is there already. Fails if limit of
 * the entry's are pending, or same_address of those from its address: nobody alone takes all places. */
int store_incoming_add(struct store *store, struct store_incoming *incoming, int64_t limit,
                       int64_t same_address);
/* By id, or (0) by entry, transaction and key. NULL: there is none, and nothing is said. */
struct store_incoming *store_incoming_get(struct store *store, int64_t id, int64_t entry,
                                          const char *transaction_id, const char *key_fingerprint);
int store_incoming_each(struct store *store, int (*each)(void *arg, struct store_incoming *incoming),
                        void *arg);
void store_incoming_free(struct store_incoming *incoming);
void store_incoming_clear(struct store_incoming *incoming);
/* Issues the certificate and notes it, in one transaction: whoever asks again gets the same. old: what it
 * renews, or NULL; the new one has no usages that it had not. password: the one-time password that allowed
 * it, used up with it, or 0. Returns 0 also if it is not pending any more. */
int store_incoming_issue(struct store *store, int64_t id, X509 *old, int64_t ca, int days_valid,
                         int64_t password);
/* The same with what has been parsed and not been added: it is added as issued, and line logged (NULL:
 * none). Drops what is over, see
 * store_incoming_sweep. Returns 0 also if it is there already. */
int store_incoming_enrol(struct store *store, struct store_incoming *incoming, X509 *old, int64_t ca,
                         int days_valid, int64_t password, int64_t answered_before, const char *line);
int store_incoming_deny(struct store *store, int64_t id, const char *reason);
int store_incoming_remove(struct store *store, int64_t id);
/* Removes what is pending no longer than its time, and what was answered before then (0: none of that, which
 * has all requests read); it counts from when it could be answered last, since somebody may have granted it
 * after a month. */
int store_incoming_sweep(struct store *store, int64_t answered_before);

/* Does each name that it asks for (common names, addresses for mail, UIDs, serial numbers and unstructured
 * names of its subject, alternative names) match one of the patterns (fnmatch(3), with commas between them,
 * upper and lower case alike)? A pattern is for a name alone or with its kind ("DNS:*.example.com",
 * "serialNumber=*"); one list with a "=" may be for the subject as a whole. 0: no, or it has no name; which
 * is what does not match, for people. */
int store_incoming_matches(const struct store_incoming *incoming, const char *patterns, char *which,
                           size_t size);

/* A password for one enrolment, of a request that matches pattern (store_incoming_matches; empty: any). text
 * is 32 hexadecimal digits and a 0. */
int store_password_make(struct store *store, int64_t minutes, const char *pattern, char text[33]);
/* Its id, or 0: none such, expired, or for another subject. -1: failed. */
int64_t store_password_find(struct store *store, const char *text, const struct store_incoming *incoming);

/* What is to be kept of a user's password instead of it; the caller's (OPENSSL_free). NULL: said why. */
char *store_verifier_make(struct store *store, const char *password);
/* Is it the password? verifier may be NULL: no, which takes as long. -1: failed. */
int store_verifier_matches(struct store *store, const char *verifier, const char *password);

/* ---- CRLs ---- */

struct store_crl {
    int64_t id;
    int64_t ca;           /* the CA in this store that signs it, for our own */
    char *url;            /* where it is downloaded from, or empty */
    char *issuer;         /* RFC 2253; empty: not downloaded yet */
    uint32_t issuer_hash; /* as OpenSSL names files of hashed folders */
    char *number;         /* hexadecimal */
    int64_t this_update, next_update;
    int64_t count; /* of revoked certificates */
    unsigned char *der;
    size_t der_len;
};
/* Was it signed by a certificate of this store? For those that store_crl_each gives: it takes a verification.
 */
int store_crl_is_valid(struct store *store, const struct store_crl *crl);
int store_crl_each(struct store *store, int (*each)(void *arg, struct store_crl *crl), void *arg);
/* The CRL (DER, the caller's) that a CA of this store has signed, as it is kept: nothing is looked at. *der
 * is NULL if there is none. Returns 0 and says why if the store can't be read. */
int store_crl_of(struct store *store, int64_t ca, unsigned char **der, size_t *len, int64_t *next_update);
int store_crl_add(struct store *store, const char *url, int64_t *id);
int store_crl_remove(struct store *store, int64_t id);
/* Puts a downloaded CRL (DER or PEM) in the place of the one with this id. */
int store_crl_replace(struct store *store, int64_t id, const unsigned char *data, size_t len);
/* Forgets what was downloaded. */
int store_crl_flush(struct store *store);

/* ---- import and export, in files/ ---- */

struct store_import {
    const char *file;
    const char *name;       /* NULL: the file's, without its ending */
    const char *passphrase; /* NULL: none */
    const char *custody; /* "tpm", "sealed": gives the keys into it; "file" or NULL: keeps them as they are */
    int trusted;
    const char *trust_store; /* NULL: all */
    /* Set on return. */
    int certificates, keys, files, decryption_failures, keys_without_certificate, crls;
};
int store_import(struct store *store, struct store_import *import);

struct store_export {
    const char *file; /* NULL: cert_export_NAME */
    int is_pkcs12;
    const char *passphrase; /* NULL: the certificate only */
};
/* Writes FILE.crt and, with a passphrase, FILE.key; or FILE.p12. */
int store_export(struct store *store, int64_t id, const struct store_export *export);

/* ---- files for services: live/NAME/ ---- */

/* Makes or replaces live/NAME with fullchain.pem (the certificate, then its issuers without the root) and
 * key.pem (TSS2 PRIVATE KEY or PKCS #8, as the key is kept), each for its owner alone. Not within a
 * transaction: it shows what is committed. It goes with the certificate, or by store_live_remove. */
int store_live_write(struct store *store, int64_t id);
int store_live_remove(struct store *store, const char *name);
int store_live_is_there(struct store *store, const char *name);
/* The folder's path, the caller's (OPENSSL_free). */
char *store_live_path(struct store *store, const char *name);

/* Largest file that is imported, bytes. */
#define STORE_FILE_MAX (16 << 20)

/* ---- files ---- */

const char *store_home(const struct store *store);
/* The path of a file below files/, the caller's (OPENSSL_free). NULL: the name would lead out of there; said
 * so. */
char *store_file_path(struct store *store, const char *name);
/* "router" of "folder/router.p12". */
void store_file_stem(char *stem, size_t size, const char *name);
/* Writes a file below files/ whole or not at all, 0600. */
int store_file_write(struct store *store, const char *name, const void *data, size_t len);
/* Reads one; the caller wipes and frees (OPENSSL_clear_free) *len + 1 bytes, the last of which is 0. */
unsigned char *store_file_read(struct store *store, const char *name, size_t *len);

/* ---- keys ---- */

struct store_key {
    int64_t id;
    char *name; /* empty: it came with a certificate */
    char *custody, *type;
    char *fingerprint; /* SHA-256 of the SubjectPublicKeyInfo, lower case hexadecimal */
    int bits;
    int64_t certificates; /* that use it */
    char *pem;            /* what is kept of it; wiped by store_key_free */
};
int store_key_each(struct store *store, int (*each)(void *arg, struct store_key *key), void *arg);
/* By name, by fingerprint or the name of a certificate. NULL: none, and said so. */
struct store_key *store_key_get(struct store *store, const char *name);
void store_key_free(struct store_key *key);
/* size as in store_key_sizes, custody "auto", "tpm", "sealed" or "file"; pcrs as of struct hw_generate, or
 * NULL. */
int store_key_make(struct store *store, const char *name, const char *size, const char *custody,
                   const char *pcrs);
/* SHA-256 of a SubjectPublicKeyInfo as it is encoded, lower case hexadecimal; the caller's. NULL: said why.
 */
char *store_spki_fingerprint(struct store *store, X509_PUBKEY *spki);
/* Is there a key called so? -1: said why that is not known. */
int store_key_is_here(struct store *store, const char *name);
/* The key itself, in the library context of store_config.crypto; of a certificate, by its id, if name is
 * NULL. The caller's. NULL: said why. */
EVP_PKEY *store_key_pkey(struct store *store, const char *name, int64_t certificate);
/* Replaces what is kept of a key, such as by a reference to a persistent handle; pem must be the same key. */
int store_key_replace(struct store *store, int64_t id, const char *name, const char *pem);
/* Fails if a certificate uses it. */
int store_key_remove(struct store *store, int64_t id);

/* ---- settings: menus with one item, and menus of items that have nothing but properties ---- */

/* The menu whose settings the store itself obeys: crl-use (yes, no: the default), builtin-trust-store ("all",
 * "none" or a list of store_uses: which of them trust the system's roots, too). */
#define STORE_SETTINGS        "/certificate/settings"
#define STORE_BUILTIN_DEFAULT "fetch"
/* The system's roots, PEM. */
#define STORE_BUILTIN_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* "/certificate/settings", "crl-use". The caller's (OPENSSL_free); NULL: not set. */
char *store_setting_get(struct store *store, const char *menu, const char *name);
/* All of a menu; certificate: the one that it names, or 0. Values are the store's. */
int store_setting_each(struct store *store, const char *menu,
                       void (*each)(void *arg, const char *name, const char *value, int64_t certificate),
                       void *arg);
/* is_certificate: value is the name of a certificate; it follows renaming, and is empty once that is removed.
 */
int store_setting_set(struct store *store, const char *menu, const char *name, const char *value,
                      int is_certificate);
/* Items of a menu: a setting's menu is then "/certificate/scep-server*1", with the id that this returns. */
int64_t store_entry_add(struct store *store, const char *menu);
int store_entry_remove(struct store *store, const char *menu, int64_t id);
int store_entry_each(struct store *store, const char *menu, int (*each)(void *arg, int64_t id), void *arg);
/* Takes it away, so that store_setting_get gives NULL. */
int store_setting_remove(struct store *store, const char *menu, const char *name);
/* Calls each place where a setting names the certificate. */
int store_cert_users(struct store *store, int64_t cert,
                     int (*each)(void *arg, const char *menu, const char *name), void *arg);

/* ---- log ---- */

/* Adds a line; topics is "certificate,info". The oldest lines go beyond 10000. */
int store_log(struct store *store, const char *topics, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int store_log_each(struct store *store,
                   int (*each)(void *arg, int64_t id, int64_t when, const char *topics, const char *message),
                   void *arg);

#endif
