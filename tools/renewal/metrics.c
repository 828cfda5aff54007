// SPDX-License-Identifier: Apache-2.0
/* What the store knows, in Prometheus's text format (version 0.0.4). */
#include "renewal.h"

#include <inttypes.h>
#include <openssl/bio.h>

/* Of more certificates than that, those that end first: a router's memory is small. */
#define CERTIFICATES_MAX 1000

struct metrics {
    BIO *bio;
    struct store *store;
    int64_t pending;
    int certificates;
};

/* A label's value: \, " and newlines are escaped. */
static void put_value(BIO *bio, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"')
            BIO_printf(bio, "\\%c", *text);
        else if (*text == '\n')
            BIO_puts(bio, "\\n");
        else
            BIO_write(bio, text, 1);
    }
}

static void put_head(BIO *bio, const char *name, const char *type, const char *help)
{
    BIO_printf(bio, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_line(BIO *bio, const char *name, const char *kind, const char *label, const char *value,
                     int64_t number)
{
    BIO_printf(bio, "%s{", name);
    if (kind != NULL)
        BIO_printf(bio, "kind=\"%s\"%s", kind, label != NULL ? "," : "");
    if (label != NULL) {
        BIO_printf(bio, "%s=\"", label);
        put_value(bio, value);
        BIO_puts(bio, "\"");
    }
    BIO_printf(bio, "} %" PRId64 "\n", number);
}

static int put_expiry(void *arg, const struct store_expiry *expiry)
{
    struct metrics *metrics = arg;

    put_line(metrics->bio, "signet_certificate_not_after_timestamp_seconds", NULL, "name", expiry->name,
             expiry->not_after);
    return ++metrics->certificates < CERTIFICATES_MAX;
}

static int put_failures(void *arg, const struct renewal_item *item)
{
    struct metrics *metrics = arg;

    if (item->kind <= RENEWAL_LOCAL)
        put_line(metrics->bio, "signet_renewal_failures", renewal_kinds[item->kind], "name", item->name,
                 item->failures);
    return 1;
}

static int put_crl(void *arg, const struct renewal_item *item)
{
    struct metrics *metrics = arg;

    if ((item->kind == RENEWAL_CRL || item->kind == RENEWAL_DOWNLOAD) && item->not_after != 0)
        put_line(metrics->bio, "signet_crl_next_update_timestamp_seconds", renewal_kinds[item->kind], "name",
                 item->name, item->not_after);
    return 1;
}

static int count_pending(void *arg, struct store_incoming *incoming)
{
    struct metrics *metrics = arg;

    metrics->pending += incoming->status[0] == 'p';
    return 1;
}

static void put_counts(BIO *bio, struct store *store)
{
    enum renewal_kind kind;

    put_head(bio, "signet_renewals_total", "counter",
             "Renewals, CRLs signed and downloaded, by how they ended.");
    for (kind = RENEWAL_ACME; kind < RENEWAL_WARNING; kind++) {
        put_line(bio, "signet_renewals_total", renewal_kinds[kind], "result", "ok",
                 renewal_counted(store, kind, "ok"));
        put_line(bio, "signet_renewals_total", renewal_kinds[kind], "result", "failed",
                 renewal_counted(store, kind, "failed"));
    }
    put_head(bio, "signet_renewal_last_success_timestamp_seconds", "gauge",
             "When one succeeded last; 0: never.");
    for (kind = RENEWAL_ACME; kind < RENEWAL_WARNING; kind++)
        put_line(bio, "signet_renewal_last_success_timestamp_seconds", renewal_kinds[kind], NULL, NULL,
                 renewal_counted(store, kind, "last"));
}

char *renewal_metrics(struct store *store, int64_t now, size_t *len)
{
    struct metrics metrics = {.bio = BIO_new(BIO_s_mem()), .store = store};
    BIO *bio = metrics.bio;
    char *data = NULL, *text = NULL;
    int64_t next = RENEWAL_NEVER;
    int ok = bio != NULL;

    if (!ok)
        return NULL;
    put_head(bio, "signet_certificate_not_after_timestamp_seconds", "gauge",
             "When a certificate whose key is here expires.");
    ok = store_expiry_each(store, put_expiry, &metrics);
    put_counts(bio, store);
    put_head(bio, "signet_renewal_failures", "gauge", "Failures in a row of what is renewed.");
    ok = ok && renewal_each(store, now, put_failures, &metrics);
    put_head(bio, "signet_crl_next_update_timestamp_seconds", "gauge", "nextUpdate of CRLs.");
    ok = ok && renewal_each(store, now, put_crl, &metrics) && renewal_next(store, now, &next) &&
         store_incoming_each(store, count_pending, &metrics);
    put_head(bio, "signet_renewal_next_timestamp_seconds", "gauge",
             "When something is due next; 0: nothing will be.");
    BIO_printf(bio, "signet_renewal_next_timestamp_seconds %" PRId64 "\n", next == RENEWAL_NEVER ? 0 : next);
    put_head(bio, "signet_requests_pending", "gauge", "Requests of others that wait to be granted.");
    BIO_printf(bio, "signet_requests_pending %" PRId64 "\n", metrics.pending);
    if (ok) {
        *len = (size_t)BIO_get_mem_data(bio, &data);
        text = OPENSSL_strndup(data, *len);
    }
    BIO_free(bio);
    return text;
}
