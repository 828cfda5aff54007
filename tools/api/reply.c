// SPDX-License-Identifier: Apache-2.0
/* See reply.h. Each sentence has its command's tag. Without memory for a reply it is cut short, and its
 * connection is of no use: that is left to the client, who waits in vain for its end. */
#include "reply.h"

#include "tools/worker/worker.h"

#include <stdio.h>
#include <string.h>

static void put_name(struct evbuffer *out, const char *name, const char *value)
{
    char text[130];

    if (snprintf(text, sizeof(text), "=%s=", name) < (int)sizeof(text))
        sentence_put(out, text, value);
}

static void end(struct evbuffer *out, const struct api_request *request)
{
    if (request->has_tag)
        sentence_put(out, ".tag=", request->tag);
    sentence_end(out);
}

void reply_done(struct evbuffer *out, const struct api_request *request, const char *ret)
{
    sentence_put(out, "!done", "");
    if (ret != NULL)
        put_name(out, "ret", ret);
    end(out, request);
}

void reply_trap(struct evbuffer *out, const struct api_request *request, enum api_category category,
                const char *message)
{
    char number[12];

    snprintf(number, sizeof(number), "%d", (int)category);
    sentence_put(out, "!trap", "");
    put_name(out, "category", number);
    put_name(out, "message", message);
    end(out, request);
    reply_done(out, request, NULL);
}

void reply_fatal(struct evbuffer *out, const char *reason)
{
    sentence_put(out, "!fatal", "");
    sentence_put(out, reason, "");
    sentence_end(out);
}

/* ---- what a worker has answered ---- */

static void put_row(struct evbuffer *out, const struct api_request *request, const json_t *row)
{
    const char *name;
    json_t *value;

    sentence_put(out, "!re", "");
    json_object_foreach((json_t *)row, name, value)
    {
        put_name(out, name, json_string_value(value) != NULL ? json_string_value(value) : "");
    }
    end(out, request);
}

static void put_rows(struct evbuffer *out, const struct api_request *request, const json_t *rows)
{
    size_t i;

    for (i = 0; i < json_array_size(rows); i++)
        put_row(out, request, json_array_get(rows, i));
}

/* The lines that a terminal would show, as REST has them. */
static void put_told(struct evbuffer *out, const struct api_request *request, const json_t *answer)
{
    const json_t *told = json_object_get(answer, "told"), *progress = json_object_get(answer, "progress");
    size_t i;

    if (told != NULL)
        put_row(out, request, told);
    for (i = 0; i < json_array_size(progress); i++) {
        sentence_put(out, "!re", "");
        put_name(out, "progress", json_string_value(json_array_get(progress, i)));
        end(out, request);
    }
}

static enum api_category category_of(const char *kind)
{
    static const struct {
        const char *kind;
        enum api_category category;
    } kinds[] = {
        {"missing", API_MISSING},
        {"invalid", API_INVALID},
        {"cancelled", API_INTERRUPTED},
        {"timeout", API_INTERRUPTED},
    };
    size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].category;
    }
    return API_FAILED;
}

int reply_answer(struct evbuffer *out, const struct api_request *request, const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "rows"), *result = json_object_get(answer, "result");
    const char *kind = worker_text(answer, "kind");
    char count[24];

    if (answer == NULL) {
        reply_trap(out, request, API_FAILED, "out of memory");
    } else if (strcmp(kind, "login") == 0) {
        reply_fatal(out, "the user has been changed: log in anew");
        return 0;
    } else if (!json_is_true(json_object_get(answer, "ok"))) {
        reply_trap(out, request, category_of(kind), worker_text(answer, "error"));
    } else if (request->is_count) {
        snprintf(count, sizeof(count), "%zu", json_array_size(rows));
        reply_done(out, request, count);
    } else {
        put_rows(out, request, rows);
        put_told(out, request, answer);
        reply_done(out, request, json_string_value(result));
    }
    return 1;
}
