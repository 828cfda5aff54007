// SPDX-License-Identifier: Apache-2.0
/* Running somebody else's program; see hook.h. */
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 3000 /* from SIGTERM to SIGKILL */
#define TICK_MS  100
#define TAIL_MAX 800 /* of what it printed: the last is what explains a failure */

extern char **environ;

/* ---- may it run? ---- */

static int refuse(char *why, size_t size, const char *path, const char *text)
{
    snprintf(why, size, "hook %s: %s", path, text);
    return 0;
}

int hook_check(const char *path, int is_script, char *why, size_t size)
{
    struct stat st;

    if (*path != '/')
        return refuse(why, size, path, "expected an absolute path");
    if (stat(path, &st) != 0)
        return refuse(why, size, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(why, size, path, "not a file");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return refuse(why, size, path, "belongs to somebody who is neither root nor you");
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return refuse(why, size, path, "others can write it; chmod go-w helps");
    if (access(path, is_script ? R_OK : X_OK) != 0)
        return refuse(why, size, path,
                      is_script ? "not readable; chmod helps" : "not executable; chmod helps");
    return 1;
}

/* ---- running it ---- */

struct run {
    const struct hook *hook;
    pid_t pid;
    int output;
    char tail[2 * TAIL_MAX];
    size_t tail_len;
};

/* The hook has its settings from the environment (NSUPDATE_KEY, CF_Token …), so that goes along; what would
 * bring foreign code into its interpreter, or into OpenSSL in it, does not. */
static int is_withheld(const char *variable)
{
    static const char *const withheld[] = {
        "LD_",       "BASH_ENV=", "ENV=",          "BASH_FUNC_",    "SHELLOPTS=",
        "BASHOPTS=", "IFS=",      "OPENSSL_CONF=", "NOTIFY_SOCKET="};
    size_t i;

    for (i = 0; i < sizeof(withheld) / sizeof(*withheld); i++) {
        if (strncmp(variable, withheld[i], strlen(withheld[i])) == 0)
            return 1;
    }
    return 0;
}

int hook_may_set(const char *variable)
{
    size_t len = strspn(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && variable[len] == '=' && (*variable < '0' || *variable > '9') &&
           (!is_withheld(variable) || strncmp(variable, "OPENSSL_CONF=", 13) == 0);
}

static int has(char *const *list, size_t count, const char *variable)
{
    size_t len = strcspn(variable, "=") + 1, i;

    for (i = 0; i < count; i++) {
        if (strncmp(list[i], variable, len) == 0)
            return 1;
    }
    return 0;
}

/* Its own variables go before those of this process. */
static char **hook_environment(const char *const *own)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    size_t count = 0, own_count = 0, n = 0, i;
    char **result;

    while (environ[count] != NULL)
        count++;
    while (own != NULL && own[own_count] != NULL)
        own_count++;
    result = OPENSSL_malloc((count + own_count + 2) * sizeof(*result));
    if (result == NULL)
        return NULL;
    for (i = 0; i < own_count; i++)
        result[n++] = (char *)own[i];
    for (i = 0; i < count; i++) {
        if (!is_withheld(environ[i]) && !has(result, own_count, environ[i]))
            result[n++] = environ[i];
    }
    if (!has(result, n, path))
        result[n++] = path;
    result[n] = NULL;
    return result;
}

/* Standard input is empty, both outputs are one pipe, nothing else is open; a process group of its own, so
 * that its children end with it. */
static int spawn(const struct hook *hook, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = hook_environment(hook->environment);
    sigset_t none, all;
    int error = ENOMEM;

    if (environment == NULL)
        return error;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    if (posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, output, 1) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, output, 2) == 0 &&
        posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0 &&
        posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
        posix_spawnattr_setsigdefault(&attributes, &all) == 0 &&
        posix_spawnattr_setpgroup(&attributes, 0) == 0 &&
        posix_spawnattr_setflags(&attributes,
                                 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0)
        error =
            posix_spawn(pid, hook->argv[0], &actions, &attributes, (char *const *)hook->argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    OPENSSL_free(environment);
    return error;
}

/* Takes what the program has printed; waits for a tick at most. 0: it has closed its output. */
static int take_output(struct run *run, int wait_ms)
{
    struct pollfd poll_fd = {.fd = run->output, .events = POLLIN};
    ssize_t n;

    if (run->output < 0) {
        poll(NULL, 0, wait_ms);
        return 0;
    }
    if (poll(&poll_fd, 1, wait_ms) <= 0)
        return 1;
    if (run->tail_len > TAIL_MAX) {
        memmove(run->tail, run->tail + run->tail_len - TAIL_MAX, TAIL_MAX);
        run->tail_len = TAIL_MAX;
    }
    n = read(run->output, run->tail + run->tail_len, sizeof(run->tail) - run->tail_len);
    if (n > 0)
        run->tail_len += (size_t)n;
    return n > 0 || (n < 0 && errno == EINTR);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the end; 1 when it is there. What the program has left running in the background does not count.
 */
static int await(struct run *run, int64_t end, int heeds_cancel, int *status)
{
    const struct hook *hook = run->hook;
    pid_t pid;

    for (;;) {
        pid = waitpid(run->pid, status, WNOHANG);
        if (pid == run->pid || (pid < 0 && errno != EINTR)) {
            while (run->output >= 0 && take_output(run, 0)) {
                struct pollfd poll_fd = {.fd = run->output, .events = POLLIN};

                if (poll(&poll_fd, 1, 0) <= 0)
                    break;
            }
            return 1;
        }
        if (now_ms() > end || (heeds_cancel && hook->is_cancelled != NULL && hook->is_cancelled(hook->arg)))
            return 0;
        if (!take_output(run, TICK_MS) && run->output >= 0) {
            close(run->output);
            run->output = -1;
        }
    }
}

/* The last lines in one, without what a terminal would act upon. */
static const char *tail_text(struct run *run, char text[TAIL_MAX])
{
    size_t start = run->tail_len > TAIL_MAX / 2 ? run->tail_len - TAIL_MAX / 2 : 0, n = 0, i;

    /* Not from the middle of a line, if there is a whole one. */
    for (i = start; start > 0 && i + 1 < run->tail_len; i++) {
        if (run->tail[i] == '\n') {
            start = i + 1;
            break;
        }
    }
    for (i = start; i < run->tail_len; i++) {
        unsigned char c = (unsigned char)run->tail[i];

        if (c == '\n' || c == '\r')
            n += n > 0 && text[n - 1] != ' ' ? (size_t)(text[n] = ' ', 1) : 0;
        else
            text[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = '\0';
    return text;
}

static const char *or_nothing(const char *text)
{
    return *text != '\0' ? text : "it says nothing of the cause";
}

int hook_run(const struct hook *hook, char *why, size_t size, char *output, size_t output_size)
{
    struct run run = {.hook = hook, .output = -1};
    char tail[TAIL_MAX] = "";
    int pipe_fds[2], error, status = 0, ok = 0;

    if (output != NULL)
        *output = '\0';
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        snprintf(why, size, "%s", strerror(errno));
        return 0;
    }
    error = spawn(hook, pipe_fds[1], &run.pid);
    close(pipe_fds[1]);
    run.output = pipe_fds[0];
    fcntl(run.output, F_SETFL, O_NONBLOCK);
    if (error != 0) {
        snprintf(why, size, "%s", strerror(error));
    } else if (await(&run, now_ms() + (int64_t)hook->seconds * 1000, 1, &status)) {
        ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        tail_text(&run, tail);
        if (WIFSIGNALED(status))
            snprintf(why, size, "ended by signal %d: %s", WTERMSIG(status), or_nothing(tail));
        else if (!ok)
            snprintf(why, size, "exit status %d: %s", WEXITSTATUS(status), or_nothing(tail));
    } else {
        tail_text(&run, tail);
        if (hook->is_cancelled != NULL && hook->is_cancelled(hook->arg))
            snprintf(why, size, "interrupted");
        else
            snprintf(why, size, "ended after %u seconds: %s", hook->seconds, or_nothing(tail));
        kill(-run.pid, SIGTERM);
        if (!await(&run, now_ms() + GRACE_MS, 0, &status)) {
            kill(-run.pid, SIGKILL);
            while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR)
                ;
        } else {
            kill(-run.pid, SIGKILL); /* children that did not heed */
        }
    }
    if (run.output >= 0)
        close(run.output);
    if (output != NULL)
        snprintf(output, output_size, "%s", tail);
    return ok;
}
