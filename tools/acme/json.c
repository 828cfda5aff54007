// SPDX-License-Identifier: Apache-2.0
/* Members of the objects that servers send. */
#include "private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MEMBER_MAX 4096

const char *acme_text(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);

    if (!json_is_string(member) || json_string_length(member) > MEMBER_MAX ||
        strlen(json_string_value(member)) != json_string_length(member))
        return NULL;
    return json_string_value(member);
}

/* Of printable ASCII, with a host. What libcurl makes of it is libcurl's: it takes https only. */
int acme_is_url(const char *url)
{
    const char *p;

    if (strncmp(url, "https://", 8) != 0 || strlen(url) > ACME_URL_MAX || url[8] == '\0' || url[8] == '/')
        return 0;
    for (p = url; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f)
            return 0;
    }
    return 1;
}

int acme_url(struct acme *acme, const json_t *object, const char *name, char **url)
{
    const char *text = acme_text(object, name);

    *url = NULL;
    if (text == NULL)
        return 1;
    if (!acme_is_url(text))
        return acme_raise(acme, "the server's %s is no https URL: %.200s", name, text);
    *url = OPENSSL_strdup(text);
    return *url != NULL || acme_raise(acme, "out of memory");
}

int64_t acme_time(const json_t *object, const char *name)
{
    const char *text = acme_text(object, name), *rest;
    int hours = 0, minutes = 0;
    struct tm tm = {0};
    int64_t when;

    if (text == NULL || (rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)) == NULL)
        return 0;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    when = (int64_t)timegm(&tm);
    if (strcmp(rest, "Z") == 0 || strcmp(rest, "z") == 0)
        return when;
    if ((*rest != '+' && *rest != '-') || sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
        return 0;
    return when - (*rest == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}
