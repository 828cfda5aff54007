// SPDX-License-Identifier: Apache-2.0
/* AlgorithmIdentifiers of signatures, for X.509 and CMS. */
#include "provider.h"

#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static X509_ALGOR *digest_algorithm(const EVP_MD *md)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();

    if (algorithm != NULL)
        X509_ALGOR_set_md(algorithm, md);
    return algorithm;
}

static int pack(ASN1_STRING **out, void *value, const ASN1_ITEM *item)
{
    *out = ASN1_item_pack(value, item, NULL);
    return *out != NULL;
}

/* RSASSA-PSS-params (RFC 4055 section 3.1): fields at their defaults (SHA-1, 20) are left out. */
static ASN1_STRING *pss_params(const EVP_MD *md, const EVP_MD *mgf1_md, int saltlen)
{
    RSA_PSS_PARAMS *params = RSA_PSS_PARAMS_new();
    X509_ALGOR *mgf1_digest = NULL;
    ASN1_STRING *mgf1_params = NULL, *packed = NULL;

    if (params == NULL)
        return NULL;
    if (EVP_MD_get_type(md) != NID_sha1 && (params->hashAlgorithm = digest_algorithm(md)) == NULL)
        goto out;
    if (EVP_MD_get_type(mgf1_md) != NID_sha1) {
        params->maskGenAlgorithm = X509_ALGOR_new();
        mgf1_digest = digest_algorithm(mgf1_md);
        if (params->maskGenAlgorithm == NULL || mgf1_digest == NULL ||
            !pack(&mgf1_params, mgf1_digest, ASN1_ITEM_rptr(X509_ALGOR)))
            goto out;
        X509_ALGOR_set0(params->maskGenAlgorithm, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, mgf1_params);
    }
    if (saltlen != 20 &&
        ((params->saltLength = ASN1_INTEGER_new()) == NULL || !ASN1_INTEGER_set(params->saltLength, saltlen)))
        goto out;
    pack(&packed, params, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
out:
    X509_ALGOR_free(mgf1_digest);
    RSA_PSS_PARAMS_free(params);
    return packed;
}

unsigned char *prov_algorithm_id_ecdsa(const EVP_MD *md, size_t *len)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    unsigned char *der = NULL;
    int nid, n = -1;

    if (algorithm != NULL && OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(md), NID_X9_62_id_ecPublicKey) &&
        X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_UNDEF, NULL))
        n = i2d_X509_ALGOR(algorithm, &der);
    X509_ALGOR_free(algorithm);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0 ? der : NULL;
}

unsigned char *prov_algorithm_id(int is_pss, const EVP_MD *md, const EVP_MD *mgf1_md, int saltlen,
                                 size_t *len)
{
    X509_ALGOR *algorithm = X509_ALGOR_new();
    unsigned char *der = NULL;
    int nid = NID_rsassaPss, n = -1;

    if (algorithm == NULL)
        return NULL;
    if (is_pss) {
        ASN1_STRING *params = pss_params(md, mgf1_md, saltlen);

        if (params != NULL && X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_SEQUENCE, params))
            n = i2d_X509_ALGOR(algorithm, &der);
    } else if (OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(md), NID_rsaEncryption) &&
               X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_NULL, NULL)) {
        n = i2d_X509_ALGOR(algorithm, &der);
    }
    X509_ALGOR_free(algorithm);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0 ? der : NULL;
}
