// SPDX-License-Identifier: Apache-2.0
/* signet: options, the commands of `signet hw` and `signet key`, and everything else to the console. */
#include "console/console.h"
#include "console/remote.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/bio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tool_command {
    const char *group, *name;
    const char *arguments; /* as the help shows them, and how many: */
    int count;
    const char *options; /* letters of its own options */
    int (*run)(struct tool *tool, char **argv);
    const char *summary;
    const char *help;
};

static const struct tool_command commands[] = {
    {"hw", "print stats", "", 0, "", hw_command_stats, "shows what lanes have done, by process",
     "Shows what the CPU and the accelerator have done, one line for each process that uses\n"
     "Signet (with those that it has forked) and each lane. Processes count where the folder\n"
     "/run/signet/stats, or the one that stats-directory or SIGNET_STATS_DIRECTORY names,\n"
     "exists and they may write to it.\n"},
    {"hw", "print", "", 0, "", hw_command_print, "shows the hardware that holds keys, one line each",
     "Shows the hardware that holds keys, one line each: how it is reached, what it can\n"
     "do, and which persistent handles are taken.\n"},
    {"hw", "hold", " KEY.pem", 1, "g", hw_command_hold, "gives a sealed key to the kernel to hold",
     "Has the TPM give out the SIGNET SEALED KEY in KEY.pem and gives it to the kernel, until\n"
     "'signet hw release' or the end of the system. Processes of this user, and of --group,\n"
     "then use the key without ever having it; to be run at boot, before the services.\n"},
    {"hw", "release", " KEY.pem", 1, "", hw_command_release, "takes a key from the kernel",
     "Takes a key from the kernel that 'signet hw hold' gave to it.\n"},
    {"hw", "persist", " KEY.pem HANDLE", 2, "o", hw_command_persist, "makes a key persistent in the TPM",
     "Copies the TSS2 PRIVATE KEY in KEY.pem to a persistent handle of the TPM, such as\n"
     "0x81010001, and writes a SIGNET KEY REFERENCE, which names it, to standard output\n"
     "or to a file.\n"},
    {"hw", "evict", " HANDLE", 1, "", hw_command_evict, "removes what is at a persistent handle",
     "Removes the key at a persistent handle of the TPM. Without the TSS2 PRIVATE KEY\n"
     "that it was made from, it is gone for good.\n"},
    {"key", "list", "", 0, "", key_command_list, "shows the keys of the store",
     "Shows the keys of the store, one line each: those that were made by name, and those\n"
     "that belong to certificates.\n"},
    {"key", "make", " NAME", 1, "scP", key_command_make, "makes a key",
     "Makes a key and keeps it in the store under a name.\n"},
    {"key", "write", " NAME", 1, "o", key_command_write, "writes the file that a service is given",
     "Writes the key NAME, or the key of the certificate NAME, as services take it: a TSS2\n"
     "PRIVATE KEY or a SIGNET KEY REFERENCE of custody tpm, a SIGNET SEALED KEY of custody\n"
     "sealed, which are of no use without this TPM; PKCS #8 in clear of custody file.\n"},
    {"key", "move", " NAME", 1, "cP", key_command_move, "gives a key into another custody",
     "Gives a key of custody file into custody tpm or sealed, or a sealed one into custody\n"
     "tpm or, sealed anew, to other PCRs. There is no way back to a file.\n"},
    {"key", "pin", " NAME HANDLE", 2, "", key_command_pin, "makes a key persistent in the TPM",
     "Copies a key of the store to a persistent handle of the TPM, such as 0x81010001. The\n"
     "store then uses it there: nothing has to be loaded any more.\n"},
    {"key", "delete", " NAME", 1, "", key_command_delete, "deletes a key that no certificate uses",
     "Deletes a key from the store, if no certificate uses it. There is no way back.\n"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct option options[] = {
    TOOL_OPTIONS,
    {"manual-menus", no_argument, NULL, 'm'},   /* for the build */
    {"complete", required_argument, NULL, 'C'}, /* for the shell */
    {"out", required_argument, NULL, 'o'},
    {"size", required_argument, NULL, 's'},
    {"custody", required_argument, NULL, 'c'},
    {"pcrs", required_argument, NULL, 'P'},
    {"group", required_argument, NULL, 'g'},
    {NULL, 0, NULL, 0},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

static int print_commands(const char *group)
{
    size_t i;

    if (group == NULL) {
        printf("Usage: signet [OPTION...]                  opens the console\n"
               "       signet [OPTION...] 'COMMAND'        runs one command of it, such as '/certificate "
               "print'\n"
               "       signet [OPTION...] run FILE         runs a file of them (-: standard input)\n"
               "       signet hw|key COMMAND [OPTION...]\n\n");
    } else {
        printf("Usage: signet %s COMMAND [OPTION...]\n\n", group);
    }
    for (i = 0; i < COMMANDS; i++) {
        char line[64];

        if (group != NULL && strcmp(commands[i].group, group) != 0)
            continue;
        snprintf(line, sizeof(line), "%s %s%s", commands[i].group, commands[i].name, commands[i].arguments);
        printf("  %-28s  %s\n", line, commands[i].summary);
    }
    printf("\n%s\n'signet hw COMMAND --help' tells its options, 'signet /certificate ?' what the console "
           "knows,\n"
           "'signet --version' the version; see signet(1).\n",
           tool_options_help);
    return TOOL_OK;
}

static int print_command(const struct tool_command *command)
{
    printf("Usage: signet %s %s%s [OPTION...]\n\n%s\n", command->group, command->name, command->arguments,
           command->help);
    if (strchr(command->options, 'o') != NULL)
        puts("  --out FILE                      where to write, mode 0600; standard output without it");
    if (strchr(command->options, 's') != NULL)
        puts("  --size SIZE                     1024 1536 2048 3072 4096 8192, prime256v1 secp384r1 "
             "secp521r1");
    if (strchr(command->options, 'c') != NULL)
        puts("  --custody CUSTODY               tpm, sealed, file, or auto: the TPM if it can");
    if (strchr(command->options, 'P') != NULL)
        puts("  --pcrs BANK:N,N                 of custody sealed: only while these PCRs are as now");
    if (strchr(command->options, 'g') != NULL)
        puts("  --group GROUP                   whose processes may use the key, too");
    fputs(tool_options_help, stdout);
    return TOOL_OK;
}

static void take_option(struct tool *tool, int option)
{
    if (tool_take_option(&tool->config, option, optarg))
        return;
    switch (option) {
    case 'o':
        tool->out = optarg;
        break;
    case 's':
        tool->size = optarg;
        break;
    case 'c':
        tool->custody = optarg;
        break;
    case 'P':
        tool->pcrs = optarg;
        break;
    case 'g':
        tool->group = optarg;
        break;
    }
}

/* Options that every command has, and those whose letters are in own. */
static void known_options(struct option *known, const char *own)
{
    size_t i, n = 0;

    for (i = 0; i < OPTIONS; i++) {
        if (options[i].name == NULL || strchr("hHtlpw", options[i].val) != NULL ||
            strchr(own, options[i].val) != NULL)
            known[n++] = options[i];
    }
}

/* ---- commands of groups ---- */

/* argv[0] is the command's name. */
static int run_tool_command(struct tool *tool, const struct tool_command *command, int argc, char **argv)
{
    struct option known[OPTIONS];
    int option, status;

    known_options(known, command->options);
    argv[0] = (char *)"signet"; /* getopt's messages begin with it */
    optind = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h')
            return print_command(command);
        if (option == '?')
            return TOOL_USAGE;
        take_option(tool, option);
    }
    if (argc - optind != command->count)
        return tool_usage_error("expected \"signet %s %s%s [OPTION...]\", got %d arguments", command->group,
                                command->name, command->arguments, argc - optind);
    status = tool_prepare(tool);
    return status == TOOL_OK ? command->run(tool, argv + optind) : status;
}

/* How many words the command's name has, if they stand first; otherwise 0. */
static int matches(const char *name, int argc, char **argv)
{
    int words = 0;

    while (*name != '\0') {
        size_t len = strcspn(name, " ");

        if (words == argc || strlen(argv[words]) != len || memcmp(argv[words], name, len) != 0)
            return 0;
        words++;
        name += len + (name[len] == ' ');
    }
    return words;
}

/* -1: there is no such group. */
static int find_and_run(struct tool *tool, int argc, char **argv)
{
    const char *group = argv[0], *name = argc > 1 ? argv[1] : NULL;
    int is_group = 0, words;
    size_t i;

    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].group, group) != 0)
            continue;
        is_group = 1;
        if (name != NULL && strcmp(name, "--help") == 0)
            return print_commands(group);
        if ((words = matches(commands[i].name, argc - 1, argv + 1)) > 0)
            return run_tool_command(tool, &commands[i], argc - words, argv + words);
    }
    if (!is_group)
        return -1;
    if (name == NULL)
        return tool_usage_error("expected a command after %s; see signet --help", group);
    return tool_usage_error("no such command: %.64s %.64s; see signet --help", group, name);
}

/* ---- the console ---- */

/* The words of the shell as a line of the console. One word is a line as it is; several are words, and a
 * value with blanks in it gets its quotes back, which the shell has taken. */
static char *join(int argc, char **argv)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data = NULL, *text = NULL;
    long len;
    int i;

    for (i = 0; bio != NULL && i < argc; i++) {
        const char *equals = strchr(argv[i], '='), *p;

        if (argc == 1 || strpbrk(argv[i], " \t\"\\;") == NULL || strpbrk(argv[i], "[]") != NULL) {
            BIO_printf(bio, "%s", i > 0 ? " " : "");
            BIO_puts(bio, argv[i]);
            continue;
        }
        BIO_printf(bio, "%s%.*s\"", i > 0 ? " " : "", equals != NULL ? (int)(equals + 1 - argv[i]) : 0,
                   argv[i]);
        for (p = equals != NULL ? equals + 1 : argv[i]; *p != '\0'; p++) {
            if (*p == '"' || *p == '\\')
                BIO_puts(bio, "\\");
            BIO_write(bio, p, 1);
        }
        BIO_puts(bio, "\"");
    }
    len = bio != NULL ? BIO_get_mem_data(bio, &data) : 0;
    text = bio != NULL ? OPENSSL_strndup(data, (size_t)len) : NULL;
    BIO_free(bio);
    return text;
}

/* The whole file, bounded. */
static char *read_script(const char *path, size_t *len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = file != NULL ? OPENSSL_malloc(PARSE_TEXT_MAX + 2) : NULL;

    if (text != NULL)
        *len = fread(text, 1, PARSE_TEXT_MAX + 1, file);
    if (file == NULL || ferror(file)) {
        tool_error("%s can't be read: %s", path, strerror(errno));
        OPENSSL_clear_free(text, PARSE_TEXT_MAX + 2);
        text = NULL;
    }
    if (file != NULL && file != stdin)
        fclose(file);
    return text;
}

static int run_script(struct console *console, const char *path)
{
    size_t len = 0;
    char *text = read_script(path, &len);
    int ok = text != NULL && console_run_text(console, text, len, path);

    if (text != NULL)
        OPENSSL_clear_free(text, PARSE_TEXT_MAX + 2);
    return ok;
}

static int run_line(struct console *console, int argc, char **argv)
{
    char *line = join(argc, argv);
    int ok = line != NULL && console_run_text(console, line, strlen(line), NULL);

    if (line != NULL)
        OPENSSL_clear_free(line, strlen(line));
    return ok;
}

static void print_candidate(void *arg, const char *word, const char *help)
{
    (void)arg;
    (void)help;
    puts(word);
}

/* For signetd, which starts it: it has a socket to it as standard input. */
static int run_worker(struct console *console)
{
    struct stat st;

    if (fstat(STDIN_FILENO, &st) != 0 || !S_ISSOCK(st.st_mode))
        return tool_usage_error("worker is signetd's own command");
    return remote_serve(console, STDIN_FILENO);
}

static int run_console(struct tool *tool, int argc, char **argv, const char *unfinished)
{
    struct console console;
    int ok = 1, status = tool_prepare(tool);

    if (status != TOOL_OK)
        return status;
    if (!console_open(&console, tool))
        return tool_error("signals: %s", strerror(errno));
    if (unfinished != NULL)
        complete_line(&console, unfinished, strlen(unfinished), print_candidate, NULL);
    else if (argc == 0 && isatty(STDIN_FILENO))
        ok = interactive_run(&console);
    else if (argc == 0)
        ok = run_script(&console, "-");
    else if (strcmp(argv[0], "run") == 0 && argc == 2)
        ok = run_script(&console, argv[1]);
    else if (strcmp(argv[0], "worker") == 0 && argc == 1)
        status = run_worker(&console);
    else if (strcmp(argv[0], "run") == 0)
        status = tool_usage_error("expected \"signet run FILE\"");
    else
        ok = run_line(&console, argc, argv);
    console_close(&console);
    return status != TOOL_OK ? status : ok ? TOOL_OK : TOOL_FAILED;
}

static int run(struct tool *tool, int argc, char **argv)
{
    struct option known[OPTIONS];
    const char *unfinished = NULL;
    int option, status;

    known_options(known, "vmC");
    argv[0] = (char *)"signet";
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        switch (option) {
        case '?':
            return TOOL_USAGE;
        case 'h':
            return print_commands(NULL);
        case 'v':
            puts("signet " SIGNET_VERSION);
            return TOOL_OK;
        case 'm':
            man_print(stdout);
            return TOOL_OK;
        case 'C':
            unfinished = optarg;
            break;
        default:
            take_option(tool, option);
        }
    }
    argc -= optind;
    argv += optind;
    status = argc > 0 ? find_and_run(tool, argc, argv) : -1;
    return status >= 0 ? status : run_console(tool, argc, argv, unfinished);
}

int main(int argc, char **argv)
{
    struct tool tool = {0};
    int status;

    tool_config_read(&tool.config);
    status = run(&tool, argc, argv);
    tool_close(&tool);
    if (fflush(stdout) != 0 && status == TOOL_OK)
        status = tool_error("standard output can't be written: %s", strerror(errno));
    return status;
}
