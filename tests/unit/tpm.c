// SPDX-License-Identifier: Apache-2.0
/* The TPM backend on the TPM that SIGNET_TCTI names: a software one with a storage key; see with_tpm.sh. */
#include "unit.h"

#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

#define HANDLE 0x81010001u

static struct unit unit;
static const unsigned char digest[32] = {4, 5, 6};

static struct hw_key *generate(struct hw_generate params)
{
    params.custody = HW_CUSTODY_TPM;
    return hw_key_generate(unit.hw, &params);
}

static int signs(struct hw_key *key)
{
    struct hw_rsa_padding padding = {.mode = HW_RSA_PKCS1, .md = "SHA256"};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, hw_key_get0_pkey(key), NULL);
    unsigned char sig[512];
    int ok = hw_rsa_sign(key, &padding, digest, sizeof(digest), sig) && EVP_PKEY_verify_init(ctx) > 0 &&
             EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0 &&
             EVP_PKEY_verify(ctx, sig, (size_t)EVP_PKEY_get_size(hw_key_get0_pkey(key)), digest,
                             sizeof(digest)) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void sizes(void)
{
    static const unsigned bits[] = {1024, 2048, 3072};
    size_t i;

    for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        struct hw_key *key = generate((struct hw_generate){.bits = bits[i]});

        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT_EQUAL(EVP_PKEY_get_bits(hw_key_get0_pkey(key)), (int)bits[i]);
        CU_ASSERT_EQUAL(hw_key_custody(key), HW_CUSTODY_TPM);
        CU_ASSERT(signs(key));
        hw_key_free(key);
    }
}

/* The TPM pads for these, and its salt is as long as the digest. */
static void rsa_pss_keys(void)
{
    const struct hw_rsa_padding pss = {.mode = HW_RSA_PSS, .md = "SHA256", .saltlen = 32};
    struct hw_key *key =
        generate((struct hw_generate){.type = HW_TYPE_RSA_PSS, .bits = 2048, .pss_saltlen = -1});
    EVP_PKEY_CTX *ctx;
    unsigned char sig[256];

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT(EVP_PKEY_is_a(hw_key_get0_pkey(key), "RSA-PSS"));
    CU_ASSERT(hw_rsa_sign(key, &pss, digest, sizeof(digest), sig));
    ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, hw_key_get0_pkey(key), NULL);
    CU_ASSERT(EVP_PKEY_verify_init(ctx) > 0 &&
              EVP_PKEY_verify(ctx, sig, sizeof(sig), digest, sizeof(digest)) == 1);
    EVP_PKEY_CTX_free(ctx);
    CU_ASSERT_FALSE(signs(key)); /* with PKCS#1 v1.5 */
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "padding"));
    hw_key_free(key);
}

struct calls {
    int count;
    int refuse_at; /* the call that returns 0; 0: none */
};

static int on_progress(void *arg)
{
    struct calls *calls = arg;

    return ++calls->count != calls->refuse_at;
}

static void progress(void)
{
    struct calls calls = {0};
    struct hw_key *key =
        generate((struct hw_generate){.bits = 2048, .progress = on_progress, .progress_arg = &calls});

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT(calls.count > 0);
    CU_ASSERT(signs(key));
    hw_key_free(key);
}

static void cancelled(void)
{
    /* One is made before the first report is due, the other hardly ever. */
    static const unsigned bits[] = {1024, 3072};
    size_t i;

    for (i = 0; i < 2; i++) {
        struct calls calls = {.refuse_at = 1};
        struct hw_key *key;

        CU_ASSERT_PTR_NULL(
            generate((struct hw_generate){.bits = bits[i], .progress = on_progress, .progress_arg = &calls}));
        CU_ASSERT(unit_raised(&unit, HW_E_CANCELLED, "cancelled"));
        CU_ASSERT_EQUAL(calls.count, 1);
        /* The TPM is as before. */
        key = generate((struct hw_generate){.bits = 1024});
        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT(signs(key));
        hw_key_free(key);
    }
}

/* A progress function that comes back for the TPM gets an error, not a deadlock. */
static int greedy(void *arg)
{
    unsigned char byte;

    *(int *)arg = hw_random(unit.hw, &byte, 1);
    return 1;
}

static void progress_function_that_uses_the_tpm(void)
{
    int got = 1;
    struct hw_key *key =
        generate((struct hw_generate){.bits = 1024, .progress = greedy, .progress_arg = &got});

    CU_ASSERT_PTR_NOT_NULL(key);
    CU_ASSERT_FALSE(got);
    CU_ASSERT(unit.errors > 0 && unit.reason == HW_E_INTERNAL);
    unit_forget(&unit);
    hw_key_free(key);
}

static void refusals(void)
{
    static const struct {
        struct hw_generate params;
        enum hw_reason reason;
        const char *text;
    } cases[] = {
        {{.bits = 512}, HW_E_UNSUPPORTED, "RSA-512"},
        {{.bits = 8192}, HW_E_UNSUPPORTED, "RSA-8192"},
        {{.bits = 2048, .parent = "0x80000000"}, HW_E_UNSUPPORTED, "0x80000000"},
        {{.bits = 2048, .parent = "nonsense"}, HW_E_UNSUPPORTED, "nonsense"},
        {{.bits = 2048, .parent = "0x81000099"}, HW_E_FOREIGN_KEY, "0x81000099"},
        {{.bits = 2048, .passphrase = "a passphrase of more than thirty-two bytes"}, HW_E_UNSUPPORTED, "32"},
        {{.type = HW_TYPE_RSA_PSS, .bits = 2048, .pss_md = "SHA1", .pss_saltlen = -1},
         HW_E_UNSUPPORTED,
         "RSA-PSS"},
        {{.type = HW_TYPE_RSA_PSS, .bits = 2048, .pss_saltlen = 31}, HW_E_UNSUPPORTED, "RSA-PSS"},
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_PTR_NULL(generate(cases[i].params));
        CU_ASSERT(unit_raised(&unit, cases[i].reason, cases[i].text));
    }
}

static void uris(void)
{
    static const char *const bad[] = {"",
                                      "handle",
                                      "handle=",
                                      "handle=81010001",
                                      "handle=0x80000000",
                                      "handle=0x82000000",
                                      "handle=0x181010001",
                                      "handle=0x81010001x",
                                      "handle=0x81010001;auth=none",
                                      "handle=0x81010001;auth=ask;auth=ask",
                                      "handle= 0x81010001",
                                      "handle=-0x7efeffff"};
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_PTR_NULL(hw_key_load_uri(unit.hw, bad[i], NULL, NULL));
        CU_ASSERT(unit_raised(&unit, HW_E_BAD_KEY, "0x81000000"));
    }
    CU_ASSERT_PTR_NULL(hw_key_load_uri(unit.hw, "handle=0x81010099", NULL, NULL));
    CU_ASSERT(unit_raised(&unit, HW_E_FOREIGN_KEY, "0x81010099"));
}

static void persistent(void)
{
    struct hw_key *key = generate((struct hw_generate){.bits = 1024}), *there, *again;
    enum hw_format format;
    unsigned char *der = NULL;
    size_t len;

    CU_ASSERT_PTR_NULL(hw_key_persist(key, 0x81800000)); /* the platform's */
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "0x81800000"));
    there = hw_key_persist(key, HANDLE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(there);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(hw_key_get0_pkey(key), hw_key_get0_pkey(there)), 1);
    CU_ASSERT(signs(there));
    CU_ASSERT_PTR_NULL(hw_key_persist(key, HANDLE));
    CU_ASSERT(unit_raised(&unit, HW_E_FULL, "taken"));
    CU_ASSERT_PTR_NULL(hw_key_persist(there, HANDLE + 1));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "TSS2"));

    CU_ASSERT_FATAL(hw_key_container(there, &format, &der, &len));
    CU_ASSERT_EQUAL(format, HW_FORMAT_REFERENCE);
    again = hw_key_load(unit.hw, format, der, len, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT(signs(again));
    hw_key_free(again);
    CU_ASSERT(hw_evict(unit.hw, HANDLE));
    CU_ASSERT_FALSE(signs(there));
    CU_ASSERT(unit.errors == 1 && strstr(unit.text, "0x81010001") != NULL);
    unit_forget(&unit);

    /* Another key in its place is not taken for it. */
    hw_key_free(there);
    hw_key_free(key);
    key = generate((struct hw_generate){.bits = 1024});
    there = hw_key_persist(key, HANDLE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(there);
    again = hw_key_load(unit.hw, format, der, len, NULL, NULL);
    CU_ASSERT_FALSE(signs(again));
    CU_ASSERT(unit_raised(&unit, HW_E_FOREIGN_KEY, "reference"));
    CU_ASSERT(hw_evict(unit.hw, HANDLE));
    CU_ASSERT_FALSE(hw_evict(unit.hw, HANDLE));
    CU_ASSERT(unit_raised(&unit, HW_E_FOREIGN_KEY, "0x81010001"));
    hw_key_free(again);
    hw_key_free(there);
    hw_key_free(key);
    OPENSSL_free(der);
}

static void random_numbers(void)
{
    unsigned char a[100] = {0}, b[100] = {0};

    CU_ASSERT(hw_random(unit.hw, a, sizeof(a)));
    CU_ASSERT(hw_random(unit.hw, b, sizeof(b)));
    CU_ASSERT(memcmp(a, b, sizeof(a)) != 0);
    CU_ASSERT(a[99] != 0 || a[98] != 0 || a[97] != 0);
    CU_ASSERT(hw_random(unit.hw, a, 0));
}

static void collect(void *arg, const char *line)
{
    strncat(arg, line, 1000);
}

static void description(void)
{
    char lines[3000] = "", *text;
    struct hw_key *key = generate((struct hw_generate){.bits = 1024, .passphrase = "secret"});

    CU_ASSERT(hw_print(unit.hw, collect, lines));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "tpm: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "0x81000001"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "cpu: "));
    text = hw_key_describe(key);
    CU_ASSERT(strstr(text, "passphrase") != NULL && strstr(text, "0x81000001") != NULL &&
              strstr(text, "secret") == NULL);
    OPENSSL_free(text);
    hw_key_free(key);
}

static void *make_and_sign(void *arg)
{
    long wrong = 0;
    int i;

    for (i = 0; i < 3; i++) {
        struct hw_key *key = generate((struct hw_generate){.bits = 1024});

        wrong += key == NULL || !signs(key) || !signs(arg);
        hw_key_free(key);
    }
    return (void *)wrong;
}

static void threads(void)
{
    struct hw_key *shared = generate((struct hw_generate){.bits = 1024});
    pthread_t ids[4];
    void *wrong;
    size_t i;

    for (i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&ids[i], NULL, make_and_sign, shared), 0);
    for (i = 0; i < 4; i++) {
        pthread_join(ids[i], &wrong);
        CU_ASSERT_PTR_NULL(wrong);
    }
    hw_key_free(shared);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"sizes", sizes},
        {"RSA-PSS keys", rsa_pss_keys},
        {"progress", progress},
        {"cancelled", cancelled},
        {"a progress function that uses the TPM", progress_function_that_uses_the_tpm},
        {"refusals", refusals},
        {"URIs", uris},
        {"persistent keys", persistent},
        {"random numbers", random_numbers},
        {"description", description},
        {"threads make and use keys", threads},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, unit_tcti());
    status = unit_run("tpm", tests);
    unit_close(&unit);
    return status;
}
