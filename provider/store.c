// SPDX-License-Identifier: Apache-2.0
/*
 * OSSL_STORE loader of signet: URIs.
 *
 *   signet:handle=0x81010001           a key at a persistent handle of the TPM
 *   signet:handle=0x81010001;auth=ask  … that has a passphrase
 *   signet:file=/path/key.pem          a key file: TSS2, key reference, sealed key, or PKCS#8 (which Signet
 * then serves) signet:NAME                        KEY-DIRECTORY/NAME.pem
 */
#include "provider.h"

#include <ctype.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define KEY_DIRECTORY "/etc/signet/keys"
#define NAME_MAX_LEN  64

struct store {
    struct prov_ctx *ctx;
    char *uri; /* after "signet:" */
    int done;
};

static void *store_open(void *provctx, const char *uri)
{
    struct store *store;

    if (OPENSSL_strncasecmp(uri, "signet:", 7) != 0 || (store = OPENSSL_zalloc(sizeof(*store))) == NULL)
        return NULL;
    store->ctx = provctx;
    store->uri = OPENSSL_strdup(uri + 7);
    if (store->uri != NULL)
        return store;
    OPENSSL_free(store);
    return NULL;
}

static void *store_open_ex(void *provctx, const char *uri, const OSSL_PARAM params[],
                           OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg)
{
    (void)params;
    (void)pw_cb;
    (void)pw_arg;
    return store_open(provctx, uri);
}

static int store_close(void *loaderctx)
{
    struct store *store = loaderctx;

    OPENSSL_free(store->uri);
    OPENSSL_free(store);
    return 1;
}

static int store_set_ctx_params(void *loaderctx, const OSSL_PARAM params[])
{
    /* What is expected (a key, a certificate), the subject, … only narrow down what is found anyway. */
    (void)loaderctx;
    (void)params;
    return 1;
}

static const OSSL_PARAM *store_settable_ctx_params(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
        OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int store_eof(void *loaderctx)
{
    const struct store *store = loaderctx;

    return store->done;
}

/* ---- files ---- */

static int pem_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)rwflag;
    return prov_passphrase(arg, "private key", buf, (size_t)size);
}

/* A PKCS#8 or traditional private key, clear or encrypted. */
static struct hw_key *load_pkey(struct prov_ctx *ctx, BIO *bio, struct prov_passphrase *passphrase)
{
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, pem_passphrase, passphrase, ctx->libctx, NULL);

    return pkey != NULL ? hw_key_from_pkey(ctx->hw, pkey, 1) : NULL;
}

static struct hw_key *load_file(struct prov_ctx *ctx, const char *path, struct prov_passphrase *passphrase)
{
    BIO *bio = BIO_new_file(path, "r");
    char *label = NULL, *header = NULL;
    unsigned char *der = NULL;
    struct hw_key *hw = NULL;
    enum hw_format format;
    int found = 0;
    long len = 0;

    if (bio == NULL) {
        prov_raise(ctx, HW_E_IO, "key file %s can't be opened", path);
        return NULL;
    }
    while (!found && PEM_read_bio(bio, &label, &header, &der, &len)) {
        found = 1;
        if (hw_format_from(label, &format) && format != HW_FORMAT_PKCS8) {
            hw = hw_key_load(ctx->hw, format, der, (size_t)len, prov_passphrase, passphrase);
        } else if (strlen(label) >= 11 && strcmp(label + strlen(label) - 11, "PRIVATE KEY") == 0) {
            if (BIO_seek(bio, 0) == 0)
                hw = load_pkey(ctx, bio, passphrase);
        } else {
            found = 0; /* a certificate, say */
        }
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
        label = header = NULL;
        der = NULL;
    }
    BIO_free(bio);
    if (!found)
        prov_raise(ctx, HW_E_BAD_KEY, "%s holds no private key in PEM", path);
    return hw;
}

/* A name becomes a path: it must not be able to leave the folder. */
static struct hw_key *load_name(struct prov_ctx *ctx, const char *name, struct prov_passphrase *passphrase)
{
    const char *directory = ctx->config.key_directory != NULL ? ctx->config.key_directory : KEY_DIRECTORY;
    size_t len = strlen(name), i;
    char path[4096];

    for (i = 0; i < len && (isalnum((unsigned char)name[i]) || (i > 0 && strchr("._-", name[i]) != NULL));
         i++)
        ;
    if (len == 0 || len > NAME_MAX_LEN || i < len) {
        prov_raise(
            ctx, HW_E_BAD_KEY,
            "signet:%.64s: expected handle=0x…, file=PATH, or a name of letters, digits, \".\", \"_\" and "
            "\"-\"",
            name);
        return NULL;
    }
    BIO_snprintf(path, sizeof(path), "%s/%s.pem", directory, name);
    return load_file(ctx, path, passphrase);
}

static int store_load(void *loaderctx, OSSL_CALLBACK *cb, void *cb_arg, OSSL_PASSPHRASE_CALLBACK *pw_cb,
                      void *pw_arg)
{
    struct store *store = loaderctx;
    struct prov_passphrase passphrase = {pw_cb, pw_arg};
    struct prov_key *key;
    struct hw_key *hw;

    store->done = 1;
    if (strncmp(store->uri, "handle=", 7) == 0)
        hw = hw_key_load_uri(store->ctx->hw, store->uri, prov_passphrase, &passphrase);
    else if (strncmp(store->uri, "file=", 5) == 0)
        hw = load_file(store->ctx, store->uri + 5, &passphrase);
    else
        hw = load_name(store->ctx, store->uri, &passphrase);
    key = hw != NULL ? prov_key_new(store->ctx, prov_type_of(hw), hw) : NULL;
    return key != NULL && prov_key_pass(key, cb, cb_arg);
}

static int store_export_object(void *loaderctx, const void *reference, size_t size, OSSL_CALLBACK *cb,
                               void *cb_arg)
{
    /* OpenSSL tries its own RSA first; refusing makes it load the key here. */
    (void)loaderctx;
    (void)reference;
    (void)size;
    (void)cb;
    (void)cb_arg;
    return 0;
}

static const OSSL_DISPATCH signet_dispatch[] = {
    PROV_FN(OSSL_FUNC_STORE_OPEN, store_open),
    PROV_FN(OSSL_FUNC_STORE_OPEN_EX, store_open_ex),
    PROV_FN(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, store_settable_ctx_params),
    PROV_FN(OSSL_FUNC_STORE_SET_CTX_PARAMS, store_set_ctx_params),
    PROV_FN(OSSL_FUNC_STORE_LOAD, store_load),
    PROV_FN(OSSL_FUNC_STORE_EOF, store_eof),
    PROV_FN(OSSL_FUNC_STORE_CLOSE, store_close),
    PROV_FN(OSSL_FUNC_STORE_EXPORT_OBJECT, store_export_object),
    {0, NULL},
};

const OSSL_ALGORITHM prov_stores[] = {
    {"signet", PROV_PROPERTIES, signet_dispatch, "keys in hardware by handle, file or name"},
    {NULL, NULL, NULL, NULL},
};
