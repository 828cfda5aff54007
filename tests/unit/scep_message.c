// SPDX-License-Identifier: Apache-2.0
/* Messages of SCEP: written, read again; what must not be read; names and certificates. */
#include "tools/scep/private.h"

#include "unit.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

static OSSL_LIB_CTX *libctx;
static EVP_PKEY *client_key, *ca_key;
static X509 *client, *ca;

static X509 *certificate(EVP_PKEY *pkey, const char *common_name)
{
    X509 *x509 = X509_new_ex(libctx, NULL);
    X509_NAME *name = x509 != NULL ? X509_get_subject_name(x509) : NULL;
    EVP_MD *md = EVP_MD_fetch(libctx, "SHA256", NULL);

    if (name == NULL || md == NULL ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1,
                                    0) ||
        !X509_set_issuer_name(x509, name) || !X509_set_version(x509, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(x509), 77) ||
        X509_gmtime_adj(X509_getm_notBefore(x509), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(x509), 86400) == NULL || !X509_set_pubkey(x509, pkey) ||
        X509_sign(x509, pkey, md) <= 0)
        abort();
    EVP_MD_free(md);
    return x509;
}

/* A request for content "hello". */
static struct scep_message request(enum scep_type type)
{
    struct scep_message message = {.type = type,
                                   .transaction_id = "a transaction",
                                   .sender_nonce = "0123456789abcde",
                                   .digest = "SHA256",
                                   .cipher = "AES-128-CBC",
                                   .content = OPENSSL_memdup("hello", 5),
                                   .content_len = 5};

    return message;
}

static int write(struct scep_message *message, unsigned char **der, size_t *len)
{
    struct scep_error error = {0};
    int ok = scep_write(libctx, message, ca, client, client_key, der, len, &error);

    if (!ok)
        fprintf(stderr, "\n%s\n", error.text);
    return ok;
}

/* Reads one as the CA does; 1: all of it. */
static int read_with(const unsigned char *der, size_t len, const struct scep_algorithms *algorithms,
                     struct scep_message *message, struct scep_error *error)
{
    /* A copy of just this size, for AddressSanitizer. */
    unsigned char *copy = OPENSSL_memdup(der, len);
    CMS_ContentInfo *enveloped = NULL;
    int ok;

    *error = (struct scep_error){.fail_info = SCEP_NO_FAIL_INFO};
    ok = scep_open(libctx, copy, len, message, &enveloped, error) &&
         scep_decrypt(libctx, enveloped, ca, ca_key, algorithms, message, error);
    CMS_ContentInfo_free(enveloped);
    OPENSSL_free(copy);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    CU_ASSERT_EQUAL(ok, *error->text == '\0');
    return ok;
}

static const struct scep_algorithms strict = {0};

static void round_trip(void)
{
    static const enum scep_type types[] = {SCEP_PKCS_REQ, SCEP_RENEWAL_REQ, SCEP_CERT_POLL, SCEP_GET_CERT,
                                           SCEP_GET_CRL};
    static const char *const ciphers[] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};
    struct scep_message in, out;
    struct scep_error error;
    unsigned char *der;
    size_t len, i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        in = request(types[i]);
        OPENSSL_strlcpy(in.cipher, ciphers[i % 3], sizeof(in.cipher));
        OPENSSL_strlcpy(in.digest, digests[i % 3], sizeof(in.digest));
        CU_ASSERT_FATAL(write(&in, &der, &len));
        CU_ASSERT_FATAL(read_with(der, len, &strict, &out, &error));
        CU_ASSERT_EQUAL(out.type, types[i]);
        CU_ASSERT_STRING_EQUAL(out.transaction_id, in.transaction_id);
        CU_ASSERT(out.has_sender_nonce && !out.has_recipient_nonce);
        CU_ASSERT_EQUAL(memcmp(out.sender_nonce, in.sender_nonce, SCEP_NONCE_SIZE), 0);
        CU_ASSERT_STRING_EQUAL(out.cipher, in.cipher);
        CU_ASSERT_STRING_EQUAL(out.digest, in.digest);
        CU_ASSERT(out.content_len == 5 && memcmp(out.content, "hello", 5) == 0);
        CU_ASSERT_EQUAL(X509_cmp(out.signer, client), 0);
        scep_message_clear(&out);
        scep_message_clear(&in);
        OPENSSL_free(der);
    }
}

static void replies(void)
{
    static const enum scep_status statuses[] = {SCEP_SUCCESS, SCEP_FAILURE, SCEP_PENDING};
    CMS_ContentInfo *enveloped = NULL;
    struct scep_message in, out;
    struct scep_error error;
    unsigned char *der;
    size_t len, i;

    for (i = 0; i < 3; i++) {
        in = request(SCEP_CERT_REP);
        in.status = statuses[i];
        in.fail_info = SCEP_BAD_CERT_ID;
        in.has_recipient_nonce = 1;
        memset(in.recipient_nonce, 7, SCEP_NONCE_SIZE);
        OPENSSL_strlcpy(in.fail_text, "no such certificate", sizeof(in.fail_text));
        OPENSSL_free(in.content);
        in.content = NULL;
        CU_ASSERT_FATAL(write(&in, &der, &len));
        CU_ASSERT_FATAL(scep_open(libctx, der, len, &out, &enveloped, &error));
        CU_ASSERT_PTR_NULL(enveloped);
        CU_ASSERT_EQUAL(out.status, statuses[i]);
        CU_ASSERT(out.has_recipient_nonce && out.recipient_nonce[15] == 7);
        CU_ASSERT_EQUAL(out.fail_info, i == 1 ? SCEP_BAD_CERT_ID : SCEP_NO_FAIL_INFO);
        CU_ASSERT_STRING_EQUAL(out.fail_text, i == 1 ? "no such certificate" : "");
        scep_message_clear(&out);
        OPENSSL_free(der);
    }
}

/* Section 3.2: a CertRep of FAILURE or PENDING lacks content: there is no eContent at all. */
static void without_content(void)
{
    struct scep_message in = request(SCEP_CERT_REP), out;
    BIO *empty = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = CMS_sign_ex(NULL, NULL, NULL, empty, CMS_BINARY | CMS_PARTIAL | CMS_DETACHED,
                                       libctx, NULL),
                    *enveloped = NULL;
    CMS_SignerInfo *info = CMS_add1_signer(cms, client, client_key, EVP_sha256(), CMS_BINARY);
    struct scep_error error;
    unsigned char *der = NULL;
    int len;

    in.status = SCEP_PENDING;
    CU_ASSERT_FATAL(scep_attributes_write(info, &in));
    CU_ASSERT_FATAL(CMS_final(cms, empty, NULL, CMS_BINARY));
    len = i2d_CMS_ContentInfo(cms, &der);
    CU_ASSERT_FATAL(len > 0);
    CU_ASSERT(scep_open(libctx, der, (size_t)len, &out, &enveloped, &error));
    CU_ASSERT_EQUAL(out.status, SCEP_PENDING);
    CU_ASSERT_PTR_NULL(enveloped);
    CU_ASSERT_PTR_NOT_NULL(out.signer);
    scep_message_clear(&out);
    der[len - 1] ^= 1;
    CU_ASSERT(!scep_open(libctx, der, (size_t)len, &out, &enveloped, &error));
    scep_message_clear(&out);
    scep_message_clear(&in);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(empty);
}

static void no_messages(void)
{
    struct scep_message in = request(SCEP_PKCS_REQ), out;
    struct scep_error error;
    unsigned char *der, byte;
    size_t len, i;

    CU_ASSERT_FATAL(write(&in, &der, &len));
    for (i = 0; i < len; i += 7) {
        CU_ASSERT(!read_with(der, i, &strict, &out, &error));
        CU_ASSERT_PTR_NULL(out.signer);
        scep_message_clear(&out);
    }
    /* Whatever is changed, the signature or the encryption is wrong, or it is not read by anybody. */
    for (i = 0; i < len; i += 3) {
        byte = der[i];
        der[i] ^= 0x20;
        if (read_with(der, len, &strict, &out, &error)) {
            CU_ASSERT_STRING_EQUAL(out.transaction_id, in.transaction_id);
            CU_ASSERT(out.content_len == 5 && memcmp(out.content, "hello", 5) == 0);
        }
        scep_message_clear(&out);
        der[i] = byte;
    }
    OPENSSL_free(der);
    scep_message_clear(&in);
}

static void attributes(void)
{
    static const struct {
        int type;
        const char *transaction, *why;
    } bad[] = {
        {0, "t", "messageType 0 is not known"},
        {18, "t", "messageType 18 is not known"},
        {999, "t", "messageType 999 is not known"},
        {1234, "t", "no messageType"},
        {19, "", "no transactionID"},
        {19, "a\nb", "not printable"},
    };
    struct scep_message in, out;
    struct scep_error error;
    unsigned char *der;
    size_t len, i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        in = request((enum scep_type)bad[i].type);
        OPENSSL_strlcpy(in.transaction_id, bad[i].transaction, sizeof(in.transaction_id));
        CU_ASSERT_FATAL(write(&in, &der, &len));
        CU_ASSERT(!read_with(der, len, &strict, &out, &error));
        CU_ASSERT_EQUAL(error.fail_info, SCEP_BAD_REQUEST);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, bad[i].why));
        CU_ASSERT_STRING_EQUAL(out.transaction_id, ""); /* nothing that could be answered */
        scep_message_clear(&out);
        scep_message_clear(&in);
        OPENSSL_free(der);
    }
}

static void algorithms(void)
{
    static const struct scep_algorithms with_3des = {.allow_3des = 1}, with_des = {.allow_des = 1};
    struct scep_message in = request(SCEP_PKCS_REQ), out;
    struct scep_error error;
    unsigned char *der;
    size_t len;

    OPENSSL_strlcpy(in.cipher, "DES-EDE3-CBC", sizeof(in.cipher));
    CU_ASSERT_FATAL(write(&in, &der, &len));
    CU_ASSERT(!read_with(der, len, &strict, &out, &error));
    CU_ASSERT_EQUAL(error.fail_info, SCEP_BAD_ALG);
    CU_ASSERT_PTR_NULL(out.content);
    scep_message_clear(&out);
    CU_ASSERT(!read_with(der, len, &with_des, &out, &error));
    scep_message_clear(&out);
    CU_ASSERT(read_with(der, len, &with_3des, &out, &error));
    scep_message_clear(&out);
    OPENSSL_free(der);
    OPENSSL_strlcpy(in.cipher, "AES-128-CBC", sizeof(in.cipher));
    OPENSSL_strlcpy(in.digest, "SHA224", sizeof(in.digest));
    CU_ASSERT_FATAL(write(&in, &der, &len));
    CU_ASSERT(!read_with(der, len, &strict, &out, &error));
    CU_ASSERT_EQUAL(error.fail_info, SCEP_BAD_ALG);
    scep_message_clear(&out);
    OPENSSL_free(der);
    scep_message_clear(&in);
    /* What is no EnvelopedData has no cipher. */
    CU_ASSERT_PTR_NULL(scep_cipher((const unsigned char *)"", 0, &strict));
    CU_ASSERT_PTR_NULL(scep_cipher((const unsigned char *)"\x30\x80\x00\x00", 4, &strict));
    CU_ASSERT_PTR_NULL(scep_cipher((const unsigned char *)"\x30\x84\x7f\xff\xff\xff", 6, &strict));
    CU_ASSERT(!scep_has_few_digests((const unsigned char *)"\x30\x00", 2));
}

static void names(void)
{
    struct scep_names in = {.issuer = X509_NAME_dup(X509_get_subject_name(ca)),
                            .serial = ASN1_INTEGER_dup(X509_get0_serialNumber(ca))},
                      out;
    unsigned char *der;
    size_t len, i;

    CU_ASSERT_FATAL(scep_write_names(&in, &der, &len));
    CU_ASSERT(scep_read_names(der, len, &out));
    CU_ASSERT_EQUAL(X509_NAME_cmp(out.issuer, in.issuer), 0);
    CU_ASSERT(out.subject == NULL && ASN1_INTEGER_cmp(out.serial, in.serial) == 0);
    scep_names_clear(&out);
    for (i = 0; i < len; i++)
        CU_ASSERT(!scep_read_names(der, i, &out) && out.issuer == NULL);
    OPENSSL_free(der);
    ASN1_INTEGER_free(in.serial);
    in.serial = NULL;
    in.subject = X509_NAME_dup(X509_get_subject_name(client));
    CU_ASSERT_FATAL(scep_write_names(&in, &der, &len));
    CU_ASSERT(scep_read_names(der, len, &out));
    CU_ASSERT(out.serial == NULL && X509_NAME_cmp(out.subject, in.subject) == 0);
    scep_names_clear(&out);
    OPENSSL_free(der);
    scep_names_clear(&in);
    /* A name and something else. */
    CU_ASSERT(!scep_read_names((const unsigned char *)"\x30\x04\x30\x00\x05\x00", 6, &out));
    CU_ASSERT(!scep_read_names((const unsigned char *)"\x30\x06\x30\x00\x30\x02\x05\x00", 8, &out));
}

static void certificates(void)
{
    STACK_OF(X509) *in = sk_X509_new_null(), *out;
    X509_CRL *crl = NULL;
    unsigned char *der;
    size_t len, i;

    sk_X509_push(in, ca);
    sk_X509_push(in, client);
    CU_ASSERT_FATAL(scep_write_certificates(libctx, in, NULL, &der, &len));
    out = scep_read_certificates(libctx, der, len, &crl);
    CU_ASSERT_EQUAL(sk_X509_num(out), 2);
    CU_ASSERT_PTR_NULL(crl);
    sk_X509_pop_free(out, X509_free);
    for (i = 0; i < len; i += 5)
        CU_ASSERT_PTR_NULL(scep_read_certificates(libctx, der, i, &crl));
    OPENSSL_free(der);
    sk_X509_free(in);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {{"round trip", round_trip},
                           {"replies", replies},
                           {"without content", without_content},
                           {"no messages", no_messages},
                           {"attributes", attributes},
                           {"algorithms", algorithms},
                           {"names", names},
                           {"certificates", certificates},
                           CU_TEST_INFO_NULL};
    OSSL_PROVIDER *provider;
    int status;

    libctx = OSSL_LIB_CTX_new();
    provider = OSSL_PROVIDER_load(libctx, "default");
    if (provider == NULL)
        return EXIT_FAILURE;
    client_key = unit_rsa(libctx, 2048);
    ca_key = unit_rsa(libctx, 2048);
    client = certificate(client_key, "client");
    ca = certificate(ca_key, "ca");
    status = unit_run("scep_message", tests);
    X509_free(client);
    X509_free(ca);
    EVP_PKEY_free(client_key);
    EVP_PKEY_free(ca_key);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
    return status;
}
