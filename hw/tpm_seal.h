// SPDX-License-Identifier: Apache-2.0
/* Secrets sealed to the TPM. Private to hw/. */
#ifndef SIGNET_HW_TPM_SEAL_H
#define SIGNET_HW_TPM_SEAL_H

#include "tpm.h"

struct tpm_seal {
    uint32_t parent;
    int rsa_parent;
    TPM2B_PUBLIC pub;
    TPM2B_PRIVATE priv;
    TPML_PCR_SELECTION pcrs; /* count 0: none */
    int has_auth;
};

/* Seals len bytes, at most 128; of params passphrase, parent and pcrs count. Raises. */
int tpm_seal(struct tpm *tpm, const unsigned char *secret, size_t len, const struct hw_generate *params,
             struct tpm_seal *seal);
/* Gives back exactly len bytes. *is_refused is set if the TPM did not take auth. Raises. */
int tpm_unseal(struct tpm *tpm, const struct tpm_seal *seal, const TPM2B_AUTH *auth, unsigned char *secret,
               size_t len, int *is_refused);

/* "sha256:0,2,7" */
void tpm_pcrs_text(const TPML_PCR_SELECTION *pcrs, char *text, size_t size);

#endif
