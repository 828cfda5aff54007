// SPDX-License-Identifier: Apache-2.0
/* signet hw: what hardware is here, and which keys live in it. */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static void print_line(void *arg, const char *line)
{
    (void)arg;
    puts(line);
}

int hw_command_print(struct tool *tool, char **argv)
{
    (void)argv;
    return hw_print(tool_hw(tool), print_line, NULL) ? TOOL_OK : TOOL_FAILED;
}

int hw_command_stats(struct tool *tool, char **argv)
{
    const char *folder =
        tool->config.stats_directory != NULL ? tool->config.stats_directory : HW_STATS_FOLDER;

    (void)argv;
    if (hw_print_stats(folder, print_line, NULL))
        return TOOL_OK;
    return tool_error("%s can't be read: %s; processes count there once it exists", folder, strerror(errno));
}

/* A key that is to be nowhere but in the kernel must not go from here to a core file or to swap. */
static int keep_memory(void)
{
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return 0;
    /* Others may lock little, and would then run out of memory. */
    return geteuid() != 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

int hw_command_hold(struct tool *tool, char **argv)
{
    struct hw_key *key;
    int ok;

    if (!keep_memory())
        return tool_error("memory can't be kept from core files and swap: %s", strerror(errno));
    key = tool_key_read(tool, argv[0]);
    ok = key != NULL && hw_key_hold(key, tool->group);
    hw_key_free(key);
    return ok ? TOOL_OK : TOOL_FAILED;
}

int hw_command_release(struct tool *tool, char **argv)
{
    struct hw_key *key = tool_key_read(tool, argv[0]);
    int ok = key != NULL && hw_key_release(key);

    hw_key_free(key);
    return ok ? TOOL_OK : TOOL_FAILED;
}

/* All eight digits, so that a missing one does not mean another key. */
int tool_parse_handle(const char *text, uint32_t *handle)
{
    static const char digits[] = "0123456789abcdefABCDEF";

    if (strlen(text) == 10 && strncmp(text, "0x81", 4) == 0 && strspn(text + 2, digits) == 8) {
        *handle = (uint32_t)strtoul(text, NULL, 16);
        return 1;
    }
    tool_usage_error("\"%.64s\" is not a persistent handle: expected 0x81 and six more digits, such as "
                     "0x81010001",
                     text);
    return 0;
}

int hw_command_persist(struct tool *tool, char **argv)
{
    struct tool_key_writer writer;
    struct hw_key *key = NULL, *persistent = NULL;
    int status = TOOL_FAILED;
    uint32_t handle;

    if (!tool_parse_handle(argv[1], &handle))
        return TOOL_USAGE;
    if (!tool_key_writer_open(&writer, tool->out))
        return TOOL_FAILED;
    key = tool_key_read(tool, argv[0]);
    if (key != NULL)
        persistent = hw_key_persist(key, handle);
    if (persistent != NULL && tool_key_writer_commit(&writer, persistent))
        status = TOOL_OK;
    else if (persistent != NULL)
        tool_error("the key is at 0x%08x all the same; openssl pkey -in signet:handle=0x%08x writes its "
                   "reference",
                   handle, handle);
    tool_key_writer_close(&writer);
    hw_key_free(persistent);
    hw_key_free(key);
    return status;
}

int hw_command_evict(struct tool *tool, char **argv)
{
    uint32_t handle;

    if (!tool_parse_handle(argv[0], &handle))
        return TOOL_USAGE;
    return hw_evict(tool_hw(tool), handle) ? TOOL_OK : TOOL_FAILED;
}
