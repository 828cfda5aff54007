// SPDX-License-Identifier: Apache-2.0
/* Key usages: RouterOS has one list for keyUsage and extendedKeyUsage (RFC 5280 sections 4.2.1.3, 4.2.1.12).
 */
#include "private.h"

#include <openssl/x509v3.h>
#include <string.h>

/* Bit numbers of KeyUsage; extended usages are OIDs. */
static const struct usage {
    const char *name;
    int bit; /* -1: an extended usage */
    const char *oid;
} usages[] = {
    {"digital-signature", 0, NULL},
    {"content-commitment", 1, NULL},
    {"key-encipherment", 2, NULL},
    {"data-encipherment", 3, NULL},
    {"key-agreement", 4, NULL},
    {"key-cert-sign", 5, NULL},
    {"crl-sign", 6, NULL},
    {"encipher-only", 7, NULL},
    {"decipher-only", 8, NULL},
    {"tls-server", -1, "1.3.6.1.5.5.7.3.1"},
    {"tls-client", -1, "1.3.6.1.5.5.7.3.2"},
    {"code-sign", -1, "1.3.6.1.5.5.7.3.3"},
    {"email-protect", -1, "1.3.6.1.5.5.7.3.4"},
    {"ipsec-end-system", -1, "1.3.6.1.5.5.7.3.5"},
    {"ipsec-tunnel", -1, "1.3.6.1.5.5.7.3.6"},
    {"ipsec-user", -1, "1.3.6.1.5.5.7.3.7"},
    {"timestamp", -1, "1.3.6.1.5.5.7.3.8"},
    {"ocsp-sign", -1, "1.3.6.1.5.5.7.3.9"},
    {"dvcs", -1, "1.3.6.1.5.5.7.3.10"},
    {"server-gated-crypto", -1, "1.3.6.1.4.1.311.10.3.3"},
};
#define USAGES (sizeof(usages) / sizeof(usages[0]))

const char *const store_usages[] = {"digital-signature",
                                    "content-commitment",
                                    "key-encipherment",
                                    "data-encipherment",
                                    "key-agreement",
                                    "key-cert-sign",
                                    "crl-sign",
                                    "encipher-only",
                                    "decipher-only",
                                    "tls-server",
                                    "tls-client",
                                    "code-sign",
                                    "email-protect",
                                    "ipsec-end-system",
                                    "ipsec-tunnel",
                                    "ipsec-user",
                                    "timestamp",
                                    "ocsp-sign",
                                    "dvcs",
                                    "server-gated-crypto",
                                    NULL};

int store_usage_has(const char *text, const char *usage)
{
    size_t len = strlen(usage);

    while (text != NULL) {
        if (strncmp(text, usage, len) == 0 && (text[len] == ',' || text[len] == '\0'))
            return 1;
        text = strchr(text, ',');
        if (text != NULL)
            text++;
    }
    return 0;
}

static int add_extension(STACK_OF(X509_EXTENSION) * extensions, int nid, void *value, int is_critical)
{
    return X509V3_add1_i2d(&extensions, nid, value, is_critical, X509V3_ADD_DEFAULT) == 1;
}

int store_usages_add(struct store *store, STACK_OF(X509_EXTENSION) * extensions, const char *text)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    EXTENDED_KEY_USAGE *extended = EXTENDED_KEY_USAGE_new();
    int ok = bits != NULL && extended != NULL, has_bits = 0;
    size_t i;

    for (i = 0; ok && i < USAGES; i++) {
        if (!store_usage_has(text, usages[i].name))
            continue;
        if (usages[i].bit >= 0) {
            ok = ASN1_BIT_STRING_set_bit(bits, usages[i].bit, 1);
            has_bits = 1;
        } else {
            ASN1_OBJECT *oid = OBJ_txt2obj(usages[i].oid, 1);

            ok = oid != NULL && sk_ASN1_OBJECT_push(extended, oid);
            if (!ok)
                ASN1_OBJECT_free(oid);
        }
    }
    ok = ok && (!has_bits || add_extension(extensions, NID_key_usage, bits, 1)) &&
         (sk_ASN1_OBJECT_num(extended) == 0 || add_extension(extensions, NID_ext_key_usage, extended, 0));
    ASN1_BIT_STRING_free(bits);
    EXTENDED_KEY_USAGE_free(extended);
    return ok || store_raise_ssl(store, "key-usage");
}

static int has_extended(const EXTENDED_KEY_USAGE *extended, const char *oid)
{
    char text[80];
    int i;

    for (i = 0; i < sk_ASN1_OBJECT_num(extended); i++) {
        OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(extended, i), 1);
        if (strcmp(text, oid) == 0)
            return 1;
    }
    return 0;
}

char *store_usages_of(X509 *x509)
{
    EXTENDED_KEY_USAGE *extended = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    /* Not X509_get_key_usage: that says 0 for a certificate that is not complete, as one that carries a
     * request's. */
    ASN1_BIT_STRING *bits = X509_get_ext_d2i(x509, NID_key_usage, NULL, NULL);
    char text[512] = "";
    size_t i;

    for (i = 0; i < USAGES; i++) {
        if (usages[i].bit >= 0 ? ASN1_BIT_STRING_get_bit(bits, usages[i].bit)
                               : has_extended(extended, usages[i].oid)) {
            if (*text != '\0')
                OPENSSL_strlcat(text, ",", sizeof(text));
            OPENSSL_strlcat(text, usages[i].name, sizeof(text));
        }
    }
    ASN1_BIT_STRING_free(bits);
    EXTENDED_KEY_USAGE_free(extended);
    return OPENSSL_strdup(text);
}
