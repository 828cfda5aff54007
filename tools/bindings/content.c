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

/* A file of the trust folder; it is anew at each change, so it may go while it is looked for. */
static int put_trust(BIO *bio, struct store *store, const char *use, const char *name, char *why, size_t size)
{
    char path[PATH_MAX], data[8192];
    ssize_t n = -1;
    int fd, try;

    snprintf(path, sizeof(path), "%s/trust%s%s/%s", store_home(store), *use != '\0' ? "/" : "", use, name);
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
        return (rule->content == CONTENT_CRL || put_trust(bio, store, rule->use, "bundle.pem", why, size)) &&
               (rule->content == CONTENT_TRUST || put_trust(bio, store, rule->use, "crl.pem", why, size));
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
