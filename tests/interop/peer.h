// SPDX-License-Identifier: Apache-2.0
/*
 * What the interop programs share: a program that uses OpenSSL, as a TLS server would, and a judge of its
 * signatures that works in a library context without Signet.
 *
 * Functions that cannot go on print why, with OpenSSL's error queue, and end the process, unless they say
 * otherwise.
 */
#ifndef SIGNET_TESTS_PEER_H
#define SIGNET_TESTS_PEER_H

#include <openssl/evp.h>
#include <stddef.h>

enum peer_padding { PEER_PKCS1, PEER_PSS };

struct peer_key {
    EVP_PKEY *pkey;  /* as the default library context loads it: openssl.cnf decides */
    EVP_PKEY *judge; /* the public key alone, with OpenSSL's default provider alone */
    const char *name;
};

/* name is a PEM file or a URI with a scheme. The passphrase, if one is asked for, is $PEER_PASSPHRASE. */
void peer_load(struct peer_key *key, const char *name);
void peer_unload(struct peer_key *key);

/* Signs a new message with SHA-256 and has the signature judged. Returns 1, or 0 with the cause in OpenSSL's
 * error queue. */
int peer_sign(const struct peer_key *key, enum peer_padding padding);
/* Names one digest and gives another as a parameter; then asks which it is, is to be refused a third one for
 * the message that has begun, and has the signature judged with the answer. */
int peer_sign_digests(const struct peer_key *key);
/* As peer_sign, count times with both paddings in turn; ends the process on failure. */
void peer_sign_times(const struct peer_key *key, int count);

/* The public part of pkey in the judge's library context, or NULL. */
EVP_PKEY *peer_judge(EVP_PKEY *pkey);

/* The newest... oldest entries of OpenSSL's error queue in one line; empties the queue. */
void peer_errors(char *buf, size_t size);
_Noreturn void peer_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A decimal number of at least 1. */
int peer_count(const char *text);

#endif
