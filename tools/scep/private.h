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

/* ---- algorithm.c ---- */

/* The name of a digest that may sign; NULL: none may. */
const char *scep_digest(const X509_ALGOR *algorithm);
/* Has a SignedData (DER) one digest algorithm? OpenSSL hashes the content with each that it names, and takes
 * time with their square to get there. */
int scep_has_one_digest(const unsigned char *der, size_t len);
/* The name of the cipher of an EnvelopedData (DER), as OpenSSL calls it; NULL: none that may be used. */
const char *scep_cipher(const unsigned char *der, size_t len, const struct scep_algorithms *allowed);

#endif
