// SPDX-License-Identifier: Apache-2.0
/*
 * Key containers: what a key is at rest. Private to hw/.
 *
 * TSS2 PRIVATE KEY (draft-bottomley-tpm2-keys, also known as the TPM 2.0 key file format):
 *
 *   TPMKey ::= SEQUENCE {
 *     type        OBJECT IDENTIFIER,              -- 2.23.133.10.1.3, loadable key
 *     emptyAuth   [0] EXPLICIT BOOLEAN OPTIONAL,  -- TRUE: no passphrase
 *     policy      [1] EXPLICIT SEQUENCE OF TPMPolicy OPTIONAL,
 *     secret      [2] EXPLICIT OCTET STRING OPTIONAL,
 *     authPolicy  [3] EXPLICIT SEQUENCE OF TPMAuthPolicy OPTIONAL,
 *     description [4] EXPLICIT UTF8String OPTIONAL,
 *     rsaParent   [5] EXPLICIT BOOLEAN OPTIONAL,  -- TRUE: the owner's primary is an RSA-2048 key
 *     parent      INTEGER,                        -- handle: persistent, or a hierarchy
 *     pubkey      OCTET STRING,                   -- TPM2B_PUBLIC
 *     privkey     OCTET STRING }                  -- TPM2B_PRIVATE
 *
 *   The same with type 2.23.133.10.1.5 holds sealed data: a secret that the TPM gives out again. Such a one
 * may have a policy of one TPM2_PolicyPCR, followed by a TPM2_PolicyAuthValue if it has a passphrase.
 *
 *   TPMPolicy ::= SEQUENCE {
 *     commandCode   [0] EXPLICIT INTEGER,
 *     commandPolicy [1] EXPLICIT OCTET STRING }   -- the command's parameters as they are sent
 *
 * SIGNET KEY REFERENCE: names a key that stays in the hardware, for programs that only take files.
 *
 *   KeyReference ::= SEQUENCE {
 *     version INTEGER,               -- 1
 *     uri     UTF8String,            -- what signet: URIs say after the colon, "handle=0x81010001"
 *     spki    SubjectPublicKeyInfo } -- so that loading the file needs no hardware
 *
 * SIGNET SEALED KEY: a private key encrypted under a key that is sealed to a TPM.
 *
 *   SealedKey ::= SEQUENCE {
 *     version   INTEGER,              -- 1
 *     spki      SubjectPublicKeyInfo,
 *     seal      TPMKey,               -- sealed data: the 32 bytes of an AES-256 key, used for this key only
 *     iv        OCTET STRING,         -- 12 bytes
 *     encrypted OCTET STRING }        -- PrivateKeyInfo (RFC 5208), AES-256-GCM, then the tag of 16 bytes
 *
 *   The additional authenticated data is the DER of version, spki and seal.
 *
 * The data is hostile: sizes are bounded, DER is strict (what follows the SEQUENCE is an error).
 */
#ifndef SIGNET_HW_CONTAINER_H
#define SIGNET_HW_CONTAINER_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_MAX 16384 /* bytes of DER; the largest real one has under 3000 */

enum container_tss2_kind { CONTAINER_TSS2_LOADABLE, CONTAINER_TSS2_SEALED };

struct container_tss2 {
    enum container_tss2_kind kind;
    uint32_t parent;
    int empty_auth;
    int rsa_parent;
    unsigned char *pub; /* TPM2B_PUBLIC and TPM2B_PRIVATE with their length fields; owned */
    size_t pub_len;
    unsigned char *priv;
    size_t priv_len;
    unsigned char *pcrs; /* sealed: a TPML_PCR_SELECTION, or NULL; owned */
    size_t pcrs_len;
};

/* Both return 1, or 0 with an explanation in *why. A decoded container is the caller's to clear. */
int container_tss2_decode(struct container_tss2 *out, enum container_tss2_kind kind, const unsigned char *der,
                          size_t len, const char **why);
int container_tss2_encode(const struct container_tss2 *in, unsigned char **der, size_t *len);
void container_tss2_clear(struct container_tss2 *container);

struct container_reference {
    char *uri;      /* owned */
    EVP_PKEY *pkey; /* public; owned */
};

int container_reference_decode(struct container_reference *out, OSSL_LIB_CTX *libctx,
                               const unsigned char *der, size_t len, const char **why);
int container_reference_encode(const char *uri, EVP_PKEY *pkey, unsigned char **der, size_t *len);
void container_reference_clear(struct container_reference *container);

/* ---- container_sealed.c ---- */

#define CONTAINER_IV_LEN  12
#define CONTAINER_TAG_LEN 16
#define CONTAINER_KEY_LEN 32

struct container_sealed {
    EVP_PKEY *pkey;             /* public; owned */
    struct container_tss2 seal; /* owned */
    unsigned char iv[CONTAINER_IV_LEN];
    unsigned char *encrypted; /* with the tag; owned */
    size_t encrypted_len;
};

int container_sealed_decode(struct container_sealed *out, OSSL_LIB_CTX *libctx, const unsigned char *der,
                            size_t len, const char **why);
int container_sealed_encode(const struct container_sealed *in, unsigned char **der, size_t *len);
void container_sealed_clear(struct container_sealed *container);

/* Encrypts a PrivateKeyInfo into iv and encrypted; pkey and seal must be there already. Decrypts it; *data is
 * the caller's (OPENSSL_clear_free). Both return 0 if OpenSSL fails, or if the data is not what was
 * encrypted. */
int container_sealed_encrypt(struct container_sealed *container, OSSL_LIB_CTX *libctx,
                             const unsigned char key[CONTAINER_KEY_LEN], const unsigned char *data,
                             size_t len);
int container_sealed_decrypt(const struct container_sealed *container, OSSL_LIB_CTX *libctx,
                             const unsigned char key[CONTAINER_KEY_LEN], unsigned char **data, size_t *len);

#endif
