// SPDX-License-Identifier: Apache-2.0
/* ACME renewal information (RFC 9773): when the CA wants a certificate renewed. */
#include "private.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* RFC 9773 section 4.3: when to ask again, within reason. */
#define NEXT_DEFAULT (6 * 3600)
#define NEXT_LEAST   60
#define NEXT_MOST    86400

char *acme_certificate_id(const X509 *certificate)
{
    AUTHORITY_KEYID *akid = X509_get_ext_d2i(certificate, NID_authority_key_identifier, NULL, NULL);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    char *first = NULL, *second = NULL, *id = NULL;
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(serial, &der);

    /* The serial number's value without tag and length: at most 20 octets, so the length is one of them. */
    if (akid != NULL && akid->keyid != NULL && len > 2 && der[1] == len - 2) {
        first = acme_base64url(ASN1_STRING_get0_data(akid->keyid), (size_t)ASN1_STRING_length(akid->keyid));
        second = acme_base64url(der + 2, (size_t)len - 2);
    }
    if (first != NULL && second != NULL) {
        size_t size = strlen(first) + strlen(second) + 2;

        if ((id = OPENSSL_malloc(size)) != NULL)
            snprintf(id, size, "%s.%s", first, second);
    }
    OPENSSL_free(first);
    OPENSSL_free(second);
    OPENSSL_free(der);
    AUTHORITY_KEYID_free(akid);
    return id;
}

static int parse(struct acme *acme, const json_t *json, struct acme_renewal_info *info)
{
    const json_t *window = json_object_get(json, "suggestedWindow");
    const char *explanation = acme_text(json, "explanationURL");

    info->start = acme_time(window, "start");
    info->end = acme_time(window, "end");
    if (info->start == 0 || info->end <= info->start)
        return acme_raise(acme, "the server suggests no window");
    acme_printable(info->explanation, sizeof(info->explanation), explanation != NULL ? explanation : "");
    return 1;
}

int acme_renewal_info(struct acme *acme, const char *certificate_id, struct acme_renewal_info *info,
                      char *why, size_t size)
{
    const struct acme_directory *directory;
    int64_t now = (int64_t)time(NULL);
    struct acme_response response;
    char url[ACME_URL_MAX + 1];
    int result = 0;

    *info = (struct acme_renewal_info){.next = now + NEXT_DEFAULT};
    *why = '\0';
    acme->quiet = why;
    acme->quiet_size = size;
    directory = acme_directory(acme);
    if (directory != NULL && directory->renewal_info == NULL) {
        result = -1;
    } else if (directory != NULL &&
               snprintf(url, sizeof(url), "%s%s%s", directory->renewal_info,
                        directory->renewal_info[strlen(directory->renewal_info) - 1] == '/' ? "" : "/",
                        certificate_id) < (int)sizeof(url) &&
               acme_exchange(acme, "GET", url, NULL, &response)) {
        int64_t again = acme_retry_after(response.retry_after, now);

        if (response.status == 200)
            result = parse(acme, response.json, info);
        else
            acme_raise(acme, "the server answers with status %ld", response.status);
        if (again != 0)
            info->next = again < now + NEXT_LEAST  ? now + NEXT_LEAST
                         : again > now + NEXT_MOST ? now + NEXT_MOST
                                                   : again;
        acme_response_clear(&response);
    }
    acme->quiet = NULL;
    return result;
}
