// SPDX-License-Identifier: Apache-2.0
/*
 * worker: the console's commands for programs, run by child processes (`signet worker`), so that neither
 * libcurl nor the console is in the daemon. A child runs one command after the other. Children are started
 * when they are needed and end when nobody has needed them for a while; one of them is kept for what only
 * looks, which a TPM that makes a key then never holds up.
 *
 * A request is a JSON object. Every value is a text and nothing is parsed in it; names are whole names.
 *   menu: "/certificate"
 *   command: "print"; RouterOS's standard verbs, or one of the menu's own
 *   path: instead of menu: ["certificate", "settings"], the menu; one more part is the item, or, without a
 *     command, the command
 *   numbers: "*1", "name", or several with commas: what it is for; optional
 *   words: {"name": "x"}, the command's parameters; optional
 *   query: ["?name=x"], for print, as in RouterOS's API; see tools/console/remote.h; optional
 *   proplist: ".id,name", for print; optional
 *   user, stamp: whose command it is; worker_call_as puts them there
 *   group: instead of these "read", "write" or "full": what may be done
 *
 * An answer:
 *   ok: true or false
 *   kind: of a failure: "invalid" (the request), "missing" (menu, command or item), "denied" (not for this
 *     group), "login" (the user has to log in anew), "failed" (the command), "cancelled", "timeout",
 *     "unavailable" (no worker)
 *   error: of a failure: one line
 *   errors: all lines, if there is more than one
 *   rows: of print: an array of objects of texts, with ".id" for items; true and false for booleans
 *   single: true with rows, if the menu has no items: there is one row
 *   item: true with rows, if the path names an item
 *   menu, numbers: what it was for: a text, and an array of ids; numbers only if items were named
 *   result: of add (".id"), find, get: a text
 *   told: of other commands: an object of texts, such as "certificates-imported"
 *   progress, notes: arrays of texts, if there are any
 */
#ifndef SIGNET_WORKER_WORKER_H
#define SIGNET_WORKER_WORKER_H

#include <jansson.h>

struct worker_pool;

struct worker_config {
    const char *home;    /* of the store */
    const char *program; /* the path of signet */
    unsigned children;   /* at most; 0: 4. One is for what only looks */
    unsigned idle_s;     /* 0: 60 */
    unsigned timeout_s;  /* of a request; 0: 60 */
    /* One line; called in any thread. */
    void (*error)(void *arg, const char *text);
    void *arg;
};

/* NULL: said why. Starts a thread, but no child. */
struct worker_pool *worker_pool_new(const struct worker_config *config);
/* Cancels the commands that run, and all that are still asked for: before threads that may be in worker_call
 * are joined. */
void worker_pool_stop(struct worker_pool *pool);
/* Nobody may be in worker_call. */
void worker_pool_free(struct worker_pool *pool);

/* Runs a request; may be called in any thread. When cancel_fd (-1: none), a socket, hangs up,
 * the client has gone: the command is cancelled. Returns the answer, the caller's (json_decref); NULL: out of
 * memory. */
json_t *worker_call(struct worker_pool *pool, const json_t *request, int cancel_fd);

/* A text of an answer or a row; "" if it is not there. */
const char *worker_text(const json_t *object, const char *name);

#endif
