// SPDX-License-Identifier: Apache-2.0
/* Sockets that listen. Private to tools/http/. */
#ifndef SIGNET_HTTP_LISTEN_H
#define SIGNET_HTTP_LISTEN_H

#include <stdint.h>

/* At an address of IPv4 or IPv6 ("::" is IPv4, too, whatever the kernel is told to take for granted) and
 * *port; 0 becomes one that is free. Non-blocking. -1 with errno; EINVAL: no address. */
int listen_open(const char *address, uint16_t *port);

#endif
