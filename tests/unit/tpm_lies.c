// SPDX-License-Identifier: Apache-2.0
/*
 * A TPM that gives wrong answers: what can be mended by another try is, and the rest is refused with one
 * error. A wrong signature must not get out: a faulty one gives the key away.
 */
#include "relay.h"
#include "unit.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#define SIZE   128
#define ALWAYS 1000 /* more often than anybody should try */

static struct unit unit;
static struct hw_key *key;
static unsigned char good[SIZE]; /* PKCS#1 v1.5 signatures are all the same */

/* SHA256: the TPM pads (TPM2_Sign); SHA384: hw does, and the TPM decrypts (TPM2_RSA_Decrypt); NULL: ECDSA. */
static const char *md;
static const unsigned char digest[48] = {7, 8, 9};
static size_t sig_len;

static int sign(unsigned char sig[SIZE])
{
    struct hw_rsa_padding padding = {.mode = HW_RSA_PKCS1, .md = md};

    memset(sig, 0, SIZE);
    sig_len = SIZE;
    if (md == NULL)
        return hw_ec_sign(key, digest, sizeof(digest), sig, &sig_len);
    return hw_rsa_sign(key, &padding, digest, strcmp(md, "SHA256") == 0 ? 32 : 48, sig);
}

static int is_good(const unsigned char sig[SIZE])
{
    EVP_PKEY_CTX *ctx;
    int ok;

    if (md != NULL)
        return memcmp(sig, good, SIZE) == 0;
    ctx = EVP_PKEY_CTX_new_from_pkey(unit.libctx, hw_key_get0_pkey(key), NULL);
    ok = EVP_PKEY_verify_init(ctx) > 0 && EVP_PKEY_verify(ctx, sig, sig_len, digest, sizeof(digest)) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int is_good_after(enum relay_lie lie, unsigned times, unsigned code)
{
    unsigned char sig[SIZE];
    int ok;

    relay_operations();
    relay_lie(lie, times, code);
    ok = sign(sig) && is_good(sig) && unit.errors == 0 && ERR_peek_error() == 0 &&
         relay_operations() == times + 1;
    if (!ok)
        fprintf(stderr, "\nlie %d, %u times, code 0x%x: %s\n", lie, times, code, unit.text);
    unit_forget(&unit);
    return ok;
}

/* Refused once for this reason, after a few tries, with nothing of the result left in sight. */
static int is_refused_for(enum hw_reason reason, enum relay_lie lie, unsigned code)
{
    static const unsigned char zeros[SIZE] = {0};
    unsigned char sig[SIZE];
    unsigned tries;
    int ok;

    relay_operations();
    relay_lie(lie, ALWAYS, code);
    ok = !sign(sig) && memcmp(sig, zeros, SIZE) == 0;
    tries = relay_operations();
    relay_lie(lie, 0, 0);
    if (!ok || tries > 10)
        fprintf(stderr, "\nlie %d, code 0x%x: %s, %u tries\n", lie, code, ok ? "refused" : "let out", tries);
    return unit_raised(&unit, reason, "at swtpm:host=127.0.0.1,port=") && ok && tries <= 10;
}

static void wrong_once(void)
{
    CU_ASSERT(is_good_after(RELAY_FLIP_BIT, 1, 0));
    CU_ASSERT(is_good_after(RELAY_FLIP_BIT, 2, 0));
    CU_ASSERT(is_good_after(RELAY_EMPTY_RESULT, 1, 0));
}

static void wrong_always(void)
{
    CU_ASSERT(is_refused_for(HW_E_WRONG_RESULT, RELAY_FLIP_BIT, 0));
    CU_ASSERT(is_refused_for(HW_E_WRONG_RESULT, RELAY_EMPTY_RESULT, 0));
    CU_ASSERT(is_good_after(RELAY_FLIP_BIT, 0, 0));
}

static void broken_once(void)
{
    CU_ASSERT(is_good_after(RELAY_CUT, 1, 0));
    CU_ASSERT(is_good_after(RELAY_HUGE_SIZE, 1, 0));
}

static void broken_always(void)
{
    CU_ASSERT(is_refused_for(HW_E_NO_DEVICE, RELAY_CUT, 0));
    CU_ASSERT(is_refused_for(HW_E_NO_DEVICE, RELAY_HUGE_SIZE, 0));
    CU_ASSERT(is_refused_for(HW_E_NO_DEVICE, RELAY_GARBAGE, 0)); /* whatever that is, it is no TPM */
    CU_ASSERT(is_refused_for(HW_E_DEVICE, RELAY_TINY_SIZE, 0));
    CU_ASSERT(is_good_after(RELAY_CUT, 0, 0));
}

static void codes(void)
{
    CU_ASSERT(is_good_after(RELAY_CODE, 1, TPM2_RC_RETRY));
    CU_ASSERT(is_good_after(RELAY_CODE, 1, TPM2_RC_YIELDED));
    CU_ASSERT(is_good_after(RELAY_CODE, 1, TPM2_RC_OBJECT_MEMORY));
    CU_ASSERT(is_good_after(RELAY_CODE, 1, TPM2_RC_REFERENCE_H0));
    CU_ASSERT(is_refused_for(HW_E_FULL, RELAY_CODE, TPM2_RC_OBJECT_MEMORY));
    CU_ASSERT(is_refused_for(HW_E_DEVICE, RELAY_CODE, TPM2_RC_FAILURE));
    CU_ASSERT(is_refused_for(HW_E_LOCKOUT, RELAY_CODE, TPM2_RC_LOCKOUT));
    CU_ASSERT(is_good_after(RELAY_CODE, 0, 0));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"a wrong result once or twice", wrong_once},
        {"wrong results always", wrong_always},
        {"a broken answer once", broken_once},
        {"broken answers always", broken_always},
        {"response codes", codes},
        CU_TEST_INFO_NULL,
    };
    int status = EXIT_FAILURE;

    /* tpm2-tss would print every lie. */
    setenv("TSS2_LOG", "all+NONE", 0);
    unit_open(&unit, relay_start(unit_tcti()));
    key = hw_key_generate(unit.hw, &(struct hw_generate){.custody = HW_CUSTODY_TPM, .bits = SIZE * 8});
    md = "SHA256";
    if (key != NULL && sign(good))
        status = unit_run("tpm_lies_signing", tests);
    md = "SHA384";
    if (status == EXIT_SUCCESS && !(sign(good) && unit_run("tpm_lies_decrypting", tests) == EXIT_SUCCESS))
        status = EXIT_FAILURE;
    hw_key_free(key);
    md = NULL;
    key = hw_key_generate(unit.hw, &(struct hw_generate){.custody = HW_CUSTODY_TPM, .type = HW_TYPE_EC});
    if (key == NULL || (status == EXIT_SUCCESS && unit_run("tpm_lies_ecdsa", tests) != EXIT_SUCCESS))
        status = EXIT_FAILURE;
    hw_key_free(key);
    unit_close(&unit);
    return status;
}
