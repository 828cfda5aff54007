// SPDX-License-Identifier: Apache-2.0
/* One child: its start, one exchange with it, its end. Private to tools/worker. */
#ifndef SIGNET_WORKER_CHILD_H
#define SIGNET_WORKER_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int fd;     /* the socket */
    int pid_fd; /* can be read when the process has ended */
};

/* Starts argv[0]. The child ends with the thread that calls this. Returns 0 with errno. */
int child_start(struct child *child, const char *const *argv);
/* Has it ended, or said what nobody asked for? */
int child_is_dead(const struct child *child);
/* Closes the socket, upon which it ends; after grace_ms it is killed. */
void child_end(struct child *child, int grace_ms);

enum exchange { EXCHANGE_DONE, EXCHANGE_LOST, EXCHANGE_TIMEOUT, EXCHANGE_CANCELLED };

/* Sends a request and waits for the answer until the deadline (child_now), or until the first of cancel_fds
 * hangs up, or the second can be read. The command is interrupted then, and the answer may still come: *text
 * is the caller's (OPENSSL_clear_free with *len + 1), or NULL. A child without an answer is of no use any
 * more. */
enum exchange child_exchange(struct child *child, const char *request, size_t request_len, int64_t deadline,
                             const int cancel_fds[2], char **text, size_t *len);

int64_t child_now(void); /* ms, monotonic */

#endif
