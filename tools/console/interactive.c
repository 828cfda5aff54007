// SPDX-License-Identifier: Apache-2.0
/* The console at a terminal: libedit's line with history, completion by Tab, help by "?". */
#include "console.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_LINES 1000

struct session {
    struct console *console;
    EditLine *line;
    History *history;
    char prompt[160];
    char *text; /* what has been typed of a statement that goes on */
    size_t len;
};

static struct session *session_of(EditLine *line)
{
    void *data = NULL;

    el_get(line, EL_CLIENTDATA, &data);
    return data;
}

static char *prompt(EditLine *line)
{
    return session_of(line)->prompt;
}

static void set_prompt(struct session *session)
{
    char host[64] = "router";
    const char *menu = session->console->menu->path;

    gethostname(host, sizeof(host) - 1);
    if (session->len > 0)
        snprintf(session->prompt, sizeof(session->prompt), "... ");
    else
        snprintf(session->prompt, sizeof(session->prompt), "[%s] %s> ", host, menu);
}

/* ---- completion ---- */

struct candidates {
    char common[256]; /* what all of them begin with */
    int count;
    int is_listing;
};

static void on_candidate(void *arg, const char *word, const char *help)
{
    struct candidates *candidates = arg;
    size_t i = 0;

    if (candidates->is_listing) {
        printf("\n  %-26s  %s", word, help != NULL ? help : "");
        return;
    }
    if (candidates->count++ == 0) {
        OPENSSL_strlcpy(candidates->common, word, sizeof(candidates->common));
        return;
    }
    while (candidates->common[i] != '\0' && candidates->common[i] == word[i])
        i++;
    candidates->common[i] = '\0';
}

/* How much of the candidates has been typed: back to a blank, a slash or an equals sign. */
static size_t typed_length(const LineInfo *info)
{
    const char *p = info->cursor;

    while (p > info->buffer && p[-1] != ' ' && p[-1] != '/' && p[-1] != '=' && p[-1] != '[' && p[-1] != ';')
        p--;
    return (size_t)(info->cursor - p);
}

static unsigned char on_tab(EditLine *line, int c)
{
    struct session *session = session_of(line);
    const LineInfo *info = el_line(line);
    struct candidates candidates = {0};
    size_t typed = typed_length(info), have;

    (void)c;
    complete_line(session->console, info->buffer, (size_t)(info->cursor - info->buffer), on_candidate,
                  &candidates);
    have = strlen(candidates.common);
    if (candidates.count == 0)
        return CC_REFRESH_BEEP;
    if (have > typed && el_insertstr(line, candidates.common + typed) != 0)
        return CC_ERROR;
    if (candidates.count == 1) {
        if (have > 0 && candidates.common[have - 1] != '=')
            el_insertstr(line, " ");
        return CC_REFRESH;
    }
    if (have > typed)
        return CC_REFRESH;
    candidates.is_listing = 1;
    complete_line(session->console, info->buffer, (size_t)(info->cursor - info->buffer), on_candidate,
                  &candidates);
    putchar('\n');
    fflush(stdout);
    return CC_REDISPLAY;
}

/* "?" is help where a word could begin, and itself in quotes and values. */
static unsigned char on_question(EditLine *line, int c)
{
    struct session *session = session_of(line);
    const LineInfo *info = el_line(line);
    char text[1024];
    size_t len = (size_t)(info->cursor - info->buffer), i, quotes = 0;

    (void)c;
    for (i = 0; i < len; i++)
        quotes += info->buffer[i] == '"' && (i == 0 || info->buffer[i - 1] != '\\');
    if (quotes % 2 == 1 || len + 3 > sizeof(text) ||
        (len > 0 && info->cursor[-1] != ' ' && info->cursor[-1] != '/')) {
        el_insertstr(line, "?");
        return CC_REFRESH;
    }
    snprintf(text, sizeof(text), "%.*s?", (int)len, info->buffer);
    if (len > 0 && text[len - 1] == '/')
        snprintf(text + len - (len > 1), sizeof(text) - len, "%s ?", len > 1 ? "" : "");
    putchar('\n');
    console_run_text(session->console, text, strlen(text), NULL);
    fflush(stdout);
    return console_interrupted ? CC_EOF : CC_REDISPLAY; /* Ctrl-C meanwhile is meant for the line */
}

/* ---- history ---- */

static int history_path(struct session *session, char *path, size_t size)
{
    struct store *store = console_store(session->console);

    return store != NULL && snprintf(path, size, "%s/history", store_home(store)) < (int)size;
}

/* Lines with a passphrase are not remembered. */
static int is_secret(const char *text)
{
    return strstr(text, "pass") != NULL || strstr(text, "hmac-key") != NULL;
}

static void remember(struct session *session, const char *text)
{
    HistEvent event;

    if (text[strspn(text, " \t\r\n")] != '\0' && !is_secret(text))
        history(session->history, &event, H_ENTER, text);
}

static void load_history(struct session *session)
{
    char path[PATH_MAX];
    HistEvent event;

    history(session->history, &event, H_SETSIZE, HISTORY_LINES);
    history(session->history, &event, H_SETUNIQUE, 1);
    if (history_path(session, path, sizeof(path)))
        history(session->history, &event, H_LOAD, path);
}

static void save_history(struct session *session)
{
    char path[PATH_MAX];
    HistEvent event;
    mode_t mask = umask(0077);

    if (session->console->store != NULL && history_path(session, path, sizeof(path)))
        history(session->history, &event, H_SAVE, path);
    umask(mask);
}

/* ---- reading ---- */

/* Waits for input. Ctrl-C ends that, also one that came before: SIGINT is let in by ppoll only. 0: nothing to
 * read any more. */
static int wait_input(int fd)
{
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    sigset_t interrupt, before;
    int n;

    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    do
        n = console_interrupted ? -1 : ppoll(&poll, 1, NULL, &before);
    while (n < 0 && errno == EINTR && !console_interrupted);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return n > 0;
}

/* For libedit: the next character of the terminal. */
static int read_character(EditLine *line, wchar_t *character)
{
    mbstate_t state = {0};
    size_t used = (size_t)-2;

    (void)line;
    while (used == (size_t)-2) {
        char byte;
        ssize_t n;

        if (!wait_input(STDIN_FILENO))
            return -1;
        n = read(STDIN_FILENO, &byte, 1);
        if (n <= 0)
            return (int)n;
        used = mbrtowc(character, &byte, 1, &state);
        if (used == (size_t)-1) { /* no character of this locale */
            *character = L'?';
            return 1;
        }
    }
    return 1;
}

/* ---- the loop ---- */

/* Adds a line; runs what has come together, unless it goes on. Returns 0 to leave. */
static int take_line(struct session *session, const char *line, int len)
{
    struct parse_error error;
    char *text = OPENSSL_clear_realloc(session->text, session->len + 1, session->len + (size_t)len + 1);
    struct statement *statement;

    if (text == NULL)
        return 0;
    memcpy(text + session->len, line, (size_t)len);
    session->text = text;
    session->len += (size_t)len;
    text[session->len] = '\0';
    if (strcmp(text, "quit\n") == 0 || strcmp(text, "/quit\n") == 0 || strcmp(text, "exit\n") == 0)
        return 0;
    statement = parse(text, session->len, &error);
    parse_free(statement);
    if (error.what != NULL && error.is_incomplete)
        return 1;
    /* A line that ends with a backslash goes on as well. */
    if (session->len >= 2 && text[session->len - 2] == '\\')
        return 1;
    remember(session, text);
    console_run_text(session->console, text, session->len, NULL);
    OPENSSL_cleanse(text, session->len);
    session->len = 0;
    return 1;
}

static int open_line(struct session *session)
{
    session->line = el_init("signet", stdin, stdout, stderr);
    session->history = history_init();
    if (session->line == NULL || session->history == NULL)
        return 0;
    el_set(session->line, EL_CLIENTDATA, session);
    el_set(session->line, EL_PROMPT, prompt);
    el_set(session->line, EL_EDITOR, "emacs");
    el_set(session->line, EL_SIGNAL, 0);
    el_set(session->line, EL_GETCFN, read_character);
    el_set(session->line, EL_HIST, history, session->history);
    el_set(session->line, EL_ADDFN, "signet-complete", "complete", on_tab);
    el_set(session->line, EL_ADDFN, "signet-help", "help", on_question);
    el_set(session->line, EL_BIND, "^I", "signet-complete", NULL);
    el_set(session->line, EL_BIND, "?", "signet-help", NULL);
    el_set(session->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    load_history(session);
    return 1;
}

int interactive_run(struct console *console)
{
    struct session session = {.console = console};
    int wanted = 1;

    console->is_interactive = 1;
    if (!open_line(&session))
        return console_fail(console, "the terminal can't be used");
    while (wanted) {
        const char *line;
        int len = 0;

        set_prompt(&session);
        console_interrupted = 0;
        line = el_gets(session.line, &len);
        if (line != NULL && len > 0) {
            wanted = take_line(&session, line, len);
        } else if (console_interrupted) {
            putchar('\n');
            session.len = 0; /* Ctrl-C drops the line */
            el_set(session.line, EL_UNBUFFERED, 0);
            el_reset(session.line);
        } else {
            wanted = 0;
            putchar('\n');
        }
    }
    save_history(&session);
    OPENSSL_clear_free(session.text, session.len + 1);
    history_end(session.history);
    el_end(session.line);
    return 1;
}
