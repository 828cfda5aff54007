// SPDX-License-Identifier: Apache-2.0
/* The making of a certificate: fields and extensions of RFC 5280, and the signature. */
#include "private.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define SERIAL_BYTES 16 /* RFC 5280 section 4.1.2.2: at most 20 octets */
#define DAYS_MAX     36500

/* Digest for a signature with this key; NULL for keys that have their own (Ed25519). */
const EVP_MD *store_signature_md(struct store *store, EVP_PKEY *pkey, const char *digest)
{
    (void)store;
    if (EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448"))
        return NULL;
    if (strcmp(digest, "sha384") == 0)
        return EVP_sha384();
    return strcmp(digest, "sha512") == 0 ? EVP_sha512() : EVP_sha256();
}

int store_check_ca(struct store *store, const struct store_cert *ca)
{
    const char *name = ca->text[STORE_NAME];

    if (ca->der == NULL)
        return store_raise(store, "%s is a template: sign it before it can sign", name);
    if (!ca->is_authority || !store_usage_has(ca->text[STORE_KEY_USAGE], "key-cert-sign"))
        return store_raise(store, "%s is no CA: it has no key-usage key-cert-sign", name);
    if (ca->key == 0)
        return store_raise(store, "%s has no private key here (flag K): it can't sign", name);
    if (ca->revoked_at != 0)
        return store_raise(store, "%s is revoked", name);
    if (ca->not_after <= (int64_t)time(NULL))
        return store_raise(store, "%s has expired", name);
    return 1;
}

/* ---- extensions ---- */

static int add(STACK_OF(X509_EXTENSION) * *extensions, int nid, void *value, int is_critical)
{
    return value != NULL && X509V3_add1_i2d(extensions, nid, value, is_critical, X509V3_ADD_DEFAULT) == 1;
}

static int add_constraints(STACK_OF(X509_EXTENSION) * *extensions, int is_ca, int path_length)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
    int ok = constraints != NULL;

    if (ok && is_ca) {
        constraints->ca = 0xff; /* DER's TRUE */
        if (path_length >= 0)
            ok = (constraints->pathlen = ASN1_INTEGER_new()) != NULL &&
                 ASN1_INTEGER_set(constraints->pathlen, path_length);
    }
    ok = ok && add(extensions, NID_basic_constraints, constraints, 1);
    BASIC_CONSTRAINTS_free(constraints);
    return ok;
}

/* RFC 7093 section 2 method 1: the leftmost 160 bits of SHA-256 of the public key's bits. */
static ASN1_OCTET_STRING *key_id(struct store *store, X509 *x509)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x509);
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t len = 0;

    if (id != NULL && bits != NULL &&
        EVP_Q_digest(store_crypto(store), "SHA256", "provider=default", ASN1_STRING_get0_data(bits),
                     (size_t)ASN1_STRING_length(bits), md, &len) &&
        ASN1_OCTET_STRING_set(id, md, 20))
        return id;
    ASN1_OCTET_STRING_free(id);
    return NULL;
}

static int add_key_ids(struct store *store, STACK_OF(X509_EXTENSION) * *extensions, X509 *x509, X509 *ca)
{
    ASN1_OCTET_STRING *skid = key_id(store, x509);
    const ASN1_OCTET_STRING *issuer = ca != NULL ? X509_get0_subject_key_id(ca) : skid;
    AUTHORITY_KEYID *akid = AUTHORITY_KEYID_new();
    int ok = skid != NULL && akid != NULL && add(extensions, NID_subject_key_identifier, skid, 0);

    if (ok && issuer != NULL) {
        akid->keyid = ASN1_OCTET_STRING_dup(issuer);
        ok = add(extensions, NID_authority_key_identifier, akid, 0);
    }
    ASN1_OCTET_STRING_free(skid);
    AUTHORITY_KEYID_free(akid);
    return ok;
}

static int add_alt_names(struct store *store, STACK_OF(X509_EXTENSION) * *extensions,
                         const struct store_issue *issue, X509 *x509)
{
    GENERAL_NAMES *names = NULL;
    int ok = 1;

    if (issue->request != NULL) {
        STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(issue->request);

        names = X509V3_get_d2i(asked, NID_subject_alt_name, NULL, NULL);
        sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    } else if (*issue->template->text[STORE_SUBJECT_ALT_NAME] != '\0') {
        names = store_alt_names_new(store, issue->template->text[STORE_SUBJECT_ALT_NAME]);
        if (names == NULL)
            return 0;
    }
    /* RFC 5280 section 4.2.1.6: critical if the subject is empty. */
    if (sk_GENERAL_NAME_num(names) > 0)
        ok = add(extensions, NID_subject_alt_name, names,
                 X509_NAME_entry_count(X509_get_subject_name(x509)) == 0);
    GENERAL_NAMES_free(names);
    return ok || store_raise_ssl(store, "subject-alt-name");
}

/* Where the issuer's CRL is: a distribution point with one URL (RFC 5280 section 4.2.1.13). */
static int add_crl_point(STACK_OF(X509_EXTENSION) * *extensions, const char *host, int64_t id)
{
    CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAME *name;
    char url[512];
    int ok;

    snprintf(url, sizeof(url), "http://%.400s/crl/%lld.crl", host, (long long)id);
    ok = points != NULL && point != NULL && sk_DIST_POINT_push(points, point);
    if (!ok)
        DIST_POINT_free(point);
    ok = ok && (point->distpoint = DIST_POINT_NAME_new()) != NULL &&
         (point->distpoint->type = 0, 1) && /* fullName */
         (point->distpoint->name.fullname = GENERAL_NAMES_new()) != NULL &&
         (name = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_URI, url, 0)) != NULL &&
         (sk_GENERAL_NAME_push(point->distpoint->name.fullname, name) || (GENERAL_NAME_free(name), 0)) &&
         add(extensions, NID_crl_distribution_points, points, 0);
    sk_DIST_POINT_pop_free(points, DIST_POINT_free);
    return ok;
}

static int add_extensions(struct store *store, const struct store_issue *issue, X509 *x509, X509 *ca)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    const char *usages = issue->template->text[STORE_KEY_USAGE];
    int is_ca = store_usage_has(usages, "key-cert-sign"), i, ok;

    ok = extensions != NULL && add_constraints(&extensions, is_ca, issue->template->path_length) &&
         store_usages_add(store, extensions, usages) && add_key_ids(store, &extensions, x509, ca) &&
         add_alt_names(store, &extensions, issue, x509) &&
         (issue->crl_host == NULL || *issue->crl_host == '\0' ||
          add_crl_point(&extensions, issue->crl_host, issue->crl_id));
    for (i = 0; ok && i < sk_X509_EXTENSION_num(extensions); i++)
        ok = X509_add_ext(x509, sk_X509_EXTENSION_value(extensions, i), -1);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok || (ERR_peek_error() != 0 && store_raise_ssl(store, "extensions")) || 0;
}

/* ---- the rest ---- */

static int set_serial(X509 *x509)
{
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *number = NULL;
    int ok;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return 0;
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = number != NULL && !BN_is_zero(number) &&
         BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
    BN_free(number);
    return ok;
}

/* A certificate that would outlive its CA by less than a day, as one made with the same days-valid a minute
 * later does, ends with it. */
static int set_validity(struct store *store, const struct store_issue *issue, X509 *x509)
{
    int days = issue->seconds != 0 ? (int)(issue->seconds / 86400) : issue->template->days_valid;
    long seconds = (long)(issue->seconds % 86400);
    time_t now = time(NULL);
    int64_t excess;

    if ((days < 1 && seconds < 1) || days > DAYS_MAX)
        return store_raise(store, "days-valid: expected 1 to %d", DAYS_MAX);
    if (X509_time_adj_ex(X509_getm_notBefore(x509), 0, 0, &now) == NULL ||
        X509_time_adj_ex(X509_getm_notAfter(x509), days, seconds, &now) == NULL)
        return store_raise_ssl(store, "days-valid");
    excess = issue->ca != NULL ? (int64_t)now + (int64_t)days * 86400 + seconds - issue->ca->not_after : 0;
    if (excess > 86400)
        store_warn(store, "%s will be valid longer than its CA %s, and is worth nothing after that",
                   issue->template->text[STORE_NAME], issue->ca->text[STORE_NAME]);
    else if (excess > 0)
        return ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)issue->ca->not_after) != NULL;
    return 1;
}

static int set_names(struct store *store, const struct store_issue *issue, X509 *x509, X509 *ca)
{
    X509_NAME *own = issue->request == NULL ? store_name_new(store, issue->template) : NULL;
    const X509_NAME *subject = issue->request != NULL ? X509_REQ_get_subject_name(issue->request) : own;
    int ok = subject != NULL && X509_set_subject_name(x509, subject) &&
             X509_set_issuer_name(x509, ca != NULL ? X509_get_subject_name(ca) : subject);

    X509_NAME_free(own);
    return ok;
}

/* RFC 5280 section 4.2.1.9: what a path length of the issuer leaves for a CA below it. */
static int check_path_length(struct store *store, const struct store_issue *issue)
{
    const struct store_cert *ca = issue->ca;

    if (ca == NULL || ca->path_length < 0 ||
        !store_usage_has(issue->template->text[STORE_KEY_USAGE], "key-cert-sign"))
        return 1;
    if (ca->path_length == 0)
        return store_raise(store, "%s has path-length 0: it may sign no CA (key-usage key-cert-sign)",
                           ca->text[STORE_NAME]);
    if (issue->template->path_length < 0 || issue->template->path_length >= ca->path_length)
        return store_raise(store, "%s has path-length %d: a CA below it needs a path-length up to %d",
                           ca->text[STORE_NAME], ca->path_length, ca->path_length - 1);
    return 1;
}

X509 *store_issue(struct store *store, const struct store_issue *issue)
{
    const struct store_cert *template = issue->template;
    X509 *x509 = X509_new_ex(store_crypto(store), NULL), *ca = NULL;
    EVP_PKEY *signer = issue->ca != NULL ? issue->ca_pkey : issue->pkey;
    int ok = 0;

    if (issue->request == NULL && *template->text[STORE_COMMON_NAME] == '\0' &&
        *template->text[STORE_SUBJECT_ALT_NAME] == '\0') {
        store_raise(store, "%s has neither a common-name nor a subject-alt-name", template->text[STORE_NAME]);
        goto out;
    }
    if (!check_path_length(store, issue))
        goto out;
    if (issue->ca != NULL && (ca = store_cert_cached(store, issue->ca)) == NULL)
        goto out;
    if (x509 == NULL || !set_validity(store, issue, x509) || !set_names(store, issue, x509, ca))
        goto out;
    if (!X509_set_version(x509, X509_VERSION_3) || !set_serial(x509) || !X509_set_pubkey(x509, issue->pkey)) {
        store_raise_ssl(store, "certificate %s", template->text[STORE_NAME]);
        goto out;
    }
    if (!add_extensions(store, issue, x509, ca))
        goto out;
    ok = X509_sign(x509, signer, store_signature_md(store, signer, template->text[STORE_DIGEST_ALGORITHM])) >
         0;
    if (!ok)
        store_raise_ssl(store, "certificate %s can't be signed by %s", template->text[STORE_NAME],
                        issue->ca != NULL ? issue->ca->text[STORE_NAME] : "itself");
out:
    X509_free(ca);
    if (ok)
        return x509;
    X509_free(x509);
    return NULL;
}
