// SPDX-License-Identifier: Apache-2.0
/*
 * Solvers: what publishes the response to a challenge (RFC 8555 section 8), one file a way. Private to
 * tools/acme/.
 */
#ifndef SIGNET_ACME_CHALLENGE_H
#define SIGNET_ACME_CHALLENGE_H

#include "acme.h"

/* One challenge, as authorization.c has checked it. */
struct acme_challenge {
    const char
        *identifier; /* "www.example.com" (of a wildcard what follows "*."), "192.0.2.1", "2001:db8::1" */
    int is_ip;
    const char *token;             /* base64url and nothing else (section 8.1), at most 256 characters */
    const char *key_authorization; /* token "." thumbprint of the account's key */
    unsigned char digest[32];      /* SHA-256 of it */
    char value[44];                /* base64url of that: the TXT record of dns-01 (section 8.4) */
};

/* The functions of a way. Each raises what is wrong with acme_raise. */
struct acme_solver {
    void *(*open)(struct acme *acme, const struct acme_solver_config *config);
    /* Publishes a response. Several may be there at the same time, also for the same name. */
    int (*begin)(void *solver, const struct acme_challenge *challenge);
    /* Waits until everything that was begun can be seen by the server. NULL: at once. */
    int (*settle)(void *solver);
    /* Takes a response away; is_done: the server has accepted it. What goes wrong here is a warning. */
    void (*end)(void *solver, const struct acme_challenge *challenge, int is_done);
    /* What the solver knows of why the server may not have seen a response; NULL: never anything. */
    void (*hint)(void *solver, const struct acme_challenge *challenge, char *text, size_t size);
    void (*close)(void *solver);
};

extern const struct acme_solver acme_http01_responder, acme_http01_webroot, acme_dns01, acme_tls_alpn01;

#endif
