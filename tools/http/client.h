// SPDX-License-Identifier: Apache-2.0
/* What every HTTP client here asks of libcurl. */
#ifndef SIGNET_TOOLS_HTTP_CLIENT_H
#define SIGNET_TOOLS_HTTP_CLIENT_H

#include <curl/curl.h>

/* Sets what does not depend on the exchange: no signals, a time to connect, who asks, and errors in why
 * (CURL_ERROR_SIZE bytes; the caller's, until the exchange is over). protocols: as CURLOPT_PROTOCOLS_STR. */
void http_client_begin(CURL *curl, const char *url, const char *protocols, char *why);

/* is_cancelled(arg) is asked while it goes on; other than 0 ends it with CURLE_ABORTED_BY_CALLBACK. */
struct http_client_cancel {
    int (*is_cancelled)(void *arg);
    void *arg;
};
void http_client_cancel(CURL *curl, const struct http_client_cancel *cancel);

#endif
