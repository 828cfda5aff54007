// SPDX-License-Identifier: Apache-2.0
/* What comes to a worker: any JSON, of a user who may only look. What is answered is JSON again, and nothing
 * is changed. */
#include "fuzz.h"

#include "tools/console/remote.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tool tool;
static struct console console;
static char home[] = "/tmp/signet-fuzz.XXXXXX";

static void clean(void)
{
    char command[80];

    console_close(&console);
    tool_close(&tool);
    snprintf(command, sizeof(command), "rm -rf %s", home);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", home);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char add[] =
        "/certificate add name=a common-name=a; /certificate add name=b common-name=b; "
        "/certificate scep-server add ca-cert=a path=/scep/ challenge-password=hidden-text";

    (void)argc;
    (void)argv;
    if (mkdtemp(home) == NULL)
        fuzz_finding("no temporary folder");
    tool.config.home = home;
    if (!console_open(&console, &tool) || !console_run_text(&console, add, strlen(add), NULL))
        fuzz_finding("no console");
    atexit(clean);
    return 0;
}

/* Looks like one of its own kinds, and has no secret in it. */
static void check(const json_t *request, const json_t *answer)
{
    char *asked = json_dumps(request, JSON_COMPACT), *text = json_dumps(answer, JSON_COMPACT);

    /* What was sent may be repeated in an error. */
    if (asked == NULL || text == NULL ||
        (strstr(text, "hidden-text") != NULL && strstr(asked, "hidden-text") == NULL))
        fuzz_finding("a secret is shown");
    free(asked);
    if (!json_is_boolean(json_object_get(answer, "ok")) ||
        (json_is_false(json_object_get(answer, "ok")) && (!json_is_string(json_object_get(answer, "kind")) ||
                                                          !json_is_string(json_object_get(answer, "error")))))
        fuzz_finding("an answer that is none");
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error;
    json_t *request = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &error), *answer;

    if (!json_is_object(request)) {
        json_decref(request);
        return 0;
    }
    /* A login costs a third of a second. */
    json_object_del(request, "login");
    json_object_set_new(request, "group", json_string("read"));
    answer = remote_answer(&console, request);
    if (answer == NULL || console.answer != NULL)
        fuzz_finding("no answer");
    check(request, answer);
    if (store_cert_count(console.store) != 2)
        fuzz_finding("somebody who may only look has changed something");
    json_decref(answer);
    json_decref(request);
    return 0;
}
