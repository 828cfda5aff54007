// SPDX-License-Identifier: Apache-2.0
/* Key generation: OpenSSL's parameters and ours into struct hw_generate. */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

struct gen {
    struct prov_ctx *ctx;
    struct hw_generate hw;
    BIGNUM *e;
    char *curve, *passphrase, *parent, *pcrs, *pss_md, *pss_mgf1_md; /* what hw points to */
    OSSL_CALLBACK *progress;
    void *progress_arg;
    int iteration;
};

static void *gen_init(void *provctx, int selection, const OSSL_PARAM params[], enum hw_type type)
{
    struct prov_ctx *ctx = provctx;
    struct gen *gen;

    if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR) || (gen = OPENSSL_zalloc(sizeof(*gen))) == NULL)
        return NULL;
    gen->ctx = ctx;
    gen->hw.type = type;
    gen->hw.bits = 2048;
    gen->hw.pss_saltlen = -1;
    gen->hw.custody = HW_CUSTODY_AUTO;
    if (ctx->config.custody != NULL)
        hw_custody_from(ctx->config.custody, &gen->hw.custody);
    if (prov_gen_set_params(gen, params))
        return gen;
    prov_gen_cleanup(gen);
    return NULL;
}

void *prov_gen_init_rsa(void *provctx, int selection, const OSSL_PARAM params[])
{
    return gen_init(provctx, selection, params, HW_TYPE_RSA);
}

void *prov_gen_init_rsa_pss(void *provctx, int selection, const OSSL_PARAM params[])
{
    return gen_init(provctx, selection, params, HW_TYPE_RSA_PSS);
}

void *prov_gen_init_ec(void *provctx, int selection, const OSSL_PARAM params[])
{
    return gen_init(provctx, selection, params, HW_TYPE_EC);
}

void prov_gen_cleanup(void *genctx)
{
    struct gen *gen = genctx;

    if (gen == NULL)
        return;
    BN_free(gen->e);
    if (gen->passphrase != NULL)
        OPENSSL_clear_free(gen->passphrase, strlen(gen->passphrase));
    OPENSSL_free(gen->curve);
    OPENSSL_free(gen->parent);
    OPENSSL_free(gen->pcrs);
    OPENSSL_free(gen->pss_md);
    OPENSSL_free(gen->pss_mgf1_md);
    OPENSSL_free(gen);
}

#define CUSTODY                                                                                              \
    OSSL_PARAM_utf8_string("custody", NULL, 0),        /* tpm, sealed, file, auto */                         \
        OSSL_PARAM_utf8_string("passphrase", NULL, 0), /* of the key, custody tpm or sealed */               \
        OSSL_PARAM_utf8_string("parent", NULL, 0),     /* owner, or a persistent handle: 0x81000001 */       \
        OSSL_PARAM_utf8_string("pcrs", NULL, 0)        /* sha256:0,2,7; custody sealed */

const OSSL_PARAM *prov_gen_settable_params_ec(void *genctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
        CUSTODY,
        OSSL_PARAM_END,
    };

    (void)genctx;
    (void)provctx;
    return params;
}

const OSSL_PARAM *prov_gen_settable_params_rsa(void *genctx, void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_BITS, NULL),
        OSSL_PARAM_size_t(OSSL_PKEY_PARAM_RSA_PRIMES, NULL),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, NULL, 0),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL),
        CUSTODY,
        OSSL_PARAM_END,
    };

    (void)genctx;
    (void)provctx;
    return params;
}

/* Replaces *value by the parameter's text, if it is there. */
static int take_text(const OSSL_PARAM params[], const char *name, char **value)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);

    if (p == NULL)
        return 1;
    if (*value != NULL)
        OPENSSL_clear_free(*value, strlen(*value));
    *value = NULL;
    return OSSL_PARAM_get_utf8_string(p, value, 0);
}

static int set_ec_params(struct gen *gen, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_EC_ENCODING);
    const char *encoding = NULL;

    if (p != NULL && (!OSSL_PARAM_get_utf8_string_ptr(p, &encoding) ||
                      strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) != 0)) {
        prov_raise(gen->ctx, HW_E_UNSUPPORTED, "ec_param_enc: keys in hardware are on named curves only");
        return 0;
    }
    if (!take_text(params, OSSL_PKEY_PARAM_GROUP_NAME, &gen->curve))
        return 0;
    gen->hw.curve = gen->curve;
    return 1;
}

static int set_rsa_params(struct gen *gen, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;
    size_t size;

    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_BITS);
    if (p != NULL) {
        if (!OSSL_PARAM_get_size_t(p, &size) || size > 16384) {
            prov_raise(gen->ctx, HW_E_UNSUPPORTED, "bits: expected a key size up to 16384");
            return 0;
        }
        gen->hw.bits = (unsigned)size;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_PRIMES);
    if (p != NULL && (!OSSL_PARAM_get_size_t(p, &size) || size != 2)) {
        prov_raise(gen->ctx, HW_E_UNSUPPORTED, "primes: only RSA keys of two primes are made");
        return 0;
    }
    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
    if (p != NULL && !OSSL_PARAM_get_BN(p, &gen->e))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN);
    if (p != NULL && !OSSL_PARAM_get_int(p, &gen->hw.pss_saltlen))
        return 0;
    gen->hw.e = gen->e;
    if (!take_text(params, OSSL_PKEY_PARAM_RSA_DIGEST, &gen->pss_md) ||
        !take_text(params, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, &gen->pss_mgf1_md))
        return 0;
    gen->hw.pss_md = gen->pss_md;
    gen->hw.pss_mgf1_md = gen->pss_mgf1_md;
    return 1;
}

int prov_gen_set_params(void *genctx, const OSSL_PARAM params[])
{
    struct gen *gen = genctx;
    char *custody = NULL;
    int ok;

    if (params == NULL)
        return 1;
    if (!(gen->hw.type == HW_TYPE_EC ? set_ec_params(gen, params) : set_rsa_params(gen, params)) ||
        !take_text(params, "custody", &custody))
        return 0;
    ok = custody == NULL || hw_custody_from(custody, &gen->hw.custody);
    if (!ok)
        prov_raise(gen->ctx, HW_E_UNSUPPORTED, "custody %s: expected tpm, sealed, file or auto", custody);
    OPENSSL_free(custody);
    ok = ok && take_text(params, "passphrase", &gen->passphrase) &&
         take_text(params, "parent", &gen->parent) && take_text(params, "pcrs", &gen->pcrs);
    gen->hw.passphrase = gen->passphrase;
    gen->hw.parent = gen->parent;
    gen->hw.pcrs = gen->pcrs;
    return ok;
}

static int on_progress(void *arg)
{
    struct gen *gen = arg;
    int potential = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_GEN_PARAM_POTENTIAL, &potential),
        OSSL_PARAM_construct_int(OSSL_GEN_PARAM_ITERATION, &gen->iteration),
        OSSL_PARAM_construct_end(),
    };
    int wanted = gen->progress(params, gen->progress_arg);

    gen->iteration++;
    return wanted;
}

void *prov_gen(void *genctx, OSSL_CALLBACK *cb, void *cb_arg)
{
    struct gen *gen = genctx;
    struct hw_key *hw;

    gen->progress = cb;
    gen->progress_arg = cb_arg;
    gen->hw.progress = cb != NULL ? on_progress : NULL;
    gen->hw.progress_arg = gen;
    hw = hw_key_generate(gen->ctx->hw, &gen->hw);
    return hw != NULL ? prov_key_new(gen->ctx, prov_type_of(hw), hw) : NULL;
}
