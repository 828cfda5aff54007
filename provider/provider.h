// SPDX-License-Identifier: Apache-2.0
/*
 * signet.so: the OpenSSL 3 provider. Private to provider/.
 *
 * The files translate between OpenSSL's dispatch tables (provider-keymgmt(7), provider-signature(7), …) and
 * hw/. Whatever only needs the public key (verification, encodings, parameters) is left to OpenSSL's default
 * provider in a library context that belongs to this module alone.
 */
#ifndef SIGNET_PROVIDER_H
#define SIGNET_PROVIDER_H

#include "hw/hw.h"

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>

/* Dispatch numbers that OpenSSL 3.0's headers lack. They are part of OpenSSL's ABI: a libcrypto that does not
 * know one ignores it, so that one binary serves all. */
#ifndef OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES
#define OSSL_FUNC_SIGNATURE_QUERY_KEY_TYPES       26 /* 3.4 */
#define OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT     27
#define OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_UPDATE   28
#define OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_FINAL    29
#define OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_INIT   30
#define OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_UPDATE 31
#define OSSL_FUNC_SIGNATURE_VERIFY_MESSAGE_FINAL  32
#endif
#ifndef OSSL_FUNC_STORE_OPEN_EX
#define OSSL_FUNC_STORE_OPEN_EX 10 /* 3.2 */
#endif

enum prov_type { PROV_RSA, PROV_RSA_PSS, PROV_EC };

struct prov_config {
    char *tcti;
    char *log;
    char *custody;
    char *key_directory;
    char *parent_passphrase_file;
    char *owner_passphrase_file;
    char *lanes;
    char *pin;
    char *stats_directory;
    char *kernel_digests;
};

struct prov_ctx {
    const OSSL_CORE_HANDLE *core;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_get_libctx_fn *get_libctx;
    OSSL_LIB_CTX *libctx; /* private: default provider only */
    OSSL_PROVIDER *default_provider;
    int has_message_api; /* libcrypto is 3.4 or later */
    struct prov_config config;
    struct hw_log_file log;
    _Atomic int has_checked;       /* for the default provider beside this one */
    CRYPTO_THREAD_LOCAL is_asking; /* this thread asks for what others offer: see second.c */
    int has_asking;
    struct prov_digests *digests; /* NULL: not offered */
    struct hw *hw;
};

/* A key as OpenSSL holds it. hw is NULL between keymgmt's new and import. */
struct prov_key {
    struct prov_ctx *ctx;
    enum prov_type type;
    struct hw_key *hw;
};

/* ---- config.c: openssl.cnf's provider section and the environment; no other file reads either ---- */

int prov_config_read(struct prov_ctx *ctx);
void prov_config_clear(struct prov_config *config);

/* ---- report.c ---- */

extern const OSSL_ITEM prov_reasons[];
int prov_log_open(struct prov_ctx *ctx);
/* Prints the newest error where OpenSSL is known to drop it: its file loader empties the queue after a key
 * that could not be decoded, and says "unsupported". */
void prov_log_last_error(struct prov_ctx *ctx);
/* Callbacks for hw_config; arg is the struct prov_ctx. */
void prov_on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text);
void prov_on_log(void *arg, enum hw_level level, const char *text);
#define prov_raise(ctx, reason, ...) prov_raise_at(ctx, reason, __FILE__, __LINE__, __func__, __VA_ARGS__)
void prov_raise_at(struct prov_ctx *ctx, enum hw_reason reason, const char *file, int line, const char *func,
                   const char *format, ...) __attribute__((format(printf, 6, 7)));

/* ---- passphrase.c: OpenSSL's passphrase callback as hw_passphrase ---- */

struct prov_passphrase {
    OSSL_PASSPHRASE_CALLBACK *cb;
    void *cb_arg;
};
hw_passphrase prov_passphrase; /* arg is the struct prov_passphrase */

/* ---- keymgmt.c ---- */

/* Takes over the reference to hw. */
struct prov_key *prov_key_new(struct prov_ctx *ctx, enum prov_type type, struct hw_key *hw);
void prov_key_free(void *keydata);
enum prov_type prov_type_of(const struct hw_key *hw);
const char *prov_type_name(enum prov_type type);
/* Hands a key to OpenSSL through an object callback, by reference: the keymgmt's load takes it over. */
int prov_key_pass(struct prov_key *key, OSSL_CALLBACK *cb, void *cb_arg);

/* ---- keymgmt_gen.c ---- */

OSSL_FUNC_keymgmt_gen_set_params_fn prov_gen_set_params;
OSSL_FUNC_keymgmt_gen_settable_params_fn prov_gen_settable_params_rsa, prov_gen_settable_params_ec;
OSSL_FUNC_keymgmt_gen_fn prov_gen;
OSSL_FUNC_keymgmt_gen_cleanup_fn prov_gen_cleanup;
OSSL_FUNC_keymgmt_gen_init_fn prov_gen_init_rsa, prov_gen_init_rsa_pss, prov_gen_init_ec;

/* ---- algorithm_id.c ---- */

/* DER of the AlgorithmIdentifier of a signature (RFC 8017 appendix A, RFC 4055); the caller's. NULL without
 * an error if there is none for this digest. */
unsigned char *prov_algorithm_id(int is_pss, const EVP_MD *md, const EVP_MD *mgf1_md, int saltlen,
                                 size_t *len);
/* The same for ECDSA (RFC 5758 section 3.2). */
unsigned char *prov_algorithm_id_ecdsa(const EVP_MD *md, size_t *len);

/* ---- second.c ---- */

/* Asks are_there whether the program's other providers have what ours is to be second to; it fetches from
 * libctx, the program's, by the property provider!=signet. Returns -1 if it is this thread's own question
 * that asks: there is nothing to offer then. Otherwise, and then too, an answer other than 1 is not to be
 * kept, as another provider may still come. */
int prov_ask_others(struct prov_ctx *ctx, int (*are_there)(OSSL_LIB_CTX *libctx, void *arg), void *arg);
/* Returns algorithms when OpenSSL is to learn of them: after those of another provider's that can do what
 * ours is offered as by the same name. */
const OSSL_ALGORITHM *prov_second(struct prov_ctx *ctx, int operation, const OSSL_ALGORITHM *algorithms,
                                  int *no_cache);

/* ---- digest.c ---- */

/* NULL: raised. */
struct prov_digests *prov_digests_new(struct prov_ctx *ctx);
void prov_digests_free(struct prov_digests *digests);
/* The kernel's digests, if no program can get them without asking for them: see there. */
const OSSL_ALGORITHM *prov_digests_query(struct prov_digests *digests, int *no_cache);

/* ---- the tables that provider.c offers ---- */

extern const OSSL_ALGORITHM prov_keymgmts[], prov_signatures[], prov_signatures_with_messages[],
    prov_asym_ciphers[], prov_decoders[], prov_encoders[], prov_stores[], prov_rands[];

#define PROV_PROPERTIES    "provider=signet"
#define PROV_NAMES_RSA     "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define PROV_NAMES_RSA_PSS "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"
#define PROV_NAMES_EC      "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define PROV_FN(id, f)                                                                                       \
    {                                                                                                        \
        id, (void (*)(void))(f)                                                                              \
    }

#endif
