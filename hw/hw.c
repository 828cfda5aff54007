// SPDX-License-Identifier: Apache-2.0
/* The context, the list of backends, and keys as references to what a backend holds. */
#include "lane.h"
#include "workers.h"

#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* In order of preference for new keys of custody auto. */
static const struct hw_backend *const backends[] = {&hw_backend_tpm, &hw_backend_sealed, &hw_backend_file};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

static const struct container {
    enum hw_format format;
    const char *label;
    const struct hw_backend *backend;
} containers[] = {
    {HW_FORMAT_TSS2, "TSS2 PRIVATE KEY", &hw_backend_tpm},
    {HW_FORMAT_REFERENCE, "SIGNET KEY REFERENCE", &hw_backend_tpm},
    {HW_FORMAT_SEALED, "SIGNET SEALED KEY", &hw_backend_sealed},
    {HW_FORMAT_PKCS8, "PRIVATE KEY", &hw_backend_file},
};
#define CONTAINERS (sizeof(containers) / sizeof(containers[0]))

static const char *const custodies[] = {
    [HW_CUSTODY_AUTO] = "auto",
    [HW_CUSTODY_TPM] = "tpm",
    [HW_CUSTODY_SEALED] = "sealed",
    [HW_CUSTODY_FILE] = "file",
};
#define CUSTODIES (sizeof(custodies) / sizeof(custodies[0]))

/* The first that is there and takes the key stands for the accelerator. */
static const struct hw_lane *const lanes[] = {&hw_lane_afalg, &hw_lane_keyring, &hw_lane_cpu};
#define LANES (sizeof(lanes) / sizeof(lanes[0]))

struct hw {
    struct hw_config config;
    void *state[BACKENDS];
    struct hw_route *route;
    pthread_mutex_t workers_lock;
    struct hw_workers *workers;
};

struct hw *hw_new(const struct hw_config *config)
{
    struct hw *hw = OPENSSL_zalloc(sizeof(*hw));
    size_t i;

    if (hw == NULL)
        return NULL;
    hw->config = *config;
    pthread_mutex_init(&hw->workers_lock, NULL);
    hw->route = hw_route_new(hw, lanes, LANES, config->lanes, config->stats_folder, hw_probe);
    if (hw->route == NULL) {
        hw_free(hw);
        return NULL;
    }
    for (i = 0; i < BACKENDS; i++) {
        hw->state[i] = backends[i]->open(hw, config);
        if (hw->state[i] == NULL) {
            hw_free(hw);
            return NULL;
        }
    }
    hw_fork_gate();
    return hw;
}

void hw_free(struct hw *hw)
{
    size_t i;

    if (hw == NULL)
        return;
    for (i = 0; i < BACKENDS; i++) {
        if (hw->state[i] != NULL)
            backends[i]->close(hw->state[i]);
    }
    hw_route_free(hw->route);
    if (hw->workers != NULL && hw_workers_are_ours(hw->workers))
        hw_workers_free(hw->workers);
    pthread_mutex_destroy(&hw->workers_lock);
    OPENSSL_free(hw);
}

struct hw_route *hw_get0_route(const struct hw *hw)
{
    return hw->route;
}

struct hw_workers *hw_get_workers(struct hw *hw)
{
    struct hw_workers *workers;

    pthread_mutex_lock(&hw->workers_lock);
    if (hw->workers == NULL || !hw_workers_are_ours(hw->workers))
        hw->workers = hw_workers_new(hw_keyring_prepare);
    workers = hw->workers;
    pthread_mutex_unlock(&hw->workers_lock);
    return workers;
}

void *hw_backend_state(const struct hw *hw, const struct hw_backend *backend)
{
    size_t i = 0;

    while (i < BACKENDS - 1 && backends[i] != backend)
        i++;
    return hw->state[i];
}

OSSL_LIB_CTX *hw_libctx(const struct hw *hw)
{
    return hw->config.libctx;
}

/* ---- errors and log ---- */

void hw_raise_at(const struct hw *hw, enum hw_reason reason, const char *file, int line, const char *func,
                 const char *format, ...)
{
    const char *base = strrchr(file, '/');
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    hw->config.error(hw->config.arg, reason, base != NULL ? base + 1 : file, line, func, text);
    hw_log(hw, HW_LOG_ERROR, "%s", text);
}

int hw_logs(const struct hw *hw, enum hw_level level)
{
    return hw->config.log != NULL && level <= hw->config.level;
}

void hw_log(const struct hw *hw, enum hw_level level, const char *format, ...)
{
    char text[512];
    va_list args;

    if (!hw_logs(hw, level))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    hw->config.log(hw->config.arg, level, text);
}

/* ---- names ---- */

const char *hw_custody_name(enum hw_custody custody)
{
    return custodies[custody];
}

int hw_custody_from(const char *name, enum hw_custody *custody)
{
    size_t i = 0;

    while (i < CUSTODIES && strcmp(custodies[i], name) != 0)
        i++;
    *custody = (enum hw_custody)i;
    return i < CUSTODIES;
}

static const struct container *container_of(enum hw_format format)
{
    size_t i = 0;

    while (i < CONTAINERS - 1 && containers[i].format != format)
        i++;
    return &containers[i];
}

const char *hw_format_label(enum hw_format format)
{
    return container_of(format)->label;
}

int hw_format_from(const char *label, enum hw_format *format)
{
    size_t i = 0;

    while (i < CONTAINERS && strcmp(containers[i].label, label) != 0)
        i++;
    if (i < CONTAINERS)
        *format = containers[i].format;
    return i < CONTAINERS;
}

/* ---- keys ---- */

struct hw_key *hw_key_new(struct hw *hw, const struct hw_backend *backend)
{
    struct hw_key *key = OPENSSL_zalloc(sizeof(*key));

    if (key == NULL) {
        hw_raise(hw, HW_E_INTERNAL, "out of memory for a key");
        return NULL;
    }
    key->refs = 1;
    key->hw = hw;
    key->backend = backend;
    key->custody = backend != NULL ? backend->custody : HW_CUSTODY_FILE;
    return key;
}

struct hw_key *hw_key_get1(struct hw_key *key)
{
    key->refs++;
    return key;
}

void hw_key_free(struct hw_key *key)
{
    if (key == NULL || --key->refs > 0)
        return;
    if (key->backend != NULL)
        key->backend->unload(key);
    hw_held_free(key->held);
    hw_rsa_raw_free(&key->check);
    EVP_PKEY_free(key->rsa);
    EVP_PKEY_free(key->pkey);
    OPENSSL_clear_free(key->rejection_seed, 32);
    OPENSSL_free(key);
}

int hw_key_set0_pkey(struct hw_key *key, EVP_PKEY *pkey)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = pkey;
    if (!EVP_PKEY_is_a(pkey, "RSA") && !EVP_PKEY_is_a(pkey, "RSA-PSS") && !hw_is_ec(pkey)) {
        hw_raise(key->hw, HW_E_UNSUPPORTED, "key type %s is not supported, only RSA, RSA-PSS and EC",
                 EVP_PKEY_get0_type_name(pkey));
        return 0;
    }
    key->size = (size_t)EVP_PKEY_get_size(pkey);
    EVP_PKEY_free(key->rsa);
    key->rsa = NULL;
    if (hw_is_ec(pkey))
        return 1;
    if (EVP_PKEY_is_a(pkey, "RSA"))
        key->rsa = EVP_PKEY_up_ref(pkey) ? pkey : NULL;
    else
        key->rsa = hw_rsa_twin(hw_libctx(key->hw), pkey, EVP_PKEY_PUBLIC_KEY);
    if (key->rsa != NULL)
        return 1;
    hw_raise(key->hw, HW_E_BAD_KEY, "OpenSSL does not take the public key");
    return 0;
}

int hw_key_is_ready(struct hw_key *key)
{
    if (key->backend == NULL) {
        hw_raise(key->hw, HW_E_NOT_PRIVATE, "the key has no private part: it can neither sign nor decrypt");
        return 0;
    }
    return key->ops != 0 || key->backend->prepare(key);
}

int hw_op_check(struct hw_key *key, const struct hw_op *op)
{
    return op->kind == HW_OP_ECDSA ? hw_ec_check(key, op) : hw_rsa_check(key, op);
}

void hw_wanted_text(const struct hw_generate *params, char text[HW_WANTED_MAX])
{
    if (params->type == HW_TYPE_EC)
        snprintf(text, HW_WANTED_MAX, "EC %.32s", params->curve != NULL ? params->curve : HW_EC_CURVE);
    else
        snprintf(text, HW_WANTED_MAX, "RSA-%u", params->bits);
}

static const struct hw_backend *pick_custodian(struct hw *hw, const struct hw_generate *params)
{
    char wanted[HW_WANTED_MAX];
    size_t i;

    hw_wanted_text(params, wanted);

    for (i = 0; i < BACKENDS; i++) {
        if (params->custody == backends[i]->custody)
            return backends[i];
        if (params->custody == HW_CUSTODY_AUTO && backends[i]->can_generate(hw->state[i], params)) {
            if (backends[i]->custody != HW_CUSTODY_TPM)
                hw_log(hw, HW_LOG_WARN, "no TPM here that can make a key %s: the CPU makes it, custody %s",
                       wanted, hw_custody_name(backends[i]->custody));
            return backends[i];
        }
    }
    hw_raise(hw, HW_E_UNSUPPORTED, "no backend makes keys of this custody");
    return NULL;
}

static const struct hw_backend *custodian(struct hw *hw, const struct hw_generate *params)
{
    const struct hw_backend *backend = pick_custodian(hw, params);

    if (backend == NULL || params->pcrs == NULL || backend->custody == HW_CUSTODY_SEALED)
        return backend;
    hw_raise(hw, HW_E_UNSUPPORTED, "PCRs are for custody sealed, not %s", hw_custody_name(backend->custody));
    return NULL;
}

struct hw_key *hw_key_generate(struct hw *hw, const struct hw_generate *params)
{
    const struct hw_backend *backend = custodian(hw, params);
    struct hw_key *key = backend != NULL ? hw_key_new(hw, backend) : NULL;

    if (key == NULL)
        return NULL;
    if (!backend->generate(hw_backend_state(hw, backend), key, params)) {
        hw_key_free(key);
        return NULL;
    }
    return key;
}

struct hw_key *hw_key_wrap(struct hw *hw, EVP_PKEY *pkey, const struct hw_generate *params)
{
    const struct hw_backend *backend = custodian(hw, params);
    struct hw_key *key;

    if (backend != NULL && backend->wrap == NULL) {
        hw_raise(hw, HW_E_UNSUPPORTED, "a key is given into custody tpm or sealed, not %s",
                 hw_custody_name(params->custody));
        return NULL;
    }
    key = backend != NULL ? hw_key_new(hw, backend) : NULL;
    if (key != NULL && backend->wrap(hw_backend_state(hw, backend), key, pkey, params))
        return key;
    hw_key_free(key);
    return NULL;
}

struct hw_key *hw_key_move(struct hw_key *key, const struct hw_generate *params)
{
    EVP_PKEY *pkey = NULL;
    struct hw_key *moved;

    if (key->custody == HW_CUSTODY_SEALED) {
        if ((pkey = hw_sealed_get1_pkey(key)) == NULL)
            return NULL;
    } else if (key->custody == HW_CUSTODY_FILE && key->held != NULL) {
        pkey = hw_held_get0_pkey(key->held);
        EVP_PKEY_up_ref(pkey);
    } else {
        hw_raise(key->hw, HW_E_NOT_PRIVATE, "the private key can't be moved: custody %s does not give it out",
                 hw_custody_name(key->custody));
        return NULL;
    }
    moved = hw_key_wrap(key->hw, pkey, params);
    EVP_PKEY_free(pkey);
    return moved;
}

struct hw_key *hw_key_load(struct hw *hw, enum hw_format format, const unsigned char *der, size_t len,
                           hw_passphrase *ask, void *ask_arg)
{
    const struct hw_backend *backend = container_of(format)->backend;
    struct hw_key *key = hw_key_new(hw, backend);

    if (key == NULL)
        return NULL;
    if (!backend->load(hw_backend_state(hw, backend), key, format, der, len, ask, ask_arg)) {
        hw_key_free(key);
        return NULL;
    }
    return key;
}

struct hw_key *hw_key_load_uri(struct hw *hw, const char *uri, hw_passphrase *ask, void *ask_arg)
{
    struct hw_key *key = hw_key_new(hw, &hw_backend_tpm);

    if (key == NULL)
        return NULL;
    if (!hw_tpm_load_uri(key, uri, ask, ask_arg)) {
        hw_key_free(key);
        return NULL;
    }
    return key;
}

struct hw_key *hw_key_from_pkey(struct hw *hw, EVP_PKEY *pkey, int is_private)
{
    struct hw_key *key = hw_key_new(hw, is_private ? &hw_backend_file : NULL);

    if (key == NULL) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    if (!(is_private ? hw_file_adopt(key, pkey) : hw_key_set0_pkey(key, pkey))) {
        hw_key_free(key);
        return NULL;
    }
    return key;
}

EVP_PKEY *hw_key_get0_pkey(const struct hw_key *key)
{
    return key->pkey;
}

int hw_key_is_private(const struct hw_key *key)
{
    return key->backend != NULL;
}

enum hw_custody hw_key_custody(const struct hw_key *key)
{
    return key->custody;
}

char *hw_key_describe(const struct hw_key *key)
{
    return key->backend != NULL ? key->backend->describe_key(key) : OPENSSL_strdup("public key only");
}

int hw_key_container(const struct hw_key *key, enum hw_format *format, unsigned char **der, size_t *len)
{
    if (key->backend == NULL) {
        hw_raise(key->hw, HW_E_NOT_PRIVATE, "the key has no private part to write");
        return 0;
    }
    return key->backend->container(key, format, der, len);
}

int hw_print(struct hw *hw, void (*print)(void *arg, const char *line), void *arg)
{
    size_t i;

    for (i = 0; i < BACKENDS; i++) {
        char *line;

        if (backends[i]->describe == NULL)
            continue;
        line = backends[i]->describe(hw->state[i]);
        if (line == NULL)
            return 0;
        print(arg, line);
        OPENSSL_free(line);
    }
    hw_route_print(hw->route, print, arg);
    hw_digest_print(print, arg);
    hw_kernel_random_print(print, arg);
    return 1;
}
