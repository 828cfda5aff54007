// SPDX-License-Identifier: Apache-2.0
/* signet: finds the command, reads its options, runs it. */
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

struct command {
    const char *group, *name;
    const char *arguments; /* as the help shows them, and how many: */
    int count;
    int has_out;
    int (*run)(struct tool *tool, char **argv);
    const char *summary;
    const char *help;
};

static const struct command commands[] = {
    {"hw", "print", "", 0, 0, hw_command_print, "shows the hardware that holds keys, one line each",
     "Shows the hardware that holds keys, one line each: how it is reached, what it can\n"
     "do, and which persistent handles are taken.\n"},
    {"hw", "persist", " KEY.pem HANDLE", 2, 1, hw_command_persist, "makes a key persistent in the TPM",
     "Copies the TSS2 PRIVATE KEY in KEY.pem to a persistent handle of the TPM, such as\n"
     "0x81010001, and writes a SIGNET KEY REFERENCE, which names it, to standard output\n"
     "or to a file.\n"},
    {"hw", "evict", " HANDLE", 1, 0, hw_command_evict, "removes what is at a persistent handle",
     "Removes the key at a persistent handle of the TPM. Without the TSS2 PRIVATE KEY\n"
     "that it was made from, it is gone for good.\n"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"tcti", required_argument, NULL, 't'},
    {"log", required_argument, NULL, 'l'},
    {"parent-passphrase-file", required_argument, NULL, 'p'},
    {"owner-passphrase-file", required_argument, NULL, 'w'},
    {"out", required_argument, NULL, 'o'}, /* last: the commands without it stop before */
    {NULL, 0, NULL, 0},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

static const char options_help[] =
    "  --tcti TCTI                     the TPM, such as device:/dev/tpmrm0 (SIGNET_TCTI)\n"
    "  --log LEVEL[:FILE]              error, warn, info or debug (SIGNET_LOG)\n"
    "  --parent-passphrase-file FILE   of the key's parent (SIGNET_PARENT_PASSPHRASE_FILE)\n"
    "  --owner-passphrase-file FILE    of the TPM's owner (SIGNET_OWNER_PASSPHRASE_FILE)\n"
    "  --help                          this text\n";

static int print_commands(const char *group)
{
    size_t i;

    printf("Usage: signet %s COMMAND [OPTION...]\n\n", group != NULL ? group : "hw");
    for (i = 0; i < COMMANDS; i++) {
        char line[64];

        if (group != NULL && strcmp(commands[i].group, group) != 0)
            continue;
        snprintf(line, sizeof(line), "%s %s%s", commands[i].group, commands[i].name, commands[i].arguments);
        printf("  %-28s  %s\n", line, commands[i].summary);
    }
    printf(
        "\n'signet hw COMMAND --help' tells its options, 'signet --version' the version; see signet(1).\n");
    return TOOL_OK;
}

static int print_command(const struct command *command)
{
    printf("Usage: signet %s %s%s [OPTION...]\n\n%s\n%s%s", command->group, command->name, command->arguments,
           command->help,
           command->has_out ? "  --out FILE                      where to write the reference, mode 0600\n"
                            : "",
           options_help);
    return TOOL_OK;
}

static void tool_close(struct tool *tool)
{
    hw_free(tool->hw);
    if (tool->default_provider != NULL)
        OSSL_PROVIDER_unload(tool->default_provider);
    OSSL_LIB_CTX_free(tool->libctx);
    hw_log_file_close(&tool->log);
}

static int tool_open(struct tool *tool)
{
    struct hw_config config;
    int status = tool_log_open(tool);

    if (status != TOOL_OK)
        return status;
    /* No openssl.cnf: it may load the provider, and two of them in one process get in each other's way. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    tool->libctx = OSSL_LIB_CTX_new();
    if (tool->libctx != NULL)
        tool->default_provider = OSSL_PROVIDER_load(tool->libctx, "default");
    if (tool->default_provider == NULL)
        return tool_error("OpenSSL's default provider can't be loaded");
    config = (struct hw_config){
        .libctx = tool->libctx,
        .tcti = tool->config.tcti,
        .parent_passphrase_file = tool->config.parent_passphrase_file,
        .owner_passphrase_file = tool->config.owner_passphrase_file,
        .error = tool_on_error,
        .log = tool_on_log,
        .level = tool->log.level,
        .arg = tool,
    };
    tool->hw = hw_new(&config);
    return tool->hw != NULL ? TOOL_OK : tool_error("out of memory");
}

static void take_option(struct tool *tool, int option)
{
    switch (option) {
    case 't':
        tool->config.tcti = optarg;
        break;
    case 'l':
        tool->config.log = optarg;
        break;
    case 'p':
        tool->config.parent_passphrase_file = optarg;
        break;
    case 'w':
        tool->config.owner_passphrase_file = optarg;
        break;
    case 'o':
        tool->out = optarg;
        break;
    }
}

/* argv[0] is the command's name. */
static int run(const struct command *command, int argc, char **argv)
{
    struct option known[OPTIONS];
    struct tool tool = {0};
    int option, status;

    memcpy(known, options, sizeof(options));
    if (!command->has_out)
        known[OPTIONS - 2] = known[OPTIONS - 1];
    tool_config_read(&tool.config);
    argv[0] = (char *)"signet"; /* getopt's messages begin with it */
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h')
            return print_command(command);
        if (option == '?')
            return TOOL_USAGE;
        take_option(&tool, option);
    }
    if (argc - optind != command->count)
        return tool_usage_error("expected \"signet %s %s%s [OPTION...]\", got %d arguments", command->group,
                                command->name, command->arguments, argc - optind);
    status = tool_open(&tool);
    if (status == TOOL_OK)
        status = command->run(&tool, argv + optind);
    tool_close(&tool);
    return status;
}

static int find_and_run(int argc, char **argv)
{
    const char *group = argc > 1 ? argv[1] : NULL, *name = argc > 2 ? argv[2] : NULL;
    int is_group = 0;
    size_t i;

    if (group == NULL)
        return tool_usage_error("expected a command; see signet --help");
    if (strcmp(group, "--help") == 0)
        return print_commands(NULL);
    if (strcmp(group, "--version") == 0) {
        puts("signet " SIGNET_VERSION);
        return TOOL_OK;
    }
    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].group, group) != 0)
            continue;
        is_group = 1;
        if (name != NULL && strcmp(name, "--help") == 0)
            return print_commands(group);
        if (name != NULL && strcmp(commands[i].name, name) == 0)
            return run(&commands[i], argc - 2, argv + 2);
    }
    if (is_group && name == NULL)
        return tool_usage_error("expected a command after %s; see signet --help", group);
    return tool_usage_error("no such command: %.64s%s%.64s; see signet --help", group, is_group ? " " : "",
                            is_group ? name : "");
}

int main(int argc, char **argv)
{
    int status = find_and_run(argc, argv);

    if (fflush(stdout) != 0 && status == TOOL_OK)
        status = tool_error("standard output can't be written: %s", strerror(errno));
    return status;
}
