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
 * SIGNET KEY REFERENCE: names a key that stays in the hardware, for programs that only take files.
 *
 *   KeyReference ::= SEQUENCE {
 *     version INTEGER,               -- 1
 *     uri     UTF8String,            -- what signet: URIs say after the colon, "handle=0x81010001"
 *     spki    SubjectPublicKeyInfo } -- so that loading the file needs no hardware
 *
 * The data is hostile: sizes are bounded, DER is strict (what follows the SEQUENCE is an error).
 */
#ifndef SIGNET_HW_CONTAINER_H
#define SIGNET_HW_CONTAINER_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_MAX 16384 /* bytes of DER; the largest real one has under 3000 */

struct container_tss2 {
    uint32_t parent;
    int empty_auth;
    int rsa_parent;
    unsigned char *pub; /* TPM2B_PUBLIC and TPM2B_PRIVATE with their length fields; owned */
    size_t pub_len;
    unsigned char *priv;
    size_t priv_len;
};

/* Both return 1, or 0 with an explanation in *why. A decoded container is the caller's to clear. */
int container_tss2_decode(struct container_tss2 *out, const unsigned char *der, size_t len, const char **why);
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

#endif
