// SPDX-License-Identifier: Apache-2.0
/*
 * signet: the program for people and scripts. Private to tools/.
 *
 * signet.c finds the command and reads its options; a command is one function that does its work through hw/
 * and returns an exit status. Whoever knows the cause of a failure says so once, with tool_error or through
 * hw's error callback.
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
};

struct tool {
    struct tool_config config;
    const char *out;      /* --out */
    OSSL_LIB_CTX *libctx; /* private: default provider only */
    OSSL_PROVIDER *default_provider;
    struct hw_log_file log;
    struct hw *hw;
};

/* ---- config.c: the only file that reads the environment ---- */

void tool_config_read(struct tool_config *config);

/* ---- report.c ---- */

/* One line on stderr: "signet: …". Returns TOOL_FAILED. */
int tool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a command line that makes no sense. Returns TOOL_USAGE. */
int tool_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Opens what config.log names. Returns TOOL_OK or why not. */
int tool_log_open(struct tool *tool);
/* Callbacks for hw_config; arg is the struct tool. */
void tool_on_error(void *arg, int reason, const char *file, int line, const char *func, const char *text);
void tool_on_log(void *arg, enum hw_level level, const char *text);

/* ---- key_file.c ---- */

/* Loads the first key of the TPM's in a PEM file, alone or among certificates. NULL: said why. */
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

/* ---- hw_command.c: the commands of `signet hw`; argv holds their arguments only ---- */

int hw_command_print(struct tool *tool, char **argv);
int hw_command_persist(struct tool *tool, char **argv);
int hw_command_evict(struct tool *tool, char **argv);

#endif
