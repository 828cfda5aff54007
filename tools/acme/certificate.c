// SPDX-License-Identifier: Apache-2.0
/* Certificates: downloaded with their chain (RFC 8555 section 7.4.2), revoked (section 7.6). */
#include "private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define CHAIN_MAX 10

/* The common name of who issued the last certificate of the chain; returns the chain's length, 0: it is none.
 */
static int top_issuer(const char *pem, size_t len, char *name, size_t size)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    X509 *x509;
    int n = 0;

    *name = '\0';
    while (bio != NULL && n <= CHAIN_MAX && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        *name = '\0';
        X509_NAME_get_text_by_NID(X509_get_issuer_name(x509), NID_commonName, name, (int)size);
        X509_free(x509);
        n++;
    }
    ERR_clear_error();
    BIO_free(bio);
    return n <= CHAIN_MAX ? n : 0;
}

/* Section 9.1: only certificates may be in there, so that nothing else is taken for one later. */
static int is_chain(const struct acme_response *response)
{
    static const char type[] = "application/pem-certificate-chain";
    const char *p;
    char name[8];

    if (response->content_type == NULL || strncasecmp(response->content_type, type, sizeof(type) - 1) != 0 ||
        response->body == NULL || strlen(response->body) != response->len)
        return 0;
    for (p = response->body; (p = strstr(p, "-----BEGIN ")) != NULL; p++) {
        if (strncmp(p, "-----BEGIN CERTIFICATE-----", 27) != 0)
            return 0;
    }
    return top_issuer(response->body, response->len, name, sizeof(name)) > 0;
}

static int download(struct acme *acme, const char *url, struct acme_response *response)
{
    if (!acme_post(acme, "the certificate's download", url, NULL, response))
        return 0;
    if (is_chain(response))
        return 1;
    acme_response_clear(response);
    return acme_raise(acme, "%.200s: what the server sends is no chain of certificates", url);
}

static char *take_body(struct acme_response *response)
{
    char *body = response->body;

    response->body = NULL;
    return body;
}

char *acme_order_certificate(struct acme *acme, struct acme_order *order, const char *preferred_chain)
{
    struct acme_response first, other;
    char top[256], why[1024], *chain = NULL;
    size_t i;

    if (order->certificate == NULL) {
        acme_raise(acme, "the order %.200s is %.20s and has no certificate", order->url, order->status);
        return NULL;
    }
    if (!download(acme, order->certificate, &first))
        return NULL;
    top_issuer(first.body, first.len, top, sizeof(top));
    if (preferred_chain == NULL || strcmp(top, preferred_chain) == 0)
        chain = take_body(&first);
    for (i = 0; chain == NULL && i < first.alternates_count; i++) {
        int ok;

        /* One that can't be had is no reason to go without a certificate. */
        acme->quiet = why;
        acme->quiet_size = sizeof(why);
        ok = download(acme, first.alternates[i], &other);
        acme->quiet = NULL;
        if (!ok) {
            acme_progress(acme, "another chain: %s", why);
            continue;
        }
        top_issuer(other.body, other.len, top, sizeof(top));
        if (strcmp(top, preferred_chain) == 0)
            chain = take_body(&other);
        acme_response_clear(&other);
    }
    if (chain == NULL) {
        acme_progress(acme, "no chain of the CA ends at \"%.64s\": its first one is taken", preferred_chain);
        chain = take_body(&first);
    }
    acme_response_clear(&first);
    return chain;
}

int acme_revoke(struct acme *acme, const unsigned char *certificate, size_t len, int reason, EVP_PKEY *key)
{
    const struct acme_directory *directory = acme_directory(acme);
    struct acme_response response;
    char *text, why[1024] = "";
    json_t *payload;
    int ok;

    if (directory == NULL)
        return 0;
    if (directory->revoke_cert == NULL)
        return acme_raise(acme, "this server does not revoke");
    if (key != NULL && acme_jws_algorithm(key) == NULL)
        return acme_raise(acme, "requests can't be signed with the certificate's key: let the account ask");
    text = acme_base64url(certificate, len);
    payload = text != NULL ? json_pack("{s:s, s:i}", "certificate", text, "reason", reason) : NULL;
    OPENSSL_free(text);
    if (payload == NULL)
        return acme_raise(acme, "out of memory");
    acme->quiet = why;
    acme->quiet_size = sizeof(why);
    ok = key != NULL ? acme_post_with(acme, key, "the revocation", directory->revoke_cert, payload, &response)
                     : acme_post(acme, "the revocation", directory->revoke_cert, payload, &response);
    acme->quiet = NULL;
    json_decref(payload);
    if (ok) {
        acme_response_clear(&response);
        return 1;
    }
    /* It was asked before, and the answer lost. */
    if (strcmp(acme->problem_type, "alreadyRevoked") != 0)
        return acme_raise(acme, "%s", why);
    acme_progress(acme, "%s", why);
    return 1;
}
