// SPDX-License-Identifier: Apache-2.0
/* RSA signatures and decryption over any backend: encode, one private operation, check. */
#include "backend.h"
#include "lane.h"
#include "pad.h"

#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

#define RSA_MAX_SIZE 2048 /* bytes: 16384-bit keys, OpenSSL's own limit */

/* Fetches the digests a padding names; NULL stays NULL. */
static int fetch_digests(struct hw_key *key, const struct hw_rsa_padding *padding, EVP_MD **md,
                         EVP_MD **mgf1_md)
{
    OSSL_LIB_CTX *libctx = hw_libctx(key->hw);
    const char *unknown = NULL;

    *md = *mgf1_md = NULL;
    hw_fork_hold();
    if (padding->md != NULL && (*md = EVP_MD_fetch(libctx, padding->md, NULL)) == NULL)
        unknown = padding->md;
    else if (padding->mgf1_md != NULL && (*mgf1_md = EVP_MD_fetch(libctx, padding->mgf1_md, NULL)) == NULL)
        unknown = padding->mgf1_md;
    hw_fork_release();
    if (unknown == NULL) {
        if (*mgf1_md == NULL && *md != NULL && EVP_MD_up_ref(*md))
            *mgf1_md = *md;
        return 1;
    }
    hw_raise(key->hw, HW_E_UNSUPPORTED, "digest %s is not known", unknown);
    return 0;
}

EVP_PKEY *hw_rsa_twin(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, int selection)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA", NULL);
    OSSL_PARAM *all = NULL, *p, *number;
    EVP_PKEY *rsa = NULL;

    if (ctx == NULL || EVP_PKEY_todata(pkey, selection, &all) <= 0)
        goto out;
    for (p = number = all; p->key != NULL; p++) {
        if (p->data_type == OSSL_PARAM_UNSIGNED_INTEGER)
            *number++ = *p;
    }
    *number = *p;
    if (EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &rsa, selection, all) <= 0)
        rsa = NULL;
out:
    OSSL_PARAM_free(all);
    EVP_PKEY_CTX_free(ctx);
    return rsa;
}

static EVP_PKEY_CTX *raw_ctx_new(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, int is_private)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, pkey, NULL);

    if (ctx != NULL && (is_private ? EVP_PKEY_decrypt_init(ctx) : EVP_PKEY_encrypt_init(ctx)) > 0 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

int hw_rsa_raw(struct hw_raw_ctx *kept, OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, int is_private, size_t size,
               const unsigned char *in, unsigned char *out)
{
    /* One context waits for the next operation; threads that come together make their own. */
    EVP_PKEY_CTX *ctx = atomic_exchange(&kept->ctx, NULL);
    size_t len = size;
    int ok;

    if (ctx == NULL)
        ctx = raw_ctx_new(libctx, pkey, is_private);
    ok = ctx != NULL &&
         (is_private ? EVP_PKEY_decrypt(ctx, out, &len, in, size)
                     : EVP_PKEY_encrypt(ctx, out, &len, in, size)) > 0 &&
         len == size;
    EVP_PKEY_CTX_free(atomic_exchange(&kept->ctx, ctx));
    return ok;
}

void hw_rsa_raw_free(struct hw_raw_ctx *kept)
{
    EVP_PKEY_CTX_free(kept->ctx);
}

int hw_rsa_check(struct hw_key *key, const struct hw_op *op)
{
    const unsigned char *em = op->kind == HW_OP_RSA_RAW ? op->in : op->em;
    unsigned char back[RSA_MAX_SIZE];
    EVP_PKEY_CTX *ctx;
    EVP_MD *md;
    int ok;

    if (op->out_len != key->size || key->size > sizeof(back))
        return 0;
    if (em != NULL)
        return hw_rsa_raw(&key->check, hw_libctx(key->hw), key->rsa, 0, key->size, op->out, back) &&
               CRYPTO_memcmp(back, em, key->size) == 0;

    md = EVP_MD_fetch(hw_libctx(key->hw), op->md, NULL);
    ctx = EVP_PKEY_CTX_new_from_pkey(hw_libctx(key->hw), key->pkey, NULL);
    ok = md != NULL && ctx != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
         EVP_PKEY_CTX_set_rsa_padding(ctx, op->kind == HW_OP_RSA_PSS ? RSA_PKCS1_PSS_PADDING
                                                                     : RSA_PKCS1_PADDING) > 0 &&
         EVP_PKEY_CTX_set_signature_md(ctx, md) > 0 &&
         (op->kind != HW_OP_RSA_PSS || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)op->saltlen) > 0) &&
         EVP_PKEY_verify(ctx, op->out, op->out_len, op->in, op->in_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    EVP_MD_free(md);
    return ok;
}

static int operate_raw(struct hw_key *key, const unsigned char *in, unsigned char *out)
{
    struct hw_op op = {
        .kind = HW_OP_RSA_RAW, .in = in, .in_len = key->size, .out = out, .out_size = key->size};

    return key->backend->operate(key, &op);
}

/* The hardware pads the digest itself: where it lets a key do nothing else, or where that is faster. em is
 * the padded digest, if it is the only one possible. */
static int operate_padded(struct hw_key *key, enum hw_op_kind kind, const struct hw_rsa_padding *padding,
                          const unsigned char *digest, size_t digest_len, const unsigned char *em,
                          unsigned char *sig)
{
    struct hw_op op = {.kind = kind,
                       .md = padding->md,
                       .saltlen = padding->saltlen,
                       .in = digest,
                       .in_len = digest_len,
                       .em = em,
                       .out = sig,
                       .out_size = key->size};

    return key->backend->operate(key, &op);
}

static int encode(struct hw_key *key, const struct hw_rsa_padding *padding, const EVP_MD *md,
                  const EVP_MD *mgf1_md, const unsigned char *digest, size_t digest_len, unsigned char *em)
{
    const char *why = "this padding does not sign";
    int ok = 0;

    hw_fork_hold(); /* the salt's random numbers have locks */
    switch (padding->mode) {
    case HW_RSA_NONE:
        if (digest_len == key->size) {
            memcpy(em, digest, digest_len);
            ok = 1;
        }
        why = "without padding the input must be as long as the modulus";
        break;
    case HW_RSA_PKCS1:
        ok = pad_pkcs1_sign(em, key->size, md, digest, digest_len, &why);
        break;
    case HW_RSA_PSS:
        if (md == NULL || (size_t)EVP_MD_get_size(md) != digest_len)
            why = "PSS needs a digest, as long as its algorithm says";
        else
            ok = pad_pss(hw_libctx(key->hw), em, key->size, (unsigned)EVP_PKEY_get_bits(key->pkey), md,
                         mgf1_md, padding->saltlen, digest, &why);
        break;
    case HW_RSA_OAEP:
    case HW_RSA_TLS:
        break;
    }
    hw_fork_release();
    if (!ok)
        hw_raise(key->hw, HW_E_BAD_INPUT, "RSA-%d signature: %s", EVP_PKEY_get_bits(key->pkey), why);
    return ok;
}

int hw_rsa_sign(struct hw_key *key, const struct hw_rsa_padding *padding, const unsigned char *digest,
                size_t digest_len, unsigned char *sig)
{
    unsigned char em[RSA_MAX_SIZE];
    EVP_MD *md = NULL, *mgf1_md = NULL;
    int ok = 0;

    if (!hw_key_is_ready(key))
        return 0;
    if (key->size > sizeof(em) || !fetch_digests(key, padding, &md, &mgf1_md))
        goto out;
    if (padding->mode == HW_RSA_PKCS1 && md != NULL && (key->ops & HW_OP_RSA_PKCS1) &&
        (!(key->ops & HW_OP_RSA_RAW) || EVP_MD_is_a(md, "SHA256"))) {
        /* The digest is an eighth of what the raw operation would send over a TPM's slow bus. Only SHA-256,
         * which every TPM has (TCG PC Client platform TPM profile section 4.1). */
        ok = encode(key, padding, md, mgf1_md, digest, digest_len, em) &&
             operate_padded(key, HW_OP_RSA_PKCS1, padding, digest, digest_len, em, sig);
    } else if (key->ops & HW_OP_RSA_RAW) {
        ok = encode(key, padding, md, mgf1_md, digest, digest_len, em) && operate_raw(key, em, sig);
    } else if (padding->mode == HW_RSA_PSS && md != NULL && (key->ops & HW_OP_RSA_PSS)) {
        ok = operate_padded(key, HW_OP_RSA_PSS, padding, digest, digest_len, NULL, sig);
    } else {
        hw_raise(key->hw, HW_E_UNSUPPORTED,
                 "the key may only be used with padding done by its hardware, and not with this one");
    }
out:
    OPENSSL_cleanse(em, sizeof(em));
    EVP_MD_free(md);
    EVP_MD_free(mgf1_md);
    return ok;
}

/* The key for implicit rejection must be secret, depend on key and ciphertext, and be the same in every
 * process that serves the key. Where the private exponent is out of reach, the private operation on a
 * fixed full-domain value takes its place; nobody else can compute it. Made once a key. */
static int rejection_key(struct hw_key *key, const unsigned char *in, size_t in_len, unsigned char kdk[32])
{
    static const unsigned char label[] = "signet implicit rejection";
    OSSL_LIB_CTX *libctx = hw_libctx(key->hw);
    EVP_MD *sha256 = EVP_MD_fetch(libctx, "SHA256", NULL);
    unsigned char x[RSA_MAX_SIZE] = {0}, y[RSA_MAX_SIZE];
    unsigned char *seed = key->rejection_seed, *others = NULL;
    size_t len = 32;
    int ok = sha256 != NULL;

    if (!ok)
        goto out;
    if (seed == NULL) {
        ok = (seed = OPENSSL_malloc(len)) != NULL &&
             pad_mgf1_xor(x + 1, key->size - 1, label, sizeof(label) - 1, sha256) && operate_raw(key, x, y) &&
             EVP_Digest(y, key->size, seed, NULL, sha256, NULL);
        if (!ok) {
            OPENSSL_clear_free(seed, len);
            goto out;
        }
        if (!atomic_compare_exchange_strong(&key->rejection_seed, &others, seed)) {
            OPENSSL_clear_free(seed, len); /* the same as the other thread's */
            seed = others;
        }
    }
    hw_fork_hold();
    ok = EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, seed, len, in, in_len, kdk, 32, &len) != NULL;
    hw_fork_release();
out:
    OPENSSL_cleanse(y, sizeof(y));
    EVP_MD_free(sha256);
    return ok;
}

int hw_rsa_decrypt(struct hw_key *key, const struct hw_rsa_padding *padding, const unsigned char *in,
                   size_t in_len, unsigned char *out, size_t *out_len)
{
    unsigned char em[RSA_MAX_SIZE], kdk[32];
    OSSL_LIB_CTX *libctx = hw_libctx(key->hw);
    EVP_MD *md = NULL, *mgf1_md = NULL;
    int ok = 0;

    if (!hw_key_is_ready(key))
        return 0;
    if (!(key->ops & HW_OP_RSA_RAW)) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "the key may only sign, it can't decrypt");
        return 0;
    }
    if (in_len != key->size || key->size > sizeof(em)) {
        hw_raise(key->hw, HW_E_BAD_INPUT, "the ciphertext has %zu bytes, not the modulus's %zu", in_len,
                 key->size);
        return 0;
    }
    if (!fetch_digests(key, padding, &md, &mgf1_md) || !operate_raw(key, in, em))
        goto out;
    switch (padding->mode) {
    case HW_RSA_NONE:
        memcpy(out, em, key->size);
        *out_len = key->size;
        ok = 1;
        break;
    case HW_RSA_PKCS1:
        ok = rejection_key(key, in, in_len, kdk) &&
             pad_pkcs1_decrypt(libctx, out, out_len, em, key->size, kdk);
        break;
    case HW_RSA_TLS:
        ok = pad_tls_decrypt(libctx, out, em, key->size, padding->tls_version, padding->tls_alt_version);
        *out_len = 48;
        break;
    case HW_RSA_OAEP:
        ok = md != NULL &&
             pad_oaep_decrypt(out, out_len, em, key->size, md, mgf1_md, padding->label, padding->label_len);
        if (!ok)
            hw_raise(key->hw, HW_E_BAD_INPUT, "OAEP decoding failed: not for this key, digest or label");
        break;
    case HW_RSA_PSS:
        hw_raise(key->hw, HW_E_UNSUPPORTED, "PSS does not decrypt");
        break;
    }
out:
    OPENSSL_cleanse(em, sizeof(em));
    OPENSSL_cleanse(kdk, sizeof(kdk));
    EVP_MD_free(md);
    EVP_MD_free(mgf1_md);
    return ok;
}
