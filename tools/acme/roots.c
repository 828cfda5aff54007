// SPDX-License-Identifier: Apache-2.0
/*
 * The roots that a server's certificate is checked against, looked up by name in their file. To read all of a
 * system's, some 140, costs more than everything else at a renewal: OpenSSL 3 sets up a decoder for each
 * one's key.
 */
#include "private.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

/* Is it the subject of the certificate (RFC 5280 section 4.1), of which nothing else is decoded? */
static int is_subject(const X509_NAME *name, const unsigned char *der, long len)
{
    const unsigned char *p = der, *end = der + len, *member;
    int tag, class, i, is_equal;
    X509_NAME *subject;

    /* Certificate, TBSCertificate */
    for (i = 0; i < 2; i++) {
        if ((ASN1_get_object(&p, &len, &tag, &class, end - p) & 0x81) != 0 || tag != V_ASN1_SEQUENCE)
            return 0;
        end = p + len;
    }
    /* version, which may be missing; serialNumber, signature, issuer, validity */
    for (i = 0; i < 5; i++) {
        member = p;
        if ((ASN1_get_object(&p, &len, &tag, &class, end - p) & 0x81) != 0)
            return 0;
        p = i == 0 && class != V_ASN1_CONTEXT_SPECIFIC ? member : p + len;
    }
    subject = d2i_X509_NAME(NULL, &p, end - p);
    is_equal = subject != NULL && X509_NAME_cmp(subject, name) == 0;
    X509_NAME_free(subject);
    return is_equal;
}

/* Adds the certificate to the store, and answers with it if it is the first. */
static int take(X509_STORE *store, const unsigned char *der, long len, X509_OBJECT *answer, int is_first)
{
    X509 *x509 = d2i_X509(NULL, &der, len);
    int ok = x509 != NULL && X509_STORE_add_cert(store, x509);

    /* The answer's reference is the store's (X509_LOOKUP_meth_set_get_by_subject(3)). */
    if (ok && is_first && (ok = X509_OBJECT_set1_X509(answer, x509)))
        X509_free(x509);
    X509_free(x509);
    return ok;
}

static int by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *answer)
{
    const struct acme *acme = X509_LOOKUP_get_method_data(lookup);
    char *label = NULL, *header = NULL;
    unsigned char *der = NULL;
    BIO *bio;
    long len;
    int count = 0;

    if (type != X509_LU_X509 || (bio = BIO_new_file(acme->config.ca_file, "r")) == NULL)
        return 0;
    ERR_set_mark();
    while (PEM_read_bio(bio, &label, &header, &der, &len)) {
        if (strcmp(label, PEM_STRING_X509) == 0 && is_subject(name, der, len))
            count += take(X509_LOOKUP_get_store(lookup), der, len, answer, count == 0);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    /* The end of the file is one. */
    ERR_pop_to_mark();
    BIO_free(bio);
    return count > 0;
}

static CURLcode on_context(CURL *curl, void *context, void *arg)
{
    struct acme *acme = arg;
    BIO *bio = BIO_new_file(acme->config.ca_file, "r");
    X509_LOOKUP *lookup;

    (void)curl;
    if (bio == NULL)
        return CURLE_SSL_CACERT_BADFILE;
    BIO_free(bio);
    lookup = X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), acme->roots);
    return lookup != NULL && X509_LOOKUP_set_method_data(lookup, acme) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

int acme_roots_init(struct acme *acme)
{
    acme->roots = X509_LOOKUP_meth_new("roots by name");
    return acme->roots != NULL && X509_LOOKUP_meth_set_get_by_subject(acme->roots, by_subject);
}

/* Should libcurl not be OpenSSL's, there is no root at all, and no server is trusted. */
void acme_roots_use(struct acme *acme)
{
    curl_easy_setopt(acme->curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(acme->curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(acme->curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
    curl_easy_setopt(acme->curl, CURLOPT_SSL_CTX_DATA, acme);
}
