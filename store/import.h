// SPDX-License-Identifier: Apache-2.0
/* Between import.c and read.c. */
#ifndef SIGNET_STORE_IMPORT_H
#define SIGNET_STORE_IMPORT_H

#include "private.h"

struct found {
    STACK_OF(X509) * certificates;
    STACK_OF(X509_CRL) * crls;
    EVP_PKEY **keys;
    size_t keys_count;
    int decryption_failures;
    int64_t iterations; /* of passphrases' hashes that the file has asked for so far */
};

/* Collects what is in a file of any supported kind: PEM, DER, PKCS #12, PKCS #7. Nothing in it, or something
 * malformed: 0, and said so. What could not be decrypted is only counted. */
int store_found_read(struct store *store, struct found *found, const unsigned char *data, size_t len,
                     const char *passphrase);
void store_found_clear(struct found *found);

#endif
