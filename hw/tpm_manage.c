// SPDX-License-Identifier: Apache-2.0
/* The TPM apart from its keys' operations: what lives in it, random numbers. */
#include "tpm.h"

#include <stdio.h>
#include <string.h>

static struct tpm *tpm_of(const struct hw *hw)
{
    return hw_backend_state(hw, &hw_backend_tpm);
}

/* A persistent object's handle is the owner's to give and to take. */
TSS2_RC tpm_evict_control(struct tpm *tpm, ESYS_TR object, uint32_t handle, ESYS_TR *out)
{
    TPM2B_AUTH auth;
    TSS2_RC rc;

    tpm->culprit = TPM2_RH_OWNER;
    if (!tpm_read_passphrase(tpm, tpm->owner_passphrase_file, &auth))
        return TPM_RAISED;
    rc = Esys_TR_SetAuth(tpm->esys, ESYS_TR_RH_OWNER, &auth);
    OPENSSL_cleanse(&auth, sizeof(auth));
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    return Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                             ESYS_TR_NONE, handle, out);
}

static int is_owner_handle(struct tpm *tpm, uint32_t handle)
{
    if (handle >= TPM_PERSISTENT_FIRST && handle <= TPM_OWNER_LAST)
        return 1;
    hw_raise(tpm->hw, HW_E_UNSUPPORTED,
             "handle 0x%08x is not one of the owner's persistent ones, 0x%08x to 0x%08x", handle,
             TPM_PERSISTENT_FIRST, TPM_OWNER_LAST);
    return 0;
}

struct hw_key *hw_key_persist(struct hw_key *key, uint32_t handle)
{
    struct tpm *tpm = tpm_of(key->hw);
    struct tpm_key *from = key->impl, *to;
    struct hw_key *persistent = NULL;
    ESYS_TR tr = ESYS_TR_NONE;
    unsigned attempt = 0;
    TSS2_RC rc;

    if (key->backend != &hw_backend_tpm || from->persistent != 0) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "only a TSS2 PRIVATE KEY can be made persistent in the TPM");
        return NULL;
    }
    if (!is_owner_handle(tpm, handle) || !tpm_lock(tpm))
        return NULL;
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_slots_load(tpm, from);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_evict_control(tpm, from->tr, handle, &tr);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, from, attempt++));
    if (rc != TSS2_RC_SUCCESS) {
        tpm_raise(tpm, rc, "making the key persistent");
    } else {
        Esys_TR_Close(tpm->esys, &tr);
        persistent = hw_key_new(key->hw, &hw_backend_tpm);
    }
    tpm_unlock(tpm);
    if (persistent == NULL)
        return NULL;
    to = tpm_key_new(persistent);
    if (to != NULL) {
        to->persistent = handle;
        to->has_auth = from->has_auth;
        to->has_passphrase = from->has_passphrase;
        to->auth = from->auth;
        to->pub = from->pub;
    }
    if (to == NULL || !tpm_public_adopt(persistent, &to->pub, "made persistent")) {
        hw_key_free(persistent);
        return NULL;
    }
    return persistent;
}

int hw_evict(struct hw *hw, uint32_t handle)
{
    struct tpm *tpm = tpm_of(hw);
    ESYS_TR tr = ESYS_TR_NONE, gone = ESYS_TR_NONE;
    unsigned attempt = 0;
    char what[64];
    TSS2_RC rc;

    if (!is_owner_handle(tpm, handle) || !tpm_lock(tpm))
        return 0;
    snprintf(what, sizeof(what), "evicting handle 0x%08x", handle);
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_persistent(tpm, handle, &tr);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_evict_control(tpm, tr, handle, &gone);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, NULL, attempt++));
    if (rc == TSS2_RC_SUCCESS && tpm->parent_handle == handle)
        tpm->parent_handle = 0;
    if (rc != TSS2_RC_SUCCESS)
        tpm_raise(tpm, rc, what);
    tpm_unlock(tpm);
    return rc == TSS2_RC_SUCCESS;
}

int hw_random(struct hw *hw, unsigned char *out, size_t len)
{
    struct tpm *tpm = tpm_of(hw);
    TPM2B_DIGEST *bytes = NULL;
    unsigned attempt = 0;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    if (!tpm_lock(tpm))
        return 0;
    /* A TPM gives at most a digest's length at a time, and may give less. */
    while (len > 0) {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = Esys_GetRandom(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                (UINT16)(len < 32 ? len : 32), &bytes);
        if (rc == TSS2_RC_SUCCESS && (bytes->size == 0 || bytes->size > len))
            rc = TPM2_RC_FAILURE;
        if (rc != TSS2_RC_SUCCESS) {
            if (tpm_recover(tpm, rc, NULL, attempt++))
                continue;
            tpm_raise(tpm, rc, "random numbers");
            break;
        }
        memcpy(out, bytes->buffer, bytes->size);
        out += bytes->size;
        len -= bytes->size;
        OPENSSL_cleanse(bytes, sizeof(*bytes));
        Esys_Free(bytes);
        bytes = NULL;
    }
    tpm_unlock(tpm);
    return rc == TSS2_RC_SUCCESS;
}
