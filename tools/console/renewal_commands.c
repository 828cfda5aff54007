// SPDX-License-Identifier: Apache-2.0
/* `signet renew`: all that is due, one after the other. */
#include "renewal.h"

#include "acme.h"
#include "fetch.h"

#include "tools/bindings/bindings.h"
#include "tools/scep/enrolment.h"

#include <openssl/bio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CRL_MAX (16 << 20) /* bytes */

/* Copies: nothing is written while the store's tables are walked through. */
struct due {
    struct renewal_item *items;
    size_t count;
    int64_t now;
};

static int collect(void *arg, const struct renewal_item *item)
{
    struct due *due = arg;
    struct renewal_item *bigger;

    if (item->due > due->now)
        return 1;
    bigger = OPENSSL_realloc(due->items, (due->count + 1) * sizeof(*bigger));
    if (bigger == NULL)
        return 0;
    due->items = bigger;
    bigger[due->count] = *item;
    bigger[due->count++].name = OPENSSL_strdup(item->name);
    return 1;
}

static void due_clear(struct due *due)
{
    size_t i;

    for (i = 0; i < due->count; i++)
        OPENSSL_free((char *)due->items[i].name);
    OPENSSL_free(due->items);
}

/* ---- downloads ---- */

struct search {
    int64_t id, this_update;
};

static int take_update(void *arg, struct store_crl *crl)
{
    struct search *search = arg;

    if (crl->id != search->id)
        return 1;
    search->this_update = crl->this_update;
    return 0;
}

static int run_download(struct console *console, struct managed_host *host, const struct renewal_item *item)
{
    struct fetched fetched = {0};
    struct search before = {item->id, 0}, after = {item->id, 0};
    char entry[RENEWAL_NAME_MAX];
    int ok = store_crl_each(host->store, take_update, &before) &&
             fetch_url(console, item->name, &(struct fetch_options){.max = CRL_MAX, .check = 1}, &fetched) &&
             store_crl_replace(host->store, item->id, fetched.data, fetched.len) &&
             store_crl_each(host->store, take_update, &after);

    OPENSSL_free(fetched.data);
    renewal_name(entry, "/certificate/crl", item->id);
    renewal_count(host->store, RENEWAL_DOWNLOAD, ok);
    /* It is there, and will be old when it should be new: asked for again as after a failure. */
    renewal_note(host->store, entry,
                 !ok                                      ? host->last_error(host->arg)
                 : after.this_update > before.this_update ? NULL
                                                          : "there is no newer one yet");
    if (!ok)
        store_log(host->store, "certificate,crl,error", "CRL %.150s: %.300s", item->name,
                  host->last_error(host->arg));
    return ok;
}

/* ---- one thing ---- */

static int run_item(struct console *console, struct managed_host *host, const struct renewal_item *item)
{
    int count = 0, ok = 0;

    console->last_failure[0] = '\0';
    switch (item->kind) {
    case RENEWAL_ACME:
        ok = managed_run_entry(host, item->id, &count);
        break;
    case RENEWAL_SCEP:
        ok = scep_enrol_run_entry(host, item->id, &count);
        break;
    case RENEWAL_LOCAL: /* counts itself */
        return renewal_run_local(host, item->id, 0, &count);
    case RENEWAL_CRL:
        return renewal_run_crl(host, item);
    case RENEWAL_DOWNLOAD:
        return run_download(console, host, item);
    case RENEWAL_BINDING: {
        struct bindings_host bindings = renewal_bindings_host(host);

        ok = bindings_apply_one(&bindings, item->id);
        count = 1;
        break;
    }
    case RENEWAL_WARNING:
        return 1;
    }
    if ((count > 0 || !ok) && !host->is_cancelled(host->arg))
        renewal_count(host->store, item->kind, ok);
    return ok;
}

/* A value of a result line, in quotes if it needs them. */
static void put_value(const char *text)
{
    int is_plain = *text != '\0' && strpbrk(text, " \"\\=\n\r\t") == NULL;

    if (!is_plain)
        putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    if (!is_plain)
        putchar('"');
}

static void put_result(const struct console *console, const struct renewal_item *item, int ok)
{
    printf("result kind=%s name=", renewal_kinds[item->kind]);
    put_value(item->name);
    printf(" what=%s outcome=%s", item->what, ok ? "ok" : "failed");
    if (!ok) {
        printf(" error=");
        put_value(console->last_failure);
    }
    putchar('\n');
    fflush(stdout);
}

int renewal_command(struct console *console)
{
    /* What is quick, and waits for nobody, comes first. */
    static const enum renewal_kind order[] = {RENEWAL_CRL,      RENEWAL_LOCAL, RENEWAL_SCEP,
                                              RENEWAL_DOWNLOAD, RENEWAL_ACME,  RENEWAL_BINDING};
    struct due due = {.now = (int64_t)time(NULL)};
    struct bindings_host bindings;
    struct managed_host host;
    int lock = acme_host_lock(console, &host), ok, count = 0;
    size_t i, k;

    if (lock < 0)
        return 0;
    ok = renewal_each(host.store, due.now, collect, &due);
    for (k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        for (i = 0; i < due.count && !console_interrupted; i++) {
            int done;

            if (due.items[i].kind != order[k])
                continue;
            done = run_item(console, &host, &due.items[i]);
            put_result(console, &due.items[i], done);
            ok = ok && done;
        }
    }
    /* Those whose CRL or trusted CAs have changed. */
    bindings = renewal_bindings_host(&host);
    ok = (console_interrupted || bindings_apply_due(&bindings, &count)) && ok;
    ok = renewal_warn(host.store, (int64_t)time(NULL)) && ok;
    due_clear(&due);
    acme_host_unlock(console, lock);
    return ok;
}
