// SPDX-License-Identifier: Apache-2.0
/* TPM response codes (TPM 2.0 Library part 2 section 6.6) as errors that say what to try. */
#include "tpm.h"

#include <stdio.h>
#include <string.h>
#include <tss2/tss2_rc.h>

int tpm_rc_is_tpm(TSS2_RC rc)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

    /* A resource manager passes on the TPM's codes in a layer of its own, and speaks them itself. */
    return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER;
}

uint32_t tpm_rc_base(TSS2_RC rc)
{
    rc &= ~TSS2_RC_LAYER_MASK;
    /* Format one: bits 8 to 11 number the handle, session or parameter, bit 6 says parameter. */
    return rc & TPM2_RC_FMT1 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

TSS2_RC tpm_properties(struct tpm *tpm, uint32_t first, uint32_t *values, uint32_t count)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    TSS2_RC rc;
    uint32_t i;

    memset(values, 0, count * sizeof(*values));
    rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
                            first, count, &more, &data);
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    for (i = 0; i < data->data.tpmProperties.count; i++) {
        const TPMS_TAGGED_PROPERTY *property = &data->data.tpmProperties.tpmProperty[i];

        if (property->property >= first && property->property - first < count)
            values[property->property - first] = property->value;
    }
    Esys_Free(data);
    return TSS2_RC_SUCCESS;
}

static int raise_lockout(struct tpm *tpm, const char *what)
{
    /* LOCKOUT_COUNTER, MAX_AUTH_FAIL, LOCKOUT_INTERVAL, LOCKOUT_RECOVERY */
    uint32_t v[4];

    tpm_properties(tpm, TPM2_PT_LOCKOUT_COUNTER, v, 4); /* zeros where it has no answer */
    hw_raise(
        tpm->hw, HW_E_LOCKOUT,
        "%s: the TPM at %s is in lockout after %u wrong passphrases (it allows %u); it takes the next one in "
        "at most %u seconds; to end the lockout now: tpm2_dictionarylockout --clear-lockout",
        what, tpm->name, v[0], v[1], v[2]);
    return 0;
}

struct meaning {
    uint32_t base;
    enum hw_reason reason;
    const char *text;
};

static const struct meaning meanings[] = {
    {TPM2_RC_AUTH_FAIL, HW_E_AUTH, "wrong passphrase"},
    {TPM2_RC_BAD_AUTH, HW_E_AUTH, "wrong passphrase"},
    {TPM2_RC_AUTH_MISSING, HW_E_AUTH, "a passphrase is needed"},
    {TPM2_RC_INTEGRITY, HW_E_FOREIGN_KEY,
     "the key was not made by this TPM under this parent (another TPM, a cleared one, or damaged data)"},
    {TPM2_RC_HANDLE, HW_E_FOREIGN_KEY, "there is no such object"},
    {TPM2_RC_OBJECT_MEMORY, HW_E_FULL, "no object slot is free, and none could be freed"},
    {TPM2_RC_NV_SPACE, HW_E_FULL, "no room for another persistent key; evict one"},
    {TPM2_RC_NV_DEFINED, HW_E_FULL, "the handle is taken; evict it or take another"},
    {TPM2_RC_KEY_SIZE, HW_E_UNSUPPORTED, "the TPM does not support this key size"},
    {TPM2_RC_CURVE, HW_E_UNSUPPORTED, "the TPM does not have this curve"},
    {TPM2_RC_VALUE, HW_E_UNSUPPORTED, "the TPM does not support a value, such as the key's size"},
    {TPM2_RC_RANGE, HW_E_UNSUPPORTED, "the TPM does not support a value, such as the public exponent"},
    {TPM2_RC_HASH, HW_E_UNSUPPORTED, "the TPM does not support the digest"},
    {TPM2_RC_SCHEME, HW_E_UNSUPPORTED, "the TPM does not allow this padding with this key"},
    {TPM2_RC_KEY, HW_E_UNSUPPORTED, "the TPM does not allow this use of the key"},
    {TPM2_RC_ATTRIBUTES, HW_E_UNSUPPORTED, "the TPM does not allow this use of the key"},
    {TPM2_RC_HIERARCHY, HW_E_UNSUPPORTED, "the parent is neither a persistent handle nor a hierarchy"},
    {TPM2_RC_CANCELED, HW_E_CANCELLED, "cancelled"},
};

static const struct meaning *find_meaning(TSS2_RC rc)
{
    static const struct meaning unknown = {.reason = HW_E_DEVICE};
    uint32_t base = tpm_rc_base(rc);
    size_t i;

    for (i = 0; tpm_rc_is_tpm(rc) && i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].base == base)
            return &meanings[i];
    }
    return &unknown;
}

/* Writes ", parent 0x81000001" or the like, and what helps if the passphrase or the handle is the trouble. */
static void name_culprit(uint32_t culprit, enum hw_reason reason, uint32_t base, char who[64],
                         const char **help)
{
    who[0] = '\0';
    *help = "";
    if (culprit == 0)
        return;
    if (culprit >= TPM_PERSISTENT_FIRST && culprit <= TPM_PERSISTENT_LAST)
        snprintf(who, 64, ", parent 0x%08x", culprit);
    else
        snprintf(who, 64, ", %s hierarchy",
                 culprit == TPM2_RH_OWNER         ? "owner"
                 : culprit == TPM2_RH_ENDORSEMENT ? "endorsement"
                 : culprit == TPM2_RH_PLATFORM    ? "platform"
                                                  : "null");
    if (reason == HW_E_AUTH)
        *help =
            culprit == TPM2_RH_OWNER
                ? "; owner-passphrase-file or SIGNET_OWNER_PASSPHRASE_FILE names the file that holds it"
                : "; parent-passphrase-file or SIGNET_PARENT_PASSPHRASE_FILE names the file that holds it";
    else if (base == TPM2_RC_HANDLE && culprit >= TPM_PERSISTENT_FIRST)
        *help = "; make a storage key there, or a new key under another parent";
}

/* There is no connection. */
static int raise_absent(struct tpm *tpm, const char *what)
{
    if (tpm->is_bus_lost)
        hw_raise(
            tpm->hw, HW_E_NO_DEVICE,
            "%s: the D-Bus connection to the TPM at %s was in use before fork, and does not survive it; set "
            "tcti or SIGNET_TCTI to device:/dev/tpmrm0",
            what, tpm->name);
    else
        hw_raise(tpm->hw, HW_E_NO_DEVICE,
                 "%s: no TPM answers at %s; set tcti in openssl.cnf or SIGNET_TCTI, and check that this user "
                 "may use "
                 "the device",
                 what, tpm->name);
    return 0;
}

int tpm_raise(struct tpm *tpm, TSS2_RC rc, const char *what)
{
    uint32_t base = tpm_rc_base(rc);
    const struct meaning *meaning = find_meaning(rc);
    const char *help;
    char who[64];

    if (rc == TPM_RAISED)
        return 0;
    if (tpm->esys == NULL || tpm_remedy(rc) == TPM_RECONNECT)
        return raise_absent(tpm, what);
    if (tpm_rc_is_tpm(rc) && base == TPM2_RC_LOCKOUT)
        return raise_lockout(tpm, what);
    name_culprit(tpm->culprit, meaning->reason, base, who, &help);
    hw_raise(tpm->hw, meaning->reason, "%s: TPM at %s%s: %s%s (0x%x)", what, tpm->name, who,
             meaning->text != NULL ? meaning->text : Tss2_RC_Decode(rc), help, rc);
    return 0;
}
