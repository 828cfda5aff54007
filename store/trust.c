// SPDX-License-Identifier: Apache-2.0
/*
 * The trust folder: the trusted certificates as files for other programs. It is made anew, beside the old
 * one, whenever what it shows has changed, and takes its place by the renaming of a link: a program that
 * opens files there sees the old set or the new.
 */
#include "private.h"

#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int store_trust_touch(struct store *store)
{
    return store_run(store, "UPDATE trust SET generation = generation + 1", "");
}

int store_trust_touch_crl(struct store *store)
{
    return !store_setting_is(store, "crl-use", "yes") || store_trust_touch(store);
}

/* The generation that the folder shows; 0 if there is none. */
static int64_t written_generation(struct store *store)
{
    char path[PATH_MAX], text[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/trust/generation", store->home);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fgets(text, sizeof(text), file) == NULL)
        text[0] = '\0';
    fclose(file);
    return strtoll(text, NULL, 10);
}

/* ---- one set: bundle.pem, crl.pem, hashed/ ---- */

static int is_used_for(const char *list, const char *use)
{
    return use == NULL || store_usage_has(list, "all") || store_usage_has(list, use);
}

static int write_text(struct store *store, const char *folder, const char *name, BIO *bio)
{
    char path[PATH_MAX], *data = NULL;
    long len = BIO_get_mem_data(bio, &data);

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return store_raise(store, "%s: %s", folder, strerror(ENAMETOOLONG));
    return store_write_path(store, path, len > 0 ? data : "", (size_t)len);
}

/* A file HASH.N or HASH.rN in hashed/, as openssl-rehash(1) makes them; the PEM is in bio. */
static int write_hashed(struct store *store, const char *folder, uint32_t hash, const char *kind, BIO *bio)
{
    char hashed[PATH_MAX], name[32];
    struct stat st;
    int n;

    if (snprintf(hashed, sizeof(hashed), "%s/hashed", folder) >= (int)sizeof(hashed) - (int)sizeof(name))
        return store_raise(store, "%s: %s", folder, strerror(ENAMETOOLONG));
    for (n = 0; n < 1000; n++) {
        char path[PATH_MAX + sizeof(name)];

        snprintf(name, sizeof(name), "%08x.%s%d", hash, kind, n);
        snprintf(path, sizeof(path), "%s/%s", hashed, name);
        if (stat(path, &st) != 0)
            return write_text(store, hashed, name, bio);
    }
    return store_raise(store, "%s: too many certificates of the same name", folder);
}

/* Appends the PEM of DER to the bundle, and writes it alone into hashed/. */
static int add_pem(struct store *store, const char *folder, BIO *bundle, const char *label, const char *kind,
                   uint32_t hash, const void *der, int len)
{
    BIO *alone = BIO_new(BIO_s_mem());
    int ok = alone != NULL && PEM_write_bio(bundle, label, "", der, len) > 0 &&
             PEM_write_bio(alone, label, "", der, len) > 0 && write_hashed(store, folder, hash, kind, alone);

    BIO_free(alone);
    return ok;
}

static int add_certificates(struct store *store, const char *folder, const char *use, BIO *bundle)
{
    sqlite3_stmt *stmt =
        store_prepare(store,
                      "SELECT trust_store, subject_hash, der FROM certificate WHERE is_trusted AND "
                      "der IS NOT NULL ORDER BY id",
                      "");
    int row = -1, ok = stmt != NULL;

    while (ok && (row = store_step(store, stmt)) == 1) {
        if (is_used_for((const char *)sqlite3_column_text(stmt, 0), use))
            ok = add_pem(store, folder, bundle, "CERTIFICATE", "", (uint32_t)sqlite3_column_int64(stmt, 1),
                         sqlite3_column_blob(stmt, 2), sqlite3_column_bytes(stmt, 2));
    }
    sqlite3_finalize(stmt);
    return ok && row == 0;
}

struct crl_set {
    struct store *store;
    const char *folder;
    BIO *bundle;
    int ok;
};

static int add_crl(void *arg, struct store_crl *crl)
{
    struct crl_set *set = arg;

    /* One that nobody here has signed would only make others refuse whole chains. */
    if (store_crl_is_valid(set->store, crl))
        set->ok = add_pem(set->store, set->folder, set->bundle, "X509 CRL", "r", crl->issuer_hash, crl->der,
                          (int)crl->der_len);
    return set->ok;
}

static int add_crls(struct store *store, const char *folder, BIO *bundle)
{
    struct crl_set set = {store, folder, bundle, 1};

    return !store_setting_is(store, "crl-use", "yes") || (store_crl_each(store, add_crl, &set) && set.ok);
}

/* The system's roots, for the uses that builtin-trust-store names. */
static void add_builtin(struct store *store, const char *use, BIO *bundle)
{
    char *setting = store_setting_get(store, STORE_SETTINGS, "builtin-trust-store"), buf[4096];
    const char *uses = setting != NULL ? setting : STORE_BUILTIN_DEFAULT;
    FILE *roots = NULL;
    size_t n;

    if (use == NULL ? store_usage_has(uses, "all") : is_used_for(uses, use))
        roots = fopen(STORE_BUILTIN_ROOTS, "re");
    while (roots != NULL && (n = fread(buf, 1, sizeof(buf), roots)) > 0)
        BIO_write(bundle, buf, (int)n);
    if (roots != NULL)
        fclose(roots);
    OPENSSL_free(setting);
}

/* use NULL: the set of all. */
static int write_set(struct store *store, const char *folder, const char *use)
{
    BIO *bundle = BIO_new(BIO_s_mem()), *crls = BIO_new(BIO_s_mem());
    char hashed[PATH_MAX];
    int ok = bundle != NULL && crls != NULL &&
             snprintf(hashed, sizeof(hashed), "%s/hashed", folder) < (int)sizeof(hashed);

    if (ok && ((use != NULL && mkdir(folder, 0700) != 0) || mkdir(hashed, 0700) != 0))
        ok = store_raise(store, "folder %s can't be made: %s", hashed, strerror(errno));
    ok = ok && add_certificates(store, folder, use, bundle) && add_crls(store, folder, crls);
    if (ok) {
        add_builtin(store, use, bundle);
        ok = write_text(store, folder, "bundle.pem", bundle) && write_text(store, folder, "crl.pem", crls);
    }
    BIO_free(bundle);
    BIO_free(crls);
    return ok;
}

/* ---- the folder ---- */

static int write_folder(struct store *store, int64_t generation)
{
    char folder[PATH_MAX], path[PATH_MAX + 32];
    BIO *bio = BIO_new(BIO_s_mem());
    size_t i;
    int ok;

    if (bio == NULL ||
        snprintf(folder, sizeof(folder), "%s/.trust.XXXXXX", store->home) >= (int)sizeof(folder) - 64 ||
        mkdtemp(folder) == NULL) {
        BIO_free(bio);
        return store_raise(store, "%s/trust can't be made: %s", store->home, strerror(errno));
    }
    ok = write_set(store, folder, NULL);
    for (i = 0; ok && store_uses[i] != NULL; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, store_uses[i]);
        ok = write_set(store, path, store_uses[i]);
    }
    BIO_printf(bio, "%lld\n", (long long)generation);
    ok =
        ok && write_text(store, folder, "generation", bio) && store_swap(store, store->home, "trust", folder);
    BIO_free(bio);
    return ok;
}

/* What is committed is committed: a trust folder that can't be written now is written before the next
 * command, and its errors are the caller's warnings. */
int store_trust_write(struct store *store)
{
    int64_t generation = store_number(store, 0, "SELECT generation FROM trust", "");
    int fd;

    if (generation < 0)
        return 0;
    if (generation == written_generation(store))
        return 1;
    fd = store_swap_lock(store, LOCK_EX);
    if (fd < 0) {
        store_warn(store, "%s/.lock can't be locked: %s", store->home, strerror(errno));
        return 1;
    }
    generation = store_number(store, 0, "SELECT generation FROM trust", "");
    if (generation != written_generation(store) && !write_folder(store, generation))
        store_warn(store, "%s/trust shows what was trusted before; the next command tries again",
                   store->home);
    store_swap_sweep(store->home, ".trust.");
    close(fd);
    return 1;
}

void store_trust_sweep(struct store *store)
{
    int fd = store_swap_lock(store, LOCK_EX | LOCK_NB);

    if (fd < 0)
        return; /* whoever has the lock sweeps */
    store_swap_sweep(store->home, ".trust.");
    close(fd);
}
