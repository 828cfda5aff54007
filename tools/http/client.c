// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#define CONNECT_S 15L

void http_client_begin(CURL *curl, const char *url, const char *protocols, char *why)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "signet/" SIGNET_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
}

static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    const struct http_client_cancel *cancel = arg;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return cancel->is_cancelled(cancel->arg);
}

void http_client_cancel(CURL *curl, const struct http_client_cancel *cancel)
{
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, cancel);
}
