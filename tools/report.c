// SPDX-License-Identifier: Apache-2.0
/* Errors on stderr; log lines on stderr or in a file, in the provider's format. */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static void __attribute__((format(printf, 1, 0))) vprint(const char *format, va_list args)
{
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int tool_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprint(format, args);
    va_end(args);
    return TOOL_FAILED;
}

int tool_usage_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprint(format, args);
    va_end(args);
    return TOOL_USAGE;
}

int tool_log_open(struct tool *tool)
{
    const char *setting = tool->config.log;

    switch (hw_log_file_open(&tool->log, setting)) {
    case 0:
        return tool_usage_error("log level %.64s: expected error, warn, info or debug, then :FILE if wanted",
                                setting);
    case -1:
        return tool_error("log file %s: %s", strchr(setting, ':') + 1, strerror(errno));
    }
    return TOOL_OK;
}

void tool_on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text)
{
    (void)arg;
    (void)reason;
    (void)file;
    (void)line;
    (void)func;
    tool_error("%s", text);
}

void tool_on_log(void *arg, enum hw_level level, const char *text)
{
    struct tool *tool = arg;

    /* Errors are on stderr already. */
    if (level != HW_LOG_ERROR || tool->log.stream != stderr)
        hw_log_file_print(&tool->log, level, text);
}
