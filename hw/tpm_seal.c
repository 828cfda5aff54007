// SPDX-License-Identifier: Apache-2.0
/*
 * A secret sealed to the TPM, if wanted to the values of PCRs (TPM 2.0 Library part 1 sections 19.7 and 27).
 *
 * On the way to the TPM and back the secret is encrypted: each exchange is in a session that is salted with
 * the parent key, so that who listens on the bus learns nothing. The passphrase is proved by HMAC in the same
 * session and never sent.
 */
#include "tpm_seal.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#define PCRS 24 /* of every TPM for PCs (TCG PC Client platform TPM profile section 4.6) */

/* ---- "sha256:0,2,7" ---- */

static int parse_pcrs(struct tpm *tpm, const char *text, TPML_PCR_SELECTION *pcrs)
{
    static const struct {
        const char *name;
        TPMI_ALG_HASH algorithm;
    } banks[] = {{"sha1:", TPM2_ALG_SHA1},
                 {"sha256:", TPM2_ALG_SHA256},
                 {"sha384:", TPM2_ALG_SHA384},
                 {"sha512:", TPM2_ALG_SHA512}};
    TPMS_PCR_SELECTION *selection = &pcrs->pcrSelections[0];
    const char *p = text;
    size_t i;

    *pcrs = (TPML_PCR_SELECTION){.count = 1};
    *selection = (TPMS_PCR_SELECTION){.hash = TPM2_ALG_SHA256, .sizeofSelect = PCRS / 8};
    for (i = 0; i < sizeof(banks) / sizeof(banks[0]); i++) {
        if (OPENSSL_strncasecmp(p, banks[i].name, strlen(banks[i].name)) == 0) {
            selection->hash = banks[i].algorithm;
            p += strlen(banks[i].name);
            break;
        }
    }
    for (;;) {
        char *end;
        unsigned long n = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : PCRS;

        if (n >= PCRS || (*end != ',' && *end != '\0')) {
            hw_raise(tpm->hw, HW_E_UNSUPPORTED,
                     "PCRs \"%.64s\": expected a bank and numbers from 0 to %d, such as sha256:0,2,7", text,
                     PCRS - 1);
            return 0;
        }
        selection->pcrSelect[n / 8] |= (BYTE)(1 << n % 8);
        if (*end == '\0')
            return 1;
        p = end + 1;
    }
}

void tpm_pcrs_text(const TPML_PCR_SELECTION *pcrs, char *text, size_t size)
{
    const TPMS_PCR_SELECTION *selection = &pcrs->pcrSelections[0];
    size_t n, len;

    snprintf(text, size, "%s",
             selection->hash == TPM2_ALG_SHA1     ? "sha1"
             : selection->hash == TPM2_ALG_SHA256 ? "sha256"
             : selection->hash == TPM2_ALG_SHA384 ? "sha384"
             : selection->hash == TPM2_ALG_SHA512 ? "sha512"
                                                  : "?");
    for (n = 0, len = strlen(text); n < selection->sizeofSelect * 8u && len < size; n++) {
        if (selection->pcrSelect[n / 8] >> n % 8 & 1)
            snprintf(text + len, size - len, "%c%zu", strchr(text, ':') == NULL ? ':' : ',', n);
        len += strlen(text + len);
    }
}

/* ---- sessions ---- */

/* A session whose parameters are encrypted; salt is the key that its secret is encrypted to. */
static TSS2_RC start_session(struct tpm *tpm, TPM2_SE type, ESYS_TR salt, TPMA_SESSION direction,
                             ESYS_TR *session)
{
    static const TPMT_SYM_DEF aes = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    TSS2_RC rc = Esys_StartAuthSession(tpm->esys, salt, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       ESYS_TR_NONE, NULL, type, &aes, TPM2_ALG_SHA256, session);

    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_TRSess_SetAttributes(tpm->esys, *session, TPMA_SESSION_CONTINUESESSION | direction, 0xff);
    return rc;
}

static void flush(struct tpm *tpm, ESYS_TR *object)
{
    if (*object != ESYS_TR_NONE && Esys_FlushContext(tpm->esys, *object) != TSS2_RC_SUCCESS)
        Esys_TR_Close(tpm->esys, object);
    *object = ESYS_TR_NONE;
}

/* The policy of a sealed object in a session of type POLICY or TRIAL. */
static TSS2_RC run_policy(struct tpm *tpm, ESYS_TR session, const struct tpm_seal *seal)
{
    static const TPM2B_DIGEST current = {0};
    TSS2_RC rc =
        Esys_PolicyPCR(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &current, &seal->pcrs);

    if (rc == TSS2_RC_SUCCESS && seal->has_auth)
        rc = Esys_PolicyAuthValue(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
    return rc;
}

/* Digest of the policy for what the PCRs hold now. */
static TSS2_RC policy_digest(struct tpm *tpm, const struct tpm_seal *seal, TPM2B_DIGEST *digest)
{
    ESYS_TR session = ESYS_TR_NONE;
    TPM2B_DIGEST *out = NULL;
    TSS2_RC rc = start_session(tpm, TPM2_SE_TRIAL, ESYS_TR_NONE, 0, &session);

    if (rc == TSS2_RC_SUCCESS)
        rc = run_policy(tpm, session, seal);
    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_PolicyGetDigest(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &out);
    if (rc == TSS2_RC_SUCCESS)
        *digest = *out;
    Esys_Free(out);
    flush(tpm, &session);
    return rc;
}

/* ---- sealing ---- */

static TSS2_RC create(struct tpm *tpm, ESYS_TR parent, int is_transient,
                      const TPM2B_SENSITIVE_CREATE *sensitive, struct tpm_seal *seal)
{
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcr = {0};
    TPM2B_PUBLIC template = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT,
                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
    ESYS_TR session = ESYS_TR_NONE;
    TPM2B_PUBLIC *pub = NULL;
    TPM2B_PRIVATE *priv = NULL;
    TSS2_RC rc = TSS2_RC_SUCCESS;

    if (!seal->has_auth)
        template.publicArea.objectAttributes |= TPMA_OBJECT_NODA;
    if (seal->pcrs.count > 0)
        rc = policy_digest(tpm, seal, &template.publicArea.authPolicy);
    else
        template.publicArea.objectAttributes |= TPMA_OBJECT_USERWITHAUTH;
    if (rc == TSS2_RC_SUCCESS)
        rc = start_session(tpm, TPM2_SE_HMAC, parent, TPMA_SESSION_DECRYPT, &session);
    if (rc == TSS2_RC_SUCCESS) {
        do
            rc = Esys_Create(tpm->esys, parent, ESYS_TR_PASSWORD, session, ESYS_TR_NONE, sensitive, &template,
                             &no_data, &no_pcr, &priv, &pub, NULL, NULL, NULL);
        while (tpm_slots_make_room(tpm, rc, is_transient ? parent : ESYS_TR_NONE));
    }
    flush(tpm, &session);
    if (rc == TSS2_RC_SUCCESS) {
        seal->pub = *pub;
        seal->priv = *priv;
    }
    Esys_Free(pub);
    Esys_Free(priv);
    return rc;
}

int tpm_seal(struct tpm *tpm, const unsigned char *secret, size_t len, const struct hw_generate *params,
             struct tpm_seal *seal)
{
    TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = (UINT16)len};
    ESYS_TR parent = ESYS_TR_NONE;
    int is_transient = 0, ok = 0;
    unsigned attempt = 0;
    TSS2_RC rc;

    *seal = (struct tpm_seal){.has_auth = params->passphrase != NULL};
    if ((params->pcrs != NULL && !parse_pcrs(tpm, params->pcrs, &seal->pcrs)) || !tpm_lock(tpm))
        return 0;
    if (!tpm_fill_auth(tpm, params->passphrase, &sensitive.sensitive.userAuth))
        goto out;
    memcpy(sensitive.sensitive.data.buffer, secret, len);
    if (!tpm_choose_parent(tpm, params->parent, &seal->parent))
        goto out;
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_parent(tpm, seal->parent, 0, &parent, &is_transient);
        if (rc != TSS2_RC_SUCCESS)
            continue;
        tpm->culprit = 0;
        rc = create(tpm, parent, is_transient, &sensitive, seal);
        if (is_transient)
            flush(tpm, &parent);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, NULL, attempt++));
    ok = rc == TSS2_RC_SUCCESS || tpm_raise(tpm, rc, "sealing the key");
out:
    OPENSSL_cleanse(&sensitive, sizeof(sensitive));
    tpm_unlock(tpm);
    return ok;
}

/* ---- unsealing ---- */

static TSS2_RC unseal(struct tpm *tpm, ESYS_TR parent, ESYS_TR object, const struct tpm_seal *seal,
                      const TPM2B_AUTH *auth, TPM2B_SENSITIVE_DATA **data)
{
    int has_policy = seal->pcrs.count > 0;
    ESYS_TR session = ESYS_TR_NONE;
    TSS2_RC rc = start_session(tpm, has_policy ? TPM2_SE_POLICY : TPM2_SE_HMAC, parent, TPMA_SESSION_ENCRYPT,
                               &session);

    if (rc == TSS2_RC_SUCCESS && has_policy)
        rc = run_policy(tpm, session, seal);
    if (rc == TSS2_RC_SUCCESS && seal->has_auth)
        rc = Esys_TR_SetAuth(tpm->esys, object, auth);
    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_Unseal(tpm->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, data);
    flush(tpm, &session);
    return rc;
}

static TSS2_RC load_and_unseal(struct tpm *tpm, const struct tpm_seal *seal, const TPM2B_AUTH *auth,
                               TPM2B_SENSITIVE_DATA **data)
{
    ESYS_TR parent, object = ESYS_TR_NONE;
    int is_transient;
    TSS2_RC rc = tpm_parent(tpm, seal->parent, seal->rsa_parent, &parent, &is_transient);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    do
        rc = Esys_Load(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &seal->priv,
                       &seal->pub, &object);
    while (tpm_slots_make_room(tpm, rc, is_transient ? parent : ESYS_TR_NONE));
    if (rc == TSS2_RC_SUCCESS) {
        tpm->culprit = 0; /* the parent has done its part */
        rc = unseal(tpm, parent, object, seal, auth, data);
    }
    flush(tpm, &object);
    if (is_transient)
        flush(tpm, &parent);
    return rc;
}

static int raise_unseal(struct tpm *tpm, const struct tpm_seal *seal, TSS2_RC rc, int has_passphrase,
                        int *is_refused)
{
    uint32_t base = tpm_rc_is_tpm(rc) ? tpm_rc_base(rc) : 0;
    char pcrs[128];

    if (tpm->culprit == 0 && (base == TPM2_RC_POLICY_FAIL || base == TPM2_RC_PCR_CHANGED) &&
        seal->pcrs.count > 0) {
        tpm_pcrs_text(&seal->pcrs, pcrs, sizeof(pcrs));
        hw_raise(
            tpm->hw, HW_E_AUTH,
            "unsealing the key: TPM at %s: PCRs %s do not hold what they held when the key was sealed: other "
            "firmware, kernel or settings have been started; seal the key anew from a copy of it (0x%x)",
            tpm->name, pcrs, rc);
        return 0;
    }
    if (tpm->culprit == 0 && (base == TPM2_RC_AUTH_FAIL || base == TPM2_RC_BAD_AUTH)) {
        *is_refused = 1;
        hw_raise(tpm->hw, HW_E_AUTH, "unsealing the key: TPM at %s: %s (0x%x)", tpm->name,
                 has_passphrase ? "wrong passphrase" : "the key has a passphrase, and none was given", rc);
        return 0;
    }
    return tpm_raise(tpm, rc, "unsealing the key");
}

int tpm_unseal(struct tpm *tpm, const struct tpm_seal *seal, const TPM2B_AUTH *auth, unsigned char *secret,
               size_t len, int *is_refused)
{
    TPM2B_SENSITIVE_DATA *data = NULL;
    unsigned attempt = 0;
    TSS2_RC rc;
    int ok = 0;

    if (!tpm_lock(tpm))
        return 0;
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = load_and_unseal(tpm, seal, auth, &data);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, NULL, attempt++));
    if (rc != TSS2_RC_SUCCESS) {
        raise_unseal(tpm, seal, rc, auth->size > 0, is_refused);
    } else if (data->size != len) {
        hw_raise(tpm->hw, HW_E_BAD_KEY, "what is sealed is not a key of this kind: %u bytes, not %zu",
                 data->size, len);
    } else {
        memcpy(secret, data->buffer, len);
        ok = 1;
    }
    if (data != NULL)
        OPENSSL_cleanse(data, sizeof(*data));
    Esys_Free(data);
    tpm_unlock(tpm);
    return ok;
}
