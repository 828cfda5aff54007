// SPDX-License-Identifier: Apache-2.0
/* What commands open when they first need it: the hardware, and a library context with the provider. */
#include "tool.h"

#include <openssl/err.h>

OSSL_provider_init_fn OSSL_provider_init; /* provider/, which is a part of this program */

struct hw *tool_hw(struct tool *tool)
{
    struct hw_config config;

    if (tool->hw != NULL)
        return tool->hw;
    tool->libctx = OSSL_LIB_CTX_new();
    if (tool->libctx != NULL)
        tool->default_provider = OSSL_PROVIDER_load(tool->libctx, "default");
    if (tool->default_provider == NULL) {
        tool_error("OpenSSL's default provider can't be loaded");
        return NULL;
    }
    config = (struct hw_config){
        .libctx = tool->libctx,
        .tcti = tool->config.tcti,
        .parent_passphrase_file = tool->config.parent_passphrase_file,
        .owner_passphrase_file = tool->config.owner_passphrase_file,
        .lanes = tool->config.lanes,
        .error = tool_on_error,
        .log = tool_on_log,
        .level = tool->log.level,
        .arg = tool,
    };
    tool->hw = hw_new(&config);
    if (tool->hw == NULL)
        tool_error("out of memory");
    return tool->hw;
}

OSSL_LIB_CTX *tool_crypto(struct tool *tool)
{
    const char *data = NULL;
    int flags = 0;

    if (tool->crypto != NULL)
        return tool->crypto;
    tool->crypto = OSSL_LIB_CTX_new();
    if (tool->crypto != NULL && OSSL_PROVIDER_add_builtin(tool->crypto, "signet", OSSL_provider_init) &&
        (tool->providers[0] = OSSL_PROVIDER_load(tool->crypto, "default")) != NULL &&
        (tool->providers[1] = OSSL_PROVIDER_load(tool->crypto, "signet")) != NULL)
        return tool->crypto;
    ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    tool_error("OpenSSL's providers can't be loaded%s%s", flags & ERR_TXT_STRING ? ": " : "",
               flags & ERR_TXT_STRING ? data : "");
    ERR_clear_error();
    return NULL;
}

void tool_close(struct tool *tool)
{
    hw_free(tool->hw);
    if (tool->default_provider != NULL)
        OSSL_PROVIDER_unload(tool->default_provider);
    OSSL_LIB_CTX_free(tool->libctx);
    if (tool->providers[1] != NULL)
        OSSL_PROVIDER_unload(tool->providers[1]);
    if (tool->providers[0] != NULL)
        OSSL_PROVIDER_unload(tool->providers[0]);
    OSSL_LIB_CTX_free(tool->crypto);
    hw_log_file_close(&tool->log);
}
