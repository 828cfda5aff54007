// SPDX-License-Identifier: Apache-2.0
/* Certificates that other CAs issue to this store: their requests, and what comes back. A certificate, its
 * chain and its key change together, in one transaction. */
#include "private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX 10

int store_enrol_request(struct store *store, const struct store_cert *subject, int64_t id, const char *key,
                        const struct store_enrol_options *options, unsigned char **der, size_t *len)
{
    EVP_PKEY *pkey = store_key_pkey(store, key, id);
    X509_REQ *request = pkey != NULL ? store_request_new(store, subject, pkey, options) : NULL;
    int n = -1;

    *der = NULL;
    if (request != NULL && (n = i2d_X509_REQ(request, der)) > 0)
        *len = (size_t)n;
    else if (request != NULL)
        store_raise_ssl(store, "the request can't be encoded");
    X509_REQ_free(request);
    EVP_PKEY_free(pkey);
    return n > 0;
}

/* ---- what was issued ---- */

static STACK_OF(X509) * read_chain(struct store *store, const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *x509 = NULL;
    int ok = bio != NULL && chain != NULL;

    while (ok && sk_X509_num(chain) <= CHAIN_MAX) {
        x509 = X509_new_ex(store_crypto(store), NULL);
        if (x509 == NULL || PEM_read_bio_X509(bio, &x509, NULL, NULL) == NULL) {
            X509_free(x509);
            break;
        }
        ok = sk_X509_push(chain, x509) > 0;
    }
    BIO_free(bio);
    if (ok && sk_X509_num(chain) > 0 && sk_X509_num(chain) <= CHAIN_MAX &&
        ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return chain;
    }
    ERR_clear_error();
    store_raise(store, "what the CA has sent is no chain of certificates");
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static int has_name(GENERAL_NAMES *names, GENERAL_NAME *wanted)
{
    int i, has = 0;

    for (i = 0; !has && i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        /* DNS names are equal in any case of letters (RFC 5280 section 7.2). */
        if (name->type == GEN_DNS && wanted->type == GEN_DNS)
            has = name->d.ia5->length == wanted->d.ia5->length &&
                  OPENSSL_strncasecmp((const char *)name->d.ia5->data, (const char *)wanted->d.ia5->data,
                                      (size_t)name->d.ia5->length) == 0;
        else
            has = GENERAL_NAME_cmp(name, wanted) == 0;
    }
    return has;
}

/* Whatever the CA says that it has issued must be for what was asked. */
static int check_issued(struct store *store, const struct store_cert *subject, X509 *x509, EVP_PKEY *pkey)
{
    const char *text = subject->text[STORE_SUBJECT_ALT_NAME];
    GENERAL_NAMES *wanted = NULL, *names = NULL;
    int i, ok = 1;

    if (X509_get0_pubkey(x509) == NULL || EVP_PKEY_eq(X509_get0_pubkey(x509), pkey) != 1) {
        ERR_clear_error();
        return store_raise(store, "the certificate that the CA has sent is not for the key of the request");
    }
    if (X509_cmp_current_time(X509_get0_notAfter(x509)) <= 0)
        return store_raise(store,
                           "the certificate that the CA has sent has expired (or this clock is wrong)");
    if (*text == '\0')
        return 1;
    wanted = store_alt_names_new(store, text);
    names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    ok = wanted != NULL;
    for (i = 0; ok && i < sk_GENERAL_NAME_num(wanted); i++) {
        if (!has_name(names, sk_GENERAL_NAME_value(wanted, i)))
            ok = store_raise(store, "the certificate that the CA has sent is not for all of %.300s", text);
    }
    GENERAL_NAMES_free(wanted);
    GENERAL_NAMES_free(names);
    return ok;
}

/* What an issuer is called here: its common name, of the characters that a name takes. */
static void issuer_name(char *name, size_t size, X509 *x509)
{
    char *p, *end;

    if (X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, (int)size) <= 0)
        OPENSSL_strlcpy(name, "issuer", size);
    for (p = end = name; *p != '\0'; p++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.", *p) != NULL)
            *end++ = *p;
        else if (end > name && end[-1] != '-')
            *end++ = '-';
    }
    *end = '\0';
    if (*name == '\0')
        OPENSSL_strlcpy(name, "issuer", size);
}

/* One that is not here yet joins, untrusted. Not by import: no template waits for it. Within a transaction.
 */
static int put_issuer(struct store *store, X509 *x509)
{
    struct store_cert *cert = store_template_new(), *here = NULL;
    char wanted[100], *name = NULL;
    int ok = cert != NULL && store_cert_describe(store, cert, x509);

    if (ok)
        here = store_cert_find(store, cert->der, cert->der_len);
    if (ok && here == NULL) {
        issuer_name(wanted, sizeof(wanted), x509);
        name = store_free_name(store, wanted);
        ok = name != NULL && store_cert_set_text(cert, STORE_NAME, name) &&
             store_cert_set_text(cert, STORE_TRUST_STORE, "all") &&
             (cert->key = store_key_find(store, X509_get0_pubkey(x509))) >= 0 &&
             store_cert_insert(store, cert, x509);
    }
    OPENSSL_free(name);
    store_cert_free(here);
    store_cert_free(cert);
    return ok;
}

int store_enrol_add_issuer(struct store *store, X509 *x509)
{
    return store_begin(store) && store_end(store, put_issuer(store, x509));
}

/* Each must be a CA's that has issued the one before it. */
static int put_chain(struct store *store, const STACK_OF(X509) * chain)
{
    int i, ok = 1;

    for (i = 1; ok && i < sk_X509_num(chain); i++) {
        X509 *x509 = sk_X509_value(chain, i), *below = sk_X509_value(chain, i - 1);

        if (X509_check_ca(x509) <= 0 || X509_get0_pubkey(x509) == NULL ||
            X509_NAME_cmp(X509_get_issuer_name(below), X509_get_subject_name(x509)) != 0 ||
            X509_verify(below, X509_get0_pubkey(x509)) != 1) {
            ERR_clear_error();
            store_warn(store, "what came behind the certificate has not issued it, and is left out");
            break;
        }
        ok = put_issuer(store, x509);
    }
    return ok;
}

static int put_certificate(struct store *store, int64_t id, const char *key, X509 *x509)
{
    struct store_cert *before = store_cert_by_id(store, id), *cert = store_template_new();
    int ok = before != NULL && cert != NULL && store_cert_describe(store, cert, x509) &&
             store_cert_set_text(cert, STORE_NAME, before->text[STORE_NAME]) &&
             store_cert_set_text(cert, STORE_TRUST_STORE, before->text[STORE_TRUST_STORE]);

    if (ok) {
        cert->id = id;
        cert->is_trusted = before->is_trusted;
        cert->key =
            key == NULL ? before->key : store_number(store, 0, "SELECT id FROM key WHERE name = ?", "t", key);
        /* The key has a name as long as nothing else holds it. */
        ok = cert->key > 0 &&
             (key == NULL || store_run(store, "UPDATE key SET name = NULL WHERE id = ?", "i", cert->key));
    }
    ok = ok && store_previous_keep(store, id) && store_cert_write(store, cert, x509) &&
         store_key_sweep(store) && (!cert->is_trusted || store_trust_touch(store)) &&
         store_log(store, "certificate,info", "certificate %s issued by %.200s", cert->text[STORE_NAME],
                   cert->text[STORE_ISSUER]);
    store_cert_free(cert);
    store_cert_free(before);
    return ok;
}

int store_enrol_check(struct store *store, const struct store_cert *subject, int64_t id, const char *key,
                      const char *pem)
{
    EVP_PKEY *pkey = store_key_pkey(store, key, id);
    STACK_OF(X509) *chain = pkey != NULL ? read_chain(store, pem) : NULL;
    struct store_cert *here = NULL;
    unsigned char *der = NULL;
    int len, ok = chain != NULL && check_issued(store, subject, sk_X509_value(chain, 0), pkey);

    if (ok && (len = i2d_X509(sk_X509_value(chain, 0), &der)) > 0) {
        here = store_cert_find(store, der, (size_t)len);
        if (here != NULL)
            ok = store_raise(store, "the certificate that the CA has sent is here already, as %s",
                             here->text[STORE_NAME]);
    }
    store_cert_free(here);
    OPENSSL_free(der);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(pkey);
    return ok;
}

int store_enrol_install(struct store *store, const struct store_cert *subject, int64_t id, const char *key,
                        const char *pem)
{
    EVP_PKEY *pkey = store_key_pkey(store, key, id);
    STACK_OF(X509) *chain = pkey != NULL ? read_chain(store, pem) : NULL;
    int ok =
        chain != NULL && check_issued(store, subject, sk_X509_value(chain, 0), pkey) && store_begin(store);

    if (ok)
        ok = store_end(store,
                       put_certificate(store, id, key, sk_X509_value(chain, 0)) && put_chain(store, chain));
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(pkey);
    return ok;
}
