// SPDX-License-Identifier: Apache-2.0
/* signet-fill HOME CA COUNT: fills a store with certificates named n0, n1, … that its certificate CA issues.
 * They share the CA's key, since keys are not what the benchmark of the store is about. */
#include "store/private.h"

#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>

static OSSL_LIB_CTX *crypto(void *arg)
{
    (void)arg;
    return OSSL_LIB_CTX_get0_global_default();
}

static void on_text(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "signet-fill: %s\n", text);
}

static int add(struct store *store, const struct store_cert *ca, EVP_PKEY *pkey, int number)
{
    struct store_cert *cert = store_template_new();
    char name[32];
    X509 *x509;
    int ok;

    snprintf(name, sizeof(name), "n%d", number);
    if (cert == NULL || !store_cert_set_text(cert, STORE_NAME, name) ||
        !store_cert_set_text(cert, STORE_COMMON_NAME, name) ||
        !store_cert_set_text(cert, STORE_KEY_USAGE, "digital-signature,tls-server"))
        return 0;
    x509 =
        store_issue(store, &(struct store_issue){.template = cert, .pkey = pkey, .ca = ca, .ca_pkey = pkey});
    ok = x509 != NULL && store_cert_describe(store, cert, x509);
    cert->ca = ca->id;
    cert->key = ca->key;
    ok = ok && store_cert_insert(store, cert, x509);
    X509_free(x509);
    store_cert_free(cert);
    return ok;
}

int main(int argc, char **argv)
{
    struct store_config config = {
        .home = argc == 4 ? argv[1] : NULL, .crypto = crypto, .error = on_text, .warn = on_text};
    struct store *store = argc == 4 ? store_open(&config) : NULL;
    struct store_cert *ca =
        store != NULL ? store_cert_get(store, &(struct store_query){.name = argv[2]}) : NULL;
    EVP_PKEY *pkey = ca != NULL ? store_cert_pkey(store, ca) : NULL;
    int i, ok = pkey != NULL && store_begin(store);

    if (!ok) {
        fprintf(stderr, "usage: signet-fill HOME CA COUNT\n");
        return 1;
    }
    for (i = 0; ok && i < atoi(argv[3]); i++)
        ok = add(store, ca, pkey, i);
    ok = store_end(store, ok);
    EVP_PKEY_free(pkey);
    store_cert_free(ca);
    store_free(store);
    return ok ? 0 : 1;
}
