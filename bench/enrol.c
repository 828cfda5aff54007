// SPDX-License-Identifier: Apache-2.0
/*
 * signet-enrol URL PASSWORD CLIENTS COUNT: enrols COUNT times at a SCEP server, by so many clients at once,
 * and prints enrolments a second. What clients compute is done before and after that: requests are made
 * (AES-128, SHA-256, RSA-2048), then sent, then each answer is decrypted, and must have a certificate for its
 * request's key. Servers limit what an address may ask; here as in life, no device enrols more than a few
 * times.
 */
#include "tools/scep/client_private.h"
#include "tools/scep/scep.h"

#include <curl/curl.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEYS        4
#define A_DEVICE    20 /* enrolments from one address */
#define ADDRESSES   200
#define CLIENTS_MAX 64

static struct owner {
    EVP_PKEY *key;
    X509 *x509; /* by itself: what it signs requests with */
} owners[KEYS];

static struct enrolment {
    unsigned char *der;
    size_t len;
    unsigned char nonce[SCEP_NONCE_SIZE];
    struct scep_body reply;
} * enrolments;

static const char *url;
static char *post_url;
static int count;
static atomic_int next;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "signet-enrol: %s\n", what);
    exit(1);
}

static void on_error(void *arg, const char *text)
{
    (void)arg;
    die(text);
}

static int is_good(void *arg, X509 *x509)
{
    (void)arg;
    (void)x509;
    return 1;
}

static int never(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- before: keys and requests ---- */

static void make_owner(struct owner *owner)
{
    X509_NAME *name;

    owner->key = EVP_RSA_gen(2048);
    owner->x509 = X509_new();
    name = X509_get_subject_name(owner->x509);
    if (owner->key == NULL || !X509_set_version(owner->x509, X509_VERSION_3) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"device", -1, -1, 0) ||
        !X509_set_issuer_name(owner->x509, name) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(owner->x509), 1) ||
        X509_gmtime_adj(X509_getm_notBefore(owner->x509), -3600) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(owner->x509), 86400) == NULL ||
        !X509_set_pubkey(owner->x509, owner->key) || X509_sign(owner->x509, owner->key, EVP_sha256()) <= 0)
        die("no key");
}

static void make_request(struct scep_client *client, int number, const char *password)
{
    const struct owner *owner = &owners[number % KEYS];
    struct enrolment *enrolment = &enrolments[number];
    struct scep_message message = {.type = SCEP_PKCS_REQ, .digest = "SHA256", .cipher = "AES-128-CBC"};
    X509_REQ *csr = X509_REQ_new();
    struct scep_error error;
    unsigned char id[16];
    char cn[64];
    int len, i;

    /* Another name and transaction each time, in each run. */
    RAND_bytes(id, sizeof(id));
    RAND_bytes(message.sender_nonce, sizeof(message.sender_nonce));
    for (i = 0; i < 16; i++)
        snprintf(message.transaction_id + (size_t)2 * i, 3, "%02X", id[i]);
    snprintf(cn, sizeof(cn), "device-%.12s", message.transaction_id);
    if (!X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(csr), "CN", MBSTRING_ASC,
                                    (const unsigned char *)cn, -1, -1, 0) ||
        !X509_REQ_set_pubkey(csr, owner->key) ||
        !X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                   (const unsigned char *)password, -1) ||
        X509_REQ_sign(csr, owner->key, EVP_sha256()) <= 0 || (len = i2d_X509_REQ(csr, &message.content)) <= 0)
        die("no request");
    message.content_len = (size_t)len;
    memcpy(enrolment->nonce, message.sender_nonce, SCEP_NONCE_SIZE);
    if (!scep_write(NULL, &message, client->recipient, owner->x509, owner->key, &enrolment->der,
                    &enrolment->len, &error))
        die(error.text);
    OPENSSL_free(message.content);
    X509_REQ_free(csr);
}

/* ---- what is measured: requests go, answers come ---- */

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    struct scep_body *body = arg;
    unsigned char *bigger = OPENSSL_realloc(body->data, body->len + size * n);

    if (bigger == NULL)
        return 0;
    memcpy(bigger + body->len, data, size * n);
    body->data = bigger;
    body->len += size * n;
    return size * n;
}

static void *run_client(void *arg)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-pki-message");
    CURL *curl = curl_easy_init();
    char address[32], why[CURL_ERROR_SIZE] = "";
    long status = 0;
    int i;

    (void)arg;
    curl_easy_setopt(curl, CURLOPT_URL, post_url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    while ((i = atomic_fetch_add(&next, 1)) < count) {
        struct enrolment *enrolment = &enrolments[i];

        snprintf(address, sizeof(address), "127.0.1.%d", 1 + i / A_DEVICE % ADDRESSES);
        curl_easy_setopt(curl, CURLOPT_INTERFACE, address);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, enrolment->der);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)enrolment->len);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &enrolment->reply);
        if (curl_easy_perform(curl) != CURLE_OK)
            die(why);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (status != 200)
            die("a status of HTTP that is not 200");
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return NULL;
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double run_clients(int clients)
{
    pthread_t threads[CLIENTS_MAX];
    double begin = now();
    int i;

    for (i = 0; i < clients; i++) {
        if (pthread_create(&threads[i], NULL, run_client, NULL) != 0)
            die("no thread");
    }
    for (i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    return now() - begin;
}

/* ---- after: the answers ---- */

/* Returns 0 if the server has refused. */
static int check_answer(int number)
{
    const struct owner *owner = &owners[number % KEYS];
    const struct enrolment *enrolment = &enrolments[number];
    struct scep_algorithms algorithms = {.allow_3des = 1, .allow_des = 1};
    CMS_ContentInfo *enveloped = NULL;
    struct scep_message reply;
    struct scep_error error = {0};
    STACK_OF(X509) * list;
    int i, found = 0;

    if (!scep_open(NULL, enrolment->reply.data, enrolment->reply.len, &reply, &enveloped, &error))
        die(error.text);
    if (reply.status != SCEP_SUCCESS)
        return 0;
    if (memcmp(reply.recipient_nonce, enrolment->nonce, SCEP_NONCE_SIZE) != 0)
        die("an answer to another request");
    if (!scep_decrypt(NULL, enveloped, owner->x509, owner->key, &algorithms, &reply, &error))
        die(error.text);
    list = scep_read_certificates(NULL, reply.content, reply.content_len, NULL);
    for (i = 0; i < sk_X509_num(list); i++)
        found |= EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(list, i)), owner->key) == 1;
    if (!found)
        die("an answer without a certificate for the key");
    sk_X509_pop_free(list, X509_free);
    CMS_ContentInfo_free(enveloped);
    scep_message_clear(&reply);
    return 1;
}

int main(int argc, char **argv)
{
    struct scep_client_config config = {
        .is_good = is_good, .is_good_ra = is_good, .error = on_error, .is_cancelled = never};
    struct scep_client *client;
    int clients = argc == 5 ? atoi(argv[3]) : 0, enrolled = 0, i;
    size_t size;
    double seconds;

    count = argc == 5 ? atoi(argv[4]) : 0;
    if (clients < 1 || clients > CLIENTS_MAX || count < clients)
        die("usage: signet-enrol URL PASSWORD CLIENTS COUNT");
    config.url = url = argv[1];
    size = strlen(url) + sizeof("?operation=PKIOperation");
    post_url = OPENSSL_malloc(size);
    enrolments = OPENSSL_zalloc((size_t)count * sizeof(*enrolments));
    client = scep_client_new(&config);
    if (post_url == NULL || enrolments == NULL || client == NULL || !scep_client_look(client))
        die("no server");
    snprintf(post_url, size, "%s?operation=PKIOperation", url);
    for (i = 0; i < KEYS; i++)
        make_owner(&owners[i]);
    for (i = 0; i < count; i++)
        make_request(client, i, argv[2]);
    seconds = run_clients(clients);
    for (i = 0; i < count; i++)
        enrolled += check_answer(i);
    printf("%.1f %d\n", enrolled / seconds, count - enrolled);
    return 0;
}
