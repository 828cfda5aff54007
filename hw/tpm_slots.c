// SPDX-License-Identifier: Apache-2.0
/*
 * Loaded keys as a cache over the TPM's few object slots (three on many chips). The least recently used one
 * makes room; its saved context brings it back with one command and without its parent.
 */
#include "tpm.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#define TRANSIENT_MAX   64          /* handles asked for at a time when looking for abandoned objects */
#define TRANSIENT_FIRST 0x80000000u /* tpm2-tss's own constant shifts into the sign bit */

static int is_full(TSS2_RC rc)
{
    uint32_t base = tpm_rc_base(rc);

    return rc != TSS2_RC_SUCCESS && (base == TPM2_RC_OBJECT_MEMORY || base == TPM2_RC_OBJECT_HANDLES);
}

static int is_loaded(const struct tpm *tpm, const struct tpm_key *k)
{
    return k->tr != ESYS_TR_NONE && k->epoch == tpm->epoch;
}

static void unlink_key(struct tpm *tpm, struct tpm_key *k)
{
    *(k->newer != NULL ? &k->newer->older : &tpm->newest) = k->older;
    *(k->older != NULL ? &k->older->newer : &tpm->oldest) = k->newer;
    k->newer = k->older = NULL;
}

static void link_newest(struct tpm *tpm, struct tpm_key *k)
{
    k->older = tpm->newest;
    *(tpm->newest != NULL ? &tpm->newest->newer : &tpm->oldest) = k;
    tpm->newest = k;
}

uint32_t tpm_resident(const struct tpm_key *k)
{
    return k->persistent != 0 ? k->persistent : k->pinned;
}

void tpm_slots_drop(struct tpm *tpm, struct tpm_key *k, int do_flush)
{
    if (!is_loaded(tpm, k))
        return;
    /* Closing only forgets the ESAPI's copy; a persistent key stays where it is anyway. */
    if (!do_flush || tpm_resident(k) != 0 || Esys_FlushContext(tpm->esys, k->tr) != TSS2_RC_SUCCESS)
        Esys_TR_Close(tpm->esys, &k->tr);
    k->tr = ESYS_TR_NONE;
    if (tpm_resident(k) == 0)
        unlink_key(tpm, k);
}

void tpm_slots_drop_all(struct tpm *tpm, int do_flush)
{
    while (tpm->newest != NULL)
        tpm_slots_drop(tpm, tpm->newest, do_flush);
}

int tpm_slots_is_taken(struct tpm *tpm, const struct tpm_key *k)
{
    TPM2B_NAME *there = NULL, *ours = NULL;
    int is_taken;

    /* A resource manager keeps processes apart, and in one turn there is only this one. */
    if (k->tr == ESYS_TR_NONE || tpm_resident(k) != 0 || tpm->is_managed || k->turn == tpm->turn)
        return 0;
    is_taken = Esys_ReadPublic(tpm->esys, k->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &there,
                               NULL) != TSS2_RC_SUCCESS ||
               Esys_TR_GetName(tpm->esys, k->tr, &ours) != TSS2_RC_SUCCESS || there->size != ours->size ||
               memcmp(there->name, ours->name, ours->size) != 0;
    Esys_Free(there);
    Esys_Free(ours);
    return is_taken;
}

/* What can't be saved is not there any more. */
static void evict(struct tpm *tpm, struct tpm_key *k)
{
    int is_there = k->saved != NULL || Esys_ContextSave(tpm->esys, k->tr, &k->saved) == TSS2_RC_SUCCESS;

    tpm_slots_drop(tpm, k, is_there);
}

/* The handle of a transient object other than keep, or 0. */
static TPM2_HANDLE pick_object(struct tpm *tpm, TPM2_HANDLE keep)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    TPM2_HANDLE handle = 0;
    unsigned char start = 0;
    uint32_t i, count;

    if (Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                           TRANSIENT_FIRST, TRANSIENT_MAX, &more, &data) != TSS2_RC_SUCCESS)
        return 0;
    /* Any of them, so that two processes that need a slot do not keep taking each other's. */
    RAND_bytes_ex(hw_libctx(tpm->hw), &start, 1, 0);
    count = data->data.handles.count;
    for (i = 0; i < count && handle == 0; i++) {
        if (data->data.handles.handle[(start + i) % count] != keep)
            handle = data->data.handles.handle[(start + i) % count];
    }
    Esys_Free(data);
    return handle;
}

/* Without a resource manager, objects of processes that died, or of others that share the TPM, may hold
 * every slot. Nobody else can free them; a live Signet notices and loads its key again. */
static int flush_abandoned(struct tpm *tpm, ESYS_TR keep)
{
    TPM2_HANDLE spared = 0, handle;
    ESYS_TR tr;

    if (keep != ESYS_TR_NONE && Esys_TR_GetTpmHandle(tpm->esys, keep, &spared) != TSS2_RC_SUCCESS)
        return 0;
    handle = pick_object(tpm, spared);
    if (handle == 0)
        return 0;
    hw_log(tpm->hw, tpm->has_warned ? HW_LOG_DEBUG : HW_LOG_WARN,
           "TPM at %s is full: flushing object 0x%08x of another process; a resource manager (/dev/tpmrm0) "
           "would "
           "swap it",
           tpm->name, handle);
    tpm->has_warned = 1;
    return Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr) ==
               TSS2_RC_SUCCESS &&
           Esys_FlushContext(tpm->esys, tr) == TSS2_RC_SUCCESS;
}

int tpm_slots_make_room(struct tpm *tpm, TSS2_RC rc, ESYS_TR keep)
{
    struct tpm_key *k = tpm->oldest;

    if (!is_full(rc))
        return 0;
    if (k != NULL && k->tr == keep)
        k = k->newer;
    if (k == NULL)
        return !tpm->is_managed && flush_abandoned(tpm, keep);
    evict(tpm, k);
    return 1;
}

TSS2_RC tpm_persistent(struct tpm *tpm, uint32_t handle, ESYS_TR *tr)
{
    TSS2_RC rc;

    /* Even to read its public area some TPMs need a slot for it. */
    do
        rc = Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, tr);
    while (tpm_slots_make_room(tpm, rc, ESYS_TR_NONE));
    return rc;
}

int tpm_read_passphrase(struct tpm *tpm, const char *file, TPM2B_AUTH *auth)
{
    ssize_t n;
    int fd;

    auth->size = 0;
    if (file == NULL)
        return 1;
    fd = open(file, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, auth->buffer, sizeof(auth->buffer)) : -1;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        hw_raise(tpm->hw, HW_E_IO, "passphrase file %s can't be read", file);
        return 0;
    }
    if (n > 0 && auth->buffer[n - 1] == '\n')
        n--;
    auth->size = (UINT16)n;
    return 1;
}

static TSS2_RC set_auth_from_file(struct tpm *tpm, ESYS_TR tr, const char *file)
{
    TPM2B_AUTH auth;
    TSS2_RC rc;

    if (!tpm_read_passphrase(tpm, file, &auth))
        return TPM_RAISED;
    rc = Esys_TR_SetAuth(tpm->esys, tr, &auth);
    OPENSSL_cleanse(&auth, sizeof(auth));
    return rc;
}

/* The default storage primary that TSS2 PRIVATE KEY files mean by a hierarchy as parent: the same template
 * always gives the same key, so it needs no storage (TCG EK credential profile's ECC P-256 template H-1's
 * shape for a storage key; RSA-2048 where the file says rsaParent). */
static TSS2_RC create_primary(struct tpm *tpm, uint32_t hierarchy, int rsa_parent, ESYS_TR *tr)
{
    static const TPM2B_PUBLIC ecc = {
        .publicArea =
            {
                .type = TPM2_ALG_ECC,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT |
                                    TPMA_OBJECT_NODA | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                    TPMA_OBJECT_SENSITIVEDATAORIGIN,
                .parameters.eccDetail =
                    {
                        .symmetric = {.algorithm = TPM2_ALG_AES,
                                      .keyBits.aes = 128,
                                      .mode.aes = TPM2_ALG_CFB},
                        .scheme.scheme = TPM2_ALG_NULL,
                        .curveID = TPM2_ECC_NIST_P256,
                        .kdf.scheme = TPM2_ALG_NULL,
                    },
            },
    };
    static const TPM2B_SENSITIVE_CREATE no_auth = {0};
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcr = {0};
    TPM2B_PUBLIC template = ecc;
    ESYS_TR parent;
    TSS2_RC rc;

    switch (hierarchy) {
    case TPM2_RH_OWNER:
        parent = ESYS_TR_RH_OWNER;
        break;
    case TPM2_RH_ENDORSEMENT:
        parent = ESYS_TR_RH_ENDORSEMENT;
        break;
    case TPM2_RH_PLATFORM:
        parent = ESYS_TR_RH_PLATFORM;
        break;
    case TPM2_RH_NULL:
        parent = ESYS_TR_RH_NULL;
        break;
    default:
        return TPM2_RC_HIERARCHY;
    }
    if (rsa_parent) {
        template.publicArea.type = TPM2_ALG_RSA;
        template.publicArea.parameters.rsaDetail = (TPMS_RSA_PARMS){
            .symmetric = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB},
            .scheme.scheme = TPM2_ALG_NULL,
            .keyBits = 2048,
        };
        memset(&template.publicArea.unique, 0, sizeof(template.publicArea.unique));
    }
    tpm->culprit = hierarchy;
    if (parent == ESYS_TR_RH_OWNER) {
        rc = set_auth_from_file(tpm, parent, tpm->owner_passphrase_file);
        if (rc != TSS2_RC_SUCCESS)
            return rc;
    }
    do
        rc = Esys_CreatePrimary(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &no_auth,
                                &template, &no_data, &no_pcr, tr, NULL, NULL, NULL, NULL);
    while (tpm_slots_make_room(tpm, rc, ESYS_TR_NONE));
    return rc;
}

TSS2_RC tpm_parent(struct tpm *tpm, uint32_t handle, int rsa_parent, ESYS_TR *tr, int *is_transient)
{
    TSS2_RC rc;

    *is_transient = 0;
    if (handle < TPM_PERSISTENT_FIRST || handle > TPM_PERSISTENT_LAST) {
        *is_transient = 1;
        return create_primary(tpm, handle, rsa_parent, tr);
    }
    tpm->culprit = handle;
    if (tpm->parent_handle != handle) {
        if (tpm->parent_tr != ESYS_TR_NONE)
            Esys_TR_Close(tpm->esys, &tpm->parent_tr);
        tpm->parent_handle = 0;
        rc = tpm_persistent(tpm, handle, &tpm->parent_tr);
        if (rc == TSS2_RC_SUCCESS)
            rc = set_auth_from_file(tpm, tpm->parent_tr, tpm->parent_passphrase_file);
        if (rc != TSS2_RC_SUCCESS)
            return rc;
        tpm->parent_handle = handle;
    }
    *tr = tpm->parent_tr;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC load_container(struct tpm *tpm, struct tpm_key *k)
{
    ESYS_TR parent;
    int is_transient;
    TSS2_RC rc = tpm_parent(tpm, k->parent, k->rsa_parent, &parent, &is_transient);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    do
        rc = Esys_Load(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &k->priv, &k->pub,
                       &k->tr);
    while (tpm_slots_make_room(tpm, rc, is_transient ? parent : ESYS_TR_NONE));
    if (is_transient && Esys_FlushContext(tpm->esys, parent) != TSS2_RC_SUCCESS)
        Esys_TR_Close(tpm->esys, &parent);
    return rc;
}

static TSS2_RC load_saved(struct tpm *tpm, struct tpm_key *k)
{
    TSS2_RC rc;

    do
        rc = Esys_ContextLoad(tpm->esys, k->saved, &k->tr);
    while (tpm_slots_make_room(tpm, rc, ESYS_TR_NONE));
    if (rc == TSS2_RC_SUCCESS || tpm_remedy(rc) == TPM_RECONNECT || tpm_remedy(rc) == TPM_STARTUP)
        return rc;
    /* Contexts do not outlive a reset of the TPM. */
    Esys_Free(k->saved);
    k->saved = NULL;
    return load_container(tpm, k);
}

TSS2_RC tpm_slots_load(struct tpm *tpm, struct tpm_key *k)
{
    TSS2_RC rc;

    tpm->culprit = 0;
    if (is_loaded(tpm, k)) {
        if (tpm_resident(k) == 0 && tpm->newest != k) {
            unlink_key(tpm, k);
            link_newest(tpm, k);
        }
        return TSS2_RC_SUCCESS;
    }
    if (tpm_resident(k) != 0) {
        rc = tpm_persistent(tpm, tpm_resident(k), &k->tr);
    } else {
        rc = k->saved != NULL ? load_saved(tpm, k) : load_container(tpm, k);
    }
    k->epoch = tpm->epoch;
    k->turn = tpm->turn;
    if (rc != TSS2_RC_SUCCESS) {
        k->tr = ESYS_TR_NONE;
        return rc;
    }
    tpm->culprit = 0; /* the parent has done its part */
    if (tpm_resident(k) == 0)
        link_newest(tpm, k);
    return k->has_passphrase ? Esys_TR_SetAuth(tpm->esys, k->tr, &k->auth) : TSS2_RC_SUCCESS;
}
