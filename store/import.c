// SPDX-License-Identifier: Apache-2.0
/* Import: what a file of files/ holds is collected by read.c, put into the store by this. */
#include "import.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <string.h>

/* ---- keys into another custody ---- */

/* The same key, wrapped by or sealed to the TPM: the provider takes "custody" beside the numbers. */
static EVP_PKEY *wrap(struct store *store, EVP_PKEY *pkey, const char *custody)
{
    OSSL_PARAM extra[2] = {OSSL_PARAM_construct_utf8_string("custody", (char *)custody, 0),
                           OSSL_PARAM_construct_end()};
    const char *type = EVP_PKEY_is_a(pkey, "RSA") ? "RSA" : EVP_PKEY_is_a(pkey, "EC") ? "EC" : NULL;
    OSSL_PARAM *numbers = NULL, *all = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *wrapped = NULL;

    if (type == NULL) {
        store_raise(store, "custody=%s: only for RSA and EC keys, not %s", custody,
                    EVP_PKEY_get0_type_name(pkey));
        return NULL;
    }
    if (EVP_PKEY_todata(pkey, EVP_PKEY_KEYPAIR, &numbers) > 0 &&
        (all = OSSL_PARAM_merge(numbers, extra)) != NULL &&
        (ctx = EVP_PKEY_CTX_new_from_name(store_crypto(store), type, "provider=signet")) != NULL &&
        EVP_PKEY_fromdata_init(ctx) > 0 && EVP_PKEY_fromdata(ctx, &wrapped, EVP_PKEY_KEYPAIR, all) <= 0)
        wrapped = NULL;
    if (wrapped == NULL)
        store_raise_ssl(store, "the key can't be given into custody %s", custody);
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_free(all);
    OSSL_PARAM_free(numbers);
    return wrapped;
}

/* ---- certificates ---- */

/* The template whose key this certificate is for: what create-certificate-request was about. */
static int64_t find_template(struct store *store, X509 *x509)
{
    int64_t key = store_key_find(store, X509_get0_pubkey(x509));

    return key <= 0
               ? key
               : store_number(store, 0, "SELECT id FROM certificate WHERE key = ? AND der IS NULL", "i", key);
}

static int put_certificate(struct store *store, struct store_import *import, const char *base, X509 *x509)
{
    struct store_cert *cert = store_template_new();
    int64_t template = 0, twin;
    char *name = NULL;
    int ok = cert != NULL && store_cert_describe(store, cert, x509);

    if (!ok)
        goto out;
    twin = store_number(store, 0, "SELECT id FROM certificate WHERE fingerprint = ?", "t",
                        cert->text[STORE_FINGERPRINT]);
    if (twin != 0) {
        struct store_cert *here = twin > 0 ? store_cert_by_id(store, twin) : NULL;

        ok = here != NULL;
        if (ok)
            store_warn(store, "certificate %s is here already as %s", cert->text[STORE_SUBJECT],
                       here->text[STORE_NAME]);
        store_cert_free(here);
        goto out;
    }
    cert->is_trusted = import->trusted;
    ok = X509_get0_pubkey(x509) == NULL || (template = find_template(store, x509)) >= 0;
    ERR_clear_error();
    if (ok && template > 0) {
        struct store_cert *before = store_cert_by_id(store, template);

        ok = before != NULL && store_cert_set_text(cert, STORE_NAME, before->text[STORE_NAME]);
        if (ok) {
            cert->id = template;
            cert->key = before->key;
            ok = store_cert_write(store, cert, x509);
        }
        store_cert_free(before);
    } else if (ok) {
        name = store_free_name(store, base);
        ok = name != NULL && store_cert_set_text(cert, STORE_NAME, name) &&
             store_cert_set_text(cert, STORE_TRUST_STORE,
                                 import->trust_store != NULL ? import->trust_store : "all");
        if (ok && X509_get0_pubkey(x509) != NULL)
            ok = (cert->key = store_key_find(store, X509_get0_pubkey(x509))) >= 0;
        ok = ok && store_cert_insert(store, cert, x509);
    }
    import->certificates += ok;
out:
    ERR_clear_error();
    OPENSSL_free(name);
    store_cert_free(cert);
    return ok;
}

/* ---- keys ---- */

static int has_certificate(struct store *store, const struct found *found, EVP_PKEY *pkey)
{
    int64_t n = 0;
    int i, has = 0;
    unsigned char md[EVP_MAX_MD_SIZE], *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    size_t md_len = 0;

    for (i = 0; !has && i < sk_X509_num(found->certificates); i++)
        has = EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(found->certificates, i)), pkey) == 1;
    if (!has && len > 0 &&
        EVP_Q_digest(store_crypto(store), "SHA256", "provider=default", der, (size_t)len, md, &md_len)) {
        char *print = store_hex(md, md_len, 0);

        n = print == NULL
                ? -1
                : store_number(store, 0, "SELECT 1 FROM certificate WHERE key_fingerprint = ? LIMIT 1", "t",
                               print);
        OPENSSL_free(print);
        has = n == 1;
    }
    OPENSSL_free(der);
    ERR_clear_error();
    return has;
}

/* Drops the keys that belong to no certificate and wraps the others where that was asked for: before the
 * transaction, since a TPM takes its time. */
static int prepare_keys(struct store *store, struct store_import *import, struct found *found)
{
    size_t i, kept = 0;
    int ok = 1;

    for (i = 0; i < found->keys_count; i++) {
        EVP_PKEY *pkey = found->keys[i];

        if (!has_certificate(store, found, pkey)) {
            import->keys_without_certificate++;
            EVP_PKEY_free(pkey);
            continue;
        }
        if (ok && import->custody != NULL && strcmp(import->custody, "file") != 0 &&
            strcmp(store_pkey_custody(pkey), "file") == 0) {
            EVP_PKEY *wrapped = wrap(store, pkey, import->custody);

            EVP_PKEY_free(pkey);
            pkey = wrapped;
            ok = wrapped != NULL;
        }
        if (pkey != NULL)
            found->keys[kept++] = pkey;
    }
    found->keys_count = kept;
    return ok;
}

static int put_key(struct store *store, struct store_import *import, EVP_PKEY *pkey)
{
    char *pem = store_pkey_pem(store, pkey);
    int ok = pem != NULL && store_key_insert(store, pkey, pem, NULL) > 0;

    store_wipe(pem);
    import->keys += ok;
    return ok;
}

static int put_crl(struct store *store, struct store_import *import, X509_CRL *crl)
{
    int64_t id;
    int ok = store_crl_insert(store, crl, 0, "", &id);

    import->crls += ok;
    return ok;
}

/* ---- the file ---- */

static int put_all(struct store *store, struct store_import *import, struct found *found)
{
    char base[200];
    size_t k;
    int i, ok = 1;

    if (import->name != NULL)
        OPENSSL_strlcpy(base, import->name, sizeof(base));
    else
        store_file_stem(base, sizeof(base), import->file);
    if (!store_begin(store))
        return 0;
    for (i = 0; ok && i < sk_X509_num(found->certificates); i++)
        ok = put_certificate(store, import, base, sk_X509_value(found->certificates, i));
    for (k = 0; ok && k < found->keys_count; k++)
        ok = put_key(store, import, found->keys[k]);
    for (i = 0; ok && i < sk_X509_CRL_num(found->crls); i++)
        ok = put_crl(store, import, sk_X509_CRL_value(found->crls, i));
    ok = ok && (import->trusted ? store_trust_touch(store) : store_trust_touch_crl(store)) &&
         store_log(store, "certificate,info", "imported %s: certificates %d, private keys %d, CRLs %d",
                   import->file, import->certificates, import->keys, import->crls);
    return store_end(store, ok);
}

int store_import(struct store *store, struct store_import *import)
{
    struct found found = {0};
    unsigned char *data;
    size_t len = 0;
    int ok = 0;

    import->certificates = import->keys = import->files = import->crls = 0;
    import->decryption_failures = import->keys_without_certificate = 0;
    if (store_crypto(store) == NULL || (import->name != NULL && !store_check_name(store, import->name)))
        return 0;
    data = store_file_read(store, import->file, &len);
    if (data == NULL)
        return 0;
    if (len == 0) {
        store_raise(store, "file %s is empty", import->file);
    } else if (store_found_read(store, &found, data, len, import->passphrase)) {
        import->decryption_failures = found.decryption_failures;
        ok = prepare_keys(store, import, &found) && put_all(store, import, &found);
        import->files = ok;
    }
    OPENSSL_clear_free(data, len + 1);
    store_found_clear(&found);
    if (ok && import->decryption_failures > 0)
        store_warn(store, "the passphrase is wrong: %d of what is in %s could not be decrypted",
                   import->decryption_failures, import->file);
    else if (ok && import->keys_without_certificate > 0)
        store_warn(store, "%d private keys in %s belong to no certificate here: import the certificate first",
                   import->keys_without_certificate, import->file);
    return ok;
}
