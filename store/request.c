// SPDX-License-Identifier: Apache-2.0
/* PKCS #10 (RFC 2986): requests of templates for other CAs, and certificates for the requests of others. */
#include "private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- requests of templates ---- */

/* The names of a template, or of a certificate that the request is to be like. */
static int take_names(struct store *store, const struct store_cert *template, int64_t like, X509_NAME **name,
                      GENERAL_NAMES **alt_names)
{
    const char *text = template->text[STORE_SUBJECT_ALT_NAME];
    struct store_cert *cert;
    X509 *x509;

    if (like == 0) {
        *name = store_name_new(store, template);
        *alt_names = *name != NULL && *text != '\0' ? store_alt_names_new(store, text) : NULL;
        return *name != NULL && (*text == '\0' || *alt_names != NULL);
    }
    cert = store_cert_by_id(store, like);
    x509 = cert != NULL ? store_cert_x509(store, cert) : NULL;
    if (x509 != NULL) {
        *name = X509_NAME_dup(X509_get_subject_name(x509));
        *alt_names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    }
    X509_free(x509);
    store_cert_free(cert);
    return *name != NULL;
}

X509_REQ *store_request_new(struct store *store, const struct store_cert *template, EVP_PKEY *pkey,
                            const struct store_enrol_options *options)
{
    const char *challenge = options != NULL ? options->challenge : NULL;
    X509_REQ *request = X509_REQ_new_ex(store_crypto(store), NULL);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    X509_NAME *name = NULL;
    GENERAL_NAMES *alt_names = NULL;
    int ok = request != NULL && extensions != NULL &&
             take_names(store, template, options != NULL ? options->like : 0, &name, &alt_names);

    if (ok && alt_names != NULL)
        ok = X509V3_add1_i2d(&extensions, NID_subject_alt_name, alt_names, 0, X509V3_ADD_DEFAULT) == 1;
    ok = ok && store_usages_add(store, extensions, template->text[STORE_KEY_USAGE]) &&
         X509_REQ_set_subject_name(request, name) && X509_REQ_set_pubkey(request, pkey) &&
         (sk_X509_EXTENSION_num(extensions) == 0 || X509_REQ_add_extensions(request, extensions)) &&
         (challenge == NULL || X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                                         (const unsigned char *)challenge, -1));
    if (ok && X509_REQ_sign(request, pkey,
                            store_signature_md(store, pkey, template->text[STORE_DIGEST_ALGORITHM])) <= 0)
        ok = store_raise_ssl(store, "the request can't be signed");
    GENERAL_NAMES_free(alt_names);
    X509_NAME_free(name);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    if (ok)
        return request;
    X509_REQ_free(request);
    return NULL;
}

static int write_request(struct store *store, const char *file, X509_REQ *request)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char name[300], *data = NULL;
    int ok = bio != NULL && PEM_write_bio_X509_REQ(bio, request);

    snprintf(name, sizeof(name), "%.250s.pem", file);
    ok = ok && store_file_write(store, name, data, (size_t)BIO_get_mem_data(bio, &data));
    BIO_free(bio);
    return ok;
}

static int write_request_key(struct store *store, const char *file, EVP_PKEY *pkey, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char name[300], *data = NULL, *pem = NULL;
    long len;
    int ok;

    snprintf(name, sizeof(name), "%.250s_key.pem", file);
    if (strcmp(store_pkey_custody(pkey), "file") != 0) {
        /* Wrapped by or sealed to the TPM already: a passphrase would add nothing. */
        pem = store_pkey_pem(store, pkey);
        ok = pem != NULL && store_file_write(store, name, pem, strlen(pem));
    } else {
        ok = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_256_cbc(), passphrase,
                                                          (int)strlen(passphrase), NULL, NULL);
        if (!ok)
            store_raise_ssl(store, "the key can't be encrypted");
        len = ok ? BIO_get_mem_data(bio, &data) : 0;
        ok = ok && store_file_write(store, name, data, (size_t)len);
    }
    store_wipe(pem);
    BIO_free(bio);
    return ok;
}

int store_request_create(struct store *store, int64_t id, const char *file, const char *passphrase)
{
    struct store_cert *template = store_template_get(store, id);
    X509_REQ *request = NULL;
    EVP_PKEY *pkey = NULL;
    char *pem = NULL;
    int ok = 0;

    if (template == NULL || (pkey = store_template_key(store, template, &pem)) == NULL)
        goto out;
    if (passphrase == NULL && strcmp(store_pkey_custody(pkey), "file") == 0) {
        store_raise(store, "key-passphrase is needed: the key is not in a TPM and is written to a file");
        goto out;
    }
    request = store_request_new(store, template, pkey, NULL);
    if (request == NULL || !store_begin(store))
        goto out;
    ok = store_template_is_unchanged(store, template) &&
         (pem == NULL || ((template->key = store_key_insert(store, pkey, pem, NULL)) > 0 &&
                          store_run(store,
                                    "UPDATE certificate SET key = ?1, key_fingerprint ="
                                    " (SELECT fingerprint FROM key WHERE id = ?1) WHERE id = ?2",
                                    "ii", template->key, id))) &&
         write_request_key(store, file, pkey, passphrase) && write_request(store, file, request) &&
         store_log(store, "certificate,info", "request for %s written to %.200s.pem",
                   template->text[STORE_NAME], file);
    ok = store_end(store, ok);
out:
    store_wipe(pem);
    X509_REQ_free(request);
    EVP_PKEY_free(pkey);
    store_cert_free(template);
    return ok;
}

/* ---- requests of others ---- */

static X509_REQ *read_request(struct store *store, const char *file)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    size_t len = 0;
    unsigned char *data = libctx != NULL ? store_file_read(store, file, &len) : NULL;
    const unsigned char *p = data;
    X509_REQ *request = data != NULL ? X509_REQ_new_ex(libctx, NULL) : NULL;
    BIO *bio = data != NULL ? BIO_new_mem_buf(data, (int)len) : NULL;
    EVP_PKEY *pkey;

    if (request != NULL && PEM_read_bio_X509_REQ(bio, &request, NULL, NULL) == NULL) {
        ERR_clear_error();
        if (request == NULL)
            request = X509_REQ_new_ex(libctx, NULL);
        if (d2i_X509_REQ(&request, &p, (long)len) == NULL) {
            X509_REQ_free(request);
            request = NULL;
        }
    }
    BIO_free(bio);
    if (data == NULL)
        return NULL;
    OPENSSL_clear_free(data, len + 1);
    if (request == NULL) {
        store_raise_ssl(store, "%s holds no certificate request (PKCS #10)", file);
        return NULL;
    }
    pkey = X509_REQ_get0_pubkey(request);
    if (pkey != NULL && X509_REQ_verify_ex(request, pkey, libctx, NULL) == 1)
        return request;
    store_raise_ssl(store, "%s: the request's signature is not its key's", file);
    X509_REQ_free(request);
    return NULL;
}

/* What a request may have: key usages, and extended ones. */
static const char *const basic_usages[] = {"digital-signature", "content-commitment", "key-encipherment",
                                           "data-encipherment", "key-agreement",      NULL};
static const char *const extended_usages[] = {
    "tls-server",       "tls-client",   "email-protect", "code-sign",
    "ipsec-end-system", "ipsec-tunnel", "ipsec-user",    NULL};

/* Adds to text those of these that are wanted and (unless it is NULL) had. Returns their number. */
static int pick_usages(char *text, size_t size, const char *const *names, const char *wanted, const char *had)
{
    int n = 0;

    for (; *names != NULL; names++) {
        if (store_usage_has(wanted, *names) && (had == NULL || store_usage_has(had, *names))) {
            OPENSSL_strlcat(text, *text != '\0' ? "," : "", size);
            OPENSSL_strlcat(text, *names, size);
            n++;
        }
    }
    return n;
}

/* For a renewal: those of the old certificate, or fewer of them. Without any of a kind a certificate would be
 * good for all of that kind, which it is only if the old one was. */
static int pick_renewed(char *text, size_t size, const char *const *names, int nid, const char *wanted,
                        const char *had, X509 *old)
{
    return pick_usages(text, size, names, wanted, had) > 0 || pick_usages(text, size, names, had, NULL) > 0 ||
           X509_get_ext_by_NID(old, nid, -1) < 0;
}

/* What a request may ask for besides names: the usages of a TLS end entity, as far as it names them; with an
 * old certificate, as far as that has them: whoever could take one renews it, and must not get more by that.
 */
static int take_usages(struct store *store, struct store_cert *template, X509_REQ *request, X509 *old)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    X509 *carrier = X509_new();
    char *asked = NULL, *had = old != NULL ? store_usages_of(old) : NULL, text[512] = "";
    int i, ok = carrier != NULL && (old == NULL || had != NULL);

    for (i = 0; ok && i < sk_X509_EXTENSION_num(extensions); i++)
        ok = X509_add_ext(carrier, sk_X509_EXTENSION_value(extensions, i), -1);
    asked = ok ? store_usages_of(carrier) : NULL;
    ok = asked != NULL;
    if (ok && old == NULL) {
        pick_usages(text, sizeof(text), basic_usages, asked, NULL);
        pick_usages(text, sizeof(text), extended_usages, asked, NULL);
        if (*text == '\0')
            OPENSSL_strlcpy(text, "digital-signature,key-encipherment,tls-server,tls-client", sizeof(text));
    } else if (ok) {
        ok = (pick_renewed(text, sizeof(text), basic_usages, NID_key_usage, asked, had, old) &&
              pick_renewed(text, sizeof(text), extended_usages, NID_ext_key_usage, asked, had, old)) ||
             store_raise(store, "what the old certificate is for is nothing that a request may ask for");
    }
    ok = ok && store_cert_set_text(template, STORE_KEY_USAGE, text);
    OPENSSL_free(had);
    OPENSSL_free(asked);
    X509_free(carrier);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

X509 *store_request_issue(struct store *store, const struct store_cert *ca, X509_REQ *request, X509 *old,
                          int days_valid, const char *name, struct store_cert *cert)
{
    EVP_PKEY *ca_pkey = NULL;
    X509 *x509 = NULL;

    if (!store_check_ca(store, ca) || (ca_pkey = store_cert_pkey(store, ca)) == NULL)
        return NULL;
    cert->days_valid = days_valid;
    if (store_cert_set_text(cert, STORE_NAME, name) && take_usages(store, cert, request, old) &&
        store_cert_set_text(cert, STORE_DIGEST_ALGORITHM, "sha256"))
        x509 = store_issue(store, &(struct store_issue){.template = cert,
                                                        .request = request,
                                                        .pkey = X509_REQ_get0_pubkey(request),
                                                        .ca = ca,
                                                        .ca_pkey = ca_pkey,
                                                        .crl_host = ca->text[STORE_CA_CRL_HOST],
                                                        .crl_id = ca->id});
    EVP_PKEY_free(ca_pkey);
    if (x509 != NULL && !store_cert_describe(store, cert, x509)) {
        X509_free(x509);
        return NULL;
    }
    cert->ca = ca->id;
    return x509;
}

int store_request_insert(struct store *store, struct store_cert *cert, X509 *x509)
{
    char *name = store_free_name(store, cert->text[STORE_NAME]);
    int ok = name != NULL && store_cert_set_text(cert, STORE_NAME, name) &&
             (cert->key = store_key_find_spki(store, X509_get_X509_PUBKEY(x509))) >= 0 &&
             store_cert_insert(store, cert, x509);

    OPENSSL_free(name);
    return ok;
}

int store_request_sign(struct store *store, const char *file, int64_t ca_id, int days_valid, const char *name,
                       int64_t *id)
{
    struct store_cert *ca = store_cert_by_id(store, ca_id), *cert = store_template_new();
    X509_REQ *request = NULL;
    X509 *x509 = NULL;
    int ok = 0;

    *id = 0;
    if (ca == NULL || cert == NULL || !store_check_ca(store, ca) || !store_check_name(store, name) ||
        (request = read_request(store, file)) == NULL ||
        (x509 = store_request_issue(store, ca, request, NULL, days_valid, name, cert)) == NULL ||
        !store_begin(store))
        goto out;
    ok = store_request_insert(store, cert, x509) &&
         store_log(store, "certificate,info", "request %s signed by %s as %s", file, ca->text[STORE_NAME],
                   cert->text[STORE_NAME]);
    *id = cert->id;
    ok = store_end(store, ok);
out:
    X509_free(x509);
    X509_REQ_free(request);
    store_cert_free(cert);
    store_cert_free(ca);
    return ok;
}
