// SPDX-License-Identifier: Apache-2.0
/*
 * console: the command line of a router's owner, as RouterOS has it, over the store. Private to tools/.
 *
 * A tree of menus is one table (menu.c names its tables); help, completion and the manual page come from it.
 * A menu has items with properties, or just one set of properties, or only other menus. run.c finds the menu
 * and the command of a statement and binds its words; a command does its work and returns 1, or 0 after it
 * has said why not, with console_fail or through the store's error callback.
 */
#ifndef SIGNET_CONSOLE_H
#define SIGNET_CONSOLE_H

#include "parse.h"
#include "store/store.h"
#include "tools/tool.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>

struct menu;
struct command;

/* ---- properties: of items, and parameters of commands ---- */

enum type {
    TYPE_TEXT,
    TYPE_SECRET,      /* a text that is not shown */
    TYPE_BOOL,        /* yes, no */
    TYPE_NUMBER,      /* min to max */
    TYPE_DURATION,    /* 1h30m, 00:30:00, or seconds; kept as text */
    TYPE_ENUM,        /* one of values */
    TYPE_LIST,        /* some of values, with commas between them */
    TYPE_CERTIFICATE, /* the name of one */
    TYPE_ITEM,        /* an item of the menu, by name, number or id */
    TYPE_FILE,        /* a file below files/ */
};

enum {
    PROP_ADD = 1 << 0,    /* add takes it */
    PROP_SET = 1 << 1,    /* set takes it */
    PROP_COLUMN = 1 << 2, /* print shows it without being asked */
    PROP_NEEDED = 1 << 3, /* add, or the command, does not go without */
    PROP_QUIET = 1 << 4,  /* detail leaves it out while it is empty */
    PROP_HIDDEN = 1 << 5, /* over the network only the group full sees it */
    PROP_FULL = 1 << 6,   /* over the network only the group full may give it: it runs or reveals something */
    PROP_WHOLE = 1 << 7,  /* of an enumeration: no beginning will do */
};
#define PROP_BOTH (PROP_ADD | PROP_SET)

struct property {
    const char *name;
    enum type type;
    unsigned flags;
    const char *const *values; /* ends with NULL */
    int64_t min, max;
    const char *initial; /* what it is when nobody has said anything; NULL: empty */
    const char *help;
    int field; /* for the menu's own use */
};

struct flag {
    char letter;
    const char *name; /* lower case: what "where" takes */
    unsigned bit;
};

/* ---- menus ---- */

enum menu_kind { MENU_FOLDER, MENU_ITEMS, MENU_SETTINGS };

/* One item while it is looked at; data is the menu's. */
struct item {
    int64_t id;
    void *data;
    unsigned flags;
    int has_flags;
};

/* Which items are wanted, where the menu can tell sooner; 0 and NULL: any. */
struct hint {
    int64_t id;
    const char *name;
};

struct console;
typedef int item_fn(void *arg, struct item *item); /* 0 stops */

/* A word on the command line, bound to its parameter. */
struct argument {
    const struct property *property;
    char *text;
};

struct call {
    struct console *console;
    const struct menu *menu;
    const struct command *command;
    struct argument *arguments;
    size_t count;
    int64_t *ids; /* items that were named */
    size_t ids_count;
    int has_ids;
    struct where *where;
    unsigned print; /* enum print_word bits */
    char *proplist;
    char *result;  /* of find and get, in brackets */
    int is_nested; /* in brackets: nothing is printed */
};

struct menu {
    const char *path; /* "/certificate/settings"; "/" is the root */
    enum menu_kind kind;
    const char *help;
    const struct property *properties;  /* ends with an empty name */
    const struct flag *flags;           /* ends with letter 0 */
    const struct command *commands;     /* of its own; ends with an empty name */
    unsigned standard;                  /* enum standard bits: commands that all such menus have */
    int is_for_full;                    /* over the network only the group full may be here */
    const char *not_yet;                /* what is only kept so far; said when it is changed */
    void (*changed)(struct call *call); /* says what there is to say to a change that was made; or NULL */
    int (*apply)(struct call *call);    /* does what follows from a change that is committed; or NULL */

    /* Items: each calls fn for all, or those of the hint, in the order of print. */
    int (*each)(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                void *arg);
    int64_t (*count)(struct console *console, const struct menu *menu);
    unsigned (*item_flags)(struct console *console, const struct menu *menu, const struct item *item);
    /* The caller's (OPENSSL_free); NULL: the item has no such property. item is NULL for settings. */
    char *(*value)(struct console *console, const struct menu *menu, const struct item *item,
                   const struct property *property);
    int (*add)(struct call *call, int64_t *id);
    int (*set)(struct call *call, int64_t id); /* id 0 for settings */
    int (*remove)(struct call *call, int64_t id);
};

enum standard {
    STD_PRINT = 1 << 0,
    STD_FIND = 1 << 1,
    STD_GET = 1 << 2,
    STD_ADD = 1 << 3,
    STD_SET = 1 << 4,
    STD_REMOVE = 1 << 5,
    STD_ENABLE = 1 << 6, /* enable and disable: the property "disabled" */
};

enum {
    COMMAND_ITEMS = 1 << 0,    /* its first word names items: numbers */
    COMMAND_WHERE = 1 << 1,    /* takes where */
    COMMAND_PRINT = 1 << 2,    /* takes print's words */
    COMMAND_ADD = 1 << 3,      /* takes the menu's properties that add takes */
    COMMAND_SET = 1 << 4,      /* the same for set */
    COMMAND_SINGLE = 1 << 5,   /* one item only */
    COMMAND_OPTIONAL = 1 << 6, /* items may be left out: all */
    COMMAND_PROPERTY = 1 << 7, /* its last word names a property: get */
    COMMAND_READ = 1 << 8,     /* changes nothing */
};

struct command {
    const char *name;
    unsigned flags;
    const struct property *parameters; /* ends with an empty name; may be NULL */
    int (*run)(struct call *call);
    const char *help;
    const char *not_yet; /* it is only known so far, and says so */
};

enum print_word {
    PRINT_DETAIL = 1 << 0,
    PRINT_BRIEF = 1 << 1,
    PRINT_TERSE = 1 << 2,
    PRINT_VALUE_LIST = 1 << 3,
    PRINT_COUNT_ONLY = 1 << 4,
    PRINT_AS_VALUE = 1 << 5,
    PRINT_AS_JSON = 1 << 6,
    PRINT_SHOW_IDS = 1 << 7,
    PRINT_WITHOUT_PAGING = 1 << 8,
};
struct print_name {
    const char *name;
    enum print_word bit;
    const char *help;
};
extern const struct print_name console_print_names[]; /* ends with an empty name */

struct console {
    struct tool *tool;
    struct store *store; /* opened by the first command that needs it */
    const struct menu *menu;
    int is_interactive;
    int has_colour;          /* of standard output */
    int width;               /* of the terminal; 0: it is none */
    int is_changing_line;    /* a progress line is on the terminal */
    const struct word *word; /* whose value is looked at, for messages; or NULL */
    char last_failure[1024]; /* what the store or a protocol has reported last */
    /* What the numbers of the last print stand for. */
    const struct menu *numbers_menu;
    int64_t *numbers;
    size_t numbers_count;
    /* A program's command (remote.h): what is said goes there, items are named by id or their whole name.
     * NULL: a person's, on standard output. */
    struct answer *answer;
    int is_missing; /* an item that was named is not there */
    /* Who has asked for it over the network, and the name of that user's group; or NULL. */
    const char *user, *group;
};

/* Set by SIGINT. */
extern volatile sig_atomic_t console_interrupted;

/* ---- console.c ---- */

int console_open(struct console *console, struct tool *tool);
void console_close(struct console *console);
/* The store, opened if it was not. NULL: said why. */
struct store *console_store(struct console *console);
/* Runs statements until one fails. name is the file's, for messages; NULL for the command line. */
int console_run_text(struct console *console, const char *text, size_t len, const char *name);
int console_fail(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of a value: where it stands is added. */
int console_fail_value(struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* For callbacks that report a failure; arg is the console. */
void console_on_error(void *arg, const char *text);
void console_note(struct console *console, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends a progress line before something else is printed. */
void console_end_line(struct console *console);
/* Both begin a statement: nobody has interrupted it, and what others have written to the store is seen. */
int console_begin(struct console *console);
int console_is_terminated(void);

/* ---- answer.c: what a command tells besides its result ---- */

void console_progress(struct console *console, const char *text);
/* A property of what the command has come to. Its name ends at the column, where it is printed. */
void call_tell(struct call *call, int column, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- run.c ---- */

int console_run(struct console *console, const struct statement *statement, int is_nested, char **result);
/* The value that was given for a parameter, or NULL. */
const char *call_text(const struct call *call, const char *name);
/* Binds a value, items or a proplist to a call by its whole name. text becomes the call's. Nothing is parsed.
 */
int call_take(struct call *call, const char *name, char *text);
/* Is all there that the command needs? */
int call_check(struct call *call);
void call_clear(struct call *call);
/* A certificate that a parameter names; 0: none was given, -1: there is none, and said so. */
int64_t call_certificate(struct call *call, const char *name);

/* ---- menu.c ---- */

extern const struct menu *const console_menus[]; /* the first is the root; ends with NULL */
const char *menu_name(const struct menu *menu);  /* the last part of its path */
const struct menu *menu_parent(const struct menu *menu);
int menu_is_child(const struct menu *menu, const struct menu *parent);
/* By name or by a beginning that only one has. NULL with *is_ambiguous. */
const struct menu *menu_find(const struct menu *parent, const char *name, int *is_ambiguous);
const struct command *menu_find_command(const struct menu *menu, const char *name, int *is_ambiguous);
/* Either of them: the other is NULL. A whole name goes before one that begins like it. Returns 0 if there is
 * none or several. */
int menu_resolve(const struct menu *parent, const char *name, const struct menu **menu,
                 const struct command **command, int *is_ambiguous);
const struct property *property_find(const struct property *properties, const char *name, unsigned flags,
                                     int *is_ambiguous);
/* The commands of a menu, its own and the standard ones, by number; NULL after the last. */
const struct command *menu_command(const struct menu *menu, size_t n);

/* ---- value.c ---- */

/* Is the text a value of the property? Says why not. *canonical is the caller's: abbreviations of
 * enumerations are completed, yes stands for true. */
int value_check(struct console *console, const struct property *property, const char *text, char **canonical);
char *value_of_time(int64_t when); /* 2026-11-24 08:00:00, local time */
char *value_of_id(int64_t id);     /* *1F */

/* ---- where.c ---- */

/* Less than, equal, greater: as numbers or durations where both are. */
int value_compare(const char *a, const char *b);

struct where *where_parse(struct console *console, const struct menu *menu, const struct statement *statement,
                          size_t first);
void where_free(struct where *where);
/* What an index can serve of it. */
void where_hint(const struct where *where, struct hint *hint);
int where_matches(struct console *console, const struct menu *menu, const struct where *where,
                  struct item *item);
unsigned item_flags(struct console *console, const struct menu *menu, struct item *item);
/* Whether print leaves the value out: there is none, or a quiet one that is empty. */
int property_is_left_out(const struct property *property, const char *value);

/* ---- items.c: numbers, and the standard commands but print ---- */

/* The ids that a list of names, numbers and ids stands for. */
int items_resolve(struct console *console, const struct menu *menu, const char *text, unsigned flags,
                  int64_t **ids, size_t *count);
/* Calls fn for the items of a call: named ones, or all that match. */
int items_each(struct call *call, item_fn *fn, void *arg);
int items_remember(struct console *console, const struct menu *menu, const int64_t *ids, size_t count);
extern const struct command items_commands[]; /* in the order of enum standard; disable behind enable */
int items_run_get(struct call *call);
int items_run_print(struct call *call); /* print.c */

/* ---- format.c: the faces of print ---- */

struct row {
    int64_t id;
    unsigned flags;
    char **values; /* one for each of table's properties; NULL: has none */
};
struct table {
    const struct menu *menu;
    const struct property **properties;
    size_t properties_count;
    struct row *rows;
    size_t rows_count;
};
void format_table(struct console *console, const struct table *table, unsigned print);
void format_detail(struct console *console, const struct table *table, unsigned print);
void format_terse(struct console *console, const struct table *table, unsigned print);
void format_value_list(struct console *console, const struct table *table);
char *format_as_value(const struct table *table);
int format_json(struct console *console, const struct table *table);

/* ---- kept.c: menus whose items and properties are settings of the store ---- */

int kept_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
              void *arg);
char *kept_value(struct console *console, const struct menu *menu, const struct item *item,
                 const struct property *property);
/* The same of a setting that is in seconds since 1970, as local time; NULL for none. */
char *kept_time(struct console *console, const struct menu *menu, const struct item *item,
                const struct property *property);
unsigned kept_flags(struct console *console, const struct menu *menu, const struct item *item);
int kept_add(struct call *call, int64_t *id);
int kept_set(struct call *call, int64_t id);
int kept_remove(struct call *call, int64_t id);
int64_t items_count(struct console *console, const struct menu *menu); /* by looking at each */

/* ---- help.c, man.c, complete.c, interactive.c ---- */

/* Prints the help of what the words before "?" have come to. */
void help_menu(struct console *console, const struct menu *menu);
void help_command(struct console *console, const struct menu *menu, const struct command *command);
void man_print(FILE *out);
/* Calls fn with each word that could stand at the end of the line, whole. */
void complete_line(struct console *console, const char *line, size_t len,
                   void (*fn)(void *arg, const char *word, const char *help), void *arg);
int interactive_run(struct console *console);

/* ---- the menus ---- */

extern const struct menu menu_certificate, menu_certificate_settings, menu_certificate_builtin,
    menu_certificate_crl, menu_file, menu_log, menu_tool, menu_system, menu_system_hardware,
    menu_system_hardware_lane, menu_system_resource;

#endif
