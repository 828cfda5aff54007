// SPDX-License-Identifier: Apache-2.0
/*
 * hw: where private keys live and private operations happen.
 *
 * One interface over all backends (TPM, CPU, later accelerators). The layer knows nothing of OpenSSL's
 * provider API; it uses OpenSSL's libcrypto for arithmetic, public operations and encodings through a
 * library context that belongs to it alone, so that no call can come back into a provider built on hw.
 *
 * Conventions
 *   - Functions return 1 (or a pointer) on success and 0 (or NULL) on failure. The place that knows the
 *     cause reports it once through hw_config.error; callers add nothing.
 *   - _new/_generate/_load hand ownership to the caller, get0 lends for as long as the object lives, get1
 *     gives a reference that the caller frees.
 *   - Lengths are bytes, sizes of keys are bits, integers in octet strings are big-endian.
 *   - All functions on one struct hw or one struct hw_key may be called from any thread.
 */
#ifndef SIGNET_HW_H
#define SIGNET_HW_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct hw;     /* a set of backends with one configuration; one per provider or program */
struct hw_key; /* a key, reference counted */

/* Why an operation failed: what a caller can act on. The text says the rest. */
enum hw_reason {
    HW_E_INTERNAL = 1, /* out of memory, a library refused what it should take */
    HW_E_NO_DEVICE,    /* no such hardware here, or it cannot be reached */
    HW_E_DEVICE,       /* the hardware failed the operation */
    HW_E_FULL,         /* no room left in the hardware */
    HW_E_AUTH,         /* wrong or missing passphrase */
    HW_E_LOCKOUT,      /* the hardware refuses passphrases for now */
    HW_E_BAD_KEY,      /* the key's data is malformed */
    HW_E_FOREIGN_KEY,  /* well-formed, but not a key of this hardware */
    HW_E_UNSUPPORTED,  /* size, exponent, algorithm, padding */
    HW_E_BAD_INPUT,    /* data of a wrong length or out of range */
    HW_E_NOT_PRIVATE,  /* the key has no private part here */
    HW_E_WRONG_RESULT, /* the hardware's result failed the check with the public key */
    HW_E_CANCELLED,    /* the caller's progress function asked to stop */
    HW_E_IO,           /* a file could not be read or written */
};

enum hw_level { HW_LOG_ERROR, HW_LOG_WARN, HW_LOG_INFO, HW_LOG_DEBUG };

struct hw_config {
    OSSL_LIB_CTX *libctx; /* private library context with the default provider loaded; borrowed */
    const char *tcti;     /* TCTI string, or NULL for the first TPM found; copied */

    /* Files that hold the passphrase of a key's parent and of the TPM's owner hierarchy, or NULL. Read when
     * needed, wiped after; a trailing newline is not part of the passphrase. Copied. */
    const char *parent_passphrase_file;
    const char *owner_passphrase_file;

    /* Behind a resource manager, keys of the TPM that are used a lot get a persistent copy, as long as there
     * is room. */
    int pin_auto;

    /* Which lanes use keys that are in memory: "accelerator cpu" (NULL), "cpu", "accelerator", also "afalg"
     * and "keyring" for the ways to the accelerator; "kernel-only": sealed keys are used as the kernel holds
     * them (hw_key_hold) and not unsealed, others through the kernel. EC keys are used by the CPU, and sealed
     * ones not at all with "kernel-only". */
    const char *lanes;
    /* Folder for counters of the lanes, which others can read (hw_print_stats); NULL: none. */
    const char *stats_folder;

    /* Where errors and log lines go. reason is an enum hw_reason, text one line without a newline. */
    void (*error)(void *arg, int reason, const char *file, int line, const char *func, const char *text);
    void (*log)(void *arg, enum hw_level level, const char *text);
    enum hw_level level; /* lines above this level are not even formatted */
    void *arg;
};

/* ---- log lines ---- */

/* For hw_config.log: "2026-11-24T03:43:16.251Z signet[208] warn: TPM at …" */
struct hw_log_file {
    FILE *stream; /* NULL: closed */
    enum hw_level level;
};

/* setting is "error", "warn", "info" or "debug", then ":FILE" if wanted; NULL stands for "warn". Returns 1; 0
 * if it is none of these; -1 with errno if the file can't be opened. The lines go to stderr then, as without
 * a file. */
int hw_log_file_open(struct hw_log_file *log, const char *setting);
void hw_log_file_close(struct hw_log_file *log);
void hw_log_file_print(const struct hw_log_file *log, enum hw_level level, const char *text);

/* ---- the context ---- */

struct hw *hw_new(const struct hw_config *config);
/* Flushes what this process has loaded into the hardware. Keys must have been freed. */
void hw_free(struct hw *hw);

/* ---- keys ---- */

enum hw_custody {
    HW_CUSTODY_AUTO, /* generation only: the TPM if one is here and can do the size, otherwise sealed if there
                        is a TPM, otherwise file */
    HW_CUSTODY_TPM,  /* the private key is usable by one TPM only */
    HW_CUSTODY_SEALED, /* at rest encrypted to one TPM, in use held in memory or by the kernel */
    HW_CUSTODY_FILE,   /* the private key is held in memory and in PKCS#8 */
};

/* "tpm", "sealed", "file", "auto". The name is static; hw_custody_from returns 0 for anything else. */
const char *hw_custody_name(enum hw_custody custody);
int hw_custody_from(const char *name, enum hw_custody *custody);

/* Key types. The generation parameters name them; a loaded key tells its own. */
enum hw_type { HW_TYPE_RSA, HW_TYPE_RSA_PSS, HW_TYPE_EC };

/* Called about ten times a second during long work; returns 0 to cancel it. */
typedef int hw_progress(void *arg);

struct hw_generate {
    enum hw_type type;
    enum hw_custody custody;
    unsigned bits;           /* RSA: size of the modulus */
    const BIGNUM *e;         /* RSA: public exponent, NULL for 65537 */
    const char *curve;       /* EC: "P-256" (NULL), "P-384" or their other names (prime256v1, secp384r1);
                                custody file takes whatever OpenSSL has */
    const char *passphrase;  /* authorization of the new key, NULL for none (tpm, sealed) */
    const char *parent;      /* "owner", a persistent handle such as "0x81000001", or NULL: 0x81000001
                                if the TPM has a storage key there, otherwise "owner" (tpm, sealed) */
    const char *pcrs;        /* "sha256:0,2,7": the TPM gives the key out only while these PCRs hold what they
                                hold now; NULL for none (sealed) */
    const char *pss_md;      /* RSA-PSS: the only digest that the key may be used with, NULL for any
                                (a key in the TPM is bound to one: SHA-256 if NULL) */
    const char *pss_mgf1_md; /* RSA-PSS: NULL for the same as pss_md */
    int pss_saltlen;         /* RSA-PSS: the least salt length in bytes, -1 for the digest's */
    hw_progress *progress;   /* may be NULL */
    void *progress_arg;
};

struct hw_key *hw_key_generate(struct hw *hw, const struct hw_generate *params);

/* Gives a key from outside into custody tpm (TPM2_Import; RSA of two primes, EC as above; encrypted to the
 * parent on its way) or sealed. Of params only custody, passphrase, parent and pcrs count. The caller's pkey,
 * which must be of the private library context, stays as it is: what remains of it elsewhere is the caller's
 * to destroy. */
struct hw_key *hw_key_wrap(struct hw *hw, EVP_PKEY *pkey, const struct hw_generate *params);
/* The same for a key of custody file or sealed; the key is asked of the TPM for it, if need be. */
struct hw_key *hw_key_move(struct hw_key *key, const struct hw_generate *params);

/* Containers a key can be loaded from and written to. */
enum hw_format {
    HW_FORMAT_TSS2,      /* TSS2 PRIVATE KEY, DER (draft-bottomley-tpm2-keys; OID 2.23.133.10.1.3) */
    HW_FORMAT_REFERENCE, /* SIGNET KEY REFERENCE, DER: see hw/container.h */
    HW_FORMAT_SEALED,    /* SIGNET SEALED KEY, DER: see hw/container.h */
    HW_FORMAT_PKCS8,     /* PrivateKeyInfo, DER (RFC 5208), unencrypted */
};

/* The label of the PEM block: "TSS2 PRIVATE KEY". Static. hw_format_from returns 0 if the label is of none.
 */
const char *hw_format_label(enum hw_format format);
int hw_format_from(const char *label, enum hw_format *format);

/* Asks the person or program behind the process for a passphrase. Returns its length (0 is a valid length)
 * or -1 if there is none to be had; a length beyond size means that buf was left alone. what names the key.
 */
typedef int hw_passphrase(void *arg, const char *what, char *buf, size_t size);

/* Loads a key from a container. Nothing is sent to the hardware: the container tells the public key. ask is
 * called only if the container says that the key has a passphrase; it may be NULL, and the key then fails
 * at its first use. */
struct hw_key *hw_key_load(struct hw *hw, enum hw_format format, const unsigned char *der, size_t len,
                           hw_passphrase *ask, void *ask_arg);
/* A key that stays in the hardware, named by what a signet: URI says after the colon: "handle=0x81010001" is
 * a persistent handle of the TPM (0x81000000 to 0x81ffffff), ";auth=ask" says that it has a passphrase. Reads
 * the public key from the hardware. */
struct hw_key *hw_key_load_uri(struct hw *hw, const char *uri, hw_passphrase *ask, void *ask_arg);
/* A key that is in OpenSSL's hands already: public only, or private with custody file. Takes over the
 * reference to pkey, which must be of the private library context. */
struct hw_key *hw_key_from_pkey(struct hw *hw, EVP_PKEY *pkey, int is_private);

struct hw_key *hw_key_get1(struct hw_key *key);
void hw_key_free(struct hw_key *key);

/* The public part (for custody file: the whole key), in the private library context. */
EVP_PKEY *hw_key_get0_pkey(const struct hw_key *key);
int hw_key_is_private(const struct hw_key *key);
enum hw_custody hw_key_custody(const struct hw_key *key);
/* One line for people: "TPM at swtpm:port=2321, parent 0x81000001, passphrase". The caller frees it with
 * OPENSSL_free. */
char *hw_key_describe(const struct hw_key *key);
/* The key's container: TSS2, or a reference for a persistent key; SEALED; PKCS8. *format is set and the DER
 * is the caller's (OPENSSL_clear_free). */
int hw_key_container(const struct hw_key *key, enum hw_format *format, unsigned char **der, size_t *len);

/* ---- RSA private operations ---- */

enum hw_rsa_mode {
    HW_RSA_NONE,  /* the input is as long as the modulus (RFC 8017 section 5) */
    HW_RSA_PKCS1, /* RSASSA-PKCS1-v1_5 / RSAES-PKCS1-v1_5 */
    HW_RSA_PSS,   /* RSASSA-PSS */
    HW_RSA_OAEP,  /* RSAES-OAEP */
    HW_RSA_TLS,   /* RSAES-PKCS1-v1_5 of a TLS premaster secret (RFC 5246 section 7.4.7.1) */
};

struct hw_rsa_padding {
    enum hw_rsa_mode mode;
    const char *md;             /* digest of the message or OAEP's; NULL: PKCS#1 v1.5 of the bare input */
    const char *mgf1_md;        /* NULL: the same as md */
    size_t saltlen;             /* PSS: bytes */
    const unsigned char *label; /* OAEP: may be NULL */
    size_t label_len;
    unsigned tls_version;     /* TLS: the version the client offered, 0x0303 */
    unsigned tls_alt_version; /* TLS: a second version to accept, or 0 */
};

/* Signs a digest (or bare input). sig must hold the modulus's length; exactly that much is written. */
int hw_rsa_sign(struct hw_key *key, const struct hw_rsa_padding *padding, const unsigned char *digest,
                size_t digest_len, unsigned char *sig);

/* Decrypts a ciphertext as long as the modulus. out must hold the modulus's length; *out_len is set.
 * RSAES-PKCS1-v1_5 never tells whether the padding was right: a wrong one gives a message that is random
 * but the same for the same ciphertext (implicit rejection), or for TLS 48 random bytes. */
int hw_rsa_decrypt(struct hw_key *key, const struct hw_rsa_padding *padding, const unsigned char *in,
                   size_t in_len, unsigned char *out, size_t *out_len);

/* ---- EC private operations ---- */

/* ECDSA over a digest of any length; of one that is longer than the curve's order the leftmost bits count
 * (FIPS 186-5 section 6.4.1). sig must hold EVP_PKEY_get_size of the key: what is written is an
 * ECDSA-Sig-Value (RFC 3279 section 2.2.3) in DER, *sig_len bytes of it. */
int hw_ec_sign(struct hw_key *key, const unsigned char *digest, size_t digest_len, unsigned char *sig,
               size_t *sig_len);

/* ---- the hardware itself ---- */

/* Calls print with one line a backend: what is here, how it is reached, what it can do. */
int hw_print(struct hw *hw, void (*print)(void *arg, const char *line), void *arg);
#define HW_STATS_FOLDER "/run/signet/stats" /* unless the configuration names another */

/* What a lane has done in a process and those that it has forked. */
struct hw_stats {
    int pid;
    const char *program, *lane;
    uint64_t operations, service_us, busy, failures, timeouts, wrong, opened;
    int is_open; /* the breaker: it is not used for a while */
};

/* Calls fn for each process that has counters in the folder and each of its lanes. Returns 0 if the folder
 * can't be read, with errno. */
int hw_stats_each(const char *folder, void (*fn)(void *arg, const struct hw_stats *stats), void *arg);
/* Prints them, a line each. */
int hw_print_stats(const char *folder, void (*print)(void *arg, const char *line), void *arg);
/* Gives a sealed key, unsealed, to the kernel to keep (keyrings(7)) until hw_key_release or the end of the
 * system: processes of this user and, if it is not NULL, of the group can then use it, and no one can read
 * it. */
int hw_key_hold(struct hw_key *key, const char *group);
/* Takes it from the kernel. Returns 0 if it was not there, and raises. */
int hw_key_release(struct hw_key *key);
/* Copies a key that is in a TSS2 container to a persistent handle (0x81000000 to 0x817fffff, TPM 2.0
 * Library part 2 section 7.5) and returns the key that lives there. */
struct hw_key *hw_key_persist(struct hw_key *key, uint32_t handle);
/* Removes the persistent copy that pin = auto may have made of a key. Returns 0 if that can't be done or
 * found out. */
int hw_key_unpin(struct hw_key *key);
/* Removes what is at a persistent handle. */
int hw_evict(struct hw *hw, uint32_t handle);
/* Random bytes from the TPM. */
int hw_random(struct hw *hw, unsigned char *out, size_t len);
/* Random bytes from the kernel's crypto API: of the driver that it prefers for "stdrng". */
int hw_kernel_random(struct hw *hw, unsigned char *out, size_t len);

/* ---- digests by the kernel, and so by the SoC's hash engine where there is a driver for it ---- */

/* A digest of one message after the other. One thread at a time; a message begun before a fork can't go on in
 * the child if the kernel has part of it. */
struct hw_digest;

/* name is the kernel's ("sha3-256"), which must live on; size is the digest's. Asks nothing of the kernel. */
struct hw_digest *hw_digest_new(struct hw *hw, const char *name, size_t size);
/* Begins a message; what there was of another one is forgotten. Raises if the kernel can't do it. */
int hw_digest_init(struct hw_digest *digest);
int hw_digest_update(struct hw_digest *digest, const unsigned char *in, size_t len);
/* Ends the message and writes size bytes. hw_digest_init comes next. */
int hw_digest_final(struct hw_digest *digest, unsigned char *out);
/* The same state once more, to go on with independently. */
struct hw_digest *hw_digest_dup(const struct hw_digest *digest);
void hw_digest_free(struct hw_digest *digest);

#endif
