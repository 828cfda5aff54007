// SPDX-License-Identifier: Apache-2.0
/* The signature encodings of RFC 8017 section 9. */
#include "pad.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

/* DER of DigestInfo ::= SEQUENCE { AlgorithmIdentifier, OCTET STRING }. */
static int digest_info(const EVP_MD *md, const unsigned char *digest, size_t len, unsigned char **der)
{
    X509_SIG *info = X509_SIG_new();
    ASN1_OCTET_STRING *value = NULL;
    X509_ALGOR *algorithm = NULL;
    int der_len = -1;

    *der = NULL;
    if (info == NULL)
        return -1;
    X509_SIG_getm(info, &algorithm, &value);
    if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) &&
        ASN1_OCTET_STRING_set(value, digest, (int)len))
        der_len = i2d_X509_SIG(info, der);
    X509_SIG_free(info);
    return der_len;
}

int pad_pkcs1_sign(unsigned char *em, size_t em_len, const EVP_MD *md, const unsigned char *in, size_t in_len,
                   const char **why)
{
    unsigned char *der = NULL;
    size_t t_len = in_len;
    int ok = 0;

    /* MD5-SHA1 is signed without a DigestInfo (RFC 4346 section 7.4.3). */
    if (md != NULL && EVP_MD_get_type(md) != NID_md5_sha1) {
        int len;

        if (EVP_MD_get_type(md) == NID_undef || (size_t)EVP_MD_get_size(md) != in_len ||
            (len = digest_info(md, in, in_len, &der)) < 0) {
            *why = "the digest's length or algorithm does not fit";
            goto out;
        }
        t_len = (size_t)len;
    }
    if (em_len < t_len + 11) {
        *why = "the input is too long for the key";
        goto out;
    }
    em[0] = 0;
    em[1] = 1;
    memset(em + 2, 0xff, em_len - t_len - 3);
    em[em_len - t_len - 1] = 0;
    memcpy(em + em_len - t_len, der != NULL ? der : in, t_len);
    ok = 1;
out:
    OPENSSL_free(der);
    return ok;
}

int pad_mgf1_xor(unsigned char *out, size_t len, const unsigned char *seed, size_t seed_len, const EVP_MD *md)
{
    unsigned char block[EVP_MAX_MD_SIZE], counter[4];
    size_t size = (size_t)EVP_MD_get_size(md), done, i;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint32_t n;
    int ok = ctx != NULL;

    for (n = 0, done = 0; ok && done < len; n++) {
        counter[0] = (unsigned char)(n >> 24);
        counter[1] = (unsigned char)(n >> 16);
        counter[2] = (unsigned char)(n >> 8);
        counter[3] = (unsigned char)n;
        ok = EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, seed, seed_len) &&
             EVP_DigestUpdate(ctx, counter, sizeof(counter)) && EVP_DigestFinal_ex(ctx, block, NULL);
        for (i = 0; ok && i < size && done < len; i++)
            out[done++] ^= block[i];
    }
    OPENSSL_cleanse(block, sizeof(block));
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* emLen of section 9.1.1 is one byte less than the modulus when its size is 1 mod 8. */
static size_t pss_em_len(unsigned modulus_bits)
{
    return (modulus_bits - 1 + 7) / 8;
}

long pad_pss_max_salt(unsigned modulus_bits, const EVP_MD *md)
{
    return (long)pss_em_len(modulus_bits) - EVP_MD_get_size(md) - 2;
}

int pad_pss(OSSL_LIB_CTX *libctx, unsigned char *em, size_t em_len, unsigned modulus_bits, const EVP_MD *md,
            const EVP_MD *mgf1_md, size_t salt_len, const unsigned char *digest, const char **why)
{
    static const unsigned char zeros[8] = {0};
    size_t hash_len = (size_t)EVP_MD_get_size(md), db_len;
    long max_salt = pad_pss_max_salt(modulus_bits, md);
    unsigned char *h, *salt;
    EVP_MD_CTX *ctx = NULL;
    int ok = 0;

    *why = "a digest or random function failed";
    if (max_salt < 0 || salt_len > (size_t)max_salt) {
        *why = "digest and salt are too long for the key";
        return 0;
    }
    if (em_len > pss_em_len(modulus_bits)) {
        *em++ = 0;
        em_len--;
    }
    /* em = maskedDB || H || 0xbc, DB = 0… || 0x01 || salt */
    db_len = em_len - hash_len - 1;
    h = em + db_len;
    salt = h - salt_len;
    memset(em, 0, db_len - salt_len - 1);
    salt[-1] = 1;
    if (salt_len > 0 && RAND_bytes_ex(libctx, salt, salt_len, 0) <= 0)
        goto out;
    ctx = EVP_MD_CTX_new();
    if (ctx == NULL || !EVP_DigestInit_ex(ctx, md, NULL) || !EVP_DigestUpdate(ctx, zeros, sizeof(zeros)) ||
        !EVP_DigestUpdate(ctx, digest, hash_len) || !EVP_DigestUpdate(ctx, salt, salt_len) ||
        !EVP_DigestFinal_ex(ctx, h, NULL))
        goto out;
    if (!pad_mgf1_xor(em, db_len, h, hash_len, mgf1_md))
        goto out;
    em[0] &= (unsigned char)(0xff >> (8 * em_len - (modulus_bits - 1)));
    em[em_len - 1] = 0xbc;
    ok = 1;
out:
    EVP_MD_CTX_free(ctx);
    return ok;
}
