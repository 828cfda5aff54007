// SPDX-License-Identifier: Apache-2.0
/* From a program's request to a call, and from what came of it to an answer; see tools/worker/worker.h. */
#include "remote.h"

#include "answer.h"

#include "user.h"

#include "tools/worker/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX 200

const char *const remote_group_names[REMOTE_GROUPS + 1] = {"read", "write", "full", NULL};

#define RELAYED_MIN 100 /* rows */

struct remote {
    struct console *console;
    const json_t *request;
    struct answer answer;
    enum remote_group group;
    struct call call;
    struct query *query;
    json_t *rows;
    const char *item; /* of a path */
    const char *kind; /* of the failure */
};

static int fail(struct remote *remote, const char *kind)
{
    if (remote->kind == NULL)
        remote->kind = kind;
    return 0;
}

static const char *text_of(const struct remote *remote, const char *name)
{
    return json_string_value(json_object_get(remote->request, name));
}

/* ---- what is asked for ---- */

/* What the user's record says now, not what it said at the login. */
static int group_of_user(struct remote *remote, const char *name)
{
    const char *stamp = text_of(remote, "stamp");
    struct user user = {0};
    char now[USER_STAMP];
    int is_same = user_find(remote->console, name, &user) && user_stamp(remote->console, &user, now) &&
                  stamp != NULL && strcmp(stamp, now) == 0;

    if (is_same) {
        remote->group = user.group;
        remote->console->user = name;
        remote->console->group = remote_group_names[user.group];
    } else if (json_array_size(remote->answer.lines[ANSWER_ERROR]) > 0) {
        fail(remote, "failed"); /* the store can't be read */
    } else {
        console_fail(remote->console, "the user has to log in anew");
    }
    user_clear(&user);
    return is_same || fail(remote, "login");
}

static int find_group(struct remote *remote)
{
    const char *name = text_of(remote, "user");
    size_t i;

    if (name != NULL)
        return group_of_user(remote, name);
    name = text_of(remote, "group");
    for (i = 0; name != NULL && remote_group_names[i] != NULL; i++) {
        if (strcmp(remote_group_names[i], name) == 0) {
            remote->group = (enum remote_group)i;
            return 1;
        }
    }
    console_fail(remote->console, "the request names no group");
    return fail(remote, "denied");
}

static const struct menu *menu_of_path(const char *path)
{
    size_t i;

    for (i = 0; console_menus[i] != NULL; i++) {
        if (strcmp(console_menus[i]->path, path) == 0)
            return console_menus[i];
    }
    return NULL;
}

/* The menu that most of the parts name; *used of them. */
static const struct menu *menu_of_parts(const json_t *parts, size_t *used)
{
    const struct menu *menu = NULL, *next;
    char path[128] = "";
    size_t i;

    *used = 0;
    for (i = 0; i < json_array_size(parts); i++) {
        const char *part = json_string_value(json_array_get(parts, i));

        if (part == NULL || strchr(part, '/') != NULL ||
            OPENSSL_strlcat(path, "/", sizeof(path)) >= sizeof(path) ||
            OPENSSL_strlcat(path, part, sizeof(path)) >= sizeof(path))
            break;
        next = menu_of_path(path);
        if (next != NULL) {
            menu = next;
            *used = i + 1;
        }
    }
    return menu;
}

/* What stands behind the menu: the command, or the item. */
static const char *take_path(struct remote *remote, const char *command)
{
    const json_t *parts = json_object_get(remote->request, "path");
    size_t used, count = json_array_size(parts);
    const char *rest;

    remote->call.menu = menu_of_parts(parts, &used);
    rest = json_string_value(json_array_get(parts, used));
    if (remote->call.menu == NULL || count > used + 1)
        remote->call.menu = NULL;
    else if (command == NULL && count == used + 1)
        command = rest;
    else if (count == used + 1)
        remote->item = rest;
    return command;
}

/* Both by their whole names. */
static int find_command(struct remote *remote)
{
    const char *path = text_of(remote, "menu"), *name = text_of(remote, "command");
    struct call *call = &remote->call;
    size_t i;

    if (path != NULL)
        call->menu = menu_of_path(path);
    else
        name = take_path(remote, name);
    for (i = 0; call->menu != NULL && name != NULL && menu_command(call->menu, i) != NULL; i++) {
        if (strcmp(menu_command(call->menu, i)->name, name) == 0) {
            call->command = menu_command(call->menu, i);
            return 1;
        }
    }
    console_fail(remote->console, "no such command or directory (%.64s)",
                 call->menu == NULL ? (path != NULL ? path : "") : (name != NULL ? name : ""));
    return fail(remote, "missing");
}

/* ---- who may do it ---- */

static int may_command(struct remote *remote)
{
    const struct call *call = &remote->call;
    enum remote_group needed = call->menu->is_for_full               ? REMOTE_FULL
                               : call->command->flags & COMMAND_READ ? REMOTE_READ
                                                                     : REMOTE_WRITE;

    if (remote->group >= needed)
        return 1;
    console_fail(remote->console, "not permitted: %s %s is for the group %s", call->menu->path,
                 call->command->name, remote_group_names[needed]);
    return fail(remote, "denied");
}

/* An empty program is a change as any other; an empty passphrase is as none. */
static int may_words(struct remote *remote)
{
    const struct call *call = &remote->call;
    size_t i;

    for (i = 0; i < call->count; i++) {
        const struct property *property = call->arguments[i].property;
        int is_none = property->type == TYPE_SECRET && *call->arguments[i].text == '\0';

        if ((property->flags & PROP_FULL) && !is_none && remote->group < REMOTE_FULL) {
            console_fail(remote->console, "not permitted: %s is for the group full", property->name);
            return fail(remote, "denied");
        }
    }
    return 1;
}

/* get hides what print hides. */
static int may_get(struct remote *remote)
{
    const struct call *call = &remote->call;
    const char *name = call->command->run == items_run_get ? call_text(call, "value-name") : NULL;
    int is_ambiguous;
    const struct property *property =
        name != NULL ? property_find(call->menu->properties, name, 0, &is_ambiguous) : NULL;

    if (property == NULL ||
        (property->type != TYPE_SECRET && (!(property->flags & PROP_HIDDEN) || remote->group == REMOTE_FULL)))
        return 1;
    console_fail(remote->console, "not permitted: %s is not shown", property->name);
    return fail(remote, "denied");
}

/* ---- its words ---- */

static int bind_word(struct remote *remote, const char *name, const char *value)
{
    char *text = value != NULL ? OPENSSL_strdup(value) : NULL;
    int had_ids, is_missing;

    if (text == NULL) {
        console_fail(remote->console, "the value of %.64s is no text", name);
        return fail(remote, "invalid");
    }
    had_ids = remote->call.has_ids;
    remote->console->is_missing = 0;
    if (call_take(&remote->call, name, text))
        return 1;
    /* Of what the command is to work on; that another word names nothing makes the word wrong. */
    is_missing = remote->console->is_missing && !had_ids && remote->call.has_ids;
    return fail(remote, is_missing ? "missing" : "invalid");
}

/* An item of a path is one, whatever is in its name. */
static int bind_item(struct remote *remote)
{
    if (remote->call.menu->kind == MENU_ITEMS && (remote->call.command->flags & COMMAND_ITEMS) &&
        strpbrk(remote->item, ",;") == NULL && *remote->item != '\0')
        return bind_word(remote, "numbers", remote->item);
    console_fail(remote->console, "no such item (%.64s) in %s", remote->item, remote->call.menu->path);
    return fail(remote, "missing");
}

static int bind_words(struct remote *remote)
{
    const json_t *words = json_object_get(remote->request, "words"),
                 *numbers = json_object_get(remote->request, "numbers");
    struct call *call = &remote->call;
    const char *name;
    json_t *value;

    if (words != NULL && (!json_is_object(words) || json_object_size(words) > WORDS_MAX)) {
        console_fail(remote->console, "words: expected an object of up to %d texts", WORDS_MAX);
        return fail(remote, "invalid");
    }
    if (numbers != NULL && !bind_word(remote, "numbers", json_string_value(numbers)))
        return 0;
    if (remote->item != NULL && !bind_item(remote))
        return 0;
    json_object_foreach((json_t *)words, name, value)
    {
        if (!bind_word(remote, name, json_string_value(value)))
            return 0;
    }
    if (!call_check(call))
        return fail(remote, "invalid");
    return 1;
}

static int read_query(struct remote *remote)
{
    const json_t *words = json_object_get(remote->request, "query");

    if (words == NULL)
        return 1;
    remote->query = query_new(remote->console, remote->call.menu, words, remote->group);
    return remote->query != NULL || fail(remote, "invalid");
}

/* ---- doing it ---- */

static int run_print(struct remote *remote)
{
    remote->rows = remote_rows(&remote->call, text_of(remote, "proplist"), remote->query, remote->group);
    return remote->rows != NULL;
}

static int run(struct remote *remote)
{
    struct call *call = &remote->call;
    int is_print = call->command->run == items_run_print;
    int ok;

    if (call->command->not_yet != NULL) {
        console_fail(remote->console, "not yet: %s", call->command->not_yet);
        return fail(remote, "failed");
    }
    remote->console->is_missing = 0;
    ok = is_print ? run_print(remote) : call->command->run(call);
    if (!ok)
        return fail(remote, console_interrupted           ? "cancelled"
                            : remote->console->is_missing ? "invalid"
                                                          : "failed");
    return 1;
}

static void put_lines(json_t *root, const char *name, json_t *lines)
{
    if (json_array_size(lines) > 0)
        json_object_set(root, name, lines);
}

static void put_numbers(json_t *root, const struct call *call)
{
    json_t *numbers = json_array();
    size_t i;

    for (i = 0; i < call->ids_count; i++) {
        char *id = value_of_id(call->ids[i]);

        json_array_append_new(numbers, json_string(id != NULL ? id : ""));
        OPENSSL_free(id);
    }
    if (call->ids_count > 0)
        json_object_set(root, "numbers", numbers);
    json_decref(numbers);
}

/* Many rows, as one text of JSON for who hands them on as they are: taking them apart once more would take
 * fifteen times their size. */
static int put_text(json_t *root, const struct remote *remote)
{
    char *text;

    if (!json_is_true(json_object_get(remote->request, "is_relayed")) || remote->item != NULL ||
        remote->call.menu->kind == MENU_SETTINGS || json_array_size(remote->rows) < RELAYED_MIN)
        return 0;
    text = json_dumps(remote->rows, JSON_COMPACT);
    json_object_set_new(root, "text", json_string(text != NULL ? text : "[]"));
    free(text);
    return text != NULL;
}

/* The first error knows the cause, and what was on the way there is said before it. */
static json_t *make_answer(struct remote *remote, int ok)
{
    json_t *root = json_object(), *errors = remote->answer.lines[ANSWER_ERROR];

    json_object_set_new(root, "ok", json_boolean(ok));
    if (!ok) {
        json_object_set_new(root, "kind", json_string(remote->kind != NULL ? remote->kind : "failed"));
        json_object_set(root, "error", json_array_get(errors, 0));
        if (json_array_size(errors) == 0)
            json_object_set_new(root, "error", json_string("failed"));
    }
    if (ok && remote->rows != NULL) {
        if (!put_text(root, remote))
            json_object_set(root, "rows", remote->rows);
        if (remote->item != NULL)
            json_object_set_new(root, "item", json_true());
        if (remote->call.menu->kind == MENU_SETTINGS)
            json_object_set_new(root, "single", json_true());
    }
    if (ok && remote->rows == NULL && remote->call.menu != NULL) {
        json_object_set_new(root, "menu", json_string(remote->call.menu->path));
        put_numbers(root, &remote->call);
    }
    if (ok && remote->call.result != NULL)
        json_object_set_new(root, "result", answer_text(remote->call.result));
    if (ok && json_object_size(remote->answer.told) > 0)
        json_object_set(root, "told", remote->answer.told);
    put_lines(root, "progress", remote->answer.lines[ANSWER_PROGRESS]);
    put_lines(root, "notes", remote->answer.lines[ANSWER_NOTE]);
    if (json_array_size(errors) > (ok ? 0 : 1))
        put_lines(root, "errors", errors);
    return root;
}

static int run_request(struct remote *remote)
{
    return find_group(remote) && find_command(remote) && may_command(remote) && bind_words(remote) &&
           may_words(remote) && may_get(remote) && read_query(remote) && run(remote);
}

static int run_login(struct remote *remote)
{
    return user_login(remote->console, json_object_get(remote->request, "login"), remote->answer.told) ||
           fail(remote, "login");
}

json_t *remote_answer(struct console *console, const json_t *request)
{
    struct remote remote = {.console = console, .request = request, .call = {.console = console}};
    json_t *root = NULL;
    int ok;

    if (answer_open(&remote.answer)) {
        console->answer = &remote.answer;
        console->word = NULL;
        console->last_failure[0] = '\0';
        ok = console_begin(console) &&
             (json_object_get(request, "login") != NULL ? run_login(&remote) : run_request(&remote));
        root = make_answer(&remote, ok);
        if (remote.call.result != NULL)
            OPENSSL_clear_free(remote.call.result, strlen(remote.call.result));
        call_clear(&remote.call);
        query_free(remote.query);
        json_decref(remote.rows);
        console->answer = NULL;
        console->user = console->group = NULL;
    }
    answer_close(&remote.answer);
    return root;
}

/* ---- the socket ---- */

/* What programs that a command runs must not have: the socket as standard input. */
static int take_socket(int *fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), own = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    int ok = null >= 0 && own >= 0 && dup2(null, *fd) >= 0 && dup2(null, STDOUT_FILENO) >= 0;

    if (null >= 0)
        close(null);
    if (!ok && own >= 0)
        close(own);
    *fd = own;
    return ok;
}

static int serve_one(struct console *console, int fd, const char *text, size_t len)
{
    json_error_t error;
    json_t *request = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error), *root;
    char *out;
    int ok;

    root = json_is_object(request) ? remote_answer(console, request)
                                   : json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", "invalid", "error",
                                               "the request is no JSON object");
    out = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    ok = out != NULL && frame_send(fd, out, strlen(out));
    if (out != NULL) {
        OPENSSL_cleanse(out, strlen(out));
        free(out);
    }
    json_decref(root);
    json_decref(request);
    return ok;
}

int remote_serve(struct console *console, int fd)
{
    int ok = 1;

    if (!take_socket(&fd))
        return tool_error("the socket: %s", strerror(errno));
    while (ok && !console_is_terminated()) {
        size_t len = 0;
        char *text = NULL;

        errno = 0;
        if (!frame_receive(fd, FRAME_REQUEST_MAX, &text, &len)) {
            /* An interruption that came when the command had ended. */
            if (errno == EINTR)
                continue;
            break;
        }
        ok = serve_one(console, fd, text, len);
        OPENSSL_clear_free(text, len + 1);
    }
    close(fd);
    return TOOL_OK;
}
