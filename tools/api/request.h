// SPDX-License-Identifier: Apache-2.0
/* From a sentence to what is asked for. Nothing here knows menus or commands: that is the worker's. Private
 * to tools/api/. */
#ifndef SIGNET_API_REQUEST_H
#define SIGNET_API_REQUEST_H

#include "sentence.h"

#include <jansson.h>

#define API_TAG_MAX 64 /* bytes; it is in each row of the answer */

enum api_kind { API_NOTHING, API_COMMAND, API_LOGIN, API_CANCEL, API_QUIT };

/* RouterOS's categories of !trap. */
enum api_category {
    API_MISSING = 0, /* an item or command */
    API_INVALID = 1, /* a value */
    API_INTERRUPTED = 2,
    API_FAILED = 4,
    API_MISUSED = 5, /* the API itself */
};

struct api_request {
    enum api_kind kind;
    char tag[API_TAG_MAX + 1];
    int has_tag;
    json_t *json;               /* a command, for the worker (tools/worker/worker.h) */
    int is_count;               /* of it the number of rows is wanted */
    char *name, *password;      /* of a login; NULL: neither was given */
    char *cancel;               /* the tag of what is to be cancelled; NULL: all */
    const char *why;            /* it makes no sense; static */
    enum api_category category; /* of that */
};

/* Returns 0 with why; kind and tag are there then, too. The caller's in any case. */
int api_request_read(struct api_request *request, const struct sentence *sentence);
void api_request_clear(struct api_request *request);

#endif
