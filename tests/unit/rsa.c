// SPDX-License-Identifier: Apache-2.0
/*
 * RSA over the seam: what hw asks of a backend, and what it makes of the answers. The backend is one with a
 * script; the real ones have tests of their own.
 */
#include "unit.h"

#include "hw/pad.h"

#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

#define SIZE 256

static struct unit unit;
static EVP_PKEY *pkey;

static struct {
    unsigned can; /* enum hw_op_kind bits that prepare finds */
    int fails;    /* operate does */
    int prepares; /* calls */
    _Atomic int operates;
    int unloads;
    int many; /* threads */
    struct hw_op last;
} script;

static int fake_prepare(struct hw_key *key)
{
    script.prepares++;
    key->ops = script.can;
    return script.can != 0;
}

static int fake_operate(struct hw_key *key, struct hw_op *op)
{
    /* Threads share the script in one test; the last operation is looked at in the others. */
    if (script.operates++ == 0 || !script.many)
        script.last = *op;
    if (script.fails) {
        hw_raise(key->hw, HW_E_DEVICE, "the script fails");
        return 0;
    }
    op->out_len = SIZE;
    if (op->kind == HW_OP_RSA_RAW)
        return unit_raw_private(unit.libctx, pkey, op->in, op->out);
    memset(op->out, 0x5a, SIZE);
    return 1;
}

static void fake_unload(struct hw_key *key)
{
    (void)key;
    script.unloads++;
}

static const struct hw_backend fake = {
    .name = "fake",
    .custody = HW_CUSTODY_TPM,
    .prepare = fake_prepare,
    .operate = fake_operate,
    .unload = fake_unload,
};

static struct hw_key *fake_key(unsigned ops)
{
    struct hw_key *key = hw_key_new(unit.hw, &fake);

    memset(&script, 0, sizeof(script));
    script.can = HW_OP_RSA_RAW;
    EVP_PKEY_up_ref(pkey);
    CU_ASSERT_FATAL(key != NULL && hw_key_set0_pkey(key, pkey));
    key->ops = ops;
    return key;
}

static const struct hw_rsa_padding pkcs1 = {.mode = HW_RSA_PKCS1, .md = "SHA256"};
static const struct hw_rsa_padding pss = {.mode = HW_RSA_PSS, .md = "SHA256", .saltlen = 32};
static const struct hw_rsa_padding bare = {.mode = HW_RSA_PKCS1};
static const struct hw_rsa_padding none = {.mode = HW_RSA_NONE};
static unsigned char digest[SIZE], sig[SIZE];

static int verify(int pad_mode)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, pkey, NULL);
    int ok = EVP_PKEY_verify_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, pad_mode) > 0 &&
             EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0 &&
             EVP_PKEY_verify(ctx, sig, SIZE, digest, 32) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void padding_in_software(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_RAW);

    CU_ASSERT(hw_rsa_sign(key, &pkcs1, digest, 32, sig) && verify(RSA_PKCS1_PADDING));
    CU_ASSERT(hw_rsa_sign(key, &pss, digest, 32, sig) && verify(RSA_PKCS1_PSS_PADDING));
    CU_ASSERT_EQUAL(script.operates, 2);
    CU_ASSERT_EQUAL(script.prepares, 0);
    CU_ASSERT_EQUAL(script.last.kind, HW_OP_RSA_RAW);
    hw_key_free(key);
    CU_ASSERT_EQUAL(script.unloads, 1);
}

/* A key that its hardware only lets sign gets the digest, and nothing that the hardware would refuse. */
static void padding_in_hardware(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_PSS);
    size_t len;

    CU_ASSERT(hw_rsa_sign(key, &pss, digest, 32, sig));
    CU_ASSERT_EQUAL(script.last.kind, HW_OP_RSA_PSS);
    CU_ASSERT_STRING_EQUAL(script.last.md, "SHA256");
    CU_ASSERT_EQUAL(script.last.in_len, 32);
    CU_ASSERT_EQUAL(script.last.saltlen, 32);
    CU_ASSERT_FALSE(hw_rsa_sign(key, &pkcs1, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "padding"));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &none, digest, SIZE, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "padding"));
    CU_ASSERT_FALSE(hw_rsa_decrypt(key, &pkcs1, sig, SIZE, digest, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "decrypt"));
    CU_ASSERT_EQUAL(script.operates, 1);
    hw_key_free(key);
}

static void padding_in_hardware_pkcs1(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_PKCS1);

    CU_ASSERT(hw_rsa_sign(key, &pkcs1, digest, 32, sig));
    CU_ASSERT_EQUAL(script.last.kind, HW_OP_RSA_PKCS1);
    CU_ASSERT_EQUAL(script.last.in_len, 32);
    CU_ASSERT_FALSE(hw_rsa_sign(key, &pss, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "padding"));
    /* The hardware pads digests that it knows, never bare input. */
    CU_ASSERT_FALSE(hw_rsa_sign(key, &bare, digest, 36, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "padding"));
    CU_ASSERT_EQUAL(script.operates, 1);
    hw_key_free(key);
}

/* What a key can do is asked once, and only when it matters. */
static void prepared_once(void)
{
    struct hw_key *key = fake_key(0);

    CU_ASSERT_EQUAL(script.prepares, 0);
    CU_ASSERT(hw_rsa_sign(key, &pkcs1, digest, 32, sig));
    CU_ASSERT(hw_rsa_sign(key, &pkcs1, digest, 32, sig));
    CU_ASSERT_EQUAL(script.prepares, 1);
    hw_key_free(key);
}

static void bad_input(void)
{
    static const struct hw_rsa_padding unknown = {.mode = HW_RSA_PKCS1, .md = "NO-SUCH-DIGEST"};
    static const struct hw_rsa_padding unknown_mgf1 = {
        .mode = HW_RSA_PSS, .md = "SHA256", .mgf1_md = "NOR-THIS"};
    static const struct hw_rsa_padding long_salt = {.mode = HW_RSA_PSS, .md = "SHA256", .saltlen = SIZE};
    struct hw_key *key = fake_key(HW_OP_RSA_RAW);
    unsigned char out[SIZE];
    size_t len;

    CU_ASSERT_FALSE(hw_rsa_sign(key, &unknown, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "NO-SUCH-DIGEST"));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &unknown_mgf1, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "NOR-THIS"));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &pkcs1, digest, 31, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, ""));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &pss, digest, 33, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, "digest"));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &long_salt, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, ""));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &none, digest, SIZE - 1, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, "modulus"));
    CU_ASSERT_FALSE(hw_rsa_decrypt(key, &pkcs1, sig, SIZE - 1, out, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, "255"));
    CU_ASSERT_EQUAL(script.operates, 0);
    hw_key_free(key);
}

static void failures(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_RAW);
    unsigned char out[SIZE];
    size_t len;

    script.fails = 1;
    CU_ASSERT_FALSE(hw_rsa_sign(key, &pkcs1, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "the script fails"));
    CU_ASSERT_FALSE(hw_rsa_decrypt(key, &pkcs1, sig, SIZE, out, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_DEVICE, "the script fails"));
    hw_key_free(key);
}

static void public_keys_do_nothing(void)
{
    struct hw_key *key;
    unsigned char out[SIZE];
    size_t len;

    EVP_PKEY_up_ref(pkey);
    key = hw_key_from_pkey(unit.hw, pkey, 0);
    CU_ASSERT_FALSE(hw_key_is_private(key));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &pkcs1, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_NOT_PRIVATE, "private"));
    CU_ASSERT_FALSE(hw_rsa_decrypt(key, &pkcs1, sig, SIZE, out, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_NOT_PRIVATE, "private"));
    hw_key_free(key);
}

/* hw_rsa_check is what stands between a faulty operation and the key (Boneh, DeMillo, Lipton). */
static void checked_results(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_RAW);
    unsigned char in[SIZE] = {0, 1, 2}, out[SIZE];
    struct hw_op op = {
        .kind = HW_OP_RSA_RAW, .in = in, .in_len = SIZE, .out = out, .out_size = SIZE, .out_len = SIZE};
    size_t i;

    CU_ASSERT_FATAL(unit_raw_private(unit.libctx, pkey, in, out));
    CU_ASSERT(hw_rsa_check(key, &op));
    for (i = 0; i < SIZE; i += 5) {
        out[i] ^= 1;
        CU_ASSERT_FALSE(hw_rsa_check(key, &op));
        out[i] ^= 1;
    }
    op.out_len = SIZE - 1;
    CU_ASSERT_FALSE(hw_rsa_check(key, &op));
    op.out_len = SIZE;
    CU_ASSERT(hw_rsa_check(key, &op));

    CU_ASSERT(hw_rsa_sign(key, &pss, digest, 32, out));
    op = (struct hw_op){.kind = HW_OP_RSA_PSS,
                        .md = "SHA256",
                        .saltlen = 32,
                        .in = digest,
                        .in_len = 32,
                        .out = out,
                        .out_size = SIZE,
                        .out_len = SIZE};
    CU_ASSERT(hw_rsa_check(key, &op));
    op.saltlen = 31;
    CU_ASSERT_FALSE(hw_rsa_check(key, &op));
    op.saltlen = 32;
    op.kind = HW_OP_RSA_PKCS1;
    CU_ASSERT_FALSE(hw_rsa_check(key, &op));
    hw_key_free(key);
}

/* A rejected ciphertext's message is the same in every process that serves the key, and another for another
 * ciphertext. Only the first one costs an operation more. */
static void rejected_ciphertexts(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_RAW), *another;
    unsigned char cipher[SIZE] = {0, 9}, first[SIZE], out[SIZE];
    size_t first_len, len;

    CU_ASSERT(hw_rsa_decrypt(key, &pkcs1, cipher, SIZE, first, &first_len));
    CU_ASSERT_EQUAL(script.operates, 2);
    CU_ASSERT(hw_rsa_decrypt(key, &pkcs1, cipher, SIZE, out, &len));
    CU_ASSERT_EQUAL(script.operates, 3);
    CU_ASSERT(len == first_len && memcmp(out, first, len) == 0);
    cipher[SIZE - 1] ^= 1;
    CU_ASSERT(hw_rsa_decrypt(key, &pkcs1, cipher, SIZE, out, &len));
    CU_ASSERT(len != first_len || memcmp(out, first, len) != 0);
    cipher[SIZE - 1] ^= 1;
    hw_key_free(key);
    another = fake_key(HW_OP_RSA_RAW);
    CU_ASSERT(hw_rsa_decrypt(another, &pkcs1, cipher, SIZE, out, &len));
    CU_ASSERT(len == first_len && memcmp(out, first, len) == 0);
    hw_key_free(another);
}

static void *sign_many(void *arg)
{
    struct hw_key *key = hw_key_get1(arg);
    unsigned char mine[SIZE], first[SIZE];
    long wrong = !hw_rsa_sign(key, &pkcs1, digest, 32, first);
    int i;

    for (i = 0; i < 20; i++)
        wrong += !hw_rsa_sign(key, &pkcs1, digest, 32, mine) || memcmp(mine, first, SIZE) != 0;
    hw_key_free(key);
    return (void *)wrong;
}

static void threads_share_a_key(void)
{
    struct hw_key *key = fake_key(HW_OP_RSA_RAW);
    pthread_t threads[8];
    void *wrong;
    size_t i;

    script.many = 1;
    for (i = 0; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, sign_many, key), 0);
    for (i = 0; i < 8; i++) {
        pthread_join(threads[i], &wrong);
        CU_ASSERT_PTR_NULL(wrong);
    }
    CU_ASSERT_EQUAL(script.operates, 8 * 21);
    CU_ASSERT_EQUAL(script.unloads, 0);
    hw_key_free(key);
    CU_ASSERT_EQUAL(script.unloads, 1);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"padding in software", padding_in_software},
        {"padding in hardware", padding_in_hardware},
        {"padding in hardware, PKCS#1 v1.5", padding_in_hardware_pkcs1},
        {"prepared once", prepared_once},
        {"bad input", bad_input},
        {"failures", failures},
        {"public keys", public_keys_do_nothing},
        {"checked results", checked_results},
        {"rejected ciphertexts", rejected_ciphertexts},
        {"threads", threads_share_a_key},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, NULL);
    pkey = unit_rsa(unit.libctx, SIZE * 8);
    status = unit_run("rsa", tests);
    EVP_PKEY_free(pkey);
    unit_close(&unit);
    return status;
}
