// SPDX-License-Identifier: Apache-2.0
/* Renewal by a CA of this store: a new certificate in the place of the old one. As in sign.c, keys and
 * signatures are made outside the transaction. */
#include "private.h"

#include <string.h>

int store_renew_check(struct store *store, const struct store_cert *cert)
{
    const char *name = cert->text[STORE_NAME];

    if (cert->der == NULL)
        return store_raise(store, "%s is a template: sign it first", name);
    if (cert->is_authority)
        return store_raise(store, "%s is a CA: what it has issued needs it as it is", name);
    if (cert->ca == 0)
        return store_raise(store, "%s was not issued by a CA of this store", name);
    if (cert->key == 0)
        return store_raise(store, "%s has no private key here (flag K)", name);
    if (cert->revoked_at != 0)
        return store_raise(store, "%s is revoked", name);
    return 1;
}

struct renewal {
    struct store_cert *before, *ca;
    EVP_PKEY *pkey, *ca_pkey;
    char *pem; /* of a key that is new */
    X509 *x509;
};

/* Of the same kind, held by the same. */
static int make_key(struct store *store, struct renewal *renewal, int new_key)
{
    const struct store_cert *before = renewal->before;

    renewal->pkey = new_key ? store_pkey_make(store, before->text[STORE_KEY_SIZE], before->key_custody, NULL,
                                              &renewal->pem)
                            : store_cert_pkey(store, before);
    return renewal->pkey != NULL;
}

static int take_ca(struct store *store, struct renewal *renewal)
{
    if (renewal->before->ca == renewal->before->id)
        return 1;
    renewal->ca = store_cert_by_id(store, renewal->before->ca);
    return renewal->ca != NULL && store_check_ca(store, renewal->ca) &&
           (renewal->ca_pkey = store_cert_pkey(store, renewal->ca)) != NULL;
}

/* The subject and the alternative names as they are, whatever of them the record shows. */
static int sign(struct store *store, struct renewal *renewal)
{
    const struct store_cert *before = renewal->before, *ca = renewal->ca;
    struct store_enrol_options options = {.like = before->id};
    X509_REQ *request = store_request_new(store, before, renewal->pkey, &options);
    struct store_issue issue = {
        .template = before,
        .request = request,
        .pkey = renewal->pkey,
        .ca = ca,
        .ca_pkey = renewal->ca_pkey,
        .crl_host = ca != NULL ? ca->text[STORE_CA_CRL_HOST] : NULL,
        .crl_id = ca != NULL ? ca->id : 0,
        .seconds = before->not_after - before->not_before,
    };

    renewal->x509 = request != NULL ? store_issue(store, &issue) : NULL;
    X509_REQ_free(request);
    return renewal->x509 != NULL;
}

/* Nobody may have replaced or revoked it meanwhile; a new name and other trust are taken as they are. */
static int save(struct store *store, struct renewal *renewal)
{
    const struct store_cert *before = renewal->before;
    struct store_cert *now, *cert = store_template_new();
    int ok;

    if (!store_begin(store)) {
        store_cert_free(cert);
        return 0;
    }
    now = store_cert_by_id(store, before->id);
    ok = now != NULL && cert != NULL;
    if (ok &&
        (strcmp(now->text[STORE_FINGERPRINT], before->text[STORE_FINGERPRINT]) != 0 || now->revoked_at != 0))
        ok = store_raise(store, "%s was changed by another program meanwhile; try again",
                         before->text[STORE_NAME]);
    ok = ok && store_cert_describe(store, cert, renewal->x509) &&
         store_cert_set_text(cert, STORE_NAME, now->text[STORE_NAME]) &&
         store_cert_set_text(cert, STORE_TRUST_STORE, now->text[STORE_TRUST_STORE]);
    if (ok) {
        cert->id = before->id;
        cert->ca = before->ca;
        cert->is_trusted = now->is_trusted;
        cert->key =
            renewal->pem != NULL ? store_key_insert(store, renewal->pkey, renewal->pem, NULL) : before->key;
        ok = cert->key > 0 && store_previous_keep(store, cert->id) &&
             store_cert_write(store, cert, renewal->x509) && store_key_sweep(store) &&
             (!cert->is_trusted || store_trust_touch(store)) &&
             store_log(store, "certificate,info", "certificate %s renewed by %s", cert->text[STORE_NAME],
                       renewal->ca != NULL ? renewal->ca->text[STORE_NAME] : "itself");
    }
    store_cert_free(now);
    store_cert_free(cert);
    return store_end(store, ok);
}

int store_renew(struct store *store, int64_t id, int new_key)
{
    struct renewal renewal = {.before = store_cert_by_id(store, id)};
    int ok = renewal.before != NULL && store_renew_check(store, renewal.before) && take_ca(store, &renewal) &&
             make_key(store, &renewal, new_key) && sign(store, &renewal) && save(store, &renewal);

    X509_free(renewal.x509);
    store_wipe(renewal.pem);
    EVP_PKEY_free(renewal.pkey);
    EVP_PKEY_free(renewal.ca_pkey);
    store_cert_free(renewal.ca);
    store_cert_free(renewal.before);
    return ok;
}
