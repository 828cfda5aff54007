// SPDX-License-Identifier: Apache-2.0
/* Durations as RouterOS writes them. */
#include "duration.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t clock_duration(const char *text)
{
    int hours, minutes, seconds = 0, used = 0;

    if ((sscanf(text, "%9d:%2d:%2d%n", &hours, &minutes, &seconds, &used) == 3 ||
         (sscanf(text, "%9d:%2d%n", &hours, &minutes, &used) == 2)) &&
        text[used] == '\0' && hours >= 0 && minutes >= 0 && minutes < 60 && seconds >= 0 && seconds < 60)
        return ((int64_t)hours * 60 + minutes) * 60 + seconds;
    return -1;
}

int64_t duration_parse(const char *text)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    size_t unit = 0;
    int64_t total = 0;

    if (*text == '\0')
        return -1;
    if (strchr(text, ':') != NULL)
        return clock_duration(text);
    while (*text != '\0') {
        size_t digits = strspn(text, "0123456789");
        int64_t number;

        if (digits == 0 || digits > 9)
            return -1;
        number = strtoll(text, NULL, 10);
        text += digits;
        if (*text == '\0') /* bare seconds */
            return total + number;
        while (unit < 5 && units[unit].letter != *text)
            unit++;
        if (unit == 5)
            return -1;
        total += number * units[unit++].seconds;
        text++;
    }
    return total;
}

char *duration_text(int64_t seconds)
{
    static const struct {
        const char *letter;
        int64_t seconds;
    } units[] = {{"w", 604800}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
    char text[64] = "", part[24];
    size_t i;

    if (seconds < 0)
        seconds = 0;
    for (i = 0; i < 5; i++) {
        int64_t n = seconds / units[i].seconds;

        seconds %= units[i].seconds;
        if (n > 0 || (i == 4 && *text == '\0')) {
            snprintf(part, sizeof(part), "%" PRId64 "%s", n, units[i].letter);
            OPENSSL_strlcat(text, part, sizeof(text));
        }
    }
    return OPENSSL_strdup(text);
}
