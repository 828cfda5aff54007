// SPDX-License-Identifier: Apache-2.0
/* Answers to challenges that need no other program: real sockets, real files. */
#include "tools/acme/challenge.h"

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct acme *acme;
static char error_text[4096], progress_text[4096];
static char folder[] = "/tmp/signet-acme.XXXXXX";

static void on_error(void *arg, const char *text)
{
    (void)arg;
    snprintf(error_text, sizeof(error_text), "%s", text);
}

static void on_progress(void *arg, const char *text)
{
    (void)arg;
    snprintf(progress_text, sizeof(progress_text), "%s", text);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return 0;
}

static int raised(const char *text)
{
    int there = strstr(error_text, text) != NULL;

    if (!there)
        fprintf(stderr, "raised '%s' and not '%s'\n", error_text, text);
    *error_text = '\0';
    return there;
}

static struct acme_challenge challenge = {
    .identifier = "www.example.com",
    .token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA",
    .key_authorization =
        "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
};

/* ---- sockets ---- */

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CU_ASSERT_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&in, len) == 0 &&
                    getsockname(fd, (struct sockaddr *)&in, &len) == 0);
    close(fd);
    return ntohs(in.sin_port);
}

static int dial(const char *address, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct timeval patience = {20, 0};
    int is_6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1, fd;

    inet_pton(AF_INET, address, &in.sin_addr);
    fd = socket(is_6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (fd >= 0 && connect(fd, is_6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
                           is_6 ? sizeof(in6) : sizeof(in)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Everything until the server closes; -1: it did not, or not in peace. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while ((n = recv(fd, text + len, size - 1 - len, 0)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return n < 0 ? -1 : (ssize_t)len;
}

/* The status of the answer to these bytes; 0: there was none. */
static int ask(const char *address, uint16_t port, const char *request, char *answer, size_t size)
{
    int fd = dial(address, port), status = 0;

    *answer = '\0';
    if (fd < 0)
        return 0;
    send(fd, request, strlen(request), MSG_NOSIGNAL);
    read_all(fd, answer, size);
    close(fd);
    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

/* ---- http-01, our own server ---- */

static void *open_responder(uint16_t *port, const char *address)
{
    struct acme_solver_config config = {.type = ACME_HTTP_01, .address = address};
    void *solver;

    *port = config.port = free_port();
    solver = acme_http01_responder.open(acme, &config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    return solver;
}

static void responder_answers(void)
{
    char request[512], answer[4096], hint[512];
    uint16_t port;
    void *solver = open_responder(&port, "127.0.0.1");

    CU_ASSERT(acme_http01_responder.begin(solver, &challenge));
    acme_http01_responder.hint(solver, &challenge, hint, sizeof(hint));
    CU_ASSERT_PTR_NOT_NULL(strstr(hint, "is port 80 reachable from the internet, and does www.example.com"));
    snprintf(request, sizeof(request), "GET /.well-known/acme-challenge/%s HTTP/1.1\r\nHost: x\r\n\r\n",
             challenge.token);
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, request, answer, sizeof(answer)), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\r\nContent-Type: application/octet-stream\r\n"));
    CU_ASSERT_STRING_EQUAL(strstr(answer, "\r\n\r\n"), "\r\n\r\nevaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA."
                                                       "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI");
    acme_http01_responder.hint(solver, &challenge, hint, sizeof(hint));
    CU_ASSERT_PTR_NOT_NULL(strstr(hint, "fetched"));
    snprintf(request, sizeof(request), "HEAD /.well-known/acme-challenge/%s HTTP/1.0\r\n\r\n",
             challenge.token);
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, request, answer, sizeof(answer)), 200);
    CU_ASSERT_STRING_EQUAL(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    snprintf(request, sizeof(request),
             "GET http://www.example.com/.well-known/acme-challenge/%s HTTP/1.1\r\nHost: x\r\n\r\n",
             challenge.token);
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, request, answer, sizeof(answer)), 200);
    /* What is over is forgotten. */
    acme_http01_responder.end(solver, &challenge, 1);
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, request, answer, sizeof(answer)), 404);
    acme_http01_responder.close(solver);
    CU_ASSERT_EQUAL(dial("127.0.0.1", port), -1);
}

static void responder_refuses(void)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/ HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/../acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA "
        "HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA/ HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-o HTTP/1.1\r\n\r\n",
        "POST /.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA HTTP/1.1\r\n\r\n",
    };
    char answer[4096], *large = malloc(20001);
    uint16_t port;
    void *solver = open_responder(&port, "127.0.0.1");
    size_t i;

    CU_ASSERT(acme_http01_responder.begin(solver, &challenge));
    for (i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        CU_ASSERT_EQUAL(ask("127.0.0.1", port, requests[i], answer, sizeof(answer)), 404);
        CU_ASSERT_PTR_NULL(strstr(answer, "9jg46WB3rR"));
    }
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, "nonsense\r\n\r\n", answer, sizeof(answer)), 400);
    memset(large, 'a', 20000);
    large[20000] = '\0';
    memcpy(large, "GET /", 5);
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, large, answer, sizeof(answer)), 431);
    free(large);
    acme_http01_responder.end(solver, &challenge, 0);
    acme_http01_responder.close(solver);
}

/* A byte now and then keeps no connection, and many of them keep nobody out for long. */
static void responder_is_bounded(void)
{
    char request[512], answer[4096];
    uint16_t port;
    void *solver = open_responder(&port, "127.0.0.1");
    time_t start = time(NULL);
    int fds[100], i;

    CU_ASSERT(acme_http01_responder.begin(solver, &challenge));
    for (i = 0; i < 100; i++) {
        fds[i] = dial("127.0.0.1", port);
        CU_ASSERT(fds[i] >= 0);
    }
    for (i = 0; i < 20; i++) {
        const struct timespec tick = {0, 300000000};

        if (send(fds[0], "G", 1, MSG_NOSIGNAL) < 0)
            break;
        nanosleep(&tick, NULL);
    }
    CU_ASSERT(i < 20 || recv(fds[0], answer, 1, 0) <= 0);
    CU_ASSERT(time(NULL) - start < 10);
    snprintf(request, sizeof(request), "GET /.well-known/acme-challenge/%s HTTP/1.1\r\n\r\n",
             challenge.token);
    CU_ASSERT_EQUAL(ask("127.0.0.1", port, request, answer, sizeof(answer)), 200);
    for (i = 0; i < 100; i++)
        close(fds[i]);
    /* Connections that stand do not keep it from ending. */
    fds[0] = dial("127.0.0.1", port);
    acme_http01_responder.end(solver, &challenge, 1);
    acme_http01_responder.close(solver);
    close(fds[0]);
}

static void responder_listens(void)
{
    struct acme_solver_config config = {.type = ACME_HTTP_01};
    char answer[4096];
    uint16_t port;
    void *solver = open_responder(&port, NULL);

    CU_ASSERT_EQUAL(ask("127.0.0.1", port, "GET / HTTP/1.1\r\n\r\n", answer, sizeof(answer)), 404);
    /* Only where the machine has IPv6 at all. */
    if (access("/proc/sys/net/ipv6/conf/lo", F_OK) == 0)
        CU_ASSERT_EQUAL(ask("::1", port, "GET / HTTP/1.1\r\n\r\n", answer, sizeof(answer)), 404);
    config.port = port;
    CU_ASSERT_PTR_NULL(acme_http01_responder.open(acme, &config));
    CU_ASSERT(raised("is used by another program: give that server's document root as webroot, or stop it"));
    acme_http01_responder.close(solver);
    config.address = "nowhere";
    CU_ASSERT_PTR_NULL(acme_http01_responder.open(acme, &config));
    CU_ASSERT(raised("nowhere is not an address to listen on"));
}

/* ---- http-01, somebody else's server ---- */

static const char *path_in(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int mode_of(const char *name)
{
    struct stat st;

    return lstat(path_in(name), &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

#define CHALLENGE_FILE ".well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

static void webroot_writes(void)
{
    struct acme_solver_config config = {.type = ACME_HTTP_01, .webroot = folder};
    mode_t before = umask(077);
    void *solver = acme_http01_webroot.open(acme, &config);
    char text[256] = "";
    FILE *file;

    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    CU_ASSERT(acme_http01_webroot.begin(solver, &challenge));
    umask(before);
    CU_ASSERT_EQUAL(mode_of(".well-known"), 0755);
    CU_ASSERT_EQUAL(mode_of(".well-known/acme-challenge"), 0755);
    CU_ASSERT_EQUAL(mode_of(CHALLENGE_FILE), 0644);
    file = fopen(path_in(CHALLENGE_FILE), "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof(text), file));
    fclose(file);
    CU_ASSERT_STRING_EQUAL(text, challenge.key_authorization);
    /* A second try, over what the first has left behind. */
    CU_ASSERT(acme_http01_webroot.begin(solver, &challenge));
    acme_http01_webroot.end(solver, &challenge, 1);
    CU_ASSERT_EQUAL(mode_of(CHALLENGE_FILE), -1);
    acme_http01_webroot.close(solver);
    CU_ASSERT_EQUAL(mode_of(".well-known"), -1);
}

static void webroot_leaves_what_is_not_its_own(void)
{
    struct acme_solver_config config = {.type = ACME_HTTP_01, .webroot = folder};
    void *solver;

    CU_ASSERT_EQUAL(mkdir(path_in(".well-known"), 0700), 0);
    solver = acme_http01_webroot.open(acme, &config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    CU_ASSERT(acme_http01_webroot.begin(solver, &challenge));
    acme_http01_webroot.end(solver, &challenge, 0);
    acme_http01_webroot.close(solver);
    CU_ASSERT_EQUAL(mode_of(".well-known/acme-challenge"), -1);
    CU_ASSERT_EQUAL(mode_of(".well-known"), 0700);
    CU_ASSERT_EQUAL(rmdir(path_in(".well-known")), 0);
}

static void webroot_follows_no_link(void)
{
    struct acme_solver_config config = {.type = ACME_HTTP_01, .webroot = folder};
    struct acme_challenge up = challenge;
    char elsewhere[512], victim[512];
    void *solver;

    snprintf(elsewhere, sizeof(elsewhere), "%s", path_in("elsewhere"));
    CU_ASSERT_EQUAL(mkdir(elsewhere, 0755), 0);
    CU_ASSERT_EQUAL(symlink(elsewhere, path_in(".well-known")), 0);
    CU_ASSERT_PTR_NULL(acme_http01_webroot.open(acme, &config));
    CU_ASSERT(raised("it is a link or no folder"));
    CU_ASSERT_EQUAL(unlink(path_in(".well-known")), 0);
    CU_ASSERT_EQUAL(mkdir(path_in(".well-known"), 0755), 0);
    CU_ASSERT_EQUAL(symlink(elsewhere, path_in(".well-known/acme-challenge")), 0);
    CU_ASSERT_PTR_NULL(acme_http01_webroot.open(acme, &config));
    CU_ASSERT(raised("it is a link or no folder"));
    CU_ASSERT_EQUAL(unlink(path_in(".well-known/acme-challenge")), 0);
    /* The file itself: replaced, not written through. */
    solver = acme_http01_webroot.open(acme, &config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    snprintf(victim, sizeof(victim), "%s", path_in("elsewhere/victim"));
    CU_ASSERT_EQUAL(symlink(victim, path_in(CHALLENGE_FILE)), 0);
    CU_ASSERT(acme_http01_webroot.begin(solver, &challenge));
    CU_ASSERT_EQUAL(mode_of("elsewhere/victim"), -1);
    CU_ASSERT_EQUAL(mode_of(CHALLENGE_FILE), 0644);
    acme_http01_webroot.end(solver, &challenge, 1);
    up.token = "../../up";
    CU_ASSERT(!acme_http01_webroot.begin(solver, &up));
    CU_ASSERT(raised("not base64url"));
    acme_http01_webroot.close(solver);
    CU_ASSERT_EQUAL(rmdir(path_in(".well-known")), 0);
    CU_ASSERT_EQUAL(rmdir(elsewhere), 0);
    config.webroot = "/nonexistent";
    CU_ASSERT_PTR_NULL(acme_http01_webroot.open(acme, &config));
    CU_ASSERT(raised("webroot /nonexistent: No such file"));
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"http-01: the response, and nothing else", responder_answers},
        {"http-01: other requests", responder_refuses},
        {"http-01: slow and many clients", responder_is_bounded},
        {"http-01: addresses and ports", responder_listens},
        {"webroot: files and folders", webroot_writes},
        {"webroot: what was there before", webroot_leaves_what_is_not_its_own},
        {"webroot: links", webroot_follows_no_link},
        CU_TEST_INFO_NULL,
    };
    const struct acme_config config = {.directory_url = "https://localhost/directory",
                                       .ca_file = "/nonexistent",
                                       .error = on_error,
                                       .progress = on_progress,
                                       .is_cancelled = is_cancelled};
    int status;

    acme = acme_new(&config);
    if (acme == NULL || mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    status = unit_run("acme_challenge", tests);
    if (rmdir(folder) != 0)
        status = EXIT_FAILURE;
    acme_free(acme);
    return status;
}
