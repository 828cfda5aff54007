// SPDX-License-Identifier: Apache-2.0
/* Who asks, what comes of it, and how HTTP says that. */
#include "private.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rest {
    struct worker_logins *logins;
};

struct rest *rest_new(struct worker_logins *logins)
{
    struct rest *rest = OPENSSL_zalloc(sizeof(*rest));

    if (rest != NULL)
        rest->logins = logins;
    return rest;
}

void rest_free(struct rest *rest)
{
    OPENSSL_free(rest);
}

int rest_is_path(const char *path)
{
    size_t len = strlen(REST_PREFIX);

    return strncmp(path, REST_PREFIX, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* ---- answers ---- */

static void put_text(struct front_response *response, int status, const char *text)
{
    response->status = status;
    response->type = "application/json";
    response->len = strlen(text);
    response->body = OPENSSL_memdup(text, response->len);
    if (response->body == NULL) {
        response->status = 503;
        response->len = 0;
    }
}

static void put(struct front_response *response, int status, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL) {
        response->status = 503;
        return;
    }
    put_text(response, status, text);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static void put_error(struct front_response *response, int status, const char *detail)
{
    static const struct {
        int status;
        const char *message;
    } messages[] = {
        {400, "Bad Request"},        {401, "Unauthorized"},
        {403, "Forbidden"},          {404, "Not Found"},
        {405, "Method Not Allowed"}, {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},  {503, "Service Unavailable"},
        {504, "Gateway Timeout"},    {0, "Error"},
    };
    static const struct front_header authenticate[] = {
        {"WWW-Authenticate", "Basic realm=\"Signet\", charset=\"UTF-8\""}, {NULL, NULL}};
    json_t *error;
    size_t i = 0;

    while (messages[i].status != 0 && messages[i].status != status)
        i++;
    error = json_pack("{s:i, s:s}", "error", status, "message", messages[i].message);
    if (detail != NULL)
        json_object_set_new(error, "detail", json_string(detail));
    put(response, status, error);
    if (status == 401)
        response->headers = authenticate;
    json_decref(error);
}

static void put_failure(struct front_response *response, const json_t *answer)
{
    static const struct {
        const char *kind;
        int status;
    } kinds[] = {
        {"missing", 404},   {"denied", 403}, {"login", 401},       {"timeout", 504},
        {"cancelled", 504}, {"failed", 400}, {"unavailable", 503}, {"invalid", 400},
    };
    const char *kind = worker_text(answer, "kind");
    int status = 503;
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].kind, kind) == 0)
            status = kinds[i].status;
    }
    put_error(response, status, answer != NULL ? worker_text(answer, "error") : "out of memory");
}

/* ---- results ---- */

static int is_ok(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "ok"));
}

/* Of print: all, or the one item that the path names, or the settings. */
static void put_rows(struct front_response *response, int status, const json_t *answer, int is_item)
{
    const json_t *rows = json_object_get(answer, "rows");

    if (json_is_true(json_object_get(answer, "single")) || is_item)
        rows = json_array_get(rows, 0);
    if (rows == NULL)
        put_error(response, 404, "no such item");
    else
        put(response, status, rows);
}

/* Of any command: what it returns, or the lines that it would show, each an object. */
static void put_result(struct front_response *response, const json_t *answer)
{
    const json_t *result = json_object_get(answer, "result"), *told = json_object_get(answer, "told"),
                 *progress = json_object_get(answer, "progress");
    json_t *lines;
    size_t i;

    if (result != NULL) {
        lines = json_pack("{s:O}", "ret", result);
    } else {
        lines = json_array();
        if (told != NULL)
            json_array_append(lines, (json_t *)told);
        for (i = 0; i < json_array_size(progress); i++)
            json_array_append_new(
                lines, json_pack("{s:s, s:O}", ".section", "0", "progress", json_array_get(progress, i)));
    }
    put(response, 200, lines);
    json_decref(lines);
}

/* Whether the path names an item: the worker told a menu's rows, and there was a part more. */
static int names_item(const json_t *request, const json_t *answer)
{
    return json_is_true(json_object_get(answer, "item")) && json_object_get(request, "query") == NULL;
}

/* The object that add or set has left. */
static void put_object(struct rest *rest, const struct worker_session *session, const json_t *answer,
                       int status, struct front_response *response)
{
    json_t *print = json_pack("{s:s, s:s}", "menu", worker_text(answer, "menu"), "command", "print"),
           *id = json_object_get(answer, "result"), *rows;

    if (id == NULL)
        id = json_array_get(json_object_get(answer, "numbers"), 0);
    if (id != NULL)
        json_object_set(print, "numbers", id);
    rows = worker_call_as(rest->logins, session, print, -1);
    if (is_ok(rows))
        put_rows(response, status, rows, 1);
    else
        put_failure(response, rows);
    json_decref(rows);
    json_decref(print);
}

static void put_answer(struct rest *rest, const struct worker_session *session, enum front_method method,
                       const json_t *request, const json_t *answer, struct front_response *response)
{
    if (!is_ok(answer))
        put_failure(response, answer);
    else if (method == FRONT_PUT)
        put_object(rest, session, answer, 201, response);
    else if (method == FRONT_PATCH)
        put_object(rest, session, answer, 200, response);
    else if (method == FRONT_DELETE)
        response->status = 204;
    else if (json_object_get(answer, "text") != NULL)
        put_text(response, 200, worker_text(answer, "text"));
    else if (json_object_get(answer, "rows") != NULL)
        put_rows(response, 200, answer, names_item(request, answer));
    else
        put_result(response, answer);
}

/* ---- who asks ---- */

static int log_in(struct rest *rest, const struct front_request *http, struct worker_session *session,
                  struct front_response *response)
{
    struct worker_login login = {
        .certificate = http->client_certificate, .address = http->address, .service = "rest"};
    struct rest_basic basic;
    unsigned wait_s = 0;
    enum worker_login_result result = WORKER_LOGIN_REFUSED;
    char detail[100];

    if (rest_basic(http->authorization, &basic)) {
        login.name = basic.name;
        login.password = basic.password;
        result = worker_login(rest->logins, &login, session, &wait_s);
    } else if (*http->authorization == '\0' && http->client_certificate != NULL) {
        result = worker_login(rest->logins, &login, session, &wait_s);
    }
    if (basic.text != NULL)
        OPENSSL_clear_free(basic.text, basic.size);
    switch (result) {
    case WORKER_LOGIN_OK:
        return 1;
    case WORKER_LOGIN_REFUSED:
        put_error(response, 401, NULL);
        if (http->is_script)
            response->headers = NULL; /* the browser would ask for a password itself */
        return 0;
    case WORKER_LOGIN_LATER:
        snprintf(detail, sizeof(detail), "too many logins have failed: try again in %u s", wait_s);
        put_error(response, 429, detail);
        return 0;
    case WORKER_LOGIN_UNAVAILABLE:
        break;
    }
    put_error(response, 503, "logins can't be checked now");
    return 0;
}

void rest_answer(struct rest *rest, const struct front_request *http, struct front_response *response)
{
    struct worker_session session;
    const char *why;
    json_t *request, *answer;

    if (http->is_cross_site) {
        put_error(response, 403, "the page of another site asks");
        return;
    }
    if (!log_in(rest, http, &session, response))
        return;
    request = rest_request(http, &why);
    if (request == NULL) {
        put_error(response, strncmp(why, "Content-Type", 12) == 0 ? 415 : 400, why);
        return;
    }
    json_object_set_new(request, "is_relayed", json_true());
    answer = worker_call_as(rest->logins, &session, request, http->gone_fd);
    /* The user has been changed since the login that is remembered: is it still one? */
    if (strcmp(worker_text(answer, "kind"), "login") == 0) {
        json_decref(answer);
        answer = log_in(rest, http, &session, response) ? worker_call_as(rest->logins, &session, request, http->gone_fd)
                                                        : NULL;
        if (answer == NULL) {
            json_decref(request);
            return;
        }
    }
    put_answer(rest, &session, http->method, request, answer, response);
    OPENSSL_cleanse(&session, sizeof(session));
    json_decref(answer);
    json_decref(request);
}
