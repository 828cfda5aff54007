// SPDX-License-Identifier: Apache-2.0
/* /certificate binding: which service has which certificate, and whether it serves it. */
#include "binding.h"

#include "kept.h"

#include <stdlib.h>
#include <string.h>

enum { PLAIN, TIME, FILES };

static const struct property properties[] = {
    {"certificate", TYPE_CERTIFICATE, PROP_BOTH | PROP_COLUMN, NULL, 0, 0, NULL, "what the service gets", 0},
    {"service", TYPE_TEXT, PROP_ADD | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL,
     "nginx, haproxy, …: a file of signet-bindings(5), without its .conf", 0},
    {"parameters", TYPE_TEXT, PROP_BOTH | PROP_QUIET | PROP_FULL | PROP_HIDDEN, NULL, 0, 0, NULL,
     "of that file: \"port=8443,folder=/etc/nginx/tls\"", 0},
    {"owner", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "the menu that it belongs to", 0},
    {"status", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL,
     "served (a handshake has shown it), written, stopped, not-installed, withdrawn or failed", 0},
    {"served-since", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "when that was seen first; local time", TIME},
    {"last-error", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "of the last try; the old files are back", 0},
    {"files", TYPE_TEXT, PROP_QUIET, NULL, 0, 0, NULL, "what is written", FILES},
    {"disabled", TYPE_BOOL, PROP_BOTH | PROP_QUIET, NULL, 0, 0, "no", "nothing is done", 0},
    {.name = ""},
};

static const struct flag flags[] = {{'X', "disabled", 1}, {0, NULL, 0}};

static char *value(struct console *console, const struct menu *menu, const struct item *item,
                   const struct property *property)
{
    struct binding *binding;
    char *text = NULL;
    int64_t when;

    if (property->field == PLAIN)
        return kept_value(console, menu, item, property);
    binding = binding_get(console_store(console), item->id);
    if (binding != NULL && property->field == FILES)
        text = bindings_files(console_store(console), binding);
    else if (binding != NULL && (when = strtoll(binding->text[BINDING_SINCE], NULL, 10)) > 0)
        text = value_of_time(when);
    binding_free(binding);
    return text;
}

/* ---- changing ---- */

static void on_progress(void *arg, const char *text)
{
    console_end_line(arg);
    printf("  progress: %s\n", text);
    fflush(stdout);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return console_interrupted;
}

int binding_host(struct console *console, struct bindings_host *host)
{
    *host =
        (struct bindings_host){console_store(console), console_on_error, on_progress, is_cancelled, console};
    return host->store != NULL;
}

/* Whoever says certificate=none there takes it away. */
static int is_free(struct call *call, const struct binding *binding)
{
    return binding != NULL &&
           (*binding->text[BINDING_OWNER] == '\0' ||
            console_fail(call->console, "it belongs to %s: set that", binding->text[BINDING_OWNER]));
}

static int set(struct call *call, int64_t id)
{
    struct bindings_host host;
    struct binding *binding = NULL;
    int ok = binding_host(call->console, &host);

    if (ok) {
        binding = binding_get(host.store, id);
        ok = is_free(call, binding) && kept_set(call, id);
        binding_free(binding);
    }
    binding = ok ? binding_get(host.store, id) : NULL;
    ok = binding != NULL &&
         bindings_check(&host, id, binding->text[BINDING_SERVICE], binding->text[BINDING_PARAMETERS]);
    binding_free(binding);
    return ok;
}

static int add(struct call *call, int64_t *id)
{
    struct store *store = console_store(call->console);

    *id = store != NULL ? store_entry_add(store, call->menu->path) : 0;
    return *id != 0 && set(call, *id);
}

static int remove_entry(struct call *call, int64_t id)
{
    struct store *store = console_store(call->console);
    struct binding *binding = binding_get(store, id);
    int ok = is_free(call, binding) && kept_remove(call, id);

    if (ok)
        bindings_remove_files(store, binding);
    binding_free(binding);
    return ok;
}

static int apply_ids(struct call *call, int (*fn)(struct bindings_host *host, int64_t id))
{
    struct bindings_host host;
    size_t i;
    int ok = binding_host(call->console, &host);

    for (i = 0; ok && i < call->ids_count; i++)
        ok = fn(&host, call->ids[i]);
    return ok;
}

static int apply(struct call *call)
{
    struct bindings_host host;
    int64_t id;

    if (strcmp(call->command->name, "remove") == 0)
        return 1;
    if (strcmp(call->command->name, "add") != 0)
        return apply_ids(call, bindings_apply_one);
    id = call->result != NULL ? strtoll(call->result + 1, NULL, 16) : 0;
    if (!binding_host(call->console, &host))
        return 0;
    if (bindings_apply_one(&host, id))
        return 1;
    console_note(call->console, "the binding is kept: apply tries again");
    return 0;
}

/* ---- commands ---- */

static int run_apply(struct call *call)
{
    struct bindings_host host;
    int count = 0, ok;

    if (call->has_ids)
        return apply_ids(call, bindings_apply_one);
    ok = binding_host(call->console, &host) && bindings_apply_due(&host, &count);
    if (!call->is_nested)
        printf("  applied: %d\n", count);
    return ok;
}

static int run_verify(struct call *call)
{
    return apply_ids(call, bindings_verify);
}

static int show_service(void *arg, const char *name)
{
    (void)arg;
    puts(name);
    return 1;
}

static int run_services(struct call *call)
{
    struct store *store = console_store(call->console);

    if (store != NULL)
        bindings_services(store, show_service, NULL);
    return store != NULL;
}

static const struct command commands[] = {
    {"apply", COMMAND_ITEMS | COMMAND_OPTIONAL, NULL, run_apply,
     "gives certificates to their services once more; without numbers those that are due", NULL},
    {"verify", COMMAND_ITEMS, NULL, run_verify, "looks at what a service shows in a handshake now", NULL},
    {"services", 0, NULL, run_services, "lists the services that there is a file for", NULL},
    {.name = ""},
};

const struct menu menu_certificate_binding = {
    .path = BINDINGS_MENU,
    .kind = MENU_ITEMS,
    .help = "certificates that are bound to services, and whether these serve them",
    .properties = properties,
    .flags = flags,
    .commands = commands,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_ADD | STD_SET | STD_REMOVE | STD_ENABLE,
    .apply = apply,
    .each = kept_each,
    .count = items_count,
    .item_flags = kept_flags,
    .value = value,
    .add = add,
    .set = set,
    .remove = remove_entry,
};
