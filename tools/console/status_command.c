// SPDX-License-Identifier: Apache-2.0
/* `signet status`: what is served, what is due and when, what fails and why. */
#include "renewal.h"

#include "tools/duration.h"
#include "tools/services.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OVERDUE 86400 /* seconds: whoever has a timer instead of signetd runs it twice a day */

static const char *const services[] = {"www", "www-ssl", "api", "api-ssl"};

struct status {
    struct store *store;
    int64_t now;
    int is_running;
    json_t *services, *items, *attention;
};

static void attend(struct status *status, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void attend(struct status *status, const char *format, ...)
{
    char text[700];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_array_append_new(status->attention, json_string(text));
}

/* ---- what there is ---- */

static void on_refusal(void *arg, const char *text)
{
    attend(arg, "%s", text);
}

static void on_progress(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static int is_interrupted(void *arg)
{
    (void)arg;
    return console_interrupted;
}

/* Asked like any client: that signetd runs does not say that it has the port, or can use the key. */
static int is_served(struct status *status, const char *name, const struct service *service)
{
    struct bindings_host host = {.store = status->store,
                                 .error = on_refusal,
                                 .progress = on_progress,
                                 .is_cancelled = is_interrupted,
                                 .arg = status};

    if (!status->is_running)
        attend(status, "%s is enabled, and signetd does not run", name);
    else if (*service->tls_version != '\0' && service->certificate == 0)
        attend(status, "%s has no certificate: /ip service set %s certificate=…", name, name);
    else
        return renewal_ask_service(&host, name, service, 0);
    return 0;
}

static void take_services(struct status *status)
{
    size_t i;

    for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        struct service service;

        if (!service_get(status->store, services[i], &service))
            continue;
        if (service.is_enabled)
            json_array_append_new(status->services,
                                  json_pack("{s:s, s:i, s:b}", "name", services[i], "port", (int)service.port,
                                            "served", is_served(status, services[i], &service)));
        service_clear(&service);
    }
}

static const char *state_of(const struct status *status, const struct renewal_item *item)
{
    if (item->failures > 0)
        return item->kind == RENEWAL_DOWNLOAD && item->not_after > status->now ? "waiting" : "failing";
    if (item->is_unproved)
        return "unproved";
    if (item->due == RENEWAL_NEVER)
        return "idle";
    return item->due <= status->now ? "due" : "ok";
}

static int take_item(void *arg, const struct renewal_item *item)
{
    struct status *status = arg;
    const char *state = state_of(status, item);
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "kind", renewal_kinds[item->kind], "name",
                            item->name, "what", item->what, "state", state, "not-after",
                            (json_int_t)item->not_after, "failures", (json_int_t)item->failures);

    json_object_set_new(row, "due",
                        item->due == RENEWAL_NEVER ? json_null() : json_integer((json_int_t)item->due));
    if (*item->error != '\0')
        json_object_set_new(row, "error", json_string(item->error));
    json_array_append_new(status->items, row);
    if (strcmp(state, "failing") == 0)
        attend(status, "%s %.100s: %s has failed %lld time%s: %.400s", renewal_kinds[item->kind], item->name,
               *item->what != '\0' ? item->what : "work", (long long)item->failures,
               item->failures == 1 ? "" : "s", item->error);
    else if (item->due != RENEWAL_NEVER && item->due != 0 && item->due < status->now - OVERDUE)
        attend(status, "%s %.100s: %s is overdue%s", renewal_kinds[item->kind], item->name, item->what,
               status->is_running ? "" : ", and signetd does not run");
    return 1;
}

static int take_expiry(void *arg, const struct store_expiry *expiry)
{
    struct status *status = arg;
    int steps = renewal_warn_steps(expiry->not_before, expiry->not_after, status->now);
    char *error = NULL, *left;

    if (steps == 0 || status->now - expiry->not_after > RENEWAL_NO_MORE ||
        (expiry->is_kept && (renewal_is_kept(status->store, expiry->id, &error) || error != NULL))) {
        OPENSSL_free(error);
        return 1;
    }
    left = duration_text(expiry->not_after - status->now);
    if (steps == RENEWAL_STEPS)
        attend(status, "certificate %.100s has expired", expiry->name);
    else
        attend(status, "certificate %.100s expires in %s, and nothing renews it", expiry->name,
               left != NULL ? left : "");
    OPENSSL_free(left);
    return 1;
}

/* ---- how it is shown ---- */

static void put_safe(const char *text)
{
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void print_item(const struct status *status, const json_t *row)
{
    json_int_t due = json_integer_value(json_object_get(row, "due"));
    const char *error = json_string_value(json_object_get(row, "error"));
    char *when = NULL;

    if (json_is_null(json_object_get(row, "due")))
        when = OPENSSL_strdup("-");
    else if (due <= status->now)
        when = OPENSSL_strdup("now");
    else
        when = duration_text(due - status->now);
    printf("%-8s  %-8s  %-8s  %-16s  ", json_string_value(json_object_get(row, "state")),
           json_string_value(json_object_get(row, "kind")), json_string_value(json_object_get(row, "what")),
           when != NULL ? when : "");
    put_safe(json_string_value(json_object_get(row, "name")));
    if (error != NULL) {
        printf("  ");
        put_safe(error);
    }
    putchar('\n');
    OPENSSL_free(when);
}

static void print_table(const struct status *status)
{
    const json_t *row;
    size_t i;

    printf("signetd %s\n", status->is_running ? "runs" : "does not run");
    json_array_foreach(status->services, i, row)
        printf("%s at port %lld: %s\n", json_string_value(json_object_get(row, "name")),
               (long long)json_integer_value(json_object_get(row, "port")),
               json_is_true(json_object_get(row, "served")) ? "served" : "not served");
    if (json_array_size(status->items) > 0)
        printf("\n%-8s  %-8s  %-8s  %-16s  %s\n", "STATE", "KIND", "WHAT", "IN", "NAME");
    json_array_foreach(status->items, i, row) print_item(status, row);
    if (json_array_size(status->attention) > 0)
        puts("\nNeeds attention:");
    json_array_foreach(status->attention, i, row)
    {
        printf("  ");
        put_safe(json_string_value(row));
        putchar('\n');
    }
}

int status_command(struct console *console, int as_json)
{
    struct status status = {.store = console_store(console), .now = (int64_t)time(NULL)};
    json_t *whole;
    int result = -1, ok;

    if (status.store == NULL)
        return -1;
    status.is_running = services_are_running(status.store);
    status.services = json_array();
    status.items = json_array();
    status.attention = json_array();
    take_services(&status);
    ok = renewal_each(status.store, status.now, take_item, &status) &&
         store_expiry_each(status.store, take_expiry, &status);
    whole = json_pack("{s:b, s:b, s:o, s:o, s:o}", "ok", ok && json_array_size(status.attention) == 0,
                      "signetd", status.is_running, "services", status.services, "items", status.items,
                      "attention", status.attention);
    if (ok && whole != NULL) {
        result = json_array_size(status.attention) == 0;
        if (as_json) {
            json_dumpf(whole, stdout, JSON_INDENT(2));
            putchar('\n');
        } else {
            print_table(&status);
        }
    }
    json_decref(whole);
    return result;
}
