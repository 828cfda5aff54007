// SPDX-License-Identifier: Apache-2.0
/* Orders (RFC 8555 section 7.4): placed, authorized, finalized. */
#include "private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define AUTHORIZATIONS_MAX 100

/* ---- the object (section 7.1.3) ---- */

static void clear(struct acme_order *order)
{
    OPENSSL_free(order->status);
    OPENSSL_free(order->finalize);
    OPENSSL_free(order->certificate);
    while (order->authorizations_count > 0)
        OPENSSL_free(order->authorizations[--order->authorizations_count]);
    OPENSSL_free(order->authorizations);
    order->status = order->finalize = order->certificate = NULL;
    order->authorizations = NULL;
}

void acme_order_free(struct acme_order *order)
{
    if (order == NULL)
        return;
    clear(order);
    OPENSSL_free(order->url);
    OPENSSL_free(order);
}

static int take_authorizations(struct acme *acme, struct acme_order *order, const json_t *array)
{
    size_t count = json_array_size(array), i;
    const json_t *member;

    if (count == 0 || count > AUTHORIZATIONS_MAX)
        return acme_raise(acme, "the order has %zu authorizations", count);
    order->authorizations = OPENSSL_zalloc(count * sizeof(*order->authorizations));
    if (order->authorizations == NULL)
        return acme_raise(acme, "out of memory");
    json_array_foreach(array, i, member)
    {
        const char *url = json_string_value(member);

        if (url == NULL || !acme_is_url(url))
            return acme_raise(acme, "an authorization of the order is no https URL");
        order->authorizations[i] = OPENSSL_strdup(url);
        order->authorizations_count = i + 1;
    }
    return 1;
}

static int take(struct acme *acme, struct acme_order *order, const json_t *json)
{
    const char *status = acme_text(json, "status");

    clear(order);
    if (status == NULL)
        return acme_raise(acme, "the order: the server does not tell its status");
    order->status = OPENSSL_strdup(status);
    order->expires = acme_time(json, "expires");
    if (order->status == NULL)
        return acme_raise(acme, "out of memory");
    return acme_url(acme, json, "finalize", &order->finalize) &&
           acme_url(acme, json, "certificate", &order->certificate) &&
           take_authorizations(acme, order, json_object_get(json, "authorizations")) &&
           (order->finalize != NULL || acme_raise(acme, "the order has no finalize URL"));
}

/* ---- placing ---- */

static json_t *identifiers(const struct acme_order_request *request)
{
    json_t *array = json_array();
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    size_t i;

    for (i = 0; i < request->count; i++) {
        const char *name = request->identifiers[i];
        int family = inet_pton(AF_INET, name, address) == 1    ? AF_INET
                     : inet_pton(AF_INET6, name, address) == 1 ? AF_INET6
                                                               : 0;

        /* RFC 8738 section 3: an address as RFC 5952 writes it. */
        if (family != 0)
            name = inet_ntop(family, address, text, sizeof(text));
        json_array_append_new(array,
                              json_pack("{s:s, s:s}", "type", family != 0 ? "ip" : "dns", "value", name));
    }
    return array;
}

static int check_profile(struct acme *acme, const struct acme_directory *directory, const char *profile)
{
    char known[512] = "";
    size_t i;

    for (i = 0; i < directory->profiles_count; i++) {
        if (strcmp(directory->profiles[i].name, profile) == 0)
            return 1;
        OPENSSL_strlcat(known, i > 0 ? ", " : "", sizeof(known));
        OPENSSL_strlcat(known, directory->profiles[i].name, sizeof(known));
    }
    return acme_raise(acme, "profile %.64s: this CA has %s", profile, *known != '\0' ? known : "no profiles");
}

static struct acme_order *from_response(struct acme *acme, const char *url,
                                        const struct acme_response *response)
{
    struct acme_order *order = OPENSSL_zalloc(sizeof(*order));

    if (order != NULL && (order->url = OPENSSL_strdup(url)) != NULL) {
        if (take(acme, order, response->json))
            return order;
    } else {
        acme_raise(acme, "out of memory");
    }
    acme_order_free(order);
    return NULL;
}

static int post_order(struct acme *acme, const struct acme_directory *directory,
                      const struct acme_order_request *request, const char *replaces,
                      struct acme_response *response)
{
    json_t *payload = json_pack("{s:o}", "identifiers", identifiers(request));
    int ok;

    if (request->profile != NULL)
        json_object_set_new(payload, "profile", json_string(request->profile));
    if (replaces != NULL)
        json_object_set_new(payload, "replaces", json_string(replaces));
    ok = acme_post(acme, "the order", directory->new_order, payload, response);
    json_decref(payload);
    return ok;
}

/* RFC 9773 section 5: an order that replaces a certificate is refused if that has a successor already, or is
 * another account's or another CA's. Then one that replaces nothing is placed. */
static int post_replacing(struct acme *acme, const struct acme_directory *directory,
                          const struct acme_order_request *request, struct acme_response *response)
{
    static const char *const final[] = {"accountDoesNotExist", "rateLimited", "rejectedIdentifier",
                                        "serverInternal"};
    char why[4096] = "";
    size_t i;
    int ok;

    acme->quiet = why;
    acme->quiet_size = sizeof(why);
    ok = post_order(acme, directory, request, request->replaces, response);
    acme->quiet = NULL;
    if (ok)
        return 1;
    for (i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
        if (strcmp(acme->problem_type, final[i]) == 0)
            return acme_raise(acme, "%s", why);
    }
    if (*acme->problem_type == '\0')
        return acme_raise(acme, "%s", why);
    acme_progress(acme, "%s; ordering without a word of what it replaces", why);
    return post_order(acme, directory, request, NULL, response);
}

struct acme_order *acme_order_new(struct acme *acme, const struct acme_order_request *request)
{
    const struct acme_directory *directory = acme_directory(acme);
    struct acme_response response;
    struct acme_order *order = NULL;
    int ok;

    if (directory == NULL || (request->profile != NULL && !check_profile(acme, directory, request->profile)))
        return NULL;
    /* Only where the server offers renewal information. */
    ok = request->replaces != NULL && directory->renewal_info != NULL
             ? post_replacing(acme, directory, request, &response)
             : post_order(acme, directory, request, NULL, &response);
    if (!ok)
        return NULL;
    if (response.location == NULL || !acme_is_url(response.location))
        acme_raise(acme, "newOrder: the server does not tell the order's URL");
    else
        order = from_response(acme, response.location, &response);
    acme_response_clear(&response);
    return order;
}

struct acme_order *acme_order_resume(struct acme *acme, const char *url)
{
    struct acme_response response;
    struct acme_order *order;

    if (!acme_post(acme, "the order", url, NULL, &response))
        return NULL;
    order = from_response(acme, url, &response);
    acme_response_clear(&response);
    return order;
}

/* ---- authorizing, finalizing ---- */

/* Waits until the order is no longer as it was. */
static int poll_order(struct acme *acme, struct acme_order *order, const char *while_status,
                      const char *or_status, struct acme_response *last)
{
    int64_t end = acme_seconds() + ACME_POLL_SECONDS;
    unsigned n;

    for (n = 0; strcmp(order->status, while_status) == 0 || strcmp(order->status, or_status) == 0; n++) {
        if (acme_seconds() > end)
            return acme_raise(
                acme, "the order %.200s is still %.20s after %d seconds; it goes on with the next try",
                order->url, order->status, ACME_POLL_SECONDS);
        if (!acme_wait(acme, acme_poll_delay(last, n)))
            return 0;
        acme_response_clear(last);
        if (!acme_post(acme, "the order", order->url, NULL, last) || !take(acme, order, last->json))
            return 0;
    }
    return 1;
}

static int fail(struct acme *acme, const struct acme_order *order, const struct acme_response *last)
{
    const json_t *error = json_object_get(last->json, "error");

    acme->is_lost = 1;
    if (json_is_object(error))
        return acme_problem_json(acme, "the order failed", error, NULL);
    return acme_raise(acme, "the order %.200s is %.50s", order->url, order->status);
}

int acme_order_authorize(struct acme *acme, struct acme_order *order, const struct acme_solver_config *config)
{
    struct acme_response last = {0};
    int ok;

    acme->is_lost = 0;
    ok = strcmp(order->status, "pending") != 0 ||
         (acme_authorize(acme, order->authorizations, order->authorizations_count, config) &&
          acme_post(acme, "the order", order->url, NULL, &last) && take(acme, order, last.json) &&
          poll_order(acme, order, "pending", "pending", &last));

    if (ok && strcmp(order->status, "invalid") == 0)
        ok = fail(acme, order, &last);
    acme_response_clear(&last);
    return ok;
}

static int hand_in(struct acme *acme, struct acme_order *order, const unsigned char *csr, size_t len,
                   struct acme_response *response)
{
    char *text = acme_base64url(csr, len);
    json_t *payload = text != NULL ? json_pack("{s:s}", "csr", text) : NULL;
    int ok = payload != NULL ? acme_post(acme, "the certificate", order->finalize, payload, response)
                             : acme_raise(acme, "out of memory");

    json_decref(payload);
    OPENSSL_free(text);
    return ok && take(acme, order, response->json);
}

int acme_order_finalize(struct acme *acme, struct acme_order *order, const unsigned char *csr, size_t len)
{
    struct acme_response last = {0};
    int ok = 1;

    if (strcmp(order->status, "ready") == 0)
        ok = hand_in(acme, order, csr, len, &last);
    /* A server may still say "ready" while it begins. */
    ok = ok && poll_order(acme, order, "processing", "ready", &last);
    if (ok && strcmp(order->status, "valid") != 0)
        ok = fail(acme, order, &last);
    acme_response_clear(&last);
    return ok;
}
