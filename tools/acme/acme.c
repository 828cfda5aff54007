// SPDX-License-Identifier: Apache-2.0
/* A conversation as a whole: its configuration, what it says to people, its waiting. */
#include "private.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 4096
#define TICK_MS  100

/* ---- messages ---- */

void acme_printable(char *out, size_t size, const char *text)
{
    size_t n = 0;

    /* Bytes of UTF-8 pass; controls, in C1's two bytes as well, do not. */
    for (; *text != '\0' && n + 1 < size; text++) {
        unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];

        if (c == '\n' || c == '\t')
            out[n++] = ' ';
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            out[n++] = '?';
            text++;
        } else if (c < 0x20 || c == 0x7f)
            out[n++] = '?';
        else
            out[n++] = (char)c;
    }
    if (size > 0)
        out[n] = '\0';
}

int acme_raise(struct acme *acme, const char *format, ...)
{
    char text[TEXT_MAX], printable[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    acme_printable(printable, sizeof(printable), text);
    if (acme->quiet != NULL)
        OPENSSL_strlcpy(acme->quiet, printable, acme->quiet_size);
    else
        acme->config.error(acme->config.arg, printable);
    return 0;
}

int acme_raise_ssl(struct acme *acme, const char *format, ...)
{
    unsigned long code = ERR_peek_last_error();
    const char *data = NULL, *reason = ERR_reason_error_string(code);
    char text[1024], detail[1024];
    int flags = 0;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
    /* The data belongs to the queue. */
    snprintf(detail, sizeof(detail), "%s",
             (flags & ERR_TXT_STRING) && data != NULL && *data != '\0' ? data
             : reason != NULL                                          ? reason
                                                                       : "out of memory");
    ERR_clear_error();
    return acme_raise(acme, "%s: %s", text, detail);
}

void acme_progress(struct acme *acme, const char *format, ...)
{
    char text[TEXT_MAX], printable[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    acme_printable(printable, sizeof(printable), text);
    acme->config.progress(acme->config.arg, printable);
}

int64_t acme_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec;
}

int acme_wait(struct acme *acme, unsigned milliseconds)
{
    while (milliseconds > 0 && !acme->config.is_cancelled(acme->config.arg)) {
        unsigned tick = milliseconds < TICK_MS ? milliseconds : TICK_MS;

        poll(NULL, 0, (int)tick);
        milliseconds -= tick;
    }
    return !acme->config.is_cancelled(acme->config.arg) || acme_raise(acme, "interrupted");
}

/* ---- the conversation ---- */

struct acme *acme_new(const struct acme_config *config)
{
    struct acme *acme = OPENSSL_zalloc(sizeof(*acme));

    if (acme == NULL)
        return NULL;
    acme->config = *config;
    acme->config.directory_url = OPENSSL_strdup(config->directory_url);
    acme->config.ca_file = OPENSSL_strdup(config->ca_file);
    acme->curl = curl_easy_init();
    if (acme->config.directory_url == NULL || acme->config.ca_file == NULL || acme->curl == NULL ||
        !acme_roots_init(acme)) {
        acme_raise(acme, "out of memory");
    } else if (!acme_is_url(config->directory_url)) {
        acme_raise(acme, "directory-url %.200s: expected https://…", config->directory_url);
    } else {
        return acme;
    }
    acme_free(acme);
    return NULL;
}

void acme_free(struct acme *acme)
{
    if (acme == NULL)
        return;
    while (acme->nonces_count > 0)
        OPENSSL_free(acme->nonces[--acme->nonces_count]);
    acme_directory_free(acme->directory);
    curl_easy_cleanup(acme->curl);
    X509_LOOKUP_meth_free(acme->roots);
    OPENSSL_free(acme->account_url);
    OPENSSL_free((char *)acme->config.directory_url);
    OPENSSL_free((char *)acme->config.ca_file);
    OPENSSL_free(acme);
}

const char *acme_problem_type(const struct acme *acme)
{
    return *acme->problem_type != '\0' ? acme->problem_type : NULL;
}

int acme_is_cut(const struct acme *acme)
{
    return acme->is_cut;
}

int acme_is_lost(const struct acme *acme)
{
    return acme->is_lost;
}

int64_t acme_retry_at(const struct acme *acme)
{
    return acme->retry_at;
}
