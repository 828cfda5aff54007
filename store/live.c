// SPDX-License-Identifier: Apache-2.0
/*
 * live/NAME/: a certificate with its chain and its key as files for a service. live/NAME is a link, which
 * leads to a new folder as soon as that is complete: the two files always belong together.
 */
#include "private.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX ".live."

char *store_live_path(struct store *store, const char *name)
{
    size_t size = strlen(store->home) + strlen("/live/") + strlen(name) + 1;
    char *path;

    /* No certificate is called so that this would lead out of there; but the folder has a key. */
    if (*name != '\0' && !store_check_name(store, name))
        return NULL;
    path = OPENSSL_malloc(size);
    if (path == NULL)
        store_raise(store, "out of memory");
    else
        snprintf(path, size, "%s/live%s%s", store->home, *name != '\0' ? "/" : "", name);
    return path;
}

int store_live_is_there(struct store *store, const char *name)
{
    char *path = store_live_path(store, name);
    struct stat st;
    int is = path != NULL && stat(path, &st) == 0;

    OPENSSL_free(path);
    return is;
}

/* ---- what is in it ---- */

static int write_file(struct store *store, const char *folder, const char *name, const void *data, size_t len)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return store_raise(store, "%s: %s", folder, strerror(ENAMETOOLONG));
    return store_write_path(store, path, data, len);
}

static int write_chain(struct store *store, const struct store_cert *cert, const char *folder)
{
    STACK_OF(X509) *chain = store_cert_chain(store, cert);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    int i, ok = chain != NULL && bio != NULL;

    for (i = 0; ok && i < sk_X509_num(chain); i++)
        ok = PEM_write_bio_X509(bio, sk_X509_value(chain, i));
    if (ok) {
        long len = BIO_get_mem_data(bio, &data);

        ok = write_file(store, folder, "fullchain.pem", data, (size_t)len);
    } else if (chain != NULL) {
        store_raise_ssl(store, "the chain of %s can't be written", cert->text[STORE_NAME]);
    }
    BIO_free(bio);
    sk_X509_pop_free(chain, X509_free);
    return ok;
}

static int write_key(struct store *store, const struct store_cert *cert, const char *folder)
{
    sqlite3_stmt *stmt = store_prepare(store, "SELECT pem FROM key WHERE id = ?", "i", cert->key);
    int row = stmt != NULL ? store_step(store, stmt) : -1, ok = 0;

    if (row == 1)
        ok = write_file(store, folder, "key.pem", sqlite3_column_text(stmt, 0),
                        (size_t)sqlite3_column_bytes(stmt, 0));
    else if (row == 0)
        store_raise(store, "%s has no private key here (flag K)", cert->text[STORE_NAME]);
    sqlite3_finalize(stmt);
    return ok;
}

/* ---- the folder ---- */

static int make_folder(struct store *store, const char *parent, char *folder, size_t size)
{
    if ((mkdir(parent, 0700) == 0 || errno == EEXIST) &&
        snprintf(folder, size, "%s/" PREFIX "XXXXXX", parent) < (int)size && mkdtemp(folder) != NULL)
        return 1;
    return store_raise(store, "%s can't be written: %s", parent, strerror(errno));
}

int store_live_write(struct store *store, int64_t id)
{
    struct store_cert *cert = store_cert_by_id(store, id);
    char *parent = store_live_path(store, ""), folder[PATH_MAX];
    int fd = -1, ok = 0;

    if (cert == NULL || parent == NULL || !store_check_name(store, cert->text[STORE_NAME]))
        goto out;
    fd = store_swap_lock(store, LOCK_EX);
    if (fd < 0) {
        store_raise(store, "%s/.lock can't be locked: %s", store->home, strerror(errno));
        goto out;
    }
    ok = make_folder(store, parent, folder, sizeof(folder)) && write_chain(store, cert, folder) &&
         write_key(store, cert, folder) && store_swap(store, parent, cert->text[STORE_NAME], folder);
    store_swap_sweep(parent, PREFIX);
out:
    if (fd >= 0)
        close(fd);
    OPENSSL_free(parent);
    store_cert_free(cert);
    return ok;
}

int store_live_remove(struct store *store, const char *name)
{
    char *parent = store_live_path(store, ""), *path = store_live_path(store, name);
    int fd = parent != NULL && path != NULL ? store_swap_lock(store, LOCK_EX) : -1;
    int ok = fd >= 0 && (unlink(path) == 0 || errno == ENOENT);

    if (ok)
        store_swap_sweep(parent, PREFIX);
    else if (path != NULL)
        store_raise(store, "%s can't be removed: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    OPENSSL_free(path);
    OPENSSL_free(parent);
    return ok;
}

void store_live_sweep(struct store *store)
{
    char *parent = store_live_path(store, "");
    DIR *dir = parent != NULL ? opendir(parent) : NULL;
    int fd = dir != NULL ? store_swap_lock(store, LOCK_EX | LOCK_NB) : -1;
    struct dirent *entry;

    while (fd >= 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' &&
            store_number(store, 0, "SELECT 1 FROM certificate WHERE name = ?", "t", entry->d_name) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (fd >= 0) {
        store_swap_sweep(parent, PREFIX);
        close(fd);
    }
    if (dir != NULL)
        closedir(dir);
    OPENSSL_free(parent);
}
