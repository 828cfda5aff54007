// SPDX-License-Identifier: Apache-2.0
/* Flags: what OpenSSL's chain verification (RFC 5280 section 6) and the CRLs say of a certificate. */
#include "private.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <string.h>

/* What verification needs of the store, read once for as long as nothing changes. */
struct verifier {
    X509_STORE *anchors;        /* trusted certificates and, where the setting says so, the system's roots */
    STACK_OF(X509) * untrusted; /* authorities without trust: intermediates */
    STACK_OF(X509_CRL) * crls;
    int crl_use;
};

void store_verifier_free(struct store *store)
{
    struct verifier *v = store->verifier;

    if (v == NULL)
        return;
    X509_STORE_free(v->anchors);
    sk_X509_pop_free(v->untrusted, X509_free);
    sk_X509_CRL_pop_free(v->crls, X509_CRL_free);
    OPENSSL_free(v);
    store->verifier = NULL;
}

/* A CRL that is missing is no reason to refuse; one that is there counts, also when a newer one is overdue.
 */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    switch (X509_STORE_CTX_get_error(ctx)) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        return 1;
    }
    return ok;
}

static int take_certificates(struct store *store, struct verifier *v)
{
    sqlite3_stmt *stmt =
        store_prepare(store,
                      /* Two indexes: with OR in its place SQLite reads the whole table. */
                      "SELECT id, is_trusted FROM certificate WHERE is_trusted"
                      " UNION SELECT id, is_trusted FROM certificate WHERE is_authority ORDER BY id",
                      "");
    int row = -1, ok = stmt != NULL;

    while (ok && (row = store_step(store, stmt)) == 1) {
        struct store_cert *cert = store_cert_by_id(store, sqlite3_column_int64(stmt, 0));
        X509 *x509 = cert != NULL && cert->der != NULL ? store_cert_x509(store, cert) : NULL;

        if (cert != NULL && cert->der == NULL) { /* a template that is to be trusted once it is signed */
            store_cert_free(cert);
            continue;
        }
        ok = x509 != NULL;
        if (ok && sqlite3_column_int(stmt, 1))
            ok = X509_STORE_add_cert(v->anchors, x509);
        else if (ok && sk_X509_push(v->untrusted, x509))
            x509 = NULL;
        X509_free(x509);
        store_cert_free(cert);
    }
    sqlite3_finalize(stmt);
    return ok && row == 0;
}

struct crl_taker {
    struct store *store;
    struct verifier *verifier;
    int ok;
};

/* A CRL that nobody here has signed says nothing, and must not spoil a chain. */
static int take_crl(void *arg, struct store_crl *row)
{
    struct store *store = ((struct crl_taker *)arg)->store;
    struct verifier *v = ((struct crl_taker *)arg)->verifier;
    X509_CRL *crl = store_crl_is_valid(store, row) ? store_crl_parse(store, row->der, row->der_len) : NULL;

    if (crl == NULL || sk_X509_CRL_push(v->crls, crl))
        return 1;
    X509_CRL_free(crl);
    ((struct crl_taker *)arg)->ok = 0;
    return 0;
}

static int take_crls(struct store *store, struct verifier *v)
{
    struct crl_taker taker = {store, v, 1};

    return store_crl_each(store, take_crl, &taker) && taker.ok;
}

/* The system's roots: from their hashed folder one by one as they are looked for, since reading all of them
 * takes longer than anything else here; where there is only the bundle, that. */
static void add_builtin(X509_STORE *anchors, OSSL_LIB_CTX *libctx)
{
    DIR *folder = opendir(STORE_BUILTIN_HASHED);
    struct dirent *entry;
    int is_hashed = 0;

    while (!is_hashed && folder != NULL && (entry = readdir(folder)) != NULL)
        is_hashed = strspn(entry->d_name, "0123456789abcdef") == 8 && strcmp(entry->d_name + 8, ".0") == 0;
    if (folder != NULL)
        closedir(folder);
    if (is_hashed)
        X509_STORE_load_path(anchors, STORE_BUILTIN_HASHED);
    else
        X509_STORE_load_file_ex(anchors, STORE_BUILTIN_ROOTS, libctx, NULL);
}

static struct verifier *get_verifier(struct store *store)
{
    struct verifier *v = store->verifier;
    X509_VERIFY_PARAM *param;
    OSSL_LIB_CTX *libctx = store_crypto(store);

    if (v != NULL || libctx == NULL)
        return v;
    v = store->verifier = OPENSSL_zalloc(sizeof(*v));
    if (v == NULL)
        return NULL;
    v->anchors = X509_STORE_new();
    v->untrusted = sk_X509_new_null();
    v->crls = sk_X509_CRL_new_null();
    v->crl_use = store_setting_is(store, "crl-use", "yes");
    if (v->anchors == NULL || v->untrusted == NULL || v->crls == NULL || !take_certificates(store, v) ||
        (v->crl_use && !take_crls(store, v))) {
        store_verifier_free(store);
        return NULL;
    }
    if (!store_setting_is(store, "builtin-trust-store", "none"))
        add_builtin(v->anchors, libctx);
    ERR_clear_error(); /* a router without them is none the worse */
    param = X509_STORE_get0_param(v->anchors);
    /* An intermediate that is trusted is an anchor. */
    X509_VERIFY_PARAM_set_flags(param,
                                X509_V_FLAG_PARTIAL_CHAIN |
                                    (v->crl_use ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0));
    X509_STORE_set_verify_cb(v->anchors, on_verify);
    return v;
}

/* X509_V_OK or the error. */
static int verify_chain(struct store *store, struct verifier *v, X509 *x509)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new_ex(store_crypto(store), NULL);
    int error = X509_V_ERR_OUT_OF_MEM;

    if (ctx != NULL && X509_STORE_CTX_init(ctx, v->anchors, x509, v->untrusted)) {
        X509_STORE_CTX_set0_crls(ctx, v->crls);
        error = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return error;
}

/* A root needs no trust to be what it says: its own signature and times. */
static int verify(struct store *store, const struct store_cert *cert)
{
    struct verifier *v = get_verifier(store);
    X509 *x509 = v != NULL ? store_cert_x509(store, cert) : NULL;
    int64_t now = (int64_t)time(NULL);
    int error = X509_V_ERR_UNSPECIFIED;

    if (x509 == NULL)
        return error;
    if (now > cert->not_after)
        error = X509_V_ERR_CERT_HAS_EXPIRED;
    else if (now < cert->not_before)
        error = X509_V_ERR_CERT_NOT_YET_VALID;
    else if (cert->revoked_at != 0)
        error = X509_V_ERR_CERT_REVOKED;
    else if (strcmp(cert->text[STORE_SUBJECT], cert->text[STORE_ISSUER]) == 0)
        error = X509_self_signed(x509, 1) == 1 ? X509_V_OK : verify_chain(store, v, x509);
    else
        error = verify_chain(store, v, x509);
    ERR_clear_error();
    X509_free(x509);
    return error;
}

const char *store_cert_problem(struct store *store, const struct store_cert *cert)
{
    int error = cert->der != NULL ? verify(store, cert) : X509_V_OK;

    return error == X509_V_OK ? NULL : X509_verify_cert_error_string(error);
}

unsigned store_cert_flags(struct store *store, const struct store_cert *cert)
{
    unsigned flags = 0;
    int error;

    if (cert->is_trusted)
        flags |= STORE_TRUSTED;
    if (cert->der == NULL)
        return flags;
    if (cert->key != 0)
        flags |= STORE_PRIVATE_KEY;
    if (cert->is_authority) {
        flags |= STORE_AUTHORITY;
        if (store_crl_is_here(store, cert))
            flags |= STORE_CRL;
    }
    if ((int64_t)time(NULL) > cert->not_after)
        flags |= STORE_EXPIRED;
    error = verify(store, cert);
    if (error != X509_V_OK)
        flags |= STORE_INVALID;
    if (error == X509_V_ERR_CERT_REVOKED || cert->revoked_at != 0)
        flags |= STORE_REVOKED;
    return flags;
}
