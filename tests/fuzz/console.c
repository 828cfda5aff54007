// SPDX-License-Identifier: Apache-2.0
/* The console's language: parsing, conditions, values, completion of unfinished lines. Nothing is run. */
#include "fuzz.h"

#include "tools/console/console.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tool tool;
static struct console console;
static char home[] = "/tmp/signet-fuzz.XXXXXX";

static void clean(void)
{
    char command[80];

    console_close(&console);
    snprintf(command, sizeof(command), "rm -rf %s", home);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", home);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    /* An empty store: completion looks for names in it. */
    if (mkdtemp(home) == NULL)
        fuzz_finding("no temporary folder");
    tool.config.home = home;
    if (!console_open(&console, &tool) || console_store(&console) == NULL)
        fuzz_finding("no console");
    atexit(clean);
    return 0;
}

static void check_values(const struct word *word)
{
    const struct menu *menus[] = {&menu_certificate, &menu_file};
    const struct property *property;
    size_t i;

    for (i = 0; i < sizeof(menus) / sizeof(menus[0]); i++) {
        for (property = menus[i]->properties; property != NULL && property->name[0] != '\0'; property++) {
            char *canonical = NULL;

            if (!(property->flags & PROP_BOTH))
                continue; /* only shown */
            if (value_check(&console, property, word->text, &canonical) != (canonical != NULL))
                fuzz_finding("a value that is right has no canonical form, or a wrong one has");
            OPENSSL_free(canonical);
        }
    }
}

static void on_word(void *arg, const char *word, const char *help)
{
    (void)arg;
    (void)help;
    if (*word == '\0')
        fuzz_finding("an empty word is offered");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parse_error error = {0};
    struct statement *statements, *statement;
    char *text = malloc(size + 1); /* with a zero behind it, as the console has it */
    size_t i;

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    statements = parse(text, size, &error);
    if (error.what != NULL && (statements != NULL || error.line < 1 || error.column < 1))
        fuzz_finding("an error without a place, or with statements");
    for (statement = statements; statement != NULL; statement = statement->next) {
        struct where *where = where_parse(&console, &menu_certificate, statement, 0);

        where_free(where);
        for (i = 0; i < statement->count; i++) {
            if (statement->words[i].text != NULL)
                check_values(&statement->words[i]);
        }
    }
    parse_free(statements);
    /* Also with the cursor within the line. */
    for (i = 0; i <= strlen(text); i += 1 + i / 8)
        complete_line(&console, text, i, on_word, NULL);
    free(text);
    return 0;
}
