// SPDX-License-Identifier: Apache-2.0
/* What the TPM says of itself: its line of `signet hw print`. */
#include "tpm.h"

#include <stdio.h>
#include <string.h>

static void append_sizes(struct tpm *tpm, char *line, size_t size)
{
    static const UINT16 sizes[] = {1024, 2048, 3072, 4096};
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        TPMT_PUBLIC_PARMS parms = {.type = TPM2_ALG_RSA};

        parms.parameters.rsaDetail = (TPMS_RSA_PARMS){
            .symmetric.algorithm = TPM2_ALG_NULL, .scheme.scheme = TPM2_ALG_NULL, .keyBits = sizes[i]};
        if (Esys_TestParms(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parms) == TSS2_RC_SUCCESS)
            snprintf(line + strlen(line), size - strlen(line), " %u", sizes[i]);
    }
}

static void append_persistent(struct tpm *tpm, char *line, size_t size)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more = 0;
    uint32_t i;

    if (Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                           TPM_PERSISTENT_FIRST, 32, &more, &data) != TSS2_RC_SUCCESS)
        return;
    for (i = 0; i < data->data.handles.count; i++)
        snprintf(line + strlen(line), size - strlen(line), "%s0x%08x", i > 0 ? " " : "",
                 data->data.handles.handle[i]);
    snprintf(line + strlen(line), size - strlen(line), "%s",
             data->data.handles.count == 0 ? "none"
             : more                        ? " …"
                                           : "");
    Esys_Free(data);
}

/* Names of what the TPM has, of the things that are asked about. */
struct named {
    uint32_t id;
    const char *name;
};

static void append_curves(struct tpm *tpm, char *line, size_t size)
{
    static const struct named curves[] = {{TPM2_ECC_NIST_P256, "P-256"},
                                          {TPM2_ECC_NIST_P384, "P-384"},
                                          {TPM2_ECC_NIST_P521, "P-521"},
                                          {TPM2_ECC_BN_P256, "BN-256"},
                                          {TPM2_ECC_SM2_P256, "SM2"}};
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more = 0;
    const char *separator = ", ECC ";
    uint32_t i;
    size_t j;

    if (Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_ECC_CURVES, 0,
                           TPM2_MAX_ECC_CURVES, &more, &data) != TSS2_RC_SUCCESS)
        return;
    for (i = 0; i < data->data.eccCurves.count; i++) {
        for (j = 0; j < sizeof(curves) / sizeof(curves[0]); j++) {
            if (curves[j].id != data->data.eccCurves.eccCurves[i])
                continue;
            snprintf(line + strlen(line), size - strlen(line), "%s%s", separator, curves[j].name);
            separator = " ";
        }
    }
    Esys_Free(data);
}

static void append_algorithms(struct tpm *tpm, char *line, size_t size)
{
    static const struct named algorithms[] = {
        {TPM2_ALG_SHA1, "SHA-1"},     {TPM2_ALG_SHA256, "SHA-256"},    {TPM2_ALG_SHA384, "SHA-384"},
        {TPM2_ALG_SHA512, "SHA-512"}, {TPM2_ALG_SHA3_256, "SHA3-256"}, {TPM2_ALG_SM3_256, "SM3"},
        {TPM2_ALG_RSASSA, "RSASSA"},  {TPM2_ALG_RSAPSS, "RSAPSS"},     {TPM2_ALG_RSAES, "RSAES"},
        {TPM2_ALG_OAEP, "OAEP"},      {TPM2_ALG_ECDSA, "ECDSA"},       {TPM2_ALG_ECDH, "ECDH"},
        {TPM2_ALG_AES, "AES"},        {TPM2_ALG_HMAC, "HMAC"},
    };
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more = 0;
    const char *separator = ", algorithms ";
    uint32_t i;
    size_t j;

    if (Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_ALGS, 0,
                           TPM2_MAX_CAP_ALGS, &more, &data) != TSS2_RC_SUCCESS)
        return;
    for (i = 0; i < data->data.algorithms.count; i++) {
        for (j = 0; j < sizeof(algorithms) / sizeof(algorithms[0]); j++) {
            if (algorithms[j].id != data->data.algorithms.algProperties[i].alg)
                continue;
            snprintf(line + strlen(line), size - strlen(line), "%s%s", separator, algorithms[j].name);
            separator = " ";
        }
    }
    Esys_Free(data);
}

/* Manufacturer and four words of vendor string: each word is four characters. */
static void vendor_text(char vendor[5 * 4 + 1], const uint32_t words[5])
{
    size_t i, n = 0;

    for (i = 0; i < 5; i++) {
        unsigned shift;

        for (shift = 32; shift > 0; shift -= 8) {
            char c = (char)(words[i] >> (shift - 8));

            /* Padding of a word is not a part of the name. */
            if (c >= ' ' && c <= '~' && (c != ' ' || (n > 0 && vendor[n - 1] != ' ')))
                vendor[n++] = c;
        }
    }
    while (n > 0 && vendor[n - 1] == ' ')
        n--;
    vendor[n] = '\0';
}

char *tpm_describe(void *state)
{
    struct tpm *tpm = state;
    char line[1024];
    uint32_t v[8], slots;
    unsigned attempt = 0;
    TSS2_RC rc;

    if (!tpm_lock(tpm))
        return NULL;
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_properties(tpm, TPM2_PT_MANUFACTURER, v, 8);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, NULL, attempt++));
    if (rc == TSS2_RC_SUCCESS)
        rc = tpm_properties(tpm, TPM2_PT_HR_TRANSIENT_AVAIL, &slots, 1);
    if (rc != TSS2_RC_SUCCESS) {
        snprintf(line, sizeof(line), "tpm: none (tried %s)", tpm->name);
    } else {
        char vendor[5 * 4 + 1];

        vendor_text(vendor, v);
        /* Behind the words of the name comes the vendor's type, and then two of the firmware's version. */
        snprintf(line, sizeof(line), "tpm: %s, %s, firmware %u.%u.%u.%u, %s, %u object slots free, RSA",
                 tpm->name, vendor, v[6] >> 16, v[6] & 0xffff, v[7] >> 16, v[7] & 0xffff,
                 tpm->is_managed ? "resource manager" : "no resource manager", slots);
        append_sizes(tpm, line, sizeof(line));
        append_curves(tpm, line, sizeof(line));
        append_algorithms(tpm, line, sizeof(line));
        snprintf(line + strlen(line), sizeof(line) - strlen(line), ", persistent ");
        append_persistent(tpm, line, sizeof(line));
    }
    tpm_unlock(tpm);
    return OPENSSL_strdup(line);
}
