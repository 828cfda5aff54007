// SPDX-License-Identifier: Apache-2.0
/* One run for an entry: the CA is looked at, a request made or polled for, what is issued put in its place.
 */
#include "enrolment_private.h"
#include "private.h"

#include "tools/renewal/renewal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_AGAIN   60    /* seconds between polls of what is pending */
#define PENDING_MOST 86400 /* after which a new request is made */
#define CHAIN_MAX    8     /* certificates above the one that is issued */
#define LOOK_AGAIN   86400 /* seconds between looks for the CA's successor */

static unsigned jitter(void)
{
    unsigned char bytes[2] = {0};

    return RAND_bytes(bytes, sizeof(bytes)) == 1 ? (unsigned)bytes[0] << 8 | bytes[1] : 0;
}

/* ---- the CA ---- */

static void fingerprint(struct enrol_run *run, X509 *x509, char hex[65])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned len = 0, i;

    (void)run;
    hex[0] = '\0';
    if (X509_digest(x509, EVP_sha256(), md, &len)) {
        for (i = 0; i < 32; i++)
            snprintf(hex + (size_t)2 * i, 3, "%02x", md[i]);
    }
}

/* Equal but for case and colons. */
static int same_fingerprint(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == ':')
            a++;
        while (*b == ':')
            b++;
        if (*a == '\0' || *b == '\0')
            return *a == *b;
        if ((*a | 0x20) != (*b | 0x20))
            return 0;
    }
}

/* Section 4.2: the fingerprint is compared, with what the user has got another way, or by trust in the store.
 */
static int is_good(void *arg, X509 *ca)
{
    struct enrol_run *run = arg;
    struct store_cert *here;
    unsigned char *der = NULL;
    int len = i2d_X509(ca, &der), is_trusted;

    fingerprint(run, ca, run->seen);
    here = len > 0 ? store_cert_find(run->host->store, der, (size_t)len) : NULL;
    is_trusted = here != NULL && here->is_trusted;
    store_cert_free(here);
    OPENSSL_free(der);
    if (*run->pinned != '\0' ? same_fingerprint(run->pinned, run->seen) : is_trusted)
        return 1;
    if (*run->pinned != '\0' && enrol_is(run, "next-ca-fingerprint", "", run->seen))
        return 1; /* the pinned one has signed that it follows */
    if (*run->pinned != '\0')
        return enrol_raise(run, "the CA's fingerprint is %s, and ca-fingerprint is another: not used",
                           run->seen);
    return enrol_raise(run,
                       "the CA's fingerprint is %s: compare it with what the CA's owner says, and give it as "
                       "ca-fingerprint=, or import the CA and set trusted=yes",
                       run->seen);
}

/* An RA reads the password: its certificate is compared, too. */
static int is_good_ra(void *arg, X509 *ra)
{
    struct enrol_run *run = arg;
    char *wanted = enrol_get(run, "ra-fingerprint", ""), seen[65];
    int is = wanted != NULL && *wanted != '\0';

    fingerprint(run, ra, seen);
    if (is && !(is = same_fingerprint(wanted, seen)))
        enrol_raise(run, "the RA's fingerprint is %s, and ra-fingerprint is another: not used", seen);
    else if (!is)
        enrol_raise(run,
                    "an RA answers for the CA, which its certificate does not say; its fingerprint is %s: "
                    "compare it with what the CA's owner says, and give it as ra-fingerprint=",
                    seen);
    OPENSSL_free(wanted);
    return is;
}

static void on_error(void *arg, const char *text)
{
    enrol_raise(arg, "%s", text);
}

static int is_cancelled(void *arg)
{
    struct enrol_run *run = arg;

    return run->host->is_cancelled(run->host->arg);
}

static int open_client(struct enrol_run *run, char **url, char **identity)
{
    *url = enrol_get(run, "scep-url", "");
    *identity = enrol_get(run, "ca-identity", "");
    snprintf(run->bundle, sizeof(run->bundle), "%.4000s/trust/fetch/bundle.pem",
             store_home(run->host->store));
    run->client = scep_client_new(&(struct scep_client_config){
        .libctx = run->host->libctx,
        .url = *url,
        .ca_identity = **identity != '\0' ? *identity : NULL,
        .ca_file = run->bundle,
        .allow_des = enrol_is(run, "allow-des", "no", "yes"),
        .is_good = is_good,
        .is_good_ra = is_good_ra,
        .error = on_error,
        .is_cancelled = is_cancelled,
        .arg = run,
    });
    return run->client != NULL && scep_client_look(run->client);
}

/* ---- the request ---- */

static X509 *own_x509(struct enrol_run *run)
{
    const unsigned char *p = run->certificate->der;
    X509 *x509 = p != NULL ? X509_new_ex(run->host->libctx, NULL) : NULL;

    if (x509 != NULL && d2i_X509(&x509, &p, (long)run->certificate->der_len) == NULL)
        x509 = NULL;
    ERR_clear_error();
    return x509;
}

static int prepare_key(struct enrol_run *run)
{
    char *size = enrol_get(run, "key-size", MANAGED_KEY_SIZE),
         *custody = enrol_get(run, "custody", MANAGED_CUSTODY);
    int here = store_key_is_here(run->host->store, run->key),
        ok = here == 1 || (here == 0 && store_key_make(run->host->store, run->key, size,
                                                       *custody != '\0' ? custody : MANAGED_CUSTODY, NULL));

    OPENSSL_free(size);
    OPENSSL_free(custody);
    return ok;
}

static X509 *issuer_among(const STACK_OF(X509) * list, X509 *x509)
{
    int i;

    for (i = 0; i < sk_X509_num(list); i++) {
        X509 *issuer = sk_X509_value(list, i);

        if (X509_check_ca(issuer) > 0 && scep_has_signed(issuer, x509))
            return issuer;
    }
    return NULL;
}

/* The certificate and those above it, of what the server has sent; nothing else of that. */
static char *pem_of(const struct scep_answer *answer, const STACK_OF(X509) * chain)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *x509 = answer->certificate, *issuer;
    char *data = NULL, *pem = NULL;
    int depth, ok = bio != NULL && PEM_write_bio_X509(bio, x509);

    for (depth = 0; ok && depth < CHAIN_MAX; depth++, x509 = issuer) {
        issuer = issuer_among(chain, x509);
        if (issuer == NULL)
            issuer = issuer_among(answer->others, x509);
        if (issuer == NULL || X509_cmp(issuer, x509) == 0)
            break;
        ok = PEM_write_bio_X509(bio, issuer);
    }
    if (ok) {
        long len = BIO_get_mem_data(bio, &data);

        pem = OPENSSL_strndup(data, (size_t)len);
    }
    BIO_free(bio);
    return pem;
}

/* Is the certificate really the CA's? Its name for the request is checked by the store. */
static int is_issued_by_ca(struct enrol_run *run, X509 *x509)
{
    return scep_has_signed(scep_client_get0_ca(run->client), x509) ||
           enrol_raise(run, "the certificate that came is not the CA's");
}

static int install(struct enrol_run *run, const struct scep_answer *answer)
{
    struct store *store = run->host->store;
    char *pem = is_issued_by_ca(run, answer->certificate)
                    ? pem_of(answer, scep_client_get0_chain(run->client))
                    : NULL;
    struct store_cert *cert;
    int64_t when;
    int ok = pem != NULL && store_begin(store);

    if (ok) {
        ok = store_enrol_install(store, run->certificate, run->certificate->id, run->key, pem);
        cert = ok ? store_cert_get(store, &(struct store_query){.id = run->certificate->id}) : NULL;
        when = cert != NULL ? managed_renewal_time(cert->not_before, cert->not_after,
                                                   (unsigned)strtoul(SCEP_RENEW_PERCENT, NULL, 10), jitter())
                            : 0;
        ok = cert != NULL && enrol_set(run, "scep-status", SCEP_STATUS_ISSUED) &&
             enrol_set(run, "last-error", "") && enrol_set(run, "transaction-id", "") &&
             enrol_set(run, "requested", "") && enrol_set(run, "failures", "") &&
             enrol_set(run, "next-try", "") && enrol_set_number(run, "renew-at", when) &&
             enrol_set_number(run, "next-look", (int64_t)time(NULL) + LOOK_AGAIN) &&
             enrol_set(run, "ca-fingerprint", run->seen) &&
             (!enrol_is(run, "next-ca-fingerprint", "", run->seen) ||
              enrol_set(run, "next-ca-fingerprint", "")) &&
             /* It was for one enrolment; a renewal is signed with the old key. */
             enrol_set(run, "challenge-password", "") &&
             store_log(store, "scep,info", "scep: certificate %s obtained", cert->text[STORE_NAME]);
        store_cert_free(cert);
        ok = store_end(store, ok);
    }
    OPENSSL_free(pem);
    return ok;
}

static int note_pending(struct enrol_run *run, const char *transaction_id)
{
    struct store *store = run->host->store;
    int64_t now = (int64_t)time(NULL), since = enrol_get_number(run, "requested");

    return store_begin(store) &&
           store_end(store, enrol_set(run, "scep-status", SCEP_STATUS_PENDING) &&
                                enrol_set(run, "last-error", "") && enrol_set(run, "failures", "") &&
                                enrol_set(run, "transaction-id", transaction_id) &&
                                enrol_set_number(run, "requested", since != 0 ? since : now) &&
                                enrol_set_number(run, "next-try", now + POLL_AGAIN));
}

static void note_failure(struct enrol_run *run)
{
    struct store *store = run->host->store;
    unsigned failures = (unsigned)enrol_get_number(run, "failures") + 1;

    if (!store_begin(store))
        return;
    store_end(
        store,
        enrol_set(run, "scep-status", SCEP_STATUS_FAILED) &&
            enrol_set(run, "last-error", *run->error != '\0' ? run->error : "see the messages of that try") &&
            enrol_set(run, "transaction-id", "") && enrol_set(run, "requested", "") &&
            enrol_set_number(run, "failures", failures) &&
            enrol_set_number(run, "next-try", (int64_t)time(NULL) + managed_backoff(failures, jitter())) &&
            store_log(store, "scep,error", "scep: certificate %s: %.400s", run->certificate->text[STORE_NAME],
                      run->error));
}

/* Has the CA that issued the certificate signed that this one follows it? */
static int is_successor(struct enrol_run *run)
{
    return enrol_is(run, "next-ca-fingerprint", "", run->seen);
}

/* With the old certificate's signature, if it is given. Not every CA takes that of the CA before it: then as
 * somebody new, who has to wait. */
static int request_certificate(struct enrol_run *run, const unsigned char *csr, size_t len, EVP_PKEY *key,
                               X509 *old, EVP_PKEY *old_key, const char *transaction_id,
                               struct scep_answer *answer)
{
    if (old_key == NULL)
        return scep_client_request(run->client, csr, len, key, NULL, NULL, transaction_id, answer);
    if (scep_client_request(run->client, csr, len, key, old, old_key, transaction_id, answer))
        return 1;
    if (!is_successor(run))
        return 0;
    scep_answer_clear(answer);
    return scep_client_request(run->client, csr, len, key, NULL, NULL, transaction_id, answer);
}

/* A poll of what is pending, or a request. */
static int ask(struct enrol_run *run, EVP_PKEY *key, const char *transaction_id, struct scep_answer *answer)
{
    char *challenge = enrol_get(run, "challenge-password", ""),
         *before = enrol_get(run, "transaction-id", "");
    struct store_enrol_options options = {.challenge = *challenge != '\0' ? challenge : NULL};
    X509 *old = own_x509(run);
    EVP_PKEY *old_key = NULL;
    unsigned char *csr = NULL;
    const unsigned char *p;
    X509_REQ *request = NULL;
    size_t len = 0;
    int is_poll = *before != '\0' && (int64_t)time(NULL) - enrol_get_number(run, "requested") < PENDING_MOST,
        ok;

    if (old != NULL) {
        options.like = run->certificate->id;
        if (scep_client_can_renew(run->client) &&
            (scep_has_signed(scep_client_get0_ca(run->client), old) ||
             (*challenge == '\0' && is_successor(run))) &&
            X509_cmp_current_time(X509_get0_notAfter(old)) > 0)
            old_key = store_key_pkey(run->host->store, NULL, run->certificate->id);
    }
    ok = store_enrol_request(run->host->store, run->certificate, run->certificate->id, run->key, &options,
                             &csr, &len);
    p = csr;
    if (ok && is_poll)
        request = d2i_X509_REQ(NULL, &p, (long)len);
    if (ok && is_poll)
        ok = request != NULL &&
             scep_client_poll(run->client, X509_REQ_get_subject_name(request), key, transaction_id, answer);
    else if (ok)
        ok = request_certificate(run, csr, len, key, old, old_key, transaction_id, answer);
    X509_REQ_free(request);
    OPENSSL_clear_free(csr, len); /* the password is in it */
    EVP_PKEY_free(old_key);
    X509_free(old);
    OPENSSL_free(before);
    OPENSSL_clear_free(challenge, strlen(challenge));
    return ok;
}

/* The CA's successor joins the store before it is needed (section 4.7), and will be believed. */
static void fetch_next_ca(struct enrol_run *run)
{
    struct store *store = run->host->store;
    STACK_OF(X509) * next;
    char hex[65];
    int i, ok;

    if (!scep_client_has_next_ca(run->client) || (next = scep_client_next_ca(run->client)) == NULL)
        return;
    if (store_begin(store)) {
        fingerprint(run, sk_X509_value(next, 0), hex);
        ok = enrol_set(run, "next-ca-fingerprint", hex);
        for (i = 0; ok && i < sk_X509_num(next); i++)
            ok = store_enrol_add_issuer(store, sk_X509_value(next, i));
        store_end(store, ok);
    }
    sk_X509_pop_free(next, X509_free);
}

/* Of the CA that is believed; if it has changed already, its successor's successor is of no use yet. */
void enrol_look(struct enrol_run *run)
{
    char *url = NULL, *identity = NULL;

    enrol_set_number(run, "next-look", (int64_t)time(NULL) + LOOK_AGAIN);
    if (open_client(run, &url, &identity) && same_fingerprint(run->pinned, run->seen))
        fetch_next_ca(run);
    scep_client_free(run->client);
    run->client = NULL;
    OPENSSL_free(identity);
    OPENSSL_free(url);
}

static int work(struct enrol_run *run, int *is_pending)
{
    char *url = NULL, *identity = NULL, transaction_id[65];
    struct scep_answer answer = {0};
    EVP_PKEY *key = NULL;
    int ok;

    ok = open_client(run, &url, &identity) && prepare_key(run) &&
         (key = store_key_pkey(run->host->store, run->key, 0)) != NULL &&
         (scep_transaction_id(run->host->libctx, key, transaction_id) || enrol_raise(run, "out of memory")) &&
         ask(run, key, transaction_id, &answer);
    if (ok && answer.status == SCEP_PENDING) {
        *is_pending = 1;
        ok = note_pending(run, transaction_id);
    } else if (ok) {
        ok = install(run, &answer);
        if (ok)
            fetch_next_ca(run);
    }
    scep_answer_clear(&answer);
    EVP_PKEY_free(key);
    scep_client_free(run->client);
    run->client = NULL;
    OPENSSL_free(identity);
    OPENSSL_free(url);
    return ok;
}

int enrol_begin(struct enrol_run *run, struct managed_host *host, int64_t id)
{
    char *name;

    *run = (struct enrol_run){.host = host, .id = id};
    enrol_name_key(run);
    run->pinned = enrol_get(run, "ca-fingerprint", "");
    name = enrol_get(run, "certificate", "");
    run->certificate =
        *name != '\0' ? store_cert_get(host->store, &(struct store_query){.name = name}) : NULL;
    OPENSSL_free(name);
    return run->certificate != NULL;
}

void enrol_end(struct enrol_run *run)
{
    store_cert_free(run->certificate);
    OPENSSL_free(run->pinned);
}

int scep_enrol_run(struct managed_host *host, int64_t id, int *is_pending)
{
    struct enrol_run run;
    int ok = 0;

    *is_pending = 0;
    if (!enrol_begin(&run, host, id))
        enrol_raise(&run, "the certificate of the SCEP entry is not there any more");
    else if (!(ok = work(&run, is_pending)))
        note_failure(&run);
    else if (!*is_pending)
        ok = renewal_deploy(host, run.menu, run.certificate->id);
    enrol_end(&run);
    return ok;
}
