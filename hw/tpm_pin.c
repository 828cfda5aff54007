// SPDX-License-Identifier: Apache-2.0
/*
 * pin = auto: keys that are used a lot get a persistent copy in the TPM.
 *
 * The kernel's resource manager loads a transient object before each command and saves it after: four
 * commands a signature where one would do. A persistent object has nothing to swap. Memory for those is
 * scarce, so only busy keys get it, and the last place stays free. The copy's handle follows from the key, so
 * that all processes find one.
 */
#include "tpm.h"

#include <string.h>

#define BUSY       64          /* operations, then the key is worth it */
#define FIRST      0x81530000u /* the owner's, and out of the way of what people number by hand */
#define LAST       0x8153ffffu
#define TRIES      8 /* handles in a row, should several keys want the same */
#define NOT_TO_PIN UINT32_MAX

static uint32_t handle_of(const TPM2B_NAME *name, unsigned attempt)
{
    /* The name's last bytes are a digest's. */
    uint32_t n = (uint32_t)name->name[name->size - 2] << 8 | name->name[name->size - 1];

    return FIRST | ((n + attempt) & 0xffff);
}

/* What is at the handle: 1: this key, 0: nothing, -1: something else or not to be known. */
static int look(struct tpm *tpm, uint32_t handle, const TPM2B_NAME *name)
{
    TPM2B_NAME *there = NULL;
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc = tpm_persistent(tpm, handle, &tr);
    int found = -1;

    if (rc != TSS2_RC_SUCCESS)
        return tpm_rc_is_tpm(rc) && tpm_rc_base(rc) == TPM2_RC_HANDLE ? 0 : -1;
    if (Esys_TR_GetName(tpm->esys, tr, &there) == TSS2_RC_SUCCESS && there->size == name->size &&
        memcmp(there->name, name->name, name->size) == 0)
        found = 1;
    Esys_Free(there);
    Esys_TR_Close(tpm->esys, &tr);
    return found;
}

/* The handle of the key's persistent copy, made if need be; 0 if it can have none. */
static uint32_t find_place(struct tpm *tpm, struct tpm_key *k, const TPM2B_NAME *name)
{
    uint32_t places = 0;
    ESYS_TR copy = ESYS_TR_NONE;
    unsigned attempt;
    TSS2_RC rc;

    for (attempt = 0; attempt < TRIES; attempt++) {
        uint32_t handle = handle_of(name, attempt);

        switch (look(tpm, handle, name)) {
        case 1:
            return handle;
        case -1:
            continue;
        }
        rc = tpm_properties(tpm, TPM2_PT_HR_PERSISTENT_AVAIL, &places, 1);
        if (rc != TSS2_RC_SUCCESS || places < 2) {
            hw_log(tpm->hw, HW_LOG_INFO,
                   "TPM at %s: a busy key is not pinned, as there is no place but the last", tpm->name);
            return 0;
        }
        rc = tpm_slots_load(tpm, k);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_evict_control(tpm, k->tr, handle, &copy);
        if (rc == TSS2_RC_SUCCESS) {
            Esys_TR_Close(tpm->esys, &copy);
            hw_log(tpm->hw, HW_LOG_INFO, "TPM at %s: a busy key is pinned at 0x%08x", tpm->name, handle);
            return handle;
        }
        hw_log(tpm->hw, HW_LOG_INFO, "TPM at %s: a busy key is not pinned: EvictControl gave 0x%x", tpm->name,
               rc);
        return 0;
    }
    return 0;
}

void tpm_pin_if_busy(struct tpm *tpm, struct tpm_key *k)
{
    TPM2B_NAME *name = NULL;
    uint32_t handle = 0;

    if (!tpm->pin_auto || !tpm->is_managed || tpm_resident(k) != 0 || k->uses == NOT_TO_PIN ||
        ++k->uses < BUSY)
        return;
    k->uses = NOT_TO_PIN; /* once, however it ends */
    if (Esys_TR_GetName(tpm->esys, k->tr, &name) == TSS2_RC_SUCCESS && name->size > 2)
        handle = find_place(tpm, k, name);
    Esys_Free(name);
    if (handle == 0)
        return;
    tpm_slots_drop(tpm, k, 1);
    k->pinned = handle;
}

/* ---- taking it away ---- */

static TSS2_RC unpin_at(struct tpm *tpm, uint32_t handle, const struct tpm_key *k)
{
    const TPM2B_PUBLIC_KEY_RSA *ours = &k->pub.publicArea.unique.rsa, *there;
    ESYS_TR tr = ESYS_TR_NONE, gone = ESYS_TR_NONE;
    TPM2B_PUBLIC *pub = NULL;
    int is_gone = 0;
    TSS2_RC rc = tpm_persistent(tpm, handle, &tr);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    rc = Esys_ReadPublic(tpm->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL, NULL);
    there =
        rc == TSS2_RC_SUCCESS && pub->publicArea.type == TPM2_ALG_RSA ? &pub->publicArea.unique.rsa : NULL;
    if (there != NULL && there->size == ours->size && memcmp(there->buffer, ours->buffer, ours->size) == 0) {
        rc = tpm_evict_control(tpm, tr, handle, &gone);
        is_gone = rc == TSS2_RC_SUCCESS;
    }
    Esys_Free(pub);
    if (!is_gone)
        Esys_TR_Close(tpm->esys, &tr);
    return rc;
}

static TSS2_RC unpin(struct tpm *tpm, const struct tpm_key *k)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    TSS2_RC rc = tpm_connect(tpm);
    uint32_t i;

    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, FIRST,
                                TPM2_MAX_CAP_HANDLES, &more, &data);
    for (i = 0; rc == TSS2_RC_SUCCESS && i < data->data.handles.count; i++) {
        if (data->data.handles.handle[i] <= LAST)
            rc = unpin_at(tpm, data->data.handles.handle[i], k);
    }
    Esys_Free(data);
    return rc;
}

int hw_key_unpin(struct hw_key *key)
{
    struct tpm *tpm = hw_backend_state(key->hw, &hw_backend_tpm);
    struct tpm_key *k = key->impl;
    unsigned attempt = 0;
    TSS2_RC rc;

    if (key->backend != &hw_backend_tpm || k->persistent != 0)
        return 1;
    if (!tpm_lock(tpm))
        return 0;
    do
        rc = unpin(tpm, k);
    while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, k, attempt++));
    if (rc != TSS2_RC_SUCCESS)
        tpm_raise(tpm, rc, "looking for a persistent copy of the key");
    tpm_unlock(tpm);
    return rc == TSS2_RC_SUCCESS;
}
