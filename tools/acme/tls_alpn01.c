// SPDX-License-Identifier: Apache-2.0
/* tls-alpn-01 (RFC 8737; of IP addresses RFC 8738 section 6): a TLS server that shows a certificate for each
 * name. */
#include "challenge.h"
#include "private.h"
#include "server.h"

#include <arpa/inet.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"
#define SNI_MAX         254
#define DAY             (24L * 60 * 60)

struct shown {
    char sni[SNI_MAX];
    char *token;
    X509 *certificate;
    EVP_PKEY *key;
    unsigned asked;
    struct shown *next;
};

struct alpn {
    struct acme *acme;
    uint16_t port;
    SSL_CTX *ctx;
    struct acme_server *server;
    pthread_mutex_t lock; /* for what follows */
    struct shown *shown;
    unsigned others; /* handshakes for something else */
};

static const unsigned char protocol[] = "\x0a"
                                        "acme-tls/1";

/* ---- handshakes, in the server's thread ---- */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    unsigned at;

    (void)ssl;
    (void)arg;
    for (at = 0; at < in_len && in[at] < in_len - at; at += 1U + in[at]) {
        if (in[at] == protocol[0] && memcmp(in + at, protocol, sizeof(protocol) - 1) == 0) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
}

/* Before anything else is chosen: OpenSSL calls on_alpn only for clients that offer protocols at all. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    const unsigned char *data;
    size_t len;

    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &len))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/* The newest for a name is shown: an earlier one, if it is still there, is for an order that was given up. */
static int on_certificate(SSL *ssl, void *arg)
{
    struct alpn *alpn = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct shown *shown = NULL;
    int ok;

    pthread_mutex_lock(&alpn->lock);
    if (name != NULL) {
        for (shown = alpn->shown; shown != NULL && OPENSSL_strcasecmp(shown->sni, name) != 0;
             shown = shown->next)
            ;
    }
    if (shown != NULL)
        shown->asked++;
    else
        alpn->others++;
    ok = shown != NULL && SSL_use_certificate(ssl, shown->certificate) == 1 &&
         SSL_use_PrivateKey(ssl, shown->key) == 1;
    pthread_mutex_unlock(&alpn->lock);
    return ok;
}

static struct bufferevent *accept_tls(void *arg, struct event_base *base, evutil_socket_t fd)
{
    const struct alpn *alpn = arg;
    SSL *ssl = SSL_new(alpn->ctx);
    struct bufferevent *bev;

    if (ssl == NULL)
        return NULL;
    bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL)
        SSL_free(ssl);
    return bev;
}

static const struct acme_server_handler handler = {
    .way = "tls-alpn-01",
    .advice = "stop it meanwhile, or use http-01 or dns-01",
    .accept = accept_tls,
};

/* ---- the certificate (RFC 8737 section 3) ---- */

static int add_extension(X509 *certificate, ASN1_OBJECT *object, int is_critical, const unsigned char *der,
                         size_t len)
{
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    int ok;

    if (data != NULL && ASN1_OCTET_STRING_set(data, der, (int)len) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, is_critical, data);
    ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(data);
    return ok;
}

static int add_acme_identifier(X509 *certificate, const unsigned char digest[32])
{
    ASN1_OBJECT *object = OBJ_txt2obj(ACME_IDENTIFIER, 1);
    /* An OCTET STRING of 32 bytes, in DER. */
    unsigned char der[34] = {V_ASN1_OCTET_STRING, 32};
    int ok;

    memcpy(der + 2, digest, 32);
    ok = object != NULL && add_extension(certificate, object, 1, der, sizeof(der));
    ASN1_OBJECT_free(object);
    return ok;
}

static int add_san(X509 *certificate, const struct acme_challenge *challenge)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name =
        a2i_GENERAL_NAME(NULL, NULL, NULL, challenge->is_ip ? GEN_IPADD : GEN_DNS, challenge->identifier, 0);
    int ok = 0;

    if (names != NULL && name != NULL && sk_GENERAL_NAME_push(names, name) > 0) {
        name = NULL;
        ok = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    }
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    return ok;
}

static X509 *make_certificate(const struct acme_challenge *challenge, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = certificate != NULL ? X509_get_subject_name(certificate) : NULL;

    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), DAY) != NULL &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"ACME challenge", -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
        add_san(certificate, challenge) && add_acme_identifier(certificate, challenge->digest) &&
        X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* What the server will ask for: of an address its name in the reverse tree (RFC 8738 section 6). */
static void sni_of(const struct acme_challenge *challenge, char sni[SNI_MAX])
{
    unsigned char address[16];
    size_t i;

    if (!challenge->is_ip) {
        snprintf(sni, SNI_MAX, "%s", challenge->identifier);
    } else if (inet_pton(AF_INET, challenge->identifier, address) == 1) {
        snprintf(sni, SNI_MAX, "%u.%u.%u.%u.in-addr.arpa", address[3], address[2], address[1], address[0]);
    } else if (inet_pton(AF_INET6, challenge->identifier, address) == 1) {
        for (i = 0; i < 16; i++)
            snprintf(sni + 4 * i, 5, "%x.%x.", address[15 - i] & 15, address[15 - i] >> 4);
        snprintf(sni + 64, SNI_MAX - 64, "ip6.arpa");
    } else {
        *sni = '\0';
    }
}

/* ---- the solver ---- */

static void shown_free(struct shown *shown)
{
    if (shown == NULL)
        return;
    OPENSSL_free(shown->token);
    X509_free(shown->certificate);
    EVP_PKEY_free(shown->key);
    OPENSSL_free(shown);
}

static void alpn_close(void *solver)
{
    struct alpn *alpn = solver;
    struct shown *shown;

    acme_server_close(alpn->server);
    while ((shown = alpn->shown) != NULL) {
        alpn->shown = shown->next;
        shown_free(shown);
    }
    SSL_CTX_free(alpn->ctx);
    pthread_mutex_destroy(&alpn->lock);
    OPENSSL_free(alpn);
}

static void *alpn_open(struct acme *acme, const struct acme_solver_config *config)
{
    struct alpn *alpn = OPENSSL_zalloc(sizeof(*alpn));

    if (alpn == NULL) {
        acme_raise(acme, "out of memory");
        return NULL;
    }
    alpn->acme = acme;
    alpn->port = config->port != 0 ? config->port : 443;
    pthread_mutex_init(&alpn->lock, NULL);
    /* The key of a challenge is the CPU's: it proves nothing beyond the minute it lives. */
    alpn->ctx = SSL_CTX_new(TLS_server_method());
    if (alpn->ctx == NULL || SSL_CTX_set_min_proto_version(alpn->ctx, TLS1_2_VERSION) != 1) {
        acme_raise_ssl(acme, "tls-alpn-01: setting up TLS");
        goto failed;
    }
    SSL_CTX_set_alpn_select_cb(alpn->ctx, on_alpn, alpn);
    SSL_CTX_set_client_hello_cb(alpn->ctx, on_client_hello, alpn);
    SSL_CTX_set_cert_cb(alpn->ctx, on_certificate, alpn);
    SSL_CTX_set_session_cache_mode(alpn->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(alpn->ctx, SSL_OP_NO_TICKET);
    alpn->server = acme_server_open(acme, &handler, alpn, config->address, alpn->port);
    if (alpn->server != NULL)
        return alpn;
failed:
    alpn_close(alpn);
    return NULL;
}

static int alpn_begin(void *solver, const struct acme_challenge *challenge)
{
    struct alpn *alpn = solver;
    struct shown *shown = OPENSSL_zalloc(sizeof(*shown));

    if (shown != NULL) {
        sni_of(challenge, shown->sni);
        shown->token = OPENSSL_strdup(challenge->token);
        shown->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        if (shown->key != NULL)
            shown->certificate = make_certificate(challenge, shown->key);
    }
    if (shown == NULL || shown->token == NULL || shown->certificate == NULL) {
        shown_free(shown);
        return acme_raise_ssl(alpn->acme, "tls-alpn-01: making the certificate for %s",
                              challenge->identifier);
    }
    pthread_mutex_lock(&alpn->lock);
    shown->next = alpn->shown;
    alpn->shown = shown;
    pthread_mutex_unlock(&alpn->lock);
    return 1;
}

static void alpn_end(void *solver, const struct acme_challenge *challenge, int is_done)
{
    struct alpn *alpn = solver;
    struct shown **at, *shown;

    (void)is_done;
    pthread_mutex_lock(&alpn->lock);
    for (at = &alpn->shown; *at != NULL && strcmp((*at)->token, challenge->token) != 0; at = &(*at)->next)
        ;
    shown = *at;
    if (shown != NULL)
        *at = shown->next;
    pthread_mutex_unlock(&alpn->lock);
    shown_free(shown);
}

static void alpn_hint(void *solver, const struct acme_challenge *challenge, char *text, size_t size)
{
    struct alpn *alpn = solver;
    const struct shown *shown;

    *text = '\0';
    pthread_mutex_lock(&alpn->lock);
    for (shown = alpn->shown; shown != NULL && strcmp(shown->token, challenge->token) != 0;
         shown = shown->next)
        ;
    if (shown == NULL)
        ;
    else if (shown->asked > 0)
        snprintf(text, size, "the certificate was shown here %u times", shown->asked);
    else if (alpn->others > 0)
        snprintf(text, size,
                 "nobody has asked for the certificate, but %u times for another name: is %s this router?",
                 alpn->others, challenge->identifier);
    else
        snprintf(text, size,
                 "nobody has asked for the certificate: is port 443 reachable from the internet, without a "
                 "proxy in front, and does %s lead to port %u of this router?",
                 challenge->identifier, alpn->port);
    pthread_mutex_unlock(&alpn->lock);
}

const struct acme_solver acme_tls_alpn01 = {
    .open = alpn_open,
    .begin = alpn_begin,
    .hint = alpn_hint,
    .end = alpn_end,
    .close = alpn_close,
};
