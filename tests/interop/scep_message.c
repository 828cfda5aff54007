// SPDX-License-Identifier: Apache-2.0
/*
 * Writes pkiMessages of SCEP (RFC 8894), good and bad ones, and reads CertReps; with OpenSSL alone, so that
 * tools/scep/ is not its own judge.
 *
 *   scep_message write FILE ca=PEM key=PEM [NAME=VALUE...]
 *   scep_message read FILE key=PEM signer=PEM [out=PEM] [crl=PEM]
 *
 * ca: recipient. key: of the request; signs the message as well, with a self-signed certificate, unless
 * sign-key= and signer= (PEM) say otherwise; save= is where the signer's certificate is written.
 * type= messageType (19), tid= transactionID, subject=/CN=…, san=DNS:…, challenge=, cipher=, digest=,
 * csr-digest=, content=FILE in place of a request, serial=HEX (GetCert, GetCRL), names=yes (CertPoll).
 * break= one of those below. recipients=, digests=, fill= numbers: how many of them, bytes in an attribute.
 *
 * read prints one line of attributes and the subject of the certificate, which out= gets.
 */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTRIBUTE "2.16.840.1.113733.1.9."

static char **options;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "scep_message: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(3);
}

static const char *option(const char *name, const char *otherwise)
{
    size_t len = strlen(name), i;

    for (i = 0; options[i] != NULL; i++) {
        if (strncmp(options[i], name, len) == 0 && options[i][len] == '=')
            return options[i] + len + 1;
    }
    return otherwise;
}

static int broken(const char *how)
{
    return strcmp(option("break", ""), how) == 0;
}

static const char *needed(const char *name)
{
    const char *value = option(name, NULL);

    if (value == NULL)
        die(name);
    return value;
}

/* ---- files ---- */

static BIO *file(const char *path, const char *mode)
{
    BIO *bio = BIO_new_file(path, mode);

    if (bio == NULL)
        die(path);
    return bio;
}

static EVP_PKEY *read_key(const char *path)
{
    BIO *bio = file(path, "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    if (key == NULL)
        die(path);
    return key;
}

static X509 *read_cert(const char *path)
{
    BIO *bio = file(path, "r");
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    if (x509 == NULL)
        die(path);
    return x509;
}

static unsigned char *read_all(const char *path, long *len)
{
    BIO *in = file(path, "r"), *all = BIO_new(BIO_s_mem());
    static unsigned char *data;
    char buf[65536];
    int n;

    while ((n = BIO_read(in, buf, sizeof(buf))) > 0)
        BIO_write(all, buf, n);
    BIO_free(in);
    *len = BIO_get_mem_data(all, (char **)&data);
    return data; /* the program is short */
}

/* ---- what is asked for ---- */

static X509_NAME *name_of(const char *text)
{
    X509_NAME *name = X509_NAME_new();
    char *copy = strdup(text), *rest = copy, *part, *value;

    while ((part = strsep(&rest, "/")) != NULL) {
        if (*part == '\0')
            continue;
        value = strchr(part, '=');
        if (value == NULL)
            die("subject");
        *value++ = '\0';
        if (!X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (unsigned char *)value, -1, -1, 0))
            die("subject");
    }
    free(copy);
    return name;
}

static void add_extension(STACK_OF(X509_EXTENSION) * extensions, int nid, const char *value)
{
    X509_EXTENSION *extension = value != NULL ? X509V3_EXT_conf_nid(NULL, NULL, nid, (char *)value) : NULL;

    if (value != NULL && (extension == NULL || !sk_X509_EXTENSION_push(extensions, extension)))
        die(value);
}

static BIO *request(EVP_PKEY *key)
{
    X509_REQ *req = X509_REQ_new();
    X509_NAME *subject = name_of(option("subject", ""));
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    const char *challenge = option("challenge", NULL);
    long fill = strtol(option("fill", "0"), NULL, 10);
    int is_ed = EVP_PKEY_is_a(key, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    int len;

    X509_REQ_set_subject_name(req, subject);
    X509_REQ_set_pubkey(req, key);
    add_extension(extensions, NID_subject_alt_name, option("san", NULL));
    add_extension(extensions, NID_basic_constraints, option("constraints", NULL));
    add_extension(extensions, NID_key_usage, option("usage", NULL));
    add_extension(extensions, NID_ext_key_usage, option("extended-usage", NULL));
    if (sk_X509_EXTENSION_num(extensions) > 0)
        X509_REQ_add_extensions(req, extensions);
    if (challenge != NULL && !X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                                        (unsigned char *)challenge, -1))
        die("challenge");
    if (fill > 0) {
        unsigned char *zeros = calloc(1, (size_t)fill);

        if (!X509_REQ_add1_attr_by_txt(req, "1.2.3.4", V_ASN1_OCTET_STRING, zeros, (int)fill))
            die("fill");
        free(zeros);
    }
    if (X509_REQ_sign(req, key, is_ed ? NULL : EVP_get_digestbyname(option("csr-digest", "SHA256"))) <= 0)
        die("the request's signature");
    len = i2d_X509_REQ(req, &der);
    if (broken("request-signature"))
        der[len - 1] ^= 1;
    BIO_write(bio, der, len);
    if (broken("trailing"))
        BIO_write(bio, "0123456789abcdef", 16);
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_NAME_free(subject);
    X509_REQ_free(req);
    return bio;
}

/* Two SEQUENCEs or a name and a number, in one. */
static BIO *pair(const X509_NAME *issuer, const X509_NAME *subject, const ASN1_INTEGER *serial)
{
    unsigned char *a = NULL, *b = NULL, *out, *p;
    int a_len = i2d_X509_NAME(issuer, &a),
        b_len = subject != NULL ? i2d_X509_NAME(subject, &b) : i2d_ASN1_INTEGER(serial, &b);
    int size = ASN1_object_size(1, a_len + b_len, V_ASN1_SEQUENCE);
    BIO *bio = BIO_new(BIO_s_mem());

    p = out = OPENSSL_malloc((size_t)size);
    ASN1_put_object(&p, 1, a_len + b_len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, a, (size_t)a_len);
    memcpy(p + a_len, b, (size_t)b_len);
    BIO_write(bio, out, size);
    OPENSSL_free(out);
    OPENSSL_free(a);
    OPENSSL_free(b);
    return bio;
}

static BIO *content_of(EVP_PKEY *key, X509 *ca)
{
    const char *path = option("content", NULL), *hex = option("serial", NULL);
    unsigned char *data;
    BIGNUM *number = NULL;
    BIO *bio;
    long len;

    if (path != NULL) {
        data = read_all(path, &len);
        bio = BIO_new(BIO_s_mem());
        BIO_write(bio, data, (int)len);
        return bio;
    }
    if (hex != NULL) {
        BN_hex2bn(&number, hex);
        return pair(X509_get_subject_name(ca), NULL, BN_to_ASN1_INTEGER(number, NULL));
    }
    if (option("names", NULL) != NULL)
        return pair(X509_get_subject_name(ca), name_of(needed("subject")), NULL);
    return request(key);
}

/* ---- the message ---- */

static X509 *self_signed(EVP_PKEY *key, long serial)
{
    X509 *x509 = X509_new();
    X509_NAME *name = name_of(option("subject", "/CN=nobody"));
    int is_ed = EVP_PKEY_is_a(key, "ED25519");

    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
    X509_set_subject_name(x509, name);
    X509_set_issuer_name(x509, name);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_set_pubkey(x509, key);
    if (X509_sign(x509, key, is_ed ? NULL : EVP_sha256()) <= 0)
        die("the signer's certificate");
    X509_NAME_free(name);
    return x509;
}

static BIO *encrypted(BIO *in, X509 *ca)
{
    STACK_OF(X509) *recipients = sk_X509_new_null();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, option("cipher", "AES-128-CBC"), NULL);
    long n = strtol(option("recipients", "1"), NULL, 10);
    CMS_ContentInfo *cms;
    BIO *out = BIO_new(BIO_s_mem());
    char *data;
    long len;

    while (n-- > 0)
        sk_X509_push(recipients, ca);
    if (cipher == NULL || (cms = CMS_encrypt(recipients, in, cipher, CMS_BINARY)) == NULL ||
        !i2d_CMS_bio(out, cms))
        die("encryption");
    len = BIO_get_mem_data(out, &data);
    /* The ciphertext is the end of it: the block before the last one decides what the padding becomes. */
    if (broken("padding"))
        data[len - 17] = (char)(data[len - 17] ^ 0x80);
    /* This one makes nonsense of the request, with good padding. */
    if (broken("garbage"))
        data[len - 16 * 20] = (char)(data[len - 16 * 20] ^ 0x80);
    return out;
}

static void put(CMS_SignerInfo *signer, const char *oid, int type, const void *data, int len)
{
    if (!CMS_signed_add1_attr_by_txt(signer, oid, type, data, len))
        die(oid);
}

static void put_attributes(CMS_SignerInfo *signer)
{
    const char *type = option("type", "19"), *tid = option("tid", "transaction");
    unsigned char nonce[16];

    RAND_bytes(nonce, sizeof(nonce));
    if (!broken("no-type"))
        put(signer, ATTRIBUTE "2", V_ASN1_PRINTABLESTRING, type, (int)strlen(type));
    if (broken("two-types"))
        put(signer, ATTRIBUTE "2", V_ASN1_PRINTABLESTRING, "3", 1);
    if (broken("binary-type"))
        put(signer, ATTRIBUTE "2", V_ASN1_OCTET_STRING, "19", 2);
    if (!broken("no-transaction"))
        put(signer, ATTRIBUTE "7", V_ASN1_PRINTABLESTRING, tid, (int)strlen(tid));
    if (!broken("no-nonce"))
        put(signer, ATTRIBUTE "5", V_ASN1_OCTET_STRING, nonce, broken("short-nonce") ? 4 : 16);
    if (strcmp(type, "3") == 0)
        put(signer, ATTRIBUTE "3", V_ASN1_PRINTABLESTRING, "0", 1);
}

/* ---- surgery on the DER of a SignedData ---- */

struct element {
    const unsigned char *start, *data, *end;
};

static struct element element(const unsigned char *p, const unsigned char *limit)
{
    struct element e = {.start = p};
    int tag, class;
    long len;

    if (ASN1_get_object(&p, &len, &tag, &class, limit - p) & 0x80)
        die("surgery");
    e.data = p;
    e.end = p + len;
    return e;
}

static BIO *wrap(int tag, int class, BIO *inner)
{
    unsigned char head[16], *p = head, *data;
    long len = BIO_get_mem_data(inner, (char **)&data);
    BIO *out = BIO_new(BIO_s_mem());

    ASN1_put_object(&p, 1, (int)len, tag, class);
    BIO_write(out, head, (int)(p - head));
    BIO_write(out, data, (int)len);
    return out;
}

/* The same digestAlgorithm many times. */
static BIO *multiply_digests(const unsigned char *der, long len, long times)
{
    struct element info = element(der, der + len), oid = element(info.data, info.end),
                   explicit = element(oid.end, info.end), sd = element(explicit.data, explicit.end),
                   version = element(sd.data, sd.end), digests = element(version.end, sd.end);
    BIO *set = BIO_new(BIO_s_mem()), *body = BIO_new(BIO_s_mem()), *all = BIO_new(BIO_s_mem());
    unsigned char *data;
    long n;

    while (times-- > 0)
        BIO_write(set, digests.data, (int)(digests.end - digests.data));
    set = wrap(V_ASN1_SET, V_ASN1_UNIVERSAL, set);
    BIO_write(body, version.start, (int)(version.end - version.start));
    n = BIO_get_mem_data(set, (char **)&data);
    BIO_write(body, data, (int)n);
    BIO_write(body, digests.end, (int)(sd.end - digests.end));
    body = wrap(0, V_ASN1_CONTEXT_SPECIFIC, wrap(V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, body));
    BIO_write(all, oid.start, (int)(oid.end - oid.start));
    n = BIO_get_mem_data(body, (char **)&data);
    BIO_write(all, data, (int)n);
    return wrap(V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, all);
}

static void finish(const char *path, BIO *message)
{
    long times = strtol(option("digests", "1"), NULL, 10);
    unsigned char *data;
    long len = BIO_get_mem_data(message, (char **)&data);
    BIO *out = file(path, "w");

    if (times > 1)
        len = BIO_get_mem_data(multiply_digests(data, len, times), (char **)&data);
    if (broken("signature"))
        data[len - 1] ^= 1;
    /* An outer length of almost 4 GiB (CVE-2021-41987 trusted such a one). */
    if (broken("length"))
        BIO_write(out, "\x30\x84\xff\xff\xff\xf0", 6);
    BIO_write(out, data, (int)(broken("truncated") ? len / 2 : len));
    BIO_free(out);
}

static void write_message(const char *path)
{
    X509 *ca = read_cert(needed("ca")), *signer;
    EVP_PKEY *key = read_key(needed("key")), *sign_key = read_key(option("sign-key", needed("key")));
    BIO *content = content_of(key, ca), *out = BIO_new(BIO_s_mem());
    const EVP_MD *md = EVP_get_digestbyname(option("digest", "SHA256"));
    CMS_SignerInfo *info;
    CMS_ContentInfo *cms;

    signer = option("signer", NULL) != NULL ? read_cert(option("signer", NULL)) : self_signed(sign_key, 1);
    if (option("save", NULL) != NULL)
        PEM_write_bio_X509(file(option("save", NULL), "w"), signer);
    if (!broken("plain"))
        content = encrypted(content, ca);
    cms = CMS_sign(NULL, NULL, NULL, content, CMS_BINARY | CMS_PARTIAL);
    info = cms != NULL
               ? CMS_add1_signer(cms, signer, sign_key, EVP_PKEY_is_a(sign_key, "ED25519") ? NULL : md,
                                 CMS_BINARY | CMS_NOSMIMECAP)
               : NULL;
    if (info == NULL)
        die("signing");
    put_attributes(info);
    if (broken("two-signers"))
        put_attributes(CMS_add1_signer(cms, self_signed(key, 2), key, md, CMS_BINARY | CMS_NOSMIMECAP));
    if (!CMS_final(cms, content, NULL, CMS_BINARY) || !i2d_CMS_bio(out, cms))
        die("signing");
    finish(path, out);
}

/* ---- a CertRep ---- */

static const ASN1_STRING *attribute(CMS_SignerInfo *signer, const char *oid)
{
    int at = CMS_signed_get_attr_by_OBJ(signer, OBJ_txt2obj(oid, 1), -1);

    if (at < 0)
        return NULL;
    return X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(signer, at), 0)->value.asn1_string;
}

static void print(CMS_SignerInfo *signer, const char *name, const char *oid)
{
    const ASN1_STRING *string = attribute(signer, oid);

    if (string != NULL)
        printf("%s=%.*s ", name, ASN1_STRING_length(string), ASN1_STRING_get0_data(string));
}

static void print_cipher(BIO *content)
{
    static const char *const names[] = {"DES-CBC", "DES-EDE3-CBC", "AES-128-CBC", "AES-192-CBC",
                                        "AES-256-CBC"};
    unsigned char *data, *oid;
    long len = BIO_get_mem_data(content, (char **)&data);
    size_t i;
    int n;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        oid = NULL;
        n = i2d_ASN1_OBJECT(OBJ_txt2obj(names[i], 0), &oid);
        if (memmem(data, (size_t)len, oid, (size_t)n) != NULL)
            printf("cipher=%s ", names[i]);
    }
}

static void print_content(BIO *content)
{
    X509 *recipient = read_cert(needed("signer"));
    EVP_PKEY *key = read_key(needed("key"));
    BIO *plain = BIO_new(BIO_s_mem());
    CMS_ContentInfo *enveloped, *cms;
    STACK_OF(X509) * certs;
    STACK_OF(X509_CRL) * crls;
    int i;

    print_cipher(content);
    enveloped = d2i_CMS_bio(content, NULL);
    if (enveloped == NULL || !CMS_decrypt(enveloped, key, recipient, NULL, plain, CMS_BINARY))
        die("the content of the CertRep");
    cms = d2i_CMS_bio(plain, NULL);
    if (cms == NULL)
        die("the certificates of the CertRep");
    certs = CMS_get1_certs(cms);
    crls = CMS_get1_crls(cms);
    for (i = 0; i < sk_X509_num(certs); i++) {
        X509 *x509 = sk_X509_value(certs, i);

        if (X509_check_ca(x509) && sk_X509_num(certs) > 1)
            continue;
        printf("certificate=");
        X509_NAME_print_ex_fp(stdout, X509_get_subject_name(x509), 0, XN_FLAG_RFC2253);
        printf(" ");
        if (option("out", NULL) != NULL) {
            BIO *out = file(option("out", NULL), "w");

            PEM_write_bio_X509(out, x509);
            BIO_free(out);
        }
    }
    if (sk_X509_CRL_num(crls) > 0 && option("crl", NULL) != NULL)
        PEM_write_bio_X509_CRL(file(option("crl", NULL), "w"), sk_X509_CRL_value(crls, 0));
}

static void read_message(const char *path)
{
    CMS_ContentInfo *cms = d2i_CMS_bio(file(path, "r"), NULL);
    BIO *content = BIO_new(BIO_s_mem());
    CMS_SignerInfo *signer;
    X509_ALGOR *digest;
    const ASN1_OBJECT *object;

    if (cms == NULL ||
        CMS_verify(cms, NULL, NULL, NULL, content, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) != 1)
        die("no CertRep with a good signature");
    signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
    print(signer, "type", ATTRIBUTE "2");
    print(signer, "status", ATTRIBUTE "3");
    print(signer, "failInfo", ATTRIBUTE "4");
    print(signer, "transaction", ATTRIBUTE "7");
    CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
    X509_ALGOR_get0(&object, NULL, NULL, digest);
    printf("digest=%s ", OBJ_nid2sn(OBJ_obj2nid(object)));
    if (BIO_pending(content) > 0)
        print_content(content);
    print(signer, "text", "1.3.6.1.5.5.7.24.1");
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: write or read, FILE, NAME=VALUE...");
    options = argv + 3;
    if (OSSL_PROVIDER_load(NULL, "default") == NULL || OSSL_PROVIDER_load(NULL, "legacy") == NULL)
        die("OpenSSL's providers");
    if (strcmp(argv[1], "write") == 0)
        write_message(argv[2]);
    else if (strcmp(argv[1], "read") == 0)
        read_message(argv[2]);
    else
        die("write or read");
    return 0;
}
