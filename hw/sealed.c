// SPDX-License-Identifier: Apache-2.0
/*
 * The backend of custody sealed: keys that the CPU makes, at rest encrypted under a key that the TPM gives
 * out to this machine only, and if wanted only in one state of it. A process asks the TPM once for each key,
 * at its first use, and then holds the key in memory.
 */
#include "container.h"
#include "lane.h"
#include "tpm_seal.h"

#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>
#include <tss2/tss2_mu.h>

struct sealed_key {
    struct container_sealed container;
    struct tpm_seal seal;
    int has_passphrase; /* auth holds it */
    int is_refused;     /* the TPM did not take auth */
    TPM2B_AUTH auth;
    pthread_mutex_t lock; /* one thread unseals, the others wait */
};

static void *sealed_open(struct hw *hw, const struct hw_config *config)
{
    (void)config;
    return hw;
}

static void sealed_close(void *state)
{
    (void)state;
}

static struct tpm *tpm_of(const struct hw_key *key)
{
    return hw_backend_state(key->hw, &hw_backend_tpm);
}

static int sealed_can_generate(void *state, const struct hw_generate *params)
{
    struct tpm *tpm = hw_backend_state(state, &hw_backend_tpm);
    int is_there;

    (void)params;
    if (!tpm_lock(tpm))
        return 0;
    is_there = tpm_connect(tpm) == TSS2_RC_SUCCESS;
    tpm_unlock(tpm);
    return is_there;
}

static struct sealed_key *sealed_key_new(struct hw_key *key)
{
    struct sealed_key *sealed = OPENSSL_zalloc(sizeof(*sealed));

    if (sealed == NULL || pthread_mutex_init(&sealed->lock, NULL) != 0) {
        OPENSSL_free(sealed);
        hw_raise(key->hw, HW_E_INTERNAL, "out of memory for a key");
        return NULL;
    }
    key->impl = sealed;
    return sealed;
}

/* ---- the seal between the TPM's shape and the container's ---- */

static int marshal_seal(const struct tpm_seal *seal, struct container_tss2 *out)
{
    unsigned char pub[sizeof(seal->pub)], priv[sizeof(seal->priv)], pcrs[sizeof(seal->pcrs)];

    *out = (struct container_tss2){
        .kind = CONTAINER_TSS2_SEALED, .parent = seal->parent, .empty_auth = !seal->has_auth};
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&seal->pub, pub, sizeof(pub), &out->pub_len) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&seal->priv, priv, sizeof(priv), &out->priv_len) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPML_PCR_SELECTION_Marshal(&seal->pcrs, pcrs, sizeof(pcrs), &out->pcrs_len) !=
            TSS2_RC_SUCCESS)
        return 0;
    out->pub = OPENSSL_memdup(pub, out->pub_len);
    out->priv = OPENSSL_memdup(priv, out->priv_len);
    if (seal->pcrs.count > 0)
        out->pcrs = OPENSSL_memdup(pcrs, out->pcrs_len);
    return out->pub != NULL && out->priv != NULL && (seal->pcrs.count == 0 || out->pcrs != NULL);
}

static int unmarshal_seal(const struct container_tss2 *in, struct tpm_seal *seal)
{
    size_t pub_used = 0, priv_used = 0, pcrs_used = 0;

    *seal =
        (struct tpm_seal){.parent = in->parent, .rsa_parent = in->rsa_parent, .has_auth = !in->empty_auth};
    return Tss2_MU_TPM2B_PUBLIC_Unmarshal(in->pub, in->pub_len, &pub_used, &seal->pub) == TSS2_RC_SUCCESS &&
           Tss2_MU_TPM2B_PRIVATE_Unmarshal(in->priv, in->priv_len, &priv_used, &seal->priv) ==
               TSS2_RC_SUCCESS &&
           pub_used == in->pub_len && priv_used == in->priv_len &&
           seal->pub.publicArea.type == TPM2_ALG_KEYEDHASH &&
           (in->pcrs == NULL || (Tss2_MU_TPML_PCR_SELECTION_Unmarshal(in->pcrs, in->pcrs_len, &pcrs_used,
                                                                      &seal->pcrs) == TSS2_RC_SUCCESS &&
                                 pcrs_used == in->pcrs_len && seal->pcrs.count == 1));
}

/* ---- sealing ---- */

/* A key's public part as a key of its own. */
static EVP_PKEY *public_part(struct hw *hw, EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    const unsigned char *p;
    int len = i2d_PUBKEY(pkey, &der);
    EVP_PKEY *pub = NULL;

    p = der;
    if (len > 0)
        pub = d2i_PUBKEY_ex(NULL, &p, len, hw_libctx(hw), NULL);
    OPENSSL_free(der);
    if (pub == NULL)
        hw_raise(hw, HW_E_INTERNAL, "the public key can't be encoded");
    return pub;
}

static int encrypt(struct hw_key *key, struct sealed_key *sealed, EVP_PKEY *pkey, const unsigned char *secret)
{
    unsigned char *der = NULL;
    size_t len = 0;
    int ok = 0;

    if (hw_pkcs8_encode(key->hw, pkey, &der, &len)) {
        ok = container_sealed_encrypt(&sealed->container, hw_libctx(key->hw), secret, der, len);
        if (!ok)
            hw_raise(key->hw, HW_E_INTERNAL, "the key can't be encrypted");
    }
    OPENSSL_clear_free(der, len);
    return ok;
}

static int sealed_wrap(void *state, struct hw_key *key, EVP_PKEY *pkey, const struct hw_generate *params)
{
    struct hw *hw = state;
    struct sealed_key *sealed = sealed_key_new(key);
    unsigned char secret[CONTAINER_KEY_LEN];
    EVP_PKEY *pub;
    int ok;

    if (sealed == NULL || (pub = public_part(hw, pkey)) == NULL || !hw_key_set0_pkey(key, pub))
        return 0;
    EVP_PKEY_up_ref(pub);
    sealed->container.pkey = pub;
    if (RAND_priv_bytes_ex(hw_libctx(hw), secret, sizeof(secret), 0) != 1) {
        hw_raise(hw, HW_E_INTERNAL, "no random numbers");
        return 0;
    }
    ok = tpm_seal(tpm_of(key), secret, sizeof(secret), params, &sealed->seal);
    if (ok && !marshal_seal(&sealed->seal, &sealed->container.seal)) {
        hw_raise(hw, HW_E_INTERNAL, "out of memory for a key");
        ok = 0;
    }
    ok = ok && encrypt(key, sealed, pkey, secret) && (key->held = hw_held_new(hw, pkey)) != NULL;
    OPENSSL_cleanse(secret, sizeof(secret));
    if (ok)
        key->ops = hw_held_ops(key);
    return ok;
}

static int sealed_generate(void *state, struct hw_key *key, const struct hw_generate *params)
{
    EVP_PKEY *pkey = hw_held_generate(state, params);
    int ok = pkey != NULL && sealed_wrap(state, key, pkey, params);

    EVP_PKEY_free(pkey);
    return ok;
}

/* ---- loading and unsealing ---- */

static int sealed_load(void *state, struct hw_key *key, enum hw_format format, const unsigned char *der,
                       size_t len, hw_passphrase *ask, void *ask_arg)
{
    struct hw *hw = state;
    struct sealed_key *sealed = sealed_key_new(key);
    const char *why;

    (void)format;
    if (sealed == NULL)
        return 0;
    if (!container_sealed_decode(&sealed->container, hw_libctx(hw), der, len, &why)) {
        hw_raise(hw, HW_E_BAD_KEY, "SIGNET SEALED KEY: %s", why);
        return 0;
    }
    if (!unmarshal_seal(&sealed->container.seal, &sealed->seal)) {
        hw_raise(hw, HW_E_BAD_KEY, "SIGNET SEALED KEY: its sealed data is malformed");
        return 0;
    }
    EVP_PKEY_up_ref(sealed->container.pkey);
    return hw_key_set0_pkey(key, sealed->container.pkey) &&
           (!sealed->seal.has_auth ||
            tpm_ask_auth(hw, "SIGNET SEALED KEY", ask, ask_arg, &sealed->auth, &sealed->has_passphrase));
}

static int decrypt(struct hw_key *key, struct sealed_key *sealed, const unsigned char *secret)
{
    unsigned char *der;
    EVP_PKEY *pkey = NULL;
    size_t len;

    if (!container_sealed_decrypt(&sealed->container, hw_libctx(key->hw), secret, &der, &len)) {
        hw_raise(key->hw, HW_E_BAD_KEY,
                 "SIGNET SEALED KEY: it has been changed since it was sealed: its key does not decrypt it");
        return 0;
    }
    pkey = hw_pkcs8_decode(key->hw, der, len);
    OPENSSL_clear_free(der, len);
    if (pkey != NULL && EVP_PKEY_eq(key->pkey, pkey) != 1)
        hw_raise(key->hw, HW_E_BAD_KEY,
                 "SIGNET SEALED KEY: its private and public key do not belong together");
    else if (pkey != NULL)
        key->held = hw_held_new(key->hw, pkey);
    EVP_PKEY_free(pkey);
    return key->held != NULL;
}

static int unseal(struct hw_key *key, struct sealed_key *sealed)
{
    unsigned char secret[CONTAINER_KEY_LEN];
    int ok;

    if (sealed->is_refused) {
        hw_raise(key->hw, HW_E_AUTH,
                 "the TPM has refused this key's passphrase; it is not asked again, as that would bring a "
                 "lockout nearer");
        return 0;
    }
    ok = tpm_unseal(tpm_of(key), &sealed->seal, &sealed->auth, secret, sizeof(secret), &sealed->is_refused) &&
         decrypt(key, sealed, secret);
    OPENSSL_cleanse(secret, sizeof(secret));
    return ok;
}

/* As the kernel holds it, if it does; otherwise the TPM gives it out. */
static int get_hold(struct hw_key *key, struct sealed_key *sealed)
{
    int32_t serial = hw_is_ec(key->pkey) ? 0 : hw_kernel_key_find(key->hw, key->pkey);

    if (serial != 0)
        return (key->held = hw_held_new_serial(key->hw, key->pkey, serial)) != NULL;
    if (!hw_route_is_kernel_only(hw_get0_route(key->hw)))
        return unseal(key, sealed);
    if (hw_is_ec(key->pkey)) {
        hw_raise(key->hw, HW_E_UNSUPPORTED,
                 "lanes = kernel-only forbids to unseal a key, and the kernel does not sign with EC keys");
        return 0;
    }
    hw_raise(key->hw, HW_E_NO_DEVICE,
             "the kernel does not hold this sealed key for this user, and lanes = kernel-only forbids to "
             "unseal it: "
             "signet hw hold gives it to the kernel");
    return 0;
}

static int sealed_prepare(struct hw_key *key)
{
    struct sealed_key *sealed = key->impl;
    int ok;

    hw_fork_hold();
    pthread_mutex_lock(&sealed->lock);
    ok = key->ops != 0 || get_hold(key, sealed);
    if (ok && key->ops == 0) {
        OPENSSL_cleanse(&sealed->auth, sizeof(sealed->auth));
        key->ops = hw_held_ops(key);
    }
    pthread_mutex_unlock(&sealed->lock);
    hw_fork_release();
    return ok;
}

/* The whole key, unsealed even if the kernel holds it; not of a key that this process has used as the kernel
 * holds it, as its passphrase is forgotten by then. */
EVP_PKEY *hw_sealed_get1_pkey(struct hw_key *key)
{
    struct sealed_key *sealed = key->impl;
    EVP_PKEY *pkey = NULL;

    hw_fork_hold();
    pthread_mutex_lock(&sealed->lock);
    if (key->held == NULL && unseal(key, sealed))
        key->ops = hw_held_ops(key);
    if (key->held != NULL && (pkey = hw_held_get0_pkey(key->held)) != NULL)
        EVP_PKEY_up_ref(pkey);
    else if (key->held != NULL)
        hw_raise(key->hw, HW_E_UNSUPPORTED, "this process uses the key as the kernel holds it");
    pthread_mutex_unlock(&sealed->lock);
    hw_fork_release();
    return pkey;
}

static void sealed_unload(struct hw_key *key)
{
    struct sealed_key *sealed = key->impl;

    if (sealed == NULL)
        return;
    container_sealed_clear(&sealed->container);
    pthread_mutex_destroy(&sealed->lock);
    OPENSSL_clear_free(sealed, sizeof(*sealed));
}

/* ---- containers and descriptions ---- */

static int sealed_container(const struct hw_key *key, enum hw_format *format, unsigned char **der,
                            size_t *len)
{
    const struct sealed_key *sealed = key->impl;

    *format = HW_FORMAT_SEALED;
    if (container_sealed_encode(&sealed->container, der, len))
        return 1;
    hw_raise(key->hw, HW_E_INTERNAL, "the key's container could not be encoded");
    return 0;
}

static char *sealed_describe_key(const struct hw_key *key)
{
    const struct sealed_key *sealed = key->impl;
    char text[256], pcrs[128], parent[32];

    tpm_pcrs_text(&sealed->seal.pcrs, pcrs, sizeof(pcrs));
    snprintf(parent, sizeof(parent), "the key at 0x%08x", sealed->seal.parent);
    snprintf(text, sizeof(text), "custody sealed, by %s of the TPM%s%s, %s",
             sealed->seal.parent == TPM2_RH_OWNER ? "the owner's primary key" : parent,
             sealed->seal.pcrs.count > 0 ? ", to PCRs " : "", sealed->seal.pcrs.count > 0 ? pcrs : "",
             sealed->seal.has_auth ? "with a passphrase" : "no passphrase");
    return OPENSSL_strdup(text);
}

const struct hw_backend hw_backend_sealed = {
    .name = "sealed",
    .custody = HW_CUSTODY_SEALED,
    .open = sealed_open,
    .close = sealed_close,
    .can_generate = sealed_can_generate,
    .generate = sealed_generate,
    .wrap = sealed_wrap,
    .load = sealed_load,
    .prepare = sealed_prepare,
    .operate = hw_held_operate,
    .container = sealed_container,
    .unload = sealed_unload,
    .describe_key = sealed_describe_key,
};
