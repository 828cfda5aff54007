// SPDX-License-Identifier: Apache-2.0
/* The decryption decodings: OpenSSL's encryptions are read, and nothing else. */
#include "unit.h"

#include "hw/pad.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#define SIZE 256 /* bytes of the modulus */

static struct unit unit;
static EVP_PKEY *key;
static const unsigned char kdk[32] = {1, 2, 3};
static const unsigned char text[] = "attack at dawn";

/* The encoded message of an encryption by OpenSSL. */
static void encrypt(int pad_mode, const EVP_MD *md, const EVP_MD *mgf1_md, const char *label, size_t len,
                    const unsigned char *in, unsigned char em[SIZE])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, key, NULL);
    unsigned char cipher[SIZE];
    size_t cipher_len = SIZE;

    CU_ASSERT_FATAL(EVP_PKEY_encrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, pad_mode) > 0);
    if (pad_mode == RSA_PKCS1_OAEP_PADDING)
        CU_ASSERT_FATAL(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) > 0 &&
                        EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf1_md) > 0 &&
                        (label == NULL || EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(label),
                                                                           (int)strlen(label)) > 0));
    CU_ASSERT_FATAL(EVP_PKEY_encrypt(ctx, cipher, &cipher_len, in, len) > 0);
    EVP_PKEY_CTX_free(ctx);
    CU_ASSERT_FATAL(unit_raw_private(unit.libctx, key, cipher, em));
}

/* ---- PKCS#1 v1.5 ---- */

static int is_read(const unsigned char em[SIZE], const unsigned char *in, size_t len)
{
    unsigned char out[SIZE];
    size_t out_len = 0;

    return pad_pkcs1_decrypt(unit.libctx, out, &out_len, em, SIZE, kdk) && out_len == len &&
           memcmp(out, in, len) == 0;
}

static void pkcs1_of_every_length(void)
{
    unsigned char in[SIZE - 11], em[SIZE];
    size_t len;

    RAND_bytes_ex(unit.libctx, in, sizeof(in), 0);
    for (len = 0; len <= sizeof(in); len++) {
        encrypt(RSA_PKCS1_PADDING, NULL, NULL, NULL, len, in, em);
        CU_ASSERT(is_read(em, in, len));
    }
}

/* A wrong padding gives a message all the same: always this one for this key and ciphertext. */
static void rejection(const unsigned char em[SIZE], unsigned char out[SIZE], size_t *len)
{
    static const unsigned char other[32] = {9};
    unsigned char again[SIZE], differently[SIZE];
    size_t again_len, other_len;

    CU_ASSERT(pad_pkcs1_decrypt(unit.libctx, out, len, em, SIZE, kdk));
    CU_ASSERT(*len <= SIZE - 11);
    CU_ASSERT(pad_pkcs1_decrypt(unit.libctx, again, &again_len, em, SIZE, kdk));
    CU_ASSERT(again_len == *len && memcmp(again, out, *len) == 0);
    CU_ASSERT(pad_pkcs1_decrypt(unit.libctx, differently, &other_len, em, SIZE, other));
    CU_ASSERT(other_len != *len || *len == 0 || memcmp(differently, out, *len) != 0);
}

static void pkcs1_implicit_rejection(void)
{
    unsigned char em[SIZE], bad[SIZE], first[SIZE], out[SIZE];
    size_t first_len, len, i;

    encrypt(RSA_PKCS1_PADDING, NULL, NULL, NULL, sizeof(text), text, em);
    memcpy(bad, em, SIZE);
    bad[0] = 1;
    rejection(bad, first, &first_len);
    /* Whatever is wrong, the message is the same: nothing tells what it was. */
    for (i = 0; i < 10; i++) {
        memcpy(bad, em, SIZE);
        bad[i] = i == 1 ? 1 : i == 0 ? 0x80 : 0;
        CU_ASSERT_FALSE(is_read(bad, text, sizeof(text)));
        rejection(bad, out, &len);
        CU_ASSERT(len == first_len && memcmp(out, first, len) == 0);
    }
    memset(bad + 2, 0xff, SIZE - 2); /* no separator */
    bad[0] = 0;
    bad[1] = 2;
    rejection(bad, out, &len);
    CU_ASSERT(len == first_len && memcmp(out, first, len) == 0);
    /* Eight bytes of padding are enough, seven are not. */
    bad[10] = 0;
    CU_ASSERT(is_read(bad, bad + 11, SIZE - 11));
    bad[9] = 0;
    CU_ASSERT_FALSE(is_read(bad, bad + 10, SIZE - 10));
}

/* The lengths of rejected messages are spread as those of real ones might be. */
static void pkcs1_rejected_lengths(void)
{
    unsigned char em[SIZE] = {0}, secret[32] = {0}, out[SIZE];
    size_t len, i, longer = 0;

    for (i = 0; i < 200; i++) {
        secret[0] = (unsigned char)i;
        CU_ASSERT(pad_pkcs1_decrypt(unit.libctx, out, &len, em, SIZE, secret));
        CU_ASSERT(len <= SIZE - 11);
        longer += len > (SIZE - 11) / 2;
    }
    CU_ASSERT(longer > 60 && longer < 140);
}

/* ---- TLS ---- */

static int gives_premaster(const unsigned char em[SIZE], const unsigned char premaster[48], unsigned version,
                           unsigned alt_version)
{
    unsigned char out[48];

    CU_ASSERT(pad_tls_decrypt(unit.libctx, out, em, SIZE, version, alt_version));
    return memcmp(out, premaster, 48) == 0;
}

static void tls_premaster(void)
{
    unsigned char premaster[48] = {3, 3, 1, 2, 3}, em[SIZE], bad[SIZE], a[48], b[48];
    size_t i;

    encrypt(RSA_PKCS1_PADDING, NULL, NULL, NULL, 48, premaster, em);
    CU_ASSERT(gives_premaster(em, premaster, 0x0303, 0));
    CU_ASSERT(gives_premaster(em, premaster, 0x0302, 0x0303));
    CU_ASSERT_FALSE(gives_premaster(em, premaster, 0x0302, 0));
    CU_ASSERT_FALSE(gives_premaster(em, premaster, 0x0302, 0x0301));
    for (i = 0; i < SIZE - 48; i++) {
        memcpy(bad, em, SIZE);
        bad[i] = i == 1 || i == SIZE - 49 ? 7 : i == 0 ? 1 : 0;
        CU_ASSERT_FALSE(gives_premaster(bad, premaster, 0x0303, 0));
    }
    /* Random, not the same each time. */
    CU_ASSERT(pad_tls_decrypt(unit.libctx, a, bad, SIZE, 0x0303, 0) &&
              pad_tls_decrypt(unit.libctx, b, bad, SIZE, 0x0303, 0));
    CU_ASSERT(memcmp(a, b, 48) != 0);
    encrypt(RSA_PKCS1_PADDING, NULL, NULL, NULL, 47, premaster, em);
    CU_ASSERT_FALSE(gives_premaster(em, premaster, 0x0303, 0));
    /* A modulus that can't hold a premaster secret is no secret. */
    CU_ASSERT_FALSE(pad_tls_decrypt(unit.libctx, a, em, 58, 0x0303, 0));
}

/* ---- OAEP ---- */

static void oaep(void)
{
    static const struct {
        const char *md, *mgf1_md, *label;
    } cases[] = {{"SHA1", "SHA1", NULL},
                 {"SHA256", "SHA256", NULL},
                 {"SHA256", "SHA1", "a label"},
                 {"SHA512", "SHA256", NULL},
                 {"SHA3-256", "SHA512", "another"}};
    size_t i, at;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EVP_MD *md = EVP_MD_fetch(unit.libctx, cases[i].md, NULL);
        EVP_MD *mgf1_md = EVP_MD_fetch(unit.libctx, cases[i].mgf1_md, NULL);
        const unsigned char *label = (const unsigned char *)cases[i].label;
        size_t label_len = label != NULL ? strlen(cases[i].label) : 0, out_len;
        size_t lengths[] = {0, 1, sizeof(text), SIZE - 2 - 2 * (size_t)EVP_MD_get_size(md)}, l;
        unsigned char in[SIZE] = {0}, em[SIZE], out[SIZE];

        memcpy(in, text, sizeof(text));
        for (l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
            encrypt(RSA_PKCS1_OAEP_PADDING, md, mgf1_md, cases[i].label, lengths[l], in, em);
            CU_ASSERT(pad_oaep_decrypt(out, &out_len, em, SIZE, md, mgf1_md, label, label_len));
            CU_ASSERT(out_len == lengths[l] && memcmp(out, in, out_len) == 0);
            CU_ASSERT_FALSE(
                pad_oaep_decrypt(out, &out_len, em, SIZE, md, mgf1_md, label, label_len + (label ? -1 : 0)) &&
                label != NULL);
        }
        for (at = 0; at < SIZE; at++) {
            em[at] ^= 0x40;
            CU_ASSERT_FALSE(pad_oaep_decrypt(out, &out_len, em, SIZE, md, mgf1_md, label, label_len));
            em[at] ^= 0x40;
        }
        CU_ASSERT_FALSE(pad_oaep_decrypt(out, &out_len, em, 2 * (size_t)EVP_MD_get_size(md) + 1, md, mgf1_md,
                                         label, label_len));
        EVP_MD_free(md);
        EVP_MD_free(mgf1_md);
    }
}

/* DB = lHash || PS || 0x01 || M, masked as RFC 8017 section 7.1.1 says; mark goes to DB's place at. */
static void encode_oaep(unsigned char em[SIZE], const EVP_MD *md, size_t at, unsigned char mark)
{
    const size_t hash_len = (size_t)EVP_MD_get_size(md), db_len = SIZE - 1 - hash_len;
    unsigned char *seed = em + 1, *db = em + 1 + hash_len;

    memset(em, 0, SIZE);
    RAND_bytes_ex(unit.libctx, seed, hash_len, 0);
    CU_ASSERT_FATAL(EVP_Digest(NULL, 0, db, NULL, md, NULL));
    db[db_len - 2] = 1;
    db[db_len - 1] = 'M';
    if (at > 0)
        db[at] = mark;
    CU_ASSERT_FATAL(pad_mgf1_xor(db, db_len, seed, hash_len, md) &&
                    pad_mgf1_xor(seed, hash_len, db, db_len, md));
}

/* What damage to the masked message can't reach: a padding that is wrong in one place only. */
static void oaep_wrong_in_one_place(void)
{
    EVP_MD *md = EVP_MD_fetch(unit.libctx, "SHA256", NULL);
    const size_t db_len = SIZE - 1 - 32;
    unsigned char em[SIZE], out[SIZE];
    size_t len, at;

    encode_oaep(em, md, 0, 0);
    CU_ASSERT(pad_oaep_decrypt(out, &len, em, SIZE, md, md, NULL, 0) && len == 1 && out[0] == 'M');
    em[0] = 1;
    CU_ASSERT_FALSE(pad_oaep_decrypt(out, &len, em, SIZE, md, md, NULL, 0));
    for (at = 32; at < db_len - 1; at++) {
        encode_oaep(em, md, at, 2); /* neither padding nor separator */
        CU_ASSERT_FALSE(pad_oaep_decrypt(out, &len, em, SIZE, md, md, NULL, 0));
    }
    encode_oaep(em, md, db_len - 2, 0); /* no separator: 'M' is none */
    CU_ASSERT_FALSE(pad_oaep_decrypt(out, &len, em, SIZE, md, md, NULL, 0));
    encode_oaep(em, md, 31, 0); /* another label's hash */
    CU_ASSERT_FALSE(pad_oaep_decrypt(out, &len, em, SIZE, md, md, NULL, 0));
    EVP_MD_free(md);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"PKCS#1 v1.5 messages of every length", pkcs1_of_every_length},
        {"implicit rejection", pkcs1_implicit_rejection},
        {"lengths of rejected messages", pkcs1_rejected_lengths},
        {"TLS premaster secrets", tls_premaster},
        {"OAEP", oaep},
        {"OAEP, wrong in one place", oaep_wrong_in_one_place},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, NULL);
    key = unit_rsa(unit.libctx, SIZE * 8);
    status = unit_run("pad_decrypt", tests);
    EVP_PKEY_free(key);
    unit_close(&unit);
    return status;
}
