// SPDX-License-Identifier: Apache-2.0
/* Export: the certificate in PEM, its key as encrypted PKCS #8 (RFC 5958), or both in PKCS #12. */
#include "private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#define PASSPHRASE_MIN 8

static int write_bio(struct store *store, const char *base, const char *ending, BIO *bio)
{
    char name[320], *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    snprintf(name, sizeof(name), "%.300s%s", base, ending);
    return store_file_write(store, name, data, (size_t)len);
}

static int export_pem(struct store *store, X509 *x509, EVP_PKEY *pkey, const char *base,
                      const char *passphrase)
{
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    int ok = cert != NULL && key != NULL && PEM_write_bio_X509(cert, x509);

    if (ok && pkey != NULL &&
        !PEM_write_bio_PKCS8PrivateKey(key, pkey, EVP_aes_256_cbc(), passphrase, (int)strlen(passphrase),
                                       NULL, NULL))
        ok = store_raise_ssl(store, "the key can't be encrypted");
    ok = ok && write_bio(store, base, ".crt", cert) && (pkey == NULL || write_bio(store, base, ".key", key));
    BIO_free(cert);
    BIO_free(key);
    return ok;
}

/* The newest certificate that signed x509, with its id. */
static X509 *issuer_of(struct store *store, X509 *x509, int64_t *id)
{
    sqlite3_stmt *stmt = store_prepare(
        store,
        "SELECT ca.id, ca.der FROM certificate c JOIN certificate ca ON ca.is_authority AND "
        "ca.subject_hash = c.issuer_hash AND (c.akid = '' OR ca.skid = c.akid) AND ca.der IS NOT NULL "
        "WHERE c.id = ? AND ca.id <> c.id ORDER BY ca.id DESC",
        "i", *id);
    X509 *issuer = NULL;

    while (stmt != NULL && issuer == NULL && store_step(store, stmt) == 1) {
        const struct store_cert ca = {.der = (unsigned char *)sqlite3_column_blob(stmt, 1),
                                      .der_len = (size_t)sqlite3_column_bytes(stmt, 1)};

        issuer = store_cert_x509(store, &ca);
        if (issuer != NULL && X509_verify(x509, X509_get0_pubkey(issuer)) == 1) {
            *id = sqlite3_column_int64(stmt, 0);
        } else {
            /* Another CA of the same name. */
            ERR_clear_error();
            X509_free(issuer);
            issuer = NULL;
        }
    }
    sqlite3_finalize(stmt);
    return issuer;
}

STACK_OF(X509) * store_chain_above(struct store *store, const struct store_cert *cert)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *leaf = store_cert_x509(store, cert), *x509 = leaf;
    int64_t id = cert->id;
    int depth;

    for (depth = 0; chain != NULL && x509 != NULL && depth < 32; depth++) {
        x509 = issuer_of(store, x509, &id);
        if (x509 != NULL && !sk_X509_push(chain, x509)) {
            X509_free(x509);
            break;
        }
    }
    X509_free(leaf);
    return chain;
}

STACK_OF(X509) * store_cert_chain(struct store *store, const struct store_cert *cert)
{
    X509 *x509 = store_cert_x509(store, cert), *issuer;
    STACK_OF(X509) *above = x509 != NULL ? store_chain_above(store, cert) : NULL;
    STACK_OF(X509) *chain = above != NULL ? sk_X509_new_null() : NULL;
    int ok = chain != NULL && sk_X509_push(chain, x509);

    if (!ok)
        X509_free(x509);
    while (ok && (issuer = sk_X509_shift(above)) != NULL) {
        if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(issuer)) == 0)
            X509_free(issuer);
        else if (!(ok = sk_X509_push(chain, issuer)))
            X509_free(issuer);
    }
    sk_X509_pop_free(above, X509_free);
    if (ok)
        return chain;
    if (x509 != NULL)
        store_raise(store, "out of memory");
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static int export_pkcs12(struct store *store, const struct store_cert *cert, X509 *x509, EVP_PKEY *pkey,
                         const char *base, const char *passphrase)
{
    STACK_OF(X509) *chain = store_chain_above(store, cert);
    BIO *bio = BIO_new(BIO_s_mem());
    PKCS12 *p12 = PKCS12_create_ex(passphrase, cert->text[STORE_NAME], pkey, x509, chain, NID_aes_256_cbc,
                                   NID_aes_256_cbc, PKCS12_DEFAULT_ITER, PKCS12_DEFAULT_ITER, 0,
                                   store_crypto(store), NULL);
    int ok = bio != NULL && p12 != NULL &&
             PKCS12_set_mac(p12, passphrase, -1, NULL, 0, PKCS12_DEFAULT_ITER, EVP_sha256()) &&
             i2d_PKCS12_bio(bio, p12);

    ok = ok ? write_bio(store, base, ".p12", bio) : store_raise_ssl(store, "the PKCS #12 can't be made");
    PKCS12_free(p12);
    BIO_free(bio);
    sk_X509_pop_free(chain, X509_free);
    return ok;
}

int store_export(struct store *store, int64_t id, const struct store_export *export)
{
    struct store_cert *cert = store_cert_by_id(store, id);
    const char *passphrase = export->passphrase;
    EVP_PKEY *pkey = NULL;
    X509 *x509 = NULL;
    char base[320];
    int ok = 0;

    if (cert == NULL || (x509 = store_cert_x509(store, cert)) == NULL)
        goto out;
    if (passphrase != NULL && strlen(passphrase) < PASSPHRASE_MIN) {
        store_raise(store, "export-passphrase: expected at least %d characters", PASSPHRASE_MIN);
        goto out;
    }
    if (passphrase == NULL && export->is_pkcs12) {
        store_raise(store, "type=pkcs12 needs an export-passphrase");
        goto out;
    }
    if (passphrase != NULL && cert->key_custody != NULL && strcmp(cert->key_custody, "file") != 0) {
        store_raise(store,
                    "the private key of %s belongs to this machine's TPM (custody %s) and can't be exported; "
                    "leave out "
                    "export-passphrase to export the certificate",
                    cert->text[STORE_NAME], cert->key_custody);
        goto out;
    }
    if (passphrase != NULL && cert->key != 0 && (pkey = store_cert_pkey(store, cert)) == NULL)
        goto out;
    if (export->file != NULL)
        OPENSSL_strlcpy(base, export->file, sizeof(base));
    else
        snprintf(base, sizeof(base), "cert_export_%.300s", cert->text[STORE_NAME]);
    ok = export->is_pkcs12 ? export_pkcs12(store, cert, x509, pkey, base, passphrase)
                           : export_pem(store, x509, pkey, base, passphrase);
    ok = ok && store_log(store, "certificate,info", "certificate %s exported%s", cert->text[STORE_NAME],
                         pkey != NULL ? " with its private key" : "");
out:
    EVP_PKEY_free(pkey);
    X509_free(x509);
    store_cert_free(cert);
    return ok;
}
