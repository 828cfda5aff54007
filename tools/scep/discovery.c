// SPDX-License-Identifier: Apache-2.0
/* What a server can do, and who it is (RFC 8894 sections 3.5, 4.2, 4.7). */
#include "client_private.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

struct scep_client *scep_client_new(const struct scep_client_config *config)
{
    struct scep_client *client = OPENSSL_zalloc(sizeof(*client));

    if (client == NULL)
        return NULL;
    client->config = *config;
    client->curl = curl_easy_init();
    if (client->curl == NULL)
        scep_raise(client, "libcurl can't be used");
    else if (strncmp(config->url, "http://", 7) != 0 && strncmp(config->url, "https://", 8) != 0)
        scep_raise(client, "scep-url: expected http:// or https://");
    else
        return client;
    scep_client_free(client);
    return NULL;
}

void scep_client_free(struct scep_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    sk_X509_free(client->ras);
    sk_X509_pop_free(client->chain, X509_free);
    OPENSSL_free(client);
}

/* ---- GetCACaps ---- */

/* Is the word on a line of its own? */
static int has(const char *text, const char *word)
{
    size_t len = strlen(word);

    while (*text != '\0') {
        size_t line = strcspn(text, "\r\n");

        if (line == len && strncasecmp(text, word, len) == 0)
            return 1;
        text += line;
        text += strspn(text, "\r\n");
    }
    return 0;
}

static int take_caps(struct scep_client *client)
{
    struct scep_body body;
    const char *text;
    int standard;

    if (!scep_transfer(client, "GetCACaps", client->config.ca_identity, NULL, 0, &body))
        return 0;
    text = body.data != NULL ? (const char *)body.data : "";
    standard = has(text, "SCEPStandard");
    client->can_post = standard || has(text, "POSTPKIOperation");
    client->can_renew = has(text, "Renewal");
    client->has_next_ca = has(text, "GetNextCACert");
    /* Section 7.5: whoever can change this answer can take algorithms away. Nothing below these is ever used.
     */
    OPENSSL_strlcpy(client->digest, has(text, "SHA-512") ? "SHA512" : "SHA256", sizeof(client->digest));
    OPENSSL_strlcpy(client->cipher, "AES-128-CBC", sizeof(client->cipher));
    standard = standard || has(text, "AES");
    if (!standard)
        scep_raise(client, "%.200s does not say that it knows AES: neither DES nor 3DES is used",
                   client->config.url);
    OPENSSL_free(body.data);
    return standard;
}

/* ---- GetCACert ---- */

static int is_ca(X509 *x509)
{
    return X509_check_ca(x509) > 0;
}

/* The CA that issues: the first that is above no other one. Servers send chains in any order. */
static X509 *issuing_ca(const STACK_OF(X509) * chain)
{
    X509 *found = NULL;
    int i, j;

    for (i = 0; found == NULL && i < sk_X509_num(chain); i++) {
        X509 *x509 = sk_X509_value(chain, i);

        found = is_ca(x509) ? x509 : NULL;
        for (j = 0; found != NULL && j < sk_X509_num(chain); j++) {
            X509 *other = sk_X509_value(chain, j);

            if (is_ca(other) && X509_cmp(other, x509) != 0 && scep_has_signed(x509, other))
                found = NULL;
        }
    }
    return found;
}

/* Is it marked as an RA's: for CMC (RFC 6402 section 2.10), or by Microsoft? */
static int is_marked(X509 *x509)
{
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    char oid[64];
    int i, is = 0;

    for (i = 0; !is && i < sk_ASN1_OBJECT_num(usages); i++) {
        OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(usages, i), 1);
        is = strcmp(oid, "1.3.6.1.5.5.7.3.28") == 0 || strcmp(oid, "1.3.6.1.4.1.311.20.2.1") == 0;
    }
    EXTENDED_KEY_USAGE_free(usages);
    return is;
}

/* A certificate that is no CA's: of an RA, or of no interest. Whoever has a certificate of the CA could put
 * it here, and read passwords. */
static int take_other(struct scep_client *client, X509 *x509)
{
    uint32_t usage = X509_get_key_usage(x509);
    int encrypts = (usage & (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT)) != 0, marked = is_marked(x509);

    if (!encrypts && !marked)
        return 1;
    if (!scep_has_signed(client->ca, x509))
        return scep_raise(client, "%.200s: the RA's certificate is not the CA's", client->config.url);
    if (!marked && !client->config.is_good_ra(client->config.arg, x509))
        return 0;
    if (encrypts && client->recipient == NULL)
        client->recipient = x509;
    return sk_X509_push(client->ras, x509) > 0 || scep_raise(client, "out of memory");
}

static int find_parts(struct scep_client *client)
{
    int i, ok = 1;

    client->ca = issuing_ca(client->chain);
    client->ras = sk_X509_new_null();
    if (client->ca == NULL)
        return scep_raise(client, "%.200s: GetCACert gives no certificate of a CA", client->config.url);
    if (!client->config.is_good(client->config.arg, client->ca))
        return 0;
    for (i = 0; ok && i < sk_X509_num(client->chain); i++)
        ok = is_ca(sk_X509_value(client->chain, i)) || take_other(client, sk_X509_value(client->chain, i));
    if (client->recipient == NULL)
        client->recipient = client->ca;
    return ok;
}

static STACK_OF(X509) * single(OSSL_LIB_CTX *libctx, const struct scep_body *body)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *x509 = body->data != NULL ? X509_new_ex(libctx, NULL) : NULL;
    const unsigned char *p = body->data;

    if (x509 != NULL && d2i_X509(&x509, &p, (long)body->len) == NULL)
        x509 = NULL; /* d2i has freed it */
    if (x509 != NULL && chain != NULL && sk_X509_push(chain, x509) > 0)
        return chain;
    X509_free(x509);
    ERR_clear_error();
    sk_X509_free(chain);
    return NULL;
}

static int take_ca(struct scep_client *client)
{
    struct scep_body body;

    if (!scep_transfer(client, "GetCACert", client->config.ca_identity, NULL, 0, &body))
        return 0;
    /* Some servers send one certificate with the type of many, and the other way round. */
    client->chain = single(client->config.libctx, &body);
    if (client->chain == NULL && body.data != NULL)
        client->chain = scep_read_certificates(client->config.libctx, body.data, body.len, NULL);
    OPENSSL_free(body.data);
    if (sk_X509_num(client->chain) <= 0)
        return scep_raise(client, "%.200s: GetCACert gives no certificates", client->config.url);
    return find_parts(client);
}

int scep_client_look(struct scep_client *client)
{
    return take_caps(client) && take_ca(client);
}

X509 *scep_client_get0_ca(const struct scep_client *client)
{
    return client->ca;
}

const STACK_OF(X509) * scep_client_get0_chain(const struct scep_client *client)
{
    return client->chain;
}

int scep_client_can_renew(const struct scep_client *client)
{
    return client->can_renew;
}

int scep_client_has_next_ca(const struct scep_client *client)
{
    return client->has_next_ca;
}

/* ---- GetNextCACert ---- */

/* The content of a SignedData that the CA has signed. */
static STACK_OF(X509) * verified(struct scep_client *client, const struct scep_body *body)
{
    CMS_ContentInfo *cms = CMS_ContentInfo_new_ex(client->config.libctx, NULL), *parsed;
    STACK_OF(X509) *signers = sk_X509_new_null(), *next = NULL;
    BIO *content = BIO_new(BIO_s_mem());
    const unsigned char *p = body->data;
    unsigned char *data = NULL;

    parsed = cms != NULL && p != NULL ? d2i_CMS_ContentInfo(&cms, &p, (long)body->len) : NULL;
    if (parsed == NULL)
        CMS_ContentInfo_free(cms);
    if (parsed != NULL && signers != NULL && content != NULL && sk_X509_push(signers, client->ca) > 0 &&
        CMS_verify(parsed, signers, NULL, NULL, content,
                   CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN | CMS_BINARY) == 1) {
        long len = BIO_get_mem_data(content, (char **)&data);

        next = scep_read_certificates(client->config.libctx, data, (size_t)len, NULL);
    }
    ERR_clear_error();
    BIO_free(content);
    sk_X509_free(signers);
    CMS_ContentInfo_free(parsed);
    return next;
}

STACK_OF(X509) * scep_client_next_ca(struct scep_client *client)
{
    STACK_OF(X509) * next;
    X509 *ca;
    struct scep_body body;

    if (!scep_transfer(client, "GetNextCACert", client->config.ca_identity, NULL, 0, &body))
        return NULL;
    next = verified(client, &body);
    OPENSSL_free(body.data);
    ca = next != NULL ? issuing_ca(next) : NULL;
    if (next == NULL)
        scep_raise(client, "%.200s: what GetNextCACert gives is not signed by the CA", client->config.url);
    else if (ca == NULL)
        scep_raise(client, "%.200s: GetNextCACert gives no certificate of a CA", client->config.url);
    if (ca != NULL) { /* goes to the front */
        sk_X509_delete_ptr(next, ca);
        if (sk_X509_unshift(next, ca) > 0)
            return next;
        X509_free(ca);
    }
    sk_X509_pop_free(next, X509_free);
    return NULL;
}
