// SPDX-License-Identifier: Apache-2.0
/*
 * An HTTPS server that sends what it is told to, well-formed or not: acme_server CERT KEY PORT FOLDER.
 *
 * A request for /NAME is answered with the file NAME as it is, status line and all, and the connection
 * closed. If there is a file NAME.N, it is the answer to the Nth request (from 1). Of NAME.slow one byte is
 * sent a second; without a file there is no answer. The body of a POST is left in NAME.post.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAX (1 << 16)

static const char *folder;

static void die(const char *what)
{
    fprintf(stderr, "acme_server: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

/* The whole request; returns where its body begins, or NULL. */
static char *read_request(SSL *ssl, char *request)
{
    size_t len = 0, wanted = 0;
    char *body = NULL, *header;
    int n;

    while (len < REQUEST_MAX - 1 && (n = SSL_read(ssl, request + len, (int)(REQUEST_MAX - 1 - len))) > 0) {
        len += (size_t)n;
        request[len] = '\0';
        if (body == NULL && (body = strstr(request, "\r\n\r\n")) != NULL) {
            body += 4;
            header = strcasestr(request, "\r\ncontent-length:");
            wanted = header != NULL && header < body ? strtoul(header + 17, NULL, 10) : 0;
        }
        if (body != NULL && len >= (size_t)(body - request) + wanted)
            return body;
    }
    return NULL;
}

static FILE *open_file(const char *name, const char *suffix, const char *mode)
{
    char path[1024];

    snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    return fopen(path, mode);
}

/* How often this was asked for, counted in NAME.count so that a test can begin anew. */
static int count(const char *name)
{
    FILE *file = open_file(name, ".count", "r");
    int n = 0;

    if (file != NULL) {
        if (fscanf(file, "%d", &n) != 1)
            n = 0;
        fclose(file);
    }
    file = open_file(name, ".count", "w");
    if (file == NULL)
        die("the folder can't be written");
    fprintf(file, "%d\n", n + 1);
    fclose(file);
    return n + 1;
}

static void send_file(SSL *ssl, FILE *file, size_t at_once, useconds_t pause)
{
    char data[4096];
    size_t n;

    while ((n = fread(data, 1, at_once, file)) > 0 && SSL_write(ssl, data, (int)n) > 0) {
        if (pause > 0)
            usleep(pause);
    }
    fclose(file);
}

static void serve(SSL *ssl)
{
    static char request[REQUEST_MAX];
    char name[128], suffix[16], *body;
    FILE *file;

    if (SSL_accept(ssl) != 1 || (body = read_request(ssl, request)) == NULL ||
        sscanf(request, "%*s /%100[A-Za-z0-9_-]", name) != 1)
        return;
    snprintf(suffix, sizeof(suffix), ".%d", count(name));
    if (*body != '\0' && (file = open_file(name, ".post", "w")) != NULL) {
        fputs(body, file);
        fclose(file);
    }
    if ((file = open_file(name, suffix, "r")) != NULL || (file = open_file(name, "", "r")) != NULL)
        send_file(ssl, file, 4096, 0);
    else if ((file = open_file(name, ".slow", "r")) != NULL)
        send_file(ssl, file, 1, 1000000);
    SSL_shutdown(ssl);
}

int main(int argc, char **argv)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, client;

    if (argc != 5)
        die("usage: acme_server CERT KEY PORT FOLDER");
    in.sin_port = htons((uint16_t)atoi(argv[3]));
    folder = argv[4];
    signal(SIGPIPE, SIG_IGN);
    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
        die("the certificate");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || listen(fd, 16) != 0)
        die("the port");
    while ((client = accept(fd, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(ctx);

        if (ssl != NULL && SSL_set_fd(ssl, client) == 1)
            serve(ssl);
        SSL_free(ssl);
        close(client);
    }
    die("accept");
}
