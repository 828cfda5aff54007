// SPDX-License-Identifier: Apache-2.0
/* A pkiMessage as a whole (RFC 8894 section 3.2): a SignedData around an EnvelopedData. */
#include "private.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

int scep_fail(struct scep_error *error, enum scep_fail_info fail_info, const char *format, ...)
{
    va_list args;

    error->fail_info = fail_info;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return 0;
}

int scep_fail_ssl(struct scep_error *error, enum scep_fail_info fail_info, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error()), *data = NULL;
    char text[181] = "";
    int flags = 0;

    /* What was wrong with the hardware is said by the first error that says anything; those after it say only
     * what came of it. */
    while (*text == '\0' && ERR_get_error_all(NULL, NULL, NULL, &data, &flags) != 0) {
        if ((flags & ERR_TXT_STRING) && data != NULL)
            snprintf(text, sizeof(text), "%s", data);
    }
    scep_fail(error, fail_info, "%s: %.180s", what,
              *text != '\0'    ? text
              : reason != NULL ? reason
                               : "malformed");
    ERR_clear_error();
    return 0;
}

const char *scep_type_name(enum scep_type type)
{
    switch (type) {
    case SCEP_CERT_REP:
        return "CertRep";
    case SCEP_RENEWAL_REQ:
        return "RenewalReq";
    case SCEP_PKCS_REQ:
        return "PKCSReq";
    case SCEP_CERT_POLL:
        return "CertPoll";
    case SCEP_GET_CERT:
        return "GetCert";
    case SCEP_GET_CRL:
        return "GetCRL";
    }
    return "message";
}

void scep_message_clear(struct scep_message *message)
{
    X509_free(message->signer);
    OPENSSL_clear_free(message->content, message->content_len);
    *message = (struct scep_message){0};
}

/* ---- reading ---- */

static CMS_ContentInfo *parse(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len)
{
    CMS_ContentInfo *cms = CMS_ContentInfo_new_ex(libctx, NULL), *parsed;

    parsed = cms != NULL && len <= SCEP_MESSAGE_MAX ? d2i_CMS_ContentInfo(&cms, &der, (long)len) : NULL;
    if (parsed == NULL)
        CMS_ContentInfo_free(cms);
    return parsed;
}

static int has_few_digests(const CMS_ContentInfo *cms)
{
    unsigned char *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der), has = len > 0 && scep_has_few_digests(der, (size_t)len);

    OPENSSL_free(der);
    return has;
}

/* Section 3.2: what has failed or is pending lacks content, which OpenSSL wants to be given in that case. */
static int verify_cms(CMS_ContentInfo *cms, BIO *content)
{
    ASN1_OCTET_STRING **inside = CMS_get0_content(cms);
    BIO *nothing = inside != NULL && *inside == NULL ? BIO_new_mem_buf("", 0) : NULL;
    int ok = CMS_verify(cms, NULL, NULL, nothing, content, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) == 1;

    BIO_free(nothing);
    return ok;
}

/* The signature, by the only signer, whose certificate is in the message. */
static int verify(CMS_ContentInfo *cms, BIO *content, struct scep_message *message, struct scep_error *error)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
    CMS_SignerInfo *signer = sk_CMS_SignerInfo_num(signers) == 1 ? sk_CMS_SignerInfo_value(signers, 0) : NULL;
    X509_ALGOR *digest = NULL, *signature = NULL;
    const char *name;
    X509 *x509 = NULL;

    if (signer == NULL)
        return scep_fail(error, SCEP_BAD_MESSAGE_CHECK, "the message has %d signers, not one",
                         sk_CMS_SignerInfo_num(signers));
    /* First, so that what is wrong with the rest can be answered to somebody. */
    if (!scep_attributes_read(signer, message, error))
        return 0;
    CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, &signature);
    name = digest != NULL ? scep_digest(digest) : NULL;
    if (name == NULL)
        return scep_fail(error, SCEP_BAD_ALG, "the digest of the signature is not one that is allowed");
    OPENSSL_strlcpy(message->digest, name, sizeof(message->digest));
    if (!has_few_digests(cms))
        return scep_fail(error, SCEP_BAD_MESSAGE_CHECK, "one signer has one digest algorithm, not many");
    if (!verify_cms(cms, content))
        return scep_fail_ssl(error, SCEP_BAD_MESSAGE_CHECK, "the signature is wrong");
    CMS_SignerInfo_get0_algs(signer, NULL, &x509, NULL, NULL);
    if (x509 == NULL || !X509_up_ref(x509))
        return scep_fail(error, SCEP_BAD_MESSAGE_CHECK, "the signer's certificate is not in the message");
    message->signer = x509;
    return 1;
}

int scep_open(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len, struct scep_message *message,
              CMS_ContentInfo **enveloped, struct scep_error *error)
{
    CMS_ContentInfo *cms = parse(libctx, der, len);
    BIO *content = BIO_new(BIO_s_mem());
    unsigned char *data = NULL;
    long n;
    int ok = 0;

    *message = (struct scep_message){.fail_info = SCEP_NO_FAIL_INFO};
    *enveloped = NULL;
    if (cms == NULL || content == NULL || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
        OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data) {
        scep_fail_ssl(error, SCEP_BAD_MESSAGE_CHECK, "no signed message (CMS)");
        goto out;
    }
    if (!verify(cms, content, message, error))
        goto out;
    n = BIO_get_mem_data(content, (char **)&data);
    if (n > 0 && (*enveloped = parse(libctx, data, (size_t)n)) == NULL) {
        scep_fail_ssl(error, SCEP_BAD_MESSAGE_CHECK, "the content is not encrypted (CMS)");
        goto out;
    }
    ok = 1;
out:
    if (!ok) {
        CMS_ContentInfo_free(*enveloped);
        *enveloped = NULL;
    }
    BIO_free(content);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return ok;
}

int scep_take_cipher(const CMS_ContentInfo *enveloped, const struct scep_algorithms *algorithms,
                     struct scep_message *message, struct scep_error *error)
{
    unsigned char *der = NULL;
    const char *cipher = NULL;
    int len;

    if (enveloped == NULL)
        return scep_fail(error, SCEP_BAD_REQUEST, "the message is empty");
    len = i2d_CMS_ContentInfo(enveloped, &der);
    if (len > 0)
        cipher = scep_cipher(der, (size_t)len, algorithms);
    OPENSSL_free(der);
    if (cipher == NULL)
        return scep_fail(error, SCEP_BAD_ALG,
                         "the cipher is not one that is allowed: see allow-des, and a server's allow-3des");
    OPENSSL_strlcpy(message->cipher, cipher, sizeof(message->cipher));
    return 1;
}

int scep_decrypt(OSSL_LIB_CTX *libctx, CMS_ContentInfo *enveloped, X509 *recipient, EVP_PKEY *key,
                 const struct scep_algorithms *algorithms, struct scep_message *message,
                 struct scep_error *error)
{
    OSSL_PROVIDER *legacy = NULL; /* OpenSSL keeps DES there */
    char *data = NULL;
    BIO *content;
    int ok;

    if (!scep_take_cipher(enveloped, algorithms, message, error))
        return 0;
    if (strcmp(message->cipher, "DES-CBC") == 0 && (legacy = OSSL_PROVIDER_load(libctx, "legacy")) == NULL)
        return scep_fail_ssl(error, SCEP_BAD_ALG,
                             "OpenSSL's legacy provider, which has DES, can't be loaded");
    content = BIO_new(BIO_s_secmem());
    ok = content != NULL && CMS_decrypt(enveloped, key, recipient, NULL, content, CMS_BINARY) == 1;
    if (ok) {
        long n = BIO_get_mem_data(content, &data);

        message->content = OPENSSL_memdup(data, (size_t)n);
        message->content_len = (size_t)n;
        ok = message->content != NULL;
    }
    BIO_free(content);
    if (!ok)
        scep_fail_ssl(error, SCEP_BAD_MESSAGE_CHECK, "the message can't be decrypted");
    if (legacy != NULL)
        OSSL_PROVIDER_unload(legacy);
    return ok;
}

/* ---- writing ---- */

/* The content encrypted, DER; *content is empty without one. */
static int encrypt(OSSL_LIB_CTX *libctx, const struct scep_message *message, X509 *recipient, BIO *out)
{
    STACK_OF(X509) *recipients = sk_X509_new_null();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, message->cipher, "provider=default");
    BIO *in = BIO_new_mem_buf(message->content, (int)message->content_len);
    CMS_ContentInfo *cms = NULL;
    int ok = recipients != NULL && cipher != NULL && in != NULL && sk_X509_push(recipients, recipient) > 0;

    if (ok)
        cms = CMS_encrypt_ex(recipients, in, cipher, CMS_BINARY, libctx, NULL);
    ok = cms != NULL && i2d_CMS_bio(out, cms);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    EVP_CIPHER_free(cipher);
    sk_X509_free(recipients);
    return ok;
}

static CMS_ContentInfo *sign(OSSL_LIB_CTX *libctx, const struct scep_message *message, BIO *content,
                             X509 *signer, EVP_PKEY *key)
{
    EVP_MD *md = EVP_MD_fetch(libctx, message->digest, "provider=default");
    CMS_ContentInfo *cms = CMS_sign_ex(NULL, NULL, NULL, content, CMS_BINARY | CMS_PARTIAL, libctx, NULL);
    CMS_SignerInfo *info =
        cms != NULL && md != NULL ? CMS_add1_signer(cms, signer, key, md, CMS_BINARY | CMS_NOSMIMECAP) : NULL;

    if (info == NULL || !scep_attributes_write(info, message) || !CMS_final(cms, content, NULL, CMS_BINARY)) {
        CMS_ContentInfo_free(cms);
        cms = NULL;
    }
    EVP_MD_free(md);
    return cms;
}

int scep_write(OSSL_LIB_CTX *libctx, const struct scep_message *message, X509 *recipient, X509 *signer,
               EVP_PKEY *key, unsigned char **der, size_t *len, struct scep_error *error)
{
    BIO *content = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = NULL;
    int n = -1;

    *der = NULL;
    if (content != NULL && (message->content == NULL || encrypt(libctx, message, recipient, content)))
        cms = sign(libctx, message, content, signer, key);
    if (cms != NULL)
        n = i2d_CMS_ContentInfo(cms, der);
    if (n <= 0)
        scep_fail_ssl(error, SCEP_NO_FAIL_INFO, "the message can't be written");
    *len = n > 0 ? (size_t)n : 0;
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    return n > 0;
}
