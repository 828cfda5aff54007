// SPDX-License-Identifier: Apache-2.0
/* Subjects and alternative names (RFC 5280 sections 4.1.2.6 and 4.2.1.6) between text and X.509. */
#include "private.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define ALT_NAMES_MAX 100

/* ---- subject ---- */

X509_NAME *store_name_new(struct store *store, const struct store_cert *cert)
{
    static const struct part {
        enum store_text field;
        int nid;
        const char *property;
    } parts[] = {
        {STORE_COUNTRY, NID_countryName, "country"},
        {STORE_STATE, NID_stateOrProvinceName, "state"},
        {STORE_LOCALITY, NID_localityName, "locality"},
        {STORE_ORGANIZATION, NID_organizationName, "organization"},
        {STORE_UNIT, NID_organizationalUnitName, "unit"},
        {STORE_COMMON_NAME, NID_commonName, "common-name"},
    };
    X509_NAME *name = X509_NAME_new();
    size_t i;

    for (i = 0; name != NULL && i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *value = cert->text[parts[i].field];

        if (*value == '\0' || X509_NAME_add_entry_by_NID(name, parts[i].nid, MBSTRING_UTF8,
                                                         (const unsigned char *)value, -1, -1, 0))
            continue;
        store_raise_ssl(store, "%s \"%.64s\"", parts[i].property, value);
        X509_NAME_free(name);
        return NULL;
    }
    if (name == NULL)
        store_raise(store, "out of memory");
    return name;
}

/* ---- alternative names ---- */

static const struct kind {
    const char *prefix;
    int type;
    const char *what;
} kinds[] = {{"DNS:", GEN_DNS, "DNS name"},
             {"IP:", GEN_IPADD, "IP address"},
             {"email:", GEN_EMAIL, "email address"},
             {"URI:", GEN_URI, "URI"}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Letters of RFC 1123 section 2.1, one label after the other, with a wildcard for the first (RFC 6125). */
static int is_dns(const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > 253)
        return 0;
    if (strncmp(text, "*.", 2) == 0)
        text += 2;
    while (1) {
        size_t label = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

        if (label == 0 || label > 63 || text[0] == '-' || text[label - 1] == '-')
            return 0;
        text += label;
        if (*text == '\0')
            return 1;
        if (*text++ != '.')
            return 0;
    }
}

static int is_plausible(const struct kind *kind, const char *value)
{
    const unsigned char *p;

    for (p = (const unsigned char *)value; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f)
            return 0;
    }
    switch (kind->type) {
    case GEN_DNS:
        return is_dns(value);
    case GEN_EMAIL:
        return strchr(value, '@') != NULL && value[0] != '@';
    case GEN_URI:
        return strchr(value, ':') != NULL;
    }
    return *value != '\0';
}

/* Of one element of the list, which this cuts off. */
static GENERAL_NAME *alt_name_new(struct store *store, const char *text)
{
    const struct kind *kind = NULL;
    GENERAL_NAME *name = NULL;
    size_t i;

    for (i = 0; kind == NULL && i < KINDS; i++) {
        if (OPENSSL_strncasecmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            kind = &kinds[i];
    }
    if (kind == NULL) {
        store_raise(store, "subject-alt-name \"%.64s\": expected DNS:, IP:, email: or URI: before the name",
                    text);
        return NULL;
    }
    text += strlen(kind->prefix);
    if (is_plausible(kind, text))
        name = a2i_GENERAL_NAME(NULL, NULL, NULL, kind->type, text, 0);
    if (name == NULL)
        store_raise(store, "subject-alt-name: \"%.64s\" is no %s", text, kind->what);
    ERR_clear_error();
    return name;
}

STACK_OF(GENERAL_NAME) * store_alt_names_new(struct store *store, const char *text)
{
    STACK_OF(GENERAL_NAME) *names = sk_GENERAL_NAME_new_null();
    char *copy = OPENSSL_strdup(text), *next = copy, *element;

    while (names != NULL && (element = strsep(&next, ",")) != NULL) {
        GENERAL_NAME *name;

        if (*element == '\0')
            continue;
        if (sk_GENERAL_NAME_num(names) == ALT_NAMES_MAX) {
            store_raise(store, "subject-alt-name: more than %d names", ALT_NAMES_MAX);
            name = NULL;
        } else {
            name = alt_name_new(store, element);
        }
        if (name == NULL || !sk_GENERAL_NAME_push(names, name)) {
            GENERAL_NAME_free(name);
            sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
            names = NULL;
        }
    }
    OPENSSL_free(copy);
    return names;
}

int store_check_alt_name(struct store *store, const char *text)
{
    STACK_OF(GENERAL_NAME) *names = store_alt_names_new(store, text);

    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return names != NULL;
}

/* ---- names of certificates ---- */

int store_check_name(struct store *store, const char *name)
{
    const unsigned char *p;

    if (*name == '\0' || strlen(name) > 200)
        return store_raise(store, "name: expected 1 to 200 bytes");
    if (*name == '*' || *name == '.')
        return store_raise(store, "name \"%s\": may not begin with \"%c\"", name, *name);
    for (p = (const unsigned char *)name; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f || *p == '/' || *p == '"' || *p == ',')
            return store_raise(store, "name: control characters, \"/\", \",\" and quotes are not allowed");
    }
    return 1;
}
