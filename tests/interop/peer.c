// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define MESSAGE_SIZE 64

static OSSL_LIB_CTX *judge_ctx;
static pthread_once_t judge_once = PTHREAD_ONCE_INIT;

void peer_errors(char *buf, size_t size)
{
    unsigned long code;
    const char *data;
    int flags;
    size_t used = 0;

    buf[0] = '\0';
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        int n = snprintf(buf + used, size - used, "%s%s%s%s", used == 0 ? "" : "; ",
                         reason == NULL ? "unknown" : reason, *data == '\0' ? "" : ": ",
                         (flags & ERR_TXT_STRING) != 0 ? data : "");

        if (n < 0 || (size_t)n >= size - used) {
            ERR_clear_error();
            return;
        }
        used += (size_t)n;
    }
}

void peer_die(const char *format, ...)
{
    char errors[2048];
    va_list args;

    peer_errors(errors, sizeof(errors));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, ": %s\n", errors[0] == '\0' ? "(error queue empty)" : errors);
    exit(1);
}

int peer_count(const char *text)
{
    char *end;
    long count = strtol(text, &end, 10);

    if (*end != '\0' || count < 1 || count > 1000000)
        peer_die("not a count: %s", text);
    return (int)count;
}

static void judge_open(void)
{
    judge_ctx = OSSL_LIB_CTX_new();
    if (judge_ctx == NULL || OSSL_PROVIDER_load(judge_ctx, "default") == NULL)
        peer_die("library context");
}

EVP_PKEY *peer_judge(EVP_PKEY *pkey)
{
    unsigned char *der = NULL;
    const unsigned char *p;
    EVP_PKEY *judge = NULL;
    int len = i2d_PUBKEY(pkey, &der);

    pthread_once(&judge_once, judge_open);
    if (len > 0) {
        p = der;
        judge = d2i_PUBKEY_ex(NULL, &p, len, judge_ctx, NULL);
    }
    OPENSSL_free(der);
    return judge;
}

static int passphrase(char *buf, int size, int rwflag, void *arg)
{
    const char *text = getenv("PEER_PASSPHRASE");
    size_t len = text == NULL ? 0 : strlen(text);

    (void)rwflag;
    (void)arg;
    if (text == NULL || len > (size_t)size)
        return -1;
    memcpy(buf, text, len);
    return (int)len;
}

static EVP_PKEY *load_uri(const char *uri)
{
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(passphrase, 0);
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, ui, NULL, NULL, NULL);
    EVP_PKEY *pkey = NULL;

    while (store != NULL && pkey == NULL && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            pkey = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    return pkey;
}

static EVP_PKEY *load_pem(const char *path)
{
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, passphrase, NULL);

    BIO_free(bio);
    return pkey;
}

void peer_load(struct peer_key *key, const char *name)
{
    key->name = name;
    key->pkey = strchr(name, ':') != NULL ? load_uri(name) : load_pem(name);
    if (key->pkey == NULL)
        peer_die("cannot load %s", name);
    key->judge = peer_judge(key->pkey);
    if (key->judge == NULL)
        peer_die("no public key in %s", name);
}

void peer_unload(struct peer_key *key)
{
    EVP_PKEY_free(key->pkey);
    EVP_PKEY_free(key->judge);
}

/* PSS with a salt as long as the digest, as TLS has it. EC keys have no padding. */
static int pad(EVP_PKEY_CTX *ctx, enum peer_padding padding)
{
    if (EVP_PKEY_is_a(EVP_PKEY_CTX_get0_pkey(ctx), "EC"))
        return 1;
    if (padding == PEER_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

int peer_sign(const struct peer_key *key, enum peer_padding padding)
{
    EVP_MD_CTX *signer = EVP_MD_CTX_new(), *judge = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    unsigned char message[MESSAGE_SIZE], sig[1024];
    size_t len = sizeof(sig);
    /* The kernel's numbers: OpenSSL's have locks that a child would find as another thread had them. */
    int ok = signer != NULL && judge != NULL &&
             getrandom(message, sizeof(message), 0) == (ssize_t)sizeof(message) &&
             EVP_DigestSignInit_ex(signer, &ctx, "SHA256", NULL, NULL, key->pkey, NULL) > 0 &&
             pad(ctx, padding) && EVP_DigestSign(signer, sig, &len, message, sizeof(message)) > 0;

    ok = ok && EVP_DigestVerifyInit_ex(judge, &ctx, "SHA256", judge_ctx, NULL, key->judge, NULL) > 0 &&
         pad(ctx, padding) && EVP_DigestVerify(judge, sig, len, message, sizeof(message)) > 0;
    EVP_MD_CTX_free(signer);
    EVP_MD_CTX_free(judge);
    return ok;
}

int peer_sign_digests(const struct peer_key *key)
{
    EVP_MD_CTX *signer = EVP_MD_CTX_new(), *judge = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    static const unsigned char message[MESSAGE_SIZE] = {1};
    unsigned char sig[1024];
    char name[64];
    size_t len = sizeof(sig);
    OSSL_PARAM other[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)"SHA3-256", 0),
        OSSL_PARAM_construct_end()};
    OSSL_PARAM third[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, (char *)"SHA2-512/256", 0),
        OSSL_PARAM_construct_end()};
    OSSL_PARAM answer[] = {OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, name, sizeof(name)),
                           OSSL_PARAM_construct_end()};
    int ok = EVP_DigestSignInit_ex(signer, &ctx, "SHA256", NULL, NULL, key->pkey, other) > 0;

    if (ok && EVP_PKEY_CTX_set_params(ctx, third) > 0)
        peer_die("%s: another digest for a message that has begun", key->name);
    ok = ok && EVP_PKEY_CTX_get_params(ctx, answer) > 0 &&
         EVP_DigestSign(signer, sig, &len, message, sizeof(message)) > 0 &&
         EVP_DigestVerifyInit_ex(judge, &ctx, name, judge_ctx, NULL, key->judge, NULL) > 0 &&
         EVP_DigestVerify(judge, sig, len, message, sizeof(message)) > 0;
    EVP_MD_CTX_free(signer);
    EVP_MD_CTX_free(judge);
    return ok;
}

void peer_sign_times(const struct peer_key *key, int count)
{
    for (int i = 0; i < count; i++)
        if (!peer_sign(key, i % 2 == 0 ? PEER_PKCS1 : PEER_PSS))
            peer_die("process %ld: signature %d with %s", (long)getpid(), i + 1, key->name);
}
