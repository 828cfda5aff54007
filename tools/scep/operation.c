// SPDX-License-Identifier: Apache-2.0
/* The operations of SCEP's HTTP (RFC 8894 section 4), by path and query. */
#include "server_private.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Many decisions at once are all logged; a flood is not. */
#define LOG_LINES_A_SECOND 10
#define LOG_LINES_MAX      50

/* ---- what the files share ---- */

/* Returns 0 if it is to be left out. */
static int make_line(struct scep_server *server, const struct front_request *request,
                     const struct scep_entry *entry, char line[SCEP_LOG_LINE], const char *format,
                     va_list args)
{
    int64_t now = (int64_t)time(NULL);
    char text[400], *p;

    if (now != server->log_second) {
        int64_t more = now > server->log_second ? (now - server->log_second) * LOG_LINES_A_SECOND : 0;

        server->log_lines =
            more < LOG_LINES_MAX - server->log_lines ? server->log_lines + (unsigned)more : LOG_LINES_MAX;
        if (server->log_left_out > 0)
            store_log(server->store, "scep,warning", "scep: %u lines left out", server->log_left_out);
        server->log_second = now;
        server->log_left_out = 0;
    }
    if (server->log_lines == 0) {
        server->log_left_out++;
        return 0;
    }
    server->log_lines--;
    vsnprintf(text, sizeof(text), format, args);
    for (p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
    snprintf(line, SCEP_LOG_LINE, "scep: %.100s from %.48s: %s", entry != NULL ? entry->path : "request",
             request->address, text);
    return 1;
}

void scep_log(struct scep_server *server, const struct front_request *request, const struct scep_entry *entry,
              const char *format, ...)
{
    char line[SCEP_LOG_LINE];
    va_list args;
    int is_wanted;

    va_start(args, format);
    is_wanted = make_line(server, request, entry, line, format, args);
    va_end(args);
    if (is_wanted)
        store_log(server->store, "scep,info", "%s", line);
}

int scep_log_line(struct scep_server *server, const struct front_request *request,
                  const struct scep_entry *entry, char line[SCEP_LOG_LINE], const char *format, ...)
{
    va_list args;
    int is_wanted;

    va_start(args, format);
    is_wanted = make_line(server, request, entry, line, format, args);
    va_end(args);
    return is_wanted;
}

X509 *scep_cert_x509(struct scep_server *server, int64_t id)
{
    struct store_cert *cert = id != 0 ? store_cert_get(server->store, &(struct store_query){.id = id}) : NULL;
    X509 *x509 = cert != NULL && cert->der != NULL ? store_cert_cached(server->store, cert) : NULL;

    store_cert_free(cert);
    return x509;
}

static void answer_text(struct front_response *response, int status, const char *text)
{
    response->status = status;
    response->type = "text/plain";
    response->body = (unsigned char *)OPENSSL_strdup(text);
    response->len = response->body != NULL ? strlen(text) : 0;
}

static void answer_der(struct front_response *response, const char *type, unsigned char *der, size_t len)
{
    response->type = type;
    response->body = der;
    response->len = len;
}

/* ---- GetCACaps (section 3.5.2) ---- */

static void get_ca_caps(const struct scep_entry *entry, struct front_response *response)
{
    char text[200] = "AES\nPOSTPKIOperation\nRenewal\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n";

    if (entry->next_ca != 0)
        OPENSSL_strlcat(text, "GetNextCACert\n", sizeof(text));
    if (entry->allow_3des)
        OPENSSL_strlcat(text, "DES3\nSHA-1\n", sizeof(text));
    answer_text(response, 200, text);
}

/* ---- GetCACert (section 4.2), GetNextCACert (section 4.7) ---- */

/* The CA's certificate with the chain above it, as far as it is here; an RA's before it. */
static STACK_OF(X509) * chain_of(struct scep_server *server, int64_t ra, int64_t ca)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    int64_t id = ra != 0 ? ra : ca, next;
    int depth, ok = chain != NULL;

    for (depth = 0; ok && id != 0 && depth < 10; depth++, id = next) {
        struct store_cert *cert = store_cert_get(server->store, &(struct store_query){.id = id});
        X509 *x509 = scep_cert_x509(server, id);

        ok = x509 != NULL && cert != NULL && sk_X509_push(chain, x509) > 0;
        if (!ok)
            X509_free(x509);
        next = cert != NULL && cert->ca != cert->id ? cert->ca : 0;
        if (id == ra && ra != 0 && ra != ca)
            next = ca;
        store_cert_free(cert);
    }
    if (ok && sk_X509_num(chain) > 0)
        return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static void get_ca_cert(struct scep_server *server, const struct scep_entry *entry,
                        struct front_response *response)
{
    STACK_OF(X509) *chain = chain_of(server, entry->ra, entry->ca);
    unsigned char *der = NULL;
    size_t len = 0;
    int n;

    if (sk_X509_num(chain) == 1) {
        n = i2d_X509(sk_X509_value(chain, 0), &der);
        if (n > 0)
            answer_der(response, "application/x-x509-ca-cert", der, (size_t)n);
    } else if (chain != NULL && scep_write_certificates(server->libctx, chain, NULL, &der, &len)) {
        answer_der(response, "application/x-x509-ca-ra-cert", der, len);
    }
    if (response->body == NULL)
        answer_text(response, 503, "the CA's certificate is not there\n");
    sk_X509_pop_free(chain, X509_free);
}

/* The next CA's certificate, signed by this one. */
static unsigned char *sign_next(struct scep_server *server, const struct scep_entry *entry,
                                const STACK_OF(X509) * chain, size_t *len)
{
    X509 *signer = scep_cert_x509(server, entry->ca);
    EVP_PKEY *key = store_key_pkey(server->store, NULL, entry->ca);
    EVP_MD *md = EVP_MD_fetch(server->libctx, "SHA256", "provider=default");
    unsigned char *inner = NULL, *der = NULL;
    CMS_ContentInfo *cms = NULL;
    BIO *content = NULL;
    size_t inner_len = 0;
    int n = -1;

    if (signer != NULL && key != NULL && md != NULL &&
        scep_write_certificates(server->libctx, chain, NULL, &inner, &inner_len) &&
        (content = BIO_new_mem_buf(inner, (int)inner_len)) != NULL &&
        (cms = CMS_sign_ex(NULL, NULL, NULL, content, CMS_BINARY | CMS_PARTIAL, server->libctx, NULL)) !=
            NULL &&
        CMS_add1_signer(cms, signer, key, md, CMS_BINARY | CMS_NOSMIMECAP) != NULL &&
        CMS_final(cms, content, NULL, CMS_BINARY))
        n = i2d_CMS_ContentInfo(cms, &der);
    ERR_clear_error();
    *len = n > 0 ? (size_t)n : 0;
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    OPENSSL_free(inner);
    EVP_MD_free(md);
    EVP_PKEY_free(key);
    X509_free(signer);
    return n > 0 ? der : NULL;
}

static void get_next_ca_cert(struct scep_server *server, const struct scep_entry *entry,
                             struct front_response *response)
{
    STACK_OF(X509) *chain = entry->next_ca != 0 ? chain_of(server, 0, entry->next_ca) : NULL;
    unsigned char *der;
    size_t len = 0;

    if (entry->next_ca == 0) {
        answer_text(response, 404, "there is no next CA\n");
    } else if (chain != NULL && (der = sign_next(server, entry, chain, &len)) != NULL) {
        answer_der(response, "application/x-x509-next-ca-cert", der, len);
    } else {
        answer_text(response, 503, "the next CA's certificate can't be signed\n");
    }
    sk_X509_pop_free(chain, X509_free);
}

/* ---- PKIOperation ---- */

/* The message of a GET: base64, in which careless clients leave "+" as it is and others make blanks of it. */
static unsigned char *message_of(const char *query, size_t *len)
{
    size_t text_len = 0, i;
    char *text = front_query_value(query, "message", &text_len);
    unsigned char *der = text != NULL ? OPENSSL_malloc(text_len / 4 * 3 + 4) : NULL;
    int n = -1, padding = 0;

    for (i = 0; text != NULL && i < text_len; i++) {
        if (text[i] == ' ')
            text[i] = '+';
        padding += text[i] == '=';
    }
    if (der != NULL && text_len > 0 && text_len % 4 == 0 && padding <= 2)
        n = EVP_DecodeBlock(der, (unsigned char *)text, (int)text_len);
    OPENSSL_free(text);
    if (n >= padding) {
        *len = (size_t)(n - padding);
        return der;
    }
    OPENSSL_free(der);
    return NULL;
}

static void pki_operation(struct scep_server *server, const struct scep_entry *entry,
                          const struct front_request *request, struct front_response *response)
{
    unsigned char *der = NULL;
    size_t len = request->body_len;

    if (request->method != FRONT_POST && (der = message_of(request->query, &len)) == NULL) {
        answer_text(response, 400, "message: no base64\n");
        return;
    }
    scep_pki_operation(server, entry, request, der != NULL ? der : request->body, len, response);
    OPENSSL_free(der);
}

/* ---- which entry, which operation ---- */

struct search {
    struct scep_server *server;
    const char *path;
    struct scep_entry *entry;
    int found;
};

/* "/scep/", "/scep", and "/scep/pkiclient.exe", which many devices append. */
static int is_path(const char *path, const char *entry)
{
    size_t len = strlen(entry);

    if (strncmp(path, entry, len) == 0)
        return path[len] == '\0' || strcmp(path + len, "pkiclient.exe") == 0;
    return strncmp(path, entry, len - 1) == 0 && path[len - 1] == '\0';
}

static int look(void *arg, int64_t id)
{
    struct search *search = arg;
    struct scep_entry entry;

    if (!scep_entry_get(search->server->store, id, &entry))
        return 1;
    if (!is_path(search->path, entry.path)) {
        scep_entry_clear(&entry);
        return 1;
    }
    *search->entry = entry;
    search->found = 1;
    return 0;
}

static void dispatch(struct scep_server *server, const struct scep_entry *entry,
                     const struct front_request *request, struct front_response *response)
{
    size_t len = 0;
    char *operation = front_query_value(request->query, "operation", &len);

    if (operation == NULL)
        answer_text(response, 400,
                    "operation: expected GetCACaps, GetCACert, GetNextCACert or PKIOperation\n");
    else if (strcmp(operation, "PKIOperation") == 0)
        pki_operation(server, entry, request, response);
    else if (request->method == FRONT_POST)
        answer_text(response, 405, "only PKIOperation is posted\n");
    else if (strcmp(operation, "GetCACaps") == 0)
        get_ca_caps(entry, response);
    else if (strcmp(operation, "GetCACert") == 0)
        get_ca_cert(server, entry, response);
    else if (strcmp(operation, "GetNextCACert") == 0)
        get_next_ca_cert(server, entry, response);
    else
        answer_text(response, 400, "operation: not known\n");
    OPENSSL_free(operation);
}

/* What the administrator looks for in the log when nothing is enrolled. */
static const char *why_not(struct scep_server *server, const struct scep_entry *entry)
{
    struct store_cert *ca =
        entry->ca != 0 ? store_cert_get(server->store, &(struct store_query){.id = entry->ca}) : NULL;
    const char *why = NULL;

    if (entry->is_disabled)
        why = "the entry is disabled: /certificate scep-server enable";
    else if (ca == NULL || ca->der == NULL)
        why = "ca-cert names no certificate that is there and signed";
    else if (ca->key == 0)
        why = "ca-cert has no private key here (flag K)";
    store_cert_free(ca);
    return why;
}

void scep_serve(struct scep_server *server, const struct front_request *request,
                struct front_response *response)
{
    struct scep_entry entry;
    struct search search = {server, request->path, &entry, 0};
    const char *why;

    if (!store_refresh(server->store) || !store_entry_each(server->store, SCEP_SERVER_MENU, look, &search)) {
        answer_text(response, 503, "the store can't be read\n");
        return;
    }
    if (!search.found) {
        scep_log(server, request, NULL, "no scep-server entry has the path %.100s", request->path);
        answer_text(response, 404, "not found\n");
        return;
    }
    why = why_not(server, &entry);
    if (why != NULL) {
        scep_log(server, request, &entry, "refused: %s", why);
        answer_text(response, 404, "not found\n");
    } else {
        dispatch(server, &entry, request, response);
    }
    scep_entry_clear(&entry);
}
