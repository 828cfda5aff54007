// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text)
{
    (void)arg;
    (void)reason;
    (void)file;
    (void)line;
    (void)func;
    if (*text == '\0')
        fuzz_finding("an error without a text");
}

_Noreturn void fuzz_finding(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

OSSL_LIB_CTX *fuzz_libctx(void)
{
    static OSSL_LIB_CTX *libctx;

    if (libctx == NULL) {
        libctx = OSSL_LIB_CTX_new();
        if (libctx == NULL || OSSL_PROVIDER_load(libctx, "default") == NULL)
            fuzz_finding("OpenSSL's default provider can't be loaded");
    }
    return libctx;
}

struct hw *fuzz_hw(void)
{
    static struct hw *hw;
    struct hw_config config = {.libctx = fuzz_libctx(), .tcti = "none", .error = on_error};

    if (hw == NULL && (hw = hw_new(&config)) == NULL)
        fuzz_finding("hw_new failed");
    return hw;
}

static int passphrase(void *arg, const char *what, char *buf, size_t size)
{
    (void)arg;
    (void)what;
    if (size < 6)
        return -1;
    memcpy(buf, "secret", 6);
    return 6;
}

static void reload(struct hw_key *key)
{
    enum hw_format format;
    unsigned char *der = NULL;
    size_t len;
    struct hw_key *again;

    if (!hw_key_container(key, &format, &der, &len))
        fuzz_finding("a key that was read can't be written");
    again = hw_key_load(fuzz_hw(), format, der, len, passphrase, NULL);
    if (again == NULL || EVP_PKEY_eq(hw_key_get0_pkey(key), hw_key_get0_pkey(again)) != 1)
        fuzz_finding("a key that was written can't be read, or is another");
    hw_key_free(again);
    OPENSSL_free(der);
}

void fuzz_load(enum hw_format format, const uint8_t *data, size_t size)
{
    /* A copy of just this size, so that AddressSanitizer sees a byte too many read. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    struct hw_key *key;
    char *text;

    if (copy == NULL)
        return;
    memcpy(copy, data, size);
    key = hw_key_load(fuzz_hw(), format, copy, size, passphrase, NULL);
    if (key != NULL) {
        reload(key);
        text = hw_key_describe(key);
        if (text == NULL)
            fuzz_finding("a key without a description");
        OPENSSL_free(text);
    }
    hw_key_free(key);
    free(copy);
}
