// SPDX-License-Identifier: Apache-2.0
/* What a service shows to its clients: a certificate of the store, and the key that it is for. */
#ifndef SIGNET_SIGNETD_IDENTITY_H
#define SIGNET_SIGNETD_IDENTITY_H

#include "tools/services.h"

#include <openssl/ssl.h>

/* alpn: the protocol that is spoken (RFC 7301); NULL: none is named. Clients may show a certificate, and have
 * to have its key then; who that is, is for the service to know. NULL: said why, through the store. */
SSL_CTX *identity_context(struct store *store, OSSL_LIB_CTX *libctx, const char *name,
                          const struct service *service, const char *alpn);

#endif
