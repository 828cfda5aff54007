// SPDX-License-Identifier: Apache-2.0
/* A context of libssl for a service; see identity.h. */
#include "identity.h"

#include "tools/tool.h"

#include <openssl/err.h>
#include <string.h>

/* Forward secrecy and AEAD for TLS 1.2; all of TLS 1.3 has both (RFC 9325 section 4.2). */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

static void raise_ssl(const char *name, const char *what)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long code = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);

    tool_error("%s: %s: %s%s%s", name, what, code != 0 ? ERR_reason_error_string(code) : "unknown reason",
               (flags & ERR_TXT_STRING) != 0 && *data != '\0' ? ": " : "",
               (flags & ERR_TXT_STRING) != 0 ? data : "");
    ERR_clear_error();
}

/* It has the key; whether that means anything is looked up by the certificate's fingerprint. */
static int take_any(int is_verified, X509_STORE_CTX *ctx)
{
    (void)is_verified;
    (void)ctx;
    return 1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    const char *alpn = arg;
    unsigned char own[64];
    unsigned char *chosen = NULL;

    (void)ssl;
    own[0] = (unsigned char)strlen(alpn);
    memcpy(own + 1, alpn, own[0]);
    if (SSL_select_next_proto(&chosen, out_len, own, own[0] + 1U, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int set_versions(SSL_CTX *ctx, const char *versions)
{
    int lowest = strcmp(versions, "only-1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    int highest = strcmp(versions, "only-1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

    return SSL_CTX_set_min_proto_version(ctx, lowest) && SSL_CTX_set_max_proto_version(ctx, highest);
}

static int set_options(SSL_CTX *ctx, const char *name, const struct service *service, const char *alpn)
{
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    /* Sessions are resumed by tickets: clients keep them, not we. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (service->asks_clients)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, take_any);
    if (alpn != NULL)
        SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, (void *)(uintptr_t)alpn);
    return SSL_CTX_set_num_tickets(ctx, 1) && set_versions(ctx, service->tls_version) &&
           SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) &&
           SSL_CTX_set_session_id_context(ctx, (const unsigned char *)name, (unsigned)strlen(name));
}

static int set_certificate(SSL_CTX *ctx, struct store *store, const struct store_cert *cert, const char *name)
{
    STACK_OF(X509) *chain = store_cert_chain(store, cert);
    EVP_PKEY *key = chain != NULL ? store_key_pkey(store, NULL, cert->id) : NULL;
    X509 *leaf = key != NULL ? sk_X509_shift(chain) : NULL;
    int ok = leaf != NULL && SSL_CTX_use_cert_and_key(ctx, leaf, key, chain, 1);

    if (leaf != NULL && !ok)
        raise_ssl(name, cert->text[STORE_NAME]);
    X509_free(leaf);
    EVP_PKEY_free(key);
    sk_X509_pop_free(chain, X509_free);
    return ok;
}

SSL_CTX *identity_context(struct store *store, OSSL_LIB_CTX *libctx, const char *name,
                          const struct service *service, const char *alpn)
{
    struct store_cert *cert = service->certificate != 0
                                  ? store_cert_get(store, &(struct store_query){.id = service->certificate})
                                  : NULL;
    SSL_CTX *ctx = NULL;

    if (cert == NULL || cert->der == NULL) {
        tool_error("%s: %s: /ip service set %s certificate=…", name,
                   cert == NULL ? "it has no certificate" : "its certificate is not signed yet", name);
    } else if (cert->key == 0) {
        tool_error("%s: the private key of %s is not here (flag K)", name, cert->text[STORE_NAME]);
    } else if ((ctx = SSL_CTX_new_ex(libctx, NULL, TLS_server_method())) == NULL ||
               !set_options(ctx, name, service, alpn)) {
        raise_ssl(name, "TLS can't be set up");
        SSL_CTX_free(ctx);
        ctx = NULL;
    } else if (!set_certificate(ctx, store, cert, name)) {
        SSL_CTX_free(ctx);
        ctx = NULL;
    }
    store_cert_free(cert);
    return ctx;
}
