// SPDX-License-Identifier: Apache-2.0
/*
 * Commands of programs: the console without its language. A request names a menu, a command and its words one
 * by one, and none of them is read as anything but a value; the answer is data. `signet worker` runs this for
 * signetd (tools/worker/worker.h, which describes requests and answers).
 */
#ifndef SIGNET_CONSOLE_REMOTE_H
#define SIGNET_CONSOLE_REMOTE_H

#include "console.h"

#include <jansson.h>

struct query;

/* What a user may do: look; change; also what runs programs, reveals keys, or changes users. */
enum remote_group { REMOTE_READ, REMOTE_WRITE, REMOTE_FULL, REMOTE_GROUPS };
extern const char *const remote_group_names[REMOTE_GROUPS + 1]; /* ends with NULL */

/* Answers one request; the caller's. NULL: out of memory. */
json_t *remote_answer(struct console *console, const json_t *request);
/* Answers requests on a socket (tools/worker/frame.h) until the other side closes it. Returns an exit status.
 */
int remote_serve(struct console *console, int fd);

/* ---- remote_print.c ---- */

/* A value as programs have it: booleans are true and false. NULL: there is none, or not for this group. */
char *remote_value(struct console *console, const struct menu *menu, struct item *item,
                   const struct property *property, enum remote_group group);
/* The rows of print. proplist and query may be NULL. NULL: said why. */
json_t *remote_rows(struct call *call, const char *proplist, struct query *query, enum remote_group group);

/* ---- query.c ---- */

/* Query words as the API has them: "?name", "?-name", "?name=x", "?<name=x", "?>name=x", "?#operations" on
 * the results so far; what is left at the end must all be true. NULL: said why. */
struct query *query_new(struct console *console, const struct menu *menu, const json_t *words,
                        enum remote_group group);
void query_free(struct query *query);
void query_hint(const struct query *query, struct hint *hint);
int query_matches(struct query *query, struct console *console, struct item *item);

#endif
