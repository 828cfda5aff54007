// SPDX-License-Identifier: Apache-2.0
/*
 * scep: messages of the Simple Certificate Enrolment Protocol (RFC 8894), over OpenSSL's CMS. Both sides use
 * it: the server reads requests and writes CertReps, the client the other way round.
 *
 * Functions return 1 (or a pointer) on success and 0 (or NULL) on failure. Whatever the other side sends is
 * hostile; what is wrong with it is told in a struct scep_error, whose failInfo a server can answer with.
 */
#ifndef SIGNET_SCEP_H
#define SIGNET_SCEP_H

#include <openssl/cms.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

/* Largest message that is read, bytes. */
#define SCEP_MESSAGE_MAX (2 << 20)
#define SCEP_NONCE_SIZE  16
#define SCEP_ID_MAX      255

/* Section 3.2.1.2. The numbers are the protocol's. */
enum scep_type {
    SCEP_CERT_REP = 3,
    SCEP_RENEWAL_REQ = 17,
    SCEP_PKCS_REQ = 19,
    SCEP_CERT_POLL = 20,
    SCEP_GET_CERT = 21,
    SCEP_GET_CRL = 22,
};
const char *scep_type_name(enum scep_type type);

/* Section 3.2.1.3. */
enum scep_status { SCEP_SUCCESS = 0, SCEP_FAILURE = 2, SCEP_PENDING = 3 };

/* Section 3.2.1.4. */
enum scep_fail_info {
    SCEP_NO_FAIL_INFO = -1,
    SCEP_BAD_ALG = 0,           /* an algorithm that is not known or not allowed */
    SCEP_BAD_MESSAGE_CHECK = 1, /* the signature or the encryption */
    SCEP_BAD_REQUEST = 2,       /* not permitted, or not understood */
    SCEP_BAD_TIME = 3,
    SCEP_BAD_CERT_ID = 4,
};

struct scep_error {
    enum scep_fail_info fail_info;
    char text[256]; /* one line */
};
/* Returns 0. */
int scep_fail(struct scep_error *error, enum scep_fail_info fail_info, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with OpenSSL's newest error; empties its queue. */
int scep_fail_ssl(struct scep_error *error, enum scep_fail_info fail_info, const char *what);

/* What may be used (section 3.5.2). AES-CBC, SHA-256 to SHA-512, and SHA-1 of others always may; DES and MD5
 * never.
 */
struct scep_algorithms {
    int allow_3des;
    int allow_des; /* against section 2.9, read only: for clients that know nothing else */
};

struct scep_message {
    enum scep_type type;
    enum scep_status status;       /* of a CertRep */
    enum scep_fail_info fail_info; /* of one that failed */
    char fail_text[256];
    char transaction_id[SCEP_ID_MAX + 1]; /* printable; may be empty */
    unsigned char sender_nonce[SCEP_NONCE_SIZE], recipient_nonce[SCEP_NONCE_SIZE];
    int has_sender_nonce, has_recipient_nonce;
    X509 *signer;           /* whose key has signed it; what that is worth is for the reader to see */
    char digest[16];        /* "SHA256": what was used, for the answer */
    char cipher[16];        /* "AES-128-CBC"; empty without content */
    unsigned char *content; /* decrypted: wiped by scep_message_clear */
    size_t content_len;
};

/* Reads a pkiMessage, all but what is encrypted: signature, attributes. If it fails, message holds what
 * attributes there were, for an answer, and no signer. */
int scep_open(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len, struct scep_message *message,
              CMS_ContentInfo **enveloped, struct scep_error *error);
/* Sets message's cipher from what scep_open left in enveloped (it may be NULL: no content), and decrypts
 * nothing. Returns 0 if it is not one that is allowed. */
int scep_take_cipher(const CMS_ContentInfo *enveloped, const struct scep_algorithms *algorithms,
                     struct scep_message *message, struct scep_error *error);
/* The same, and decrypts enveloped, which stays the caller's (CMS_ContentInfo_free). */
int scep_decrypt(OSSL_LIB_CTX *libctx, CMS_ContentInfo *enveloped, X509 *recipient, EVP_PKEY *key,
                 const struct scep_algorithms *algorithms, struct scep_message *message,
                 struct scep_error *error);
void scep_message_clear(struct scep_message *message);

/* Writes one: message's type, status, fail_info, fail_text, transaction_id, nonces, digest, cipher and
 * content are put in; the content, if any, is encrypted to recipient; all is signed by key with its
 * certificate signer. *der is the caller's (OPENSSL_free). */
int scep_write(OSSL_LIB_CTX *libctx, const struct scep_message *message, X509 *recipient, X509 *signer,
               EVP_PKEY *key, unsigned char **der, size_t *len, struct scep_error *error);

/* A degenerate SignedData with certificates or a CRL only (section 3.4). *der is the caller's. */
int scep_write_certificates(OSSL_LIB_CTX *libctx, const STACK_OF(X509) * certificates, X509_CRL *crl,
                            unsigned char **der, size_t *len);
/* Reads one; the caller's (sk_X509_pop_free). *crl may be NULL: not wanted. NULL: it is none. */
STACK_OF(X509) *
    scep_read_certificates(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len, X509_CRL **crl);

/* Issuer and serial number of GetCert and GetCRL, or issuer and subject of CertPoll (sections 3.3.3, 3.3.4).
 */
struct scep_names {
    X509_NAME *issuer, *subject; /* subject: NULL for IssuerAndSerialNumber */
    ASN1_INTEGER *serial;        /* NULL for IssuerAndSubject */
};
int scep_read_names(const unsigned char *der, size_t len, struct scep_names *names);
int scep_write_names(const struct scep_names *names, unsigned char **der, size_t *len);
void scep_names_clear(struct scep_names *names);

#endif
