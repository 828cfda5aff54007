// SPDX-License-Identifier: Apache-2.0
/* SCEP's HTTP on the client's side (RFC 8894 section 4.1), by libcurl. */
#include "client_private.h"
#include "tools/http/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EXCHANGE_S 120L /* a server may have to wait for its TPM */

int scep_raise(struct scep_client *client, const char *format, ...)
{
    char text[600], *p;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
    client->config.error(client->config.arg, text);
    return 0;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct scep_body *body = arg;
    size_t len = size * count;
    unsigned char *bigger;

    if (len > SCEP_MESSAGE_MAX - body->len)
        return 0; /* CURLE_WRITE_ERROR */
    bigger = OPENSSL_realloc(body->data, body->len + len + 1);
    if (bigger == NULL)
        return 0;
    body->data = bigger;
    memcpy(body->data + body->len, data, len);
    body->len += len;
    body->data[body->len] = '\0';
    return len;
}

/* The URL with its query; the caller's (OPENSSL_free). */
static char *make_url(struct scep_client *client, const char *operation, const char *message)
{
    char *escaped = message != NULL ? curl_easy_escape(client->curl, message, 0) : NULL, *url;
    size_t size =
        strlen(client->config.url) + strlen(operation) + (escaped != NULL ? strlen(escaped) : 0) + 40;

    url = OPENSSL_malloc(size);
    if (url != NULL)
        snprintf(url, size, "%s%coperation=%s%s%s", client->config.url,
                 strchr(client->config.url, '?') != NULL ? '&' : '?', operation,
                 escaped != NULL ? "&message=" : "", escaped != NULL ? escaped : "");
    curl_free(escaped);
    return url;
}

static void set_options(struct scep_client *client, const char *url, const unsigned char *post,
                        size_t post_len, struct curl_slist *headers, const struct http_client_cancel *cancel,
                        struct scep_body *body, char *why)
{
    CURL *curl = client->curl;

    curl_easy_reset(curl);
    http_client_begin(curl, url, "http,https", why);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, EXCHANGE_S);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    http_client_cancel(curl, cancel);
    curl_easy_setopt(curl, CURLOPT_CAINFO, client->config.ca_file);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    if (post == NULL)
        return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)post_len);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
}

int scep_transfer(struct scep_client *client, const char *operation, const char *message,
                  const unsigned char *post, size_t post_len, struct scep_body *body)
{
    struct curl_slist *headers =
        post != NULL ? curl_slist_append(NULL, "Content-Type: application/x-pki-message") : NULL;
    const struct http_client_cancel cancel = {client->config.is_cancelled, client->config.arg};
    char why[CURL_ERROR_SIZE] = "", *url = make_url(client, operation, message), *type = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;
    int ok = 0;

    *body = (struct scep_body){0};
    if (url != NULL) {
        set_options(client, url, post, post_len, headers, &cancel, body, why);
        code = curl_easy_perform(client->curl);
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &type);
        OPENSSL_strlcpy(body->type, type != NULL ? type : "", sizeof(body->type));
    }
    if (code == CURLE_ABORTED_BY_CALLBACK)
        scep_raise(client, "interrupted");
    else if (code == CURLE_WRITE_ERROR)
        scep_raise(client, "%.200s: the answer is larger than any should be", client->config.url);
    else if (code != CURLE_OK)
        scep_raise(client, "%.200s: %s", client->config.url, *why != '\0' ? why : curl_easy_strerror(code));
    else if (status != 200)
        scep_raise(client, "%.200s: %s is answered with status %ld%s", client->config.url, operation, status,
                   status == 404 ? " (is that the server's path, and is it enabled?)" : "");
    else
        ok = 1;
    if (!ok) {
        OPENSSL_free(body->data);
        *body = (struct scep_body){0};
    }
    OPENSSL_free(url);
    curl_slist_free_all(headers);
    return ok;
}
