// SPDX-License-Identifier: Apache-2.0
/* Parameters of a service, and the placeholders that stand for them. */
#include "private.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define NAME  "abcdefghijklmnopqrstuvwxyz0123456789-"

const char *const value_kinds[VALUE_KINDS] = {"path", "host", "port", "number", "word"};

static int is_path(const char *text)
{
    const char *part;

    if (*text != '/' || text[strspn(text, ALNUM "/._+@:-")] != '\0')
        return 0;
    for (part = text; part != NULL; part = strchr(part + 1, '/')) {
        if (strncmp(part, "/..", 3) == 0 && (part[3] == '/' || part[3] == '\0'))
            return 0;
    }
    return 1;
}

int value_is_good(enum value_kind kind, const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len >= VALUE_MAX)
        return 0;
    switch (kind) {
    case VALUE_PATH:
        return is_path(text);
    case VALUE_HOST:
        return len < 254 && *text != '-' && strspn(text, ALNUM ".:_-") == len;
    case VALUE_PORT:
        return len < 6 && strspn(text, "0123456789") == len && atoi(text) > 0 && atoi(text) < 65536;
    case VALUE_NUMBER:
        return len < 10 && strspn(text, "0123456789") == len;
    case VALUE_WORD:
        /* Nobody takes it for an option. */
        return len <= 128 && *text != '-' && strspn(text, ALNUM "._+@-") == len;
    default:
        return 0;
    }
}

static int parameter_index(const struct service *service, const char *name, size_t len)
{
    size_t i;

    for (i = 0; i < service->parameters_count; i++) {
        const char *known = service->parameters[i].name;

        if (strlen(known) == len && memcmp(known, name, len) == 0)
            return (int)i;
    }
    return -1;
}

/* One "name=value". */
static int take(struct values *values, const char *pair, size_t len, char *why, size_t size)
{
    const struct service *service = values->service;
    const char *equals = memchr(pair, '=', len);
    int i = equals != NULL ? parameter_index(service, pair, (size_t)(equals - pair)) : -1;

    if (i < 0) {
        snprintf(why, size, "no such parameter as %.*s of %.200s", (int)(len < 64 ? len : 64), pair,
                 service->path);
        return 0;
    }
    OPENSSL_free(values->text[i]);
    values->text[i] = OPENSSL_strndup(equals + 1, len - (size_t)(equals + 1 - pair));
    if (values->text[i] != NULL && value_is_good(service->parameters[i].kind, values->text[i]))
        return 1;
    snprintf(why, size, "parameter %s: not a %s", service->parameters[i].name,
             value_kinds[service->parameters[i].kind]);
    return 0;
}

int values_take(struct values *values, const struct service *service, const char *parameters,
                const char *home, int64_t id, char *why, size_t size)
{
    const char *next = parameters;
    size_t i;

    *values = (struct values){.service = service, .home = home};
    snprintf(values->id, sizeof(values->id), "%" PRId64, id);
    while (*next != '\0') {
        size_t len = strcspn(next, ",");

        if (!take(values, next, len, why, size))
            return 0;
        next += len + (next[len] == ',');
    }
    for (i = 0; i < service->parameters_count; i++) {
        const struct parameter *parameter = &service->parameters[i];

        if (values->text[i] != NULL)
            continue;
        if (parameter->initial == NULL) {
            snprintf(why, size, "parameter %s is missing: parameters=\"%s=…\"", parameter->name,
                     parameter->name);
            return 0;
        }
        values->text[i] = values_expand(values, parameter->initial);
        if (values->text[i] == NULL || !value_is_good(parameter->kind, values->text[i])) {
            snprintf(why, size, "parameter %s of %.200s: its initial value is not a %s", parameter->name,
                     service->path, value_kinds[parameter->kind]);
            return 0;
        }
    }
    return 1;
}

void values_clear(struct values *values)
{
    size_t i;

    for (i = 0; i < SERVICE_PARAMETERS; i++)
        OPENSSL_free(values->text[i]);
    *values = (struct values){0};
}

/* The length of the placeholder's name if text, a brace, begins one; 0: it does not. */
static size_t placeholder_length(const char *text)
{
    size_t len = strspn(text + 1, NAME);

    return len > 0 && text[1] >= 'a' && text[1] <= 'z' && text[1 + len] == '}' ? len : 0;
}

int placeholders_each(const char *text, int (*each)(void *arg, const char *name, size_t len), void *arg)
{
    while ((text = strchr(text, '{')) != NULL) {
        size_t len = placeholder_length(text);

        if (len > 0 && !each(arg, text + 1, len))
            return 0;
        text += len + 1;
    }
    return 1;
}

static const char *value_of(const struct values *values, const char *name, size_t len)
{
    int i = parameter_index(values->service, name, len);

    if (i >= 0)
        return values->text[i] != NULL ? values->text[i] : "";
    if (len == 4 && memcmp(name, "home", 4) == 0)
        return values->home;
    return len == 2 && memcmp(name, "id", 2) == 0 ? values->id : "";
}

char *values_expand(const struct values *values, const char *text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *result = NULL;
    int ok = bio != NULL;

    while (ok && *text != '\0') {
        size_t plain = strcspn(text, "{"), len;

        ok = plain == 0 || BIO_write(bio, text, (int)plain) == (int)plain;
        text += plain;
        if (*text == '\0')
            break;
        len = placeholder_length(text);
        if (len > 0)
            ok = ok && BIO_puts(bio, value_of(values, text + 1, len)) >= 0;
        else
            ok = ok && BIO_write(bio, "{", 1) == 1;
        text += len > 0 ? len + 2 : 1;
    }
    if (ok) {
        long len = BIO_get_mem_data(bio, &data);

        result = OPENSSL_strndup(data != NULL ? data : "", (size_t)len);
    }
    BIO_free(bio);
    return result;
}
