// SPDX-License-Identifier: Apache-2.0
/* Who gets a certificate: by an old one, by a password, by the administrator's hand. Nobody else, unless he
 * says so. */
#include "server_private.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void refuse(struct scep_decision *decision, enum scep_fail_info fail_info, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(struct scep_decision *decision, enum scep_fail_info fail_info, const char *format, ...)
{
    va_list args;

    decision->verdict = SCEP_REFUSE;
    decision->fail_info = fail_info;
    va_start(args, format);
    vsnprintf(decision->reason, sizeof(decision->reason), format, args);
    va_end(args);
}

/* ---- who has signed ---- */

/* Has this CA issued it, and not revoked it? Revocation is known of what is in the store. */
static int has_issued(struct scep_server *server, int64_t id, X509 *x509)
{
    struct store_cert *ca = id != 0 ? store_cert_get(server->store, &(struct store_query){.id = id}) : NULL,
                      *here = NULL;
    X509 *ca_x509 =
        ca != NULL && ca->der != NULL && ca->revoked_at == 0 ? store_cert_cached(server->store, ca) : NULL;
    unsigned char *der = NULL;
    int len, ok;

    if (ca_x509 != NULL && scep_has_signed(ca_x509, x509) && (len = i2d_X509(x509, &der)) > 0)
        here = store_cert_find(server->store, der, (size_t)len);
    ok = here != NULL && here->revoked_at == 0 && here->ca == id;
    OPENSSL_free(der);
    store_cert_free(here);
    X509_free(ca_x509);
    store_cert_free(ca);
    return ok;
}

int scep_is_ours(struct scep_server *server, const struct scep_entry *entry, X509 *x509)
{
    int ok = X509_cmp_current_time(X509_get0_notAfter(x509)) > 0 &&
             X509_cmp_current_time(X509_get0_notBefore(x509)) < 0 &&
             (has_issued(server, entry->ca, x509) || has_issued(server, entry->previous_ca, x509));

    ERR_clear_error();
    return ok;
}

/* ---- what is asked for ---- */

/* RSA and the curves of TLS; RSA-PSS keys and Ed25519 can't decrypt the CertRep. A curve by its name only
 * (RFC 5480 section 2.1.1): with parameters anybody could make one of his own. */
static int is_key_known(EVP_PKEY *key)
{
    int is_explicit = 0;

    if (EVP_PKEY_is_a(key, "RSA"))
        return 1;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) >= 256 &&
           EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) &&
           !is_explicit;
}

/* The request's own signature: no MD5 (RFC 8894 section 2.9). */
static int is_digest_known(const X509_REQ *request)
{
    int md = NID_undef;

    return OBJ_find_sigid_algs(X509_REQ_get_signature_nid(request), &md, NULL) &&
           (md == NID_sha256 || md == NID_sha384 || md == NID_sha512 || md == NID_sha224 || md == NID_sha1 ||
            md == NID_undef); /* RSA-PSS has it in its parameters */
}

/* A certificate with the CA's own name would be taken for the CA's. */
static int is_ca_name(struct scep_server *server, const struct scep_entry *entry, X509_REQ *request)
{
    X509 *ca = scep_cert_x509(server, entry->ca);
    int is = ca != NULL && X509_NAME_cmp(X509_REQ_get_subject_name(request), X509_get_subject_name(ca)) == 0;

    X509_free(ca);
    return is;
}

static int is_allowed(struct scep_server *server, const struct scep_entry *entry,
                      const struct store_incoming *incoming, X509_REQ *request,
                      struct scep_decision *decision)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    char which[128];

    if (!is_key_known(key))
        refuse(decision, SCEP_BAD_ALG, "the key is neither RSA nor on a curve of 256 bits or more");
    else if (!is_digest_known(request))
        refuse(decision, SCEP_BAD_ALG, "the digest of the request's signature is not one that is allowed");
    else if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < entry->key_size_min)
        refuse(decision, SCEP_BAD_REQUEST, "the key has %d bits, and key-size-min is %d",
               EVP_PKEY_get_bits(key), entry->key_size_min);
    else if (is_ca_name(server, entry, request))
        refuse(decision, SCEP_BAD_REQUEST, "the subject is the CA's own");
    else if (*incoming->subject == '\0' && *incoming->subject_alt_name == '\0')
        refuse(decision, SCEP_BAD_REQUEST, "neither a subject nor an alternative name");
    else if (*entry->allowed_names != '\0' &&
             !store_incoming_matches(incoming, entry->allowed_names, which, sizeof(which)))
        refuse(decision, SCEP_BAD_REQUEST, "allowed-names does not have %s", which);
    else
        return 1;
    return 0;
}

/* The challengePassword (RFC 2985 section 5.4.1); "" without one. Returns 0 if it is malformed. */
static int challenge_of(X509_REQ *request, char *text, size_t size)
{
    int at = X509_REQ_get_attr_by_NID(request, NID_pkcs9_challengePassword, -1);
    X509_ATTRIBUTE *attribute = at >= 0 ? X509_REQ_get_attr(request, at) : NULL;
    ASN1_TYPE *value = attribute != NULL ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
    unsigned char *utf8 = NULL;
    int len;

    *text = '\0';
    if (at < 0)
        return 1;
    if (value == NULL || (value->type != V_ASN1_PRINTABLESTRING && value->type != V_ASN1_UTF8STRING &&
                          value->type != V_ASN1_IA5STRING && value->type != V_ASN1_T61STRING &&
                          value->type != V_ASN1_BMPSTRING))
        return 0;
    len = ASN1_STRING_to_UTF8(&utf8, value->value.asn1_string);
    if (len < 0 || (size_t)len >= size || memchr(utf8, 0, (size_t)len) != NULL) {
        OPENSSL_clear_free(utf8, len > 0 ? (size_t)len : 0);
        return 0;
    }
    memcpy(text, utf8, (size_t)len);
    text[len] = '\0';
    OPENSSL_clear_free(utf8, (size_t)len);
    return 1;
}

/* ---- the decision ---- */

/* Renewal (RFC 8894 section 7.6): the same subject and no new names, signed with the old key. */
static void decide_renewal(X509 *signer, X509_REQ *request, struct scep_decision *decision)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *wanted = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL),
                  *had = X509_get_ext_d2i(signer, NID_subject_alt_name, NULL, NULL);
    int i, j, ok = X509_NAME_cmp(X509_REQ_get_subject_name(request), X509_get_subject_name(signer)) == 0;

    if (!ok)
        refuse(decision, SCEP_BAD_REQUEST, "a renewal has the subject of the old certificate");
    for (i = 0; ok && i < sk_GENERAL_NAME_num(wanted); i++) {
        int has = 0;

        for (j = 0; !has && j < sk_GENERAL_NAME_num(had); j++)
            has = GENERAL_NAME_cmp(sk_GENERAL_NAME_value(wanted, i), sk_GENERAL_NAME_value(had, j)) == 0;
        ok = has;
        if (!has)
            refuse(decision, SCEP_BAD_REQUEST,
                   "a renewal has no alternative names that the old certificate had not");
    }
    if (ok) {
        decision->verdict = SCEP_GRANT;
        decision->old = signer;
    }
    GENERAL_NAMES_free(wanted);
    GENERAL_NAMES_free(had);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static int same_text(const char *a, const char *b)
{
    size_t len = strlen(a);

    return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

static void decide_new(struct scep_server *server, const struct scep_entry *entry,
                       const struct store_incoming *incoming, X509_REQ *request,
                       struct scep_decision *decision)
{
    char challenge[256];

    if (!challenge_of(request, challenge, sizeof(challenge))) {
        refuse(decision, SCEP_BAD_REQUEST, "the challengePassword is malformed");
    } else if (*challenge != '\0') {
        if (*entry->challenge_password != '\0' && same_text(entry->challenge_password, challenge))
            decision->verdict = SCEP_GRANT;
        else if ((decision->password = store_password_find(server->store, challenge, incoming)) > 0)
            decision->verdict = SCEP_GRANT;
        else if (entry->authorization_none)
            decision->verdict = SCEP_GRANT;
        else
            refuse(decision, SCEP_BAD_REQUEST,
                   "the challengePassword is wrong, used already, expired, or for another subject");
        if (decision->password < 0)
            decision->password = 0;
    } else {
        decision->verdict = entry->authorization_none ? SCEP_GRANT : SCEP_WAIT;
    }
    OPENSSL_cleanse(challenge, sizeof(challenge));
}

void scep_decide(struct scep_server *server, const struct scep_entry *entry, enum scep_type type,
                 X509 *signer, const struct store_incoming *incoming, struct scep_decision *decision)
{
    X509_REQ *request = incoming->parsed;
    EVP_PKEY *key = request != NULL ? X509_REQ_get0_pubkey(request) : NULL;

    *decision = (struct scep_decision){.verdict = SCEP_REFUSE, .fail_info = SCEP_BAD_REQUEST};
    if (key == NULL)
        refuse(decision, SCEP_BAD_REQUEST, "the request can't be read");
    else if (!is_allowed(server, entry, incoming, request, decision))
        ;
    else if (type == SCEP_RENEWAL_REQ && !scep_is_ours(server, entry, signer))
        refuse(decision, SCEP_BAD_MESSAGE_CHECK,
               "a renewal is signed with a certificate of this CA that is valid and not revoked");
    else if (type == SCEP_RENEWAL_REQ)
        decide_renewal(signer, request, decision);
    else if (type == SCEP_PKCS_REQ && scep_is_ours(server, entry, signer) &&
             (decide_renewal(signer, request, decision), decision->verdict == SCEP_GRANT))
        ; /* as before RFC 8894, which certmonger does */
    else if (type == SCEP_PKCS_REQ && EVP_PKEY_eq(X509_get0_pubkey(signer), key) != 1)
        refuse(decision, SCEP_BAD_MESSAGE_CHECK, "a PKCSReq is signed with the key that it is for");
    else if (type == SCEP_PKCS_REQ)
        decide_new(server, entry, incoming, request, decision);
    else
        refuse(decision, SCEP_BAD_REQUEST, "no request for a certificate");
    ERR_clear_error();
}
