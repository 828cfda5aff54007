// SPDX-License-Identifier: Apache-2.0
/* Private keys that this machine holds: in memory, by OpenSSL's default provider in the private context, or
 * in the kernel. */
#include "lane.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static struct hw_held *held_new(struct hw *hw, const EVP_PKEY *pkey)
{
    struct hw_held *held = OPENSSL_zalloc(sizeof(*held));
    BIGNUM *n = NULL;

    if (held == NULL || pthread_mutex_init(&held->lock, NULL) != 0) {
        OPENSSL_free(held);
        return NULL;
    }
    held->hw = hw;
    held->size = (size_t)EVP_PKEY_get_size(pkey);
    if (hw_is_ec(pkey))
        return held;
    held->modulus = OPENSSL_malloc(held->size);
    if (held->modulus == NULL || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) ||
        BN_bn2binpad(n, held->modulus, (int)held->size) < 0) {
        hw_held_free(held);
        held = NULL;
    }
    BN_free(n);
    return held;
}

struct hw_held *hw_held_new(struct hw *hw, EVP_PKEY *pkey)
{
    struct hw_held *held = held_new(hw, pkey);

    if (held == NULL) {
        hw_raise(hw, HW_E_INTERNAL, "out of memory for a key");
        return NULL;
    }
    EVP_PKEY_up_ref(pkey);
    held->pkey = pkey;
    if (hw_is_ec(pkey))
        return held;
    /* OpenSSL refuses the raw operation on RSA-PSS keys: those get an RSA twin for it. */
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        EVP_PKEY_up_ref(pkey);
        held->raw = pkey;
    } else {
        held->raw = hw_rsa_twin(hw_libctx(hw), pkey, EVP_PKEY_KEYPAIR);
    }
    if (held->raw != NULL)
        return held;
    hw_held_free(held);
    hw_raise(hw, HW_E_BAD_KEY, "OpenSSL does not take the key");
    return NULL;
}

struct hw_held *hw_held_new_serial(struct hw *hw, EVP_PKEY *pub, int32_t serial)
{
    struct hw_held *held = held_new(hw, pub);

    if (held == NULL) {
        hw_raise(hw, HW_E_INTERNAL, "out of memory for a key");
        return NULL;
    }
    EVP_PKEY_up_ref(pub);
    held->held_pub = pub;
    held->serial = serial;
    return held;
}

EVP_PKEY *hw_held_get0_pkey(const struct hw_held *held)
{
    return held->pkey;
}

void hw_held_free(struct hw_held *held)
{
    if (held == NULL)
        return;
    hw_attach_forget(held);
    hw_rsa_raw_free(&held->kept);
    EVP_PKEY_free(held->raw);
    EVP_PKEY_free(held->pkey);
    EVP_PKEY_free(held->held_pub);
    OPENSSL_free(held->modulus);
    pthread_mutex_destroy(&held->lock);
    OPENSSL_free(held);
}

unsigned hw_held_ops(const struct hw_key *key)
{
    return hw_is_ec(key->pkey) ? HW_OP_ECDSA : HW_OP_RSA_RAW;
}

int hw_held_operate(struct hw_key *key, struct hw_op *op)
{
    /* No accelerator that the kernel has a driver for does it. */
    if (op->kind == HW_OP_ECDSA)
        return hw_ec_operate(key, op);
    /* Lanes differ in what they say to this, and it is not their fault. */
    if (op->in_len != key->held->size || memcmp(op->in, key->held->modulus, op->in_len) >= 0) {
        hw_raise(key->hw, HW_E_BAD_INPUT, "RSA private operation: input out of range, not below the modulus");
        return 0;
    }
    return hw_route_operate(hw_get0_route(key->hw), key, op);
}

/* ---- making one ---- */

struct generation {
    const struct hw_generate *params;
    int cancelled;
};

static int on_progress(EVP_PKEY_CTX *ctx)
{
    struct generation *progress = EVP_PKEY_CTX_get_app_data(ctx);

    progress->cancelled = !progress->params->progress(progress->params->progress_arg);
    return !progress->cancelled;
}

static int set_pss(EVP_PKEY_CTX *ctx, const struct hw_generate *params)
{
    const char *mgf1_md = params->pss_mgf1_md != NULL ? params->pss_mgf1_md : params->pss_md;

    return params->type != HW_TYPE_RSA_PSS ||
           ((params->pss_md == NULL ||
             EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, params->pss_md, NULL) > 0) &&
            (mgf1_md == NULL || EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, mgf1_md) > 0) &&
            (params->pss_saltlen < 0 ||
             EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, params->pss_saltlen) > 0));
}

static int set_params(EVP_PKEY_CTX *ctx, const struct hw_generate *params)
{
    if (params->type == HW_TYPE_EC)
        return EVP_PKEY_CTX_set_group_name(ctx, params->curve != NULL ? params->curve : HW_EC_CURVE) > 0;
    return EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)params->bits) > 0 &&
           (params->e == NULL || EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, (BIGNUM *)params->e) > 0) &&
           set_pss(ctx, params);
}

EVP_PKEY *hw_held_generate(struct hw *hw, const struct hw_generate *params)
{
    static const char *const types[] = {
        [HW_TYPE_RSA] = "RSA", [HW_TYPE_RSA_PSS] = "RSA-PSS", [HW_TYPE_EC] = "EC"};
    struct generation progress = {.params = params};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(hw_libctx(hw), types[params->type], NULL);
    EVP_PKEY *pkey = NULL;
    char wanted[HW_WANTED_MAX];

    hw_wanted_text(params, wanted);
    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 || !set_params(ctx, params)) {
        hw_raise(hw, HW_E_UNSUPPORTED, "the CPU makes no key %s with these parameters", wanted);
        goto out;
    }
    if (params->progress != NULL) {
        EVP_PKEY_CTX_set_app_data(ctx, &progress);
        EVP_PKEY_CTX_set_cb(ctx, on_progress);
    }
    if (EVP_PKEY_generate(ctx, &pkey) <= 0) {
        pkey = NULL;
        if (progress.cancelled)
            hw_raise(hw, HW_E_CANCELLED, "key generation cancelled");
        else
            hw_raise(hw, HW_E_UNSUPPORTED, "the CPU could not make a key %s", wanted);
    }
out:
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* ---- PKCS#8 ---- */

EVP_PKEY *hw_pkcs8_decode(struct hw *hw, const unsigned char *der, size_t len)
{
    const unsigned char *p = der;
    EVP_PKEY *pkey = d2i_AutoPrivateKey_ex(NULL, &p, (long)len, hw_libctx(hw), NULL);

    if (pkey != NULL && p == der + len)
        return pkey;
    EVP_PKEY_free(pkey);
    hw_raise(hw, HW_E_BAD_KEY, "not a PKCS#8 private key");
    return NULL;
}

int hw_pkcs8_encode(struct hw *hw, const EVP_PKEY *pkey, unsigned char **der, size_t *len)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    int n = -1;

    *der = NULL;
    if (info != NULL)
        n = i2d_PKCS8_PRIV_KEY_INFO(info, der);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (n < 0) {
        hw_raise(hw, HW_E_INTERNAL, "the key could not be encoded as PKCS#8");
        return 0;
    }
    *len = (size_t)n;
    return 1;
}
