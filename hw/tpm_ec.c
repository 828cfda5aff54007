// SPDX-License-Identifier: Apache-2.0
/* EC keys in the TPM: their public areas, ECDSA, and what one from outside looks like there. */
#include "tpm.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <string.h>

/* The order of each has as many bytes as its field, and all of their bits. */
static const struct curve {
    TPMI_ECC_CURVE id;
    int nid;
    size_t size; /* bytes of the order and of a coordinate */
} curves[] = {
    {TPM2_ECC_NIST_P256, NID_X9_62_prime256v1, 32},
    {TPM2_ECC_NIST_P384, NID_secp384r1, 48},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

static const struct curve *curve_of_nid(int nid)
{
    size_t i;

    for (i = 0; i < CURVES; i++) {
        if (curves[i].nid == nid)
            return &curves[i];
    }
    return NULL;
}

static const struct curve *curve_of(const TPMT_PUBLIC *pub)
{
    size_t i;

    for (i = 0; i < CURVES; i++) {
        if (curves[i].id == pub->parameters.eccDetail.curveID)
            return &curves[i];
    }
    return NULL;
}

static size_t hash_size(TPMI_ALG_HASH hash)
{
    switch (hash) {
    case TPM2_ALG_SHA1:
        return TPM2_SHA1_DIGEST_SIZE;
    case TPM2_ALG_SHA256:
        return TPM2_SHA256_DIGEST_SIZE;
    case TPM2_ALG_SHA384:
        return TPM2_SHA384_DIGEST_SIZE;
    case TPM2_ALG_SHA512:
        return TPM2_SHA512_DIGEST_SIZE;
    default:
        return 0;
    }
}

/* ---- public areas ---- */

const char *tpm_ec_flaw(const TPMT_PUBLIC *pub)
{
    const TPMS_ECC_PARMS *ecc = &pub->parameters.eccDetail;
    const TPMS_ECC_POINT *point = &pub->unique.ecc;
    const struct curve *curve = curve_of(pub);

    if (curve == NULL)
        return "is on a curve that is not supported, only P-256 and P-384 are";
    if (point->x.size > curve->size || point->y.size > curve->size)
        return "has a point that does not fit its curve";
    if (ecc->scheme.scheme != TPM2_ALG_NULL && ecc->scheme.scheme != TPM2_ALG_ECDSA)
        return "has a scheme that is not ECDSA";
    if (ecc->scheme.scheme == TPM2_ALG_ECDSA && hash_size(ecc->scheme.details.ecdsa.hashAlg) == 0)
        return "has a digest that is not supported";
    return NULL;
}

EVP_PKEY *tpm_ec_to_pkey(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *pub)
{
    const TPMS_ECC_POINT *point = &pub->unique.ecc;
    const struct curve *curve = curve_of(pub);
    unsigned char octets[1 + 2 * TPM2_MAX_ECC_KEY_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)OBJ_nid2sn(curve->nid), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets, 1 + 2 * curve->size),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "EC", NULL);
    EVP_PKEY *pkey = NULL;

    /* Some TPMs leave out leading zeros. OpenSSL takes no point that is not on the curve. */
    memcpy(octets + 1 + curve->size - point->x.size, point->x.buffer, point->x.size);
    memcpy(octets + 1 + 2 * curve->size - point->y.size, point->y.buffer, point->y.size);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* ---- making one ---- */

int tpm_ec_parms(const struct hw_generate *params, TPMS_ECC_PARMS *parms)
{
    const struct curve *curve = curve_of_nid(hw_ec_curve(params->curve));

    *parms = (TPMS_ECC_PARMS){
        .symmetric.algorithm = TPM2_ALG_NULL,
        .scheme.scheme = TPM2_ALG_NULL,
        .kdf.scheme = TPM2_ALG_NULL,
        .curveID = curve != NULL ? curve->id : TPM2_ECC_NONE,
    };
    return curve != NULL;
}

int tpm_ec_template(struct tpm *tpm, const struct hw_generate *params, TPM2B_PUBLIC *template)
{
    /* For signatures only: a key that also agrees on secrets is one that two protocols can be played with. */
    *template = (TPM2B_PUBLIC){
        .publicArea =
            {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT |
                                    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                    TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                    (params->passphrase == NULL ? TPMA_OBJECT_NODA : 0),
            },
    };
    if (tpm_ec_parms(params, &template->publicArea.parameters.eccDetail))
        return 1;
    hw_raise(tpm->hw, HW_E_UNSUPPORTED, "curve %.32s: the TPM takes P-256 and, as its chip allows, P-384",
             params->curve);
    return 0;
}

/* ---- one from outside ---- */

int tpm_ec_number(TPM2B_ECC_PARAMETER *out, const EVP_PKEY *pkey, const char *name)
{
    size_t len = (size_t)(EVP_PKEY_get_bits(pkey) + 7) / 8;
    BIGNUM *bn = NULL;
    int ok = EVP_PKEY_get_bn_param(pkey, name, &bn) && len <= sizeof(out->buffer) &&
             BN_bn2binpad(bn, out->buffer, (int)len) > 0;

    out->size = (UINT16)len;
    BN_clear_free(bn);
    return ok;
}

int tpm_ec_fill(struct tpm *tpm, const EVP_PKEY *pkey, const TPM2B_AUTH *auth, int has_passphrase,
                TPM2B_PUBLIC *pub, TPM2B_SENSITIVE *sensitive)
{
    char group[64] = "";
    struct hw_generate wanted = {.curve = group};
    TPMT_PUBLIC *area = &pub->publicArea;

    if (!EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) ||
        !tpm_ec_parms(&wanted, &area->parameters.eccDetail)) {
        hw_raise(tpm->hw, HW_E_UNSUPPORTED,
                 "an EC key on the curve %s: the TPM takes P-256 and, as its chip allows, P-384",
                 *group != '\0' ? group : "of its own");
        return 0;
    }
    area->type = TPM2_ALG_ECC;
    area->nameAlg = TPM2_ALG_SHA256;
    area->objectAttributes =
        TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT | (has_passphrase ? 0 : TPMA_OBJECT_NODA);
    sensitive->sensitiveArea.sensitiveType = TPM2_ALG_ECC;
    sensitive->sensitiveArea.authValue = *auth;
    if (tpm_ec_number(&area->unique.ecc.x, pkey, OSSL_PKEY_PARAM_EC_PUB_X) &&
        tpm_ec_number(&area->unique.ecc.y, pkey, OSSL_PKEY_PARAM_EC_PUB_Y) &&
        tpm_ec_number(&sensitive->sensitiveArea.sensitive.ecc, pkey, OSSL_PKEY_PARAM_PRIV_KEY))
        return 1;
    hw_raise(tpm->hw, HW_E_BAD_KEY, "the EC key does not tell its numbers");
    return 0;
}

/* ---- signatures ---- */

/* ECDSA signs the leftmost bits of a digest, as many as the curve's order has (FIPS 186-5 section 6.4.1): a
 * number. The TPM wants them as a digest of an algorithm that it knows, and few know all. SHA-256, which
 * every TPM has, and SHA-384 can stand for each other one: a longer digest is cut, a shorter one gets zeros
 * in front. Returns TPM2_ALG_NULL if the digest is too long for the only algorithm that the key is for. */
static TPMI_ALG_HASH fit_digest(const TPMT_PUBLIC *pub, const unsigned char *in, size_t len,
                                TPM2B_DIGEST *out)
{
    const TPMT_ECC_SCHEME *scheme = &pub->parameters.eccDetail.scheme;
    size_t order = curve_of(pub)->size, used = len < order ? len : order, size, seen;
    TPMI_ALG_HASH hash = scheme->scheme != TPM2_ALG_NULL   ? scheme->details.ecdsa.hashAlg
                         : used <= TPM2_SHA256_DIGEST_SIZE ? TPM2_ALG_SHA256
                                                           : TPM2_ALG_SHA384;

    size = hash_size(hash);
    seen = size < order ? size : order;
    if (used > seen)
        return TPM2_ALG_NULL;
    *out = (TPM2B_DIGEST){.size = (UINT16)size};
    memcpy(out->buffer + seen - used, in, used);
    return hash;
}

int tpm_ec_takes(const struct tpm_key *k, size_t digest_len)
{
    static const unsigned char any[EVP_MAX_MD_SIZE];
    TPM2B_DIGEST digest;

    return digest_len <= sizeof(any) &&
           fit_digest(&k->pub.publicArea, any, digest_len, &digest) != TPM2_ALG_NULL;
}

/* ECDSA-Sig-Value (RFC 3279 section 2.2.3). Returns its length, or 0. */
static size_t to_der(const TPMS_SIGNATURE_ECDSA *from, unsigned char *out, size_t size)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(from->signatureR.buffer, from->signatureR.size, NULL);
    BIGNUM *s = BN_bin2bn(from->signatureS.buffer, from->signatureS.size, NULL);
    int len = 0;

    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s)) {
        r = s = NULL; /* sig's */
        len = i2d_ECDSA_SIG(sig, NULL);
        if (len > 0 && (size_t)len <= size)
            len = i2d_ECDSA_SIG(sig, &out);
        else
            len = 0;
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t)len : 0;
}

TSS2_RC tpm_ec_sign(struct tpm *tpm, struct tpm_key *k, struct hw_op *op)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPM2B_DIGEST digest;
    TPMI_ALG_HASH hash = fit_digest(&k->pub.publicArea, op->in, op->in_len, &digest);
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = hash};
    TPMT_SIGNATURE *signature = NULL;
    TSS2_RC rc = Esys_Sign(tpm->esys, k->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme,
                           &no_ticket, &signature);

    if (rc == TSS2_RC_SUCCESS && signature->sigAlg == TPM2_ALG_ECDSA)
        op->out_len = to_der(&signature->signature.ecdsa, op->out, op->out_size);
    Esys_Free(signature);
    return rc;
}
