// SPDX-License-Identifier: Apache-2.0
/* What a certificate says of itself, as the fields of a record. */
#include "private.h"

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

char *store_hex(const unsigned char *data, size_t len, int is_upper)
{
    const char *digits = is_upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char *text = OPENSSL_malloc(2 * len + 1);
    size_t i;

    if (text == NULL)
        return NULL;
    for (i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = '\0';
    return text;
}

char *store_bio_text(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    return len > 0 ? OPENSSL_strndup(data, (size_t)len) : OPENSSL_strdup("");
}

/* Takes over text. */
static int put(struct store_cert *cert, enum store_text field, char *text)
{
    if (text == NULL)
        return 0;
    OPENSSL_free(cert->text[field]);
    cert->text[field] = text;
    return 1;
}

static int put_octets(struct store_cert *cert, enum store_text field, const ASN1_STRING *octets)
{
    return put(cert, field,
               octets != NULL
                   ? store_hex(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets), 0)
                   : OPENSSL_strdup(""));
}

static int put_name(struct store_cert *cert, enum store_text field, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int ok = bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0 &&
             put(cert, field, store_bio_text(bio));

    BIO_free(bio);
    return ok;
}

/* One attribute of the subject: the last, if it is there several times. */
static int put_attribute(struct store_cert *cert, enum store_text field, const X509_NAME *name, int nid)
{
    int i = -1, last = -1, len;
    unsigned char *utf8 = NULL;
    char *text;

    while ((i = X509_NAME_get_index_by_NID(name, nid, i)) >= 0)
        last = i;
    if (last < 0)
        return put(cert, field, OPENSSL_strdup(""));
    len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    /* A NUL inside ends the text: what is behind it is not to be taken for a part of a name. */
    text = len >= 0 ? OPENSSL_strndup((char *)utf8, (size_t)len) : OPENSSL_strdup("");
    OPENSSL_free(utf8);
    return put(cert, field, text);
}

static void print_alt_name(BIO *bio, const GENERAL_NAME *name)
{
    char address[INET6_ADDRSTRLEN];
    int type, len;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    const unsigned char *data;

    if (type != GEN_DNS && type != GEN_IPADD && type != GEN_EMAIL && type != GEN_URI) {
        BIO_puts(bio, "other:?");
        return;
    }
    data = ASN1_STRING_get0_data(value);
    len = ASN1_STRING_length(value);
    if (type == GEN_IPADD) {
        if ((len == 4 || len == 16) &&
            inet_ntop(len == 4 ? AF_INET : AF_INET6, data, address, sizeof(address)) != NULL)
            BIO_printf(bio, "IP:%s", address);
        else
            BIO_puts(bio, "IP:?");
        return;
    }
    BIO_puts(bio, type == GEN_DNS ? "DNS:" : type == GEN_EMAIL ? "email:" : "URI:");
    for (; len > 0; len--, data++)
        BIO_printf(bio, "%c", *data > ' ' && *data < 0x7f && *data != ',' ? *data : '?');
}

static int put_names(struct store_cert *cert, GENERAL_NAMES *names)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int i, ok = bio != NULL;

    for (i = 0; ok && i < sk_GENERAL_NAME_num(names); i++) {
        if (i > 0)
            BIO_puts(bio, ",");
        print_alt_name(bio, sk_GENERAL_NAME_value(names, i));
    }
    ok = ok && put(cert, STORE_SUBJECT_ALT_NAME, store_bio_text(bio));
    BIO_free(bio);
    return ok;
}

static int put_alt_names(struct store_cert *cert, X509 *x509)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int ok = put_names(cert, names);

    GENERAL_NAMES_free(names);
    return ok;
}

int store_describe_request(struct store *store, struct store_cert *cert, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    int ok = put_names(cert, names) && put_name(cert, STORE_SUBJECT, X509_REQ_get_subject_name(request)) &&
             put_attribute(cert, STORE_COMMON_NAME, X509_REQ_get_subject_name(request), NID_commonName);

    (void)store;
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    ERR_clear_error();
    return ok;
}

static int put_key(struct store_cert *cert, X509 *x509)
{
    EVP_PKEY *pkey = X509_get0_pubkey(x509);
    char group[64], size[16], type[32];
    const char *name = pkey != NULL ? EVP_PKEY_get0_type_name(pkey) : NULL;
    size_t i;

    if (name == NULL) { /* an algorithm that OpenSSL does not know */
        ERR_clear_error();
        return put(cert, STORE_KEY_TYPE, OPENSSL_strdup("unknown")) &&
               put(cert, STORE_KEY_SIZE, OPENSSL_strdup(""));
    }
    for (i = 0; name[i] != '\0' && i < sizeof(type) - 1; i++)
        type[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    type[i] = '\0';
    if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1)
        return put(cert, STORE_KEY_TYPE, OPENSSL_strdup(type)) &&
               put(cert, STORE_KEY_SIZE, OPENSSL_strdup(group));
    BIO_snprintf(size, sizeof(size), "%d", EVP_PKEY_get_bits(pkey));
    return put(cert, STORE_KEY_TYPE, OPENSSL_strdup(type)) && put(cert, STORE_KEY_SIZE, OPENSSL_strdup(size));
}

static int put_digest(struct store_cert *cert, const X509 *x509)
{
    int nid = NID_undef, i;
    const char *name;
    char text[32] = "";

    if (X509_get_signature_info((X509 *)x509, &nid, NULL, NULL, NULL) && nid != NID_undef &&
        (name = OBJ_nid2sn(nid)) != NULL) {
        for (i = 0; name[i] != '\0' && i < (int)sizeof(text) - 1; i++)
            text[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
        text[i] = '\0';
    }
    ERR_clear_error();
    return put(cert, STORE_DIGEST_ALGORITHM, OPENSSL_strdup(text));
}

int64_t store_seconds(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, rest = 0;
    int ok = time != NULL && epoch != NULL && ASN1_TIME_diff(&days, &rest, epoch, time);

    ASN1_TIME_free(epoch);
    return ok ? (int64_t)days * 86400 + rest : 0;
}

static int put_fingerprint(struct store *store, struct store_cert *cert)
{
    OSSL_LIB_CTX *libctx = store_crypto(store);
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t len = 0;

    return libctx != NULL &&
           EVP_Q_digest(libctx, "SHA256", "provider=default", cert->der, cert->der_len, md, &len) &&
           put(cert, STORE_FINGERPRINT, store_hex(md, len, 0));
}

static int put_serial(struct store_cert *cert, X509 *x509)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);

    return put(cert, STORE_SERIAL_NUMBER,
               store_hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), 1));
}

int store_cert_describe(struct store *store, struct store_cert *cert, X509 *x509)
{
    static const struct {
        enum store_text field;
        int nid;
    } attributes[] = {
        {STORE_COMMON_NAME, NID_commonName},        {STORE_COUNTRY, NID_countryName},
        {STORE_STATE, NID_stateOrProvinceName},     {STORE_LOCALITY, NID_localityName},
        {STORE_ORGANIZATION, NID_organizationName}, {STORE_UNIT, NID_organizationalUnitName},
    };
    const X509_NAME *subject = X509_get_subject_name(x509);
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der), ok = len > 0;
    size_t i;

    if (ok) {
        OPENSSL_free(cert->der);
        cert->der = der;
        cert->der_len = (size_t)len;
    }
    for (i = 0; ok && i < sizeof(attributes) / sizeof(attributes[0]); i++)
        ok = put_attribute(cert, attributes[i].field, subject, attributes[i].nid);
    ok = ok && put_name(cert, STORE_SUBJECT, subject) &&
         put_name(cert, STORE_ISSUER, X509_get_issuer_name(x509)) && put_alt_names(cert, x509) &&
         put(cert, STORE_KEY_USAGE, store_usages_of(x509)) && put_key(cert, x509) && put_digest(cert, x509) &&
         put_serial(cert, x509) && put_fingerprint(store, cert) &&
         put_octets(cert, STORE_SKID, X509_get0_subject_key_id(x509)) &&
         put_octets(cert, STORE_AKID, X509_get0_authority_key_id(x509)) &&
         put(cert, STORE_CUSTODY, OPENSSL_strdup(""));
    if (!ok)
        return store_raise_ssl(store, "the certificate can't be described");
    cert->not_before = store_seconds(X509_get0_notBefore(x509));
    cert->not_after = store_seconds(X509_get0_notAfter(x509));
    cert->days_valid = (int)((cert->not_after - cert->not_before + 86399) / 86400);
    cert->is_authority = X509_check_ca(x509) == 1;
    cert->path_length = (int)X509_get_pathlen(x509);
    ERR_clear_error();
    return 1;
}
