// SPDX-License-Identifier: Apache-2.0
/* The TPM backend: keys in TSS2 containers and at persistent handles, and their private operations. */
#include "tpm.h"
#include "container.h"
#include "lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tss2/tss2_mu.h>

static void tpm_close(void *state)
{
    struct tpm *tpm = state;

    tpm_connection_free(tpm);
    OPENSSL_free(tpm->conf);
    OPENSSL_free(tpm->parent_passphrase_file);
    OPENSSL_free(tpm->owner_passphrase_file);
    OPENSSL_free(tpm);
}

static void *tpm_open(struct hw *hw, const struct hw_config *config)
{
    struct tpm *tpm = OPENSSL_zalloc(sizeof(*tpm));

    if (tpm == NULL)
        return NULL;
    tpm->hw = hw;
    tpm->conf = OPENSSL_strdup(config->tcti);
    tpm->parent_passphrase_file = OPENSSL_strdup(config->parent_passphrase_file);
    tpm->owner_passphrase_file = OPENSSL_strdup(config->owner_passphrase_file);
    tpm->pin_auto = config->pin_auto;
    if (tpm_connection_init(tpm))
        return tpm;
    OPENSSL_free(tpm);
    return NULL;
}

static struct tpm *tpm_of(const struct hw_key *key)
{
    return hw_backend_state(key->hw, &hw_backend_tpm);
}

struct tpm_key *tpm_key_new(struct hw_key *key)
{
    struct tpm_key *k = OPENSSL_secure_zalloc(sizeof(*k));

    if (k == NULL) {
        hw_raise(key->hw, HW_E_INTERNAL, "out of memory for a TPM key");
        return NULL;
    }
    k->key = key;
    k->tr = ESYS_TR_NONE;
    key->impl = k;
    return k;
}

static void tpm_unload(struct hw_key *key)
{
    struct tpm *tpm = tpm_of(key);
    struct tpm_key *k = key->impl;

    if (k == NULL)
        return;
    if (tpm_lock(tpm)) {
        tpm_slots_drop(tpm, k, 1);
        tpm_unlock(tpm);
    }
    Esys_Free(k->saved);
    OPENSSL_secure_clear_free(k, sizeof(*k));
}

int tpm_ask_auth(struct hw *hw, const char *what, hw_passphrase *ask, void *ask_arg, TPM2B_AUTH *auth,
                 int *has_passphrase)
{
    int len = ask != NULL ? ask(ask_arg, what, (char *)auth->buffer, sizeof(auth->buffer)) : -1;

    *has_passphrase = 0;
    if (len < 0)
        return 1;
    if ((size_t)len > sizeof(auth->buffer)) {
        hw_raise(hw, HW_E_AUTH, "%s: the passphrase has %d bytes; a TPM takes at most %zu", what, len,
                 sizeof(auth->buffer));
        return 0;
    }
    auth->size = (UINT16)len;
    *has_passphrase = 1;
    return 1;
}

/* Fetches the passphrase that the container says the key has. */
static int ask_passphrase(struct tpm_key *k, const char *what, hw_passphrase *ask, void *ask_arg)
{
    return !k->has_auth || tpm_ask_auth(k->key->hw, what, ask, ask_arg, &k->auth, &k->has_passphrase);
}

static int parse_handle_uri(struct tpm_key *k, const char *uri)
{
    static const char prefix[] = "handle=", suffix[] = ";auth=ask";
    unsigned long handle = 0;
    char *end = NULL;

    if (strncmp(uri, prefix, sizeof(prefix) - 1) == 0 && uri[sizeof(prefix) - 1] == '0')
        handle = strtoul(uri + sizeof(prefix) - 1, &end, 16);
    if (end != NULL && strcmp(end, suffix) == 0) {
        k->has_auth = 1;
        end += sizeof(suffix) - 1;
    }
    if (end == NULL || *end != '\0' || handle < TPM_PERSISTENT_FIRST || handle > TPM_PERSISTENT_LAST) {
        hw_raise(
            k->key->hw, HW_E_BAD_KEY,
            "\"%.64s\" names no key: expected handle=0x81000000 to 0x81ffffff, then ;auth=ask if it has a "
            "passphrase",
            uri);
        return 0;
    }
    k->persistent = (uint32_t)handle;
    return 1;
}

void tpm_handle_uri(char uri[HANDLE_URI_MAX], const struct tpm_key *k)
{
    snprintf(uri, HANDLE_URI_MAX, "handle=0x%08x%s", k->persistent, k->has_auth ? ";auth=ask" : "");
}

/* ---- loading ---- */

static int load_tss2(struct hw_key *key, struct tpm_key *k, const unsigned char *der, size_t len)
{
    struct container_tss2 tss2;
    size_t pub_used = 0, priv_used = 0;
    const char *why;
    int ok = 0;

    if (!container_tss2_decode(&tss2, CONTAINER_TSS2_LOADABLE, der, len, &why)) {
        hw_raise(key->hw, HW_E_BAD_KEY, "TSS2 PRIVATE KEY: %s", why);
        return 0;
    }
    k->parent = tss2.parent;
    k->rsa_parent = tss2.rsa_parent;
    k->has_auth = !tss2.empty_auth;
    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(tss2.pub, tss2.pub_len, &pub_used, &k->pub) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(tss2.priv, tss2.priv_len, &priv_used, &k->priv) != TSS2_RC_SUCCESS ||
        pub_used != tss2.pub_len || priv_used != tss2.priv_len)
        hw_raise(key->hw, HW_E_BAD_KEY, "TSS2 PRIVATE KEY: its public or private area is malformed");
    else
        ok = tpm_public_adopt(key, &k->pub, "in the TSS2 PRIVATE KEY");
    container_tss2_clear(&tss2);
    return ok;
}

static int load_reference(struct hw_key *key, struct tpm_key *k, const unsigned char *der, size_t len)
{
    struct container_reference reference;
    const char *why;
    int ok;

    if (!container_reference_decode(&reference, hw_libctx(key->hw), der, len, &why)) {
        hw_raise(key->hw, HW_E_BAD_KEY, "SIGNET KEY REFERENCE: %s", why);
        return 0;
    }
    ok = parse_handle_uri(k, reference.uri);
    if (ok) {
        ok = hw_key_set0_pkey(key, reference.pkey);
        reference.pkey = NULL;
    }
    container_reference_clear(&reference);
    return ok;
}

static int tpm_load(void *state, struct hw_key *key, enum hw_format format, const unsigned char *der,
                    size_t len, hw_passphrase *ask, void *ask_arg)
{
    struct tpm_key *k = tpm_key_new(key);

    (void)state;
    if (k == NULL)
        return 0;
    if (!(format == HW_FORMAT_REFERENCE ? load_reference(key, k, der, len) : load_tss2(key, k, der, len)))
        return 0;
    return ask_passphrase(k, format == HW_FORMAT_REFERENCE ? "key reference" : "TSS2 PRIVATE KEY", ask,
                          ask_arg);
}

/* Reads a persistent key's public area: a reference does not hold its attributes. */
static int tpm_prepare(struct hw_key *key)
{
    struct tpm *tpm = tpm_of(key);
    struct tpm_key *k = key->impl;
    TPM2B_PUBLIC *pub = NULL;
    char uri[HANDLE_URI_MAX];
    unsigned attempt = 0;
    TSS2_RC rc;
    int ok = 0;

    tpm_handle_uri(uri, k);
    if (!tpm_lock(tpm))
        return 0;
    do {
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_slots_load(tpm, k);
        if (rc == TSS2_RC_SUCCESS)
            rc =
                Esys_ReadPublic(tpm->esys, k->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL, NULL);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, k, attempt++));
    if (rc != TSS2_RC_SUCCESS)
        tpm_raise(tpm, rc, uri);
    else
        ok = tpm_public_adopt(key, pub, uri);
    if (ok)
        k->pub = *pub;
    Esys_Free(pub);
    tpm_unlock(tpm);
    return ok;
}

int hw_tpm_load_uri(struct hw_key *key, const char *uri, hw_passphrase *ask, void *ask_arg)
{
    struct tpm_key *k = tpm_key_new(key);

    return k != NULL && parse_handle_uri(k, uri) && ask_passphrase(k, uri, ask, ask_arg) && tpm_prepare(key);
}

/* ---- operations ---- */

static TPMI_ALG_HASH md_to_tpm(OSSL_LIB_CTX *libctx, const char *md)
{
    static const struct {
        const char *name;
        TPMI_ALG_HASH algorithm;
    } known[] = {{"SHA1", TPM2_ALG_SHA1},
                 {"SHA256", TPM2_ALG_SHA256},
                 {"SHA384", TPM2_ALG_SHA384},
                 {"SHA512", TPM2_ALG_SHA512}};
    TPMI_ALG_HASH algorithm = TPM2_ALG_NULL;
    EVP_MD *fetched = EVP_MD_fetch(libctx, md, NULL);
    size_t i;

    for (i = 0; fetched != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (EVP_MD_is_a(fetched, known[i].name))
            algorithm = known[i].algorithm;
    }
    EVP_MD_free(fetched);
    return algorithm;
}

/* One TPM command: the raw private operation is TPM2_RSA_Decrypt without a scheme. */
static TSS2_RC raw_command(struct tpm *tpm, struct tpm_key *k, struct hw_op *op)
{
    static const TPMT_RSA_DECRYPT no_scheme = {.scheme = TPM2_ALG_NULL};
    static const TPM2B_DATA no_label = {0};
    TPM2B_PUBLIC_KEY_RSA in = {.size = (UINT16)op->in_len}, *out = NULL;
    TSS2_RC rc;

    memcpy(in.buffer, op->in, op->in_len);
    rc = Esys_RSA_Decrypt(tpm->esys, k->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &in, &no_scheme,
                          &no_label, &out);
    if (rc == TSS2_RC_SUCCESS && out->size <= op->out_size) {
        /* Some TPMs leave out leading zeros. */
        memset(op->out, 0, op->out_size - out->size);
        memcpy(op->out + op->out_size - out->size, out->buffer, out->size);
        op->out_len = op->out_size;
    }
    if (out != NULL)
        OPENSSL_cleanse(out, sizeof(*out));
    Esys_Free(out);
    OPENSSL_cleanse(&in, sizeof(in));
    return rc;
}

static TSS2_RC sign_command(struct tpm *tpm, struct tpm_key *k, struct hw_op *op, TPMI_ALG_HASH hash)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    const TPMT_SIG_SCHEME scheme = {
        .scheme = op->kind == HW_OP_RSA_PSS ? TPM2_ALG_RSAPSS : TPM2_ALG_RSASSA,
        .details.any.hashAlg = hash,
    };
    TPM2B_DIGEST digest = {.size = (UINT16)op->in_len};
    TPMT_SIGNATURE *signature = NULL;
    TSS2_RC rc;

    memcpy(digest.buffer, op->in, op->in_len);
    rc = Esys_Sign(tpm->esys, k->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, &scheme,
                   &no_ticket, &signature);
    if (rc == TSS2_RC_SUCCESS && signature->signature.rsassa.sig.size == op->out_size) {
        memcpy(op->out, signature->signature.rsassa.sig.buffer, op->out_size);
        op->out_len = op->out_size;
    }
    Esys_Free(signature);
    return rc;
}

static TSS2_RC command(struct tpm *tpm, struct tpm_key *k, struct hw_op *op, TPMI_ALG_HASH hash)
{
    switch (op->kind) {
    case HW_OP_RSA_RAW:
        return raw_command(tpm, k, op);
    case HW_OP_ECDSA:
        return tpm_ec_sign(tpm, k, op);
    default:
        return sign_command(tpm, k, op, hash);
    }
}

static int raise_operation(struct tpm *tpm, struct tpm_key *k, TSS2_RC rc, const struct hw_op *op)
{
    uint32_t base = tpm_rc_base(rc);
    int is_auth = tpm_rc_is_tpm(rc) && (base == TPM2_RC_AUTH_FAIL || base == TPM2_RC_BAD_AUTH);
    char what[64] = "", uri[HANDLE_URI_MAX];

    tpm_handle_uri(uri, k);
    snprintf(what, sizeof(what), "%s%s%s",
             op->kind == HW_OP_ECDSA     ? "ECDSA signature"
             : op->kind == HW_OP_RSA_RAW ? "RSA private operation"
                                         : "RSA signature",
             k->persistent != 0 ? " with " : "", k->persistent != 0 ? uri : "");
    /* About the key itself, not its parent. */
    if (tpm->culprit != 0 || !is_auth)
        return tpm_raise(tpm, rc, what);
    k->is_refused = 1;
    hw_raise(tpm->hw, HW_E_AUTH, "%s: TPM at %s: %s (0x%x)", what, tpm->name,
             k->has_passphrase ? "wrong passphrase" : "the key has a passphrase, and none was given", rc);
    return 0;
}

/* One turn on the TPM: loads the key if need be, and operates. */
static int run_command(struct tpm *tpm, struct tpm_key *k, struct hw_op *op, TPMI_ALG_HASH hash)
{
    unsigned attempt = 0;
    TSS2_RC rc;

    if (k->is_refused) {
        hw_raise(
            tpm->hw, HW_E_AUTH,
            "the TPM at %s has refused this key's passphrase; it is not asked again, as that would bring a "
            "lockout nearer",
            tpm->name);
        return 0;
    }
    do {
        op->out_len = 0;
        rc = tpm_connect(tpm);
        if (rc == TSS2_RC_SUCCESS)
            rc = tpm_slots_load(tpm, k);
        if (rc == TSS2_RC_SUCCESS)
            rc = command(tpm, k, op, hash);
    } while (rc != TSS2_RC_SUCCESS && tpm_recover(tpm, rc, k, attempt++));
    return rc == TSS2_RC_SUCCESS || raise_operation(tpm, k, rc, op);
}

static int raise_wrong_result(struct tpm *tpm, const struct hw_op *op)
{
    hw_raise(tpm->hw, HW_E_WRONG_RESULT, "the TPM at %s gave a result that does not fit the public key%s",
             tpm->name,
             op->kind == HW_OP_RSA_PSS ? "; if it chooses another salt length than was asked for, use a key "
                                         "of type RSA, for which Signet "
                                         "does the padding"
                                       : "");
    return 0;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int tpm_operate(struct hw_key *key, struct hw_op *op)
{
    struct tpm *tpm = tpm_of(key);
    struct tpm_key *k = key->impl;
    int is_padded = op->kind == HW_OP_RSA_PKCS1 || op->kind == HW_OP_RSA_PSS;
    TPMI_ALG_HASH hash = is_padded ? md_to_tpm(hw_libctx(key->hw), op->md) : TPM2_ALG_NULL;
    unsigned wrong;
    int64_t begin;
    int ok;

    if (op->kind == HW_OP_ECDSA && !tpm_ec_takes(k, op->in_len)) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "the TPM takes no digest of %zu bytes with this key", op->in_len);
        return 0;
    }
    if (is_padded && (hash == TPM2_ALG_NULL || op->in_len > sizeof(TPMU_HA))) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "the TPM does not pad digests of algorithm %s", op->md);
        return 0;
    }
    if (op->in_len > TPM2_MAX_RSA_KEY_BYTES) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "no TPM takes %zu bytes", op->in_len);
        return 0;
    }
    if (!tpm_lock(tpm))
        return 0;
    begin = now_ns();
    for (wrong = 0; (ok = run_command(tpm, k, op, hash)) && !hw_op_check(key, op); wrong++) {
        OPENSSL_cleanse(op->out, op->out_size);
        if (wrong == 2) {
            ok = raise_wrong_result(tpm, op);
            break;
        }
        /* After a reset, or another process's turn, the handle may stand for somebody else's key. */
        hw_log(key->hw, k->turn == tpm->turn ? HW_LOG_WARN : HW_LOG_INFO,
               "TPM at %s: the result does not fit the key, loading it again", tpm->name);
        tpm_slots_drop(tpm, k, 0);
        k->pinned = 0;
    }
    if (ok)
        tpm_pin_if_busy(tpm, k);
    tpm_unlock(tpm);
    hw_route_count(hw_get0_route(key->hw), "tpm", ok, now_ns() - begin);
    return ok;
}

/* ---- containers and descriptions ---- */

static int encode_tss2(const struct tpm_key *k, unsigned char **der, size_t *len)
{
    unsigned char pub[sizeof(TPM2B_PUBLIC)], priv[sizeof(TPM2B_PRIVATE)];
    struct container_tss2 tss2 = {
        .kind = CONTAINER_TSS2_LOADABLE,
        .parent = k->parent,
        .rsa_parent = k->rsa_parent,
        .empty_auth = !k->has_auth,
        .pub = pub,
        .priv = priv,
    };

    return Tss2_MU_TPM2B_PUBLIC_Marshal(&k->pub, pub, sizeof(pub), &tss2.pub_len) == TSS2_RC_SUCCESS &&
           Tss2_MU_TPM2B_PRIVATE_Marshal(&k->priv, priv, sizeof(priv), &tss2.priv_len) == TSS2_RC_SUCCESS &&
           container_tss2_encode(&tss2, der, len);
}

static int tpm_container(const struct hw_key *key, enum hw_format *format, unsigned char **der, size_t *len)
{
    const struct tpm_key *k = key->impl;
    char uri[HANDLE_URI_MAX];
    int ok;

    if (k->persistent != 0) {
        *format = HW_FORMAT_REFERENCE;
        tpm_handle_uri(uri, k);
        ok = container_reference_encode(uri, key->pkey, der, len);
    } else {
        *format = HW_FORMAT_TSS2;
        ok = encode_tss2(k, der, len);
    }
    if (!ok)
        hw_raise(key->hw, HW_E_INTERNAL, "the key's container could not be encoded");
    return ok;
}

static char *tpm_describe_key(const struct hw_key *key)
{
    const struct tpm_key *k = key->impl;
    char text[160], where[64];

    if (k->persistent != 0)
        snprintf(where, sizeof(where), "at persistent handle 0x%08x", k->persistent);
    else if (k->parent == TPM2_RH_OWNER)
        snprintf(where, sizeof(where), "wrapped by the owner's primary key");
    else
        snprintf(where, sizeof(where), "wrapped by the key at 0x%08x", k->parent);
    snprintf(text, sizeof(text), "TPM, custody tpm, %s, %s", where,
             k->has_auth ? "with a passphrase" : "no passphrase");
    return OPENSSL_strdup(text);
}

const struct hw_backend hw_backend_tpm = {
    .name = "tpm",
    .custody = HW_CUSTODY_TPM,
    .open = tpm_open,
    .close = tpm_close,
    .can_generate = tpm_can_generate,
    .generate = tpm_generate,
    .wrap = tpm_wrap,
    .load = tpm_load,
    .prepare = tpm_prepare,
    .operate = tpm_operate,
    .container = tpm_container,
    .unload = tpm_unload,
    .describe_key = tpm_describe_key,
    .describe = tpm_describe,
};
