// SPDX-License-Identifier: Apache-2.0
/* From a method, a path, a query and a body to a worker's request. Nothing here knows menus or commands: that
 * is the worker's. */
#include "private.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PARTS_MAX 8
#define QUERY_MAX 100

/* ---- the path ---- */

static json_t *parts_of(const char *path)
{
    json_t *parts = json_array();

    path += strlen(REST_PREFIX);
    while (*path != '\0') {
        size_t len, decoded = 0;
        char *part;

        path += strspn(path, "/");
        len = strcspn(path, "/");
        if (len == 0)
            break;
        part = front_decode(path, len, &decoded);
        if (part == NULL || strlen(part) != decoded || json_array_size(parts) == PARTS_MAX ||
            json_array_append_new(parts, json_string(part)) != 0) {
            OPENSSL_free(part);
            json_decref(parts);
            return NULL;
        }
        OPENSSL_free(part);
        path += len;
    }
    return parts;
}

/* ---- the query of GET ---- */

/* "name=x" becomes a query word "?name=x", ".proplist=…" what it is. */
static int take_pair(json_t *request, json_t *words, const char *pair, size_t len)
{
    size_t decoded = 0;
    char *text = front_decode(pair, len, &decoded), *word;
    int ok = text != NULL && strlen(text) == decoded && strchr(text, '=') != NULL;

    if (ok && strncmp(text, ".proplist=", 10) == 0) {
        ok = json_object_set_new(request, "proplist", json_string(text + 10)) == 0;
    } else if (ok) {
        word = OPENSSL_malloc(decoded + 3);
        ok = word != NULL;
        if (ok) {
            /* "?=name=x": nothing in the name is an operator. */
            snprintf(word, decoded + 3, "?=%s", text);
            ok = json_array_size(words) < QUERY_MAX && json_array_append_new(words, json_string(word)) == 0;
        }
        OPENSSL_free(word);
    }
    OPENSSL_free(text);
    return ok;
}

static int take_query(json_t *request, const char *query)
{
    json_t *words = json_array();
    int ok = words != NULL;

    while (ok && *query != '\0') {
        size_t len = strcspn(query, "&");

        ok = len == 0 || take_pair(request, words, query, len);
        query += len;
        query += *query == '&';
    }
    if (ok && json_array_size(words) > 0)
        return json_object_set_new(request, "query", words) == 0;
    json_decref(words);
    return ok;
}

/* ---- the body ---- */

static int is_json(const char *type)
{
    size_t len = strlen("application/json");

    return strncasecmp(type, "application/json", len) == 0 &&
           type[len + strcspn(type + len, "; \t")] == type[len];
}

/* Values are texts; what JSON has besides is written as one. NULL: an array or an object. */
static json_t *as_text(const json_t *value)
{
    char number[32];

    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_incref((json_t *)value);
    case JSON_TRUE:
        return json_string("true");
    case JSON_FALSE:
        return json_string("false");
    case JSON_NULL:
        return json_string("");
    case JSON_INTEGER:
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return json_string(number);
    default:
        return NULL;
    }
}

/* [".id", "name"] or ".id,name". */
static int take_proplist(json_t *request, const json_t *value)
{
    char list[4096] = "";
    size_t i;

    if (json_is_string(value))
        return json_object_set(request, "proplist", (json_t *)value) == 0;
    for (i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));

        if (name == NULL || OPENSSL_strlcat(list, i > 0 ? "," : "", sizeof(list)) >= sizeof(list) ||
            OPENSSL_strlcat(list, name, sizeof(list)) >= sizeof(list))
            return 0;
    }
    return json_is_array(value) && json_object_set_new(request, "proplist", json_string(list)) == 0;
}

/* ["name=x", "#!"]: the API's words without their "?". */
static int take_words(json_t *request, const json_t *value)
{
    json_t *words = json_array();
    size_t i;
    int ok = words != NULL && json_is_array(value) && json_array_size(value) <= QUERY_MAX;

    for (i = 0; ok && i < json_array_size(value); i++) {
        json_t *word = json_sprintf("?%s", json_string_value(json_array_get(value, i)) != NULL
                                               ? json_string_value(json_array_get(value, i))
                                               : "");

        ok = word != NULL && json_array_append_new(words, word) == 0;
    }
    if (ok)
        return json_object_set_new(request, "query", words) == 0;
    json_decref(words);
    return 0;
}

static int take_body(json_t *request, const json_t *body)
{
    json_t *words = json_object(), *value, *text;
    const char *name;
    int ok = words != NULL;

    json_object_foreach((json_t *)body, name, value)
    {
        if (!ok)
            break;
        if (strcmp(name, ".proplist") == 0) {
            ok = take_proplist(request, value);
        } else if (strcmp(name, ".query") == 0) {
            ok = take_words(request, value);
        } else {
            text = as_text(value);
            ok = text != NULL && json_object_set_new(words, name, text) == 0;
        }
    }
    if (ok)
        return json_object_set_new(request, "words", words) == 0;
    json_decref(words);
    return 0;
}

static int read_body(json_t *request, const struct front_request *http, const char **why)
{
    json_error_t error;
    json_t *body;
    int ok;

    if (!is_json(http->content_type)) {
        *why = "Content-Type: expected application/json";
        return 0;
    }
    if (http->body_len == 0)
        return 1;
    body = json_loadb((const char *)http->body, http->body_len, JSON_REJECT_DUPLICATES, &error);
    ok = json_is_object(body) && take_body(request, body);
    if (!ok)
        *why = "expected a JSON object whose values are texts";
    json_decref(body);
    return ok;
}

/* ---- all of it ---- */

json_t *rest_request(const struct front_request *http, const char **why)
{
    static const char *const commands[] = {
        [FRONT_GET] = "print", [FRONT_HEAD] = "print",    [FRONT_PUT] = "add",
        [FRONT_PATCH] = "set", [FRONT_DELETE] = "remove", [FRONT_POST] = NULL,
    };
    json_t *request = json_object(), *parts = parts_of(http->path);
    int has_body = http->method == FRONT_PUT || http->method == FRONT_PATCH || http->method == FRONT_POST;
    int ok;

    *why = "the path or the query makes no sense";
    ok = request != NULL && parts != NULL && json_object_set(request, "path", parts) == 0;
    json_decref(parts);
    if (ok && commands[http->method] != NULL)
        ok = json_object_set_new(request, "command", json_string(commands[http->method])) == 0;
    if (ok)
        ok = has_body ? read_body(request, http, why) : take_query(request, http->query);
    if (ok)
        return request;
    json_decref(request);
    return NULL;
}
