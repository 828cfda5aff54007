// SPDX-License-Identifier: Apache-2.0
/* The passphrase callback that OpenSSL hands to decoders and loaders. It is called before any lock is taken:
 * programs fork in it (a prompter), or come back into OpenSSL. */
#include "provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

int prov_passphrase(void *arg, const char *what, char *buf, size_t size)
{
    const struct prov_passphrase *passphrase = arg;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, (char *)what, 0),
        OSSL_PARAM_construct_end(),
    };
    char text[1024];
    size_t len = 0;

    /* With more room than the key can use, to tell a passphrase that is too long from none at all. */
    if (passphrase->cb == NULL || !passphrase->cb(text, sizeof(text), &len, params, passphrase->cb_arg))
        return -1;
    if (len <= size)
        memcpy(buf, text, len);
    OPENSSL_cleanse(text, sizeof(text));
    return (int)len;
}
