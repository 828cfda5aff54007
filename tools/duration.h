// SPDX-License-Identifier: Apache-2.0
/* Durations as RouterOS writes them: 1w2d3h4m5s, 00:30:00, or seconds. Private to tools/. */
#ifndef SIGNET_TOOLS_DURATION_H
#define SIGNET_TOOLS_DURATION_H

#include <stdint.h>

/* Seconds; -1 if it is none. */
int64_t duration_parse(const char *text);
/* 1w2d3h4m5s; the caller's (OPENSSL_free). */
char *duration_text(int64_t seconds);

#endif
