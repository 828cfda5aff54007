// SPDX-License-Identifier: Apache-2.0
/*
 * signet: the program for people and scripts. Private to tools/.
 *
 * signet.c finds the command and reads its options; a command is one function that does its work through hw/
 * or the store and returns an exit status. What is no such command is for the console. Whoever knows the
 * cause of a failure says so once, with tool_error or through hw's error callback.
 */
#ifndef SIGNET_TOOLS_TOOL_H
#define SIGNET_TOOLS_TOOL_H

#include "hw/hw.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdio.h>

/* Exit statuses. */
enum { TOOL_OK, TOOL_FAILED, TOOL_USAGE };

/* What the environment and then the command line say. The strings belong to them. NULL: not set. */
struct tool_config {
    const char *tcti;
    const char *log;
    const char *parent_passphrase_file;
    const char *owner_passphrase_file;
    const char *lanes;
    const char *stats_directory;
    const char *home;          /* of the store; absolute once tool_config_apply has run */
    const char *notify_socket; /* of sd_notify(3) */
    int has_colour;            /* the user minds no colours on a terminal */
};

struct tool {
    struct tool_config config;
    const char *out;      /* --out */
    const char *size;     /* --size */
    const char *custody;  /* --custody */
    const char *pcrs;     /* --pcrs */
    const char *group;    /* --group */
    OSSL_LIB_CTX *libctx; /* private: default provider only */
    OSSL_PROVIDER *default_provider;
    struct hw_log_file log;
    struct hw *hw;        /* of tool_hw */
    OSSL_LIB_CTX *crypto; /* of tool_crypto */
    OSSL_PROVIDER *providers[2];
};

/* ---- tool.c: what is opened when it is first needed ---- */

/* The hardware. NULL: said why. */
struct hw *tool_hw(struct tool *tool);
/* A library context with OpenSSL's default provider and Signet's, as a program has them whose openssl.cnf
 * names both; no openssl.cnf is read. NULL: said why. */
OSSL_LIB_CTX *tool_crypto(struct tool *tool);
void tool_close(struct tool *tool);

/* ---- config.c: the only file that reads the environment ---- */

void tool_config_read(struct tool_config *config);
/* After the options: makes home absolute, and hands what concerns the hardware on to the provider in this
 * process, which reads the environment. */
int tool_config_apply(struct tool_config *config);

/* ---- options.c ---- */

/* Rows of a getopt_long table; --help and --version are the program's. */
#define TOOL_OPTIONS                                                                                         \
    {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'},                                   \
        {"home", required_argument, NULL, 'H'}, {"tcti", required_argument, NULL, 't'},                      \
        {"log", required_argument, NULL, 'l'}, {"parent-passphrase-file", required_argument, NULL, 'p'},     \
    {                                                                                                        \
        "owner-passphrase-file", required_argument, NULL, 'w'                                                \
    }
extern const char tool_options_help[];
/* Returns 0 if it is none of these. */
int tool_take_option(struct tool_config *config, int option, const char *value);
/* After them: opens the log and applies the configuration. Returns TOOL_OK or why not. */
int tool_prepare(struct tool *tool);

/* ---- report.c ---- */

/* One line on stderr: "signet: …", the program's name first. Returns TOOL_FAILED. */
int tool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a command line that makes no sense. Returns TOOL_USAGE. */
int tool_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Opens what config.log names. Returns TOOL_OK or why not. */
int tool_log_open(struct tool *tool);
/* Callbacks for hw_config; arg is the struct tool. */
void tool_on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text);
void tool_on_log(void *arg, enum hw_level level, const char *text);

/* ---- key_file.c ---- */

/* Loads the first private key in a PEM file, alone or among certificates. NULL: said why. */
struct hw_key *tool_key_read(struct tool *tool, const char *path);

/* A key's file that is to appear whole or not at all. */
struct tool_key_writer {
    const char *path; /* NULL: standard output */
    char *temporary;  /* beside path */
    int fd;
};

/* Sees whether path can be written before anything else is done. Returns 0 if not, and said why. */
int tool_key_writer_open(struct tool_key_writer *writer, const char *path);
/* Writes the key's container there. Returns 0 if that failed, and said why. */
int tool_key_writer_commit(struct tool_key_writer *writer, const struct hw_key *key);
/* Leaves nothing behind that is not committed. */
void tool_key_writer_close(struct tool_key_writer *writer);

/* PEM of a key's container; the caller's. NULL: said why. */
char *tool_key_pem(const struct hw_key *key);
/* Loads a key from PEM; name is for messages. NULL: said why. */
struct hw_key *tool_key_parse(struct tool *tool, const char *name, const char *pem, int len);
/* Writes a text as the key's file. */
int tool_key_writer_commit_text(struct tool_key_writer *writer, const char *text, size_t len);

/* "0x81010001". Returns 0 and says what is wrong. */
int tool_parse_handle(const char *text, uint32_t *handle);

/* ---- key_command.c: the commands of `signet key` ---- */

int key_command_list(struct tool *tool, char **argv);
int key_command_make(struct tool *tool, char **argv);
int key_command_write(struct tool *tool, char **argv);
int key_command_move(struct tool *tool, char **argv);
int key_command_pin(struct tool *tool, char **argv);
int key_command_delete(struct tool *tool, char **argv);

/* ---- hw_command.c: the commands of `signet hw`; argv holds their arguments only ---- */

int hw_command_print(struct tool *tool, char **argv);
int hw_command_stats(struct tool *tool, char **argv);
int hw_command_hold(struct tool *tool, char **argv);
int hw_command_release(struct tool *tool, char **argv);
int hw_command_persist(struct tool *tool, char **argv);
int hw_command_evict(struct tool *tool, char **argv);

#endif
