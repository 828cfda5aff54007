// SPDX-License-Identifier: Apache-2.0
/* make_corpus FOLDER SCEP-KEY-FILE: writes the well-formed inputs that the fuzzers start from, into
 * FOLDER/TARGET/, and the key that fuzz_scep needs. */
#include "fuzz.h"

#include "hw/container.h"
#include "tools/scep/scep.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tss2/tss2_mu.h>

static const char *folder;

static void write_file(const char *target, const char *name, int first, const void *data, size_t size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, target);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
    file = fopen(path, "wb");
    if (file == NULL || (first >= 0 && fputc(first, file) == EOF) || fwrite(data, 1, size, file) != size ||
        fclose(file) != 0)
        fuzz_finding(path);
}

/* The private area means nothing to anybody but a TPM. */
static void tss2_write(const char *name, const TPM2B_PUBLIC *pub, int empty_auth)
{
    TPM2B_PRIVATE priv = {.size = 222};
    unsigned char pub_bytes[sizeof(*pub)], priv_bytes[sizeof(priv)], *der = NULL;
    struct container_tss2 container = {
        .parent = 0x81000001, .empty_auth = empty_auth, .pub = pub_bytes, .priv = priv_bytes};
    size_t len;

    memset(priv.buffer, 0x5a, priv.size);
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(pub, pub_bytes, sizeof(pub_bytes), &container.pub_len) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&priv, priv_bytes, sizeof(priv_bytes), &container.priv_len) !=
            TSS2_RC_SUCCESS ||
        !container_tss2_encode(&container, &der, &len))
        fuzz_finding(name);
    write_file("tss2", name, -1, der, len);
    write_file("pem", name, 1, der, len);
    OPENSSL_free(der);
}

/* A public area with a real point. */
static void tss2_ec(const char *name, EVP_PKEY *pkey, TPMI_ECC_CURVE curve, TPMI_ALG_ECC_SCHEME scheme)
{
    TPM2B_PUBLIC pub = {
        .publicArea = {.type = TPM2_ALG_ECC,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT}};
    TPMS_ECC_PARMS *ecc = &pub.publicArea.parameters.eccDetail;
    TPMS_ECC_POINT *point = &pub.publicArea.unique.ecc;
    BIGNUM *x = NULL, *y = NULL;

    ecc->symmetric.algorithm = TPM2_ALG_NULL;
    ecc->scheme.scheme = scheme;
    ecc->scheme.details.anySig.hashAlg = TPM2_ALG_SHA256;
    ecc->curveID = curve;
    ecc->kdf.scheme = TPM2_ALG_NULL;
    if (!EVP_PKEY_get_bn_param(pkey, "qx", &x) || !EVP_PKEY_get_bn_param(pkey, "qy", &y))
        fuzz_finding(name);
    point->x.size = (UINT16)BN_bn2bin(x, point->x.buffer);
    point->y.size = (UINT16)BN_bn2bin(y, point->y.buffer);
    BN_free(x);
    BN_free(y);
    tss2_write(name, &pub, 1);
}

/* A public area with a real modulus. */
static void tss2(const char *name, EVP_PKEY *pkey, TPMI_ALG_RSA_SCHEME scheme, TPMA_OBJECT attributes,
                 int empty_auth)
{
    TPM2B_PUBLIC pub = {
        .publicArea = {.type = TPM2_ALG_RSA, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = attributes}};
    TPMS_RSA_PARMS *rsa = &pub.publicArea.parameters.rsaDetail;
    BIGNUM *n = NULL;

    rsa->symmetric.algorithm = TPM2_ALG_NULL;
    rsa->scheme.scheme = scheme;
    rsa->scheme.details.anySig.hashAlg = TPM2_ALG_SHA256;
    rsa->keyBits = (UINT16)EVP_PKEY_get_bits(pkey);
    EVP_PKEY_get_bn_param(pkey, "n", &n);
    pub.publicArea.unique.rsa.size = (UINT16)BN_bn2bin(n, pub.publicArea.unique.rsa.buffer);
    BN_free(n);
    tss2_write(name, &pub, empty_auth);
}

static void reference(const char *name, EVP_PKEY *pkey, const char *uri)
{
    unsigned char *der = NULL;
    size_t len;

    if (!container_reference_encode(uri, pkey, &der, &len))
        fuzz_finding(name);
    write_file("reference", name, -1, der, len);
    write_file("pem", name, 2, der, len);
    OPENSSL_free(der);
}

/* The sealed object means nothing to anybody but a TPM; what is encrypted is no key. */
static void sealed(const char *name, EVP_PKEY *pkey, int has_pcrs, int empty_auth)
{
    static const unsigned char secret[CONTAINER_KEY_LEN] = {1}, data[] = "a private key";
    const TPML_PCR_SELECTION pcrs = {
        .count = 1,
        .pcrSelections = {{.hash = TPM2_ALG_SHA256, .sizeofSelect = 3, .pcrSelect = {0x81, 0, 1}}}};
    TPM2B_PUBLIC pub = {.publicArea = {.type = TPM2_ALG_KEYEDHASH,
                                       .nameAlg = TPM2_ALG_SHA256,
                                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
    TPM2B_PRIVATE priv = {.size = 140};
    unsigned char pub_bytes[sizeof(pub)], priv_bytes[sizeof(priv)], pcrs_bytes[sizeof(pcrs)], *der = NULL;
    struct container_sealed container = {.pkey = pkey,
                                         .seal = {.kind = CONTAINER_TSS2_SEALED,
                                                  .parent = 0x81000001,
                                                  .empty_auth = empty_auth,
                                                  .pub = pub_bytes,
                                                  .priv = priv_bytes,
                                                  .pcrs = has_pcrs ? pcrs_bytes : NULL}};
    size_t len;

    memset(priv.buffer, 0x5a, priv.size);
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&pub, pub_bytes, sizeof(pub_bytes), &container.seal.pub_len) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&priv, priv_bytes, sizeof(priv_bytes), &container.seal.priv_len) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPML_PCR_SELECTION_Marshal(&pcrs, pcrs_bytes, sizeof(pcrs_bytes), &container.seal.pcrs_len) !=
            TSS2_RC_SUCCESS ||
        !container_sealed_encrypt(&container, fuzz_libctx(), secret, data, sizeof(data)) ||
        !container_sealed_encode(&container, &der, &len))
        fuzz_finding(name);
    write_file("sealed", name, -1, der, len);
    write_file("pem", name, 3, der, len);
    OPENSSL_free(container.encrypted);
    OPENSSL_free(der);
}

static void padding(void)
{
    unsigned char pkcs1[1 + 128] = {0}, tls[1 + 256] = {0};

    /* size, kdk, then the block */
    memset(pkcs1, 0xff, sizeof(pkcs1));
    memcpy(pkcs1, "\0\0\2", 3);
    memcpy(pkcs1 + 100, "\0message", 8);
    write_file("pad", "pkcs1", 1, pkcs1, sizeof(pkcs1));
    memset(tls, 0xff, sizeof(tls));
    memcpy(tls, "\0\0\2", 3);
    memcpy(tls + sizeof(tls) - 49, "\0\3\3", 3);
    write_file("pad", "tls", 3, tls, sizeof(tls));
}

/* ---- files to be imported ---- */

static void write_bio(const char *target, const char *name, BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    write_file(target, name, -1, data, (size_t)len);
    BIO_free(bio);
}

static X509 *self_signed(EVP_PKEY *pkey)
{
    X509 *x509 = X509_new_ex(fuzz_libctx(), NULL);
    X509_NAME *name = x509 != NULL ? X509_get_subject_name(x509) : NULL;

    if (name == NULL ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (unsigned char *)"name", -1, -1, 0) ||
        !X509_set_issuer_name(x509, name) || !X509_set_version(x509, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) ||
        X509_gmtime_adj(X509_getm_notBefore(x509), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(x509), 86400) == NULL || !X509_set_pubkey(x509, pkey) ||
        X509_sign(x509, pkey, EVP_sha256()) <= 0)
        fuzz_finding("no certificate");
    return x509;
}

static void import_crl(X509 *x509, EVP_PKEY *pkey)
{
    X509_CRL *crl = X509_CRL_new_ex(fuzz_libctx(), NULL);
    BIO *pem = BIO_new(BIO_s_mem()), *der = BIO_new(BIO_s_mem());

    if (crl == NULL || !X509_CRL_set_version(crl, X509_CRL_VERSION_2) ||
        !X509_CRL_set_issuer_name(crl, X509_get_subject_name(x509)) ||
        !X509_CRL_set1_lastUpdate(crl, X509_get0_notBefore(x509)) ||
        !X509_CRL_set1_nextUpdate(crl, X509_get0_notAfter(x509)) ||
        X509_CRL_sign(crl, pkey, EVP_sha256()) <= 0 || !PEM_write_bio_X509_CRL(pem, crl) ||
        !i2d_X509_CRL_bio(der, crl))
        fuzz_finding("no CRL");
    write_bio("import", "crl.pem", pem);
    write_bio("import", "crl.der", der);
    X509_CRL_free(crl);
}

static void import_pkcs12(const char *name, X509 *x509, EVP_PKEY *pkey, int rounds)
{
    PKCS12 *p12 =
        PKCS12_create_ex("secret", "name", pkey, x509, NULL, 0, 0, rounds, rounds, 0, fuzz_libctx(), NULL);
    BIO *bio = BIO_new(BIO_s_mem());

    if (p12 == NULL || !i2d_PKCS12_bio(bio, p12))
        fuzz_finding("no PKCS #12");
    write_bio("import", name, bio);
    PKCS12_free(p12);
}

static void imports(void)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(fuzz_libctx(), NULL, "EC", "P-256");
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(fuzz_libctx(), "AES-256-CBC", NULL);
    X509 *x509 = self_signed(pkey);
    BIO *all = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem()), *der = BIO_new(BIO_s_mem()),
        *old = BIO_new(BIO_s_mem()), *p7 = BIO_new(BIO_s_mem());
    PKCS7 *bundle = PKCS7_new_ex(fuzz_libctx(), NULL);

    if (!PEM_write_bio_PrivateKey(all, pkey, NULL, NULL, 0, NULL, NULL) || !PEM_write_bio_X509(all, x509) ||
        !PEM_write_bio_PKCS8PrivateKey(key, pkey, cipher, "secret", 6, NULL, NULL) ||
        !PEM_write_bio_PrivateKey_traditional(old, pkey, cipher, (unsigned char *)"secret", 6, NULL, NULL) ||
        !i2d_X509_bio(der, x509) || !PKCS7_set_type(bundle, NID_pkcs7_signed) ||
        !PKCS7_content_new(bundle, NID_pkcs7_data) || !PKCS7_add_certificate(bundle, x509) ||
        !i2d_PKCS7_bio(p7, bundle))
        fuzz_finding("the files to be imported");
    write_bio("import", "all.pem", all);
    write_bio("import", "encrypted.pem", key);
    write_bio("import", "traditional.pem", old);
    write_bio("import", "certificate.der", der);
    write_bio("import", "bundle.p7b", p7);
    import_crl(x509, pkey);
    import_pkcs12("modern.p12", x509, pkey, 1000);
    import_pkcs12("few.p12", x509, pkey, 1);
    PKCS7_free(bundle);
    X509_free(x509);
    EVP_CIPHER_free(cipher);
    EVP_PKEY_free(pkey);
}

/* ---- what ACME servers answer ---- */

static void acme(void)
{
    static const char
        directory[] = "\n\n{\"newNonce\": \"https://localhost/n\", \"newAccount\": \"https://localhost/a\", "
                      "\"newOrder\": \"https://localhost/o\", \"renewalInfo\": \"https://localhost/r\", "
                      "\"meta\": {\"profiles\": {\"classic\": \"as ever\"}}}",
        account[] = "\xff\1Location: https://localhost/1\nReplay-Nonce: AAAA\n\n{\"status\": \"valid\"}",
        pending[] = "\xff\1Location: https://localhost/2\n\n{\"status\": \"pending\", \"expires\": "
                    "\"2030-01-01T00:00:00Z\", \"finalize\": \"https://localhost/f\", \"authorizations\": "
                    "[\"https://localhost/z\"]}",
        ready[] = "\xff\1Location: https://localhost/2\n\n{\"status\": \"ready\", \"finalize\": "
                  "\"https://localhost/f\", \"authorizations\": [\"https://localhost/z\"]}",
        authz[] = "\xff\020\n{\"status\": \"pending\", \"identifier\": {\"type\": \"dns\", \"value\": "
                  "\"x.example.com\"}, \"challenges\": [{\"type\": \"http-01\", \"url\": "
                  "\"https://localhost/c\", \"token\": \"AAAA\"}]}",
        failed[] = "\xff\020\n{\"status\": \"invalid\", \"identifier\": {\"type\": \"ip\", \"value\": "
                   "\"192.0.2.1\"}, \"challenges\": [{\"type\": \"http-01\", \"error\": {\"type\": "
                   "\"urn:ietf:params:acme:error:connection\", \"detail\": \"refused\", \"subproblems\": "
                   "[{\"type\": \"x\", \"identifier\": {\"value\": \"x\"}}]}}]}",
        valid[] = "\xff\020\n{\"status\": \"valid\", \"finalize\": \"https://localhost/f\", "
                  "\"authorizations\": [\"https://localhost/z\"], \"certificate\": \"https://localhost/x\"}",
        cert[] = "\xff\020Content-Type: application/pem-certificate-chain\nLink: "
                 "<https://localhost/x/1>;rel=\"alternate\"\n\n",
        problem[] = "\xff\6Retry-After: 120\n\n{\"type\": \"urn:ietf:params:acme:error:rateLimited\", "
                    "\"detail\": \"later\", \"subproblems\": []}",
        info[] = "\xff\020Retry-After: Fri, 15 Jan 2027 08:01:00 GMT\n\n{\"suggestedWindow\": {\"start\": "
                 "\"2027-01-01T00:00:00Z\", \"end\": \"2027-01-02T00:00:00+01:00\"}, \"explanationURL\": "
                 "\"https://localhost/why\"}";
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *pem = BIO_new(BIO_s_mem()), *chain = BIO_new(BIO_s_mem());
    char text[8192], *data;
    long len;

    X509_set_pubkey(x509, pkey);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)"x",
                               -1, -1, 0);
    X509_sign(x509, pkey, EVP_sha256());
    PEM_write_bio_X509(pem, x509);
    PEM_write_bio_X509(chain, x509);
    PEM_write_bio_X509(chain, x509);
    len = BIO_get_mem_data(pem, &data);
    snprintf(text, sizeof(text), "%s%s%s%s%s%.*s%s%.*s%s", directory, account, ready, valid, cert, (int)len,
             data, cert, (int)len, data, info);
    write_file("acme", "issued", 0, text, strlen(text));
    snprintf(text, sizeof(text), "%s%s%s%s", directory, account, pending, authz);
    write_file("acme", "pending", 0, text, strlen(text));
    snprintf(text, sizeof(text), "%s%s%s%s", directory, account, pending, failed);
    write_file("acme", "failed", 0, text, strlen(text));
    snprintf(text, sizeof(text), "%s%s%s%s", directory, account, problem, ready);
    write_file("acme", "problem", 0, text, strlen(text));
    write_bio("enrol", "one", pem);
    write_bio("enrol", "two", chain);
    X509_free(x509);
    EVP_PKEY_free(pkey);
}

/* ---- SCEP ---- */

static void scep_request(const char *name, const struct scep_message *message, X509 *x509, EVP_PKEY *pkey)
{
    struct scep_error error = {0};
    struct scep_message read;
    CMS_ContentInfo *enveloped = NULL;
    unsigned char *der = NULL, *inner = NULL;
    size_t len;
    int inner_len;

    if (!scep_write(fuzz_libctx(), message, x509, x509, pkey, &der, &len, &error) ||
        !scep_open(fuzz_libctx(), der, len, &read, &enveloped, &error))
        fuzz_finding(error.text);
    write_file("scep", name, 0, der, len);
    if (enveloped != NULL && (inner_len = i2d_CMS_ContentInfo(enveloped, &inner)) > 0)
        write_file("scep", message->cipher, 1, inner, (size_t)inner_len);
    CMS_ContentInfo_free(enveloped);
    scep_message_clear(&read);
    OPENSSL_free(inner);
    OPENSSL_free(der);
}

/* Its key is kept for the fuzzer. */
static void scep(const char *key_file)
{
    static const char query[] = "operation=PKIOperation&message=MIIB%2Bw==";
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(fuzz_libctx(), NULL, "RSA", (size_t)1024);
    X509 *x509 = self_signed(pkey);
    STACK_OF(X509) *list = sk_X509_new_null();
    struct scep_names names = {.issuer = X509_get_subject_name(x509), .serial = X509_get_serialNumber(x509)};
    struct scep_message message = {
        .type = SCEP_GET_CERT, .transaction_id = "transaction", .digest = "SHA256", .cipher = "AES-128-CBC"};
    BIO *bio = BIO_new_file(key_file, "w");
    unsigned char *der;
    size_t len;

    if (bio == NULL || !PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_X509(bio, x509) || !sk_X509_push(list, x509) ||
        !scep_write_names(&names, &message.content, &message.content_len))
        fuzz_finding(key_file);
    BIO_free(bio);
    write_file("scep", "serial", 3, message.content, message.content_len);
    scep_request("get-cert", &message, x509, pkey);
    message.type = SCEP_PKCS_REQ;
    OPENSSL_strlcpy(message.cipher, "DES-EDE3-CBC", sizeof(message.cipher));
    scep_request("pkcs-req", &message, x509, pkey);
    OPENSSL_free(message.content);
    if (!scep_write_certificates(fuzz_libctx(), list, NULL, &message.content, &message.content_len))
        fuzz_finding("certificates");
    write_file("scep", "certificates", 2, message.content, message.content_len);
    message.type = SCEP_CERT_REP;
    message.has_recipient_nonce = 1;
    scep_request("success", &message, x509, pkey);
    OPENSSL_free(message.content);
    message.content = NULL;
    message.status = SCEP_FAILURE;
    OPENSSL_strlcpy(message.fail_text, "no", sizeof(message.fail_text));
    scep_request("failure", &message, x509, pkey);
    names = (struct scep_names){.issuer = names.issuer, .subject = names.issuer};
    if (!scep_write_names(&names, &der, &len))
        fuzz_finding("names");
    write_file("scep", "subject", 3, der, len);
    write_file("scep", "query", 4, query, sizeof(query) - 1);
    OPENSSL_free(der);
    sk_X509_free(list);
    X509_free(x509);
    EVP_PKEY_free(pkey);
}

/* ---- the console ---- */

static void lines(void)
{
    static const char *const texts[] = {
        "/certificate print detail",
        "/certificate\nadd name=ca common-name=\"Local CA\" \\\n  days-valid=3650\nsign ca",
        "/certificate set [find where name=\"a b\"] trusted=yes; print",
        "# comment\n/certificate print where name~\"^a\" and (expired or !trusted) and days-valid>=30",
        "/log print where message~\"acme\\|letsencrypt\"",
        "/certificate add subject-alt-name=DNS:a.example,IP:192.0.2.1 common-name=\"\\41\\42\\\"\\$\\n\"",
        "/ip service set www-ssl certificate=router-tls disabled=no tls-version=only-1.2",
        "/certificate scep-server add ca-cert=local-ca path=/scep/ request-lifetime=1h30m",
        "/certificate import file-name=router.p12 passphrase=\"\" ; .. ; /",
        "/certificate remove 0,1,*2F",
        "/certificate set [find where [find]] key-us",
    };
    char name[16];
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        snprintf(name, sizeof(name), "line%zu", i);
        write_file("console", name, -1, texts[i], strlen(texts[i]));
    }
}

/* ---- the API ---- */

static void sentences(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } all[] = {
#define SENTENCE(text) {text, sizeof(text)} /* with the zero that ends it */
        SENTENCE("\6/login\012=name=root\020=password=secret\6.tag=a"),
        SENTENCE("\022/certificate/print\7?name=x\7?-name=\x04?#!|\017=.proplist=name\014=count-only="),
        SENTENCE("\020/certificate/add\013=name=a=b=c\x80\017=common-name=xx\0\7/cancel\6=tag=a"),
        SENTENCE("\023/certificate/getall\0\5/quit"),
        SENTENCE("\023/certificate/listen\xf0\0\0\0\2=x"),
#undef SENTENCE
    };
    char name[16];
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        snprintf(name, sizeof(name), "sentence%zu", i);
        write_file("api", name, 255, all[i].bytes, all[i].len);
    }
}

/* ---- programs' commands ---- */

static void requests(void)
{
    static const char *const texts[] = {
        "{\"menu\":\"/"
        "certificate\",\"command\":\"print\",\"query\":[\"?name=a\",\"?<days-valid=9\",\"?#&!\"],"
        "\"proplist\":\".id,name\"}",
        "{\"path\":[\"certificate\",\"scep-server\",\"*100\"],\"command\":\"print\"}",
        "{\"path\":[\"certificate\",\"get\"],\"words\":{\"number\":\"a\",\"value-name\":\"name\"}}",
        "{\"menu\":\"/certificate/scep-server\",\"command\":\"find\",\"numbers\":\"*100\"}",
        "{\"menu\":\"/file\",\"command\":\"print\",\"numbers\":\"a,b;*1\"}",
        "{\"menu\":\"/log\",\"command\":\"print\",\"numbers\":\"a\",\"user\":\"root\",\"stamp\":\"00\"}",
    };
    static const char *const https[] = {
        "certificate\nname=x&.proplist=name,.id\n\nBasic cm9vdDpwYXNz\n",
        "certificate/*1\n\n\nBasic cm9vdDpwYTpzcw==\n",
        "certificate\n\napplication/json\n\n{\"name\":\"x\",\"days-valid\":1,\"trusted\":true,\"ca\":null}",
        "certificate/print\n\napplication/json; x\n\n{\".query\":[\"name=x\",\"#!\"],\".proplist\":[\".id\"]}",
        "file/a%2fb%00\n?.id=%2a1\n\n\n",
    };
    static const char methods[] = {0, 0, 3, 2, 5}; /* of enum front_method */
    char name[16];
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        snprintf(name, sizeof(name), "request%zu", i);
        write_file("remote", name, -1, texts[i], strlen(texts[i]));
    }
    for (i = 0; i < sizeof(https) / sizeof(https[0]); i++) {
        snprintf(name, sizeof(name), "http%zu", i);
        write_file("rest", name, methods[i], https[i], strlen(https[i]));
    }
}

int main(int argc, char **argv)
{
    const TPMA_OBJECT both = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_USERWITHAUTH;
    const TPMA_OBJECT sign = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH;
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(fuzz_libctx(), NULL, "RSA", (size_t)1024);
    EVP_PKEY *ec = EVP_PKEY_Q_keygen(fuzz_libctx(), NULL, "EC", "P-256");
    static const char pem[] = "-----BEGIN TSS2 PRIVATE KEY-----\nMAA=\n-----END TSS2 PRIVATE KEY-----\n";

    if (argc != 3 || pkey == NULL || ec == NULL)
        fuzz_finding("usage: make_corpus FOLDER SCEP-KEY-FILE");
    folder = argv[1];
    mkdir(folder, 0755);
    tss2("both", pkey, TPM2_ALG_NULL, both, 1);
    tss2("passphrase", pkey, TPM2_ALG_NULL, both, 0);
    tss2("rsassa", pkey, TPM2_ALG_RSASSA, sign, 1);
    tss2("rsapss", pkey, TPM2_ALG_RSAPSS, sign, 1);
    tss2("restricted", pkey, TPM2_ALG_RSAPSS, sign | TPMA_OBJECT_RESTRICTED, 1);
    tss2_ec("p256", ec, TPM2_ECC_NIST_P256, TPM2_ALG_NULL);
    tss2_ec("p256-ecdsa", ec, TPM2_ECC_NIST_P256, TPM2_ALG_ECDSA);
    tss2_ec("not-on-p384", ec, TPM2_ECC_NIST_P384, TPM2_ALG_NULL);
    reference("handle", pkey, "handle=0x81010001");
    reference("handle-ec", ec, "handle=0x81010001");
    reference("passphrase", pkey, "handle=0x81010001;auth=ask");
    sealed("sealed", pkey, 0, 1);
    sealed("sealed-ec", ec, 0, 1);
    sealed("sealed-passphrase", pkey, 0, 0);
    sealed("sealed-pcrs", pkey, 1, 1);
    sealed("sealed-both", pkey, 1, 0);
    write_file("pem", "text", 0, pem, sizeof(pem) - 1);
    padding();
    imports();
    acme();
    lines();
    sentences();
    requests();
    scep(argv[2]);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(pkey);
    return EXIT_SUCCESS;
}
