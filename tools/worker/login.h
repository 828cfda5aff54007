// SPDX-License-Identifier: Apache-2.0
/*
 * Logins over the network: checked by a worker, held back when many have failed, and remembered for a while
 * so that a client that sends its password with each request costs one scrypt a minute.
 */
#ifndef SIGNET_WORKER_LOGIN_H
#define SIGNET_WORKER_LOGIN_H

#include "worker.h"

struct worker_logins;

struct worker_login {
    const char *name, *password; /* NULL: by certificate */
    const char *certificate;     /* SHA-256 of the TLS client's, lower case hexadecimal; or NULL */
    const char *address;         /* of the client */
    const char *service;         /* "rest", for the log */
};

/* Who has logged in. What the user may do is looked up with each request. */
struct worker_session {
    char user[65];
    char stamp[65];
};

enum worker_login_result {
    WORKER_LOGIN_OK,
    WORKER_LOGIN_REFUSED,
    WORKER_LOGIN_LATER,      /* too many have failed: not even looked at */
    WORKER_LOGIN_UNAVAILABLE /* no worker */
};

struct worker_logins *worker_logins_new(struct worker_pool *pool);
void worker_logins_free(struct worker_logins *logins);

/* May be called in any thread. *wait_s: when to come again, after WORKER_LOGIN_LATER. */
enum worker_login_result worker_login(struct worker_logins *logins, const struct worker_login *login,
                                      struct worker_session *session, unsigned *wait_s);

/* worker_call for a user; puts user and stamp into the request. An answer of kind "login" says that the user
 * was changed since, and has to log in anew: the session is forgotten. */
json_t *worker_call_as(struct worker_logins *logins, const struct worker_session *session, json_t *request,
                       int cancel_fd);

#endif
