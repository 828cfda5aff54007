// SPDX-License-Identifier: Apache-2.0
/* Values: what a property takes, and how times are written. */
#include "console.h"

#include "tools/duration.h"

#include <inttypes.h>
#include <string.h>

char *value_of_time(int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;
    char text[64];

    if (localtime_r(&t, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return OPENSSL_strdup("");
    return OPENSSL_strdup(text);
}

char *value_of_id(int64_t id)
{
    char text[24];

    snprintf(text, sizeof(text), "*%" PRIX64, (uint64_t)id);
    return OPENSSL_strdup(text);
}

/* ---- checks ---- */

static const char *find_value(const char *const values[], const char *text, size_t len)
{
    const char *found = NULL;
    size_t i;

    for (i = 0; values[i] != NULL; i++) {
        if (strncmp(values[i], text, len) != 0)
            continue;
        if (values[i][len] == '\0')
            return values[i];
        if (found != NULL)
            return NULL; /* a beginning of several */
        found = values[i];
    }
    return len > 0 ? found : NULL;
}

static int no_match(struct console *console, const struct property *property, const char *text, size_t len)
{
    char values[512] = "";
    size_t i;

    for (i = 0; property->values[i] != NULL; i++) {
        OPENSSL_strlcat(values, i > 0 ? " " : "", sizeof(values));
        OPENSSL_strlcat(values, property->values[i], sizeof(values));
    }
    return console_fail_value(console, "input does not match any value of %s: \"%.*s\"; expected %s: %s",
                              property->name, (int)len, text,
                              property->type == TYPE_LIST ? "some of" : "one of", values);
}

static int check_list(struct console *console, const struct property *property, const char *text,
                      char **canonical)
{
    char list[1024] = "";

    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        const char *value = find_value(property->values, text, len);

        if (value == NULL)
            return no_match(console, property, text, len);
        if (*list != '\0')
            OPENSSL_strlcat(list, ",", sizeof(list));
        if (OPENSSL_strlcat(list, value, sizeof(list)) >= sizeof(list))
            return console_fail_value(console, "value of %s is too long", property->name);
        text += len;
        text += *text == ',';
    }
    *canonical = OPENSSL_strdup(list);
    return *canonical != NULL;
}

static int check_number(struct console *console, const struct property *property, const char *text)
{
    size_t digits = strspn(text, "0123456789");

    if (digits > 0 && digits < 18 && text[digits] == '\0') {
        int64_t number = strtoll(text, NULL, 10);

        if (number >= property->min && number <= property->max)
            return 1;
        return console_fail_value(console, "value of %s is out of range (%" PRId64 "..%" PRId64 ")",
                                  property->name, property->min, property->max);
    }
    return console_fail_value(console, "invalid value for argument %s: \"%.64s\" is no number",
                              property->name, text);
}

static int check_duration(struct console *console, const struct property *property, const char *text)
{
    int64_t seconds = duration_parse(text);

    if (seconds < 0)
        return console_fail_value(console,
                                  "invalid value for argument %s: \"%.64s\" is no time such as 1h30m",
                                  property->name, text);
    if (seconds < property->min || (property->max > 0 && seconds > property->max)) {
        char *min = duration_text(property->min), *max = duration_text(property->max);

        console_fail_value(console, "value of %s is out of range (%s..%s)", property->name, min,
                           property->max > 0 ? max : "");
        OPENSSL_free(min);
        OPENSSL_free(max);
        return 0;
    }
    return 1;
}

static const char *bool_value(const char *text)
{
    if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
        return "yes";
    return strcmp(text, "no") == 0 || strcmp(text, "false") == 0 ? "no" : NULL;
}

int value_check(struct console *console, const struct property *property, const char *text, char **canonical)
{
    const char *value = text;

    *canonical = NULL;
    if (strlen(text) > (property->type == TYPE_TEXT && property->max > 0 ? (size_t)property->max : 4096))
        return console_fail_value(console, "value of %s is too long", property->name);
    switch (property->type) {
    case TYPE_BOOL:
        value = bool_value(text);
        if (value == NULL)
            return console_fail_value(console,
                                      "input does not match any value of %s: \"%.64s\"; expected yes or no",
                                      property->name, text);
        break;
    case TYPE_NUMBER:
        if (!check_number(console, property, text))
            return 0;
        break;
    case TYPE_DURATION:
        if (!check_duration(console, property, text))
            return 0;
        break;
    case TYPE_ENUM:
        value = find_value(property->values, text, strlen(text));
        if (value == NULL || ((property->flags & PROP_WHOLE) && strcmp(value, text) != 0))
            return no_match(console, property, text, strlen(text));
        break;
    case TYPE_LIST:
        return check_list(console, property, text, canonical);
    case TYPE_TEXT:
    case TYPE_SECRET:
    case TYPE_CERTIFICATE:
    case TYPE_ITEM:
    case TYPE_FILE:
        break;
    }
    *canonical = OPENSSL_strdup(value);
    return *canonical != NULL;
}
