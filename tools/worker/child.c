// SPDX-License-Identifier: Apache-2.0
/* See child.h. */
#include "child.h"

#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INTERRUPT_MS 1000 /* an interruption that came too early is repeated */
#define INTERRUPTS   5

int64_t child_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- start and end ---- */

/* Between fork and exec: nothing here may need a lock. The socket is standard input; both outputs stay what
 * they are, and nothing else is open. */
static void become(const char *const *argv, int fd, pid_t parent)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    int i;

    for (i = 1; i < NSIG; i++)
        sigaction(i, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent || dup2(fd, STDIN_FILENO) < 0)
        _exit(127);
    close_range(3, UINT_MAX, 0);
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

int child_start(struct child *child, const char *const *argv)
{
    pid_t parent = getpid();
    int fds[2], error;

    if (access(argv[0], X_OK) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return 0;
    child->pid = fork();
    if (child->pid == 0)
        become(argv, fds[1], parent);
    error = errno;
    close(fds[1]);
    child->fd = fds[0];
    child->pid_fd = child->pid > 0 ? pidfd_open(child->pid, 0) : -1;
    if (child->pid_fd >= 0 && fcntl(child->fd, F_SETFL, O_NONBLOCK) == 0)
        return 1;
    if (child->pid > 0) {
        error = errno;
        child_end(child, 0);
    } else {
        close(child->fd);
    }
    errno = error;
    return 0;
}

int child_is_dead(const struct child *child)
{
    struct pollfd poll_fd = {.fd = child->fd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) != 0;
}

void child_end(struct child *child, int grace_ms)
{
    struct pollfd poll_fd = {.fd = child->pid_fd, .events = POLLIN};

    close(child->fd);
    if (child->pid_fd < 0 || poll(&poll_fd, 1, grace_ms) <= 0)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (child->pid_fd >= 0)
        close(child->pid_fd);
}

/* ---- an exchange ---- */

struct transfer {
    struct child *child;
    int64_t deadline;
    int cancel_fds[2];   /* -1: none, or seen */
    enum exchange state; /* why it has not come to its end */
    int interrupts;
};

static void interrupt(struct transfer *transfer, enum exchange state)
{
    if (transfer->state == EXCHANGE_DONE)
        transfer->state = state;
    transfer->cancel_fds[0] = transfer->cancel_fds[1] = -1;
    if (transfer->interrupts++ < INTERRUPTS)
        kill(transfer->child->pid, SIGINT);
    else
        transfer->state = EXCHANGE_LOST;
    transfer->deadline = child_now() + INTERRUPT_MS;
}

/* Waits until the socket can be used; 0: it never will be. */
static int await(struct transfer *transfer, short events)
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = transfer->child->fd, .events = events},
                                {.fd = transfer->cancel_fds[0], .events = POLLRDHUP},
                                {.fd = transfer->cancel_fds[1], .events = POLLIN}};
        int64_t left = transfer->deadline - child_now();
        int n = poll(fds, 3, left > 0 ? (int)left : 0);

        if (n < 0 && errno != EINTR)
            return 0;
        if (n > 0 && fds[0].revents != 0)
            return 1;
        if (n > 0)
            interrupt(transfer, EXCHANGE_CANCELLED);
        else if (child_now() >= transfer->deadline)
            interrupt(transfer, EXCHANGE_TIMEOUT);
        if (transfer->interrupts > INTERRUPTS)
            return 0;
    }
}

static int send_all(struct transfer *transfer, const void *data, size_t len, int flags)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = send(transfer->child->fd, p, len, MSG_NOSIGNAL | flags);

        if (n < 0 && errno == EAGAIN && await(transfer, POLLOUT))
            continue;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return 0;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

static int receive_all(struct transfer *transfer, void *data, size_t len)
{
    char *p = data;

    while (len > 0) {
        ssize_t n = recv(transfer->child->fd, p, len, 0);

        if (n < 0 && errno == EAGAIN && await(transfer, POLLIN))
            continue;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        p += n;
        len -= (size_t)n;
    }
    return 1;
}

enum exchange child_exchange(struct child *child, const char *request, size_t request_len, int64_t deadline,
                             const int cancel_fds[2], char **text, size_t *len)
{
    struct transfer transfer = {
        .child = child, .deadline = deadline, .cancel_fds = {cancel_fds[0], cancel_fds[1]}};
    unsigned char header[4];

    *text = NULL;
    *len = 0;
    frame_header(header, request_len);
    if (send_all(&transfer, header, sizeof(header), MSG_MORE) &&
        send_all(&transfer, request, request_len, 0) && receive_all(&transfer, header, sizeof(header)) &&
        (*len = frame_length(header)) <= FRAME_ANSWER_MAX && (*text = OPENSSL_malloc(*len + 1)) != NULL) {
        (*text)[*len] = '\0';
        if (receive_all(&transfer, *text, *len))
            return transfer.state;
    }
    if (*text != NULL)
        OPENSSL_clear_free(*text, *len + 1);
    *text = NULL;
    return transfer.state != EXCHANGE_DONE ? transfer.state : EXCHANGE_LOST;
}
