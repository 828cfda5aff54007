// SPDX-License-Identifier: Apache-2.0
/* signet key: keys without certificates, kept in the store. */
#include "console/console.h"

#include <string.h>

/* The store's callbacks are the console's: progress lines and errors look alike everywhere. */
static struct store *open_store(struct tool *tool, struct console *console)
{
    return console_open(console, tool) ? console_store(console) : NULL;
}

static int print_key(void *arg, struct store_key *key)
{
    int *width = arg;
    char users[32];

    snprintf(users, sizeof(users), "%lld", (long long)key->certificates);
    printf("%-*s  %-8s %-8s %5d  %12s  %s\n", *width, *key->name != '\0' ? key->name : "-", key->custody,
           key->type, key->bits, users, key->fingerprint);
    return 1;
}

static int widen(void *arg, struct store_key *key)
{
    int *width = arg, len = (int)strlen(key->name);

    if (len > *width)
        *width = len;
    return 1;
}

int key_command_list(struct tool *tool, char **argv)
{
    struct console console;
    struct store *store = open_store(tool, &console);
    int width = 4, ok = store != NULL && store_key_each(store, widen, &width);

    (void)argv;
    if (ok)
        printf("%-*s  %-8s %-8s %5s  %12s  %s\n", width, "NAME", "CUSTODY", "TYPE", "BITS", "CERTIFICATES",
               "FINGERPRINT");
    ok = ok && store_key_each(store, print_key, &width);
    console_close(&console);
    return ok ? TOOL_OK : TOOL_FAILED;
}

int key_command_make(struct tool *tool, char **argv)
{
    static const char *const custodies[] = {"auto", "tpm", "sealed", "file", NULL};
    const struct property size = {"--size", TYPE_ENUM, 0, store_key_sizes, 0, 0, NULL, NULL, 0},
                          custody = {"--custody", TYPE_ENUM, 0, custodies, 0, 0, NULL, NULL, 0};
    struct console console;
    struct store *store = open_store(tool, &console);
    char *size_value = NULL, *custody_value = NULL;
    int status = TOOL_FAILED;

    if (store == NULL)
        goto out;
    if (!value_check(&console, &size, tool->size != NULL ? tool->size : "2048", &size_value) ||
        !value_check(&console, &custody, tool->custody != NULL ? tool->custody : "auto", &custody_value))
        status = TOOL_USAGE;
    else if (store_key_make(store, argv[0], size_value, custody_value, tool->pcrs))
        status = TOOL_OK;
out:
    OPENSSL_free(size_value);
    OPENSSL_free(custody_value);
    console_close(&console);
    return status;
}

int key_command_write(struct tool *tool, char **argv)
{
    struct tool_key_writer writer;
    struct console console;
    struct store *store = open_store(tool, &console);
    struct store_key *key = store != NULL ? store_key_get(store, argv[0]) : NULL;
    int status = TOOL_FAILED;

    if (key != NULL && tool_key_writer_open(&writer, tool->out)) {
        if (tool_key_writer_commit_text(&writer, key->pem, strlen(key->pem)))
            status = TOOL_OK;
        tool_key_writer_close(&writer);
    }
    store_key_free(key);
    console_close(&console);
    return status;
}

int key_command_pin(struct tool *tool, char **argv)
{
    struct console console;
    struct store *store = NULL;
    struct store_key *key = NULL;
    struct hw_key *loaded = NULL, *persistent = NULL;
    int status = TOOL_FAILED;
    char *pem = NULL;
    uint32_t handle;

    if (!tool_parse_handle(argv[1], &handle))
        return TOOL_USAGE;
    store = open_store(tool, &console);
    key = store != NULL ? store_key_get(store, argv[0]) : NULL;
    if (key == NULL)
        goto out;
    if (strcmp(key->custody, "tpm") != 0) {
        tool_error("key %s is not in a TPM: custody %s", argv[0], key->custody);
        goto out;
    }
    loaded = tool_key_parse(tool, argv[0], key->pem, (int)strlen(key->pem));
    persistent = loaded != NULL ? hw_key_persist(loaded, handle) : NULL;
    pem = persistent != NULL ? tool_key_pem(persistent) : NULL;
    if (pem != NULL && store_key_replace(store, key->id, argv[0], pem))
        status = TOOL_OK;
    else if (persistent != NULL)
        tool_error("the key is at 0x%08x all the same; the store still uses the one that it loads", handle);
out:
    OPENSSL_free(pem);
    hw_key_free(persistent);
    hw_key_free(loaded);
    store_key_free(key);
    console_close(&console);
    return status;
}

int key_command_move(struct tool *tool, char **argv)
{
    struct hw_generate params = {.pcrs = tool->pcrs};
    struct hw_key *loaded = NULL, *moved = NULL;
    struct console console;
    struct store *store = NULL;
    struct store_key *key = NULL;
    int status = TOOL_FAILED;
    char *pem = NULL;

    if (tool->custody == NULL || !hw_custody_from(tool->custody, &params.custody) ||
        (params.custody != HW_CUSTODY_TPM && params.custody != HW_CUSTODY_SEALED))
        return tool_usage_error("expected --custody tpm or --custody sealed");
    store = open_store(tool, &console);
    key = store != NULL ? store_key_get(store, argv[0]) : NULL;
    loaded = key != NULL ? tool_key_parse(tool, argv[0], key->pem, (int)strlen(key->pem)) : NULL;
    moved = loaded != NULL ? hw_key_move(loaded, &params) : NULL;
    pem = moved != NULL ? tool_key_pem(moved) : NULL;
    if (pem != NULL && store_key_replace(store, key->id, argv[0], pem)) {
        console_note(&console, "key %s is now of custody %s; copies of its file elsewhere are as they were",
                     argv[0], tool->custody);
        status = TOOL_OK;
    }
    OPENSSL_free(pem);
    hw_key_free(moved);
    hw_key_free(loaded);
    store_key_free(key);
    console_close(&console);
    return status;
}

/* What is in the TPM of a key that the store has deleted. */
static int clear_tpm(struct tool *tool, struct console *console, const char *name,
                     const struct store_key *key)
{
    struct hw_key *loaded;
    int ok;

    if (strcmp(key->custody, "tpm") != 0)
        return 1;
    if (strstr(key->pem, "SIGNET KEY REFERENCE") != NULL) {
        console_note(console, "the key is still at its persistent handle: signet hw print, signet hw evict");
        return 1;
    }
    /* A copy that pin = auto has made could still be used, and would take its place for ever. */
    loaded = tool_key_parse(tool, name, key->pem, (int)strlen(key->pem));
    ok = loaded != NULL && hw_key_unpin(loaded);
    hw_key_free(loaded);
    if (!ok)
        console_note(console,
                     "the key is deleted; if pin = auto was in use, the TPM may have a copy at a handle "
                     "from 0x81530000 on: signet hw print, signet hw evict");
    return ok;
}

int key_command_delete(struct tool *tool, char **argv)
{
    struct console console;
    struct store *store = open_store(tool, &console);
    struct store_key *key = store != NULL ? store_key_get(store, argv[0]) : NULL;
    int ok = key != NULL && store_key_remove(store, key->id) && clear_tpm(tool, &console, argv[0], key);

    store_key_free(key);
    console_close(&console);
    return ok ? TOOL_OK : TOOL_FAILED;
}
