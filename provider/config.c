// SPDX-License-Identifier: Apache-2.0
/* The configuration: openssl.cnf's provider section, overridden by the environment. */
#include "provider.h"

#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

struct option {
    const char *key;         /* in the provider section */
    const char *environment; /* ignored in set-user-ID programs */
    size_t offset;
};

static const struct option options[] = {
    {"tcti", "SIGNET_TCTI", offsetof(struct prov_config, tcti)},
    {"log", "SIGNET_LOG", offsetof(struct prov_config, log)},
    {"custody", "SIGNET_CUSTODY", offsetof(struct prov_config, custody)},
    {"key-directory", "SIGNET_KEY_DIRECTORY", offsetof(struct prov_config, key_directory)},
    {"parent-passphrase-file", "SIGNET_PARENT_PASSPHRASE_FILE",
     offsetof(struct prov_config, parent_passphrase_file)},
    {"owner-passphrase-file", "SIGNET_OWNER_PASSPHRASE_FILE",
     offsetof(struct prov_config, owner_passphrase_file)},
    {"lanes", "SIGNET_LANES", offsetof(struct prov_config, lanes)},
    {"pin", "SIGNET_PIN", offsetof(struct prov_config, pin)},
    {"stats-directory", "SIGNET_STATS_DIRECTORY", offsetof(struct prov_config, stats_directory)},
    {"kernel-digests", "SIGNET_KERNEL_DIGESTS", offsetof(struct prov_config, kernel_digests)},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

static char **option_value(struct prov_config *config, const struct option *option)
{
    return (char **)((char *)config + option->offset);
}

int prov_config_read(struct prov_ctx *ctx)
{
    char *values[OPTIONS] = {0};
    OSSL_PARAM params[OPTIONS + 1];
    enum hw_custody custody;
    size_t i;

    for (i = 0; i < OPTIONS; i++)
        params[i] = OSSL_PARAM_construct_utf8_ptr(options[i].key, &values[i], 0);
    params[OPTIONS] = OSSL_PARAM_construct_end();
    if (!ctx->get_params(ctx->core, params))
        return 0;
    for (i = 0; i < OPTIONS; i++) {
        const char *value = secure_getenv(options[i].environment);

        if (value == NULL || *value == '\0')
            value = values[i];
        if (value != NULL && (*option_value(&ctx->config, &options[i]) = OPENSSL_strdup(value)) == NULL)
            return 0;
    }
    if (ctx->config.custody != NULL && !hw_custody_from(ctx->config.custody, &custody)) {
        prov_raise(ctx, HW_E_UNSUPPORTED, "custody = %s: expected tpm, sealed, file or auto",
                   ctx->config.custody);
        return 0;
    }
    if (ctx->config.pin != NULL && strcmp(ctx->config.pin, "auto") != 0 &&
        strcmp(ctx->config.pin, "no") != 0) {
        prov_raise(ctx, HW_E_UNSUPPORTED, "pin = %s: expected auto or no", ctx->config.pin);
        return 0;
    }
    if (ctx->config.kernel_digests != NULL && strcmp(ctx->config.kernel_digests, "yes") != 0 &&
        strcmp(ctx->config.kernel_digests, "no") != 0) {
        prov_raise(ctx, HW_E_UNSUPPORTED, "kernel-digests = %s: expected yes or no",
                   ctx->config.kernel_digests);
        return 0;
    }
    return 1;
}

void prov_config_clear(struct prov_config *config)
{
    size_t i;

    for (i = 0; i < OPTIONS; i++)
        OPENSSL_free(*option_value(config, &options[i]));
}
