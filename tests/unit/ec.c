// SPDX-License-Identifier: Apache-2.0
/* EC keys of each custody, on the TPM that SIGNET_TCTI names: see with_tpm.sh. */
#include "unit.h"

#include "hw/container.h"
#include "hw/lane.h"

#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#define HANDLE 0x81010011u

static struct unit unit;
static const enum hw_custody custodies[] = {HW_CUSTODY_TPM, HW_CUSTODY_SEALED, HW_CUSTODY_FILE};
static const char *const curves[] = {"P-256", "secp384r1"};

static struct hw_key *generate(enum hw_custody custody, const char *curve)
{
    return hw_key_generate(unit.hw,
                           &(struct hw_generate){.type = HW_TYPE_EC, .custody = custody, .curve = curve});
}

static int verify(struct hw_key *key, const unsigned char *digest, size_t digest_len,
                  const unsigned char *sig, size_t len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, hw_key_get0_pkey(key), NULL);
    int ok = EVP_PKEY_verify_init(ctx) > 0 && EVP_PKEY_verify(ctx, sig, len, digest, digest_len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int signs(struct hw_key *key, size_t digest_len)
{
    unsigned char digest[64], sig[256];
    size_t len = 0;

    RAND_bytes(digest, sizeof(digest));
    return hw_ec_sign(key, digest, digest_len, sig, &len) && len <= (size_t)EVP_PKEY_get_size(key->pkey) &&
           verify(key, digest, digest_len, sig, len);
}

/* SHA-1, SHA-224, SHA-256, SHA-384, SHA-512, and what is no digest's length. */
static void digests(void)
{
    static const size_t lengths[] = {20, 28, 32, 48, 64, 1, 33, 47, 63};
    size_t i, j, c;

    for (c = 0; c < 3; c++) {
        for (i = 0; i < 2; i++) {
            struct hw_key *key = generate(custodies[c], curves[i]);

            CU_ASSERT_PTR_NOT_NULL_FATAL(key);
            CU_ASSERT_EQUAL(hw_key_custody(key), custodies[c]);
            CU_ASSERT_EQUAL(EVP_PKEY_get_bits(hw_key_get0_pkey(key)), i == 0 ? 256 : 384);
            for (j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++)
                CU_ASSERT(signs(key, lengths[j]));
            hw_key_free(key);
        }
    }
    CU_ASSERT_EQUAL(unit.errors, 0);
}

/* A point's coordinate or a signature's number begins with a zero byte about once in 128 signatures. */
static void many(void)
{
    struct hw_key *key = generate(HW_CUSTODY_TPM, NULL);
    int i, good = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    for (i = 0; i < 600; i++)
        good += signs(key, 32);
    CU_ASSERT_EQUAL(good, 600);
    hw_key_free(key);
}

/* The CPU's, too: with one number as it should not be, here the private key itself, nothing gets out. */
static void faulty(void)
{
    static const unsigned char digest[32] = {1};
    unsigned char sig[256] = {0}, zeros[256] = {0};
    size_t c, i, len = 0;

    for (c = 1; c < 3; c++) {
        struct hw_key *key = generate(custodies[c], "P-256");
        EVP_PKEY *right;

        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT_FATAL(signs(key, 32));
        right = key->held->pkey;
        hw_rsa_raw_free(&key->held->kept);
        key->held->kept.ctx = NULL;
        key->held->pkey = EVP_PKEY_Q_keygen(unit.libctx, NULL, "EC", "P-256");
        for (i = 0; i < 3; i++) {
            CU_ASSERT_FALSE(hw_ec_sign(key, digest, 32, sig, &len));
            CU_ASSERT(unit_raised(&unit, HW_E_WRONG_RESULT, "does not fit the key"));
            CU_ASSERT_EQUAL(memcmp(sig, zeros, sizeof(sig)), 0);
        }
        hw_rsa_raw_free(&key->held->kept);
        key->held->kept.ctx = NULL;
        EVP_PKEY_free(key->held->pkey);
        key->held->pkey = right;
        CU_ASSERT(signs(key, 32));
        hw_key_free(key);
    }
    unit_forget(&unit);
}

static struct hw_key *load_again(struct hw_key *key)
{
    unsigned char *der = NULL;
    enum hw_format format;
    struct hw_key *again;
    size_t len;

    CU_ASSERT_FATAL(hw_key_container(key, &format, &der, &len));
    again = hw_key_load(unit.hw, format, der, len, NULL, NULL);
    OPENSSL_clear_free(der, len);
    return again;
}

static void containers(void)
{
    size_t c, i;

    for (c = 0; c < 3; c++) {
        for (i = 0; i < 2; i++) {
            struct hw_key *key = generate(custodies[c], curves[i]), *again;

            CU_ASSERT_PTR_NOT_NULL_FATAL(key);
            again = load_again(key);
            CU_ASSERT_PTR_NOT_NULL_FATAL(again);
            CU_ASSERT_EQUAL(EVP_PKEY_eq(key->pkey, again->pkey), 1);
            CU_ASSERT_EQUAL(hw_key_custody(again), custodies[c]);
            CU_ASSERT(signs(again, 32));
            hw_key_free(again);
            hw_key_free(key);
        }
    }
}

static void wrapped(void)
{
    size_t c, i;

    for (c = 0; c < 2; c++) {
        for (i = 0; i < 2; i++) {
            EVP_PKEY *pkey = EVP_PKEY_Q_keygen(unit.libctx, NULL, "EC", curves[i]);
            struct hw_key *key = hw_key_wrap(unit.hw, pkey, &(struct hw_generate){.custody = custodies[c]}),
                          *again;

            CU_ASSERT_PTR_NOT_NULL_FATAL(key);
            CU_ASSERT_EQUAL(EVP_PKEY_eq(pkey, hw_key_get0_pkey(key)), 1);
            CU_ASSERT(signs(key, 32));
            again = load_again(key);
            CU_ASSERT_PTR_NOT_NULL_FATAL(again);
            CU_ASSERT(signs(again, 48));
            hw_key_free(again);
            hw_key_free(key);
            EVP_PKEY_free(pkey);
        }
    }
}

static void moved(void)
{
    struct hw_key *file = generate(HW_CUSTODY_FILE, "P-384");
    struct hw_key *sealed = hw_key_move(file, &(struct hw_generate){.custody = HW_CUSTODY_SEALED}), *tpm;

    CU_ASSERT_PTR_NOT_NULL_FATAL(sealed);
    tpm = hw_key_move(sealed, &(struct hw_generate){.custody = HW_CUSTODY_TPM});
    CU_ASSERT_PTR_NOT_NULL_FATAL(tpm);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(file->pkey, tpm->pkey), 1);
    CU_ASSERT(signs(tpm, 48));
    CU_ASSERT_PTR_NULL(hw_key_move(tpm, &(struct hw_generate){.custody = HW_CUSTODY_SEALED}));
    CU_ASSERT(unit_raised(&unit, HW_E_NOT_PRIVATE, "custody tpm"));
    hw_key_free(tpm);
    hw_key_free(sealed);
    hw_key_free(file);
}

static void persistent(void)
{
    struct hw_key *key = generate(HW_CUSTODY_TPM, "P-256"), *there, *again;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    there = hw_key_persist(key, HANDLE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(there);
    CU_ASSERT(signs(there, 64));
    again = load_again(there);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT(signs(again, 20));
    hw_key_free(again);
    again = hw_key_load_uri(unit.hw, "handle=0x81010011", NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT(signs(again, 48));
    hw_key_free(again);
    CU_ASSERT(hw_evict(unit.hw, HANDLE));
    hw_key_free(there);
    hw_key_free(key);
}

static int count_calls(void *arg)
{
    return ++*(int *)arg != 1;
}

static void cancelled(void)
{
    int calls = 0;
    struct hw_generate params = {
        .type = HW_TYPE_EC, .custody = HW_CUSTODY_TPM, .progress = count_calls, .progress_arg = &calls};

    CU_ASSERT_PTR_NULL(hw_key_generate(unit.hw, &params));
    CU_ASSERT(unit_raised(&unit, HW_E_CANCELLED, "EC P-256 key generation: cancelled"));
    CU_ASSERT_EQUAL(calls, 1);
}

static void automatic(void)
{
    struct hw_key *key = generate(HW_CUSTODY_AUTO, "prime256v1");

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL(hw_key_custody(key), HW_CUSTODY_TPM);
    hw_key_free(key);
    key = generate(HW_CUSTODY_AUTO, "P-521"); /* no TPM of ours */
    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL(hw_key_custody(key), HW_CUSTODY_SEALED);
    CU_ASSERT(signs(key, 64));
    hw_key_free(key);
}

static void refusals(void)
{
    static const unsigned char digest[65] = {1};
    struct hw_rsa_padding padding = {.mode = HW_RSA_PKCS1, .md = "SHA256"};
    EVP_PKEY *odd = EVP_PKEY_Q_keygen(unit.libctx, NULL, "EC", "P-521");
    struct hw_key *key = generate(HW_CUSTODY_TPM, NULL), *rsa, *pub;
    unsigned char sig[512];
    size_t len;

    CU_ASSERT_PTR_NULL(generate(HW_CUSTODY_TPM, "P-521"));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "P-521"));
    CU_ASSERT_PTR_NULL(generate(HW_CUSTODY_TPM, "moon"));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "curve moon"));
    CU_ASSERT_PTR_NULL(generate(HW_CUSTODY_FILE, "moon"));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "EC moon"));
    CU_ASSERT_PTR_NULL(hw_key_wrap(unit.hw, odd, &(struct hw_generate){.custody = HW_CUSTODY_TPM}));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "secp521r1"));
    EVP_PKEY_free(odd);

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_FALSE(hw_ec_sign(key, digest, 65, sig, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, "not 65"));
    CU_ASSERT_FALSE(hw_ec_sign(key, digest, 0, sig, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_BAD_INPUT, "not 0"));
    CU_ASSERT_FALSE(hw_rsa_sign(key, &padding, digest, 32, sig));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, ""));
    CU_ASSERT_FALSE(hw_rsa_decrypt(key, &padding, digest, 32, sig, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, ""));
    rsa = hw_key_generate(unit.hw, &(struct hw_generate){.custody = HW_CUSTODY_FILE, .bits = 1024});
    CU_ASSERT_FALSE(hw_ec_sign(rsa, digest, 32, sig, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "ECDSA"));
    hw_key_free(rsa);
    EVP_PKEY_up_ref(hw_key_get0_pkey(key));
    pub = hw_key_from_pkey(unit.hw, hw_key_get0_pkey(key), 0);
    CU_ASSERT_FALSE(hw_ec_sign(pub, digest, 32, sig, &len));
    CU_ASSERT(unit_raised(&unit, HW_E_NOT_PRIVATE, "private"));
    hw_key_free(pub);
    hw_key_free(key);

    key = generate(HW_CUSTODY_SEALED, NULL);
    CU_ASSERT_FALSE(hw_key_hold(key, NULL));
    CU_ASSERT(unit_raised(&unit, HW_E_UNSUPPORTED, "RSA keys only"));
    hw_key_free(key);
}

/* ---- public areas from outside ---- */

/* Loads a container whose public area is this; the private one means nothing. */
static struct hw_key *load_area(const TPMT_PUBLIC *area)
{
    TPM2B_PUBLIC pub = {.publicArea = *area};
    TPM2B_PRIVATE priv = {.size = 100};
    unsigned char pub_bytes[sizeof(pub)], priv_bytes[sizeof(priv)], *der = NULL;
    struct container_tss2 tss2 = {
        .parent = 0x81000001, .empty_auth = 1, .pub = pub_bytes, .priv = priv_bytes};
    struct hw_key *key;
    size_t len;

    CU_ASSERT_FATAL(Tss2_MU_TPM2B_PUBLIC_Marshal(&pub, pub_bytes, sizeof(pub_bytes), &tss2.pub_len) ==
                        TSS2_RC_SUCCESS &&
                    Tss2_MU_TPM2B_PRIVATE_Marshal(&priv, priv_bytes, sizeof(priv_bytes), &tss2.priv_len) ==
                        TSS2_RC_SUCCESS &&
                    container_tss2_encode(&tss2, &der, &len));
    key = hw_key_load(unit.hw, HW_FORMAT_TSS2, der, len, NULL, NULL);
    OPENSSL_free(der);
    return key;
}

static int is_refused(const TPMT_PUBLIC *area, const char *text)
{
    struct hw_key *key = load_area(area);
    int ok = key == NULL && unit_raised(&unit, HW_E_BAD_KEY, text);

    hw_key_free(key);
    unit_forget(&unit);
    return ok;
}

static TPMT_PUBLIC area_of(EVP_PKEY *pkey)
{
    TPMT_PUBLIC area = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT,
        .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                 .scheme.scheme = TPM2_ALG_NULL,
                                 .curveID = TPM2_ECC_NIST_P256,
                                 .kdf.scheme = TPM2_ALG_NULL},
    };
    BIGNUM *x = NULL, *y = NULL;

    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x);
    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y);
    area.unique.ecc.x.size = (UINT16)BN_bn2bin(x, area.unique.ecc.x.buffer);
    area.unique.ecc.y.size = (UINT16)BN_bn2bin(y, area.unique.ecc.y.buffer);
    BN_free(x);
    BN_free(y);
    return area;
}

static void areas(void)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(unit.libctx, NULL, "EC", "P-256");
    const TPMT_PUBLIC good = area_of(pkey);
    struct hw_key *key = load_area(&good);
    TPMT_PUBLIC bad;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(hw_key_get0_pkey(key), pkey), 1);
    hw_key_free(key);

    bad = good;
    bad.unique.ecc.x.buffer[bad.unique.ecc.x.size - 1] ^= 1; /* off the curve */
    CU_ASSERT(is_refused(&bad, "does not take the public key"));
    bad = good;
    bad.unique.ecc.x.size = 33;
    CU_ASSERT(is_refused(&bad, "point"));
    bad = good;
    bad.unique.ecc.y.size = 128;
    CU_ASSERT(is_refused(&bad, "point"));
    bad = good;
    bad.unique.ecc.x.size = bad.unique.ecc.y.size = 0;
    CU_ASSERT(is_refused(&bad, "public key"));
    bad = good;
    bad.parameters.eccDetail.curveID = TPM2_ECC_NIST_P384; /* another curve's point */
    CU_ASSERT(is_refused(&bad, "public key"));
    bad = good;
    bad.parameters.eccDetail.curveID = TPM2_ECC_SM2_P256;
    CU_ASSERT(is_refused(&bad, "curve"));
    bad = good;
    bad.parameters.eccDetail.scheme.scheme = TPM2_ALG_SM2;
    bad.parameters.eccDetail.scheme.details.sm2.hashAlg = TPM2_ALG_SHA256;
    CU_ASSERT(is_refused(&bad, "scheme"));
    bad = good;
    bad.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
    bad.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SM3_256;
    CU_ASSERT(is_refused(&bad, "digest"));
    bad = good;
    bad.objectAttributes |= TPMA_OBJECT_RESTRICTED;
    CU_ASSERT(is_refused(&bad, "restricted"));
    bad = good;
    bad.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_DECRYPT;
    CU_ASSERT(is_refused(&bad, "neither sign"));
    EVP_PKEY_free(pkey);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"custodies, curves, digests", digests},
        {"many signatures", many},
        {"a wrong result of the CPU", faulty},
        {"containers", containers},
        {"keys from outside", wrapped},
        {"from file to sealed to the TPM", moved},
        {"persistent keys", persistent},
        {"cancelled", cancelled},
        {"custody auto", automatic},
        {"refusals", refusals},
        {"public areas", areas},
        CU_TEST_INFO_NULL,
    };
    int status;

    unit_open(&unit, unit_tcti());
    status = unit_run("ec", tests);
    unit_close(&unit);
    return status;
}
