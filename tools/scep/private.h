// SPDX-License-Identifier: Apache-2.0
/* What the files of tools/scep/ share. Private to tools/scep/. */
#ifndef SIGNET_SCEP_PRIVATE_H
#define SIGNET_SCEP_PRIVATE_H

#include "scep.h"

#include <openssl/cms.h>

/* ---- attributes.c ---- */

int scep_attributes_read(const CMS_SignerInfo *signer, struct scep_message *message,
                         struct scep_error *error);
int scep_attributes_write(CMS_SignerInfo *signer, const struct scep_message *message);

/* ---- certificates.c ---- */

/* Is it the issuer of x509, by name and signature? */
int scep_has_signed(X509 *issuer, X509 *x509);

/* ---- algorithm.c ---- */

/* The name of a digest that may sign; NULL: none may. */
const char *scep_digest(const X509_ALGOR *algorithm);
/* Does a SignedData (DER) name few digest algorithms, as one with one signer does? OpenSSL hashes the content
 * with each, and takes time with their square to get there. */
int scep_has_few_digests(const unsigned char *der, size_t len);
/* The name of the cipher of an EnvelopedData (DER), as OpenSSL calls it; NULL: none that may be used. */
const char *scep_cipher(const unsigned char *der, size_t len, const struct scep_algorithms *allowed);

#endif
