// SPDX-License-Identifier: Apache-2.0
/*
 * The decryption encodings of RFC 8017 section 7, decoded in constant time: neither branches nor memory
 * addresses depend on the decrypted bytes, so that a caller's timing is no padding oracle (Bleichenbacher,
 * Manger). Only the length of a valid message shows, as it must.
 */
#include "pad.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <string.h>

/* Masks are all ones for true, zero for false. The barrier keeps a compiler from turning them into branches.
 */
typedef size_t ct_mask;

static ct_mask ct_barrier(ct_mask a)
{
    __asm__("" : "+r"(a));
    return a;
}

static ct_mask ct_msb(size_t a)
{
    return ct_barrier(0 - (a >> (sizeof(a) * 8 - 1)));
}

static ct_mask ct_is_zero(size_t a)
{
    return ct_msb(~a & (a - 1));
}

static ct_mask ct_eq(size_t a, size_t b)
{
    return ct_is_zero(a ^ b);
}

static ct_mask ct_lt(size_t a, size_t b)
{
    return ct_msb(a ^ ((a ^ b) | ((a - b) ^ b)));
}

static size_t ct_select(ct_mask mask, size_t a, size_t b)
{
    return (mask & a) | (~mask & b);
}

static unsigned char ct_select_8(ct_mask mask, unsigned char a, unsigned char b)
{
    return (unsigned char)ct_select(mask, a, b);
}

/* Moves the last len bytes of buf (buf_len long) to its front, touching the same addresses for every len:
 * a rotation by powers of two, each done or not by mask. */
static void ct_move_tail(unsigned char *buf, size_t buf_len, size_t len)
{
    size_t shift = buf_len - len, step, i;

    for (step = 1; step < buf_len; step <<= 1) {
        ct_mask move = ~ct_is_zero(shift & step);

        for (i = 0; i + step < buf_len; i++)
            buf[i] = ct_select_8(move, buf[i + step], buf[i]);
    }
}

/* EM = 0x00 || 0x02 || PS || 0x00 || M with at least 8 bytes of PS, none of them zero. Sets the position of
 * the separator (valid only where the returned mask is true). */
static ct_mask pkcs1_separator(const unsigned char *em, size_t em_len, size_t *separator)
{
    ct_mask good = ct_is_zero(em[0]) & ct_eq(em[1], 2), found = 0;
    size_t at = 0, i;

    for (i = 2; i < em_len; i++) {
        ct_mask here = ct_is_zero(em[i]) & ~found;

        at = ct_select(here, i, at);
        found |= here;
    }
    *separator = at;
    return good & found & ~ct_lt(at, 2 + 8);
}

static int expand(OSSL_LIB_CTX *libctx, const unsigned char kdk[32], const char *label, unsigned char *out,
                  size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(libctx, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY, ok;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)kdk, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)label, strlen(label)),
        OSSL_PARAM_construct_end(),
    };

    ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) > 0;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

int pad_pkcs1_decrypt(OSSL_LIB_CTX *libctx, unsigned char *out, size_t *out_len, const unsigned char *em,
                      size_t em_len, const unsigned char kdk[32])
{
    unsigned char *fake = OPENSSL_malloc(em_len), lengths[128 * 2];
    size_t max_len = em_len - 11, fake_len = 0, separator, len, mask, i;
    ct_mask good;
    int ok = 0;

    if (fake == NULL || !expand(libctx, kdk, "message", fake, em_len) ||
        !expand(libctx, kdk, "length", lengths, sizeof(lengths)))
        goto out;
    /* The length of the fake message: the last of 128 candidates that is not too long, so that it is
     * spread as evenly as a real one (draft-irtf-cfrg-rsa-guidance section 7.3). */
    for (mask = 1; mask <= max_len; mask <<= 1)
        ;
    for (i = 0; i < sizeof(lengths); i += 2) {
        size_t candidate = ((size_t)lengths[i] << 8 | lengths[i + 1]) & (mask - 1);

        fake_len = ct_select(ct_lt(candidate, max_len + 1), candidate, fake_len);
    }
    good = pkcs1_separator(em, em_len, &separator);
    len = ct_select(good, em_len - 1 - separator, fake_len);
    for (i = 0; i < em_len; i++)
        out[i] = ct_select_8(good, em[i], fake[i]);
    ct_move_tail(out, em_len, len);
    *out_len = len;
    ok = 1;
out:
    OPENSSL_clear_free(fake, em_len);
    OPENSSL_cleanse(lengths, sizeof(lengths));
    return ok;
}

int pad_tls_decrypt(OSSL_LIB_CTX *libctx, unsigned char out[48], const unsigned char *em, size_t em_len,
                    unsigned version, unsigned alt_version)
{
    unsigned char fake[48];
    size_t separator, i;
    ct_mask good, match;

    if (em_len < 48 + 11 || RAND_priv_bytes_ex(libctx, fake, sizeof(fake), 0) <= 0)
        return 0;
    good = pkcs1_separator(em, em_len, &separator) & ct_eq(separator, em_len - 49);
    em += em_len - 48;
    match = ct_eq((size_t)em[0] << 8 | em[1], version);
    if (alt_version != 0)
        match |= ct_eq((size_t)em[0] << 8 | em[1], alt_version);
    good &= match;
    for (i = 0; i < 48; i++)
        out[i] = ct_select_8(good, em[i], fake[i]);
    OPENSSL_cleanse(fake, sizeof(fake));
    return 1;
}

int pad_oaep_decrypt(unsigned char *out, size_t *out_len, const unsigned char *em, size_t em_len,
                     const EVP_MD *md, const EVP_MD *mgf1_md, const unsigned char *label, size_t label_len)
{
    size_t hash_len = (size_t)EVP_MD_get_size(md), db_len, one = 0, len, i;
    unsigned char label_hash[EVP_MAX_MD_SIZE], seed[EVP_MAX_MD_SIZE];
    unsigned char *db = NULL;
    ct_mask good, found = 0;
    int ok = 0;

    /* Lengths are public: refusing them here tells nothing. */
    if (em_len < 2 * hash_len + 2)
        return 0;
    db_len = em_len - 1 - hash_len;
    db = OPENSSL_memdup(em + 1 + hash_len, db_len);
    memcpy(seed, em + 1, hash_len);
    if (db == NULL || !EVP_Digest(label, label_len, label_hash, NULL, md, NULL) ||
        !pad_mgf1_xor(seed, hash_len, db, db_len, mgf1_md) ||
        !pad_mgf1_xor(db, db_len, seed, hash_len, mgf1_md))
        goto out;
    /* DB = lHash || 0… || 0x01 || M */
    good = ct_is_zero(em[0]);
    good &= ct_is_zero((size_t)CRYPTO_memcmp(db, label_hash, hash_len));
    for (i = hash_len; i < db_len; i++) {
        ct_mask is_one = ct_eq(db[i], 1) & ~found;

        one = ct_select(is_one, i, one);
        found |= is_one;
        good &= found | ct_is_zero(db[i]);
    }
    good &= found;
    len = ct_select(good, db_len - 1 - one, 0);
    ct_move_tail(db, db_len, len);
    for (i = 0; i < db_len; i++)
        out[i] = ct_select_8(good, db[i], 0);
    *out_len = len;
    ok = (int)(good & 1);
out:
    OPENSSL_clear_free(db, db_len);
    OPENSSL_cleanse(seed, sizeof(seed));
    return ok;
}
