// SPDX-License-Identifier: Apache-2.0
/*
 * PKIOperation on the server (RFC 8894 section 4.3): a message comes, a CertRep goes. Each messageType has
 * its function in one table; what is not in it is refused before anything is done.
 */
#include "server_private.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PENDING_MAX     1000
#define PENDING_ADDRESS 250          /* of them from one address */
#define ENVELOPE_MAX    20480        /* bytes of what is encrypted: requests that wait are kept */
#define ANSWERED_KEEP_S (30 * 86400) /* how long the same answer is given again */
#define SWEEP_S         60           /* how often those that are older are looked for */

/* One message while it is answered. */
struct exchange {
    struct scep_server *server;
    const struct scep_entry *entry;
    const struct front_request *request;
    struct scep_message message; /* the client's */
    struct scep_message reply;
    struct scep_error error;
    /* What is encrypted makes no sense. Whether it was the padding or what is inside is for the log alone:
     * who knew could find out, block by block, what somebody else has sent, and his password (CBC). */
    int is_unreadable;
};

/* ---- replies ---- */

static int fail(struct exchange *exchange, enum scep_fail_info fail_info, const char *text)
{
    return scep_fail(&exchange->error, fail_info, "%s", text);
}

static int unreadable(struct exchange *exchange, const char *text)
{
    exchange->is_unreadable = 1;
    return fail(exchange, SCEP_BAD_MESSAGE_CHECK, text);
}

/* Puts certificates into the reply. */
static int reply_with(struct exchange *exchange, const STACK_OF(X509) * certificates, X509_CRL *crl)
{
    exchange->reply.status = SCEP_SUCCESS;
    return scep_write_certificates(exchange->server->libctx, certificates, crl, &exchange->reply.content,
                                   &exchange->reply.content_len) ||
           fail(exchange, SCEP_BAD_REQUEST, "the reply can't be written");
}

/* A certificate of the store, alone: a SET has an order of its own (X.690 section 11.6), and clients take
 * what comes first for theirs. They have the CA's from GetCACert. */
static int reply_x509(struct exchange *exchange, X509 *x509)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    int ok = x509 != NULL && list != NULL && sk_X509_push(list, x509) > 0;

    ok = ok ? reply_with(exchange, list, NULL)
            : fail(exchange, SCEP_BAD_CERT_ID, "the certificate is not here any more");
    sk_X509_free(list);
    return ok;
}

static int reply_certificate(struct exchange *exchange, int64_t id)
{
    X509 *x509 = scep_cert_x509(exchange->server, id);
    int ok = reply_x509(exchange, x509);

    X509_free(x509);
    return ok;
}

/* ---- PKCSReq, RenewalReq ---- */

static int answer_incoming(struct exchange *exchange, const struct store_incoming *incoming)
{
    if (strcmp(incoming->status, "issued") == 0)
        return reply_certificate(exchange, incoming->certificate);
    if (strcmp(incoming->status, "denied") == 0)
        return scep_fail(&exchange->error, SCEP_BAD_REQUEST, "denied: %.200s", incoming->reason);
    exchange->reply.status = SCEP_PENDING;
    return 1;
}

/* Replies with what has been issued. Two of the same message at once: the other one may have done that. */
static int reply_issued(struct exchange *exchange, struct store_incoming *incoming, int ok)
{
    if (incoming == NULL || (!ok && strcmp(incoming->status, "issued") != 0))
        ok = fail(exchange, SCEP_BAD_REQUEST, "the certificate can't be issued: see the server's log");
    else
        ok = answer_incoming(exchange, incoming);
    store_incoming_free(incoming);
    return ok;
}

/* Issues what is pending under this id. */
static int issue(struct exchange *exchange, int64_t id, const struct scep_decision *decision)
{
    struct store *store = exchange->server->store;
    int ok = store_incoming_issue(store, id, decision->old, exchange->entry->ca, exchange->entry->days_valid,
                                  decision->password);

    return reply_issued(exchange, store_incoming_get(store, id, 0, NULL, NULL), ok);
}

static int describe(struct exchange *exchange, struct store_incoming *incoming)
{
    incoming->entry = exchange->entry->id;
    incoming->transaction_id = OPENSSL_strdup(exchange->message.transaction_id);
    incoming->address = OPENSSL_strdup(exchange->request->address);
    incoming->expires = (int64_t)time(NULL) + exchange->entry->request_lifetime;
    return (incoming->transaction_id != NULL && incoming->address != NULL) ||
           fail(exchange, SCEP_BAD_REQUEST, "out of memory");
}

/* What was answered before this is forgotten; 0: not now. */
static int64_t answered_before(struct scep_server *server)
{
    int64_t now = (int64_t)time(NULL);

    if (now - server->swept < SWEEP_S)
        return 0;
    server->swept = now;
    return now - ANSWERED_KEEP_S;
}

/* Issues what has just come. */
static int issue_new(struct exchange *exchange, struct store_incoming *incoming,
                     const struct scep_decision *decision)
{
    struct store *store = exchange->server->store;
    char line[SCEP_LOG_LINE];
    int ok = describe(exchange, incoming), is_logged;

    if (!ok)
        return 0;
    is_logged =
        scep_log_line(exchange->server, exchange->request, exchange->entry, line, "%s for \"%.150s\": issued",
                      scep_type_name(exchange->message.type), incoming->subject);
    ok =
        store_incoming_enrol(store, incoming, decision->old, exchange->entry->ca, exchange->entry->days_valid,
                             decision->password, answered_before(exchange->server), is_logged ? line : NULL);
    if (ok)
        return reply_x509(exchange, incoming->issued);
    return reply_issued(
        exchange,
        store_incoming_get(store, 0, incoming->entry, incoming->transaction_id, incoming->key_fingerprint),
        ok);
}

static int add_pending(struct exchange *exchange, struct store_incoming *incoming)
{
    return describe(exchange, incoming) &&
           ((store_incoming_sweep(exchange->server->store, answered_before(exchange->server)) &&
             store_incoming_add(exchange->server->store, incoming, PENDING_MAX, PENDING_ADDRESS)) ||
            fail(exchange, SCEP_BAD_REQUEST, "no more requests are taken at the moment"));
}

/* Is what this transaction was about over, so that what comes is a new one? Many clients use the same
 * transactionID whenever they use the same key. */
static int is_over(struct exchange *exchange, const struct store_incoming *before,
                   const struct store_incoming *now)
{
    struct store_cert *cert;
    unsigned char *der = NULL;
    int len, is;

    if (strcmp(before->status, "pending") == 0)
        return before->expires <= (int64_t)time(NULL);
    if (strcmp(before->status, "denied") == 0)
        return before->request_len != now->request_len ||
               memcmp(before->request, now->request, now->request_len) != 0;
    cert = before->certificate != 0
               ? store_cert_get(exchange->server->store, &(struct store_query){.id = before->certificate})
               : NULL;
    is = cert == NULL || cert->revoked_at != 0 || cert->not_after <= (int64_t)time(NULL) ||
         strcmp(before->subject, now->subject) != 0 ||
         strcmp(before->subject_alt_name, now->subject_alt_name) != 0;
    if (!is) {
        /* Its renewal. */
        len = i2d_X509(exchange->message.signer, &der);
        is = len > 0 && (size_t)len == cert->der_len && memcmp(der, cert->der, cert->der_len) == 0;
        OPENSSL_free(der);
    }
    store_cert_free(cert);
    return is;
}

static int enrol(struct exchange *exchange)
{
    struct scep_server *server = exchange->server;
    const struct scep_message *message = &exchange->message;
    struct store_incoming incoming = {0}, *before;
    struct scep_decision decision;
    char why[200];
    int ok;

    if (!store_incoming_parse(server->store, message->content, message->content_len, &incoming, why,
                              sizeof(why)))
        return unreadable(exchange, why);
    before = store_incoming_get(server->store, 0, exchange->entry->id, message->transaction_id,
                                incoming.key_fingerprint);
    if (before != NULL && is_over(exchange, before, &incoming)) {
        ok = store_incoming_remove(server->store, before->id);
        store_incoming_free(before);
        before = NULL;
        if (!ok) {
            store_incoming_clear(&incoming);
            return fail(exchange, SCEP_BAD_REQUEST, "the store can't be written");
        }
    }
    if (before != NULL && strcmp(before->status, "pending") != 0) {
        ok = answer_incoming(exchange, before);
        goto out;
    }
    scep_decide(server, exchange->entry, message->type, message->signer, &incoming, &decision);
    if (decision.verdict == SCEP_REFUSE) {
        ok = fail(exchange, decision.fail_info, decision.reason);
        goto out;
    }
    /* What is asked for again while it is pending is what was asked for first. */
    if (before != NULL &&
        (before->request_len != incoming.request_len ||
         memcmp(before->request, incoming.request, incoming.request_len) != 0) &&
        decision.verdict == SCEP_GRANT) {
        ok = fail(exchange, SCEP_BAD_REQUEST, "another request of this transaction is pending");
        goto out;
    }
    if (decision.verdict == SCEP_GRANT)
        ok = before != NULL ? issue(exchange, before->id, &decision)
                            : issue_new(exchange, &incoming, &decision);
    else if ((ok = before != NULL || add_pending(exchange, &incoming)))
        exchange->reply.status = SCEP_PENDING;
    if (!ok || before != NULL || decision.verdict != SCEP_GRANT) /* else with the certificate */
        scep_log(server, exchange->request, exchange->entry, "%s for \"%.150s\": %s",
                 scep_type_name(message->type), incoming.subject,
                 decision.verdict == SCEP_WAIT ? "waits for /certificate scep-server requests grant"
                 : ok                          ? "issued"
                                               : exchange->error.text);
out:
    store_incoming_free(before);
    store_incoming_clear(&incoming);
    return ok;
}

/* ---- CertPoll ---- */

/* By transaction and by the key that signs: another's transaction is of no use to anybody. */
static int poll(struct exchange *exchange)
{
    struct scep_server *server = exchange->server;
    struct store_incoming *incoming;
    char *fingerprint = store_spki_fingerprint(server->store, X509_get_X509_PUBKEY(exchange->message.signer));
    int ok;

    incoming = fingerprint != NULL ? store_incoming_get(server->store, 0, exchange->entry->id,
                                                        exchange->message.transaction_id, fingerprint)
                                   : NULL;
    if (incoming == NULL ||
        (strcmp(incoming->status, "pending") == 0 && incoming->expires <= (int64_t)time(NULL)))
        ok = fail(exchange, SCEP_BAD_CERT_ID, "there is no such transaction, or it has expired");
    else
        ok = answer_incoming(exchange, incoming);
    store_incoming_free(incoming);
    OPENSSL_free(fingerprint);
    return ok;
}

/* ---- GetCert, GetCRL ---- */

static int read_serial(struct exchange *exchange, struct scep_names *names)
{
    X509 *ca = scep_cert_x509(exchange->server, exchange->entry->ca);
    int ok = scep_read_names(exchange->message.content, exchange->message.content_len, names) &&
             names->serial != NULL;

    if (!ok)
        unreadable(exchange, "no issuer and serial number");
    else if (ca == NULL || X509_NAME_cmp(names->issuer, X509_get_subject_name(ca)) != 0)
        ok = fail(exchange, SCEP_BAD_CERT_ID, "another CA's");
    X509_free(ca);
    return ok;
}

static int get_cert(struct exchange *exchange)
{
    struct scep_names names = {0};
    struct store_cert *cert = NULL;
    int ok = read_serial(exchange, &names);

    if (ok) {
        cert = store_cert_issued(exchange->server->store, exchange->entry->ca, names.serial);
        ok = cert != NULL ? reply_certificate(exchange, cert->id)
                          : fail(exchange, SCEP_BAD_CERT_ID, "there is no such certificate");
    }
    store_cert_free(cert);
    scep_names_clear(&names);
    return ok;
}

static int get_crl(struct exchange *exchange)
{
    STACK_OF(X509) *none = sk_X509_new_null();
    struct scep_names names = {0};
    unsigned char *der = NULL;
    const unsigned char *p;
    int64_t next_update;
    size_t len = 0;
    X509_CRL *crl = NULL;
    int ok = read_serial(exchange, &names) && none != NULL &&
             store_crl_of(exchange->server->store, exchange->entry->ca, &der, &len, &next_update);

    if (ok) {
        p = der;
        crl = der != NULL ? d2i_X509_CRL(NULL, &p, (long)len) : NULL;
        ok = crl != NULL ? reply_with(exchange, none, crl)
                         : fail(exchange, SCEP_BAD_CERT_ID, "the CA has no CRL");
    }
    X509_CRL_free(crl);
    OPENSSL_free(der);
    sk_X509_free(none);
    scep_names_clear(&names);
    return ok;
}

/* ---- dispatch ---- */

static const struct {
    enum scep_type type;
    int (*run)(struct exchange *exchange);
} operations[] = {
    {SCEP_PKCS_REQ, enrol},    {SCEP_RENEWAL_REQ, enrol}, {SCEP_CERT_POLL, poll},
    {SCEP_GET_CERT, get_cert}, {SCEP_GET_CRL, get_crl},
};

static int run(struct exchange *exchange)
{
    size_t i;

    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (operations[i].type == exchange->message.type)
            return operations[i].run(exchange);
    }
    return scep_fail(&exchange->error, SCEP_BAD_REQUEST, "a %s is nothing to ask for",
                     scep_type_name(exchange->message.type));
}

/* What the reply takes from the message: whose it is, and what the client understands. */
static void begin_reply(struct exchange *exchange)
{
    struct scep_message *reply = &exchange->reply;
    const struct scep_message *message = &exchange->message;
    int is_sha2 = *message->digest != '\0' && strcmp(message->digest, "SHA1") != 0;

    *reply = (struct scep_message){.type = SCEP_CERT_REP, .fail_info = SCEP_NO_FAIL_INFO};
    OPENSSL_strlcpy(reply->transaction_id, message->transaction_id, sizeof(reply->transaction_id));
    memcpy(reply->recipient_nonce, message->sender_nonce, SCEP_NONCE_SIZE);
    reply->has_recipient_nonce = message->has_sender_nonce;
    RAND_bytes(reply->sender_nonce, SCEP_NONCE_SIZE);
    OPENSSL_strlcpy(reply->digest, is_sha2 ? message->digest : "SHA256", sizeof(reply->digest));
    OPENSSL_strlcpy(reply->cipher,
                    *message->cipher != '\0' && strcmp(message->cipher, "DES-CBC") != 0 ? message->cipher
                                                                                        : "AES-128-CBC",
                    sizeof(reply->cipher));
}

static void set_failure(struct exchange *exchange)
{
    struct scep_message *reply = &exchange->reply;
    enum scep_type type = exchange->message.type;
    const char *text;

    scep_log(exchange->server, exchange->request, exchange->entry, "%s refused: %s",
             type != 0 ? scep_type_name(type) : "message", exchange->error.text);
    OPENSSL_free(reply->content);
    reply->content = NULL;
    reply->content_len = 0;
    reply->status = SCEP_FAILURE;
    reply->fail_info = exchange->error.fail_info;
    text = exchange->is_unreadable ? "what is encrypted can't be read" : exchange->error.text;
    /* Whose blocks these are is not known, and a name can be made of them: no difference here either. */
    if ((type == SCEP_GET_CERT || type == SCEP_GET_CRL) &&
        (exchange->is_unreadable || reply->fail_info == SCEP_BAD_CERT_ID)) {
        reply->fail_info = SCEP_BAD_CERT_ID;
        text = "there is no such certificate or CRL";
    }
    OPENSSL_strlcpy(reply->fail_text, text, sizeof(reply->fail_text));
}

/* What is encrypted, as far as it is needed. A poll is known by its attributes, which are signed: what is in
 * it is not even decrypted. How large it is can be seen from outside; what it is once decrypted must not be
 * told.
 */
static int read_content(struct exchange *exchange, CMS_ContentInfo *enveloped, X509 *x509, EVP_PKEY *key)
{
    const struct scep_algorithms algorithms = {exchange->entry->allow_3des, exchange->entry->allow_des};
    struct scep_message *message = &exchange->message;

    if (enveloped != NULL && i2d_CMS_ContentInfo(enveloped, NULL) > ENVELOPE_MAX)
        return fail(exchange, SCEP_BAD_REQUEST, "the request is too large");
    if (message->type == SCEP_CERT_POLL)
        return scep_take_cipher(enveloped, &algorithms, message, &exchange->error);
    if (scep_decrypt(exchange->server->libctx, enveloped, x509, key, &algorithms, message, &exchange->error))
        return 1;
    exchange->is_unreadable = exchange->error.fail_info == SCEP_BAD_MESSAGE_CHECK;
    return 0;
}

void scep_pki_operation(struct scep_server *server, const struct scep_entry *entry,
                        const struct front_request *request, const unsigned char *der, size_t len,
                        struct front_response *response)
{
    struct exchange exchange = {.server = server, .entry = entry, .request = request};
    int64_t own = entry->ra != 0 ? entry->ra : entry->ca;
    CMS_ContentInfo *enveloped = NULL;
    X509 *x509 = NULL;
    EVP_PKEY *key = NULL;
    int ok;

    ok = scep_open(server->libctx, der, len, &exchange.message, &enveloped, &exchange.error);
    /* Without the client's own words there is nobody to answer. */
    if (!ok && *exchange.message.transaction_id == '\0') {
        scep_log(server, request, entry, "no message: %s", exchange.error.text);
        response->status = 400;
        goto out;
    }
    x509 = scep_cert_x509(server, own);
    key = store_key_pkey(server->store, NULL, own);
    if (x509 == NULL || key == NULL) {
        scep_log(server, request, entry, "refused: the certificate that answers has no key here");
        response->status = 503;
        goto out;
    }
    ok = ok && read_content(&exchange, enveloped, x509, key);
    begin_reply(&exchange);
    ok = ok && run(&exchange);
    if (!ok)
        set_failure(&exchange);
    if (scep_write(server->libctx, &exchange.reply, exchange.message.signer, x509, key, &response->body,
                   &response->len, &exchange.error)) {
        response->type = "application/x-pki-message";
    } else {
        scep_log(server, request, entry, "the reply can't be written: %s", exchange.error.text);
        response->status = 503;
    }
out:
    CMS_ContentInfo_free(enveloped);
    scep_message_clear(&exchange.message);
    scep_message_clear(&exchange.reply);
    EVP_PKEY_free(key);
    X509_free(x509);
}
