// SPDX-License-Identifier: Apache-2.0
/* What the fuzz targets share: one struct hw, whose errors nobody wants to read. */
#ifndef SIGNET_TESTS_FUZZ_H
#define SIGNET_TESTS_FUZZ_H

#include "hw/hw.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both are made at the first call and live as long as the program. */
OSSL_LIB_CTX *fuzz_libctx(void);
struct hw *fuzz_hw(void);

/* Loads a container; what is loaded must survive being written, read again, described and freed. */
void fuzz_load(enum hw_format format, const uint8_t *data, size_t size);

/* Ends the program as a finding. */
_Noreturn void fuzz_finding(const char *what);

#endif
