// SPDX-License-Identifier: Apache-2.0
/* One HTTPS exchange with the server, by libcurl, over a connection that is kept (RFC 8555 section 6.1). */
#include "private.h"
#include "tools/http/client.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define BODY_MAX    (1 << 20)
#define HEADERS_MAX 200
#define HEADER_MAX  4096
#define EXCHANGE_S  90L

struct transfer {
    struct acme *acme;
    struct acme_response *response;
    struct http_client_cancel cancel;
    size_t size; /* of body's memory */
    unsigned headers;
    int is_too_large;
};

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct acme_response *response = transfer->response;
    size_t len = size * count;

    if (len > BODY_MAX - response->len) {
        transfer->is_too_large = 1;
        return 0;
    }
    if (response->len + len + 1 > transfer->size) {
        size_t wanted = 2 * (response->len + len) + 1;
        char *bigger = OPENSSL_realloc(response->body, wanted);

        if (bigger == NULL)
            return 0;
        response->body = bigger;
        transfer->size = wanted;
    }
    memcpy(response->body + response->len, data, len);
    response->len += len;
    response->body[response->len] = '\0';
    return len;
}

/* ---- headers ---- */

static void keep(char **value, const char *text, size_t len)
{
    OPENSSL_free(*value);
    *value = OPENSSL_strndup(text, len);
}

/* <https://ca.example/cert/1/alt>;rel="alternate" (RFC 8288) */
static void take_link(struct acme_response *response, const char *text, size_t len)
{
    const char *end = memchr(text, '>', len);
    char rest[HEADER_MAX + 1], *url;
    size_t n;

    if (*text != '<' || end == NULL || response->alternates_count == ACME_ALTERNATES)
        return;
    /* libcurl's line does not end with a zero. */
    n = len - (size_t)(end - text) - 1;
    if (n >= sizeof(rest))
        return;
    memcpy(rest, end + 1, n);
    rest[n] = '\0';
    if (strstr(rest, "rel=\"alternate\"") == NULL && strstr(rest, "rel=alternate") == NULL)
        return;
    url = OPENSSL_strndup(text + 1, (size_t)(end - text) - 1);
    if (url != NULL && acme_is_url(url))
        response->alternates[response->alternates_count++] = url;
    else
        OPENSSL_free(url);
}

static int is_header(const char *line, size_t len, const char *name)
{
    size_t n = strlen(name);

    return len > n && strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    struct acme_response *response = transfer->response;
    size_t len = size * count, value, name;
    const char *colon = memchr(line, ':', len);

    if (len > HEADER_MAX || ++transfer->headers > HEADERS_MAX) {
        transfer->is_too_large = 1;
        return 0;
    }
    if (colon == NULL)
        return len;
    name = (size_t)(colon - line) + 1;
    while (name < len && (line[name] == ' ' || line[name] == '\t'))
        name++;
    for (value = len - name; value > 0 && (unsigned char)line[name + value - 1] <= ' ';)
        value--;
    if (is_header(line, len, "location"))
        keep(&response->location, line + name, value);
    else if (is_header(line, len, "content-type"))
        keep(&response->content_type, line + name, value);
    else if (is_header(line, len, "retry-after"))
        keep(&response->retry_after, line + name, value);
    else if (is_header(line, len, "replay-nonce"))
        keep(&response->nonce, line + name, value);
    else if (is_header(line, len, "link") && value > 0)
        take_link(response, line + name, value);
    return len;
}

int64_t acme_retry_after(const char *text, int64_t now)
{
    size_t digits;
    time_t when;

    if (text == NULL)
        return 0;
    digits = strspn(text, "0123456789");
    if (digits > 0 && text[digits] == '\0')
        return digits <= 8 ? now + strtol(text, NULL, 10) : 0;
    when = curl_getdate(text, NULL);
    return when > now ? (int64_t)when : 0;
}

/* ---- the exchange ---- */

static void set_options(struct transfer *transfer, const char *method, const char *url, const char *body,
                        struct curl_slist *headers, char *why)
{
    CURL *curl = transfer->acme->curl;

    /* All anew, but for the connection and what is known of the host. */
    curl_easy_reset(curl);
    http_client_begin(curl, url, "https", why);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, EXCHANGE_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    http_client_cancel(curl, &transfer->cancel);
    acme_roots_use(transfer->acme);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (body == NULL)
        return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
}

/* A router without a battery starts in another year. */
static int explain_certificate(struct acme *acme, const char *url, const char *why)
{
    long result = X509_V_OK;

    curl_easy_getinfo(acme->curl, CURLINFO_SSL_VERIFYRESULT, &result);
    if (result == X509_V_ERR_CERT_NOT_YET_VALID || result == X509_V_ERR_CERT_HAS_EXPIRED) {
        char now[32];
        time_t seconds = time(NULL);
        struct tm tm;

        strftime(now, sizeof(now), "%Y-%m-%d %H:%M", gmtime_r(&seconds, &tm));
        return acme_raise(acme,
                          "%.200s: the server's certificate can't be verified: %s. Is the clock right? Here "
                          "it is %s UTC",
                          url, why, now);
    }
    return acme_raise(
        acme,
        "%.200s: the server's certificate can't be verified: %s. For a CA of your own import its "
        "root and set trusted=yes",
        url, why);
}

static int explain(struct transfer *transfer, const char *url, CURLcode code, const char *why)
{
    struct acme *acme = transfer->acme;

    if (transfer->is_too_large)
        return acme_raise(acme, "%.200s: the answer is larger than any should be", url);
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return acme_raise(acme, "interrupted");
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_certificate(acme, url, why);
    default:
        return acme_raise(acme, "%.200s: %s", url, *why != '\0' ? why : curl_easy_strerror(code));
    }
}

int acme_exchange(struct acme *acme, const char *method, const char *url, const char *body,
                  struct acme_response *response)
{
    struct curl_slist *headers =
        body != NULL ? curl_slist_append(NULL, "Content-Type: application/jose+json") : NULL;
    struct transfer transfer = {
        .acme = acme, .response = response, .cancel = {acme->config.is_cancelled, acme->config.arg}};
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code;

    *response = (struct acme_response){0};
    set_options(&transfer, method, url, body, headers, why);
    code = curl_easy_perform(acme->curl);
    curl_easy_getinfo(acme->curl, CURLINFO_RESPONSE_CODE, &response->status);
    curl_slist_free_all(headers);
    acme->is_cut = code != CURLE_OK;
    if (code != CURLE_OK) {
        explain(&transfer, url, code, why);
        acme_response_clear(response);
        return 0;
    }
    if (response->nonce != NULL && acme_is_base64url(response->nonce, 512) &&
        acme->nonces_count < ACME_NONCES_MAX) {
        acme->nonces[acme->nonces_count++] = response->nonce;
        response->nonce = NULL;
    }
    if (response->content_type != NULL && strstr(response->content_type, "json") != NULL && response->len > 0)
        response->json = json_loadb(response->body, response->len, JSON_REJECT_DUPLICATES, NULL);
    return 1;
}

void acme_response_clear(struct acme_response *response)
{
    OPENSSL_free(response->body);
    json_decref(response->json);
    OPENSSL_free(response->location);
    OPENSSL_free(response->content_type);
    OPENSSL_free(response->retry_after);
    OPENSSL_free(response->nonce);
    while (response->alternates_count > 0)
        OPENSSL_free(response->alternates[--response->alternates_count]);
    *response = (struct acme_response){0};
}
