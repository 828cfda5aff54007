// SPDX-License-Identifier: Apache-2.0
/* What SCEP's two sides read: messages, whose encrypted content is read as well, certificates, names,
 * queries. The first byte says which. The keys are those that make_corpus has written its messages for:
 * fuzz_scep.pem beside the program. */
#include "fuzz.h"

#include "tools/scep/private.h"

#include "tools/http/front.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *key;
static X509 *cert;

static void read_key(void)
{
    BIO *bio = BIO_new_file(FUZZ_SCEP_KEY, "r");

    if (bio != NULL) {
        key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, fuzz_libctx(), NULL);
        cert = X509_new_ex(fuzz_libctx(), NULL);
        PEM_read_bio_X509(bio, &cert, NULL, NULL);
    }
    BIO_free(bio);
    if (key == NULL || cert == NULL)
        fuzz_finding("no " FUZZ_SCEP_KEY ": run make_corpus");
}

static void names(const uint8_t *data, size_t size)
{
    struct scep_names in, again;
    unsigned char *der = NULL;
    size_t len;

    if (!scep_read_names(data, size, &in))
        return;
    if (in.issuer == NULL || (in.subject == NULL) == (in.serial == NULL))
        fuzz_finding("half a pair of names");
    if (!scep_write_names(&in, &der, &len) || !scep_read_names(der, len, &again))
        fuzz_finding("names that were read can't be written, or not read again");
    scep_names_clear(&again);
    scep_names_clear(&in);
    OPENSSL_free(der);
}

static void certificates(const uint8_t *data, size_t size)
{
    X509_CRL *crl = NULL;

    sk_X509_pop_free(scep_read_certificates(fuzz_libctx(), data, size, &crl), X509_free);
    X509_CRL_free(crl);
}

static void message(const uint8_t *data, size_t size)
{
    static const struct scep_algorithms algorithms = {.allow_3des = 1};
    struct scep_error error = {.fail_info = SCEP_NO_FAIL_INFO};
    CMS_ContentInfo *enveloped = NULL;
    struct scep_message read;
    int ok = scep_open(fuzz_libctx(), data, size, &read, &enveloped, &error);

    if (ok != (read.signer != NULL) || ok != (*error.text == '\0'))
        fuzz_finding("a message is read without a signer, or refused without a word");
    if (ok && enveloped != NULL &&
        scep_decrypt(fuzz_libctx(), enveloped, cert, key, &algorithms, &read, &error)) {
        names(read.content, read.content_len);
        certificates(read.content, read.content_len);
    }
    CMS_ContentInfo_free(enveloped);
    scep_message_clear(&read);
}

/* What is encrypted, as it is after the signature: the mutations get further than with a signature. */
static void content(const uint8_t *data, size_t size)
{
    static const struct scep_algorithms algorithms = {.allow_3des = 1};
    CMS_ContentInfo *cms = CMS_ContentInfo_new_ex(fuzz_libctx(), NULL);
    struct scep_message read = {0};
    struct scep_error error = {0};

    scep_cipher(data, size, &algorithms);
    scep_has_few_digests(data, size);
    if (d2i_CMS_ContentInfo(&cms, &data, (long)size) == NULL)
        cms = NULL; /* d2i has freed it */
    else if (!scep_decrypt(fuzz_libctx(), cms, cert, key, &algorithms, &read, &error) && *error.text == '\0')
        fuzz_finding("refused without a word");
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    scep_message_clear(&read);
}

static void query(const uint8_t *data, size_t size)
{
    char *text = OPENSSL_strndup((const char *)data, size), *value;
    size_t len = 0;

    value = front_query_value(text, "message", &len);
    if (value != NULL && (len > strlen(text) || value[len] != '\0'))
        fuzz_finding("a value longer than its query");
    OPENSSL_free(value);
    OPENSSL_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *, size_t) = {message, content, certificates, names, query};
    uint8_t *copy;

    if (size < 1)
        return 0;
    if (key == NULL)
        read_key();
    /* A copy of just this size, so that AddressSanitizer sees a byte too many read. */
    copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, size - 1);
    readers[data[0] % 5](copy, size - 1);
    free(copy);
    if (ERR_peek_error() != 0)
        fuzz_finding("OpenSSL's error queue is not empty");
    return 0;
}
