// SPDX-License-Identifier: Apache-2.0
/*
 * rest: RouterOS's REST interface below /rest/, over tools/worker.
 *   GET  /rest/certificate[?name=x&.proplist=…]  print      200, an array; of settings an object
 *   GET  /rest/certificate/ID                      print      200, an object
 *   PUT  /rest/certificate {…}                   add        201, the object
 *   PATCH /rest/certificate/ID {…}               set        200, the object
 *   DELETE /rest/certificate/ID                  remove     204
 *   POST /rest/certificate/sign {…}              any command; ".query" and ".proplist" for print
 * ID is "*1" or a name. Every value of an answer is a text. What fails is {"error": status, "message": …,
 * "detail": …}.
 *
 * Only over TLS: passwords come with each request (RFC 7617). A body must say that it is application/json,
 * which a form of a foreign page in a browser that knows the password can't.
 */
#ifndef SIGNET_REST_REST_H
#define SIGNET_REST_REST_H

#include "tools/http/front.h"
#include "tools/worker/login.h"

#define REST_PREFIX   "/rest"
#define REST_BODY_MAX ((size_t)256 << 10)

struct rest;

struct rest *rest_new(struct worker_logins *logins);
void rest_free(struct rest *rest);
/* Is the path one of these? */
int rest_is_path(const char *path);
/* Any thread. */
void rest_answer(struct rest *rest, const struct front_request *request, struct front_response *response);

#endif
