// SPDX-License-Identifier: Apache-2.0
/* Between the files of tools/bindings/. */
#ifndef SIGNET_BINDINGS_PRIVATE_H
#define SIGNET_BINDINGS_PRIVATE_H

#include "bindings.h"

#include <stdarg.h>
#include <sys/types.h>

#define SERVICE_WRITES     16
#define SERVICE_PARAMETERS 32
#define SERVICE_WORDS      32
#define VALUE_MAX          512
#define WHY_MAX            1024

int bindings_raise(struct bindings_host *host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- entry.c ---- */

/* Sets a field, or takes it away if value is empty. */
int binding_set(struct store *store, int64_t id, enum binding_field field, const char *value);
int bindings_each(struct store *store, int (*each)(void *arg, int64_t id), void *arg);

/* ---- service.c: the files ---- */

/* What a parameter's value may be made of: none can hold a blank, a quote, a brace, a comma or a newline. */
enum value_kind { VALUE_PATH, VALUE_HOST, VALUE_PORT, VALUE_NUMBER, VALUE_WORD, VALUE_KINDS };
extern const char *const value_kinds[VALUE_KINDS];

struct parameter {
    char *name;
    enum value_kind kind;
    char *initial; /* NULL: it must be given */
};

enum content {
    CONTENT_CERTIFICATE,
    CONTENT_CHAIN, /* the issuers without the root */
    CONTENT_FULLCHAIN,
    CONTENT_KEY,
    CONTENT_COMBINED,  /* full chain and key */
    CONTENT_TRUST,     /* the CAs that are trusted; with a use: for it */
    CONTENT_CRL,       /* CRLs */
    CONTENT_TRUST_CRL, /* both in one */
    CONTENT_TEXT,      /* the lines that follow */
    CONTENTS
};

struct file_rule {
    enum content content;
    char use[16]; /* of trust and trust-crl; empty: all */
    char *path;
    mode_t mode;
    char *owner, *group; /* NULL: whoever runs this */
    char *text;
};

enum running { RUNNING_UNKNOWN, RUNNING_SYSTEMD, RUNNING_PIDFILE, RUNNING_CONNECT };

/* A file that was read. Texts still have their {placeholders}, which all have a parameter. */
struct service {
    char *path; /* of the file */
    struct parameter parameters[SERVICE_PARAMETERS];
    size_t parameters_count;
    struct file_rule files[SERVICE_WRITES];
    size_t files_count;
    char *needs;                      /* a program; NULL: nothing */
    char *check[SERVICE_WORDS + 1];   /* ends with NULL; none: empty */
    char *reload[SERVICE_WORDS + 1];  /* the same */
    char *environment[SERVICE_WORDS]; /* of both; ends with NULL */
    int reload_signal;                /* instead of reload; 0: none */
    enum running running;
    char *running_what;
    char *verify_host, *verify_port, *verify_name; /* NULL: there is nothing to shake hands with */
    int is_withdrawn_empty; /* with empty files of text it does nothing of what they were for */
};
/* Reads NAME.conf: of the store's folder bindings/, of /etc, or of what is installed with Signet, whichever
 * is there first. NULL with why. */
struct service *service_load(struct store *store, const char *name, char *why, size_t size);
/* From a text; path is for messages. For service_load, and for tests. */
struct service *service_parse(const char *path, const char *text, size_t len, char *why, size_t size);
void service_free(struct service *service);

/* ---- values.c ---- */

struct values {
    const struct service *service;
    const char *home;
    char id[24];
    char *text[SERVICE_PARAMETERS];
};
/* Takes "a=b,c=d" and the initial values. Returns 0 with why. values_clear in either case. */
int values_take(struct values *values, const struct service *service, const char *parameters,
                const char *home, int64_t id, char *why, size_t size);
void values_clear(struct values *values);
int value_is_good(enum value_kind kind, const char *text);
/* The text with its placeholders replaced, the caller's. NULL: out of memory. */
char *values_expand(const struct values *values, const char *text);
/* Calls each with the name of a placeholder; 0 stops. Any brace that is not that is just a brace. */
int placeholders_each(const char *text, int (*each)(void *arg, const char *name, size_t len), void *arg);

/* ---- files.c: what is written, and what was there before ---- */

struct new_file {
    char *path;
    char *data;
    size_t len;
    mode_t mode;
    uid_t owner; /* (uid_t)-1: whoever runs this */
    gid_t group;
};
struct plan {
    const char *home;
    int64_t id;
    struct new_file files[SERVICE_WRITES];
    size_t count;
};
void plan_clear(struct plan *plan);
/* Is everything so already? */
int plan_is_done(const struct plan *plan);
/* Is there what a process that was killed has left to be completed or taken back? */
int plan_is_pending(const struct plan *plan);
/* Removes what it has left that is of no use. */
void plan_tidy(const struct plan *plan);
/* Keeps what is there, as a whole, unless it is kept already. */
int plan_save(const struct plan *plan, char *why, size_t size);
int plan_write(const struct plan *plan, char *why, size_t size);
/* Puts back what was kept. */
int plan_restore(const struct plan *plan, char *why, size_t size);
/* The new files stay. */
void plan_forget(const struct plan *plan);
/* Removes all that is kept of an entry. */
void plan_sweep(const struct plan *plan);
/* Removes a file that is below a folder, and the folders between that are empty then. */
void file_remove_below(const char *path, const char *folder);

/* ---- content.c ---- */

/* Fills plan with what the files are to be. Returns 0 with why; empty if the store has said it. */
int plan_make(struct plan *plan, struct store *store, const struct store_cert *cert,
              const struct values *values, char *why, size_t size);
/* The same for what is withdrawn: the files of text that are there, empty. */
int plan_make_empty(struct plan *plan, struct store *store, const struct values *values, char *why,
                    size_t size);

/* ---- process.c ---- */

/* A descriptor of the process that the file names, if it runs this program; -1: none does. is_hidden: there
 * is one, and /proc, as it is mounted here, does not show what it is. */
int process_open(const char *pidfile, const char *program, int *is_hidden);

/* ---- handshake.c ---- */

/* Connects, and compares what is shown with the certificate, again and again for so many milliseconds.
 * Returns 0 with why. */
int handshake_shows(const char *host, const char *port, const char *name, const unsigned char *der,
                    size_t len, int timeout_ms, const struct bindings_host *cancel, char *why, size_t size);
int handshake_can_connect(const char *host, const char *port, int timeout_ms);

#endif
