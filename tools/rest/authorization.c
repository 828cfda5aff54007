// SPDX-License-Identifier: Apache-2.0
/* The header Authorization, as far as it is Basic (RFC 7617). */
#include "private.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define BASIC_MAX 1024 /* of base64 */

int rest_basic(const char *header, struct rest_basic *basic)
{
    size_t len, pads = 0;
    char *colon;
    int n;

    *basic = (struct rest_basic){0};
    if (strncasecmp(header, "Basic ", 6) != 0)
        return 0;
    header += 6 + strspn(header + 6, " ");
    len = strlen(header);
    if (len == 0 || len > BASIC_MAX || len % 4 != 0)
        return 0;
    basic->size = len / 4 * 3 + 1;
    basic->text = OPENSSL_zalloc(basic->size);
    if (basic->text == NULL)
        return 0;
    n = EVP_DecodeBlock((unsigned char *)basic->text, (const unsigned char *)header, (int)len);
    while (pads < 2 && header[len - 1 - pads] == '=')
        pads++;
    if (n < (int)pads)
        return 0;
    basic->text[(size_t)n - pads] = '\0';
    colon = strchr(basic->text, ':');
    if (colon == NULL || strlen(basic->text) != (size_t)n - pads)
        return 0;
    *colon = '\0';
    basic->name = basic->text;
    basic->password = colon + 1;
    return 1;
}
