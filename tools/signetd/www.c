// SPDX-License-Identifier: Apache-2.0
/* Who answers which path of the service www. */
#include "www.h"

#include "tools/http/networks.h"
#include "tools/renewal/renewal.h"
#include "tools/scep/server.h"
#include "tools/services.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX         256
#define AUTHORIZATION_MAX 512
#define CHALLENGES        "/.well-known/acme-challenge/"

struct www {
    struct scep_server scep;
    struct ocsp_cache *ocsp;
};

struct www *www_new(struct store *store, OSSL_LIB_CTX *libctx, struct ocsp_cache *cache)
{
    struct www *www = OPENSSL_zalloc(sizeof(*www));

    if (www != NULL) {
        www->scep.store = store;
        www->scep.libctx = libctx;
        www->ocsp = cache;
    }
    return www;
}

void www_free(struct www *www)
{
    OPENSSL_free(www);
}

static void answer(struct front_response *response, int status, const char *type, const void *body,
                   size_t len)
{
    OPENSSL_free(response->body);
    response->status = status;
    response->type = type;
    response->body = OPENSSL_memdup(body, len);
    response->len = response->body != NULL ? len : 0;
}

static void answer_text(struct front_response *response, int status, const char *text)
{
    answer(response, status, "text/plain", text, strlen(text));
}

/* N of "/crl/N.crl"; 0: it is none. */
static int64_t id_of(const char *path, const char *before, const char *after)
{
    size_t len = strlen(before);
    char *end = NULL;
    long long id;

    if (strncmp(path, before, len) != 0 || path[len] < '1' || path[len] > '9')
        return 0;
    errno = 0;
    id = strtoll(path + len, &end, 10);
    return errno == 0 && strcmp(end, after) == 0 ? id : 0;
}

/* ---- CRLs and certificates of CAs ---- */

static void answer_crl(struct www *www, int64_t ca, struct front_response *response)
{
    int64_t next_update = 0, left;

    if (!store_crl_of(www->scep.store, ca, &response->body, &response->len, &next_update)) {
        answer_text(response, 503, "the store can't be read\n");
        return;
    }
    if (response->body == NULL) {
        answer_text(response, 404, "no such CA has a CRL\n");
        return;
    }
    left = next_update - (int64_t)time(NULL);
    response->type = "application/pkix-crl";
    /* A revocation makes a new one at any time. */
    response->max_age = left <= 0 ? 0 : left < 600 ? (unsigned)left : 600;
}

static void answer_ca(struct www *www, int64_t id, struct front_response *response)
{
    struct store_cert *cert = store_cert_get(www->scep.store, &(struct store_query){.id = id});

    if (cert != NULL && cert->is_authority && cert->der != NULL) {
        answer(response, 200, "application/pkix-cert", cert->der, cert->der_len);
        response->max_age = OCSP_MAX_AGE;
    } else {
        answer_text(response, 404, "no such CA\n");
    }
    store_cert_free(cert);
}

/* ---- OCSP ---- */

static void answer_ocsp(struct www *www, const unsigned char *request, size_t len,
                        struct front_response *response)
{
    int is_signed = 0;

    if (!ocsp_answer(www->ocsp, www->scep.store, request, len, &response->body, &response->len, &is_signed)) {
        answer_text(response, 503, "out of memory\n");
        return;
    }
    response->type = "application/ocsp-response";
    response->max_age = is_signed ? OCSP_MAX_AGE : 0;
}

/* Base64 of the request, with escapes. */
static void answer_ocsp_get(struct www *www, const char *text, struct front_response *response)
{
    unsigned char der[OCSP_REQUEST_MAX + 3];
    size_t len = 0, pads;
    char *base64 = front_decode(text, strlen(text), &len);
    int n = -1;

    if (base64 != NULL && len > 0 && len % 4 == 0 && len <= OCSP_REQUEST_MAX / 3 * 4)
        n = EVP_DecodeBlock(der, (const unsigned char *)base64, (int)len);
    for (pads = 0; n > 0 && pads < 2 && base64[len - 1 - pads] == '='; pads++)
        n--;
    OPENSSL_free(base64);
    /* What is no base64 is no request either. */
    answer_ocsp(www, der, n > 0 ? (size_t)n : 0, response);
}

/* ---- ACME ---- */

/* The file that whoever asks for a certificate has put there (tools/acme/http01_webroot.c). */
static void answer_challenge(struct www *www, const char *token, struct front_response *response)
{
    static const char base64url[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    char path[4096 + TOKEN_MAX], text[AUTHORIZATION_MAX];
    struct stat st;
    ssize_t n = -1;
    int fd = -1;

    if (*token != '\0' && strlen(token) <= TOKEN_MAX && token[strspn(token, base64url)] == '\0' &&
        snprintf(path, sizeof(path), "%s/" SERVICES_WEBROOT CHALLENGES "%s", store_home(www->scep.store),
                 token) < (int)sizeof(path))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        n = read(fd, text, sizeof(text));
    if (fd >= 0)
        close(fd);
    if (n > 0 && (size_t)n < sizeof(text))
        answer(response, 200, "application/octet-stream", text, (size_t)n);
    else
        answer_text(response, 404, "not found\n");
}

/* ---- metrics ---- */

/* Names of certificates and hosts are nobody's business by default. */
static void answer_metrics(struct www *www, const char *address, struct front_response *response)
{
    char *text = renewal_get(www->scep.store, RENEWAL_METRICS_MENU, "address", RENEWAL_METRICS_ADDRESS);
    struct networks *networks = text != NULL && *text != '\0' ? networks_new(text) : NULL;
    int is_allowed = networks != NULL && networks_have(networks, address);
    size_t len = 0;
    char *metrics;

    networks_free(networks);
    OPENSSL_free(text);
    if (!is_allowed) {
        answer_text(response, 404, "not found\n");
        return;
    }
    metrics = renewal_metrics(www->scep.store, (int64_t)time(NULL), &len);
    if (metrics != NULL)
        answer(response, 200, "text/plain; version=0.0.4", metrics, len);
    else
        answer_text(response, 503, "the store can't be read\n");
    OPENSSL_free(metrics);
}

void www_answer(struct www *www, const struct front_request *request, struct front_response *response)
{
    const char *path = request->path;
    int64_t id;

    if (strncmp(path, CHALLENGES, strlen(CHALLENGES)) == 0)
        answer_challenge(www, path + strlen(CHALLENGES), response);
    else if (strcmp(path, "/metrics") == 0)
        answer_metrics(www, request->address, response);
    else if ((strcmp(path, "/ocsp") == 0 || strcmp(path, "/ocsp/") == 0) && request->method == FRONT_POST)
        answer_ocsp(www, request->body, request->body_len, response);
    else if (strncmp(path, "/ocsp/", 6) == 0 && request->method != FRONT_POST)
        answer_ocsp_get(www, path + 6, response);
    else if ((id = id_of(path, "/crl/", ".crl")) != 0)
        answer_crl(www, id, response);
    else if ((id = id_of(path, "/ca/", ".crt")) != 0)
        answer_ca(www, id, response);
    else
        scep_serve(&www->scep, request, response);
}
