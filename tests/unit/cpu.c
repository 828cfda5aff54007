// SPDX-License-Identifier: Apache-2.0
/* The CPU backend: keys of custody file. */
#include "unit.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

static struct unit unit;
static const unsigned char digest[32] = {4, 5, 6};

static struct hw_key *generate(struct hw_generate params)
{
    params.custody = HW_CUSTODY_FILE;
    return hw_key_generate(unit.hw, &params);
}

static int signs(struct hw_key *key, enum hw_rsa_mode mode, int pad_mode)
{
    struct hw_rsa_padding padding = {.mode = mode, .md = "SHA256", .saltlen = mode == HW_RSA_PSS ? 32 : 0};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, hw_key_get0_pkey(key), NULL);
    unsigned char sig[512];
    int ok = hw_rsa_sign(key, &padding, digest, sizeof(digest), sig) && EVP_PKEY_verify_init(ctx) > 0 &&
             EVP_PKEY_CTX_set_rsa_padding(ctx, pad_mode) > 0 &&
             EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0 &&
             (mode != HW_RSA_PSS || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) > 0) &&
             EVP_PKEY_verify(ctx, sig, (size_t)EVP_PKEY_get_size(hw_key_get0_pkey(key)), digest,
                             sizeof(digest)) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void sizes_and_exponents(void)
{
    static const unsigned sizes[] = {1024, 1536, 2048};
    BIGNUM *e = BN_new(), *have = NULL;
    size_t i;

    BN_set_word(e, 3);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct hw_key *key = generate((struct hw_generate){.bits = sizes[i], .e = i == 0 ? e : NULL});

        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT_EQUAL(EVP_PKEY_get_bits(hw_key_get0_pkey(key)), (int)sizes[i]);
        CU_ASSERT_EQUAL(hw_key_custody(key), HW_CUSTODY_FILE);
        CU_ASSERT(EVP_PKEY_get_bn_param(hw_key_get0_pkey(key), "e", &have));
        CU_ASSERT(BN_is_word(have, i == 0 ? 3 : 65537));
        CU_ASSERT(signs(key, HW_RSA_PKCS1, RSA_PKCS1_PADDING));
        CU_ASSERT(signs(key, HW_RSA_PSS, RSA_PKCS1_PSS_PADDING));
        hw_key_free(key);
    }
    BN_set_word(e, 4);
    CU_ASSERT_PTR_NULL(generate((struct hw_generate){.bits = 1024, .e = e}));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "RSA-1024"));
    CU_ASSERT_PTR_NULL(generate((struct hw_generate){.bits = 100}));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "RSA-100"));
    BN_free(e);
    BN_free(have);
}

static void rsa_pss_keys(void)
{
    struct hw_key *key =
        generate((struct hw_generate){.type = HW_TYPE_RSA_PSS, .bits = 1024, .pss_saltlen = -1});

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT(EVP_PKEY_is_a(hw_key_get0_pkey(key), "RSA-PSS"));
    CU_ASSERT(signs(key, HW_RSA_PSS, RSA_PKCS1_PSS_PADDING));
    hw_key_free(key);
    key = generate(
        (struct hw_generate){.type = HW_TYPE_RSA_PSS, .bits = 1024, .pss_md = "SHA256", .pss_saltlen = 20});
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT(signs(key, HW_RSA_PSS, RSA_PKCS1_PSS_PADDING));
    hw_key_free(key);
}

static int never(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static void cancelled(void)
{
    int calls = 0;

    CU_ASSERT_PTR_NULL(
        generate((struct hw_generate){.bits = 2048, .progress = never, .progress_arg = &calls}));
    CU_ASSERT(unit_raised(&unit, HW_E_CANCELLED, "cancelled"));
    CU_ASSERT(calls > 0);
}

static void options_of_tpm_keys(void)
{
    CU_ASSERT_PTR_NULL(generate((struct hw_generate){.bits = 1024, .passphrase = "secret"}));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "passphrase"));
    CU_ASSERT_PTR_NULL(generate((struct hw_generate){.bits = 1024, .parent = "owner"}));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "parent"));
}

static void pkcs8(void)
{
    struct hw_key *key = generate((struct hw_generate){.bits = 1024}), *again;
    enum hw_format format;
    unsigned char *der = NULL, *longer;
    size_t len, i;

    CU_ASSERT_FATAL(hw_key_container(key, &format, &der, &len));
    CU_ASSERT_EQUAL(format, HW_FORMAT_PKCS8);
    again = hw_key_load(unit.hw, HW_FORMAT_PKCS8, der, len, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(hw_key_get0_pkey(key), hw_key_get0_pkey(again)), 1);
    CU_ASSERT(signs(again, HW_RSA_PKCS1, RSA_PKCS1_PADDING));
    for (i = 0; i < len; i += 3) {
        CU_ASSERT_PTR_NULL(hw_key_load(unit.hw, HW_FORMAT_PKCS8, der, i, NULL, NULL));
        CU_ASSERT(unit_raised(&unit, HW_E_BAD_KEY, "PKCS#8"));
    }
    longer = OPENSSL_zalloc(len + 1);
    memcpy(longer, der, len);
    CU_ASSERT_PTR_NULL(hw_key_load(unit.hw, HW_FORMAT_PKCS8, longer, len + 1, NULL, NULL));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_KEY, "PKCS#8"));
    OPENSSL_clear_free(longer, len + 1);
    OPENSSL_clear_free(der, len);
    hw_key_free(again);
    hw_key_free(key);
}

static void keys_of_other_types(void)
{
    EVP_PKEY *other = EVP_PKEY_Q_keygen(unit.libctx, NULL, "ED25519");
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(other, &der);

    CU_ASSERT_FATAL(len > 0);
    CU_ASSERT_PTR_NULL(hw_key_load(unit.hw, HW_FORMAT_PKCS8, der, (size_t)len, NULL, NULL));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "ED25519"));
    OPENSSL_free(der);
    EVP_PKEY_free(other);
}

static void out_of_range(void)
{
    struct hw_key *key = generate((struct hw_generate){.bits = 1024});
    struct hw_rsa_padding none = {.mode = HW_RSA_NONE};
    unsigned char in[128], out[128];

    memset(in, 0xff, sizeof(in)); /* more than the modulus */
    CU_ASSERT_FALSE(hw_rsa_sign(key, &none, in, sizeof(in), out));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, "range"));
    hw_key_free(key);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"sizes and exponents", sizes_and_exponents},
        {"RSA-PSS keys", rsa_pss_keys},
        {"cancelled", cancelled},
        {"options of TPM keys", options_of_tpm_keys},
        {"PKCS#8", pkcs8},
        {"keys of other types", keys_of_other_types},
        {"input out of range", out_of_range},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, NULL);
    status = unit_run("cpu", tests);
    unit_close(&unit);
    return status;
}
