// SPDX-License-Identifier: Apache-2.0
/* What is kept of a user's password: scrypt of it (RFC 7914), with a salt of its own and its costs beside it,
 * so that they can grow. "scrypt:14:8:5:SALT:HASH": log2 of N, r, p, and both in hexadecimal. */
#include "private.h"

#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>

/* 16 MiB, and about a third of a second on a small router: as much work as N = 2^17 with p = 1, which would
 * take 128 MiB. */
#define LOG_N 14
#define R     8
#define P     5

/* What is believed of a record: a store that somebody else has written must not cost more than this. */
#define LOG_N_MAX 17
#define R_MAX     16
#define P_MAX     16
#define MEMORY    ((uint64_t)160 << 20)

#define SALT 16
#define HASH 32

struct verifier {
    unsigned log_n, r, p;
    unsigned char salt[SALT], hash[HASH];
};

static int derive(struct store *store, const struct verifier *verifier, const char *password,
                  unsigned char hash[HASH])
{
    OSSL_LIB_CTX *libctx = store_crypto(store);

    return libctx != NULL && (EVP_PBE_scrypt_ex(password, strlen(password), verifier->salt, SALT,
                                                (uint64_t)1 << verifier->log_n, verifier->r, verifier->p,
                                                MEMORY, hash, HASH, libctx, "provider=default") == 1 ||
                              store_raise_ssl(store, "scrypt"));
}

static int parse(const char *text, struct verifier *verifier)
{
    char salt[2 * SALT + 1], hash[2 * HASH + 1];
    size_t len = 0;
    int end = 0;

    return sscanf(text, "scrypt:%2u:%2u:%2u:%32[0-9a-f]:%64[0-9a-f]%n", &verifier->log_n, &verifier->r,
                  &verifier->p, salt, hash, &end) == 5 &&
           text[end] == '\0' && verifier->log_n >= 1 && verifier->log_n <= LOG_N_MAX && verifier->r >= 1 &&
           verifier->r <= R_MAX && verifier->p >= 1 && verifier->p <= P_MAX &&
           OPENSSL_hexstr2buf_ex(verifier->salt, SALT, &len, salt, '\0') == 1 && len == SALT &&
           OPENSSL_hexstr2buf_ex(verifier->hash, HASH, &len, hash, '\0') == 1 && len == HASH;
}

char *store_verifier_make(struct store *store, const char *password)
{
    struct verifier verifier = {.log_n = LOG_N, .r = R, .p = P};
    char *salt = NULL, *hash = NULL, *text = NULL;
    size_t size = sizeof("scrypt:99:99:99:") + 2 * SALT + 1 + 2 * HASH;

    if (RAND_bytes(verifier.salt, SALT) != 1) {
        store_raise_ssl(store, "no salt was made");
        return NULL;
    }
    if (derive(store, &verifier, password, verifier.hash)) {
        salt = store_hex(verifier.salt, SALT, 0);
        hash = store_hex(verifier.hash, HASH, 0);
        if (salt != NULL && hash != NULL)
            text = OPENSSL_malloc(size);
        if (text != NULL)
            snprintf(text, size, "scrypt:%d:%d:%d:%s:%s", LOG_N, R, P, salt, hash);
        else
            store_raise(store, "out of memory");
    }
    OPENSSL_free(salt);
    if (hash != NULL)
        store_wipe(hash);
    OPENSSL_cleanse(&verifier, sizeof(verifier));
    return text;
}

int store_verifier_matches(struct store *store, const char *text, const char *password)
{
    struct verifier verifier;
    unsigned char hash[HASH];
    int is_known = text != NULL && *text != '\0' && parse(text, &verifier), matches;

    /* Somebody who does not exist costs as much. */
    if (!is_known)
        verifier = (struct verifier){.log_n = LOG_N, .r = R, .p = P};
    if (!derive(store, &verifier, password, hash))
        return -1;
    matches = CRYPTO_memcmp(hash, verifier.hash, HASH) == 0 && is_known;
    OPENSSL_cleanse(hash, sizeof(hash));
    OPENSSL_cleanse(&verifier, sizeof(verifier));
    return matches;
}
