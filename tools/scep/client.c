// SPDX-License-Identifier: Apache-2.0
/* Requests and polls of the client (RFC 8894 section 4.3). */
#include "client_private.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int scep_transaction_id(OSSL_LIB_CTX *libctx, EVP_PKEY *key, char id[65])
{
    unsigned char *spki = NULL, md[EVP_MAX_MD_SIZE];
    int len = i2d_PUBKEY(key, &spki), ok;
    size_t md_len = 0, i;

    ok = len > 0 && EVP_Q_digest(libctx, "SHA256", "provider=default", spki, (size_t)len, md, &md_len);
    for (i = 0; ok && i < 32; i++)
        snprintf(id + 2 * i, 3, "%02X", md[i]);
    OPENSSL_free(spki);
    return ok;
}

void scep_answer_clear(struct scep_answer *answer)
{
    X509_free(answer->certificate);
    sk_X509_pop_free(answer->others, X509_free);
    *answer = (struct scep_answer){0};
}

/* ---- who signs a request: a certificate for the key, by itself (section 2.3) ---- */

static X509 *self_signed(struct scep_client *client, X509_NAME *subject, EVP_PKEY *key)
{
    X509 *x509 = X509_new_ex(client->config.libctx, NULL);
    unsigned char serial[8];
    BIGNUM *number;
    int ok = x509 != NULL && RAND_bytes(serial, sizeof(serial)) == 1;

    serial[0] &= 0x7f;
    number = ok ? BN_bin2bn(serial, sizeof(serial), NULL) : NULL;
    ok = ok && number != NULL && X509_set_version(x509, X509_VERSION_3) &&
         BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL &&
         X509_set_subject_name(x509, subject) && X509_set_issuer_name(x509, subject) &&
         X509_gmtime_adj(X509_getm_notBefore(x509), -3600) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(x509), 86400L * 30) != NULL && X509_set_pubkey(x509, key) &&
         X509_sign(x509, key, EVP_sha256()) > 0;
    BN_free(number);
    if (ok)
        return x509;
    X509_free(x509);
    ERR_clear_error();
    scep_raise(client, "a certificate for the request can't be signed with the key");
    return NULL;
}

/* ---- answers ---- */

/* Signed by the CA or its RA, about this transaction, in answer to this message. */
static int is_ours(struct scep_client *client, const struct scep_message *request,
                   const struct scep_message *reply)
{
    int i;

    if (reply->type != SCEP_CERT_REP || strcmp(reply->transaction_id, request->transaction_id) != 0 ||
        !reply->has_recipient_nonce ||
        memcmp(reply->recipient_nonce, request->sender_nonce, SCEP_NONCE_SIZE) != 0)
        return scep_raise(client, "%.200s: the answer is not to this request", client->config.url);
    if (X509_cmp(client->ca, reply->signer) == 0)
        return 1;
    for (i = 0; i < sk_X509_num(client->ras); i++) {
        if (X509_cmp(sk_X509_value(client->ras, i), reply->signer) == 0)
            return 1;
    }
    return scep_raise(client, "%.200s: the answer is signed by neither the CA nor its RA",
                      client->config.url);
}

static const char *fail_info_text(enum scep_fail_info fail_info)
{
    static const char *const texts[] = {"badAlg", "badMessageCheck", "badRequest", "badTime", "badCertId"};

    return fail_info >= SCEP_BAD_ALG && fail_info <= SCEP_BAD_CERT_ID ? texts[fail_info] : "no failInfo";
}

static int take_certificates(struct scep_client *client, const struct scep_message *reply, EVP_PKEY *key,
                             struct scep_answer *answer)
{
    STACK_OF(X509) *list =
        scep_read_certificates(client->config.libctx, reply->content, reply->content_len, NULL);
    int i;

    for (i = 0; answer->certificate == NULL && i < sk_X509_num(list); i++) {
        EVP_PKEY *public = X509_get0_pubkey(sk_X509_value(list, i));

        if (public != NULL && EVP_PKEY_eq(public, key) == 1)
            answer->certificate = sk_X509_delete(list, i);
    }
    ERR_clear_error();
    answer->others = list;
    return answer->certificate != NULL ||
           scep_raise(client, "%.200s: the answer has no certificate for the key of the request",
                      client->config.url);
}

/* own is the certificate that the request was signed with: the answer is encrypted to it. */
static int take_answer(struct scep_client *client, const struct scep_body *body,
                       const struct scep_message *request, X509 *own, EVP_PKEY *own_key, EVP_PKEY *key,
                       struct scep_answer *answer)
{
    struct scep_algorithms algorithms = {.allow_3des = 1, .allow_des = client->config.allow_des};
    CMS_ContentInfo *enveloped = NULL;
    struct scep_message reply = {0};
    struct scep_error error = {0};
    int ok = body->data != NULL &&
             scep_open(client->config.libctx, body->data, body->len, &reply, &enveloped, &error);

    if (!ok)
        scep_raise(client, "%.200s: the answer: %s", client->config.url,
                   body->data != NULL ? error.text : "it is empty");
    ok = ok && is_ours(client, request, &reply);
    if (ok && reply.status == SCEP_FAILURE)
        ok = scep_raise(client, "%.200s refuses: %s%s%s", client->config.url, fail_info_text(reply.fail_info),
                        *reply.fail_text != '\0' ? ": " : "", reply.fail_text);
    if (ok && reply.status == SCEP_SUCCESS) {
        ok = scep_decrypt(client->config.libctx, enveloped, own, own_key, &algorithms, &reply, &error) ||
             scep_raise(client, "%.200s: the answer: %s", client->config.url, error.text);
        ok = ok && take_certificates(client, &reply, key, answer);
    }
    answer->status = reply.status;
    CMS_ContentInfo_free(enveloped);
    scep_message_clear(&reply);
    return ok;
}

/* ---- messages ---- */

static int send_message(struct scep_client *client, const unsigned char *der, size_t len,
                        struct scep_body *body)
{
    char *text;
    int ok;

    if (client->can_post)
        return scep_transfer(client, "PKIOperation", NULL, der, len, body);
    text = OPENSSL_malloc(len / 3 * 4 + 5);
    if (text == NULL)
        return scep_raise(client, "out of memory");
    EVP_EncodeBlock((unsigned char *)text, der, (int)len);
    ok = scep_transfer(client, "PKIOperation", text, NULL, 0, body);
    OPENSSL_free(text);
    return ok;
}

static int exchange(struct scep_client *client, struct scep_message *message, const char *transaction_id,
                    X509 *own, EVP_PKEY *own_key, EVP_PKEY *key, struct scep_answer *answer)
{
    struct scep_error error = {0};
    struct scep_body body = {0};
    unsigned char *der = NULL;
    size_t len = 0;
    int ok;

    OPENSSL_strlcpy(message->transaction_id, transaction_id, sizeof(message->transaction_id));
    OPENSSL_strlcpy(message->digest, client->digest, sizeof(message->digest));
    OPENSSL_strlcpy(message->cipher, client->cipher, sizeof(message->cipher));
    ok = (RAND_bytes(message->sender_nonce, SCEP_NONCE_SIZE) == 1 &&
          scep_write(client->config.libctx, message, client->recipient, own, own_key, &der, &len, &error)) ||
         scep_raise(client, "the request: %s", error.text);
    ok = ok && send_message(client, der, len, &body) &&
         take_answer(client, &body, message, own, own_key, key, answer);
    OPENSSL_free(body.data);
    OPENSSL_free(der);
    return ok;
}

int scep_client_request(struct scep_client *client, const unsigned char *csr, size_t len, EVP_PKEY *key,
                        X509 *old, EVP_PKEY *old_key, const char *transaction_id, struct scep_answer *answer)
{
    struct scep_message message = {.type = old != NULL ? SCEP_RENEWAL_REQ : SCEP_PKCS_REQ,
                                   .content = (unsigned char *)csr,
                                   .content_len = len};
    const unsigned char *p = csr;
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)len);
    X509 *own = old != NULL       ? old
                : request != NULL ? self_signed(client, X509_REQ_get_subject_name(request), key)
                                  : NULL;
    int ok;

    *answer = (struct scep_answer){0};
    ok = own != NULL &&
         exchange(client, &message, transaction_id, own, old != NULL ? old_key : key, key, answer);
    if (own != old)
        X509_free(own);
    X509_REQ_free(request);
    return ok;
}

int scep_client_poll(struct scep_client *client, X509_NAME *subject, EVP_PKEY *key,
                     const char *transaction_id, struct scep_answer *answer)
{
    struct scep_names names = {.issuer = (X509_NAME *)X509_get_subject_name(client->ca), .subject = subject};
    struct scep_message message = {.type = SCEP_CERT_POLL};
    X509 *own = self_signed(client, subject, key);
    int ok;

    *answer = (struct scep_answer){0};
    ok = own != NULL && (scep_write_names(&names, &message.content, &message.content_len) ||
                         scep_raise(client, "out of memory"));
    ok = ok && exchange(client, &message, transaction_id, own, key, key, answer);
    OPENSSL_free(message.content);
    X509_free(own);
    return ok;
}
