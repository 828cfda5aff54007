// SPDX-License-Identifier: Apache-2.0
/* Paths and queries of URLs. */
#include "front.h"

#include <openssl/crypto.h>
#include <string.h>

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* RFC 3986 section 2.1. Returns the length, or -1. */
static long decode(const char *text, size_t len, char *out)
{
    size_t i;
    long n = 0;

    for (i = 0; i < len; i++) {
        if (text[i] != '%') {
            out[n++] = text[i];
            continue;
        }
        if (i + 2 >= len || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0)
            return -1;
        out[n++] = (char)(digit(text[i + 1]) * 16 + digit(text[i + 2]));
        i += 2;
    }
    return n;
}

char *front_decode(const char *text, size_t text_len, size_t *len)
{
    char *value = OPENSSL_zalloc(text_len + 1);
    long n = value != NULL ? decode(text, text_len, value) : -1;

    if (n >= 0) {
        *len = (size_t)n;
        return value;
    }
    OPENSSL_free(value);
    return NULL;
}

char *front_query_value(const char *query, const char *name, size_t *len)
{
    size_t name_len = strlen(name);

    while (*query != '\0') {
        size_t part = strcspn(query, "&");

        if (part > name_len && strncmp(query, name, name_len) == 0 && query[name_len] == '=')
            return front_decode(query + name_len + 1, part - name_len - 1, len);
        query += part + (query[part] == '&');
    }
    return NULL;
}
