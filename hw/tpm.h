// SPDX-License-Identifier: Apache-2.0
/*
 * The inside of the TPM backend. Private to hw/tpm*.c.
 *
 * One struct tpm is one TPM as one process sees it: one ESAPI context, used under one lock, opened at the
 * first command. After fork the child drops its copy without a word to the TPM and opens its own.
 */
#ifndef SIGNET_HW_TPM_H
#define SIGNET_HW_TPM_H

#include "backend.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tcti.h>

#define TPM_SRK              0x81000001u /* where TCG provisioning puts the storage root key */
#define TPM_PERSISTENT_FIRST 0x81000000u
#define TPM_PERSISTENT_LAST  0x81ffffffu
#define TPM_OWNER_LAST       0x817fffffu /* above: the platform's */

struct tpm_key {
    struct hw_key *key;
    TPM2B_PUBLIC pub;
    TPM2B_PRIVATE priv; /* size 0 for a persistent key */
    uint32_t parent;
    int rsa_parent;
    uint32_t persistent; /* handle, or 0 */
    uint32_t pinned;     /* handle of a persistent copy of a key that has a container of its own, or 0 */
    unsigned
        uses; /* operations as a transient object; of no interest once it counts as pinned or unpinnable */
    int has_auth;
    int has_passphrase; /* auth holds it */
    int is_refused;     /* the TPM did not take auth; another try would only bring a lockout nearer */
    TPM2B_AUTH auth;

    /* What follows belongs to the connection: guarded by its lock. */
    ESYS_TR tr;                    /* ESYS_TR_NONE while not loaded */
    unsigned epoch;                /* of the connection that tr belongs to */
    unsigned turn;                 /* in which it was loaded */
    TPMS_CONTEXT *saved;           /* the loaded object as ContextSave gave it, or NULL */
    struct tpm_key *newer, *older; /* in the list of loaded keys */
};

struct tpm {
    struct hw *hw;
    char *conf; /* TCTI asked for, or NULL */
    char *parent_passphrase_file;
    char *owner_passphrase_file;

    pthread_mutex_t lock;
    struct tpm *next;   /* in the list that fork handlers walk */
    int locked_by_fork; /* between the prepare and the parent handler */
    int inherited;      /* esys and tcti are a copy of the parent process's */

    char name[256]; /* TCTI in use, or what was tried: for messages */
    int is_managed; /* a resource manager swaps objects and frees them when the connection closes */
    int is_tabrmd;
    int is_bus_lost; /* the parent process has used D-Bus, which does not survive fork */
    unsigned turn;   /* counts up each time the lock is taken */
    int has_warned;  /* of objects of other processes that had to go */
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    struct tpm_key *newest, *oldest; /* loaded transient keys by last use */
    unsigned epoch;                  /* of the connection; a key's tr is of its own epoch only */
    uint32_t parent_handle;          /* the persistent parent that parent_tr stands for */
    ESYS_TR parent_tr;
    int pin_auto;     /* busy keys get a persistent copy */
    uint32_t culprit; /* handle of the parent or hierarchy that the last command used, for messages; or 0 */
};

/* ---- tpm_connection.c ---- */

int tpm_connection_init(struct tpm *tpm);
void tpm_connection_free(struct tpm *tpm);
/* Takes the lock and drops what fork left over. Raises if this thread has it already. */
int tpm_lock(struct tpm *tpm);
void tpm_unlock(struct tpm *tpm);
/* Opens the connection if there is none. The rest is called with the lock held. */
TSS2_RC tpm_connect(struct tpm *tpm);
/* Closes it; objects are flushed first if the TPM still answers (is_alive). */
void tpm_disconnect(struct tpm *tpm, int is_alive);

/* What a response code calls for. */
enum tpm_remedy {
    TPM_GIVE_UP,
    TPM_RECONNECT, /* the connection broke: the TPM may be back */
    TPM_STARTUP,   /* the TPM was reset and nobody started it */
    TPM_RELOAD,    /* a handle went stale: somebody flushed it, or the TPM was reset */
};
enum tpm_remedy tpm_remedy(TSS2_RC rc);
/* Applies it. Returns 1 if the command is worth another try; attempt counts from 0. k may be NULL. */
int tpm_recover(struct tpm *tpm, TSS2_RC rc, struct tpm_key *k, unsigned attempt);

/* ---- tpm_tcti.c ---- */

/* Opens conf or, if it is NULL, the first TPM found. Sets name and the like also on failure. */
TSS2_RC tpm_tcti_open(struct tpm *tpm);
void tpm_tcti_close(struct tpm *tpm);

/* ---- tpm_transport.c, and the addresses it takes: tpm_device.c, tpm_swtpm.c ---- */

struct tpm_address {
    int (*open)(const struct tpm_address *address); /* a descriptor, or -1 with errno */
    int (*is_lost)(int fd);                         /* was a command dropped on its way? NULL: never */
    int is_exclusive;                               /* one process at a time: open during a turn only */
    int is_socket;
    char path[PATH_MAX]; /* of a device */
    struct sockaddr_storage socket;
    socklen_t socket_len;
};

/* Both return 1, or 0 with errno. options are what stands behind the TCTI's name and colon. */
int tpm_device_address(const char *path, int is_managed, struct tpm_address *address);
int tpm_swtpm_address(const char *options, struct tpm_address *address);
/* Opens the address, to see that it is there, and makes a TCTI for it. On failure errno says why. */
TSS2_RC tpm_transport_new(const struct tpm_address *address, TSS2_TCTI_CONTEXT **tcti);
/* Ends the turn: gives way to other processes. Any TCTI will do, NULL as well. */
void tpm_transport_release(TSS2_TCTI_CONTEXT *tcti);
/* Returns 0 if this TCTI is another library's. */
int tpm_transport_free(TSS2_TCTI_CONTEXT **tcti);

/* ---- tpm_slots.c ---- */

/* The handle at which the TPM keeps k by itself, or 0: it has to be loaded. */
uint32_t tpm_resident(const struct tpm_key *k);
/* Makes k loaded: k->tr is valid when this succeeds. */
TSS2_RC tpm_slots_load(struct tpm *tpm, struct tpm_key *k);
/* Forgets that k is loaded. do_flush: also in the TPM. */
void tpm_slots_drop(struct tpm *tpm, struct tpm_key *k, int do_flush);
void tpm_slots_drop_all(struct tpm *tpm, int do_flush);
/* Has another process put its object where k was loaded in an earlier turn? */
int tpm_slots_is_taken(struct tpm *tpm, const struct tpm_key *k);
/* Frees one slot for a command that the TPM refused with rc; keep is spared (ESYS_TR_NONE: nothing to spare).
 * Returns 1 if the command is worth another try. */
int tpm_slots_make_room(struct tpm *tpm, TSS2_RC rc, ESYS_TR keep);
/* An object for what is at a persistent handle. */
TSS2_RC tpm_persistent(struct tpm *tpm, uint32_t handle, ESYS_TR *tr);
/* The parent of a key: is_transient tells the caller to flush it. */
TSS2_RC tpm_parent(struct tpm *tpm, uint32_t handle, int rsa_parent, ESYS_TR *tr, int *is_transient);
/* Reads a passphrase file into auth; an absent (NULL) file is an empty passphrase. Raises. */
int tpm_read_passphrase(struct tpm *tpm, const char *file, TPM2B_AUTH *auth);

/* ---- tpm_error.c ---- */

/* The response code without its layer and without the number of the handle, session or parameter. */
uint32_t tpm_rc_base(TSS2_RC rc);
int tpm_rc_is_tpm(TSS2_RC rc);
/* In place of a response code: nothing was sent, and the cause has been raised. */
#define TPM_RAISED ((TSS2_RC)0xffffffff)
/* Raises what failed, on which TPM, why, and what to try. Always returns 0. */
int tpm_raise(struct tpm *tpm, TSS2_RC rc, const char *what);

/* Values of count consecutive TPM properties (TPM2_PT_…) from first; 0 where the TPM has no answer. */
TSS2_RC tpm_properties(struct tpm *tpm, uint32_t first, uint32_t *values, uint32_t count);

/* ---- tpm_public.c ---- */

/* Checks a public area from outside and fills key's pkey and ops from it. Raises. */
int tpm_public_adopt(struct hw_key *key, const TPM2B_PUBLIC *pub, const char *where);

/* ---- tpm_ec.c ---- */

/* What is wrong with a public area of type ECC from outside, or NULL. */
const char *tpm_ec_flaw(const TPMT_PUBLIC *pub);
/* Of one without a flaw. NULL: OpenSSL does not take it. */
EVP_PKEY *tpm_ec_to_pkey(OSSL_LIB_CTX *libctx, const TPMT_PUBLIC *pub);
/* Returns 0 if the TPM has no such curve; raises nothing. */
int tpm_ec_parms(const struct hw_generate *params, TPMS_ECC_PARMS *parms);
/* The public area of a key to be made. Raises. */
int tpm_ec_template(struct tpm *tpm, const struct hw_generate *params, TPM2B_PUBLIC *template);
/* A number of an EC key's, as long as the curve's field. */
int tpm_ec_number(TPM2B_ECC_PARAMETER *out, const EVP_PKEY *pkey, const char *name);
/* Both areas of a key from outside. Raises. */
int tpm_ec_fill(struct tpm *tpm, const EVP_PKEY *pkey, const TPM2B_AUTH *auth, int has_passphrase,
                TPM2B_PUBLIC *pub, TPM2B_SENSITIVE *sensitive);
/* Can the key sign digests of this length? Not if it is bound to an algorithm of shorter ones. */
int tpm_ec_takes(const struct tpm_key *k, size_t digest_len);
/* One TPM command. out_len stays 0 if the result is no signature. */
TSS2_RC tpm_ec_sign(struct tpm *tpm, struct tpm_key *k, struct hw_op *op);

/* ---- tpm_generate.c ---- */

int tpm_can_generate(void *state, const struct hw_generate *params);
int tpm_generate(void *state, struct hw_key *key, const struct hw_generate *params);
/* The parent's handle by the name that the caller gives it; with the lock held. Raises. */
int tpm_choose_parent(struct tpm *tpm, const char *name, uint32_t *parent);
/* A passphrase, or NULL, as the TPM takes it. Raises. */
int tpm_fill_auth(struct tpm *tpm, const char *passphrase, TPM2B_AUTH *auth);

/* ---- tpm_import.c ---- */

int tpm_wrap(void *state, struct hw_key *key, EVP_PKEY *pkey, const struct hw_generate *params);

/* ---- tpm_manage.c ---- */

/* Makes object persistent at handle, or removes it from there. TPM_RAISED, or a response code. */
TSS2_RC tpm_evict_control(struct tpm *tpm, ESYS_TR object, uint32_t handle, ESYS_TR *out);

/* ---- tpm_pin.c ---- */

/* To be called after each operation of a loaded key, with the lock held. */
void tpm_pin_if_busy(struct tpm *tpm, struct tpm_key *k);

/* ---- tpm_describe.c ---- */

char *tpm_describe(void *state);

/* ---- tpm.c ---- */

struct tpm_key *tpm_key_new(struct hw_key *key);
/* Asks for the passphrase that a container says its key has; what names it. Without one the key is tried with
 * an empty one at its first use: some tools write files that say so of keys that have none. */
int tpm_ask_auth(struct hw *hw, const char *what, hw_passphrase *ask, void *ask_arg, TPM2B_AUTH *auth,
                 int *has_passphrase);
#define HANDLE_URI_MAX 32
void tpm_handle_uri(char uri[HANDLE_URI_MAX], const struct tpm_key *k);

#endif
