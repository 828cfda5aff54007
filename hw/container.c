// SPDX-License-Identifier: Apache-2.0
/* The ASN.1 of key containers. */
#include "container.h"

#include <openssl/asn1t.h>
#include <openssl/x509.h>
#include <string.h>

#define OID_LOADABLE   "2.23.133.10.1.3"
#define OID_IMPORTABLE "2.23.133.10.1.4"
#define OID_SEALED     "2.23.133.10.1.5"

typedef struct {
    ASN1_OBJECT *type;
    ASN1_BOOLEAN empty_auth;
    ASN1_TYPE *policy;
    ASN1_OCTET_STRING *secret;
    ASN1_TYPE *auth_policy;
    ASN1_UTF8STRING *description;
    ASN1_BOOLEAN rsa_parent;
    ASN1_INTEGER *parent;
    ASN1_OCTET_STRING *pubkey;
    ASN1_OCTET_STRING *privkey;
} TPM_KEY;

ASN1_SEQUENCE(TPM_KEY) = {
    ASN1_SIMPLE(TPM_KEY, type, ASN1_OBJECT),
    ASN1_EXP_OPT(TPM_KEY, empty_auth, ASN1_BOOLEAN, 0),
    ASN1_EXP_OPT(TPM_KEY, policy, ASN1_ANY, 1),
    ASN1_EXP_OPT(TPM_KEY, secret, ASN1_OCTET_STRING, 2),
    ASN1_EXP_OPT(TPM_KEY, auth_policy, ASN1_ANY, 3),
    ASN1_EXP_OPT(TPM_KEY, description, ASN1_UTF8STRING, 4),
    ASN1_EXP_OPT(TPM_KEY, rsa_parent, ASN1_BOOLEAN, 5),
    ASN1_SIMPLE(TPM_KEY, parent, ASN1_INTEGER),
    ASN1_SIMPLE(TPM_KEY, pubkey, ASN1_OCTET_STRING),
    ASN1_SIMPLE(TPM_KEY, privkey, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(TPM_KEY)
IMPLEMENT_STATIC_ASN1_ENCODE_FUNCTIONS(TPM_KEY)
IMPLEMENT_STATIC_ASN1_ALLOC_FUNCTIONS(TPM_KEY)

typedef struct {
    ASN1_INTEGER *version;
    ASN1_UTF8STRING *uri;
    ASN1_TYPE *spki; /* not X509_PUBKEY: its template decodes in the application's library context */
} KEY_REFERENCE;

ASN1_SEQUENCE(KEY_REFERENCE) = {
    ASN1_SIMPLE(KEY_REFERENCE, version, ASN1_INTEGER),
    ASN1_SIMPLE(KEY_REFERENCE, uri, ASN1_UTF8STRING),
    ASN1_SIMPLE(KEY_REFERENCE, spki, ASN1_ANY),
} static_ASN1_SEQUENCE_END(KEY_REFERENCE)
IMPLEMENT_STATIC_ASN1_ENCODE_FUNCTIONS(KEY_REFERENCE)
IMPLEMENT_STATIC_ASN1_ALLOC_FUNCTIONS(KEY_REFERENCE)

typedef struct {
    ASN1_INTEGER *code;
    ASN1_OCTET_STRING *parameters;
} TPM_POLICY;

ASN1_SEQUENCE(TPM_POLICY) = {
    ASN1_EXP(TPM_POLICY, code, ASN1_INTEGER, 0),
    ASN1_EXP(TPM_POLICY, parameters, ASN1_OCTET_STRING, 1),
} static_ASN1_SEQUENCE_END(TPM_POLICY)
IMPLEMENT_STATIC_ASN1_ALLOC_FUNCTIONS(TPM_POLICY)
DEFINE_STACK_OF(TPM_POLICY)

typedef STACK_OF(TPM_POLICY) TPM_POLICIES;

ASN1_ITEM_TEMPLATE(TPM_POLICIES) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SEQUENCE_OF, 0, TPM_POLICIES, TPM_POLICY)
    static_ASN1_ITEM_TEMPLATE_END(TPM_POLICIES) IMPLEMENT_STATIC_ASN1_ENCODE_FUNCTIONS(TPM_POLICIES)

/* A TPM2B: two bytes of length, then that many. */
static int is_tpm2b(const ASN1_OCTET_STRING *string)
{
    const unsigned char *p = ASN1_STRING_get0_data(string);
    int len = ASN1_STRING_length(string);

    return len > 2 && len - 2 == (p[0] << 8 | p[1]);
}

/* ---- policies of sealed data ---- */

#define CC_POLICY_AUTH_VALUE 0x16b
#define CC_POLICY_PCR        0x17f

/* TPM2_PolicyPCR's parameters are pcrDigest, a TPM2B, and pcrs. The digest is left out (length 0): what the
 * PCRs must hold is in the object's policy digest already. */
static const unsigned char no_digest[2];

/* Returns 0 if the policy is another than those that Signet writes. */
static int take_policy(const ASN1_TYPE *policy, int has_passphrase, struct container_tss2 *out)
{
    TPM_POLICIES *steps = NULL;
    const unsigned char *p;
    int64_t codes[2] = {0};
    int ok = 0, i;

    if (ASN1_TYPE_get(policy) != V_ASN1_SEQUENCE)
        return 0;
    p = ASN1_STRING_get0_data(policy->value.sequence);
    steps = d2i_TPM_POLICIES(NULL, &p, ASN1_STRING_length(policy->value.sequence));
    if (steps == NULL || sk_TPM_POLICY_num(steps) != 1 + has_passphrase)
        goto out;
    for (i = 0; i < sk_TPM_POLICY_num(steps); i++) {
        const TPM_POLICY *step = sk_TPM_POLICY_value(steps, i);
        const unsigned char *parameters = ASN1_STRING_get0_data(step->parameters);
        int len = ASN1_STRING_length(step->parameters);

        if (!ASN1_INTEGER_get_int64(&codes[i], step->code))
            goto out;
        if (i == 0 && len > (int)sizeof(no_digest) && memcmp(parameters, no_digest, sizeof(no_digest)) == 0) {
            out->pcrs_len = (size_t)len - sizeof(no_digest);
            out->pcrs = OPENSSL_memdup(parameters + sizeof(no_digest), out->pcrs_len);
        }
        if (i == 1 && len != 0)
            goto out;
    }
    ok = out->pcrs != NULL && codes[0] == CC_POLICY_PCR &&
         (!has_passphrase || codes[1] == CC_POLICY_AUTH_VALUE);
out:
    sk_TPM_POLICY_pop_free(steps, TPM_POLICY_free);
    return ok;
}

static int add_step(TPM_POLICIES *steps, int64_t code, const unsigned char *parameters, size_t len)
{
    TPM_POLICY *step = TPM_POLICY_new();

    if (step != NULL && ASN1_INTEGER_set_int64(step->code, code) &&
        ASN1_OCTET_STRING_set(step->parameters, parameters, (int)len) && sk_TPM_POLICY_push(steps, step) > 0)
        return 1;
    TPM_POLICY_free(step);
    return 0;
}

static ASN1_TYPE *make_policy(const struct container_tss2 *in)
{
    TPM_POLICIES *steps = sk_TPM_POLICY_new_null();
    size_t len = sizeof(no_digest) + in->pcrs_len;
    unsigned char *parameters = OPENSSL_zalloc(len), *der = NULL;
    ASN1_STRING *sequence = ASN1_STRING_new();
    ASN1_TYPE *policy = ASN1_TYPE_new();
    int der_len = -1;

    if (parameters != NULL)
        memcpy(parameters + sizeof(no_digest), in->pcrs, in->pcrs_len);
    if (parameters != NULL && steps != NULL && add_step(steps, CC_POLICY_PCR, parameters, len) &&
        (in->empty_auth || add_step(steps, CC_POLICY_AUTH_VALUE, NULL, 0)))
        der_len = i2d_TPM_POLICIES(steps, &der);
    if (der_len > 0 && policy != NULL && sequence != NULL && ASN1_STRING_set(sequence, der, der_len)) {
        ASN1_TYPE_set(policy, V_ASN1_SEQUENCE, sequence);
    } else {
        ASN1_STRING_free(sequence);
        ASN1_TYPE_free(policy);
        policy = NULL;
    }
    OPENSSL_free(der);
    OPENSSL_free(parameters);
    sk_TPM_POLICY_pop_free(steps, TPM_POLICY_free);
    return policy;
}

/* ---- TSS2 PRIVATE KEY and sealed data ---- */

static const char *tss2_flaw(const TPM_KEY *key, enum container_tss2_kind kind)
{
    char oid[32];
    uint64_t parent;

    if (OBJ_obj2txt(oid, sizeof(oid), key->type, 1) <= 0)
        return "its type can't be read";
    if (kind == CONTAINER_TSS2_SEALED) {
        if (strcmp(oid, OID_SEALED) != 0)
            return "its type is not that of sealed data (2.23.133.10.1.5)";
    } else if (strcmp(oid, OID_LOADABLE) != 0) {
        if (strcmp(oid, OID_IMPORTABLE) == 0)
            return "it is an importable key; import it into the TPM first";
        if (strcmp(oid, OID_SEALED) == 0)
            return "it holds sealed data, not a key";
        return "its type is not that of a loadable key (2.23.133.10.1.3)";
    }
    if ((key->policy != NULL && kind != CONTAINER_TSS2_SEALED) || key->auth_policy != NULL)
        return "it needs a policy, and keys with policies are not supported";
    if (key->secret != NULL)
        return "it has an encrypted secret, as only importable keys do";
    if (ASN1_INTEGER_get_uint64(&parent, key->parent) != 1 || parent > UINT32_MAX)
        return "its parent is not a TPM handle";
    if (!is_tpm2b(key->pubkey) || !is_tpm2b(key->privkey))
        return "the length of its public or private area is wrong";
    return NULL;
}

int container_tss2_decode(struct container_tss2 *out, enum container_tss2_kind kind, const unsigned char *der,
                          size_t len, const char **why)
{
    const unsigned char *p = der;
    TPM_KEY *key = NULL;
    uint64_t parent = 0;
    int ok = 0;

    memset(out, 0, sizeof(*out));
    *why = "it is longer than any real one";
    if (len > CONTAINER_MAX)
        return 0;
    *why = "it is not the DER of a TPM key";
    key = d2i_TPM_KEY(NULL, &p, (long)len);
    if (key == NULL || p != der + len)
        goto out;
    *why = tss2_flaw(key, kind);
    if (*why != NULL)
        goto out;
    out->kind = kind;
    out->empty_auth = key->empty_auth > 0; /* an absent BOOLEAN is -1 */
    *why = "its policy is not one of PCRs";
    if (key->policy != NULL && !take_policy(key->policy, !out->empty_auth, out))
        goto out;
    *why = "out of memory";
    ASN1_INTEGER_get_uint64(&parent, key->parent);
    out->parent = (uint32_t)parent;
    out->rsa_parent = key->rsa_parent > 0;
    out->pub_len = (size_t)ASN1_STRING_length(key->pubkey);
    out->priv_len = (size_t)ASN1_STRING_length(key->privkey);
    out->pub = OPENSSL_memdup(ASN1_STRING_get0_data(key->pubkey), out->pub_len);
    out->priv = OPENSSL_memdup(ASN1_STRING_get0_data(key->privkey), out->priv_len);
    ok = out->pub != NULL && out->priv != NULL;
out:
    if (!ok)
        container_tss2_clear(out);
    TPM_KEY_free(key);
    return ok;
}

int container_tss2_encode(const struct container_tss2 *in, unsigned char **der, size_t *len)
{
    TPM_KEY *key = TPM_KEY_new();
    int n = -1;

    *der = NULL;
    if (key == NULL)
        return 0;
    ASN1_OBJECT_free(key->type);
    key->type = OBJ_txt2obj(in->kind == CONTAINER_TSS2_SEALED ? OID_SEALED : OID_LOADABLE, 1);
    /* tpm2-openssl takes an absent one for TRUE, so FALSE is written, too. */
    key->empty_auth = in->empty_auth ? 0xff : 0;
    key->rsa_parent = in->rsa_parent ? 0xff : -1;
    if (in->pcrs != NULL)
        key->policy = make_policy(in);
    if (key->type != NULL && (in->pcrs == NULL) == (key->policy == NULL) &&
        ASN1_INTEGER_set_uint64(key->parent, in->parent) &&
        ASN1_OCTET_STRING_set(key->pubkey, in->pub, (int)in->pub_len) &&
        ASN1_OCTET_STRING_set(key->privkey, in->priv, (int)in->priv_len))
        n = i2d_TPM_KEY(key, der);
    TPM_KEY_free(key);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

void container_tss2_clear(struct container_tss2 *container)
{
    OPENSSL_free(container->pub);
    OPENSSL_free(container->priv);
    OPENSSL_free(container->pcrs);
    memset(container, 0, sizeof(*container));
}

/* ---- SIGNET KEY REFERENCE ---- */

int container_reference_decode(struct container_reference *out, OSSL_LIB_CTX *libctx,
                               const unsigned char *der, size_t len, const char **why)
{
    const unsigned char *p = der;
    KEY_REFERENCE *reference = NULL;
    int ok = 0;

    memset(out, 0, sizeof(*out));
    *why = "it is longer than any real one";
    if (len > CONTAINER_MAX)
        return 0;
    *why = "it is not the DER of a key reference of version 1";
    reference = d2i_KEY_REFERENCE(NULL, &p, (long)len);
    if (reference == NULL || p != der + len || ASN1_INTEGER_get(reference->version) != 1)
        goto out;
    *why = "its URI is not text";
    out->uri = OPENSSL_strndup((const char *)ASN1_STRING_get0_data(reference->uri),
                               (size_t)ASN1_STRING_length(reference->uri));
    if (out->uri == NULL || strlen(out->uri) != (size_t)ASN1_STRING_length(reference->uri))
        goto out;
    *why = "its public key can't be decoded";
    if (ASN1_TYPE_get(reference->spki) != V_ASN1_SEQUENCE)
        goto out;
    p = ASN1_STRING_get0_data(reference->spki->value.sequence);
    out->pkey = d2i_PUBKEY_ex(NULL, &p, ASN1_STRING_length(reference->spki->value.sequence), libctx, NULL);
    ok = out->pkey != NULL;
out:
    if (!ok)
        container_reference_clear(out);
    KEY_REFERENCE_free(reference);
    return ok;
}

int container_reference_encode(const char *uri, EVP_PKEY *pkey, unsigned char **der, size_t *len)
{
    KEY_REFERENCE *reference = KEY_REFERENCE_new();
    ASN1_STRING *sequence = ASN1_STRING_new();
    unsigned char *spki = NULL;
    int spki_len = i2d_PUBKEY(pkey, &spki), n = -1;

    *der = NULL;
    if (reference != NULL && sequence != NULL && spki_len > 0 && ASN1_INTEGER_set(reference->version, 1) &&
        ASN1_STRING_set(reference->uri, uri, (int)strlen(uri)) && ASN1_STRING_set(sequence, spki, spki_len)) {
        ASN1_TYPE_set(reference->spki, V_ASN1_SEQUENCE, sequence);
        sequence = NULL;
        n = i2d_KEY_REFERENCE(reference, der);
    }
    OPENSSL_free(spki);
    ASN1_STRING_free(sequence);
    KEY_REFERENCE_free(reference);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

void container_reference_clear(struct container_reference *container)
{
    OPENSSL_free(container->uri);
    EVP_PKEY_free(container->pkey);
    memset(container, 0, sizeof(*container));
}
