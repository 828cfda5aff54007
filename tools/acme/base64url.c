// SPDX-License-Identifier: Apache-2.0
/* base64url without padding (RFC 4648 section 5, RFC 7515 section 2). */
#include "private.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *acme_base64url(const void *data, size_t len)
{
    const unsigned char *in = data;
    char *text = OPENSSL_malloc(len / 3 * 4 + 5), *out = text;

    if (text == NULL)
        return NULL;
    for (; len > 0; in += 3) {
        size_t n = len < 3 ? len : 3, i;
        unsigned bits =
            (unsigned)in[0] << 16 | (unsigned)(n > 1 ? in[1] : 0) << 8 | (unsigned)(n > 2 ? in[2] : 0);

        for (i = 0; i <= n; i++)
            *out++ = digits[bits >> (18 - 6 * i) & 63];
        len -= n;
    }
    *out = '\0';
    return text;
}

int acme_is_base64url(const char *text, size_t max)
{
    size_t len = strspn(text, digits);

    return len > 0 && len <= max && text[len] == '\0';
}

unsigned char *acme_base64url_decode(const char *text, size_t *len)
{
    size_t chars = strlen(text), i;
    unsigned char *data = OPENSSL_malloc(chars / 4 * 3 + 4);
    unsigned bits = 0, have = 0;

    *len = 0;
    if (data == NULL || chars % 4 == 1)
        goto none;
    for (i = 0; i < chars; i++) {
        const char *digit = strchr(digits, text[i]);

        if (digit == NULL)
            goto none;
        bits = bits << 6 | (unsigned)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            data[(*len)++] = (unsigned char)(bits >> have);
        }
    }
    /* Bits that are left over say nothing, and must not (RFC 4648 section 3.5). */
    if ((bits & ((1U << have) - 1)) == 0)
        return data;
none:
    OPENSSL_clear_free(data, chars / 4 * 3 + 4);
    *len = 0;
    return NULL;
}
