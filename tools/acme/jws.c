// SPDX-License-Identifier: Apache-2.0
/* JSON Web Signature, flattened (RFC 7515 section 7.2.2), with keys as RFC 7517, RFC 7518 and RFC 7638 have
 * them. */
#include "private.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ---- */

/* Bytes of a coordinate of P-256 or P-384; 0: another key. */
static int ec_bytes(EVP_PKEY *key)
{
    char group[32] = "";

    if (!EVP_PKEY_is_a(key, "EC") ||
        !EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL))
        return 0;
    if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
        return 32;
    return strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0 ? 48 : 0;
}

const char *acme_jws_algorithm(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return EVP_PKEY_get_bits(key) >= 2048 ? "RS256" : NULL;
    switch (ec_bytes(key)) {
    case 32:
        return "ES256";
    case 48:
        return "ES384";
    }
    return NULL;
}

/* A number of the key; bytes is the length it is padded to, 0: none. A new reference. */
static json_t *number(EVP_PKEY *key, const char *name, int bytes)
{
    unsigned char data[1024];
    BIGNUM *value = NULL;
    json_t *json = NULL;
    char *text = NULL;
    int len = -1;

    if (EVP_PKEY_get_bn_param(key, name, &value) && BN_num_bytes(value) <= (int)sizeof(data))
        len = bytes > 0 ? BN_bn2binpad(value, data, bytes) : BN_bn2bin(value, data);
    if (len > 0 && (text = acme_base64url(data, (size_t)len)) != NULL)
        json = json_string(text);
    OPENSSL_free(text);
    BN_free(value);
    return json;
}

json_t *acme_jwk(struct acme *acme, EVP_PKEY *key)
{
    int bytes = ec_bytes(key);
    json_t *jwk;

    if (EVP_PKEY_is_a(key, "RSA"))
        jwk = json_pack("{s:s, s:o, s:o}", "kty", "RSA", "n", number(key, OSSL_PKEY_PARAM_RSA_N, 0), "e",
                        number(key, OSSL_PKEY_PARAM_RSA_E, 0));
    else
        jwk = json_pack("{s:s, s:s, s:o, s:o}", "kty", "EC", "crv", bytes == 48 ? "P-384" : "P-256", "x",
                        number(key, OSSL_PKEY_PARAM_EC_PUB_X, bytes), "y",
                        number(key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes));
    if (jwk == NULL)
        acme_raise_ssl(acme, "the account's public key can't be encoded");
    return jwk;
}

char *acme_thumbprint(struct acme *acme, EVP_PKEY *key)
{
    json_t *jwk = acme_jwk(acme, key);
    char *canonical = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS), *text = NULL;
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t len = 0;

    if (canonical != NULL && EVP_Q_digest(acme->config.libctx, "SHA256", "provider=default", canonical,
                                          strlen(canonical), md, &len))
        text = acme_base64url(md, len);
    if (text == NULL && jwk != NULL)
        acme_raise_ssl(acme, "the account's key has no thumbprint");
    free(canonical);
    json_decref(jwk);
    return text;
}

/* ---- signatures ---- */

/* RFC 7518 section 3.4: R and S, each as long as a coordinate. */
static unsigned char *ecdsa_flat(const unsigned char *der, size_t der_len, int bytes, size_t *len)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    unsigned char *flat = OPENSSL_malloc(2 * (size_t)bytes);

    if (sig != NULL && flat != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), flat, bytes) == bytes &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), flat + bytes, bytes) == bytes) {
        *len = 2 * (size_t)bytes;
    } else {
        OPENSSL_free(flat);
        flat = NULL;
    }
    ECDSA_SIG_free(sig);
    return flat;
}

static char *sign(struct acme *acme, EVP_PKEY *key, const char *text)
{
    int bytes = ec_bytes(key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *sig = NULL, *flat = NULL;
    char *encoded = NULL;
    size_t len = 0;

    /* The digest is the default provider's, the signature that of the key's own. */
    if (ctx != NULL &&
        EVP_DigestSignInit_ex(ctx, NULL, bytes == 48 ? "SHA384" : "SHA256", acme->config.libctx, NULL, key,
                              NULL) > 0 &&
        EVP_DigestSign(ctx, NULL, &len, (const unsigned char *)text, strlen(text)) > 0 &&
        (sig = OPENSSL_malloc(len)) != NULL &&
        EVP_DigestSign(ctx, sig, &len, (const unsigned char *)text, strlen(text)) > 0) {
        if (bytes > 0)
            flat = ecdsa_flat(sig, len, bytes, &len);
        if (bytes == 0 || flat != NULL)
            encoded = acme_base64url(flat != NULL ? flat : sig, len);
    }
    if (encoded == NULL)
        acme_raise_ssl(acme, "the request can't be signed with the account's key");
    OPENSSL_free(flat);
    OPENSSL_free(sig);
    EVP_MD_CTX_free(ctx);
    return encoded;
}

/* "protected.payload", and the two apart. */
static char *signing_input(const json_t *protected, const char *payload, char **header, char **body)
{
    char *json = json_dumps(protected, JSON_COMPACT), *text = NULL;

    *header = json != NULL ? acme_base64url(json, strlen(json)) : NULL;
    *body = acme_base64url(payload != NULL ? payload : "", payload != NULL ? strlen(payload) : 0);
    if (*header != NULL && *body != NULL) {
        size_t size = strlen(*header) + strlen(*body) + 2;

        text = OPENSSL_malloc(size);
        if (text != NULL)
            BIO_snprintf(text, size, "%s.%s", *header, *body);
    }
    free(json);
    return text;
}

char *acme_jws(struct acme *acme, EVP_PKEY *key, json_t *protected, const char *payload)
{
    char *header = NULL, *body = NULL, *input = NULL, *sig = NULL, *jws = NULL;
    json_t *json;

    json_object_set_new(protected, "alg", json_string(acme_jws_algorithm(key)));
    input = signing_input(protected, payload, &header, &body);
    if (input == NULL)
        acme_raise(acme, "out of memory");
    else
        sig = sign(acme, key, input);
    if (sig != NULL) {
        json = json_pack("{s:s, s:s, s:s}", "protected", header, "payload", body, "signature", sig);
        jws = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        if (jws == NULL)
            acme_raise(acme, "out of memory");
    }
    OPENSSL_free(sig);
    OPENSSL_free(input);
    OPENSSL_free(body);
    OPENSSL_free(header);
    return jws;
}

json_t *acme_jws_hmac(struct acme *acme, const char *alg, const unsigned char *key, size_t key_len,
                      json_t *protected, const char *payload)
{
    const char *digest = strcmp(alg, "HS512") == 0   ? "SHA512"
                         : strcmp(alg, "HS384") == 0 ? "SHA384"
                                                     : "SHA256";
    char *header = NULL, *body = NULL, *input, *sig = NULL;
    unsigned char mac[EVP_MAX_MD_SIZE];
    json_t *jws = NULL;
    size_t len = 0;

    json_object_set_new(protected, "alg", json_string(alg));
    input = signing_input(protected, payload, &header, &body);
    if (input != NULL &&
        EVP_Q_mac(acme->config.libctx, "HMAC", "provider=default", digest, NULL, key, key_len,
                  (const unsigned char *)input, strlen(input), mac, sizeof(mac), &len) != NULL &&
        (sig = acme_base64url(mac, len)) != NULL)
        jws = json_pack("{s:s, s:s, s:s}", "protected", header, "payload", body, "signature", sig);
    if (jws == NULL)
        acme_raise_ssl(acme, "the external account's binding can't be made");
    OPENSSL_free(sig);
    OPENSSL_free(input);
    OPENSSL_free(body);
    OPENSSL_free(header);
    return jws;
}
