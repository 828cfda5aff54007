// SPDX-License-Identifier: Apache-2.0
/* The program signet as a child of the daemon. */
#ifndef SIGNET_SIGNETD_PROGRAM_H
#define SIGNET_SIGNETD_PROGRAM_H

#include "tools/tool.h"

#include <sys/types.h>

#define PROGRAM_PATH_MAX 4096

/* Where signet is that belongs to this signetd. Returns 0 and says where it is not. */
int program_find(char path[PROGRAM_PATH_MAX]);
/* Starts `signet COMMAND` for the daemon's store, in a process group of its own, what it prints on our
 * standard error. Returns a descriptor that can be read from when it has ended (pidfd_open(2)), or -1 and
 * said why. */
int program_start(const struct tool *tool, const char *command, pid_t *pid);
/* Waits for its end, after SIGINT; after a few seconds, with SIGKILL. */
void program_stop(pid_t pid, int fd);

#endif
