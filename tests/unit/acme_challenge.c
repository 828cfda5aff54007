// SPDX-License-Identifier: Apache-2.0
/* Answers to challenges that need no other program: real sockets, real files. */
#include "tools/acme/challenge.h"
#include "tools/acme/hook.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
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

static int cancelled;

static int is_cancelled(void *arg)
{
    (void)arg;
    return cancelled;
}

static int is_running(int pid)
{
    char path[64], line[256] = "", state = 'X';
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) != NULL)
        sscanf(strrchr(line, ')'), ") %c", &state);
    fclose(file);
    return state != 'Z' && state != 'X';
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
    .value = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0",
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

/* ---- tls-alpn-01 ---- */

static const unsigned char acme_tls[] = "\x0a"
                                        "acme-tls/1";

struct shown {
    int is_connected;
    char san[128];
    unsigned char identifier[64]; /* the extension's value */
    int identifier_len, is_critical;
    char alpn[32];
    int version;
};

/* A handshake as a CA does it. alpn NULL: no such extension. */
static struct shown shake(uint16_t port, const char *sni, const unsigned char *alpn, size_t alpn_len,
                          int max_version)
{
    struct shown shown = {0};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = dial("127.0.0.1", port), at;
    const unsigned char *selected;
    unsigned selected_len;
    X509 *certificate;
    ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);

    CU_ASSERT_FATAL(fd >= 0);
    /* The lowest that OpenSSL still has, at a level that would allow it. */
    SSL_set_security_level(ssl, 0);
    SSL_set_min_proto_version(ssl, TLS1_VERSION);
    SSL_set_max_proto_version(ssl, max_version);
    SSL_set_fd(ssl, fd);
    if (sni != NULL)
        SSL_set_tlsext_host_name(ssl, sni);
    if (alpn != NULL)
        SSL_set_alpn_protos(ssl, alpn, (unsigned)alpn_len);
    shown.is_connected = SSL_connect(ssl) == 1;
    shown.version = SSL_version(ssl);
    SSL_get0_alpn_selected(ssl, &selected, &selected_len);
    snprintf(shown.alpn, sizeof(shown.alpn), "%.*s", (int)selected_len,
             selected != NULL ? (const char *)selected : "");
    certificate = shown.is_connected ? SSL_get1_peer_certificate(ssl) : NULL;
    if (certificate != NULL) {
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, 0);
        int len = ASN1_STRING_length(name->d.ia5), i, n;

        CU_ASSERT_EQUAL(sk_GENERAL_NAME_num(names), 1);
        n = snprintf(shown.san, sizeof(shown.san), "%d:", name->type);
        for (i = 0; i < len; i++)
            n += snprintf(shown.san + n, sizeof(shown.san) - (size_t)n, name->type == GEN_DNS ? "%c" : "%02x",
                          ASN1_STRING_get0_data(name->d.ia5)[i]);
        GENERAL_NAMES_free(names);
        at = X509_get_ext_by_OBJ(certificate, object, -1);
        if (at >= 0) {
            X509_EXTENSION *extension = X509_get_ext(certificate, at);
            const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(extension);

            shown.is_critical = X509_EXTENSION_get_critical(extension);
            shown.identifier_len = ASN1_STRING_length(data);
            memcpy(shown.identifier, ASN1_STRING_get0_data(data), 34);
        }
        CU_ASSERT_EQUAL(X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
        CU_ASSERT_EQUAL(X509_get_version(certificate), X509_VERSION_3);
        X509_free(certificate);
    }
    ERR_clear_error();
    ASN1_OBJECT_free(object);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return shown;
}

static void *open_alpn(uint16_t *port)
{
    struct acme_solver_config config = {.type = ACME_TLS_ALPN_01, .address = "127.0.0.1"};
    void *solver;

    *port = config.port = free_port();
    solver = acme_tls_alpn01.open(acme, &config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    return solver;
}

static void alpn_shows(void)
{
    struct acme_challenge four = challenge, six = challenge;
    char hint[512];
    uint16_t port;
    void *solver = open_alpn(&port);
    struct shown shown;

    four.identifier = "192.0.2.7";
    six.identifier = "2001:db8::1";
    four.is_ip = six.is_ip = 1;
    four.token = "four";
    six.token = "six";
    memset(challenge.digest, 0xd1, sizeof(challenge.digest));
    CU_ASSERT_FATAL(acme_tls_alpn01.begin(solver, &challenge) && acme_tls_alpn01.begin(solver, &four) &&
                    acme_tls_alpn01.begin(solver, &six));
    acme_tls_alpn01.hint(solver, &challenge, hint, sizeof(hint));
    CU_ASSERT_PTR_NOT_NULL(strstr(hint, "is port 443 reachable"));
    shown = shake(port, "WWW.example.com", acme_tls, sizeof(acme_tls) - 1, TLS1_3_VERSION);
    CU_ASSERT(shown.is_connected && shown.version == TLS1_3_VERSION);
    CU_ASSERT_STRING_EQUAL(shown.alpn, "acme-tls/1");
    CU_ASSERT_STRING_EQUAL(shown.san, "2:www.example.com");
    CU_ASSERT(shown.is_critical == 1 && shown.identifier_len == 34);
    CU_ASSERT(memcmp(shown.identifier, "\x04\x20", 2) == 0 &&
              memcmp(shown.identifier + 2, challenge.digest, 32) == 0);
    shown = shake(port, "www.example.com", acme_tls, sizeof(acme_tls) - 1, TLS1_2_VERSION);
    CU_ASSERT(shown.is_connected && shown.version == TLS1_2_VERSION);
    shown = shake(port, "7.2.0.192.in-addr.arpa", acme_tls, sizeof(acme_tls) - 1, TLS1_3_VERSION);
    CU_ASSERT_STRING_EQUAL(shown.san, "7:c0000207");
    shown = shake(port, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", acme_tls,
                  sizeof(acme_tls) - 1, TLS1_3_VERSION);
    CU_ASSERT_STRING_EQUAL(shown.san, "7:20010db8000000000000000000000001");
    acme_tls_alpn01.hint(solver, &challenge, hint, sizeof(hint));
    CU_ASSERT_PTR_NOT_NULL(strstr(hint, "shown here"));
    acme_tls_alpn01.end(solver, &challenge, 1);
    CU_ASSERT(!shake(port, "www.example.com", acme_tls, sizeof(acme_tls) - 1, TLS1_3_VERSION).is_connected);
    acme_tls_alpn01.close(solver);
    memset(challenge.digest, 0, sizeof(challenge.digest));
}

static void alpn_refuses(void)
{
    static const unsigned char http[] = "\x02h2\x08http/1.1";
    static const unsigned char both[] = "\x02h2\x0a"
                                        "acme-tls/1";
    uint16_t port;
    void *solver = open_alpn(&port);

    CU_ASSERT_FATAL(acme_tls_alpn01.begin(solver, &challenge));
    CU_ASSERT(shake(port, "www.example.com", both, sizeof(both) - 1, TLS1_3_VERSION).is_connected);
    CU_ASSERT(!shake(port, "www.example.com", NULL, 0, TLS1_3_VERSION).is_connected);
    CU_ASSERT(!shake(port, "www.example.com", http, sizeof(http) - 1, TLS1_3_VERSION).is_connected);
    CU_ASSERT(!shake(port, "example.com", acme_tls, sizeof(acme_tls) - 1, TLS1_3_VERSION).is_connected);
    CU_ASSERT(!shake(port, NULL, acme_tls, sizeof(acme_tls) - 1, TLS1_3_VERSION).is_connected);
    CU_ASSERT(!shake(port, "www.example.com", acme_tls, sizeof(acme_tls) - 1, TLS1_1_VERSION).is_connected);
    acme_tls_alpn01.end(solver, &challenge, 0);
    acme_tls_alpn01.close(solver);
}

/* ---- hooks ---- */

static void write_hook(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_in(name), "w");

    CU_ASSERT_FATAL(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    CU_ASSERT_EQUAL(chmod(path_in(name), mode), 0);
}

static void read_file(const char *name, char *text, size_t size)
{
    FILE *file = fopen(path_in(name), "r");

    *text = '\0';
    if (file == NULL)
        return;
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* The arguments, one in brackets each, of every call; then what else it has been given. */
#define TELLING                                                                                              \
    "#!/bin/sh\nexec >>\"${0%/*}/calls\"\nprintf '[%s]' \"$@\"; echo\n"                                      \
    "ls /proc/self/fd | tr '\\n' ' ' >\"${0%/*}/fds\"\ncat >\"${0%/*}/input\"\n"                             \
    "echo \"$LD_LIBRARY_PATH$OPENSSL_CONF$CHALLENGE_TEST\" >\"${0%/*}/environment\"\n"

static void check_calls(enum acme_hook_kind kind, const char *alias, const char *expected)
{
    struct acme_solver_config config = {
        .type = ACME_DNS_01, .hook_kind = kind, .hook = path_in("hook"), .dns_alias = alias};
    char hook[512], calls[2048];
    void *solver;

    snprintf(hook, sizeof(hook), "%s", config.hook);
    config.hook = hook;
    solver = acme_dns01.open(acme, &config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    CU_ASSERT(acme_dns01.begin(solver, &challenge));
    acme_dns01.end(solver, &challenge, 1);
    CU_ASSERT(acme_dns01.begin(solver, &challenge));
    acme_dns01.end(solver, &challenge, 0);
    acme_dns01.close(solver);
    read_file("calls", calls, sizeof(calls));
    if (strcmp(calls, expected) != 0)
        fprintf(stderr, "called\n%swanted\n%s", calls, expected);
    CU_ASSERT_STRING_EQUAL(calls, expected);
    unlink(path_in("calls"));
}

#define T "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define V "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"

static void hook_is_called(void)
{
    char text[256];

    setenv("OPENSSL_CONF", "not this", 1);
    setenv("CHALLENGE_TEST", "but this", 1);
    write_hook("hook", TELLING, 0755);
    check_calls(
        ACME_HOOK_SIGNET, NULL,
        "[begin][dns-01][www.example.com][" T "][" V "]\n[done][dns-01][www.example.com][" T "][" V "]\n"
        "[begin][dns-01][www.example.com][" T "][" V "]\n[failed][dns-01][www.example.com][" T "][" V "]\n");
    unsetenv("OPENSSL_CONF");
    read_file("fds", text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "0 1 2 3 "); /* 3: ls has the folder open */
    read_file("input", text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    read_file("environment", text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "but this\n");
    check_calls(ACME_HOOK_DEHYDRATED, NULL,
                "[deploy_challenge][www.example.com][" T "][" V "]\n[clean_challenge][www.example.com][" T
                "][" V "]\n"
                "[deploy_challenge][www.example.com][" T "][" V "]\n"
                "[clean_challenge][www.example.com][" T "][" V "]\n");
    check_calls(ACME_HOOK_LEGO, NULL,
                "[present][_acme-challenge.www.example.com.][" V
                "]\n[cleanup][_acme-challenge.www.example.com.][" V
                "]\n[present][_acme-challenge.www.example.com.][" V "]\n"
                "[cleanup][_acme-challenge.www.example.com.][" V "]\n");
    unlink(path_in("fds"));
    unlink(path_in("input"));
    unlink(path_in("environment"));
    unlink(path_in("hook"));
}

/* Is a solver with this hook refused, and for this? */
static int is_refused(const char *hook, enum acme_hook_kind kind, const char *alias, const char *text)
{
    struct acme_solver_config config = {
        .type = ACME_DNS_01, .hook_kind = kind, .hook = hook, .dns_alias = alias};
    void *solver = acme_dns01.open(acme, &config);

    if (solver == NULL)
        return raised(text);
    acme_dns01.close(solver);
    return 0;
}

static void hook_is_refused(void)
{
    CU_ASSERT(is_refused(NULL, ACME_HOOK_SIGNET, NULL, "dns-01 needs a hook"));
    CU_ASSERT(is_refused("true", ACME_HOOK_SIGNET, NULL, "expected an absolute path"));
    CU_ASSERT(is_refused("/nonexistent", ACME_HOOK_SIGNET, NULL, "No such file"));
    CU_ASSERT(is_refused("/", ACME_HOOK_SIGNET, NULL, "not a file"));
    write_hook("hook", "#!/bin/sh\n", 0775);
    CU_ASSERT(is_refused(path_in("hook"), ACME_HOOK_SIGNET, NULL, "others can write it"));
    CU_ASSERT_EQUAL(chmod(path_in("hook"), 0644), 0);
    CU_ASSERT(is_refused(path_in("hook"), ACME_HOOK_SIGNET, NULL, "not executable"));
    CU_ASSERT_EQUAL(chmod(path_in("hook"), 0755), 0);
    CU_ASSERT(is_refused(path_in("hook"), ACME_HOOK_DEHYDRATED, "challenges.example.net",
                         "begin with _acme-challenge."));
    /* Only root can give files away. */
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(chown(path_in("hook"), 65534, 65534), 0);
        CU_ASSERT(is_refused(path_in("hook"), ACME_HOOK_SIGNET, NULL, "neither root nor you"));
    }
    unlink(path_in("hook"));
}

/* A hook with this text: its error must have this in it. */
static void check_failure(const char *script, const char *text)
{
    const char *argv[] = {NULL, "begin", NULL};
    char hook[512];

    write_hook("hook", script, 0755);
    snprintf(hook, sizeof(hook), "%s", path_in("hook"));
    argv[0] = hook;
    CU_ASSERT(!acme_hook_run(acme, argv, 1));
    CU_ASSERT(raised(text));
    acme_hook_clean(acme, argv, 1);
    CU_ASSERT(strncmp(progress_text, "warning: hook ", 14) == 0 && strstr(progress_text, text) != NULL);
    unlink(hook);
}

static void hook_fails(void)
{
    const struct timespec tick = {0, 50000000};
    struct timespec start, end;
    char pid[32];
    int i;

    check_failure("#!/bin/sh\necho one; echo two >&2; exit 3\n", "exit status 3: one two");
    check_failure("#!/bin/sh\nexit 4\n", "exit status 4: it says nothing of the cause");
    check_failure("#!/bin/sh\nkill -9 $$\n", "ended by signal 9");
    check_failure("#!/bin/sh\nprintf '\\033[2Jred\\n'; exit 1\n", "?[2Jred");
    /* More than a pipe holds; only the end of it is told. */
    check_failure("#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x; echo; echo last; exit 1\n", "last");
    check_failure("not a program\n", "Exec format error");
    /* Too slow; neither it nor its child heeds SIGTERM. */
    clock_gettime(CLOCK_MONOTONIC, &start);
    check_failure("#!/bin/sh\ntrap '' TERM\necho slow\nsleep 60 & echo $! >\"${0%/*}/pid\"; wait; sleep 60\n",
                  "ended after 1 seconds: slow");
    clock_gettime(CLOCK_MONOTONIC, &end);
    CU_ASSERT(end.tv_sec - start.tv_sec < 20);
    read_file("pid", pid, sizeof(pid));
    /* Being killed takes a moment. */
    for (i = 0; i < 100 && is_running(atoi(pid)); i++)
        nanosleep(&tick, NULL);
    CU_ASSERT(atoi(pid) > 0 && i < 100);
    unlink(path_in("pid"));
    /* Cancelled. */
    cancelled = 1;
    write_hook("hook", "#!/bin/sh\nsleep 60\n", 0755);
    {
        const char *argv[] = {path_in("hook"), "begin", NULL};

        CU_ASSERT(!acme_hook_run(acme, argv, 30));
        CU_ASSERT(raised("interrupted"));
        /* Cleaning up is done all the same. */
        write_hook("hook", TELLING, 0755);
        acme_hook_clean(acme, argv, 30);
        CU_ASSERT_EQUAL(mode_of("calls") & 0600, 0600);
    }
    cancelled = 0;
    unlink(path_in("calls"));
    unlink(path_in("fds"));
    unlink(path_in("input"));
    unlink(path_in("environment"));
    unlink(path_in("hook"));
}

/* Nothing of a CA's making that is more than it should be reaches a program. */
static void hook_gets_only_what_is_harmless(void)
{
    static const char *const names[] = {
        "-rf.example.com", "www.example.com;id", "$(id).example.com", "../example.com", "", "a b"};
    struct acme_solver_config config = {.type = ACME_DNS_01, .hook = "/bin/false"};
    struct acme_challenge bad;
    void *solver = acme_dns01.open(acme, &config);
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(solver);
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        bad = challenge;
        bad.identifier = names[i];
        CU_ASSERT(!acme_dns01.begin(solver, &bad));
        CU_ASSERT(raised("not one that a hook can be called with"));
    }
    bad = challenge;
    bad.token = "a/b";
    CU_ASSERT(!acme_dns01.begin(solver, &bad));
    CU_ASSERT(raised("not one that a hook can be called with"));
    bad = challenge;
    bad.identifier = "192.0.2.1";
    bad.is_ip = 1;
    CU_ASSERT(!acme_dns01.begin(solver, &bad));
    CU_ASSERT(raised("use http-01 or tls-alpn-01"));
    acme_dns01.close(solver);
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
        {"tls-alpn-01: certificates", alpn_shows},
        {"tls-alpn-01: other handshakes", alpn_refuses},
        {"hook: the conventions", hook_is_called},
        {"hook: programs that are not run", hook_is_refused},
        {"hook: failures", hook_fails},
        {"hook: hostile challenges", hook_gets_only_what_is_harmless},
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
