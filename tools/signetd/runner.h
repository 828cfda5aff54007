// SPDX-License-Identifier: Apache-2.0
/* A service that runs: its listener, its threads, and its stores. */
#ifndef SIGNET_SIGNETD_RUNNER_H
#define SIGNET_SIGNETD_RUNNER_H

#include "ocsp.h"
#include "tools/rest/rest.h"
#include "tools/services.h"
#include "tools/tool.h"

/* What all services share. */
struct daemon {
    struct tool *tool;
    struct store *store; /* of the main thread */
    struct store_cache *cache;
    struct ocsp_cache *ocsp;
    struct worker_pool *workers;
    struct worker_logins *logins;
    struct rest *rest; /* of services with TLS */
    int ended_fd; /* an eventfd: a runner has ended by itself */
};

/* For the stores of all threads. arg is a struct daemon. */
struct store_config daemon_store_config(struct daemon *daemon);

struct runner;

/* Starts to serve; a service that has a tls-version with TLS. NULL: said why. */
struct runner *runner_start(struct daemon *daemon, const char *name, const struct service *service);
/* Shows the service's certificate as it is now; connections that are there stay. Returns 0 if that can't be,
 * said why, and shows what it has shown before. */
int runner_set_identity(struct runner *runner, const struct service *service);
/* It serves no more, though nobody has stopped it; it has said why. */
int runner_has_ended(struct runner *runner);
/* Waits for what is being answered. */
void runner_stop(struct runner *runner);

#endif
