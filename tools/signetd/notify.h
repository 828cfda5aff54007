// SPDX-License-Identifier: Apache-2.0
/* Tells the service manager how the daemon is. */
#ifndef SIGNET_SIGNETD_NOTIFY_H
#define SIGNET_SIGNETD_NOTIFY_H

/* "READY=1" and so on (sd_notify(3)), to the socket that $NOTIFY_SOCKET names; NULL: nobody asks. */
void notify(const char *socket, const char *state);

#endif
