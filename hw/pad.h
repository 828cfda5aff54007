// SPDX-License-Identifier: Apache-2.0
/*
 * RSA encodings of RFC 8017, once for all backends. em is the encoded message, as long as the modulus.
 * Private to hw/.
 *
 * The encoders return 1, or 0 with an explanation in *why.
 */
#ifndef SIGNET_HW_PAD_H
#define SIGNET_HW_PAD_H

#include <openssl/types.h>
#include <stddef.h>

/* EMSA-PKCS1-v1_5 (section 9.2). md NULL: in is put in as it is (TLS 1.1's MD5-SHA1, raw signers). */
int pad_pkcs1_sign(unsigned char *em, size_t em_len, const EVP_MD *md, const unsigned char *in, size_t in_len,
                   const char **why);

/* EMSA-PSS (section 9.1.1) with a random salt of salt_len bytes; modulus_bits is the modulus's size. */
int pad_pss(OSSL_LIB_CTX *libctx, unsigned char *em, size_t em_len, unsigned modulus_bits, const EVP_MD *md,
            const EVP_MD *mgf1_md, size_t salt_len, const unsigned char *digest, const char **why);

/* The longest salt that fits, in bytes; negative if not even an empty one does. */
long pad_pss_max_salt(unsigned modulus_bits, const EVP_MD *md);

/* The decoders run in time that depends on the lengths alone, not on what em holds. */

/* RSAES-PKCS1-v1_5 (section 7.2.2) with implicit rejection: on bad padding the message is drawn from kdk
 * (32 secret bytes that depend on key and ciphertext). out holds em_len bytes, *out_len is set. */
int pad_pkcs1_decrypt(OSSL_LIB_CTX *libctx, unsigned char *out, size_t *out_len, const unsigned char *em,
                      size_t em_len, const unsigned char kdk[32]);

/* A TLS premaster secret (RFC 5246 section 7.4.7.1): 48 bytes into out, random ones if the padding, length or
 * version is wrong. alt_version 0: none. */
int pad_tls_decrypt(OSSL_LIB_CTX *libctx, unsigned char out[48], const unsigned char *em, size_t em_len,
                    unsigned version, unsigned alt_version);

/* RSAES-OAEP (section 7.1.2). Returns 0 for any decoding error alike. */
int pad_oaep_decrypt(unsigned char *out, size_t *out_len, const unsigned char *em, size_t em_len,
                     const EVP_MD *md, const EVP_MD *mgf1_md, const unsigned char *label, size_t label_len);

/* MGF1 (appendix B.2.1): xors the mask of seed into out. */
int pad_mgf1_xor(unsigned char *out, size_t len, const unsigned char *seed, size_t seed_len,
                 const EVP_MD *md);

#endif
