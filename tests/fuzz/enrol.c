// SPDX-License-Identifier: Apache-2.0
/* What a CA sends as the certificate: read, and compared with what was asked for. */
#include "store/enrol.c"

#include "fuzz.h"

#include <stdlib.h>

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
    static EVP_PKEY *key;
    int errors = 0;
    struct store store = {.config = {.crypto = crypto, .error = on_text, .warn = on_text, .arg = &errors}};
    struct store_cert *subject = store_template_new();
    char *pem = calloc(1, size + 1), name[100];
    STACK_OF(X509) * chain;
    X509 *x509;

    if (key == NULL)
        key = EVP_PKEY_Q_keygen(fuzz_libctx(), NULL, "EC", "P-256");
    if (pem == NULL || subject == NULL ||
        !store_cert_set_text(subject, STORE_SUBJECT_ALT_NAME, "DNS:x.example.com,IP:192.0.2.1"))
        return 0;
    memcpy(pem, data, size);
    chain = read_chain(&store, pem);
    if ((chain == NULL) != (errors == 1))
        fuzz_finding("a chain is refused without a word, or taken with an error");
    if (chain != NULL) {
        x509 = sk_X509_value(chain, 0);
        if (check_issued(&store, subject, x509, key))
            fuzz_finding("a certificate for a key that nobody has");
        /* As if it were for the right key. */
        if (X509_set_pubkey(x509, key) && !check_issued(&store, subject, x509, key) && errors < 2)
            fuzz_finding("refused without a word");
        issuer_name(name, sizeof(name), x509);
        if (strlen(name) >= sizeof(name))
            fuzz_finding("a name that is too long");
    }
    sk_X509_pop_free(chain, X509_free);
    store_cert_free(subject);
    if (ERR_peek_error() != 0)
        fuzz_finding("OpenSSL's error queue is not empty");
    free(pem);
    return 0;
}
