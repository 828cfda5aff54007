// SPDX-License-Identifier: Apache-2.0
/* The module's entry point: what it takes from OpenSSL and what it offers. */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/prov_ssl.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const OSSL_PARAM *prov_gettable_params(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
        OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int prov_get_params(void *provctx, OSSL_PARAM params[])
{
    OSSL_PARAM *p;

    (void)provctx;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, "Signet: RSA and EC keys held by hardware"))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
    if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, SIGNET_VERSION))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO);
    if (p != NULL && !OSSL_PARAM_set_utf8_ptr(p, SIGNET_VERSION))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return p == NULL || OSSL_PARAM_set_int(p, 1);
}

static const OSSL_ITEM *prov_get_reason_strings(void *provctx)
{
    (void)provctx;
    return prov_reasons;
}

/* Warns once if the application has nothing but Signet: it would find neither digests nor file loaders. By
 * the first query its configuration has been read. */
static void check_neighbours(struct prov_ctx *ctx)
{
    OSSL_LIB_CTX *libctx = (OSSL_LIB_CTX *)ctx->get_libctx(ctx->core);

    if (atomic_exchange(&ctx->has_checked, 1) || OSSL_PROVIDER_available(libctx, "default") ||
        OSSL_PROVIDER_available(libctx, "fips"))
        return;
    prov_on_log(
        ctx, HW_LOG_WARN,
        "OpenSSL's default provider is not active: its section in openssl.cnf needs activate = 1, too, once "
        "another provider's has it");
}

static const OSSL_ALGORITHM *prov_query(void *provctx, int operation, int *no_cache)
{
    struct prov_ctx *ctx = provctx;

    *no_cache = 0;
    check_neighbours(ctx);
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return prov_second(ctx, operation, prov_keymgmts, no_cache);
    case OSSL_OP_SIGNATURE:
        return prov_second(ctx, operation,
                           ctx->has_message_api ? prov_signatures_with_messages : prov_signatures, no_cache);
    case OSSL_OP_ASYM_CIPHER:
        return prov_asym_ciphers;
    case OSSL_OP_DECODER:
        return prov_decoders;
    case OSSL_OP_ENCODER:
        return prov_encoders;
    case OSSL_OP_STORE:
        return prov_stores;
    case OSSL_OP_RAND:
        return prov_rands;
    case OSSL_OP_DIGEST:
        return ctx->digests != NULL ? prov_digests_query(ctx->digests, no_cache) : NULL;
    }
    return NULL;
}

static void prov_teardown(void *provctx)
{
    struct prov_ctx *ctx = provctx;

    hw_free(ctx->hw);
    if (ctx->has_asking)
        CRYPTO_THREAD_cleanup_local(&ctx->is_asking);
    prov_digests_free(ctx->digests);
    if (ctx->default_provider != NULL)
        OSSL_PROVIDER_unload(ctx->default_provider);
    OSSL_LIB_CTX_free(ctx->libctx);
    hw_log_file_close(&ctx->log);
    prov_config_clear(&ctx->config);
    OPENSSL_free(ctx);
}

static const OSSL_DISPATCH prov_dispatch[] = {
    PROV_FN(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, prov_gettable_params),
    PROV_FN(OSSL_FUNC_PROVIDER_GET_PARAMS, prov_get_params),
    PROV_FN(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, prov_get_reason_strings),
    PROV_FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, prov_query),
    PROV_FN(OSSL_FUNC_PROVIDER_TEARDOWN, prov_teardown),
    {0, NULL},
};

static int take_core(struct prov_ctx *ctx, const OSSL_DISPATCH *in)
{
    for (; in->function_id != 0; in++) {
        switch (in->function_id) {
        case OSSL_FUNC_CORE_NEW_ERROR:
            ctx->new_error = OSSL_FUNC_core_new_error(in);
            break;
        case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
            ctx->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
            break;
        case OSSL_FUNC_CORE_VSET_ERROR:
            ctx->vset_error = OSSL_FUNC_core_vset_error(in);
            break;
        case OSSL_FUNC_CORE_GET_LIBCTX:
            ctx->get_libctx = OSSL_FUNC_core_get_libctx(in);
            break;
        case OSSL_FUNC_CORE_GET_PARAMS:
            ctx->get_params = OSSL_FUNC_core_get_params(in);
            break;
        }
    }
    return ctx->new_error != NULL && ctx->set_error_debug != NULL && ctx->vset_error != NULL &&
           ctx->get_params != NULL && ctx->get_libctx != NULL;
}

/* Is the libcrypto that loaded us 3.4 or later? It may be newer than the headers we were built with. */
static int has_message_api(struct prov_ctx *ctx)
{
    char *version = NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_CORE_VERSION, &version, 0),
        OSSL_PARAM_construct_end(),
    };
    int major = 0, minor = 0;

    return ctx->get_params(ctx->core, params) && version != NULL &&
           sscanf(version, "%d.%d", &major, &minor) == 2 && (major > 3 || (major == 3 && minor >= 4));
}

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                       void **provctx)
{
    struct prov_ctx *ctx = OPENSSL_zalloc(sizeof(*ctx));
    struct hw_config config;

    if (ctx == NULL)
        return 0;
    ctx->core = core;
    hw_log_file_open(&ctx->log, NULL); /* until the configuration is known */
    if (!take_core(ctx, in)) {
        OPENSSL_free(ctx);
        return 0;
    }
    ctx->has_message_api = has_message_api(ctx);
    ctx->libctx = OSSL_LIB_CTX_new_from_dispatch(core, in);
    if (ctx->libctx == NULL || !prov_config_read(ctx) || !prov_log_open(ctx))
        goto fail;
    ctx->has_asking = CRYPTO_THREAD_init_local(&ctx->is_asking, NULL);
    if (!ctx->has_asking)
        goto fail;
    ctx->default_provider = OSSL_PROVIDER_load(ctx->libctx, "default");
    if (ctx->default_provider == NULL) {
        prov_raise(ctx, HW_E_INTERNAL, "OpenSSL's default provider can't be loaded");
        goto fail;
    }
    config = (struct hw_config){
        .libctx = ctx->libctx,
        .tcti = ctx->config.tcti,
        .parent_passphrase_file = ctx->config.parent_passphrase_file,
        .owner_passphrase_file = ctx->config.owner_passphrase_file,
        .pin_auto = ctx->config.pin != NULL && strcmp(ctx->config.pin, "auto") == 0,
        .lanes = ctx->config.lanes,
        .stats_folder = ctx->config.stats_directory != NULL ? ctx->config.stats_directory : HW_STATS_FOLDER,
        .error = prov_on_error,
        .log = prov_on_log,
        .level = ctx->log.level,
        .arg = ctx,
    };
    ctx->hw = hw_new(&config);
    if (ctx->hw == NULL)
        goto fail;
    if (ctx->config.kernel_digests != NULL && strcmp(ctx->config.kernel_digests, "yes") == 0 &&
        (ctx->digests = prov_digests_new(ctx)) == NULL)
        goto fail;
    *out = prov_dispatch;
    *provctx = ctx;
    return 1;
fail:
    /* Most programs go on without the provider, and never look at the queue. */
    prov_log_last_error(ctx);
    prov_teardown(ctx);
    return 0;
}
