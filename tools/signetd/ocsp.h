// SPDX-License-Identifier: Apache-2.0
/* An OCSP responder (RFC 6960, in the profile of RFC 5019) for the CAs of a store. */
#ifndef SIGNET_SIGNETD_OCSP_H
#define SIGNET_SIGNETD_OCSP_H

#include "store/store.h"

#include <stddef.h>

#define OCSP_REQUEST_MAX 4096 /* bytes */
#define OCSP_MAX_AGE     3600 /* seconds that an answer is given again, by us and by caches */

/* Answers that were signed, for all threads. */
struct ocsp_cache;
struct ocsp_cache *ocsp_cache_new(void);
void ocsp_cache_free(struct ocsp_cache *cache);

/* Answers a request (DER). *response (DER) is the caller's; what is wrong with the request is said in it.
 * *is_signed: caches may keep it. Returns 0 if out of memory. */
int ocsp_answer(struct ocsp_cache *cache, struct store *store, const unsigned char *request, size_t len,
                unsigned char **response, size_t *response_len, int *is_signed);

#endif
