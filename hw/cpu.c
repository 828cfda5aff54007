// SPDX-License-Identifier: Apache-2.0
/* The CPU backend: keys of custody file, held by OpenSSL's default provider in the private context. */
#include "backend.h"

#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

struct cpu_key {
    EVP_PKEY *raw; /* the key as one of type RSA */
    struct hw_raw_ctx kept;
};

static void *cpu_open(struct hw *hw, const struct hw_config *config)
{
    (void)config;
    return hw;
}

static void cpu_close(void *state)
{
    (void)state;
}

static int cpu_can_generate(void *state, const struct hw_generate *params)
{
    (void)state;
    (void)params;
    return 1;
}

/* The same numbers as a key of type RSA: what RSA-PSS says of its use would be refused there. */
static EVP_PKEY *to_rsa(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, "RSA", NULL);
    OSSL_PARAM *all = NULL, *p, *number;
    EVP_PKEY *rsa = NULL;

    if (ctx == NULL || EVP_PKEY_todata(pkey, EVP_PKEY_KEYPAIR, &all) <= 0)
        goto out;
    for (p = number = all; p->key != NULL; p++) {
        if (p->data_type == OSSL_PARAM_UNSIGNED_INTEGER)
            *number++ = *p;
    }
    *number = *p;
    if (EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &rsa, EVP_PKEY_KEYPAIR, all) <= 0)
        rsa = NULL;
out:
    OSSL_PARAM_free(all);
    EVP_PKEY_CTX_free(ctx);
    return rsa;
}

int hw_cpu_adopt(struct hw_key *key, EVP_PKEY *pkey)
{
    EVP_PKEY *raw = NULL;
    struct cpu_key *cpu;

    if (!hw_key_set0_pkey(key, pkey))
        return 0;
    /* OpenSSL refuses the raw operation on RSA-PSS keys: those get an RSA twin for it. */
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        EVP_PKEY_up_ref(pkey);
        raw = pkey;
    } else {
        raw = to_rsa(hw_libctx(key->hw), pkey);
    }
    if (raw == NULL) {
        hw_raise(key->hw, HW_E_BAD_KEY, "OpenSSL does not take the key");
        return 0;
    }
    cpu = OPENSSL_zalloc(sizeof(*cpu));
    if (cpu == NULL) {
        EVP_PKEY_free(raw);
        hw_raise(key->hw, HW_E_INTERNAL, "out of memory for a key");
        return 0;
    }
    cpu->raw = raw;
    key->impl = cpu;
    key->ops = HW_OP_RSA_RAW;
    return 1;
}

struct cpu_progress {
    const struct hw_generate *params;
    int cancelled;
};

static int cpu_on_progress(EVP_PKEY_CTX *ctx)
{
    struct cpu_progress *progress = EVP_PKEY_CTX_get_app_data(ctx);

    progress->cancelled = !progress->params->progress(progress->params->progress_arg);
    return !progress->cancelled;
}

static int cpu_set_pss(EVP_PKEY_CTX *ctx, const struct hw_generate *params)
{
    const char *mgf1_md = params->pss_mgf1_md != NULL ? params->pss_mgf1_md : params->pss_md;

    return params->type != HW_TYPE_RSA_PSS ||
           ((params->pss_md == NULL ||
             EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, params->pss_md, NULL) > 0) &&
            (mgf1_md == NULL || EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, mgf1_md) > 0) &&
            (params->pss_saltlen < 0 ||
             EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, params->pss_saltlen) > 0));
}

static int cpu_generate(void *state, struct hw_key *key, const struct hw_generate *params)
{
    struct hw *hw = state;
    struct cpu_progress progress = {.params = params};
    const char *type = params->type == HW_TYPE_RSA_PSS ? "RSA-PSS" : "RSA";
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(hw_libctx(hw), type, NULL);
    EVP_PKEY *pkey = NULL;
    int ok = 0;

    if (params->passphrase != NULL || params->parent != NULL) {
        hw_raise(hw, HW_E_UNSUPPORTED,
                 "a key of custody file has no parent, and its passphrase belongs to the file that it is "
                 "written to");
        goto out;
    }
    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) <= 0 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)params->bits) <= 0 ||
        (params->e != NULL && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, (BIGNUM *)params->e) <= 0) ||
        !cpu_set_pss(ctx, params)) {
        hw_raise(hw, HW_E_UNSUPPORTED, "the CPU makes no RSA-%u key with these parameters", params->bits);
        goto out;
    }
    if (params->progress != NULL) {
        EVP_PKEY_CTX_set_app_data(ctx, &progress);
        EVP_PKEY_CTX_set_cb(ctx, cpu_on_progress);
    }
    if (EVP_PKEY_generate(ctx, &pkey) <= 0) {
        if (progress.cancelled)
            hw_raise(hw, HW_E_CANCELLED, "key generation cancelled");
        else
            hw_raise(hw, HW_E_UNSUPPORTED, "the CPU could not make an RSA-%u key", params->bits);
        goto out;
    }
    ok = hw_cpu_adopt(key, pkey);
out:
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int cpu_load(void *state, struct hw_key *key, enum hw_format format, const unsigned char *der,
                    size_t len, hw_passphrase *ask, void *ask_arg)
{
    struct hw *hw = state;
    const unsigned char *p = der;
    EVP_PKEY *pkey;

    (void)format;
    (void)ask;
    (void)ask_arg;
    pkey = d2i_AutoPrivateKey_ex(NULL, &p, (long)len, hw_libctx(hw), NULL);
    if (pkey == NULL || p != der + len) {
        EVP_PKEY_free(pkey);
        hw_raise(hw, HW_E_BAD_KEY, "not a PKCS#8 private key");
        return 0;
    }
    return hw_cpu_adopt(key, pkey);
}

static int cpu_operate(struct hw_key *key, struct hw_op *op)
{
    struct cpu_key *cpu = key->impl;

    /* OpenSSL's decryption without padding is the raw private operation, with blinding and with a check of
     * the CRT result. */
    if (!hw_rsa_raw(&cpu->kept, hw_libctx(key->hw), cpu->raw, 1, key->size, op->in, op->out)) {
        hw_raise(key->hw, HW_E_BAD_INPUT,
                 "the CPU's RSA operation failed: input out of range or a faulty key");
        return 0;
    }
    op->out_len = key->size;
    return 1;
}

static int cpu_container(const struct hw_key *key, enum hw_format *format, unsigned char **der, size_t *len)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    int n = -1;

    *der = NULL;
    if (info != NULL)
        n = i2d_PKCS8_PRIV_KEY_INFO(info, der);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (n < 0) {
        hw_raise(key->hw, HW_E_INTERNAL, "the key could not be encoded as PKCS#8");
        return 0;
    }
    *format = HW_FORMAT_PKCS8;
    *len = (size_t)n;
    return 1;
}

static void cpu_unload(struct hw_key *key)
{
    struct cpu_key *cpu = key->impl;

    if (cpu == NULL)
        return;
    hw_rsa_raw_free(&cpu->kept);
    EVP_PKEY_free(cpu->raw);
    OPENSSL_free(cpu);
}

static char *cpu_describe_key(const struct hw_key *key)
{
    (void)key;
    return OPENSSL_strdup("CPU, custody file");
}

static char *cpu_describe(void *state)
{
    char line[160];

    (void)state;
    BIO_snprintf(line, sizeof(line), "cpu: %s, custody file", OpenSSL_version(OPENSSL_VERSION));
    return OPENSSL_strdup(line);
}

const struct hw_backend hw_backend_cpu = {
    .name = "cpu",
    .custody = HW_CUSTODY_FILE,
    .format = HW_FORMAT_PKCS8,
    .open = cpu_open,
    .close = cpu_close,
    .can_generate = cpu_can_generate,
    .generate = cpu_generate,
    .load = cpu_load,
    .operate = cpu_operate,
    .container = cpu_container,
    .unload = cpu_unload,
    .describe_key = cpu_describe_key,
    .describe = cpu_describe,
};
