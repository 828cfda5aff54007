// SPDX-License-Identifier: Apache-2.0
/*
 * The random numbers of the TPM and of the kernel's crypto API as seed sources for OpenSSL's generators.
 * Opt-in: one is used only where the configuration names it,
 *
 *   [random]
 *   seed = SIGNET-SEED (the TPM's) or SIGNET-KERNEL-SEED
 *   seed_properties = provider=signet
 *
 * under a name of its own, so that no fetch of "SEED-SRC" can end up here by the order of providers.
 */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

typedef int source(struct hw *hw, unsigned char *out, size_t len);

struct seed {
    struct prov_ctx *ctx;
    source *random;
    int state; /* EVP_RAND_STATE_… */
};

static void *seed_new(void *provctx, void *parent, source *random)
{
    struct seed *seed;

    if (parent != NULL || (seed = OPENSSL_zalloc(sizeof(*seed))) == NULL)
        return NULL;
    seed->ctx = provctx;
    seed->random = random;
    seed->state = EVP_RAND_STATE_UNINITIALISED;
    return seed;
}

static void *seed_newctx_tpm(void *provctx, void *parent, const OSSL_DISPATCH *parent_calls)
{
    (void)parent_calls;
    return seed_new(provctx, parent, hw_random);
}

static void *seed_newctx_kernel(void *provctx, void *parent, const OSSL_DISPATCH *parent_calls)
{
    (void)parent_calls;
    return seed_new(provctx, parent, hw_kernel_random);
}

static void seed_freectx(void *vctx)
{
    OPENSSL_free(vctx);
}

static int seed_instantiate(void *vctx, unsigned strength, int prediction_resistance,
                            const unsigned char *pstr, size_t pstr_len, const OSSL_PARAM params[])
{
    struct seed *seed = vctx;

    (void)strength;
    (void)prediction_resistance;
    (void)pstr;
    (void)pstr_len;
    (void)params;
    seed->state = EVP_RAND_STATE_READY;
    return 1;
}

static int seed_uninstantiate(void *vctx)
{
    struct seed *seed = vctx;

    seed->state = EVP_RAND_STATE_UNINITIALISED;
    return 1;
}

static int seed_generate(void *vctx, unsigned char *out, size_t len, unsigned strength,
                         int prediction_resistance, const unsigned char *adin, size_t adin_len)
{
    struct seed *seed = vctx;

    (void)strength;
    (void)prediction_resistance;
    (void)adin;
    (void)adin_len;
    return seed->random(seed->ctx->hw, out, len);
}

static size_t seed_get_seed(void *vctx, unsigned char **out, int entropy, size_t min_len, size_t max_len,
                            int prediction_resistance, const unsigned char *adin, size_t adin_len)
{
    struct seed *seed = vctx;
    size_t len = entropy > 0 ? ((size_t)entropy + 7) / 8 : 0;
    unsigned char *buf;

    (void)prediction_resistance;
    if (len < min_len)
        len = min_len;
    if (len == 0 || len > max_len)
        return 0;
    buf = OPENSSL_secure_malloc(len);
    if (buf == NULL || !seed->random(seed->ctx->hw, buf, len)) {
        OPENSSL_secure_free(buf);
        return 0;
    }
    for (size_t i = 0; i < adin_len; i++)
        buf[i % len] ^= adin[i];
    *out = buf;
    return len;
}

static void seed_clear_seed(void *vctx, unsigned char *out, size_t len)
{
    (void)vctx;
    OPENSSL_secure_clear_free(out, len);
}

static int seed_nop_lock(void *vctx)
{
    (void)vctx; /* hw locks for itself */
    return 1;
}

static void seed_nop_unlock(void *vctx)
{
    (void)vctx;
}

static int seed_get_ctx_params(void *vctx, OSSL_PARAM params[])
{
    const struct seed *seed = vctx;
    OSSL_PARAM *p;

    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
    if (p != NULL && !OSSL_PARAM_set_int(p, seed->state))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
    if (p != NULL && !OSSL_PARAM_set_uint(p, 256))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
    return p == NULL || OSSL_PARAM_set_size_t(p, 4096);
}

static const OSSL_PARAM *seed_gettable_ctx_params(void *vctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
        OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
        OSSL_PARAM_END,
    };

    (void)vctx;
    (void)provctx;
    return params;
}

#define SEED_DISPATCH(source)                                                                                \
    static const OSSL_DISPATCH seed_dispatch_##source[] = {                                                  \
        PROV_FN(OSSL_FUNC_RAND_NEWCTX, seed_newctx_##source),                                                \
        PROV_FN(OSSL_FUNC_RAND_FREECTX, seed_freectx),                                                       \
        PROV_FN(OSSL_FUNC_RAND_INSTANTIATE, seed_instantiate),                                               \
        PROV_FN(OSSL_FUNC_RAND_UNINSTANTIATE, seed_uninstantiate),                                           \
        PROV_FN(OSSL_FUNC_RAND_GENERATE, seed_generate),                                                     \
        PROV_FN(OSSL_FUNC_RAND_GET_SEED, seed_get_seed),                                                     \
        PROV_FN(OSSL_FUNC_RAND_CLEAR_SEED, seed_clear_seed),                                                 \
        PROV_FN(OSSL_FUNC_RAND_ENABLE_LOCKING, seed_nop_lock),                                               \
        PROV_FN(OSSL_FUNC_RAND_LOCK, seed_nop_lock),                                                         \
        PROV_FN(OSSL_FUNC_RAND_UNLOCK, seed_nop_unlock),                                                     \
        PROV_FN(OSSL_FUNC_RAND_GET_CTX_PARAMS, seed_get_ctx_params),                                         \
        PROV_FN(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, seed_gettable_ctx_params),                               \
        {0, NULL},                                                                                           \
    }
SEED_DISPATCH(tpm);
SEED_DISPATCH(kernel);

const OSSL_ALGORITHM prov_rands[] = {
    {"SIGNET-SEED", PROV_PROPERTIES, seed_dispatch_tpm, "seed from the TPM's random number generator"},
    {"SIGNET-KERNEL-SEED", PROV_PROPERTIES, seed_dispatch_kernel, "seed from the kernel's crypto API"},
    {NULL, NULL, NULL, NULL},
};
