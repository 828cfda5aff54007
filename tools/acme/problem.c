// SPDX-License-Identifier: Apache-2.0
/* Problem documents (RFC 7807) as RFC 8555 section 6.7 uses them: told whole, with their subproblems. */
#include "private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SUBPROBLEMS_MAX 20

static const char *short_type(const json_t *problem)
{
    static const char prefix[] = "urn:ietf:params:acme:error:";
    const char *type = acme_text(problem, "type");

    if (type == NULL)
        return "problem";
    return strncmp(type, prefix, sizeof(prefix) - 1) == 0 ? type + sizeof(prefix) - 1 : type;
}

static void append(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *out, size_t size, const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + len, size - len, format, args);
    va_end(args);
}

static void append_one(char *out, size_t size, const json_t *problem)
{
    const char *detail = acme_text(problem, "detail"), *title = acme_text(problem, "title"),
               *instance = acme_text(problem, "instance");

    append(out, size, "%.100s: %.1500s", short_type(problem),
           detail != NULL  ? detail
           : title != NULL ? title
                           : "no reason given");
    /* What is to be done about it, such as new terms of service (RFC 8555 section 7.3.3). */
    if (instance != NULL)
        append(out, size, " (see %.500s)", instance);
}

void acme_problem_text(char *out, size_t size, const json_t *problem)
{
    const json_t *subproblems = json_object_get(problem, "subproblems"), *subproblem;
    size_t i;

    *out = '\0';
    append_one(out, size, problem);
    json_array_foreach(subproblems, i, subproblem)
    {
        const char *name = acme_text(json_object_get(subproblem, "identifier"), "value");

        if (i == SUBPROBLEMS_MAX) {
            append(out, size, "; and %zu more", json_array_size(subproblems) - i);
            break;
        }
        append(out, size, "; %.253s: ", name != NULL ? name : "one of them");
        append_one(out, size, subproblem);
    }
}

/* What the user can do, where the type alone tells. */
static const char *advice(const char *type)
{
    static const struct {
        const char *type, *text;
    } known[] = {
        {"externalAccountRequired", "give eab-kid and eab-hmac-key, which the CA has issued to you"},
        {"accountDoesNotExist", "the account's key is not known there: register it anew"},
        {"rateLimited", "the CA's staging directory, for trials, has wider limits"},
        {"dns", "does the name resolve, and to this router?"},
        {"caa", "a CAA record of the domain forbids this CA"},
        {"connection", "is this router reachable from the internet?"},
    };
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(type, known[i].type) == 0)
            return known[i].text;
    }
    return "";
}

int acme_problem_json(struct acme *acme, const char *what, const json_t *problem, const char *hint)
{
    char text[3000];

    acme_problem_text(text, sizeof(text), problem);
    acme_printable(acme->problem_type, sizeof(acme->problem_type), short_type(problem));
    if (hint == NULL || *hint == '\0')
        hint = advice(acme->problem_type);
    return acme_raise(acme, "%.300s: %s%s%s%s", what, text, *hint != '\0' ? " (" : "", hint,
                      *hint != '\0' ? ")" : "");
}

int acme_problem(struct acme *acme, const char *what, const struct acme_response *response)
{
    /* Not now: what is under way stays as it is. */
    if (response->status == 429 || response->status >= 500) {
        acme->is_cut = 1;
        acme->retry_at = acme_retry_after(response->retry_after, (int64_t)time(NULL));
    }
    if (json_object_get(response->json, "type") != NULL ||
        json_object_get(response->json, "detail") != NULL) {
        char front[400];

        snprintf(front, sizeof(front), "%.300s was refused (%ld)", what, response->status);
        return acme_problem_json(acme, front, response->json, NULL);
    }
    if (response->status == 404)
        OPENSSL_strlcpy(acme->problem_type, ACME_NOT_FOUND, sizeof(acme->problem_type));
    return acme_raise(acme, "%.300s: the server answers with status %ld and no problem document", what,
                      response->status);
}
