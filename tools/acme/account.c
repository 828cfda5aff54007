// SPDX-License-Identifier: Apache-2.0
/* Accounts (RFC 8555 section 7.3). */
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int acme_account_use(struct acme *acme, EVP_PKEY *key, const char *url)
{
    if (acme_jws_algorithm(key) == NULL)
        return acme_raise(acme,
                          "the account's key is neither RSA of 2048 bits or more nor EC on P-256 or P-384");
    if (url != NULL && !acme_is_url(url))
        return acme_raise(acme, "the account's URL is no https URL: %.200s", url);
    OPENSSL_free(acme->account_url);
    acme->key = key;
    acme->account_url = url != NULL ? OPENSSL_strdup(url) : NULL;
    return url == NULL || acme->account_url != NULL || acme_raise(acme, "out of memory");
}

/* "a@b.example,c@d.example" as mailto: URLs. NULL: said why. */
static json_t *contacts(struct acme *acme, const char *text)
{
    json_t *array = json_array();
    char url[300];

    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");

        if (len < 3 || len > 254 || memchr(text, '@', len) == NULL || memchr(text, ' ', len) != NULL ||
            memchr(text, '?', len) != NULL) {
            acme_raise(acme, "contact: \"%.*s\" is no e-mail address", (int)(len < 254 ? len : 254), text);
            json_decref(array);
            return NULL;
        }
        snprintf(url, sizeof(url), "mailto:%.*s", (int)len, text);
        json_array_append_new(array, json_string(url));
        text += len + (text[len] == ',');
    }
    return array;
}

/* ---- external accounts (section 7.3.4) ---- */

static json_t *external_account(struct acme *acme, const struct acme_registration *registration,
                                const char *url)
{
    const char *alg = registration->eab_alg != NULL ? registration->eab_alg : "HS256";
    unsigned char *key = NULL;
    json_t *protected, *jwk, *binding = NULL;
    char *payload = NULL;
    size_t len = 0;

    if (registration->eab_hmac_key == NULL ||
        (key = acme_base64url_decode(registration->eab_hmac_key, &len)) == NULL || len == 0) {
        OPENSSL_clear_free(key, len);
        acme_raise(acme, "eab-hmac-key: expected the key that the CA has issued, in base64url");
        return NULL;
    }
    jwk = acme_jwk(acme, acme->key);
    payload = json_dumps(jwk, JSON_COMPACT);
    protected = json_pack("{s:s, s:s}", "kid", registration->eab_kid, "url", url);
    if (payload != NULL && protected != NULL)
        binding = acme_jws_hmac(acme, alg, key, len, protected, payload);
    else
        acme_raise(acme, "eab-kid: not a text in UTF-8");
    json_decref(protected);
    free(payload);
    json_decref(jwk);
    OPENSSL_clear_free(key, len);
    return binding;
}

/* ---- registration ---- */

static int take_account(struct acme *acme, const struct acme_response *response, char **url)
{
    const char *status = acme_text(response->json, "status");

    if (response->location == NULL || !acme_is_url(response->location))
        return acme_raise(acme, "newAccount: the server does not tell the account's URL");
    if (status != NULL && strcmp(status, "valid") != 0)
        return acme_raise(acme, "the account %.200s is %.50s", response->location, status);
    if (!acme_account_use(acme, acme->key, response->location))
        return 0;
    *url = OPENSSL_strdup(response->location);
    return *url != NULL || acme_raise(acme, "out of memory");
}

int acme_account_new(struct acme *acme, const struct acme_registration *registration, char **url)
{
    const struct acme_directory *directory = acme_directory(acme);
    json_t *payload, *array = NULL, *binding;
    struct acme_response response;
    char why[1024] = "";
    int ok = 0, posted;

    *url = NULL;
    if (directory == NULL)
        return 0;
    if (directory->external_account_required && registration->eab_kid == NULL && !registration->only_existing)
        return acme_raise(acme,
                          "this CA takes external accounts only: give eab-kid and eab-hmac-key, which it has "
                          "issued to you");
    payload = json_object();
    if (registration->only_existing) {
        json_object_set_new(payload, "onlyReturnExisting", json_true());
    } else {
        json_object_set_new(payload, "termsOfServiceAgreed", json_true());
        if ((array = contacts(acme, registration->contact)) == NULL)
            goto out;
        if (json_array_size(array) > 0)
            json_object_set(payload, "contact", array);
    }
    if (registration->eab_kid != NULL) {
        if ((binding = external_account(acme, registration, directory->new_account)) == NULL)
            goto out;
        json_object_set_new(payload, "externalAccountBinding", binding);
    }
    OPENSSL_free(acme->account_url);
    acme->account_url = NULL;
    acme->quiet = registration->only_existing ? why : NULL;
    acme->quiet_size = sizeof(why);
    posted = acme_post_with(acme, acme->key, "the account", directory->new_account, payload, &response);
    acme->quiet = NULL;
    if (posted) {
        ok = take_account(acme, &response, url);
        acme_response_clear(&response);
    } else if (registration->only_existing && strcmp(acme->problem_type, "accountDoesNotExist") != 0) {
        acme_raise(acme, "%s", why);
    }
out:
    json_decref(array);
    json_decref(payload);
    return ok;
}

/* ---- what can be done with one ---- */

static int update(struct acme *acme, const char *what, json_t *payload)
{
    struct acme_response response;
    int ok = acme_post(acme, what, acme->account_url, payload, &response);

    if (ok)
        acme_response_clear(&response);
    return ok;
}

int acme_account_set_contact(struct acme *acme, const char *contact)
{
    json_t *array = contacts(acme, contact), *payload;
    int ok;

    if (array == NULL)
        return 0;
    payload = json_pack("{s:o}", "contact", array);
    ok = update(acme, "the account's contacts", payload);
    json_decref(payload);
    return ok;
}

int acme_account_deactivate(struct acme *acme)
{
    json_t *payload = json_pack("{s:s}", "status", "deactivated");
    int ok = update(acme, "the account's deactivation", payload);

    json_decref(payload);
    return ok;
}

/* ---- key rollover (section 7.3.5) ---- */

/* What the new key says: which account, and which key it follows. A new reference. */
static json_t *key_change(struct acme *acme, EVP_PKEY *key, const char *url)
{
    json_t *protected = json_pack("{s:o, s:s}", "jwk", acme_jwk(acme, key), "url", url);
    json_t *payload =
        json_pack("{s:s, s:o}", "account", acme->account_url, "oldKey", acme_jwk(acme, acme->key));
    char *text = json_dumps(payload, JSON_COMPACT),
         *jws = protected != NULL && text != NULL ? acme_jws(acme, key, protected, text) : NULL;
    json_t *json = jws != NULL ? json_loads(jws, 0, NULL) : NULL;

    free(jws);
    free(text);
    json_decref(payload);
    json_decref(protected);
    return json;
}

int acme_account_change_key(struct acme *acme, EVP_PKEY *key)
{
    const struct acme_directory *directory = acme_directory(acme);
    struct acme_response response;
    json_t *payload;
    int ok;

    if (directory == NULL)
        return 0;
    if (directory->key_change == NULL)
        return acme_raise(acme, "this server does not change keys of accounts");
    if (acme_jws_algorithm(key) == NULL)
        return acme_raise(acme, "the new key is neither RSA of 2048 bits or more nor EC on P-256 or P-384");
    payload = key_change(acme, key, directory->key_change);
    ok = payload != NULL &&
         acme_post(acme, "the change of the account's key", directory->key_change, payload, &response);
    if (ok) {
        acme_response_clear(&response);
        acme->key = key;
    }
    json_decref(payload);
    return ok;
}
