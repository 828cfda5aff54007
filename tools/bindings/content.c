// SPDX-License-Identifier: Apache-2.0
/* What the files of a service are to hold. */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <openssl/pem.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int put_chain(BIO *bio, struct store *store, const struct store_cert *cert, enum content content)
{
    STACK_OF(X509) *chain = store_cert_chain(store, cert);
    int first = content == CONTENT_CHAIN, ok = chain != NULL, i;
    int end = !ok ? 0 : content == CONTENT_CERTIFICATE ? 1 : sk_X509_num(chain);

    for (i = first; ok && i < end; i++)
        ok = PEM_write_bio_X509(bio, sk_X509_value(chain, i));
    sk_X509_pop_free(chain, X509_free);
    return ok;
}

static int put_key(BIO *bio, struct store *store, const struct store_cert *cert)
{
    struct store_key *key = store_key_get(store, cert->text[STORE_NAME]);
    int ok = key != NULL && BIO_puts(bio, key->pem) > 0;

    store_key_free(key);
    return ok;
}

/* What is trusted; the folder is anew at each change, so it may go while it is looked for. */
static int put_bundle(BIO *bio, struct store *store, const char *use, char *why, size_t size)
{
    char path[PATH_MAX], data[8192];
    ssize_t n = -1;
    int fd, try;

    snprintf(path, sizeof(path), "%s/trust%s%s/bundle.pem", store_home(store), *use != '\0' ? "/" : "", use);
    for (try = 0, fd = -1; fd < 0 && try < 3; try++)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, data, sizeof(data))) > 0 && BIO_write(bio, data, (int)n) == (int)n)
        ;
    if (n != 0)
        snprintf(why, size, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return n == 0;
}

/* ---- CRLs ---- */

#define CAS_MAX 32

struct without_crl {
    struct store *store;
    int64_t ids[CAS_MAX];
    size_t count;
};

static int collect_ca(void *arg, struct store_cert *cert)
{
    struct without_crl *without = arg;

    if (cert->is_trusted && strstr(cert->text[STORE_KEY_USAGE], "crl-sign") != NULL &&
        (store_cert_flags(without->store, cert) & STORE_CRL) == 0)
        without->ids[without->count++] = cert->id;
    return without->count < CAS_MAX;
}

/* Whoever checks CRLs lets nobody in while there is none: a CA of this store signs its first. */
static int issue_first(struct store *store)
{
    struct without_crl without = {.store = store};
    int ok = store_cert_each(store, &(struct store_query){.is_local_ca = 1}, collect_ca, &without);
    size_t i;

    for (i = 0; ok && i < without.count; i++)
        ok = store_crl_issue(store, without.ids[i]);
    return ok;
}

struct crls {
    struct store *store;
    BIO *bio;
    int ok;
};

static int put_crl(void *arg, struct store_crl *crl)
{
    struct crls *crls = arg;
    const unsigned char *der = crl->der;
    X509_CRL *parsed;

    if (crl->der == NULL || !store_crl_is_valid(crls->store, crl))
        return 1;
    parsed = d2i_X509_CRL(NULL, &der, (long)crl->der_len);
    crls->ok = parsed != NULL && PEM_write_bio_X509_CRL(crls->bio, parsed);
    X509_CRL_free(parsed);
    return crls->ok;
}

/* All that are good, whatever the setting crl-use says: the service's file asks for them. */
static int put_crls(BIO *bio, struct store *store)
{
    struct crls crls = {store, bio, 1};

    return issue_first(store) && store_crl_each(store, put_crl, &crls) && crls.ok;
}

static int put_text(BIO *bio, const struct values *values, const char *text)
{
    char *expanded = values_expand(values, text);
    int ok = expanded != NULL && (*expanded == '\0' || BIO_puts(bio, expanded) > 0);

    OPENSSL_free(expanded);
    return ok;
}

static int put(BIO *bio, struct store *store, const struct store_cert *cert, const struct file_rule *rule,
               const struct values *values, char *why, size_t size)
{
    switch (rule->content) {
    case CONTENT_TRUST:
    case CONTENT_CRL:
    case CONTENT_TRUST_CRL:
        return (rule->content == CONTENT_CRL || put_bundle(bio, store, rule->use, why, size)) &&
               (rule->content == CONTENT_TRUST || put_crls(bio, store));
    case CONTENT_TEXT:
        return put_text(bio, values, rule->text);
    default:
        break;
    }
    if (cert == NULL) {
        snprintf(why, size, "there is no certificate: certificate=…");
        return 0;
    }
    return (rule->content == CONTENT_KEY || put_chain(bio, store, cert, rule->content)) &&
           ((rule->content != CONTENT_KEY && rule->content != CONTENT_COMBINED) || put_key(bio, store, cert));
}

static int take_owner(struct new_file *file, const struct file_rule *rule, const struct values *values,
                      char *why, size_t size)
{
    char *owner = rule->owner != NULL ? values_expand(values, rule->owner) : NULL;
    char *group = rule->group != NULL ? values_expand(values, rule->group) : NULL;
    const struct passwd *user = owner != NULL ? getpwnam(owner) : NULL;
    const struct group *members = group != NULL ? getgrnam(group) : NULL;
    int ok = (rule->owner == NULL || user != NULL) && (rule->group == NULL || members != NULL);

    file->owner = user != NULL ? user->pw_uid : (uid_t)-1;
    file->group = members != NULL ? members->gr_gid : (gid_t)-1;
    if (!ok)
        snprintf(why, size, "there is no %s %.64s", rule->owner != NULL && user == NULL ? "user" : "group",
                 rule->owner != NULL && user == NULL ? owner : group);
    OPENSSL_free(owner);
    OPENSSL_free(group);
    return ok;
}

static int add(struct plan *plan, struct store *store, const struct store_cert *cert,
               const struct file_rule *rule, const struct values *values, char *why, size_t size)
{
    struct new_file *file = &plan->files[plan->count];
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long len;
    int ok = 0;

    *file = (struct new_file){.mode = rule->mode, .path = values_expand(values, rule->path)};
    if (bio == NULL || file->path == NULL)
        goto out;
    if (!value_is_good(VALUE_PATH, file->path)) {
        snprintf(why, size, "%.200s: not an absolute path", file->path);
        goto out;
    }
    if (!take_owner(file, rule, values, why, size) || !put(bio, store, cert, rule, values, why, size))
        goto out;
    len = BIO_get_mem_data(bio, &data);
    file->data = OPENSSL_malloc((size_t)len + 1);
    if (file->data == NULL)
        goto out;
    if (len > 0)
        memcpy(file->data, data, (size_t)len);
    file->data[len] = '\0';
    file->len = (size_t)len;
    ok = 1;
out:
    if (ok)
        plan->count++;
    else
        OPENSSL_free(file->path);
    BIO_free(bio); /* wiped */
    return ok;
}

int plan_make(struct plan *plan, struct store *store, const struct store_cert *cert,
              const struct values *values, char *why, size_t size)
{
    const struct service *service = values->service;
    size_t i;

    for (i = 0; i < service->files_count; i++) {
        if (!add(plan, store, cert, &service->files[i], values, why, size))
            return 0;
    }
    return 1;
}

int plan_make_empty(struct plan *plan, struct store *store, const struct values *values, char *why,
                    size_t size)
{
    const struct service *service = values->service;
    static char nothing[] = "";
    size_t i;

    for (i = 0; i < service->files_count; i++) {
        struct file_rule rule = service->files[i];
        char *path = rule.content == CONTENT_TEXT ? values_expand(values, rule.path) : NULL;
        int is_there = path != NULL && access(path, F_OK) == 0;

        OPENSSL_free(path);
        rule.text = nothing;
        if (is_there && !add(plan, store, NULL, &rule, values, why, size))
            return 0;
    }
    return 1;
}
