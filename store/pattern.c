// SPDX-License-Identifier: Apache-2.0
/* Whether the names that a request asks for are ones that it may ask for. Names are taken from the structures
 * that go into the certificate: in their text a comma or a backslash could hide one. */
#include "private.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static int matches_one(const char *patterns, const char *name)
{
    char *list = OPENSSL_strdup(patterns), *rest = list, *pattern;
    int found = 0;

    while (!found && list != NULL && (pattern = strsep(&rest, ",")) != NULL)
        found = *pattern != '\0' && fnmatch(pattern, name, FNM_CASEFOLD) == 0;
    OPENSSL_free(list);
    return found;
}

struct names {
    const char *patterns;
    char *which; /* the first that matches none */
    size_t size;
    int count;
};

/* With its kind ("DNS:") or without it. A zero in the middle would end it early for some readers. */
static int take(struct names *names, const char *kind, const void *data, size_t len)
{
    char text[512];
    size_t kind_len = strlen(kind);

    names->count++;
    OPENSSL_strlcpy(names->which, "a name that is too long or has a zero in it", names->size);
    if (len + kind_len >= sizeof(text) || memchr(data, 0, len) != NULL)
        return 0;
    memcpy(text, kind, kind_len);
    memcpy(text + kind_len, data, len);
    text[kind_len + len] = '\0';
    OPENSSL_strlcpy(names->which, text + kind_len, names->size);
    return matches_one(names->patterns, text + kind_len) || matches_one(names->patterns, text);
}

/* What others know somebody by. Organizations and places are not. */
static int is_name(int nid)
{
    return nid == NID_commonName || nid == NID_pkcs9_emailAddress || nid == NID_userId ||
           nid == NID_serialNumber || nid == NID_pkcs9_unstructuredName ||
           nid == NID_pkcs9_unstructuredAddress;
}

static int take_subject(struct names *names, const X509_NAME *subject)
{
    int i, ok = 1;

    for (i = 0; ok && i < X509_NAME_entry_count(subject); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)), len;
        unsigned char *utf8 = NULL;
        char kind[32];

        if (!is_name(nid))
            continue;
        snprintf(kind, sizeof(kind), "%s=", OBJ_nid2sn(nid));
        len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
        ok = take(names, kind, utf8, len > 0 ? (size_t)len : 0);
        OPENSSL_free(utf8);
    }
    return ok;
}

static int take_alt_name(struct names *names, const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *string = GENERAL_NAME_get0_value(name, &type);
    char address[INET6_ADDRSTRLEN] = "";
    int len;

    switch (type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI:
        return take(names,
                    type == GEN_DNS     ? "DNS:"
                    : type == GEN_EMAIL ? "email:"
                                        : "URI:",
                    ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
    case GEN_IPADD:
        len = ASN1_STRING_length(string);
        if (len == 4 || len == 16)
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(string), address, sizeof(address));
        return take(names, "IP:", address, strlen(address));
    }
    names->count++;
    OPENSSL_strlcpy(names->which, "an alternative name of another kind", names->size);
    return 0;
}

int store_incoming_matches(const struct store_incoming *incoming, const char *patterns, char *which,
                           size_t size)
{
    const unsigned char *p = incoming->request;
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)incoming->request_len);
    STACK_OF(X509_EXTENSION) *extensions = request != NULL ? X509_REQ_get_extensions(request) : NULL;
    GENERAL_NAMES *alt_names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    struct names names = {patterns, which, size, 0};
    int i, ok = request != NULL;

    OPENSSL_strlcpy(which, "a request without a name", size);
    /* A pattern for the subject as a whole, which may have commas. */
    if (ok && strchr(patterns, '=') != NULL && fnmatch(patterns, incoming->subject, FNM_CASEFOLD) == 0)
        names.count++;
    else
        ok = ok && take_subject(&names, X509_REQ_get_subject_name(request));
    for (i = 0; ok && i < sk_GENERAL_NAME_num(alt_names); i++)
        ok = take_alt_name(&names, sk_GENERAL_NAME_value(alt_names, i));
    GENERAL_NAMES_free(alt_names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    return ok && names.count > 0;
}
