// SPDX-License-Identifier: Apache-2.0
/* Log lines to stderr or a file, the same for the provider and the programs. */
#include "hw.h"

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

/* The date and time of day in UTC, by arithmetic: gmtime_r takes a lock that a child of a program with
 * threads may find locked, and the gate of fork.c is not to be waited for with the TPM's lock held. */
static void write_stamp(char *stamp, size_t size, time_t t)
{
    long long days = t / 86400, seconds = t % 86400;
    /* Since 1 March of the year 0; years begin in March, so that a leap day is the last one. Every 400 years
     * have 146097 days. */
    long long since = days + 719468, era = since / 146097, day_of_era = since % 146097;
    long long year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    long long day = day_of_era - (365 * year + year / 4 - year / 100);
    long long month = (5 * day + 2) / 153; /* 0: March; five months have 153 days */

    snprintf(stamp, size, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld", era * 400 + year + (month >= 10),
             month < 10 ? month + 3 : month - 9, day - (153 * month + 2) / 5 + 1, seconds / 3600,
             seconds / 60 % 60, seconds % 60);
}

void hw_log_file_print(const struct hw_log_file *log, enum hw_level level, const char *text)
{
    struct timespec now;
    char stamp[160]; /* for any number, though there are 20 characters for thousands of years */

    if (level > log->level || log->stream == NULL)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    write_stamp(stamp, sizeof(stamp), now.tv_sec);
    fprintf(log->stream, "%s.%03ldZ signet[%ld] %s: %s\n", stamp, now.tv_nsec / 1000000, (long)getpid(),
            level_names[level], text);
}
