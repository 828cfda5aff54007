// SPDX-License-Identifier: Apache-2.0
/* TSS2 PRIVATE KEY, DER: the ASN.1, the TPM's structures in it, and what Signet makes of the public area. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_load(HW_FORMAT_TSS2, data, size);
    return 0;
}
