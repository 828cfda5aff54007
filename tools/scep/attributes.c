// SPDX-License-Identifier: Apache-2.0
/* The signed attributes of a pkiMessage (RFC 8894 section 3.2.1). */
#include "private.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX          "2.16.840.1.113733.1.9."
#define MESSAGE_TYPE    PREFIX "2"
#define PKI_STATUS      PREFIX "3"
#define FAIL_INFO       PREFIX "4"
#define SENDER_NONCE    PREFIX "5"
#define RECIPIENT_NONCE PREFIX "6"
#define TRANSACTION_ID  PREFIX "7"
#define FAIL_INFO_TEXT  "1.3.6.1.5.5.7.24.1"

/* ---- reading ---- */

/* The only value of the only attribute of this name, of one of two types. NULL: there is none, or it is
 * another. */
static const ASN1_STRING *get(const CMS_SignerInfo *signer, const char *oid, int type, int or_type)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = object != NULL ? CMS_signed_get_attr_by_OBJ(signer, object, -1) : -1, again;
    X509_ATTRIBUTE *attribute;
    const ASN1_TYPE *value = NULL;

    again = at >= 0 ? CMS_signed_get_attr_by_OBJ(signer, object, at) : -1;
    ASN1_OBJECT_free(object);
    if (at < 0 || again >= 0)
        return NULL;
    attribute = CMS_signed_get_attr(signer, at);
    if (X509_ATTRIBUTE_count(attribute) == 1)
        value = X509_ATTRIBUTE_get0_type(attribute, 0);
    if (value == NULL || (value->type != type && value->type != or_type))
        return NULL;
    return value->value.asn1_string;
}

/* A number in decimal digits; -1: none. */
static int get_number(const CMS_SignerInfo *signer, const char *oid)
{
    const ASN1_STRING *string = get(signer, oid, V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING);
    int len = string != NULL ? ASN1_STRING_length(string) : 0, i, number = 0;
    const unsigned char *data = string != NULL ? ASN1_STRING_get0_data(string) : NULL;

    if (len < 1 || len > 3)
        return -1;
    for (i = 0; i < len; i++) {
        if (data[i] < '0' || data[i] > '9')
            return -1;
        number = 10 * number + data[i] - '0';
    }
    return number;
}

static int get_nonce(const CMS_SignerInfo *signer, const char *oid, unsigned char nonce[SCEP_NONCE_SIZE])
{
    const ASN1_STRING *string = get(signer, oid, V_ASN1_OCTET_STRING, V_ASN1_OCTET_STRING);

    if (string == NULL || ASN1_STRING_length(string) != SCEP_NONCE_SIZE)
        return 0;
    memcpy(nonce, ASN1_STRING_get0_data(string), SCEP_NONCE_SIZE);
    return 1;
}

/* Printable characters only, so that it can be logged and compared. */
static int get_text(const CMS_SignerInfo *signer, const char *oid, char *text, size_t size)
{
    const ASN1_STRING *string = get(signer, oid, V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING);
    size_t len = string != NULL ? (size_t)ASN1_STRING_length(string) : 0, i;
    const unsigned char *data = string != NULL ? ASN1_STRING_get0_data(string) : NULL;

    if (string == NULL || len >= size)
        return 0;
    for (i = 0; i < len; i++) {
        if (data[i] < ' ' || data[i] >= 0x7f) {
            *text = '\0';
            return 0;
        }
        text[i] = (char)data[i];
    }
    text[len] = '\0';
    return 1;
}

int scep_attributes_read(const CMS_SignerInfo *signer, struct scep_message *message, struct scep_error *error)
{
    int number = get_number(signer, MESSAGE_TYPE);

    switch (number) {
    case SCEP_CERT_REP:
    case SCEP_RENEWAL_REQ:
    case SCEP_PKCS_REQ:
    case SCEP_CERT_POLL:
    case SCEP_GET_CERT:
    case SCEP_GET_CRL:
        message->type = (enum scep_type)number;
        break;
    default:
        return number < 0 ? scep_fail(error, SCEP_BAD_REQUEST, "there is no messageType")
                          : scep_fail(error, SCEP_BAD_REQUEST, "messageType %d is not known", number);
    }
    if (!get_text(signer, TRANSACTION_ID, message->transaction_id, sizeof(message->transaction_id)) ||
        *message->transaction_id == '\0')
        return scep_fail(error, SCEP_BAD_REQUEST, "there is no transactionID, or it is not printable");
    message->has_sender_nonce = get_nonce(signer, SENDER_NONCE, message->sender_nonce);
    message->has_recipient_nonce = get_nonce(signer, RECIPIENT_NONCE, message->recipient_nonce);
    message->fail_info = SCEP_NO_FAIL_INFO;
    if (message->type != SCEP_CERT_REP)
        return message->has_sender_nonce ||
               scep_fail(error, SCEP_BAD_REQUEST, "there is no senderNonce of 16 octets");
    number = get_number(signer, PKI_STATUS);
    if (number != SCEP_SUCCESS && number != SCEP_FAILURE && number != SCEP_PENDING)
        return scep_fail(error, SCEP_BAD_REQUEST, "there is no pkiStatus");
    message->status = (enum scep_status)number;
    if (number == SCEP_FAILURE) {
        number = get_number(signer, FAIL_INFO);
        message->fail_info = number >= SCEP_BAD_ALG && number <= SCEP_BAD_CERT_ID
                                 ? (enum scep_fail_info)number
                                 : SCEP_BAD_REQUEST;
        get_text(signer, FAIL_INFO_TEXT, message->fail_text, sizeof(message->fail_text));
    }
    return 1;
}

/* ---- writing ---- */

static int put(CMS_SignerInfo *signer, const char *oid, int type, const void *data, int len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int ok = object != NULL && CMS_signed_add1_attr_by_OBJ(signer, object, type, data, len);

    ASN1_OBJECT_free(object);
    return ok;
}

static int put_number(CMS_SignerInfo *signer, const char *oid, int number)
{
    char text[8];

    snprintf(text, sizeof(text), "%d", number);
    return put(signer, oid, V_ASN1_PRINTABLESTRING, text, (int)strlen(text));
}

int scep_attributes_write(CMS_SignerInfo *signer, const struct scep_message *message)
{
    int ok = put_number(signer, MESSAGE_TYPE, (int)message->type) &&
             put(signer, TRANSACTION_ID, V_ASN1_PRINTABLESTRING, message->transaction_id,
                 (int)strlen(message->transaction_id)) &&
             put(signer, SENDER_NONCE, V_ASN1_OCTET_STRING, message->sender_nonce, SCEP_NONCE_SIZE);

    if (ok && message->has_recipient_nonce)
        ok = put(signer, RECIPIENT_NONCE, V_ASN1_OCTET_STRING, message->recipient_nonce, SCEP_NONCE_SIZE);
    if (!ok || message->type != SCEP_CERT_REP)
        return ok;
    return put_number(signer, PKI_STATUS, (int)message->status) &&
           (message->status != SCEP_FAILURE ||
            (put_number(signer, FAIL_INFO, (int)message->fail_info) &&
             (*message->fail_text == '\0' || put(signer, FAIL_INFO_TEXT, V_ASN1_UTF8STRING,
                                                 message->fail_text, (int)strlen(message->fail_text)))));
}
