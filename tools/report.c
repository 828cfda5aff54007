// SPDX-License-Identifier: Apache-2.0
/* Errors on stderr; log lines on stderr or in a file, in the provider's format. */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

static void __attribute__((format(printf, 1, 0))) vprint(const char *format, va_list args)
{
    fputs("signet: ", stderr);
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

/* "LEVEL" or "LEVEL:FILE". */
int tool_log_open(struct tool *tool)
{
    const char *setting = tool->config.log;
    size_t len, i = 0;

    tool->log = stderr;
    tool->log_level = HW_LOG_WARN;
    if (setting == NULL)
        return TOOL_OK;
    len = strcspn(setting, ":");
    while (i < LEVELS && (strlen(level_names[i]) != len || strncmp(setting, level_names[i], len) != 0))
        i++;
    if (i == LEVELS)
        return tool_usage_error("log level %.64s: expected error, warn, info or debug, then :FILE if wanted",
                                setting);
    tool->log_level = (enum hw_level)i;
    if (setting[len] == '\0')
        return TOOL_OK;
    tool->log = fopen(setting + len + 1, "ae");
    if (tool->log == NULL)
        return tool_error("log file %s: %s", setting + len + 1, strerror(errno));
    setvbuf(tool->log, NULL, _IOLBF, 0);
    return TOOL_OK;
}

void tool_log_close(struct tool *tool)
{
    if (tool->log != NULL && tool->log != stderr)
        fclose(tool->log);
    tool->log = NULL;
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
    struct timespec now;
    struct tm tm;
    char stamp[32];

    /* Errors are on stderr already. */
    if (level > tool->log_level || (level == HW_LOG_ERROR && tool->log == stderr))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(tool->log, "%s.%03ldZ signet[%ld] %s: %s\n", stamp, now.tv_nsec / 1000000, (long)getpid(),
            level_names[level], text);
}
