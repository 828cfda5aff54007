// SPDX-License-Identifier: Apache-2.0
/* Starts the program signet: where it is, and what it inherits. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS 5000 /* from SIGINT to SIGKILL */

extern char **environ;

/* signetd is sbin/signetd, and signet bin/signet; in the build folder it is one folder up. */
int program_find(char path[PROGRAM_PATH_MAX])
{
    static const char *const places[] = {"/../bin/signet", "/../signet"};
    char folder[PROGRAM_PATH_MAX - 20];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    struct stat st;
    size_t i;

    if (n <= 0)
        return tool_error("/proc/self/exe: %s", strerror(errno)), 0;
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, PROGRAM_PATH_MAX, "%s%s", folder, places[i]);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return 1;
    }
    return tool_error("the program signet is neither in %s/../bin nor in %s/..", folder, folder), 0;
}

static int spawn(const char *path, const char *const *argv, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int error = ENOMEM;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    if (posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, 2, 1) == 0 &&
        posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0 &&
        posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
        posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
        posix_spawnattr_setpgroup(&attributes, 0) == 0 &&
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0)
        error = posix_spawn(pid, path, &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* The hardware's options are in the environment (tool_config_apply). */
int program_start(const struct tool *tool, const char *command, pid_t *pid)
{
    const char *argv[] = {"signet", "--home", tool->config.home, command, NULL};
    char path[PROGRAM_PATH_MAX];
    int error, fd;

    if (!program_find(path))
        return -1;
    error = spawn(path, argv, pid);
    if (error != 0) {
        tool_error("%s: %s", path, strerror(error));
        return -1;
    }
    fd = pidfd_open(*pid, 0);
    if (fd < 0) {
        tool_error("pidfd_open: %s", strerror(errno));
        kill(-*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
    }
    return fd;
}

void program_stop(pid_t pid, int fd)
{
    struct pollfd ended = {.fd = fd, .events = POLLIN};

    kill(pid, SIGINT);
    if (poll(&ended, 1, STOP_MS) <= 0)
        kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
