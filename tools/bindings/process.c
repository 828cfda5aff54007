// SPDX-License-Identifier: Apache-2.0
/*
 * The process that a pidfile names. The file is not believed: it may be left of a service that has ended,
 * whose number is another's now, and a service that is not root's may write any number into it. So the
 * process must run the service's program; and it is held by a descriptor, lest the number pass on before the
 * signal.
 */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELETED  " (deleted)" /* what the kernel says of a program that has been upgraded since */
#define COMM_MAX 15

/* 0: it names none. */
static pid_t read_pid(const char *pidfile)
{
    int fd = open(pidfile, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[32], *end = text;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    long pid = 0;

    if (fd >= 0)
        close(fd);
    if (n > 0) {
        text[n] = '\0';
        pid = strtol(text, &end, 10);
    }
    return end > text && pid > 1 && pid < INT_MAX ? (pid_t)pid : 0;
}

static int is_same_program(const char *running, const char *program)
{
    char path[PATH_MAX];
    size_t len;

    if (realpath(program, path) == NULL)
        return 0;
    len = strlen(path);
    return strncmp(running, path, len) == 0 && (running[len] == '\0' || strcmp(running + len, DELETED) == 0);
}

/* Without the right to see what a process runs, as signetd.service has none, its name is what there is: a
 * stranger's process can't be made to bear it by who writes the pidfile. */
static int has_name(int folder, const char *program)
{
    const char *slash = strrchr(program, '/');
    int fd = openat(folder, "comm", O_RDONLY | O_CLOEXEC);
    char name[COMM_MAX + 2], wanted[COMM_MAX + 1];
    ssize_t n = fd >= 0 ? read(fd, name, sizeof(name) - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    name[name[n - 1] == '\n' ? n - 1 : n] = '\0';
    OPENSSL_strlcpy(wanted, slash != NULL ? slash + 1 : program, sizeof(wanted));
    return strcmp(name, wanted) == 0;
}

static int runs(int folder, const char *program)
{
    char path[PATH_MAX];
    ssize_t n = readlinkat(folder, "exe", path, sizeof(path) - 1);

    if (n < 0)
        return (errno == EACCES || errno == EPERM) && has_name(folder, program);
    path[n] = '\0';
    return is_same_program(path, program);
}

static int has_ended(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) != 0;
}

int process_open(const char *pidfile, const char *program, int *is_hidden)
{
    pid_t pid = read_pid(pidfile);
    int fd = pid != 0 ? pidfd_open(pid, 0) : -1, folder, is;
    char path[64];

    *is_hidden = 0;
    if (fd < 0)
        return -1;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    is = folder >= 0 && runs(folder, program);
    *is_hidden = folder < 0 && !has_ended(fd);
    if (folder >= 0)
        close(folder);
    /* Had it ended, this might be the next with its number that was looked at. */
    if ((is && !has_ended(fd)) || *is_hidden)
        return fd;
    close(fd);
    return -1;
}
