// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <CUnit/Basic.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

static void on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text)
{
    struct unit *unit = arg;

    (void)file;
    (void)line;
    (void)func;
    unit->errors++;
    unit->reason = reason;
    snprintf(unit->text, sizeof(unit->text), "%s", text);
}

static void die(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(EXIT_FAILURE);
}

void unit_open(struct unit *unit, const char *tcti)
{
    const struct hw_config config = {.tcti = tcti};

    unit_open_with(unit, config);
}

void unit_open_with(struct unit *unit, struct hw_config config)
{
    memset(unit, 0, sizeof(*unit));
    unit->libctx = OSSL_LIB_CTX_new();
    if (unit->libctx == NULL || (unit->provider = OSSL_PROVIDER_load(unit->libctx, "default")) == NULL)
        die("loading the default provider");
    config.libctx = unit->libctx;
    config.error = on_error;
    config.arg = unit;
    unit->hw = hw_new(&config);
    if (unit->hw == NULL)
        die("hw_new");
}

const char *unit_tcti(void)
{
    const char *tcti = getenv("SIGNET_TCTI");

    if (tcti == NULL)
        die("looking for a TPM in SIGNET_TCTI (with_tpm.sh PROGRAM sets it)");
    return tcti;
}

void unit_close(struct unit *unit)
{
    hw_free(unit->hw);
    OSSL_PROVIDER_unload(unit->provider);
    OSSL_LIB_CTX_free(unit->libctx);
}

void unit_forget(struct unit *unit)
{
    unit->errors = 0;
}

int unit_raised(struct unit *unit, enum hw_reason reason, const char *text)
{
    int ok = unit->errors == 1 && unit->reason == (int)reason && strstr(unit->text, text) != NULL;

    if (!ok)
        fprintf(stderr, "\n%d errors, the last of reason %d: %s\n", unit->errors, unit->reason,
                unit->errors > 0 ? unit->text : "");
    unit_forget(unit);
    return ok;
}

static FILE *caught, *real_stderr;
static char *caught_text;
static size_t caught_len;

void unit_catch(void)
{
    caught = open_memstream(&caught_text, &caught_len);
    if (caught == NULL)
        die("open_memstream");
    real_stderr = stderr;
    stderr = caught;
}

int unit_caught(const char *text)
{
    int ok;

    stderr = real_stderr;
    fclose(caught);
    ok = strstr(caught_text, text) != NULL;
    if (!ok)
        fprintf(stderr, "\nexpected \"%s\" in: %s\n", text, caught_text);
    free(caught_text);
    return ok;
}

int unit_run(const char *suite, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{suite, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned failures;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        die("CUnit");
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (CU_basic_run_tests() != CUE_SUCCESS)
        die("CUnit");
    failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

EVP_PKEY *unit_rsa(OSSL_LIB_CTX *libctx, unsigned bits)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA", NULL);
    EVP_PKEY *pkey = NULL;

    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) <= 0 || EVP_PKEY_generate(ctx, &pkey) <= 0)
        die("making an RSA key");
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

int unit_raw_private(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, const unsigned char *in, unsigned char *out)
{
    struct hw_raw_ctx kept = {NULL};
    int ok = hw_rsa_raw(&kept, libctx, pkey, 1, (size_t)EVP_PKEY_get_size(pkey), in, out);

    hw_rsa_raw_free(&kept);
    return ok;
}
