// SPDX-License-Identifier: Apache-2.0
/* The directory (RFC 8555 section 7.1.1): where everything else is. */
#include "private.h"

#include <string.h>

#define PROFILES_MAX 32

void acme_directory_free(struct acme_directory *directory)
{
    size_t i;

    if (directory == NULL)
        return;
    OPENSSL_free(directory->new_nonce);
    OPENSSL_free(directory->new_account);
    OPENSSL_free(directory->new_order);
    OPENSSL_free(directory->new_authz);
    OPENSSL_free(directory->revoke_cert);
    OPENSSL_free(directory->key_change);
    OPENSSL_free(directory->renewal_info);
    OPENSSL_free(directory->terms_of_service);
    OPENSSL_free(directory->website);
    for (i = 0; i < directory->profiles_count; i++) {
        OPENSSL_free(directory->profiles[i].name);
        OPENSSL_free(directory->profiles[i].description);
    }
    OPENSSL_free(directory->profiles);
    OPENSSL_free(directory);
}

static int take_profiles(struct acme_directory *directory, json_t *profiles)
{
    size_t count = json_object_size(profiles), n = 0;
    const char *name;
    json_t *description;

    if (count == 0)
        return 1;
    directory->profiles =
        OPENSSL_zalloc((count < PROFILES_MAX ? count : PROFILES_MAX) * sizeof(*directory->profiles));
    if (directory->profiles == NULL)
        return 0;
    json_object_foreach(profiles, name, description)
    {
        const char *text = json_string_value(description);

        if (n == PROFILES_MAX || strlen(name) > 64)
            break;
        directory->profiles[n].name = OPENSSL_strdup(name);
        directory->profiles[n].description = OPENSSL_strndup(text != NULL ? text : "", 512);
        directory->profiles_count = ++n;
    }
    return 1;
}

static int parse(struct acme *acme, const json_t *json)
{
    struct acme_directory *directory = acme->directory = OPENSSL_zalloc(sizeof(*directory));
    const json_t *meta = json_object_get(json, "meta");
    const char *text;

    if (directory == NULL)
        return acme_raise(acme, "out of memory");
    if (!acme_url(acme, json, "newNonce", &directory->new_nonce) ||
        !acme_url(acme, json, "newAccount", &directory->new_account) ||
        !acme_url(acme, json, "newOrder", &directory->new_order) ||
        !acme_url(acme, json, "newAuthz", &directory->new_authz) ||
        !acme_url(acme, json, "revokeCert", &directory->revoke_cert) ||
        !acme_url(acme, json, "keyChange", &directory->key_change) ||
        !acme_url(acme, json, "renewalInfo", &directory->renewal_info))
        return 0;
    if (directory->new_nonce == NULL || directory->new_account == NULL || directory->new_order == NULL)
        return acme_raise(acme, "%.200s is no ACME directory: newNonce, newAccount or newOrder is missing",
                          acme->config.directory_url);
    text = acme_text(meta, "termsOfService");
    directory->terms_of_service = text != NULL ? OPENSSL_strdup(text) : NULL;
    text = acme_text(meta, "website");
    directory->website = text != NULL ? OPENSSL_strdup(text) : NULL;
    directory->external_account_required = json_is_true(json_object_get(meta, "externalAccountRequired"));
    return take_profiles(directory, json_object_get(meta, "profiles")) || acme_raise(acme, "out of memory");
}

const struct acme_directory *acme_directory(struct acme *acme)
{
    struct acme_response response;
    int ok;

    if (acme->directory != NULL)
        return acme->directory;
    if (!acme_exchange(acme, "GET", acme->config.directory_url, NULL, &response))
        return NULL;
    if (response.status != 200)
        ok = acme_problem(acme, "the directory", &response);
    else if (!json_is_object(response.json))
        ok = acme_raise(acme, "%.200s is no ACME directory: no JSON", acme->config.directory_url);
    else
        ok = parse(acme, response.json);
    acme_response_clear(&response);
    if (ok)
        return acme->directory;
    acme_directory_free(acme->directory);
    acme->directory = NULL;
    return NULL;
}
