// SPDX-License-Identifier: Apache-2.0
/* The backend of custody file: keys that are PKCS#8 at rest and in this process's memory while used. */
#include "backend.h"

static void *file_open(struct hw *hw, const struct hw_config *config)
{
    (void)config;
    return hw;
}

static void file_close(void *state)
{
    (void)state;
}

static int file_can_generate(void *state, const struct hw_generate *params)
{
    (void)state;
    (void)params;
    return 1;
}

int hw_file_adopt(struct hw_key *key, EVP_PKEY *pkey)
{
    if (!hw_key_set0_pkey(key, pkey) || (key->held = hw_held_new(key->hw, pkey)) == NULL)
        return 0;
    key->ops = hw_held_ops(key);
    return 1;
}

static int file_generate(void *state, struct hw_key *key, const struct hw_generate *params)
{
    struct hw *hw = state;
    EVP_PKEY *pkey;

    if (params->passphrase != NULL || params->parent != NULL) {
        hw_raise(hw, HW_E_UNSUPPORTED,
                 "a key of custody file has no parent, and its passphrase belongs to the file that "
                 "it is written to");
        return 0;
    }
    pkey = hw_held_generate(hw, params);
    return pkey != NULL && hw_file_adopt(key, pkey);
}

static int file_load(void *state, struct hw_key *key, enum hw_format format, const unsigned char *der,
                     size_t len, hw_passphrase *ask, void *ask_arg)
{
    EVP_PKEY *pkey = hw_pkcs8_decode(state, der, len);

    (void)format;
    (void)ask;
    (void)ask_arg;
    return pkey != NULL && hw_file_adopt(key, pkey);
}

static int file_container(const struct hw_key *key, enum hw_format *format, unsigned char **der, size_t *len)
{
    *format = HW_FORMAT_PKCS8;
    return hw_pkcs8_encode(key->hw, key->pkey, der, len);
}

static void file_unload(struct hw_key *key)
{
    (void)key;
}

static char *file_describe_key(const struct hw_key *key)
{
    (void)key;
    return OPENSSL_strdup("CPU, custody file");
}

static char *file_describe(void *state)
{
    char line[160];

    (void)state;
    BIO_snprintf(line, sizeof(line), "cpu: %s, custody file", OpenSSL_version(OPENSSL_VERSION));
    return OPENSSL_strdup(line);
}

const struct hw_backend hw_backend_file = {
    .name = "file",
    .custody = HW_CUSTODY_FILE,
    .open = file_open,
    .close = file_close,
    .can_generate = file_can_generate,
    .generate = file_generate,
    .load = file_load,
    .operate = hw_held_operate,
    .container = file_container,
    .unload = file_unload,
    .describe_key = file_describe_key,
    .describe = file_describe,
};
