// SPDX-License-Identifier: Apache-2.0
/* What is answered, as sentences. Private to tools/api/. */
#ifndef SIGNET_API_REPLY_H
#define SIGNET_API_REPLY_H

#include "request.h"

/* The end of a command, with =ret= unless it is NULL. */
void reply_done(struct evbuffer *out, const struct api_request *request, const char *ret);
/* A failure, and with it the command's end. */
void reply_trap(struct evbuffer *out, const struct api_request *request, enum api_category category,
                const char *message);
/* The caller closes the connection behind it. */
void reply_fatal(struct evbuffer *out, const char *reason);
/* What the worker has answered; NULL: out of memory. Returns 0 if the connection is to be closed behind it.
 */
int reply_answer(struct evbuffer *out, const struct api_request *request, const json_t *answer);

#endif
