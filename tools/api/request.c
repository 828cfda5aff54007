// SPDX-License-Identifier: Apache-2.0
/* See request.h. */
#include "request.h"

#include <openssl/crypto.h>
#include <string.h>

#define TAG      ".tag="
#define PROPLIST "=.proplist="

/* A sentence that is being read. */
struct reading {
    struct api_request *request;
    json_t *menu, *words, *query;
    const char *verb; /* of a command */
    const char *proplist;
};

static int refuse(struct reading *reading, enum api_category category, const char *why)
{
    if (reading->request->why == NULL) {
        reading->request->why = why;
        reading->request->category = category;
    }
    return 0;
}

static int is_verb(const struct reading *reading, const char *verb)
{
    return reading->verb != NULL && strcmp(reading->verb, verb) == 0;
}

/* ---- the command ---- */

/* "/certificate/print": a menu and a command; the API's own have one part. */
static int take_path(struct reading *reading, const char *path)
{
    static const struct {
        const char *path;
        enum api_kind kind;
    } own[] = {{"/login", API_LOGIN}, {"/cancel", API_CANCEL}, {"/quit", API_QUIT}};
    const char *slash = strrchr(path, '/');
    size_t i;

    reading->request->kind = API_COMMAND;
    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(own[i].path, path) == 0) {
            reading->request->kind = own[i].kind;
            return 1;
        }
    }
    if (*path != '/')
        return refuse(reading, API_MISUSED, "the first word is no command: it begins with \"/\"");
    if (slash[1] == '\0')
        return refuse(reading, API_MISSING, "no such command");
    reading->menu = json_stringn(path, slash > path ? (size_t)(slash - path) : 1);
    reading->verb = strcmp(slash, "/getall") == 0 ? "print" : slash + 1;
    if (is_verb(reading, "listen"))
        return refuse(reading, API_MISUSED, "listen is not supported: ask with print");
    return 1;
}

/* ---- its words ---- */

static int take_text(struct reading *reading, char **text, const char *value)
{
    if (*text != NULL)
        return refuse(reading, API_MISUSED, "a parameter is given twice");
    *text = OPENSSL_strdup(value);
    return *text != NULL || refuse(reading, API_FAILED, "out of memory");
}

/* How a terminal shows it is of no interest here. */
static int is_face(const char *name)
{
    static const char *const faces[] = {"detail",   "brief",    "terse",         "value-list",
                                        "as-value", "show-ids", "without-paging"};
    size_t i;

    for (i = 0; i < sizeof(faces) / sizeof(faces[0]); i++) {
        if (strcmp(faces[i], name) == 0)
            return 1;
    }
    return 0;
}

static int take_word(struct reading *reading, const char *name, const char *value)
{
    json_t *text;

    if (is_verb(reading, "print") && is_face(name))
        return 1;
    if (is_verb(reading, "print") && strcmp(name, "count-only") == 0) {
        reading->request->is_count = 1;
        return 1;
    }
    if (json_object_get(reading->words, name) != NULL)
        return refuse(reading, API_MISUSED, "a parameter is given twice");
    text = json_string(value);
    return json_object_set_new(reading->words, name, text) == 0 ||
           refuse(reading, API_INVALID, "a parameter is no text in UTF-8");
}

/* "=name=value"; a value may have any more of "=", and may not be there at all. */
static int take_parameter(struct reading *reading, const char *word)
{
    struct api_request *request = reading->request;
    char *name = OPENSSL_strndup(word + 1, strcspn(word + 1, "="));
    const char *value = name != NULL ? word + 1 + strlen(name) : NULL;
    int ok;

    if (name == NULL)
        return refuse(reading, API_FAILED, "out of memory");
    value += *value == '=';
    if (request->kind == API_COMMAND) {
        ok = take_word(reading, name, value);
    } else if (request->kind == API_LOGIN && strcmp(name, "name") == 0) {
        ok = take_text(reading, &request->name, value);
    } else if (request->kind == API_LOGIN && strcmp(name, "password") == 0) {
        ok = take_text(reading, &request->password, value);
    } else if (request->kind == API_CANCEL && strcmp(name, "tag") == 0) {
        ok = take_text(reading, &request->cancel, value);
    } else {
        ok = refuse(reading, API_MISUSED,
                    strcmp(name, "response") == 0
                        ? "the login by challenge and response is not supported: send =name= and =password="
                        : "unknown parameter");
    }
    OPENSSL_free(name);
    return ok;
}

static int take_query(struct reading *reading, const char *word)
{
    if (!is_verb(reading, "print"))
        return refuse(reading, API_MISUSED, "a query is for print");
    return json_array_append_new(reading->query, json_string(word)) == 0 ||
           refuse(reading, API_INVALID, "a query is no text in UTF-8");
}

static int take(struct reading *reading, const char *word)
{
    if (strncmp(word, TAG, strlen(TAG)) == 0)
        return 1; /* read before */
    if (strncmp(word, PROPLIST, strlen(PROPLIST)) == 0) {
        reading->proplist = word + strlen(PROPLIST);
        return 1;
    }
    if (*word == '=')
        return take_parameter(reading, word);
    if (*word == '?')
        return take_query(reading, word);
    return refuse(reading, API_MISUSED, "a word begins with neither \"=\", \"?\" nor \".tag=\"");
}

/* First of all, as a refusal has it, too. */
static int take_tag(struct reading *reading, const struct sentence *sentence)
{
    struct api_request *request = reading->request;
    size_t i;

    for (i = 1; i < sentence->count; i++) {
        const char *word = sentence_word(sentence, i);

        if (strncmp(word, TAG, strlen(TAG)) != 0)
            continue;
        if (request->has_tag)
            return refuse(reading, API_MISUSED, "there are two tags");
        if (sentence->len[i] - strlen(TAG) > API_TAG_MAX || strlen(word) != sentence->len[i])
            return refuse(reading, API_MISUSED, "a tag has 64 bytes at most, and no zero");
        OPENSSL_strlcpy(request->tag, word + strlen(TAG), sizeof(request->tag));
        request->has_tag = 1;
    }
    return 1;
}

/* ---- all of it ---- */

static int read_words(struct reading *reading, const struct sentence *sentence)
{
    size_t i;

    for (i = 0; i < sentence->count; i++) {
        const char *word = sentence_word(sentence, i);

        if (strlen(word) != sentence->len[i])
            return refuse(reading, API_MISUSED, "a word has a zero in it");
        if (!(i == 0 ? take_path(reading, word) : take(reading, word)))
            return 0;
    }
    return 1;
}

static int put(json_t *json, const char *name, json_t *value, int is_wanted)
{
    return !is_wanted || json_object_set(json, name, value) == 0;
}

static int put_proplist(struct reading *reading)
{
    const char *list = reading->request->is_count ? ".id" : reading->proplist;

    return list == NULL || json_object_set_new(reading->request->json, "proplist", json_string(list)) == 0;
}

static int make_json(struct reading *reading)
{
    json_t *json = json_object();

    reading->request->json = json;
    return (json != NULL && put(json, "menu", reading->menu, 1) &&
            json_object_set_new(json, "command", json_string(reading->verb)) == 0 &&
            put(json, "words", reading->words, json_object_size(reading->words) > 0) &&
            put(json, "query", reading->query, json_array_size(reading->query) > 0) &&
            put_proplist(reading)) ||
           refuse(reading, API_INVALID, "a word is no text in UTF-8");
}

int api_request_read(struct api_request *request, const struct sentence *sentence)
{
    struct reading reading = {.request = request, .words = json_object(), .query = json_array()};
    int ok;

    *request = (struct api_request){.kind = API_NOTHING};
    if (reading.words == NULL || reading.query == NULL)
        ok = refuse(&reading, API_FAILED, "out of memory");
    else
        ok = take_tag(&reading, sentence) && read_words(&reading, sentence) &&
             (request->kind != API_COMMAND || make_json(&reading));
    json_decref(reading.menu);
    json_decref(reading.words);
    json_decref(reading.query);
    return ok;
}

void api_request_clear(struct api_request *request)
{
    OPENSSL_free(request->name);
    if (request->password != NULL)
        OPENSSL_clear_free(request->password, strlen(request->password));
    OPENSSL_free(request->cancel);
    json_decref(request->json);
    *request = (struct api_request){0};
}
