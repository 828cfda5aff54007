// SPDX-License-Identifier: Apache-2.0
/* From where clients may connect. */
#ifndef SIGNET_HTTP_NETWORKS_H
#define SIGNET_HTTP_NETWORKS_H

struct networks;

/* "192.168.88.0/24,fd00::/8,::1", blanks allowed; empty: all. NULL: malformed. */
struct networks *networks_new(const char *text);
void networks_free(struct networks *networks);
/* Is the address ("192.0.2.1", "::1", "fe80::1%eth0") in one of them? */
int networks_have(const struct networks *networks, const char *address);
/* Are they all of this host alone? */
int networks_are_local(const struct networks *networks);

#endif
