// SPDX-License-Identifier: Apache-2.0
/* What CertReps and GetCACert carry: certificates and CRLs in a degenerate SignedData (RFC 8894 section 3.4),
 * and the names by which they are asked for. */
#include "private.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <string.h>

#define CERTIFICATES_MAX 32

int scep_has_signed(X509 *issuer, X509 *x509)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    int has = key != NULL && X509_NAME_cmp(X509_get_issuer_name(x509), X509_get_subject_name(issuer)) == 0 &&
              X509_verify(x509, key) == 1;

    ERR_clear_error();
    return has;
}

int scep_write_certificates(OSSL_LIB_CTX *libctx, const STACK_OF(X509) * certificates, X509_CRL *crl,
                            unsigned char **der, size_t *len)
{
    BIO *empty = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = empty != NULL ? CMS_sign_ex(NULL, NULL, NULL, empty,
                                                       CMS_BINARY | CMS_PARTIAL | CMS_DETACHED, libctx, NULL)
                                         : NULL;
    int i, n = -1, ok = cms != NULL;

    *der = NULL;
    for (i = 0; ok && i < sk_X509_num(certificates); i++)
        ok = CMS_add1_cert(cms, sk_X509_value(certificates, i));
    ok = ok && (crl == NULL || CMS_add1_crl(cms, crl));
    if (ok)
        n = i2d_CMS_ContentInfo(cms, der);
    *len = n > 0 ? (size_t)n : 0;
    CMS_ContentInfo_free(cms);
    BIO_free(empty);
    return n > 0;
}

STACK_OF(X509) *
    scep_read_certificates(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len, X509_CRL **crl)
{
    CMS_ContentInfo *cms = CMS_ContentInfo_new_ex(libctx, NULL), *parsed;
    STACK_OF(X509) *certificates = NULL;
    STACK_OF(X509_CRL) *crls = NULL;

    parsed = cms != NULL && len <= SCEP_MESSAGE_MAX ? d2i_CMS_ContentInfo(&cms, &der, (long)len) : NULL;
    if (parsed == NULL) {
        CMS_ContentInfo_free(cms);
        ERR_clear_error();
        return NULL;
    }
    if (OBJ_obj2nid(CMS_get0_type(parsed)) == NID_pkcs7_signed) {
        certificates = CMS_get1_certs(parsed);
        crls = crl != NULL ? CMS_get1_crls(parsed) : NULL;
        if (certificates == NULL)
            certificates = sk_X509_new_null();
    }
    if (crl != NULL)
        *crl = sk_X509_CRL_num(crls) > 0 ? sk_X509_CRL_shift(crls) : NULL;
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
    CMS_ContentInfo_free(parsed);
    if (sk_X509_num(certificates) > CERTIFICATES_MAX) {
        sk_X509_pop_free(certificates, X509_free);
        certificates = NULL;
    }
    ERR_clear_error();
    return certificates;
}

/* ---- IssuerAndSerialNumber (RFC 5652 section 10.2.4), IssuerAndSubject (RFC 8894 section 3.3.3) ---- */

typedef struct {
    X509_NAME *issuer;
    ASN1_TYPE *other;
} PAIR;

ASN1_SEQUENCE(PAIR) = {
    ASN1_SIMPLE(PAIR, issuer, X509_NAME),
    ASN1_SIMPLE(PAIR, other, ASN1_ANY),
} static_ASN1_SEQUENCE_END(PAIR)

static PAIR *pair_new(void)
{
    return (PAIR *)ASN1_item_new(ASN1_ITEM_rptr(PAIR));
}

static void pair_free(PAIR *pair)
{
    ASN1_item_free((ASN1_VALUE *)pair, ASN1_ITEM_rptr(PAIR));
}

int scep_read_names(const unsigned char *der, size_t len, struct scep_names *names)
{
    const unsigned char *p = der, *sequence;
    PAIR *pair = (PAIR *)ASN1_item_d2i(NULL, &p, (long)len, ASN1_ITEM_rptr(PAIR));
    int ok = 0;

    *names = (struct scep_names){0};
    if (pair != NULL && p == der + len) {
        if (pair->other->type == V_ASN1_INTEGER) {
            names->serial = ASN1_INTEGER_dup(pair->other->value.integer);
            ok = names->serial != NULL;
        } else if (pair->other->type == V_ASN1_SEQUENCE) {
            sequence = pair->other->value.sequence->data;
            names->subject = d2i_X509_NAME(NULL, &sequence, pair->other->value.sequence->length);
            ok = names->subject != NULL;
        }
        names->issuer = pair->issuer;
        pair->issuer = X509_NAME_new();
        ok = ok && pair->issuer != NULL;
    }
    pair_free(pair);
    ERR_clear_error();
    if (!ok)
        scep_names_clear(names);
    return ok;
}

int scep_write_names(const struct scep_names *names, unsigned char **der, size_t *len)
{
    PAIR *pair = pair_new();
    unsigned char *subject = NULL;
    ASN1_STRING *sequence = NULL;
    int n = -1, subject_len;

    *der = NULL;
    if (pair == NULL)
        return 0;
    X509_NAME_free(pair->issuer);
    pair->issuer = X509_NAME_dup(names->issuer);
    if (names->serial != NULL) {
        ASN1_TYPE_set1(pair->other, V_ASN1_INTEGER, names->serial);
    } else if ((subject_len = i2d_X509_NAME(names->subject, &subject)) > 0 &&
               (sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE)) != NULL) {
        ASN1_STRING_set(sequence, subject, subject_len);
        ASN1_TYPE_set(pair->other, V_ASN1_SEQUENCE, sequence);
    }
    if (pair->issuer != NULL && pair->other->type > 0)
        n = ASN1_item_i2d((ASN1_VALUE *)pair, der, ASN1_ITEM_rptr(PAIR));
    OPENSSL_free(subject);
    pair_free(pair);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

void scep_names_clear(struct scep_names *names)
{
    X509_NAME_free(names->issuer);
    X509_NAME_free(names->subject);
    ASN1_INTEGER_free(names->serial);
    *names = (struct scep_names){0};
}
