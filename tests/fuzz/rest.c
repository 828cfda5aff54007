// SPDX-License-Identifier: Apache-2.0
/* From HTTP to a worker's request: a byte for the method, then path, query, Content-Type and Authorization,
 * each with a newline behind it, and the body. */
#include "fuzz.h"

#include "tools/rest/private.h"

#include <stdlib.h>
#include <string.h>

static char *take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = memchr(*data, '\n', *size);
    size_t len = end != NULL ? (size_t)(end - *data) : *size;
    char *line = strndup((const char *)*data, len);

    *data += len;
    *size -= len;
    if (*size > 0) {
        ++*data;
        --*size;
    }
    return line;
}

/* Its words are texts, and nobody but the server says whose it is. */
static void check(const json_t *request)
{
    const char *name;
    json_t *value;

    if (!json_is_array(json_object_get(request, "path")) || json_object_get(request, "group") != NULL ||
        json_object_get(request, "user") != NULL || json_object_get(request, "stamp") != NULL ||
        json_object_get(request, "login") != NULL || json_object_get(request, "menu") != NULL)
        fuzz_finding("a request that says more than it may");
    json_object_foreach(json_object_get(request, "words"), name, value)
    {
        if (!json_is_string(value))
            fuzz_finding("a word that is no text");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct front_request http = {.gone_fd = -1, .address = "192.0.2.1"};
    struct rest_basic basic;
    const char *why = NULL;
    char *lines[4], *path;
    json_t *request;
    size_t i;

    if (size == 0)
        return 0;
    http.method = (enum front_method)(*data++ % (FRONT_DELETE + 1));
    size--;
    for (i = 0; i < 4; i++)
        lines[i] = take_line(&data, &size);
    path = malloc(strlen(lines[0]) + sizeof(REST_PREFIX) + 1);
    if (path == NULL)
        abort();
    sprintf(path, REST_PREFIX "/%s", lines[0]);
    http.path = path;
    http.query = lines[1];
    http.content_type = lines[2];
    http.authorization = lines[3];
    http.body = data;
    http.body_len = size;
    request = rest_request(&http, &why);
    if (request == NULL && why == NULL)
        fuzz_finding("refused without a reason");
    if (request != NULL)
        check(request);
    json_decref(request);
    if (rest_basic(http.authorization, &basic) &&
        (strchr(basic.name, ':') != NULL || strlen(basic.name) + strlen(basic.password) + 2 > basic.size))
        fuzz_finding("a name and a password that are not what was sent");
    if (basic.text != NULL)
        OPENSSL_clear_free(basic.text, basic.size);
    for (i = 0; i < 4; i++)
        free(lines[i]);
    free(path);
    return 0;
}
