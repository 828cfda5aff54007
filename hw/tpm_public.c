// SPDX-License-Identifier: Apache-2.0
/* The TPM's public area of a key as an OpenSSL public key. */
#include "tpm.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#define RSA_BITS_MIN 1024
#define RSA_BITS_MAX 4096

static const char *md_name(TPMI_ALG_HASH algorithm)
{
    switch (algorithm) {
    case TPM2_ALG_SHA1:
        return "SHA1";
    case TPM2_ALG_SHA256:
        return "SHA256";
    case TPM2_ALG_SHA384:
        return "SHA384";
    case TPM2_ALG_SHA512:
        return "SHA512";
    default:
        return NULL;
    }
}

static const char *flaw(const TPMT_PUBLIC *pub)
{
    const TPMS_RSA_PARMS *rsa = &pub->parameters.rsaDetail;
    const TPM2B_PUBLIC_KEY_RSA *n = &pub->unique.rsa;

    if (pub->type != TPM2_ALG_RSA && pub->type != TPM2_ALG_ECC)
        return "is neither an RSA nor an EC key; other types are not supported";
    if (pub->objectAttributes & TPMA_OBJECT_RESTRICTED)
        return "is restricted (a storage or attestation key): it signs only what the TPM made itself";
    if (pub->type == TPM2_ALG_ECC)
        return tpm_ec_flaw(pub);
    if (rsa->keyBits < RSA_BITS_MIN || rsa->keyBits > RSA_BITS_MAX || rsa->keyBits % 8 != 0)
        return "has a size out of range";
    if (n->size != rsa->keyBits / 8 || !(n->buffer[0] & 0x80) || !(n->buffer[n->size - 1] & 1))
        return "has a modulus that does not fit its size";
    if (rsa->exponent != 0 && (rsa->exponent < 3 || rsa->exponent % 2 == 0))
        return "has an impossible public exponent";
    if (rsa->scheme.scheme != TPM2_ALG_NULL && rsa->scheme.scheme != TPM2_ALG_RSASSA &&
        rsa->scheme.scheme != TPM2_ALG_RSAPSS)
        return "has a scheme that is neither RSASSA nor RSAPSS";
    if (rsa->scheme.scheme != TPM2_ALG_NULL && md_name(rsa->scheme.details.anySig.hashAlg) == NULL)
        return "has a digest that is not supported";
    return NULL;
}

static EVP_PKEY *rsa_to_pkey(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *pub)
{
    const TPMS_RSA_PARMS *rsa = &pub->parameters.rsaDetail;
    int pss = rsa->scheme.scheme == TPM2_ALG_RSAPSS;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(pub->unique.rsa.buffer, pub->unique.rsa.size, NULL), *e = BN_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, pss ? "RSA-PSS" : "RSA", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (build == NULL || n == NULL || e == NULL || ctx == NULL ||
        !BN_set_word(e, rsa->exponent != 0 ? rsa->exponent : 65537) ||
        !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) ||
        !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        goto out;
    /* The TPM binds such a key to one digest: in X.509's terms its parameters restrict it. */
    if (pss) {
        const char *md = md_name(rsa->scheme.details.rsapss.hashAlg);

        if (!OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_RSA_DIGEST, md, 0) ||
            !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_RSA_MASKGENFUNC, "MGF1", 0) ||
            !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, md, 0) ||
            !OSSL_PARAM_BLD_push_int(build, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN,
                                     EVP_MD_get_size(EVP_get_digestbyname(md))))
            goto out;
    }
    params = OSSL_PARAM_BLD_to_param(build);
    if (params == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
out:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return pkey;
}

static unsigned rsa_ops(const TPMT_PUBLIC *area)
{
    TPMI_ALG_RSA_SCHEME scheme = area->parameters.rsaDetail.scheme.scheme;
    int signs = (area->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT) != 0;

    /* Only an unrestricted key with both attributes and no scheme of its own gives the raw operation. */
    if (scheme == TPM2_ALG_NULL)
        return (area->objectAttributes & TPMA_OBJECT_DECRYPT ? HW_OP_RSA_RAW : 0) |
               (signs ? HW_OP_RSA_PKCS1 | HW_OP_RSA_PSS : 0);
    return !signs ? 0 : scheme == TPM2_ALG_RSAPSS ? HW_OP_RSA_PSS : HW_OP_RSA_PKCS1;
}

static unsigned ec_ops(const TPMT_PUBLIC *area)
{
    return area->objectAttributes & TPMA_OBJECT_SIGN_ENCRYPT ? HW_OP_ECDSA : 0;
}

int tpm_public_adopt(struct hw_key *key, const TPM2B_PUBLIC *pub, const char *where)
{
    const TPMT_PUBLIC *area = &pub->publicArea;
    const char *why = flaw(area);
    EVP_PKEY *pkey;

    if (why != NULL) {
        hw_raise(key->hw, HW_E_BAD_KEY, "the key %s %s", where, why);
        return 0;
    }
    pkey = area->type == TPM2_ALG_ECC ? tpm_ec_to_pkey(hw_libctx(key->hw), area)
                                      : rsa_to_pkey(hw_libctx(key->hw), area);
    if (pkey == NULL) {
        hw_raise(key->hw, HW_E_BAD_KEY, "OpenSSL does not take the public key %s", where);
        return 0;
    }
    key->ops |= area->type == TPM2_ALG_ECC ? ec_ops(area) : rsa_ops(area);
    if (key->ops == 0) {
        EVP_PKEY_free(pkey);
        hw_raise(key->hw, HW_E_BAD_KEY, "the key %s may neither sign nor decrypt", where);
        return 0;
    }
    if (key->pkey != NULL && EVP_PKEY_eq(key->pkey, pkey) != 1) {
        EVP_PKEY_free(pkey);
        key->ops = 0;
        hw_raise(key->hw, HW_E_FOREIGN_KEY, "the key %s is not the one that its reference was made for",
                 where);
        return 0;
    }
    if (key->pkey != NULL) {
        EVP_PKEY_free(pkey);
        return 1;
    }
    return hw_key_set0_pkey(key, pkey);
}
