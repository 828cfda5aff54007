// SPDX-License-Identifier: Apache-2.0
/*
 * The inside of hw: what a backend provides, what it may call. Private to hw/.
 *
 * A new backend is one file with one table, and one line in hw.c's list.
 */
#ifndef SIGNET_HW_BACKEND_H
#define SIGNET_HW_BACKEND_H

#include "hw.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>

/* What a key can do on its backend: bits of struct hw_key.ops. A backend implements the raw operation where
 * its hardware has it, and pads nothing itself; the others are for keys that their hardware only lets sign.
 */
enum hw_op_kind {
    HW_OP_RSA_RAW = 1 << 0,   /* m^d mod n; input and output as long as the modulus */
    HW_OP_RSA_PKCS1 = 1 << 1, /* the hardware pads a digest: RSASSA-PKCS1-v1_5 */
    HW_OP_RSA_PSS = 1 << 2,   /* the hardware pads a digest: RSASSA-PSS with a salt of its own choice */
    HW_OP_ECDSA = 1 << 3,     /* a digest of any length; the result is an ECDSA-Sig-Value in DER */
};

struct hw_op {
    enum hw_op_kind kind;
    const char *md; /* of the digest, for the kinds that pad */
    size_t saltlen; /* that a PSS signature must have */
    const unsigned char *in;
    size_t in_len;
    const unsigned char
        *em; /* the kinds that pad: the only right padded digest, or NULL if there are others */
    unsigned char *out;
    size_t out_size; /* room at out */
    size_t out_len;  /* set on success */
};

/* A context for OpenSSL's raw operation with one key, kept from one operation to the next. */
struct hw_raw_ctx {
    _Atomic(EVP_PKEY_CTX *) ctx;
};

struct hw_held; /* a private key that lanes can use: see lane.h */

struct hw_key {
    _Atomic unsigned refs;
    struct hw *hw;
    const struct hw_backend *backend; /* NULL: public part only */
    EVP_PKEY *pkey;                   /* public part; the whole key of custody file */
    EVP_PKEY *rsa;                    /* RSA: public part as one of that type: for the raw operation */
    size_t size;                      /* bytes of the modulus; EC: of the longest signature */
    _Atomic unsigned ops;             /* enum hw_op_kind bits; 0: ask prepare */
    enum hw_custody custody;
    void *impl;              /* the backend's */
    struct hw_held *held;    /* custody file, and sealed once it is ready; or NULL */
    struct hw_raw_ctx check; /* of results, with the public key */

    /* Secret for implicit rejection, 32 bytes, made at the first use. No lock: a fork could find it locked.
     */
    unsigned char *_Atomic rejection_seed;
};

struct hw_backend {
    const char *name;
    enum hw_custody custody; /* of the keys it generates */

    /* State of the backend in one struct hw; made at start, no hardware I/O. */
    void *(*open)(struct hw *hw, const struct hw_config *config);
    void (*close)(void *state);
    /* Is the hardware here, and can it make such a key? Returns 1 or 0, raises nothing. */
    int (*can_generate)(void *state, const struct hw_generate *params);
    int (*generate)(void *state, struct hw_key *key, const struct hw_generate *params);
    /* Takes a key from outside into its custody. NULL: there is nothing to do for that. */
    int (*wrap)(void *state, struct hw_key *key, EVP_PKEY *pkey, const struct hw_generate *params);
    /* Fills pkey, ops, impl. No hardware I/O. */
    int (*load)(void *state, struct hw_key *key, enum hw_format format, const unsigned char *der, size_t len,
                hw_passphrase *ask, void *ask_arg);
    /* Learns ops where load could not without the hardware; called while ops is 0. NULL: never needed. */
    int (*prepare)(struct hw_key *key);
    /* The result must be proven before it is returned (hw_op_check): a wrong one may come from a fault,
     * which would give the key away (Boneh, DeMillo, Lipton), or from another key. */
    int (*operate)(struct hw_key *key, struct hw_op *op);
    int (*container)(const struct hw_key *key, enum hw_format *format, unsigned char **der, size_t *len);
    void (*unload)(struct hw_key *key); /* frees impl */
    char *(*describe_key)(const struct hw_key *key);
    char *(*describe)(void *state); /* one line; may talk to the hardware */
};

extern const struct hw_backend hw_backend_tpm, hw_backend_sealed, hw_backend_file;

/* The state of a backend in hw. */
void *hw_backend_state(const struct hw *hw, const struct hw_backend *backend);
OSSL_LIB_CTX *hw_libctx(const struct hw *hw);

/* A key with one reference and nothing in it. */
struct hw_key *hw_key_new(struct hw *hw, const struct hw_backend *backend);
/* Sets the public part (takes over the reference) and size. */
int hw_key_set0_pkey(struct hw_key *key, EVP_PKEY *pkey);
/* Has the key a private part that can do anything at all? Raises. */
int hw_key_is_ready(struct hw_key *key);
/* Does an operation's result fit the public key? */
int hw_op_check(struct hw_key *key, const struct hw_op *op);
#define HW_WANTED_MAX 48
/* What is to be made: "RSA-2048", "EC P-256". */
void hw_wanted_text(const struct hw_generate *params, char text[HW_WANTED_MAX]);

/* Makes key one of custody file; takes over the reference to pkey. */
int hw_file_adopt(struct hw_key *key, EVP_PKEY *pkey);

/* ---- sealed.c ---- */

/* A sealed key, unsealed here and now. Raises, also if this process uses it as the kernel holds it. */
EVP_PKEY *hw_sealed_get1_pkey(struct hw_key *key);

/* ---- held.c: private keys in memory ---- */

struct hw_held *hw_held_new(struct hw *hw, EVP_PKEY *pkey);
EVP_PKEY *hw_held_get0_pkey(const struct hw_held *held); /* NULL: only the kernel has it */
void hw_held_free(struct hw_held *held);
/* The operation of struct hw_backend for keys that have held, and which those are. */
int hw_held_operate(struct hw_key *key, struct hw_op *op);
unsigned hw_held_ops(const struct hw_key *key);
EVP_PKEY *hw_held_generate(struct hw *hw, const struct hw_generate *params);
/* PrivateKeyInfo and the older forms of private keys; all of len. The encoding is the caller's
 * (OPENSSL_clear_free). */
EVP_PKEY *hw_pkcs8_decode(struct hw *hw, const unsigned char *der, size_t len);
int hw_pkcs8_encode(struct hw *hw, const EVP_PKEY *pkey, unsigned char **der, size_t *len);

/* ---- ec.c ---- */

#define HW_EC_CURVE "P-256" /* unless another is named */

/* OpenSSL's number of a curve by one of its names, NULL for the usual one; NID_undef if it is none. */
int hw_ec_curve(const char *name);
int hw_is_ec(const EVP_PKEY *pkey);
/* hw_op_check and hw_held_operate for EC. */
int hw_ec_check(struct hw_key *key, const struct hw_op *op);
int hw_ec_operate(struct hw_key *key, struct hw_op *op);

/* ---- rsa.c ---- */

/* hw_op_check for RSA. */
int hw_rsa_check(struct hw_key *key, const struct hw_op *op);
/* The raw operation by OpenSSL: out = in^d mod n or in^e mod n, all of size bytes. Raises nothing. */
int hw_rsa_raw(struct hw_raw_ctx *kept, OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, int is_private, size_t size,
               const unsigned char *in, unsigned char *out);
void hw_rsa_raw_free(struct hw_raw_ctx *kept);
/* The same numbers as a key of type RSA: what RSA-PSS says of its use would be refused there. selection is
 * EVP_PKEY_KEYPAIR or EVP_PKEY_PUBLIC_KEY. NULL: raises nothing. */
EVP_PKEY *hw_rsa_twin(OSSL_LIB_CTX *libctx, EVP_PKEY *pkey, int selection);

/* ---- kernel_digest.c, kernel_random.c ---- */

/* A line each, on what the kernel does it with. */
void hw_digest_print(void (*print)(void *arg, const char *line), void *arg);
void hw_kernel_random_print(void (*print)(void *arg, const char *line), void *arg);

int hw_tpm_load_uri(struct hw_key *key, const char *uri, hw_passphrase *ask, void *ask_arg);

#define hw_raise(hw, reason, ...) hw_raise_at(hw, reason, __FILE__, __LINE__, __func__, __VA_ARGS__)
void hw_raise_at(const struct hw *hw, enum hw_reason reason, const char *file, int line, const char *func,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));
void hw_log(const struct hw *hw, enum hw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int hw_logs(const struct hw *hw, enum hw_level level);

#endif
