// SPDX-License-Identifier: Apache-2.0
/* Signatures: signature_rsa.c and signature_ecdsa.c compute, signature_params.c keeps RSA's settings,
 * signature.c says what there is. */
#ifndef SIGNET_PROVIDER_SIGNATURE_H
#define SIGNET_PROVIDER_SIGNATURE_H

#include "provider.h"

extern const OSSL_DISPATCH prov_signature_rsa[], prov_signature_ecdsa[];
/* With a digest of their own: from OpenSSL 3.4 on. */
extern const OSSL_DISPATCH prov_signature_rsa_sha1[], prov_signature_rsa_sha224[],
    prov_signature_rsa_sha256[], prov_signature_rsa_sha384[], prov_signature_rsa_sha512[];
extern const OSSL_DISPATCH prov_signature_ecdsa_sha1[], prov_signature_ecdsa_sha224[],
    prov_signature_ecdsa_sha256[], prov_signature_ecdsa_sha384[], prov_signature_ecdsa_sha512[];

/* The context of an RSA signature. */
struct sig {
    struct prov_ctx *ctx;
    enum prov_type type;
    struct hw_key *hw;
    int operation; /* EVP_PKEY_OP_SIGN, _VERIFY, _VERIFYRECOVER */

    int pad_mode;    /* RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_NO_PADDING */
    EVP_MD *md;      /* NULL: the input is signed as it is */
    EVP_MD *mgf1_md; /* NULL: the same as md */
    int saltlen;     /* bytes, or RSA_PSS_SALTLEN_DIGEST, _AUTO, _MAX */
    int min_saltlen; /* RSA-PSS keys: what their parameters demand */
    int is_md_fixed; /* by the key's parameters or by the algorithm's name */
    int is_mgf1_fixed;

    EVP_MD_CTX *digest;       /* while the message comes in pieces */
    int is_message;           /* sign and verify get the message, not its digest (3.4's message API) */
    unsigned char *signature; /* to verify, given ahead of the message */
    size_t signature_len;
};

/* Resets to the key's defaults. */
int sig_params_reset(struct sig *sig);
int sig_set_md(struct sig *sig, const char *name);
OSSL_FUNC_signature_set_ctx_params_fn sig_set_ctx_params;
OSSL_FUNC_signature_get_ctx_params_fn sig_get_ctx_params;
OSSL_FUNC_signature_settable_ctx_params_fn sig_settable_ctx_params;
OSSL_FUNC_signature_gettable_ctx_params_fn sig_gettable_ctx_params;
/* The salt's length in bytes for signing; negative if the digest does not fit the key. */
long sig_saltlen(const struct sig *sig);

#endif
