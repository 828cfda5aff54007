// SPDX-License-Identifier: Apache-2.0
/*
 * Keys from outside, wrapped to the TPM: TPM2_Import.
 *
 * On its way to the TPM the private part is encrypted to the parent key (the outer wrapper of TPM 2.0 Library
 * part 1 section 23.3.2.3): whoever listens on the bus learns nothing.
 */
#include "tpm.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_mu.h>

/* What the parent's public area says of how its children are encrypted. */
struct wrapping {
    OSSL_LIB_CTX *libctx;
    const TPMT_PUBLIC *parent;
    const char *md;
    size_t md_len, key_len;
    const char *cipher;
    unsigned char seed[EVP_MAX_MD_SIZE]; /* md_len bytes */
};

/* With its terminating zero, which RSA-OAEP wants to see (part 1 annex B.10.3). */
static unsigned char duplicate_label[] = "DUPLICATE";

static int wrapping_init(struct wrapping *w, OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *parent)
{
    const TPMT_SYM_DEF_OBJECT *symmetric = &parent->parameters.asymDetail.symmetric;

    *w = (struct wrapping){.libctx = libctx, .parent = parent};
    switch (parent->nameAlg) {
    case TPM2_ALG_SHA256:
        w->md = "SHA256";
        w->md_len = TPM2_SHA256_DIGEST_SIZE;
        break;
    case TPM2_ALG_SHA384:
        w->md = "SHA384";
        w->md_len = TPM2_SHA384_DIGEST_SIZE;
        break;
    case TPM2_ALG_SHA512:
        w->md = "SHA512";
        w->md_len = TPM2_SHA512_DIGEST_SIZE;
        break;
    default:
        return 0;
    }
    if (symmetric->algorithm != TPM2_ALG_AES || symmetric->mode.aes != TPM2_ALG_CFB)
        return 0;
    w->cipher = symmetric->keyBits.aes == 128   ? "AES-128-CFB"
                : symmetric->keyBits.aes == 192 ? "AES-192-CFB"
                : symmetric->keyBits.aes == 256 ? "AES-256-CFB"
                                                : NULL;
    w->key_len = symmetric->keyBits.aes / 8;
    return w->cipher != NULL;
}

/* ---- the seed, encrypted to the parent ---- */

static EVP_PKEY *pkey_from(OSSL_LIB_CTX *libctx, const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *rsa_parent(const struct wrapping *w)
{
    const TPM2B_PUBLIC_KEY_RSA *modulus = &w->parent->unique.rsa;
    uint32_t exponent = w->parent->parameters.rsaDetail.exponent;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus->buffer, modulus->size, NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (build != NULL && n != NULL && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_uint32(build, OSSL_PKEY_PARAM_RSA_E, exponent != 0 ? exponent : 65537))
        params = OSSL_PARAM_BLD_to_param(build);
    pkey = pkey_from(w->libctx, "RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    return pkey;
}

/* Part 1 annex B.10.3: a random seed, encrypted with RSAES-OAEP. */
static int rsa_seed(struct wrapping *w, TPM2B_ENCRYPTED_SECRET *secret)
{
    EVP_PKEY *parent = rsa_parent(w);
    EVP_PKEY_CTX *ctx = parent != NULL ? EVP_PKEY_CTX_new_from_pkey(w->libctx, parent, NULL) : NULL;
    char pad[] = OSSL_PKEY_RSA_PAD_MODE_OAEP;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, pad, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, (char *)w->md, 0),
        OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, duplicate_label,
                                          sizeof(duplicate_label)),
        OSSL_PARAM_construct_end(),
    };
    size_t len = sizeof(secret->secret);
    int ok = ctx != NULL && RAND_priv_bytes_ex(w->libctx, w->seed, w->md_len, 0) == 1 &&
             EVP_PKEY_encrypt_init_ex(ctx, params) > 0 &&
             EVP_PKEY_encrypt(ctx, secret->secret, &len, w->seed, w->md_len) > 0;

    secret->size = (UINT16)len;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(parent);
    return ok;
}

static EVP_PKEY *ec_parent(const struct wrapping *w, const char *group, size_t len)
{
    const TPMS_ECC_POINT *point = &w->parent->unique.ecc;
    unsigned char octets[1 + 2 * TPM2_MAX_ECC_KEY_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets, 1 + 2 * len),
        OSSL_PARAM_construct_end(),
    };

    if (point->x.size > len || point->y.size > len)
        return NULL;
    memcpy(octets + 1 + len - point->x.size, point->x.buffer, point->x.size);
    memcpy(octets + 1 + 2 * len - point->y.size, point->y.buffer, point->y.size);
    return pkey_from(w->libctx, "EC", params);
}

/* Part 1 section 11.4.10.3: KDFe is the single-step KDF of SP 800-56C over a hash. */
static int kdf_e(struct wrapping *w, unsigned char *z, size_t z_len, const TPM2B_ECC_PARAMETER *party_u,
                 const TPM2B_ECC_PARAMETER *party_v)
{
    unsigned char info[sizeof(duplicate_label) + 2 * TPM2_MAX_ECC_KEY_BYTES], *p = info;
    EVP_KDF *kdf = EVP_KDF_fetch(w->libctx, "SSKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[4];
    int ok;

    memcpy(p, duplicate_label, sizeof(duplicate_label));
    p += sizeof(duplicate_label);
    memcpy(p, party_u->buffer, party_u->size);
    p += party_u->size;
    memcpy(p, party_v->buffer, party_v->size);
    p += party_v->size;
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)w->md, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, z, z_len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)(p - info));
    params[3] = OSSL_PARAM_construct_end();
    ok = ctx != NULL && EVP_KDF_derive(ctx, w->seed, w->md_len, params) > 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

/* Part 1 annex C.6.3: the seed is agreed on with a key of the moment. */
static int ec_seed(struct wrapping *w, TPM2B_ENCRYPTED_SECRET *secret)
{
    TPMI_ECC_CURVE curve = w->parent->parameters.eccDetail.curveID;
    const char *group = curve == TPM2_ECC_NIST_P256 ? "P-256" : curve == TPM2_ECC_NIST_P384 ? "P-384" : NULL;
    EVP_PKEY *ephemeral = group != NULL ? EVP_PKEY_Q_keygen(w->libctx, NULL, "EC", group) : NULL;
    size_t len = ephemeral != NULL ? (size_t)(EVP_PKEY_get_bits(ephemeral) + 7) / 8 : 0;
    EVP_PKEY *parent = ephemeral != NULL ? ec_parent(w, group, len) : NULL;
    EVP_PKEY_CTX *ctx = parent != NULL ? EVP_PKEY_CTX_new_from_pkey(w->libctx, ephemeral, NULL) : NULL;
    unsigned char z[TPM2_MAX_ECC_KEY_BYTES];
    TPM2B_ECC_PARAMETER party_v;
    TPMS_ECC_POINT point;
    size_t z_len = sizeof(z), offset = 0;
    int ok =
        ctx != NULL && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, parent) > 0 &&
        EVP_PKEY_derive(ctx, z, &z_len) > 0 && tpm_ec_number(&point.x, ephemeral, OSSL_PKEY_PARAM_EC_PUB_X) &&
        tpm_ec_number(&point.y, ephemeral, OSSL_PKEY_PARAM_EC_PUB_Y) &&
        tpm_ec_number(&party_v, parent, OSSL_PKEY_PARAM_EC_PUB_X) && kdf_e(w, z, z_len, &point.x, &party_v) &&
        Tss2_MU_TPMS_ECC_POINT_Marshal(&point, secret->secret, sizeof(secret->secret), &offset) ==
            TSS2_RC_SUCCESS;

    secret->size = (UINT16)offset;
    OPENSSL_cleanse(z, sizeof(z));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(parent);
    EVP_PKEY_free(ephemeral);
    return ok;
}

/* ---- the outer wrapper ---- */

/* Part 1 section 11.4.10.2: KDFa is the counter mode of SP 800-108 with HMAC. */
static int kdf_a(struct wrapping *w, const char *label, const TPM2B_NAME *context, unsigned char *out,
                 size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(w->libctx, "KBKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    char mac[] = "HMAC";
    OSSL_PARAM params[6], *p = params;
    int ok;

    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)w->md, 0);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, w->seed, w->md_len);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (char *)label, strlen(label));
    if (context != NULL)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (BYTE *)context->name, context->size);
    *p = OSSL_PARAM_construct_end();
    ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) > 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

static int encrypt(struct wrapping *w, const TPM2B_NAME *name, unsigned char *data, size_t len)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(w->libctx, w->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char key[EVP_MAX_KEY_LENGTH], iv[EVP_MAX_IV_LENGTH] = {0};
    int out_len = 0;
    int ok = cipher != NULL && ctx != NULL && kdf_a(w, "STORAGE", name, key, w->key_len) &&
             EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) > 0 &&
             EVP_EncryptUpdate(ctx, data, &out_len, data, (int)len) > 0 && (size_t)out_len == len;

    OPENSSL_cleanse(key, sizeof(key));
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok;
}

/* Part 1 section 16: the digest of the public area behind its algorithm. */
static int object_name(OSSL_LIB_CTX *libctx, const TPM2B_PUBLIC *pub, TPM2B_NAME *name)
{
    unsigned char area[sizeof(*pub)];
    size_t area_len = 0, offset = 0, md_len = 0;

    if (Tss2_MU_TPMT_PUBLIC_Marshal(&pub->publicArea, area, sizeof(area), &area_len) != TSS2_RC_SUCCESS ||
        Tss2_MU_UINT16_Marshal(pub->publicArea.nameAlg, name->name, sizeof(name->name), &offset) !=
            TSS2_RC_SUCCESS ||
        !EVP_Q_digest(libctx, "SHA256", NULL, area, area_len, name->name + offset, &md_len))
        return 0;
    name->size = (UINT16)(offset + md_len);
    return 1;
}

/* duplicate is the HMAC as a TPM2B_DIGEST, then the encrypted TPM2B_SENSITIVE. */
static int wrap(struct wrapping *w, const TPM2B_PUBLIC *pub, const TPM2B_SENSITIVE *sensitive,
                TPM2B_PRIVATE *duplicate, TPM2B_ENCRYPTED_SECRET *secret)
{
    size_t head = sizeof(UINT16) + w->md_len, end = head, offset = 0, mac_len = 0;
    unsigned char key[EVP_MAX_MD_SIZE], text[sizeof(*sensitive) + sizeof(TPM2B_NAME)];
    TPM2B_NAME name;
    int ok = (w->parent->type == TPM2_ALG_RSA ? rsa_seed(w, secret) : ec_seed(w, secret)) &&
             object_name(w->libctx, pub, &name) &&
             Tss2_MU_TPM2B_SENSITIVE_Marshal(sensitive, duplicate->buffer, sizeof(duplicate->buffer), &end) ==
                 TSS2_RC_SUCCESS &&
             encrypt(w, &name, duplicate->buffer + head, end - head) &&
             kdf_a(w, "INTEGRITY", NULL, key, w->md_len);

    if (ok) {
        memcpy(text, duplicate->buffer + head, end - head);
        memcpy(text + end - head, name.name, name.size);
        ok = Tss2_MU_UINT16_Marshal((UINT16)w->md_len, duplicate->buffer, sizeof(duplicate->buffer),
                                    &offset) == TSS2_RC_SUCCESS &&
             EVP_Q_mac(w->libctx, "HMAC", NULL, w->md, NULL, key, w->md_len, text, end - head + name.size,
                       duplicate->buffer + offset, w->md_len, &mac_len) != NULL &&
             mac_len == w->md_len;
    }
    duplicate->size = (UINT16)end;
    OPENSSL_cleanse(key, sizeof(key));
    return ok;
}

/* ---- the key ---- */

static int fill_rsa_public(struct tpm *tpm, const EVP_PKEY *pkey, int has_passphrase, TPM2B_PUBLIC *pub)
{
    TPMS_RSA_PARMS *rsa = &pub->publicArea.parameters.rsaDetail;
    TPM2B_PUBLIC_KEY_RSA *modulus = &pub->publicArea.unique.rsa;
    BIGNUM *n = NULL, *e = NULL;
    int bits = EVP_PKEY_get_bits(pkey), ok = 0;
    BN_ULONG exponent;

    if (!EVP_PKEY_is_a(pkey, "RSA") || bits < 1024 || bits > 4096 || bits % 8 != 0) {
        hw_raise(tpm->hw, HW_E_UNSUPPORTED,
                 "a %s key of %d bits: the TPM takes RSA keys of 1024, 2048, 3072 or 4096, as its chip "
                 "allows, and EC "
                 "keys",
                 EVP_PKEY_get0_type_name(pkey), bits);
        return 0;
    }
    if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) ||
        !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e))
        goto out;
    exponent = BN_get_word(e);
    if (exponent > UINT32_MAX) {
        hw_raise(tpm->hw, HW_E_UNSUPPORTED, "the key's public exponent does not fit 32 bits");
        goto out;
    }
    /* Not fixedTPM nor fixedParent, since it came from outside; but with an empty policy nobody can duplicate
     * it (part 1 section 23.3.2.1). */
    pub->publicArea.type = TPM2_ALG_RSA;
    pub->publicArea.nameAlg = TPM2_ALG_SHA256;
    pub->publicArea.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT |
                                       TPMA_OBJECT_DECRYPT | (has_passphrase ? 0 : TPMA_OBJECT_NODA);
    rsa->symmetric.algorithm = TPM2_ALG_NULL;
    rsa->scheme.scheme = TPM2_ALG_NULL;
    rsa->keyBits = (UINT16)bits;
    rsa->exponent = exponent == 65537 ? 0 : (UINT32)exponent;
    modulus->size = (UINT16)(bits / 8);
    ok = BN_bn2binpad(n, modulus->buffer, modulus->size) > 0;
out:
    BN_free(n);
    BN_free(e);
    return ok;
}

/* The TPM computes the rest from one of the two primes (part 2 section 12.3.2.4). */
static int fill_rsa_sensitive(struct tpm *tpm, const EVP_PKEY *pkey, const TPM2B_AUTH *auth,
                              TPM2B_SENSITIVE *sensitive)
{
    TPM2B_PRIVATE_KEY_RSA *prime = &sensitive->sensitiveArea.sensitive.rsa;
    BIGNUM *p = NULL, *third = NULL;
    int ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, &p) &&
             BN_num_bits(p) * 2 == EVP_PKEY_get_bits(pkey);

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3, &third))
        ok = 0;
    sensitive->sensitiveArea.sensitiveType = TPM2_ALG_RSA;
    sensitive->sensitiveArea.authValue = *auth;
    prime->size = (UINT16)(EVP_PKEY_get_bits(pkey) / 16);
    ok = ok && BN_bn2binpad(p, prime->buffer, prime->size) > 0;
    BN_clear_free(p);
    BN_clear_free(third);
    if (!ok)
        hw_raise(tpm->hw, HW_E_UNSUPPORTED, "the TPM takes RSA keys of two primes of the same length only");
    return ok;
}

static int fill(struct tpm *tpm, const EVP_PKEY *pkey, const TPM2B_AUTH *auth, int has_passphrase,
                TPM2B_PUBLIC *pub, TPM2B_SENSITIVE *sensitive)
{
    if (hw_is_ec(pkey))
        return tpm_ec_fill(tpm, pkey, auth, has_passphrase, pub, sensitive);
    return fill_rsa_public(tpm, pkey, has_passphrase, pub) && fill_rsa_sensitive(tpm, pkey, auth, sensitive);
}

static TSS2_RC import(struct tpm *tpm, ESYS_TR parent, ESYS_TR keep, struct tpm_key *k,
                      const TPM2B_SENSITIVE *sensitive)
{
    static const TPM2B_DATA no_key = {0};
    static const TPMT_SYM_DEF_OBJECT no_inner_wrapper = {.algorithm = TPM2_ALG_NULL};
    TPM2B_PUBLIC *parent_pub = NULL;
    TPM2B_PRIVATE duplicate = {0}, *priv = NULL;
    TPM2B_ENCRYPTED_SECRET secret = {0};
    struct wrapping w;
    TSS2_RC rc;

    do
        rc = Esys_ReadPublic(tpm->esys, parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parent_pub, NULL,
                             NULL);
    while (tpm_slots_make_room(tpm, rc, keep));
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    if (!wrapping_init(&w, hw_libctx(tpm->hw), &parent_pub->publicArea) ||
        !wrap(&w, &k->pub, sensitive, &duplicate, &secret)) {
        hw_raise(
            tpm->hw, HW_E_UNSUPPORTED,
            "nothing can be encrypted to the TPM's storage key 0x%08x: it is none, or of an unknown kind",
            k->parent);
        rc = TPM_RAISED;
    } else {
        do
            rc = Esys_Import(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_key,
                             &k->pub, &duplicate, &secret, &no_inner_wrapper, &priv);
        while (tpm_slots_make_room(tpm, rc, keep));
    }
    OPENSSL_cleanse(&w, sizeof(w));
    if (rc == TSS2_RC_SUCCESS)
        k->priv = *priv;
    Esys_Free(priv);
    Esys_Free(parent_pub);
    return rc;
}

/* With the lock held. */
static int import_key(struct tpm *tpm, struct tpm_key *k, const TPM2B_SENSITIVE *sensitive)
{
    ESYS_TR parent = ESYS_TR_NONE;
    int is_transient = 0;
    unsigned attempt = 0;
    TSS2_RC rc;

    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_parent(tpm, k->parent, 0, &parent, &is_transient);
        if (rc != TSS2_RC_SUCCESS)
            continue;
        rc = import(tpm, parent, is_transient ? parent : ESYS_TR_NONE, k, sensitive);
        if (is_transient && Esys_FlushContext(tpm->esys, parent) != TSS2_RC_SUCCESS)
            Esys_TR_Close(tpm->esys, &parent);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, NULL, attempt++));
    return rc == TSS2_RC_SUCCESS || tpm_raise(tpm, rc, "importing the key");
}

int tpm_wrap(void *state, struct hw_key *key, EVP_PKEY *pkey, const struct hw_generate *params)
{
    struct tpm *tpm = state;
    struct tpm_key *k = tpm_key_new(key);
    TPM2B_SENSITIVE sensitive = {0};
    int ok = k != NULL && tpm_fill_auth(tpm, params->passphrase, &k->auth) &&
             fill(tpm, pkey, &k->auth, params->passphrase != NULL, &k->pub, &sensitive);

    if (ok && (ok = tpm_lock(tpm))) {
        ok = tpm_choose_parent(tpm, params->parent, &k->parent) && import_key(tpm, k, &sensitive);
        tpm_unlock(tpm);
    }
    OPENSSL_cleanse(&sensitive, sizeof(sensitive));
    if (!ok)
        return 0;
    k->has_auth = k->has_passphrase = params->passphrase != NULL;
    return tpm_public_adopt(key, &k->pub, "wrapped to the TPM");
}
