// SPDX-License-Identifier: Apache-2.0
/* Making keys in the TPM. */
#include "tpm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRESS_NS 100000000L

/* TPM2_Create takes up to a minute and blocks. It runs in a thread of its own while this one reports
 * progress; the connection's lock is held all the time, so the ESAPI context has one user. */
struct create {
    ESYS_CONTEXT *esys;
    ESYS_TR parent;
    const TPM2B_SENSITIVE_CREATE *sensitive;
    const TPM2B_PUBLIC *template;
    TPM2B_PRIVATE *priv;
    TPM2B_PUBLIC *pub;
    TSS2_RC rc;

    pthread_mutex_t lock;
    pthread_cond_t cond;
    int done;
};

static void *run_create(void *arg)
{
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcr = {0};
    struct create *create = arg;
    TSS2_RC rc = Esys_Create(create->esys, create->parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                             create->sensitive, create->template, &no_data, &no_pcr, &create->priv,
                             &create->pub, NULL, NULL, NULL);

    pthread_mutex_lock(&create->lock);
    create->rc = rc;
    create->done = 1;
    pthread_cond_signal(&create->cond);
    pthread_mutex_unlock(&create->lock);
    return NULL;
}

/* Waits for the thread, reporting progress; returns 0 if the caller wants no key any more. Where the TCTI
 * can't cancel, the TPM finishes its command and the key is thrown away. */
static int wait_create(struct tpm *tpm, struct create *create, const struct hw_generate *params)
{
    struct timespec until;
    int wanted = 1;

    pthread_mutex_lock(&create->lock);
    while (!create->done) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        if (pthread_cond_timedwait(&create->cond, &create->lock, &until) != ETIMEDOUT || !wanted)
            continue;
        pthread_mutex_unlock(&create->lock);
        wanted = params->progress(params->progress_arg);
        if (!wanted)
            Tss2_Tcti_Cancel(tpm->tcti);
        pthread_mutex_lock(&create->lock);
    }
    pthread_mutex_unlock(&create->lock);
    return wanted;
}

static TSS2_RC create_key(struct tpm *tpm, struct create *create, const struct hw_generate *params,
                          int *is_cancelled)
{
    pthread_t thread;

    *is_cancelled = 0;
    create->esys = tpm->esys;
    create->done = 0;
    if (params->progress == NULL || pthread_create(&thread, NULL, run_create, create) != 0) {
        run_create(create);
    } else {
        *is_cancelled = !wait_create(tpm, create, params);
        pthread_join(thread, NULL);
    }
    /* A key that came faster than the first report can still be refused. */
    if (!*is_cancelled && params->progress != NULL && create->rc == TSS2_RC_SUCCESS)
        *is_cancelled = !params->progress(params->progress_arg);
    return create->rc;
}

/* Is a storage key at the handle? */
static TSS2_RC find_storage_key(struct tpm *tpm, uint32_t handle, int *is_found)
{
    const TPMA_OBJECT storage = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    TPM2B_PUBLIC *pub = NULL;
    ESYS_TR tr;
    int is_transient;
    TSS2_RC rc = tpm_parent(tpm, handle, 0, &tr, &is_transient);

    *is_found = 0;
    if (tpm_rc_is_tpm(rc) && tpm_rc_base(rc) == TPM2_RC_HANDLE)
        return TSS2_RC_SUCCESS;
    if (rc != TSS2_RC_SUCCESS)
        return rc;
    do
        rc = Esys_ReadPublic(tpm->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL, NULL);
    while (tpm_slots_make_room(tpm, rc, ESYS_TR_NONE));
    if (rc == TSS2_RC_SUCCESS)
        *is_found = (pub->publicArea.objectAttributes & storage) == storage;
    Esys_Free(pub);
    return rc;
}

int tpm_choose_parent(struct tpm *tpm, const char *name, uint32_t *parent)
{
    unsigned long value;
    char *end;

    *parent = TPM2_RH_OWNER;
    if (name == NULL) {
        unsigned attempt = 0;
        int is_found;
        TSS2_RC rc;

        do {
            rc = tpm_connect(tpm);
            if (rc == TSS2_RC_SUCCESS)
                rc = find_storage_key(tpm, TPM_SRK, &is_found);
        } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, NULL, attempt++));
        if (rc != TSS2_RC_SUCCESS)
            return tpm_raise(tpm, rc, "looking for the storage root key");
        if (is_found)
            *parent = TPM_SRK;
        return 1;
    }
    if (strcmp(name, "owner") == 0)
        return 1;
    value = strtoul(name, &end, 16);
    if (strncmp(name, "0x", 2) == 0 && *end == '\0' && value >= TPM_PERSISTENT_FIRST &&
        value <= TPM_PERSISTENT_LAST) {
        *parent = (uint32_t)value;
        return 1;
    }
    hw_raise(tpm->hw, HW_E_UNSUPPORTED,
             "parent \"%.32s\" is neither owner nor a handle from 0x%08x to 0x%08x", name,
             TPM_PERSISTENT_FIRST, TPM_PERSISTENT_LAST);
    return 0;
}

static TPMI_ALG_HASH pss_hash(const char *md)
{
    if (md == NULL || OPENSSL_strcasecmp(md, "SHA256") == 0 || OPENSSL_strcasecmp(md, "SHA2-256") == 0)
        return TPM2_ALG_SHA256;
    if (OPENSSL_strcasecmp(md, "SHA384") == 0 || OPENSSL_strcasecmp(md, "SHA2-384") == 0)
        return TPM2_ALG_SHA384;
    if (OPENSSL_strcasecmp(md, "SHA512") == 0 || OPENSSL_strcasecmp(md, "SHA2-512") == 0)
        return TPM2_ALG_SHA512;
    return TPM2_ALG_NULL;
}

static int pss_hash_size(TPMI_ALG_HASH hash)
{
    return hash == TPM2_ALG_SHA256   ? TPM2_SHA256_DIGEST_SIZE
           : hash == TPM2_ALG_SHA384 ? TPM2_SHA384_DIGEST_SIZE
                                     : TPM2_SHA512_DIGEST_SIZE;
}

static int fill_pss_scheme(struct tpm *tpm, const struct hw_generate *params, TPMT_RSA_SCHEME *scheme)
{
    TPMI_ALG_HASH hash = pss_hash(params->pss_md);

    if (hash == TPM2_ALG_NULL || (params->pss_mgf1_md != NULL && pss_hash(params->pss_mgf1_md) != hash) ||
        (params->pss_saltlen >= 0 && params->pss_saltlen != pss_hash_size(hash))) {
        hw_raise(
            tpm->hw, HW_E_UNSUPPORTED,
            "an RSA-PSS key in a TPM has one digest (SHA256, SHA384 or SHA512) for message and MGF1, and its "
            "salt is as long as the digest");
        return 0;
    }
    scheme->scheme = TPM2_ALG_RSAPSS;
    scheme->details.rsapss.hashAlg = hash;
    return 1;
}

static int fill_template(struct tpm *tpm, const struct hw_generate *params, TPM2B_PUBLIC *template)
{
    TPMS_RSA_PARMS *rsa = &template->publicArea.parameters.rsaDetail;
    BN_ULONG e = params->e != NULL ? BN_get_word(params->e) : 65537;

    if (params->type == HW_TYPE_EC)
        return tpm_ec_template(tpm, params, template);
    if (e < 3 || e % 2 == 0 || e > UINT32_MAX) {
        hw_raise(tpm->hw, HW_E_UNSUPPORTED, "the public exponent must be odd, at least 3, and fit 32 bits");
        return 0;
    }
    if (params->bits < 1024 || params->bits > 4096 || params->bits % 8 != 0) {
        hw_raise(tpm->hw, HW_E_UNSUPPORTED,
                 "RSA-%u: the TPM at %s takes 1024, 2048, 3072 or 4096 as its chip allows", params->bits,
                 tpm->name);
        return 0;
    }
    *template = (TPM2B_PUBLIC){
        .publicArea =
            {
                .type = TPM2_ALG_RSA,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT |
                                    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                    TPMA_OBJECT_SENSITIVEDATAORIGIN,
            },
    };
    rsa->symmetric.algorithm = TPM2_ALG_NULL;
    rsa->scheme.scheme = TPM2_ALG_NULL;
    rsa->keyBits = (UINT16)params->bits;
    rsa->exponent = e == 65537 ? 0 : (UINT32)e;
    if (params->type == HW_TYPE_RSA_PSS) {
        if (!fill_pss_scheme(tpm, params, &rsa->scheme))
            return 0;
    } else {
        template->publicArea.objectAttributes |= TPMA_OBJECT_DECRYPT;
    }
    /* Wrong passphrases count against the TPM's lockout; a key that has none must not stop in a lockout. */
    if (params->passphrase == NULL)
        template->publicArea.objectAttributes |= TPMA_OBJECT_NODA;
    return 1;
}

int tpm_fill_auth(struct tpm *tpm, const char *passphrase, TPM2B_AUTH *auth)
{
    size_t len = passphrase != NULL ? strlen(passphrase) : 0;

    /* TPM 2.0 Library part 1 section 19.6.4.2: at most as long as the name algorithm's digest. */
    if (len > TPM2_SHA256_DIGEST_SIZE) {
        hw_raise(tpm->hw, HW_E_UNSUPPORTED, "a TPM key's passphrase has at most %d bytes",
                 TPM2_SHA256_DIGEST_SIZE);
        return 0;
    }
    if (len > 0)
        memcpy(auth->buffer, passphrase, len);
    auth->size = (UINT16)len;
    return 1;
}

int tpm_can_generate(void *state, const struct hw_generate *params)
{
    struct tpm *tpm = state;
    TPMT_PUBLIC_PARMS parms = {.type = params->type == HW_TYPE_EC ? TPM2_ALG_ECC : TPM2_ALG_RSA};
    TSS2_RC rc;

    if (params->type != HW_TYPE_EC)
        parms.parameters.rsaDetail = (TPMS_RSA_PARMS){
            .symmetric.algorithm = TPM2_ALG_NULL,
            .scheme.scheme = TPM2_ALG_NULL,
            .keyBits = (UINT16)params->bits,
        };
    else if (!tpm_ec_parms(params, &parms.parameters.eccDetail))
        return 0;
    if (!tpm_lock(tpm))
        return 0;
    rc = tpm_connect(tpm);
    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_TestParms(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parms);
    tpm_unlock(tpm);
    return rc == TSS2_RC_SUCCESS && params->bits <= UINT16_MAX;
}

int tpm_generate(void *state, struct hw_key *key, const struct hw_generate *params)
{
    struct tpm *tpm = state;
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    TPM2B_PUBLIC template;
    struct create create = {.sensitive = &sensitive, .template = &template};
    struct tpm_key *k = tpm_key_new(key);
    int is_transient = 0, is_cancelled = 0, ok = 0;
    unsigned attempt = 0;
    char wanted[HW_WANTED_MAX], what[HW_WANTED_MAX + 16];
    TSS2_RC rc;

    if (k == NULL || !tpm_lock(tpm))
        return 0;
    pthread_mutex_init(&create.lock, NULL);
    pthread_cond_init(&create.cond, NULL);
    hw_wanted_text(params, wanted);
    snprintf(what, sizeof(what), "%s key generation", wanted);
    rc = tpm_connect(tpm);
    if (rc != TSS2_RC_SUCCESS) {
        tpm_raise(tpm, rc, what);
        goto out;
    }
    if (!fill_template(tpm, params, &template) ||
        !tpm_fill_auth(tpm, params->passphrase, &sensitive.sensitive.userAuth) ||
        !tpm_choose_parent(tpm, params->parent, &k->parent))
        goto out;
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_parent(tpm, k->parent, 0, &create.parent, &is_transient);
        if (rc != TSS2_RC_SUCCESS)
            continue;
        do
            rc = create_key(tpm, &create, params, &is_cancelled);
        while (tpm_slots_make_room(tpm, rc, is_transient ? create.parent : ESYS_TR_NONE));
        if (is_transient && Esys_FlushContext(tpm->esys, create.parent) != TSS2_RC_SUCCESS)
            Esys_TR_Close(tpm->esys, &create.parent);
    } while (rc != TSS2_RC_SUCCESS && !is_cancelled && tpm_recover(tpm, rc, NULL, attempt++));
    if (is_cancelled) {
        hw_raise(tpm->hw, HW_E_CANCELLED, "%s: cancelled", what);
        goto out;
    }
    if (rc != TSS2_RC_SUCCESS) {
        tpm_raise(tpm, rc, what);
        goto out;
    }
    k->pub = *create.pub;
    k->priv = *create.priv;
    k->has_auth = k->has_passphrase = params->passphrase != NULL;
    k->auth = sensitive.sensitive.userAuth;
    ok = tpm_public_adopt(key, &k->pub, "made by the TPM");
out:
    Esys_Free(create.pub);
    Esys_Free(create.priv);
    OPENSSL_cleanse(&sensitive, sizeof(sensitive));
    pthread_cond_destroy(&create.cond);
    pthread_mutex_destroy(&create.lock);
    tpm_unlock(tpm);
    return ok;
}
