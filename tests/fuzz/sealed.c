// SPDX-License-Identifier: Apache-2.0
/* SIGNET SEALED KEY, DER. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_load(HW_FORMAT_SEALED, data, size);
    return 0;
}
