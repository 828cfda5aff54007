// SPDX-License-Identifier: Apache-2.0
/*
 * acme: a client of the Automatic Certificate Management Environment (RFC 8555), with IP identifiers (RFC
 * 8738), TLS-ALPN-01 (RFC 8737), renewal information (RFC 9773) and certificate profiles.
 *
 * It knows the protocol and nothing else: keys come as EVP_PKEYs, certificates go as PEM, and what is to be
 * kept between two conversations (an account's URL, an order's) is the caller's to keep.
 *
 * Conventions
 *   - Functions return 1 (or a pointer) on success and 0 (or NULL) on failure. The place that knows the cause
 *     reports it once through acme_config.error; callers add nothing. A problem document (RFC 7807) is
 * reported whole, with its subproblems.
 *   - Whatever a server sends is hostile: bounded in size, checked for what it may contain, and never handed
 * to a shell or used as a path.
 *   - Strings of a record belong to it. Times are seconds since 1970 UTC; 0 means none.
 *   - A struct acme belongs to one thread.
 */
#ifndef SIGNET_ACME_H
#define SIGNET_ACME_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

struct acme; /* a conversation with one server, under one account */

struct acme_config {
    OSSL_LIB_CTX *libctx;      /* in which the keys are; borrowed */
    const char *directory_url; /* https */
    const char *ca_file; /* PEM: what the server's certificate is verified with; there is no way around it */

    /* These must be there. One line each, without a newline. */
    void (*error)(void *arg, const char *text);
    void (*progress)(void *arg, const char *text);
    /* Asked about ten times a second while something is waited for; 1 ends it. */
    int (*is_cancelled)(void *arg);
    void *arg;
};

/* Nothing is sent before something is asked for. */
struct acme *acme_new(const struct acme_config *config);
void acme_free(struct acme *acme);

/* Of the newest problem document: the type without its prefix ("rateLimited"), or NULL if what failed was not
 * told by the server so. Lives until the next call. */
const char *acme_problem_type(const struct acme *acme);
#define ACME_NOT_FOUND "notFound" /* a status 404 without a problem document counts as this type */
/* Did the last request get no answer? What is under way at the server is then as it was. */
int acme_is_cut(const struct acme *acme);
/* Has an authorization or the order become invalid, so that the order is of no more use? */
int acme_is_lost(const struct acme *acme);
/* When the server last asked to be left alone until (Retry-After, RFC 8555 sections 6.6 and 7.5.1); 0: it did
 * not. */
int64_t acme_retry_at(const struct acme *acme);

/* ---- the directory (section 7.1.1) ---- */

struct acme_profile {
    char *name, *description;
};
struct acme_directory {
    char *new_nonce, *new_account, *new_order, *new_authz, *revoke_cert, *key_change, *renewal_info;
    char *terms_of_service, *website;
    int external_account_required;
    struct acme_profile *profiles;
    size_t profiles_count;
};
/* Fetched when it is first needed. NULL: said why. */
const struct acme_directory *acme_directory(struct acme *acme);

/* ---- accounts (section 7.3) ---- */

/* Every request from here on is signed with this key: RSA (RS256) or EC P-256, P-384 (ES256, ES384);
 * borrowed. url is the account's, as acme_account_new has set it; NULL if it is not known. Returns 0 for
 * other keys. */
int acme_account_use(struct acme *acme, EVP_PKEY *key, const char *url);

struct acme_registration {
    const char *contact;      /* e-mail addresses with commas between them, or NULL */
    const char *eab_kid;      /* external account (section 7.3.4), or NULL */
    const char *eab_hmac_key; /* base64url */
    const char *eab_alg;      /* "HS256" (also NULL), "HS384", "HS512" */
    int only_existing;        /* fails, and reports nothing, if the server does not know the key (7.3.1) */
};
/* Registers the key, and agrees to the terms of service; a key that the server knows gives the account it
 * has. *url is set, the caller's (OPENSSL_free). */
int acme_account_new(struct acme *acme, const struct acme_registration *registration, char **url);
int acme_account_set_contact(struct acme *acme, const char *contact);
/* Key rollover (section 7.3.5). From here on the new key is used. */
int acme_account_change_key(struct acme *acme, EVP_PKEY *key);
int acme_account_deactivate(struct acme *acme);

/* ---- challenges (section 8) ---- */

enum acme_challenge_type { ACME_HTTP_01, ACME_DNS_01, ACME_TLS_ALPN_01 };
/* "http-01". Static; acme_challenge_from returns 0 for anything else. */
const char *acme_challenge_name(enum acme_challenge_type type);
int acme_challenge_from(const char *name, enum acme_challenge_type *type);

/* How a program that publishes TXT records is called. It is executed, never given to a shell. */
enum acme_hook_kind {
    ACME_HOOK_SIGNET,     /* begin|done|failed METHOD IDENTIFIER TOKEN VALUE */
    ACME_HOOK_ACME_SH,    /* a file of acme.sh's dnsapi/, such as dns_nsupdate.sh */
    ACME_HOOK_DEHYDRATED, /* deploy_challenge|clean_challenge DOMAIN TOKEN VALUE */
    ACME_HOOK_LEGO,       /* present|cleanup FQDN VALUE */
};
const char *acme_hook_name(enum acme_hook_kind kind);
int acme_hook_from(const char *name, enum acme_hook_kind *kind);

struct acme_solver_config {
    enum acme_challenge_type type;
    /* http-01: files below webroot/.well-known/acme-challenge/ for a server that runs; NULL: a server of our
     * own, while it is needed. tls-alpn-01 has always one. */
    const char *webroot;
    const char *address; /* to listen on; NULL: all */
    uint16_t port;       /* 0: 80, or 443 */
    /* dns-01 */
    enum acme_hook_kind hook_kind;
    const char *hook;      /* absolute path */
    const char *dns_alias; /* the name that _acme-challenge.DOMAIN is a CNAME of, or NULL */
    const char
        *dns_servers;  /* "127.0.0.1:53,[::1]:53": to ask for the zone and its servers; NULL: the system's */
    unsigned dns_wait; /* seconds until a record must be seen at each authoritative server; 0: 300 */
};

/* ---- orders (section 7.4) ---- */

struct acme_order {
    char *url;
    char *status; /* "pending", "ready", "processing", "valid", "invalid" */
    char *finalize, *certificate;
    char **authorizations;
    size_t authorizations_count;
    int64_t expires;
};

struct acme_order_request {
    const char *const *identifiers; /* DNS names, "*.example.com" too, and IP addresses */
    size_t count;
    const char *profile; /* one of the directory's, or NULL */
    const char
        *replaces; /* acme_certificate_id of the certificate that this one follows, or NULL (RFC 9773) */
};
/* An order whose replaces the server does not take is placed without. */
struct acme_order *acme_order_new(struct acme *acme, const struct acme_order_request *request);
/* An order that was placed earlier. */
struct acme_order *acme_order_resume(struct acme *acme, const char *url);
/* Proves control of every identifier, and waits until the server has seen it. */
int acme_order_authorize(struct acme *acme, struct acme_order *order,
                         const struct acme_solver_config *config);
/* Hands in the request (PKCS #10, DER) and waits until the certificate is issued. An order that is processing
 * or valid already is only waited for. */
int acme_order_finalize(struct acme *acme, struct acme_order *order, const unsigned char *csr, size_t len);
/* The chain, PEM: of several the one whose topmost issuer's common name is preferred_chain, else the first.
 * The caller's (OPENSSL_free). */
char *acme_order_certificate(struct acme *acme, struct acme_order *order, const char *preferred_chain);
void acme_order_free(struct acme_order *order);

/* ---- revocation (section 7.6) ---- */

/* reason is a CRLReason (RFC 5280 section 5.3.1). key is the certificate's, or NULL: the account asks. */
int acme_revoke(struct acme *acme, const unsigned char *certificate, size_t len, int reason, EVP_PKEY *key);

/* ---- renewal information (RFC 9773) ---- */

struct acme_renewal_info {
    int64_t start, end; /* the window in which to renew */
    char explanation[512];
    int64_t next; /* when to ask again */
};
/* Returns 1; 0 if it failed, which is no reason not to renew by time; -1 if the server offers none. Reports
 * no errors but says in why what was wrong. */
int acme_renewal_info(struct acme *acme, const char *certificate_id, struct acme_renewal_info *info,
                      char *why, size_t size);
/* base64url(keyIdentifier) "." base64url(serial) (section 4.1); the caller's. NULL: it has no such extension.
 */
char *acme_certificate_id(const X509 *certificate);

#endif
