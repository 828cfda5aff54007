// SPDX-License-Identifier: Apache-2.0
/* How often each address may ask. Private to tools/http/. */
#ifndef SIGNET_HTTP_RATE_H
#define SIGNET_HTTP_RATE_H

struct rate;

/* a_second requests and address, and ten times as many at once; 0: no limit. */
struct rate *rate_new(unsigned a_second);
void rate_free(struct rate *rate);
/* Returns 0 if this one is too many. */
int rate_take(struct rate *rate, const char *address);

#endif
