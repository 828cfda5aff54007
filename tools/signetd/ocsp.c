// SPDX-License-Identifier: Apache-2.0
/*
 * The OCSP responder. The CA signs itself (RFC 6960 section 4.2.2.2), which may take a TPM its time: so an
 * answer is signed once an hour for each certificate and status, nonces are not repeated (RFC 5019 section
 * 4), and about certificates that are not here "unauthorized" is said, which nobody signs. As anybody can put
 * the same certificates into ever new questions, there are few ways to ask for one, and new answers about
 * many are signed once a second.
 */
#include "ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define SINGLES_MAX  8
#define CACHED       256 /* answers about one certificate */
#define CACHED_MANY  16  /* about many */
#define MANY_AT_ONCE 8   /* of these, signed at once; then one a second */
#define VALID_S      86400
#define EARLY_S      300 /* clocks differ */

/* ---- answers that were signed ---- */

struct cached {
    unsigned char key[32]; /* make_key */
    time_t signed_at;
    unsigned char *der;
    size_t len;
};

struct ocsp_cache {
    unsigned char secret[16]; /* nobody can choose questions that share a place */
    pthread_mutex_t lock;
    struct cached cached[CACHED + CACHED_MANY];
    time_t many_at; /* when many_left was counted */
    int many_left;  /* answers about many that may be signed, one more each second */
};

struct ocsp_cache *ocsp_cache_new(void)
{
    struct ocsp_cache *cache = OPENSSL_zalloc(sizeof(*cache));

    if (cache != NULL && RAND_bytes(cache->secret, sizeof(cache->secret)) != 1) {
        OPENSSL_free(cache);
        cache = NULL;
    }
    if (cache != NULL)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void ocsp_cache_free(struct ocsp_cache *cache)
{
    size_t i;

    if (cache == NULL)
        return;
    for (i = 0; i < CACHED + CACHED_MANY; i++)
        OPENSSL_free(cache->cached[i].der);
    pthread_mutex_destroy(&cache->lock);
    OPENSSL_free(cache);
}

/* Where a key's answer is, or would be: its first byte says so. */
static struct cached *place_of(struct ocsp_cache *cache, int count, const unsigned char key[32])
{
    return count == 1 ? &cache->cached[key[0] % CACHED] : &cache->cached[CACHED + key[0] % CACHED_MANY];
}

static int find(struct ocsp_cache *cache, int count, const unsigned char key[32], unsigned char **der,
                size_t *len)
{
    struct cached *cached = place_of(cache, count, key);
    time_t now = time(NULL);
    int is_found;

    pthread_mutex_lock(&cache->lock);
    is_found = cached->der != NULL && memcmp(cached->key, key, 32) == 0 && now >= cached->signed_at &&
               now - cached->signed_at < OCSP_MAX_AGE &&
               (*der = OPENSSL_memdup(cached->der, cached->len)) != NULL;
    if (is_found)
        *len = cached->len;
    pthread_mutex_unlock(&cache->lock);
    return is_found;
}

static void keep(struct ocsp_cache *cache, int count, const unsigned char key[32], const unsigned char *der,
                 size_t len)
{
    struct cached *cached = place_of(cache, count, key);
    unsigned char *copy = OPENSSL_memdup(der, len);

    if (copy == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    OPENSSL_free(cached->der);
    *cached = (struct cached){.signed_at = time(NULL), .der = copy, .len = len};
    memcpy(cached->key, key, 32);
    pthread_mutex_unlock(&cache->lock);
}

/* May one more be signed now? */
static int is_turn(struct ocsp_cache *cache, int count)
{
    time_t now = time(NULL);
    int is;

    if (count == 1)
        return 1;
    pthread_mutex_lock(&cache->lock);
    if (now < cache->many_at || now - cache->many_at >= MANY_AT_ONCE - cache->many_left)
        cache->many_left = MANY_AT_ONCE;
    else
        cache->many_left += (int)(now - cache->many_at);
    cache->many_at = now;
    is = cache->many_left > 0;
    cache->many_left -= is;
    pthread_mutex_unlock(&cache->lock);
    return is;
}

/* ---- what is asked for ---- */

struct single {
    OCSP_CERTID *id; /* the request's */
    enum store_status status;
    int64_t revoked_at;
    char reason[32];
};

struct question {
    struct store *store;
    struct single singles[SINGLES_MAX];
    int count;
    int64_t ca; /* that all are of */
    X509 *x509; /* its certificate */
};

/* The digest that an id is made with, if it is one that clients use, and has no parameters: with any digest
 * and any parameters there would be no end of ids for one certificate. */
static const EVP_MD *md_of(OCSP_CERTID *id)
{
    unsigned char *der = NULL;
    const unsigned char *p;
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *name = NULL;
    int n = i2d_OCSP_CERTID(id, &der), nid = NID_undef, type = V_ASN1_UNDEF, tag, class;
    long len;

    /* OpenSSL gives out the name alone; the whole is the first in the SEQUENCE (RFC 6960 section 4.1.1). */
    p = der;
    if (n > 0 && !(ASN1_get_object(&p, &len, &tag, &class, n) & 0x80))
        algorithm = d2i_X509_ALGOR(NULL, &p, len);
    if (algorithm != NULL) {
        X509_ALGOR_get0(&name, &type, NULL, algorithm);
        nid = OBJ_obj2nid(name);
    }
    X509_ALGOR_free(algorithm);
    OPENSSL_free(der);
    if (type != V_ASN1_UNDEF && type != V_ASN1_NULL)
        return NULL;
    return nid == NID_sha1     ? EVP_sha1()
           : nid == NID_sha256 ? EVP_sha256()
           : nid == NID_sha384 ? EVP_sha384()
           : nid == NID_sha512 ? EVP_sha512()
                               : NULL;
}

static int is_issuer(OCSP_CERTID *id, X509 *x509)
{
    const EVP_MD *md = md_of(id);
    OCSP_CERTID *ours;
    int is;

    if (md == NULL)
        return 0;
    ours = OCSP_cert_id_new(md, X509_get_subject_name(x509), X509_get0_pubkey_bitstr(x509), NULL);
    is = ours != NULL && OCSP_id_issuer_cmp(id, ours) == 0;
    OCSP_CERTID_free(ours);
    return is;
}

/* Takes the CA if it has issued all that is asked for. */
static int try_ca(void *arg, struct store_cert *ca)
{
    struct question *question = arg;
    X509 *x509 = store_cert_cached(question->store, ca);
    int i, is_it = x509 != NULL;

    for (i = 0; is_it && i < question->count; i++) {
        struct single *single = &question->singles[i];
        ASN1_INTEGER *serial = NULL;

        OCSP_id_get0_info(NULL, NULL, NULL, &serial, single->id);
        is_it = ASN1_STRING_type(serial) == V_ASN1_INTEGER && is_issuer(single->id, x509);
        if (is_it)
            single->status =
                store_cert_status(question->store, ca->id, serial, &single->revoked_at, single->reason);
        is_it = is_it && (single->status == STORE_STATUS_GOOD || single->status == STORE_STATUS_REVOKED);
    }
    if (is_it) {
        question->ca = ca->id;
        question->x509 = x509;
        return 0;
    }
    X509_free(x509);
    return 1;
}

/* SHA-256 of the CA, the certificates and what is said of them. */
static int make_key(const struct ocsp_cache *cache, const struct question *question, unsigned char key[32])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int i, ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(md, cache->secret, sizeof(cache->secret)) &&
                EVP_DigestUpdate(md, &question->ca, sizeof(question->ca));

    for (i = 0; ok && i < question->count; i++) {
        const struct single *single = &question->singles[i];
        unsigned char *der = NULL;
        int len = i2d_OCSP_CERTID(single->id, &der);

        ok = len > 0 && EVP_DigestUpdate(md, der, (size_t)len) &&
             EVP_DigestUpdate(md, &single->status, sizeof(single->status)) &&
             EVP_DigestUpdate(md, &single->revoked_at, sizeof(single->revoked_at));
        OPENSSL_free(der);
    }
    ok = ok && EVP_DigestFinal_ex(md, key, NULL);
    EVP_MD_CTX_free(md);
    return ok;
}

/* ---- answers ---- */

static int reason_code(const char *reason)
{
    /* RFC 5280 section 5.3.1, in the order of store_revocation_reasons. */
    static const int codes[] = {OCSP_REVOKED_STATUS_UNSPECIFIED,  OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                OCSP_REVOKED_STATUS_CACOMPROMISE, OCSP_REVOKED_STATUS_AFFILIATIONCHANGED,
                                OCSP_REVOKED_STATUS_SUPERSEDED,   OCSP_REVOKED_STATUS_CESSATIONOFOPERATION};
    size_t i;

    for (i = 1; store_revocation_reasons[i] != NULL; i++) {
        if (strcmp(reason, store_revocation_reasons[i]) == 0)
            return codes[i];
    }
    return OCSP_REVOKED_STATUS_NOSTATUS;
}

static int add_singles(OCSP_BASICRESP *basic, const struct question *question)
{
    time_t now = time(NULL);
    ASN1_TIME *from = ASN1_TIME_adj(NULL, now, 0, -EARLY_S), *to = ASN1_TIME_adj(NULL, now, 0, VALID_S);
    int i, ok = from != NULL && to != NULL;

    for (i = 0; ok && i < question->count; i++) {
        const struct single *single = &question->singles[i];
        int is_revoked = single->status == STORE_STATUS_REVOKED;
        ASN1_TIME *when = is_revoked ? ASN1_TIME_set(NULL, (time_t)single->revoked_at) : NULL;

        ok = (!is_revoked || when != NULL) &&
             OCSP_basic_add1_status(basic, single->id,
                                    is_revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
                                    is_revoked ? reason_code(single->reason) : OCSP_REVOKED_STATUS_NOSTATUS,
                                    when, from, to) != NULL;
        ASN1_TIME_free(when);
    }
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return ok;
}

/* SHA-256, unless the key has no choice: an Ed25519 key takes none. */
static const EVP_MD *md_for(EVP_PKEY *pkey)
{
    char name[80] = "";

    if (EVP_PKEY_get_default_digest_name(pkey, name, sizeof(name)) != 2)
        return EVP_sha256();
    return strcmp(name, "UNDEF") == 0 ? NULL : EVP_get_digestbyname(name);
}

/* The answer that is signed; NULL: it can't be. */
static OCSP_RESPONSE *sign(const struct question *question)
{
    EVP_PKEY *pkey = store_key_pkey(question->store, NULL, question->ca);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_RESPONSE *response = NULL;

    if (pkey != NULL && basic != NULL && add_singles(basic, question) &&
        OCSP_basic_sign(basic, question->x509, pkey, md_for(pkey), NULL, OCSP_NOCERTS | OCSP_RESPID_KEY))
        response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    OCSP_BASICRESP_free(basic);
    EVP_PKEY_free(pkey);
    return response;
}

static int answer_signed(struct ocsp_cache *cache, const struct question *question, unsigned char **der,
                         size_t *len)
{
    unsigned char key[32];
    OCSP_RESPONSE *response;
    int n;

    if (!make_key(cache, question, key))
        return 0;
    if (find(cache, question->count, key, der, len))
        return 1;
    if (!is_turn(cache, question->count))
        return 0;
    response = sign(question);
    n = response != NULL ? i2d_OCSP_RESPONSE(response, der) : -1;
    OCSP_RESPONSE_free(response);
    if (n <= 0)
        return 0;
    *len = (size_t)n;
    keep(cache, question->count, key, *der, *len);
    return 1;
}

/* RFC 6960 section 4.2.1: what is not signed says only why. */
static int answer_status(int status, unsigned char **der, size_t *len)
{
    OCSP_RESPONSE *response = OCSP_response_create(status, NULL);
    int n = response != NULL ? i2d_OCSP_RESPONSE(response, der) : -1;

    OCSP_RESPONSE_free(response);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

int ocsp_answer(struct ocsp_cache *cache, struct store *store, const unsigned char *request, size_t len,
                unsigned char **der, size_t *der_len, int *is_signed)
{
    struct question question = {.store = store};
    const unsigned char *p = request;
    OCSP_REQUEST *asked = len <= OCSP_REQUEST_MAX ? d2i_OCSP_REQUEST(NULL, &p, (long)len) : NULL;
    int i, status = OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, ok = 0;

    *der = NULL;
    *is_signed = 0;
    question.count = asked != NULL && p == request + len ? OCSP_request_onereq_count(asked) : 0;
    if (question.count > 0 && question.count <= SINGLES_MAX) {
        for (i = 0; i < question.count; i++)
            question.singles[i].id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(asked, i));
        status = OCSP_RESPONSE_STATUS_UNAUTHORIZED;
        if (!store_cert_each(store, &(struct store_query){.is_local_ca = 1}, try_ca, &question))
            status = OCSP_RESPONSE_STATUS_TRYLATER;
        else if (question.x509 != NULL) {
            *is_signed = answer_signed(cache, &question, der, der_len);
            status = OCSP_RESPONSE_STATUS_TRYLATER;
        }
    }
    ok = *is_signed || answer_status(status, der, der_len);
    X509_free(question.x509);
    OCSP_REQUEST_free(asked);
    ERR_clear_error();
    return ok;
}
