// SPDX-License-Identifier: Apache-2.0
/* Log lines to stderr or a file, the same for the provider and the programs. */
#include "lane.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

int hw_log_file_open(struct hw_log_file *log, const char *setting)
{
    size_t len, i = 0;

    log->stream = stderr;
    log->level = HW_LOG_WARN;
    if (setting == NULL)
        return 1;
    len = strcspn(setting, ":");
    while (i < LEVELS && (strlen(level_names[i]) != len || strncmp(setting, level_names[i], len) != 0))
        i++;
    if (i == LEVELS)
        return 0;
    log->level = (enum hw_level)i;
    if (setting[len] == '\0')
        return 1;
    log->stream = fopen(setting + len + 1, "ae");
    if (log->stream != NULL) {
        setvbuf(log->stream, NULL, _IOLBF, 0);
        return 1;
    }
    log->stream = stderr;
    return -1;
}

void hw_log_file_close(struct hw_log_file *log)
{
    if (log->stream != NULL && log->stream != stderr)
        fclose(log->stream);
    log->stream = NULL;
}

void hw_log_file_print(const struct hw_log_file *log, enum hw_level level, const char *text)
{
    struct timespec now;
    struct tm tm;
    char stamp[32];

    if (level > log->level || log->stream == NULL)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    hw_fork_hold(); /* the C library's own lock of time zones, which a child would find locked */
    gmtime_r(&now.tv_sec, &tm);
    hw_fork_release();
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(log->stream, "%s.%03ldZ signet[%ld] %s: %s\n", stamp, now.tv_nsec / 1000000, (long)getpid(),
            level_names[level], text);
}
