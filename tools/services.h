// SPDX-License-Identifier: Apache-2.0
/* The services of /ip service, as the store keeps their settings. */
#ifndef SIGNET_SERVICES_H
#define SIGNET_SERVICES_H

#include "store/store.h"

#define SERVICES_USERS "/user" /* who may log in, perhaps with a certificate */
#define SERVICES_MENU    "/ip/service"
#define SERVICES_LOCK    "signetd.lock" /* in the store's folder: an OFD lock of the server that runs */
#define SERVICES_WEBROOT "www"          /* there: what www serves for ACME's http-01 */

/* Id of the item, name, port, tls-version. An item is always there. */
#define SERVICES(X)                                                                                          \
    X(1, "telnet", "23", NULL)                                                                               \
    X(2, "ftp", "21", NULL)                                                                                  \
    X(3, "www", "80", NULL)                                                                                  \
    X(4, "ssh", "22", NULL)                                                                                  \
    X(5, "www-ssl", "443", "any")                                                                            \
    X(6, "api", "8728", NULL)                                                                                \
    X(7, "winbox", "8291", NULL)                                                                             \
    X(8, "api-ssl", "8729", "any")
#define SERVICE_WWW     3
#define SERVICE_WWW_SSL 5
#define SERVICE_API     6
#define SERVICE_API_SSL 8

struct service {
    uint16_t port;
    char *address; /* networks that may connect, with commas; empty: all */
    int is_enabled;
    char *tls_version;   /* "any", "only-1.2", "only-1.3"; empty: a service without TLS */
    int64_t certificate; /* what it shows; 0: nothing */
    char *fingerprint;   /* of that as it is now; empty: there is none */
    int asks_clients;    /* for a certificate, which some user logs in with */
};

/* Returns 0 if there is no such service, or the store can't be read. */
int service_get(struct store *store, const char *name, struct service *service);
void service_clear(struct service *service);
/* Is a server running for this store? */
int services_are_running(struct store *store);
/* Is a server running for this store that has taken the service up, or will at once? */
int service_is_served(struct store *store, const char *name);
/* Would the server have to listen anew? Would it have to show something else? */
int service_is_same(const struct service *a, const struct service *b);
int service_is_same_identity(const struct service *a, const struct service *b);

#endif
