// SPDX-License-Identifier: Apache-2.0
/* Files that people import: whatever store/read.c takes them for. */
#include "fuzz.h"

#include "store/import.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static OSSL_LIB_CTX *crypto(void *arg)
{
    (void)arg;
    return fuzz_libctx();
}

static void on_text(void *arg, const char *text)
{
    *(int *)arg += 1;
    if (*text == '\0')
        fuzz_finding("an error without a text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int errors = 0;
    struct store store = {.config = {.crypto = crypto, .error = on_text, .warn = on_text, .arg = &errors}};
    struct found found = {0};
    /* As store_file_read gives it: with a zero behind. */
    uint8_t *copy = calloc(1, size + 1);

    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    if (store_found_read(&store, &found, copy, size, "secret") != (errors == 0))
        fuzz_finding("a file is refused without a word, or taken with an error");
    store_found_clear(&found);
    if (ERR_peek_error() != 0)
        fuzz_finding("OpenSSL's error queue is not empty");
    free(copy);
    return 0;
}
