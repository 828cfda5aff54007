// SPDX-License-Identifier: Apache-2.0
/* The console as a whole: its store, its messages, the running of texts. */
#include "console.h"

#include "answer.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define RED   "\033[31m"
#define RESET "\033[0m"

volatile sig_atomic_t console_interrupted;

/* ---- messages ---- */

void console_end_line(struct console *console)
{
    if (console->is_changing_line)
        putchar('\n');
    console->is_changing_line = 0;
}

static void message(struct console *console, const char *prefix, const char *format, va_list args)
{
    int colour = isatty(STDERR_FILENO) && console->has_colour;

    if (console->answer != NULL) {
        answer_say(console->answer, *prefix == '\0' ? ANSWER_ERROR : ANSWER_NOTE, format, args);
        return;
    }
    console_end_line(console);
    fflush(stdout);
    fputs(colour ? RED : "", stderr);
    fputs(prefix, stderr);
    vfprintf(stderr, format, args);
    fputs(colour ? RESET "\n" : "\n", stderr);
}

int console_fail(struct console *console, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    message(console, "", format, args);
    va_end(args);
    return 0;
}

int console_fail_value(struct console *console, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (console->word == NULL)
        return console_fail(console, "%s", text);
    return console_fail(console, "%s (line %d column %d)", text, console->word->line, console->word->column);
}

void console_note(struct console *console, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    message(console, "note: ", format, args);
    va_end(args);
}

/* ---- the store's callbacks ---- */

void console_on_error(void *arg, const char *text)
{
    struct console *console = arg;

    OPENSSL_strlcpy(console->last_failure, text, sizeof(console->last_failure));
    console_fail(console, "failure: %s", text);
}

static void on_warn(void *arg, const char *text)
{
    struct console *console = arg;

    if (console->answer != NULL)
        console_note(console, "%s", text);
    else
        console_fail(console, "warning: %s", text);
}

/* On a terminal the line of work in progress is written over with the seconds that it has taken. */
static int on_progress(void *arg, const char *text)
{
    static const char *now;
    static time_t began, shown;
    struct console *console = arg;
    time_t t = time(NULL);

    if (console->answer != NULL)
        return !console_interrupted;
    if (text != NULL) {
        console_end_line(console);
        printf("  progress: %s", text);
        if (console->width == 0 || strncmp(text, "generating", 10) != 0)
            putchar('\n');
        else
            console->is_changing_line = 1;
        now = "generating";
        began = shown = t;
    } else if (console->is_changing_line && t != shown && now != NULL) {
        printf("\r  progress: generating … %llds (Ctrl-C stops)\033[K", (long long)(t - began));
        shown = t;
    }
    fflush(stdout);
    return !console_interrupted;
}

static OSSL_LIB_CTX *on_crypto(void *arg)
{
    struct console *console = arg;

    return tool_crypto(console->tool);
}

struct store *console_store(struct console *console)
{
    struct store_config config = {
        .home = console->tool->config.home,
        .crypto = on_crypto,
        .error = console_on_error,
        .warn = on_warn,
        .progress = on_progress,
        .arg = console,
    };

    if (console->store == NULL)
        console->store = store_open(&config);
    return console->store;
}

/* ---- running ---- */

static volatile sig_atomic_t is_terminated;

static void on_interrupt(int signal)
{
    console_interrupted = 1;
    if (signal == SIGTERM)
        is_terminated = 1;
}

int console_open(struct console *console, struct tool *tool)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    struct winsize size;

    *console = (struct console){.tool = tool, .menu = console_menus[0]};
    setlocale(LC_CTYPE, "");
    if (isatty(STDOUT_FILENO)) {
        console->has_colour = tool->config.has_colour;
        console->width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    }
    sigemptyset(&action.sa_mask);
    /* A service manager's end of a command: what it has published is taken back, as with Ctrl-C. */
    return sigaction(SIGINT, &action, NULL) == 0 &&
           (isatty(STDIN_FILENO) || sigaction(SIGTERM, &action, NULL) == 0);
}

void console_close(struct console *console)
{
    store_free(console->store);
    OPENSSL_free(console->numbers);
}

int console_is_terminated(void)
{
    return is_terminated;
}

int console_begin(struct console *console)
{
    console_interrupted = is_terminated;
    if (is_terminated)
        return console_fail(console, "terminated");
    return console->store == NULL || store_refresh(console->store);
}

int console_run_text(struct console *console, const char *text, size_t len, const char *name)
{
    struct parse_error error;
    struct statement *first = parse(text, len, &error), *statement;
    int ok = 1;

    if (error.what != NULL) {
        if (name != NULL)
            return console_fail(console, "%s: %s (line %d column %d)", name, error.what, error.line,
                                error.column);
        return console_fail(console, "%s (line %d column %d)", error.what, error.line, error.column);
    }
    for (statement = first; ok && statement != NULL; statement = statement->next) {
        ok = console_begin(console) && console_run(console, statement, 0, NULL);
        if (!ok && name != NULL)
            console_fail(console, "%s: stopped at line %d", name, statement->line);
    }
    parse_free(first);
    return ok;
}
