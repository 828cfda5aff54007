// SPDX-License-Identifier: Apache-2.0
/* ECDSA over any backend: one private operation, and its check; and the CPU's own. */
#include "backend.h"
#include "lane.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

int hw_ec_curve(const char *name)
{
    int nid = EC_curve_nist2nid(name != NULL ? name : HW_EC_CURVE);

    return nid != NID_undef ? nid : OBJ_txt2nid(name);
}

int hw_is_ec(const EVP_PKEY *pkey)
{
    return EVP_PKEY_is_a(pkey, "EC");
}

/* One context waits for the next operation; threads that come together make their own. */
static EVP_PKEY_CTX *take(struct hw_raw_ctx *kept, OSSL_LIB_CTX *libctx, EVP_PKEY *pkey,
                          int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = atomic_exchange(&kept->ctx, NULL);

    if (ctx != NULL || (ctx = EVP_PKEY_CTX_new_from_pkey(libctx, pkey, NULL)) == NULL)
        return ctx;
    if (init(ctx) > 0)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

static void put_back(struct hw_raw_ctx *kept, EVP_PKEY_CTX *ctx)
{
    EVP_PKEY_CTX_free(atomic_exchange(&kept->ctx, ctx));
}

int hw_ec_check(struct hw_key *key, const struct hw_op *op)
{
    EVP_PKEY_CTX *ctx;
    int ok;

    if (op->out_len == 0 || op->out_len > op->out_size)
        return 0;
    ERR_set_mark(); /* a result that another try mends is nobody's error */
    ctx = take(&key->check, hw_libctx(key->hw), key->pkey, EVP_PKEY_verify_init);
    ok = ctx != NULL && EVP_PKEY_verify(ctx, op->out, op->out_len, op->in, op->in_len) == 1;
    put_back(&key->check, ctx);
    ERR_pop_to_mark();
    return ok;
}

/* Checked as every other result is. RSA's by the CPU is, by OpenSSL, which sees whether what came of the two
 * primes fits the public exponent (cpu.c); its ECDSA is not, and a fault in the multiplication or the nonce
 * gives the key away as well. There is no other place to try it. */
int hw_ec_operate(struct hw_key *key, struct hw_op *op)
{
    struct hw_held *held = key->held;
    size_t len = op->out_size;
    EVP_PKEY_CTX *ctx;
    int ok, is_right = 0;

    hw_fork_hold();
    ctx = take(&held->kept, hw_libctx(key->hw), held->pkey, EVP_PKEY_sign_init);
    ok = ctx != NULL && EVP_PKEY_sign(ctx, op->out, &len, op->in, op->in_len) > 0;
    put_back(&held->kept, ctx);
    if (ok) {
        op->out_len = len;
        is_right = hw_ec_check(key, op);
    }
    hw_fork_release();
    if (is_right)
        return 1;
    OPENSSL_cleanse(op->out, op->out_size);
    op->out_len = 0;
    if (ok)
        hw_raise(key->hw, HW_E_WRONG_RESULT, "ECDSA by the CPU: the result does not fit the key");
    else
        hw_raise(key->hw, HW_E_INTERNAL, "ECDSA by the CPU failed");
    return 0;
}

int hw_ec_sign(struct hw_key *key, const unsigned char *digest, size_t digest_len, unsigned char *sig,
               size_t *sig_len)
{
    struct hw_op op = {
        .kind = HW_OP_ECDSA, .in = digest, .in_len = digest_len, .out = sig, .out_size = key->size};

    if (!hw_key_is_ready(key))
        return 0;
    if (!(key->ops & HW_OP_ECDSA)) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "the key can't make ECDSA signatures");
        return 0;
    }
    if (digest_len == 0 || digest_len > EVP_MAX_MD_SIZE) {
        hw_raise(key->hw, HW_E_BAD_INPUT, "ECDSA signs a digest of 1 to %d bytes, not %zu", EVP_MAX_MD_SIZE,
                 digest_len);
        return 0;
    }
    if (!key->backend->operate(key, &op))
        return 0;
    *sig_len = op.out_len;
    return 1;
}
