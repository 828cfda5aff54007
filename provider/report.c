// SPDX-License-Identifier: Apache-2.0
/* Errors into OpenSSL's queue, log lines to stderr or a file. */
#include "provider.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const OSSL_ITEM prov_reasons[] = {
    {HW_E_INTERNAL, "internal error"},
    {HW_E_NO_DEVICE, "no device"},
    {HW_E_DEVICE, "device error"},
    {HW_E_FULL, "device is full"},
    {HW_E_AUTH, "authorization failed"},
    {HW_E_LOCKOUT, "device is in lockout"},
    {HW_E_BAD_KEY, "malformed key"},
    {HW_E_FOREIGN_KEY, "key of another device"},
    {HW_E_UNSUPPORTED, "not supported"},
    {HW_E_BAD_INPUT, "bad input"},
    {HW_E_NOT_PRIVATE, "not a private key"},
    {HW_E_WRONG_RESULT, "wrong result from the device"},
    {HW_E_CANCELLED, "cancelled"},
    {HW_E_IO, "input or output failed"},
    {0, NULL},
};

/* Without a setting, warnings go to stderr; errors are in OpenSSL's queue, which every program prints, so
 * stderr gets them only if it was asked for. */
int prov_log_open(struct prov_ctx *ctx)
{
    switch (hw_log_file_open(&ctx->log, ctx->config.log)) {
    case 0:
        prov_raise(ctx, HW_E_UNSUPPORTED,
                   "log = %s: expected error, warn, info or debug, then :FILE if wanted", ctx->config.log);
        return 0;
    case -1:
        /* A worker that lost the right to write there goes on, and says so. */
        prov_on_log(ctx, HW_LOG_WARN, "the log file can't be opened; logging to stderr");
    }
    return 1;
}

void prov_on_log(void *arg, enum hw_level level, const char *text)
{
    struct prov_ctx *ctx = arg;

    if (level != HW_LOG_ERROR || ctx->config.log != NULL)
        hw_log_file_print(&ctx->log, level, text);
}

static void vset(struct prov_ctx *ctx, int reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    ctx->vset_error(ctx->core, (uint32_t)reason, format, args);
    va_end(args);
}

void prov_on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text)
{
    struct prov_ctx *ctx = arg;

    ctx->new_error(ctx->core);
    ctx->set_error_debug(ctx->core, file, line, func);
    vset(ctx, reason, "%s", text);
}

void prov_raise_at(struct prov_ctx *ctx, enum hw_reason reason, const char *file, int line, const char *func,
                   const char *format, ...)
{
    const char *base = strrchr(file, '/');
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    prov_on_error(ctx, reason, base != NULL ? base + 1 : file, line, func, text);
    prov_on_log(ctx, HW_LOG_ERROR, text);
}

void prov_log_last_error(struct prov_ctx *ctx)
{
    const char *text = NULL;
    int flags = 0;

    /* With a log setting it has been printed already. */
    if (ctx->config.log == NULL && ERR_peek_last_error_all(NULL, NULL, NULL, &text, &flags) != 0 &&
        (flags & ERR_TXT_STRING))
        prov_on_log(ctx, HW_LOG_WARN, text);
}
