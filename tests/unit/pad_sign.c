// SPDX-License-Identifier: Apache-2.0
/* The signature encodings, judged by OpenSSL: encoded, raised to d, and verified as signatures. */
#include "unit.h"

#include "hw/pad.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

/* 8k + 1 bits: PSS's encoded message is a byte shorter than the modulus; 8k + 7: its top bit is cleared. */
static const unsigned sizes[] = {1025, 1031, 2048};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static struct unit unit;
static EVP_PKEY *keys[SIZES];
static unsigned char digest[EVP_MAX_MD_SIZE];

static int verify(EVP_PKEY *pkey, int pad_mode, const EVP_MD *md, const EVP_MD *mgf1_md, int salt_len,
                  const unsigned char *em, size_t digest_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, pkey, NULL);
    unsigned char sig[512];
    int ok = unit_raw_private(unit.libctx, pkey, em, sig) && ctx != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, pad_mode) > 0 &&
             (md == NULL || EVP_PKEY_CTX_set_signature_md(ctx, md) > 0) &&
             (pad_mode != RSA_PKCS1_PSS_PADDING || (EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt_len) > 0 &&
                                                    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf1_md) > 0)) &&
             EVP_PKEY_verify(ctx, sig, (size_t)EVP_PKEY_get_size(pkey), digest, digest_len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void pkcs1_of_every_digest(void)
{
    static const char *const names[] = {"SHA1",     "SHA224",     "SHA256",     "SHA384",
                                        "SHA512",   "SHA512-224", "SHA512-256", "SHA3-224",
                                        "SHA3-256", "SHA3-384",   "SHA3-512"};
    const char *why;
    size_t i, k;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        EVP_MD *md = EVP_MD_fetch(unit.libctx, names[i], NULL);

        CU_ASSERT_PTR_NOT_NULL_FATAL(md);
        for (k = 0; k < SIZES; k++) {
            unsigned char em[512];
            size_t len = (size_t)EVP_PKEY_get_size(keys[k]), md_len = (size_t)EVP_MD_get_size(md);

            CU_ASSERT(pad_pkcs1_sign(em, len, md, digest, md_len, &why));
            CU_ASSERT(verify(keys[k], RSA_PKCS1_PADDING, md, NULL, 0, em, md_len));
        }
        EVP_MD_free(md);
    }
}

static void pkcs1_without_digest(void)
{
    unsigned char em[256];
    const char *why;

    CU_ASSERT(pad_pkcs1_sign(em, sizeof(em), NULL, digest, 36, &why));
    CU_ASSERT(verify(keys[2], RSA_PKCS1_PADDING, NULL, NULL, 0, em, 36));
    /* Eleven bytes of padding are the least (RFC 8017 section 9.2). */
    CU_ASSERT(pad_pkcs1_sign(em, 47, NULL, digest, 36, &why));
    CU_ASSERT_FALSE(pad_pkcs1_sign(em, 46, NULL, digest, 36, &why));
    CU_ASSERT(strlen(why) > 0);
}

static void pkcs1_refusals(void)
{
    EVP_MD *md = EVP_MD_fetch(unit.libctx, "SHA256", NULL);
    unsigned char em[256];
    const char *why;

    CU_ASSERT_FALSE(pad_pkcs1_sign(em, sizeof(em), md, digest, 31, &why));
    CU_ASSERT_FALSE(pad_pkcs1_sign(em, sizeof(em), md, digest, 33, &why));
    CU_ASSERT_FALSE(pad_pkcs1_sign(em, 32 + 19 + 10, md, digest, 32, &why));
    CU_ASSERT(pad_pkcs1_sign(em, 32 + 19 + 11, md, digest, 32, &why));
    EVP_MD_free(md);
}

static void pss_of_every_salt(void)
{
    EVP_MD *md = EVP_MD_fetch(unit.libctx, "SHA256", NULL);
    const char *why;
    size_t k;

    for (k = 0; k < SIZES; k++) {
        long salt, max = pad_pss_max_salt(sizes[k], md);
        size_t len = (size_t)EVP_PKEY_get_size(keys[k]);
        unsigned char em[512];

        /* emLen = ceil((bits - 1) / 8), and hash, salt and two bytes have to fit (RFC 8017 section 9.1.1). */
        CU_ASSERT_EQUAL(max, (long)((sizes[k] - 1 + 7) / 8) - 32 - 2);
        for (salt = 0; salt <= max; salt += salt < 3 || salt > max - 3 ? 1 : 7) {
            CU_ASSERT(pad_pss(unit.libctx, em, len, sizes[k], md, md, (size_t)salt, digest, &why));
            CU_ASSERT(verify(keys[k], RSA_PKCS1_PSS_PADDING, md, md, (int)salt, em, 32));
        }
        CU_ASSERT_FALSE(pad_pss(unit.libctx, em, len, sizes[k], md, md, (size_t)max + 1, digest, &why));
    }
    EVP_MD_free(md);
}

static void pss_with_two_digests(void)
{
    EVP_MD *md = EVP_MD_fetch(unit.libctx, "SHA512", NULL),
           *mgf1_md = EVP_MD_fetch(unit.libctx, "SHA1", NULL);
    unsigned char em[256], again[256];
    const char *why;

    CU_ASSERT(pad_pss(unit.libctx, em, sizeof(em), 2048, md, mgf1_md, 20, digest, &why));
    CU_ASSERT(verify(keys[2], RSA_PKCS1_PSS_PADDING, md, mgf1_md, 20, em, 64));
    CU_ASSERT_FALSE(verify(keys[2], RSA_PKCS1_PSS_PADDING, md, md, 20, em, 64));
    CU_ASSERT_FALSE(verify(keys[2], RSA_PKCS1_PSS_PADDING, md, mgf1_md, 21, em, 64));
    /* The salt is random. */
    CU_ASSERT(pad_pss(unit.libctx, again, sizeof(again), 2048, md, mgf1_md, 20, digest, &why));
    CU_ASSERT(memcmp(em, again, sizeof(em)) != 0);
    /* A digest that does not fit the modulus at all. */
    CU_ASSERT(pad_pss_max_salt(512, md) < 0);
    CU_ASSERT_FALSE(pad_pss(unit.libctx, em, 64, 512, md, md, 0, digest, &why));
    EVP_MD_free(md);
    EVP_MD_free(mgf1_md);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"PKCS#1 v1.5 of every digest", pkcs1_of_every_digest},
        {"PKCS#1 v1.5 of bare input", pkcs1_without_digest},
        {"what PKCS#1 v1.5 refuses", pkcs1_refusals},
        {"PSS with salts of every length", pss_of_every_salt},
        {"PSS with another digest for MGF1", pss_with_two_digests},
        CU_TEST_INFO_NULL,
    };
    int status;
    size_t k;

    unit_open(&unit, NULL);
    RAND_bytes_ex(unit.libctx, digest, sizeof(digest), 0);
    for (k = 0; k < SIZES; k++)
        keys[k] = unit_rsa(unit.libctx, sizes[k]);
    status = unit_run("pad_sign", tests);
    for (k = 0; k < SIZES; k++)
        EVP_PKEY_free(keys[k]);
    unit_close(&unit);
    return status;
}
