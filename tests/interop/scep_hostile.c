// SPDX-License-Identifier: Apache-2.0
/*
 * scep_hostile CA-FILE: a SCEP server that lies. The path of a request says how, /good not at all. It makes a
 * CA, another of the same name, writes the certificate of the first to CA-FILE, and its port to the standard
 * output.
 */
#include "tools/scep/scep.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX (1 << 20)
#define HUGE        (3 << 20)

static struct authority {
    EVP_PKEY *key;
    X509 *x509;
} ca, other;
static EVP_PKEY *stranger; /* somebody's key */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "scep_hostile: %s\n", what);
    exit(1);
}

/* ---- certificates ---- */

static X509 *make(const char *cn, X509_NAME *subject, EVP_PKEY *public, const struct authority *issuer,
                  int is_ca)
{
    X509 *x509 = X509_new();
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
    X509_NAME *name = X509_get_subject_name(x509);
    unsigned char serial[8];

    RAND_bytes(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x7f) | 0x40; /* a DER INTEGER has no zero too many in front */
    constraints->ca = is_ca ? 0xff : 0;
    if (subject != NULL)
        X509_set_subject_name(x509, subject);
    else
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_STRING_set(X509_get_serialNumber(x509), serial, sizeof(serial));
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400L * 100);
    X509_set_issuer_name(x509, issuer->x509 != NULL ? X509_get_subject_name(issuer->x509)
                                                    : X509_get_subject_name(x509));
    X509_set_pubkey(x509, public);
    X509_add1_ext_i2d(x509, NID_basic_constraints, constraints, 1, 0);
    BASIC_CONSTRAINTS_free(constraints);
    if (X509_sign(x509, issuer->key, EVP_sha256()) <= 0)
        die("a certificate");
    return x509;
}

static struct authority make_ca(const char *cn)
{
    struct authority made = {.key = EVP_RSA_gen(2048)};

    made.x509 = make(cn, NULL, made.key, &made, 1);
    return made;
}

/* ---- answers ---- */

struct answer {
    const char *status, *type, *header;
    unsigned char *data;
    size_t len;
};

static int is(const char *mode, const char *name)
{
    return strcmp(mode, name) == 0;
}

static void text(struct answer *answer, const char *data)
{
    answer->data = (unsigned char *)OPENSSL_strdup(data);
    answer->len = strlen(data);
}

static void get_ca_caps(const char *mode, struct answer *answer)
{
    if (is(mode, "caps-none"))
        text(answer, "");
    else if (is(mode, "caps-weak"))
        text(answer, "DES3\nSHA-1\nPOSTPKIOperation\n");
    else if (is(mode, "caps-sha256"))
        text(answer, "SHA-256\nPOSTPKIOperation\n");
    else if (is(mode, "caps-web"))
        text(answer, "<html><body>AES, SCEPStandard</body></html>");
    else
        text(answer, is(mode, "next-other") || is(mode, "next")
                         ? "SCEPStandard\r\nRenewal\r\nGetNextCACert\r\n"
                         : "SCEPStandard\nAES\nRenewal\n");
}

static void get_ca_cert(const char *mode, struct answer *answer)
{
    STACK_OF(X509) *list = sk_X509_new_null();
    int i;

    if (is(mode, "ca-empty"))
        text(answer, "");
    else if (is(mode, "ca-web"))
        text(answer, "<html><body>a portal</body></html>");
    else if (is(mode, "ca-leaf"))
        sk_X509_push(list, make("leaf", NULL, stranger, &ca, 0));
    else if (is(mode, "ca-changed"))
        sk_X509_push(list, other.x509);
    else
        sk_X509_push(list, ca.x509);
    if (is(mode, "ca-more"))
        sk_X509_push(list, make_ca("A stranger").x509);
    if (is(mode, "ca-device"))
        sk_X509_push(list, make("device", NULL, stranger, &ca, 0));
    if (is(mode, "ca-other-ra"))
        sk_X509_push(list, make("RA", NULL, stranger, &other, 0));
    for (i = 0; is(mode, "ca-many") && i < 40; i++)
        sk_X509_push(list, make("many", NULL, stranger, &ca, 1));
    if (answer->data == NULL && !scep_write_certificates(NULL, list, NULL, &answer->data, &answer->len))
        die("GetCACert");
}

static void get_next_ca_cert(const char *mode, struct answer *answer)
{
    const struct authority *signer = is(mode, "next-other") ? &other : &ca;
    struct authority next = make_ca("Next CA");
    STACK_OF(X509) *list = sk_X509_new_null();
    unsigned char *der = NULL;
    CMS_ContentInfo *cms;
    size_t len;
    int n;

    sk_X509_push(list, next.x509);
    if (!scep_write_certificates(NULL, list, NULL, &der, &len) ||
        (cms = CMS_sign(signer->x509, signer->key, NULL, BIO_new_mem_buf(der, (int)len), CMS_BINARY)) ==
            NULL ||
        (n = i2d_CMS_ContentInfo(cms, &answer->data)) <= 0)
        die("GetNextCACert");
    answer->len = (size_t)n;
}

/* The certificate that is asked for, or another. */
static X509 *issue(const char *mode, const struct scep_message *message)
{
    const unsigned char *p = message->content;
    X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)message->content_len);

    if (request == NULL)
        die("no request");
    return make(NULL, X509_REQ_get_subject_name(request),
                is(mode, "other-key") ? stranger : X509_REQ_get0_pubkey(request),
                is(mode, "other-ca") ? &other : &ca, 0);
}

static void write_reply(const char *mode, struct scep_message *message, struct answer *answer)
{
    const struct authority *signer = is(mode, "signer") ? &other : &ca;
    struct scep_message reply = {.type = SCEP_CERT_REP, .digest = "SHA256", .cipher = "AES-128-CBC"};
    STACK_OF(X509) *list = sk_X509_new_null();
    X509 *to = is(mode, "recipient") ? make("you", NULL, stranger, &ca, 0) : message->signer,
         *from = signer->x509;
    EVP_PKEY *key = signer->key;
    struct scep_error error;

    sk_X509_push(list, issue(mode, message));
    if (is(mode, "device-signs")) {
        from = make("device", NULL, stranger, &ca, 0);
        key = stranger;
    }
    if (is(mode, "type"))
        reply.type = SCEP_PKCS_REQ;
    memcpy(reply.recipient_nonce, message->sender_nonce, SCEP_NONCE_SIZE);
    reply.has_recipient_nonce = !is(mode, "no-nonce");
    if (is(mode, "nonce"))
        reply.recipient_nonce[0] ^= 1;
    strcpy(reply.transaction_id, is(mode, "transaction") ? "0" : message->transaction_id);
    if (is(mode, "refusal")) {
        reply.status = SCEP_FAILURE;
        reply.fail_info = SCEP_BAD_TIME;
        strcpy(reply.fail_text, "%s%n come\tback $(later)\033[2J");
    } else if (!is(mode, "nothing") &&
               !scep_write_certificates(NULL, list, NULL, &reply.content, &reply.content_len)) {
        die("a reply");
    }
    if (is(mode, "junk"))
        memset(reply.content, 0x30, reply.content_len);
    if (!scep_write(NULL, &reply, to, from, key, &answer->data, &answer->len, &error))
        die(error.text);
    if (is(mode, "truncated"))
        answer->len -= 300;
    if (is(mode, "forged"))
        answer->data[answer->len - 1] ^= 1;
}

static void pki_operation(const char *mode, const unsigned char *der, size_t len, struct answer *answer)
{
    struct scep_algorithms algorithms = {0};
    CMS_ContentInfo *enveloped = NULL;
    struct scep_message message;
    struct scep_error error;

    answer->type = "application/x-pki-message";
    if (is(mode, "huge")) {
        answer->data = OPENSSL_zalloc(HUGE);
        answer->len = HUGE;
    } else if (is(mode, "empty")) {
        text(answer, "");
    } else if (is(mode, "redirect") || is(mode, "redirect-http")) {
        answer->status = "302 Found";
        answer->header =
            is(mode, "redirect") ? "Location: file:///etc/passwd\r\n" : "Location: http://127.0.0.1:1/\r\n";
    } else if (is(mode, "error")) {
        answer->status = "500 Internal Server Error";
    } else if (!scep_open(NULL, der, len, &message, &enveloped, &error) ||
               !scep_decrypt(NULL, enveloped, ca.x509, ca.key, &algorithms, &message, &error)) {
        fprintf(stderr, "%s: %s\n", mode, error.text);
        answer->status = "400 Bad Request";
    } else {
        write_reply(mode, &message, answer);
    }
}

/* ---- HTTP ---- */

static void respond(int fd, const struct answer *answer)
{
    size_t sent = 0;

    dprintf(fd, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
            answer->status, answer->type, answer->len, answer->header);
    while (sent < answer->len) {
        ssize_t n = write(fd, answer->data + sent, answer->len - sent);

        if (n <= 0)
            return; /* it has heard enough */
        sent += (size_t)n;
    }
}

static void serve(int fd)
{
    static char request[REQUEST_MAX + 1];
    struct answer answer = {.status = "200 OK", .type = "application/octet-stream", .header = ""};
    char mode[32], operation[32], *body = NULL, *length;
    size_t len = 0, wanted = 0;
    ssize_t n;

    while (body == NULL || len < wanted) {
        n = read(fd, request + len, REQUEST_MAX - len);
        if (n <= 0)
            return;
        len += (size_t)n;
        request[len] = '\0';
        if (body == NULL && (body = strstr(request, "\r\n\r\n")) != NULL) {
            body += 4;
            length = strcasestr(request, "\r\nContent-Length:");
            wanted = (size_t)(body - request) +
                     (length != NULL && length < body ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    if (sscanf(request, "%*s /%31[a-z0-9-]?operation=%31[A-Za-z]", mode, operation) != 2)
        answer.status = "404 Not Found";
    else if (is(operation, "GetCACaps"))
        get_ca_caps(mode, &answer);
    else if (is(operation, "GetCACert"))
        get_ca_cert(mode, &answer);
    else if (is(operation, "GetNextCACert"))
        get_next_ca_cert(mode, &answer);
    else
        pki_operation(mode, (unsigned char *)body, len - (size_t)(body - request), &answer);
    respond(fd, &answer);
    OPENSSL_free(answer.data);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), client;
    FILE *file;

    if (argc != 2)
        die("usage: scep_hostile CA-FILE");
    signal(SIGPIPE, SIG_IGN);
    ca = make_ca("The CA");
    other = make_ca("The CA");
    stranger = EVP_RSA_gen(2048);
    file = fopen(argv[1], "w");
    if (file == NULL || !PEM_write_X509(file, ca.x509) || fclose(file) != 0)
        die(argv[1]);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("no port");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while ((client = accept(fd, NULL, NULL)) >= 0) {
        serve(client);
        close(client);
    }
    return 0;
}
