// SPDX-License-Identifier: Apache-2.0
/* What the unit tests share: a CUnit run, a private library context, a struct hw that keeps its errors. */
#ifndef SIGNET_TESTS_UNIT_H
#define SIGNET_TESTS_UNIT_H

#include "hw/backend.h"

#include <CUnit/CUnit.h>

struct unit {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *provider;
    struct hw *hw;
    int errors;      /* raised since unit_forget */
    int reason;      /* the last one's */
    char text[1024]; /* the last one's */
};

/* tcti NULL: the first TPM found, which tests without a TPM never look for. Ends the program on failure. */
void unit_open(struct unit *unit, const char *tcti);
/* The same with more of a configuration; libctx, error and arg are unit's own. */
void unit_open_with(struct unit *unit, struct hw_config config);
/* The TPM that SIGNET_TCTI names; see with_tpm.sh. Ends the program if it names none. */
const char *unit_tcti(void);
void unit_close(struct unit *unit);
void unit_forget(struct unit *unit);
/* Was exactly one error raised, of this reason and with this in its text? Forgets it. */
int unit_raised(struct unit *unit, enum hw_reason reason, const char *text);

/* Keeps what is written to stderr until unit_caught, which tells whether this text is in it. */
void unit_catch(void);
int unit_caught(const char *text);

/* Runs the tests; what main returns. */
int unit_run(const char *suite, CU_TestInfo *tests);

/* RSA keys made by OpenSSL, for comparison; never NULL. The caller's. */
EVP_PKEY *unit_rsa(OSSL_LIB_CTX *libctx, unsigned bits);
/* The private operation without padding: in and out as long as the modulus. */
int unit_raw_private(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, const unsigned char *in, unsigned char *out);

#endif
