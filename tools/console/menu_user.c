// SPDX-License-Identifier: Apache-2.0
/* /user: who may manage the router over the network. */
#include "user.h"

#include "kept.h"

#include "tools/http/networks.h"

#include <string.h>

static const struct flag disabled_flags[] = {{'X', "disabled", 1}, {0, NULL, 0}};

static const struct property properties[] = {
    {"name", TYPE_TEXT, PROP_BOTH | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL, "who it is", 0},
    {"group", TYPE_ENUM, PROP_BOTH | PROP_COLUMN | PROP_NEEDED | PROP_WHOLE, remote_group_names, 0, 0, NULL,
     "read: looks, and sees no secrets; write: changes; full: also what runs programs, reveals keys or "
     "changes "
     "users",
     0},
    {"password", TYPE_SECRET, PROP_BOTH | PROP_QUIET, NULL, 0, 0, NULL,
     "8 characters or more; what is kept is a salted scrypt of it, and never shown", 0},
    {"certificate", TYPE_CERTIFICATE, PROP_BOTH | PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL,
     "a TLS client that has this one and its key needs no password", 0},
    {"address", TYPE_TEXT, PROP_BOTH | PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL,
     "networks it may come from, with commas; without it from everywhere", 0},
    {"comment", TYPE_TEXT, PROP_BOTH | PROP_COLUMN | PROP_QUIET, NULL, 0, 0, NULL, "a note", 0},
    {"disabled", TYPE_BOOL, PROP_BOTH, NULL, 0, 0, "no", "yes or no", 0},
    {.name = ""},
};

static char *value(struct console *console, const struct menu *menu, const struct item *item,
                   const struct property *property)
{
    return property->type == TYPE_SECRET ? NULL : kept_value(console, menu, item, property);
}

static int check_name(struct call *call, const char *name, int64_t id)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@";
    struct user other = {0};
    int ok = 1;

    if (*name == '\0' || strlen(name) > USER_NAME_MAX || name[strspn(name, good)] != '\0')
        return console_fail(call->console, "name: expected up to %d letters, digits and . - _ @",
                            USER_NAME_MAX);
    if (user_find(call->console, name, &other) && other.id != id)
        ok = console_fail(call->console, "there is a user %s already", name);
    user_clear(&other);
    return ok;
}

static int check_address(struct call *call, const char *text)
{
    struct networks *networks = networks_new(text);

    networks_free(networks);
    return networks != NULL || console_fail(call->console,
                                            "address: expected up to 64 networks such as "
                                            "192.168.88.0/24,fd00::/8, got %.64s",
                                            text);
}

static struct argument *find_password(struct call *call)
{
    size_t i;

    for (i = 0; i < call->count; i++) {
        if (call->arguments[i].property->type == TYPE_SECRET)
            return &call->arguments[i];
    }
    return NULL;
}

/* Keeps what is given, with a verifier in the password's place; several users that are given one password
 * have a salt each. */
static int keep(struct call *call, int64_t *id, int (*work)(struct call *call, int64_t *id))
{
    struct argument *argument = find_password(call);
    char *password = argument != NULL ? argument->text : NULL, *verifier;
    int ok;

    if (password == NULL)
        return work(call, id);
    if (strlen(password) < USER_SHORTEST)
        return console_fail(call->console, "password: expected %d characters or more", USER_SHORTEST);
    verifier = store_verifier_make(console_store(call->console), password);
    if (verifier == NULL)
        return 0;
    argument->text = verifier;
    ok = work(call, id);
    argument->text = password;
    OPENSSL_clear_free(verifier, strlen(verifier));
    return ok;
}

static int check(struct call *call, int64_t id)
{
    const char *name = call_text(call, "name"), *address = call_text(call, "address");

    return (name == NULL || check_name(call, name, id)) && (address == NULL || check_address(call, address));
}

static int add(struct call *call, int64_t *id)
{
    const char *certificate = call_text(call, "certificate");

    if (call_text(call, "password") == NULL && (certificate == NULL || *certificate == '\0'))
        return console_fail(call->console, "missing value(s) of argument(s) password");
    return check(call, 0) && keep(call, id, kept_add);
}

static int set_kept(struct call *call, int64_t *id)
{
    return kept_set(call, *id);
}

/* Who may do what is what an audit asks first. */
static int log_change(struct call *call, const char *name, const char *what, const char *group)
{
    return store_log(call->console->store, "system,info", "user %s %s%s%s by %s", name, what,
                     group != NULL ? ", group " : "", group != NULL ? group : "",
                     call->console->user != NULL ? call->console->user : "the console");
}

static int add_logged(struct call *call, int64_t *id)
{
    return add(call, id) && log_change(call, call_text(call, "name"), "added", call_text(call, "group"));
}

static int set(struct call *call, int64_t id)
{
    struct user user = {0};
    int ok = check(call, id) && keep(call, &id, set_kept);

    if (ok)
        ok = user_get(call->console, id, &user) &&
             log_change(call, user.name, "changed", remote_group_names[user.group]);
    user_clear(&user);
    return ok;
}

static int remove_user(struct call *call, int64_t id)
{
    struct user user = {0};
    int is_known = user_get(call->console, id, &user);
    int ok = kept_remove(call, id) && (!is_known || log_change(call, user.name, "removed", NULL));

    user_clear(&user);
    return ok;
}

const struct menu menu_user = {
    .path = USER_MENU,
    .kind = MENU_ITEMS,
    .help = "who may manage the router over the network (REST, API); nobody until one is added",
    .properties = properties,
    .flags = disabled_flags,
    .is_for_full = 1,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_ADD | STD_SET | STD_REMOVE | STD_ENABLE,
    .each = kept_each,
    .count = items_count,
    .item_flags = kept_flags,
    .value = value,
    .add = add_logged,
    .set = set,
    .remove = remove_user,
};

/* ---- /user active ---- */

enum { ACTIVE_NAME, ACTIVE_GROUP };

static const struct property active_properties[] = {
    {"name", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "who it is", ACTIVE_NAME},
    {"group", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "what that user may do", ACTIVE_GROUP},
    {.name = ""},
};

static int active_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                       void *arg)
{
    struct item item = {.id = 1};

    (void)menu;
    if (console->user != NULL && hint->id <= 1 &&
        (hint->name == NULL || strcmp(hint->name, console->user) == 0))
        fn(arg, &item);
    return 1;
}

static char *active_value(struct console *console, const struct menu *menu, const struct item *item,
                          const struct property *property)
{
    (void)menu;
    (void)item;
    return OPENSSL_strdup(property->field == ACTIVE_NAME ? console->user : console->group);
}

const struct menu menu_user_active = {
    .path = USER_MENU "/active",
    .kind = MENU_ITEMS,
    .help = "over the network: who asks",
    .properties = active_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET,
    .each = active_each,
    .count = items_count,
    .value = active_value,
};
