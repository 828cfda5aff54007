// SPDX-License-Identifier: Apache-2.0
/*
 * The page of www-ssl: plain HTML, CSS and JavaScript that a person with a browser manages the router with.
 * It knows nothing that REST does not tell it; the files are in the program (embed.cmake).
 */
#ifndef SIGNET_PAGE_PAGE_H
#define SIGNET_PAGE_PAGE_H

#include "tools/http/front.h"

/* Answers if the path is one of the page's. Returns 0 if it is not, or asks for more than to see it. */
int page_answer(const struct front_request *request, struct front_response *response);

/* ---- made by embed.cmake ---- */

struct page_file {
    const char *path, *type;
    const char *etag; /* of its contents */
    const unsigned char *data;
    size_t len;
};
extern const struct page_file page_files[]; /* ends with a path of NULL */

#endif
