// SPDX-License-Identifier: Apache-2.0
/* Answers with the files of the page, and tells the browser how little they may do. */
#include "page.h"

#include <openssl/crypto.h>
#include <string.h>

/*
 * Scripts, styles and pictures come from here alone, and no text can become markup or a script. There is no
 * Strict-Transport-Security: browsers ignore it where they do not know the certificate's issuer (RFC 6797
 * section 8.1), and where they do it would keep them for months from every other service of the router's name
 * that is not TLS.
 */
static const struct front_header headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
     "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
     "trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {NULL, NULL},
};

int page_answer(const struct front_request *request, struct front_response *response)
{
    const struct page_file *file = page_files;

    while (file->path != NULL && strcmp(file->path, request->path) != 0)
        file++;
    if (file->path == NULL || (request->method != FRONT_GET && request->method != FRONT_HEAD))
        return 0;
    response->body = OPENSSL_memdup(file->data, file->len);
    if (response->body == NULL) {
        response->status = 503;
        response->type = NULL;
        return 1;
    }
    response->status = 200;
    response->type = file->type;
    response->etag = file->etag;
    response->headers = headers;
    response->len = file->len;
    return 1;
}
