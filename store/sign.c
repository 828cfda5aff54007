// SPDX-License-Identifier: Apache-2.0
/* Templates become certificates. Keys and signatures are made outside the transaction that stores them: other
 * programs need not wait for a slow TPM. */
#include "private.h"

#include <string.h>

EVP_PKEY *store_template_key(struct store *store, const struct store_cert *template, char **pem)
{
    *pem = NULL;
    if (template->key != 0)
        return store_pkey_load(store, template->key);
    return store_pkey_make(store, template->text[STORE_KEY_SIZE], template->text[STORE_CUSTODY], NULL, pem);
}

int store_template_is_unchanged(struct store *store, const struct store_cert *before)
{
    struct store_cert *now = store_cert_by_id(store, before->id);
    int same =
        now != NULL && now->der == NULL && now->key == before->key && now->days_valid == before->days_valid;
    size_t i;

    if (now == NULL)
        return 0;
    for (i = 0; same && i < STORE_TEXTS; i++)
        same = strcmp(now->text[i], before->text[i]) == 0;
    store_cert_free(now);
    return same || store_raise(store, "%s was changed by another program meanwhile; try again",
                               before->text[STORE_NAME]);
}

struct store_cert *store_template_get(struct store *store, int64_t id)
{
    struct store_cert *template = store_cert_by_id(store, id);

    if (template == NULL || template->der == NULL)
        return template;
    store_raise(store, "%s is signed already", template->text[STORE_NAME]);
    store_cert_free(template);
    return NULL;
}

struct result {
    X509 *x509;
    EVP_PKEY *pkey;
    const char *pem; /* of a key that is new, or NULL */
    const struct store_cert *ca;
    const char *crl_host, *name; /* to be set, or NULL */
};

static int save(struct store *store, struct store_cert *cert, const struct result *result)
{
    const struct store_cert *ca = result->ca;
    int ok;

    if (!store_begin(store))
        return 0;
    ok = store_template_is_unchanged(store, cert) &&
         (result->crl_host == NULL || store_cert_set_text(cert, STORE_CA_CRL_HOST, result->crl_host)) &&
         (result->name == NULL || store_cert_set_text(cert, STORE_NAME, result->name));
    if (ok && result->pem != NULL)
        ok = (cert->key = store_key_insert(store, result->pkey, result->pem, NULL)) > 0;
    cert->ca = ca != NULL ? ca->id : cert->id;
    ok = ok && store_cert_describe(store, cert, result->x509) &&
         store_cert_write(store, cert, result->x509) && (!cert->is_trusted || store_trust_touch(store)) &&
         store_log(store, "certificate,info", "certificate %s signed by %s", cert->text[STORE_NAME],
                   ca != NULL ? ca->text[STORE_NAME] : "itself");
    return store_end(store, ok);
}

/* A CA that says where its CRL is has one from the beginning. */
static int first_crl(struct store *store, const struct store_cert *cert)
{
    return !cert->is_authority || *cert->text[STORE_CA_CRL_HOST] == '\0' ||
           !store_usage_has(cert->text[STORE_KEY_USAGE], "crl-sign") || store_crl_issue(store, cert->id);
}

int store_sign(struct store *store, int64_t id, int64_t ca_id, const struct store_sign_options *options)
{
    static const struct store_sign_options none;
    struct store_cert *template = store_template_get(store, id), *ca = NULL;
    EVP_PKEY *pkey = NULL, *ca_pkey = NULL;
    struct store_issue issue;
    X509 *x509 = NULL;
    char *pem = NULL;
    int ok = 0;

    if (options == NULL)
        options = &none;
    if (template == NULL || (options->name != NULL && !store_check_name(store, options->name)))
        goto out;
    if (ca_id != 0) {
        ca = store_cert_by_id(store, ca_id);
        if (ca == NULL || !store_check_ca(store, ca) || (ca_pkey = store_cert_pkey(store, ca)) == NULL)
            goto out;
    }
    pkey = store_template_key(store, template, &pem);
    if (pkey == NULL)
        goto out;
    issue = (struct store_issue){
        .template = template, .pkey = pkey, .ca = ca, .ca_pkey = ca_pkey, .seconds = options->seconds};
    /* A root is on nobody's CRL. */
    issue.crl_host = ca != NULL ? ca->text[STORE_CA_CRL_HOST] : NULL;
    issue.crl_id = ca != NULL ? ca->id : 0;
    x509 = store_issue(store, &issue);
    ok = x509 != NULL &&
         save(store, template,
              &(struct result){.x509 = x509,
                               .pkey = pkey,
                               .pem = pem,
                               .ca = ca,
                               .crl_host = options->crl_host,
                               .name = options->name}) &&
         first_crl(store, template);
out:
    store_wipe(pem);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(ca_pkey);
    store_cert_free(ca);
    store_cert_free(template);
    return ok;
}
