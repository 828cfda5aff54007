// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that an ACME server answers, from the directory to the certificate, headers and bodies. The
 * input is a list of answers: a byte for the status, the header, an empty line, the body, and a byte 0xff
 * between two. The client's own reading of headers and bodies is used, only libcurl is not.
 */
#define acme_exchange exchange_by_curl
#include "tools/acme/http.c"
#undef acme_exchange

#include "fuzz.h"

#include <openssl/err.h>
#include <openssl/x509.h>

static const uint8_t *rest;
static size_t rest_size;
static int errors, waited;

int acme_exchange(struct acme *acme, const char *method, const char *url, const char *body,
                  struct acme_response *response)
{
    static const long statuses[] = {200, 201, 204, 400, 403, 404, 429, 500};
    struct transfer transfer = {.acme = acme, .response = response};
    const uint8_t *end, *line;

    (void)method;
    (void)body;
    if (!acme_is_url(url))
        fuzz_finding("a request for what is no https URL");
    *response = (struct acme_response){.status = 200};
    if (rest_size == 0)
        return acme_raise(acme, "nothing more");
    end = memchr(rest, 0xff, rest_size);
    if (end == NULL)
        end = rest + rest_size;
    rest_size -= (size_t)(end - rest) + (end < rest + rest_size);
    if (end > rest)
        response->status = statuses[*rest++ % 8];
    while ((line = memchr(rest, '\n', (size_t)(end - rest))) != NULL && line > rest) {
        /* As libcurl has it: with its end. */
        if (on_header((char *)rest, 1, (size_t)(line + 1 - rest), &transfer) == 0)
            break;
        rest = line + 1;
    }
    if (line == rest)
        rest++;
    if (rest < end)
        on_data((char *)rest, 1, (size_t)(end - rest), &transfer);
    rest = end + (rest_size > 0 ? 1 : 0);
    if (transfer.is_too_large) {
        acme_response_clear(response);
        return acme_raise(acme, "too large");
    }
    if (response->nonce != NULL && acme_is_base64url(response->nonce, 512) &&
        acme->nonces_count < ACME_NONCES_MAX)
        acme->nonces[acme->nonces_count++] = OPENSSL_strdup(response->nonce);
    /* Requests need nonces, and the interest here is in other things. */
    if (acme->nonces_count == 0)
        acme->nonces[acme->nonces_count++] = OPENSSL_strdup("AAAA");
    if (response->len > 0)
        response->json = json_loadb(response->body, response->len, JSON_REJECT_DUPLICATES, NULL);
    return 1;
}

static void on_text(void *arg, const char *text)
{
    *(int *)arg += 1;
    if (*text == '\0')
        fuzz_finding("an error without a text");
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fuzz_finding("a control character on its way to the terminal");
    }
}

static void on_progress_text(void *arg, const char *text)
{
    int here = 0;

    (void)arg;
    on_text(&here, text);
}

/* Nobody waits here: the first second that a server asks for is too long. */
static int is_cancelled(void *arg)
{
    (void)arg;
    return ++waited > 4;
}

/* A step that fails must have said why. */
static int step(int ok)
{
    if (!ok && errors == 0)
        fuzz_finding("a failure without a word");
    return ok;
}

static void converse(struct acme *acme, EVP_PKEY *key)
{
    static const char *const names[] = {"x.example.com", "192.0.2.1"};
    const struct acme_order_request request = {.identifiers = names, .count = 2, .replaces = "AAAA.AAAA"};
    const struct acme_solver_config config = {.type = ACME_HTTP_01, .webroot = "/nonexistent"};
    struct acme_renewal_info info;
    struct acme_order *order = NULL;
    char *url = NULL, *chain = NULL, why[256];

    if (step(acme_account_use(acme, key, NULL)) &&
        step(acme_account_new(acme, &(struct acme_registration){.contact = "a@example.com"}, &url)) &&
        step((order = acme_order_new(acme, &request)) != NULL)) {
        if (step(acme_order_authorize(acme, order, &config)) &&
            step(acme_order_finalize(acme, order, (const unsigned char *)"csr", 3)))
            step((chain = acme_order_certificate(acme, order, "Root")) != NULL);
    }
    acme_renewal_info(acme, "AAAA.AAAA", &info, why, sizeof(why));
    if (info.next < (int64_t)time(NULL) || info.next > (int64_t)time(NULL) + 86400 + 5)
        fuzz_finding("renewal information to be asked for never, or at once");
    acme_retry_at(acme);
    OPENSSL_free(chain);
    acme_order_free(order);
    OPENSSL_free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EVP_PKEY *key;
    const struct acme_config config = {.directory_url = "https://localhost/directory",
                                       .ca_file = "/nonexistent",
                                       .error = on_text,
                                       .progress = on_progress_text,
                                       .is_cancelled = is_cancelled,
                                       .arg = &errors};
    struct acme *acme;

    if (key == NULL)
        key = EVP_EC_gen("P-256");
    rest = data;
    rest_size = size;
    errors = waited = 0;
    acme = acme_new(&config);
    if (acme == NULL || key == NULL)
        return 0;
    converse(acme, key);
    acme_free(acme);
    ERR_clear_error();
    return 0;
}
