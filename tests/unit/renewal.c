// SPDX-License-Identifier: Apache-2.0
/* What is due and when, what is said before a certificate ends, and what is kept until a new one is proved.
 */
#include "tools/renewal/renewal.h"

#include "store/private.h"
#include "tools/bindings/bindings.h"
#include "unit.h"

#include <ftw.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400

static char folder[200], last[1024];
static OSSL_LIB_CTX *libctx;
static struct store *store;
static int errors, proofs, is_proved = 1, cancels_proof, cancelled;

/* In the place of the one that asks services. */
int renewal_prove(struct managed_host *host, int64_t certificate)
{
    (void)host;
    (void)certificate;
    proofs++;
    cancelled = cancels_proof;
    return is_proved;
}

static void on_error(void *arg, const char *text)
{
    (void)arg;
    errors++;
    snprintf(last, sizeof(last), "%s", text);
}

static int on_progress(void *arg, const char *text)
{
    (void)arg;
    (void)text;
    return 1;
}

static void on_step(void *arg, const char *text)
{
    on_progress(arg, text);
}

static int is_cancelled(void *arg)
{
    (void)arg;
    return cancelled;
}

static const char *last_error(void *arg)
{
    (void)arg;
    return last;
}

static OSSL_LIB_CTX *on_crypto(void *arg)
{
    (void)arg;
    return libctx;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static struct managed_host host(void)
{
    return (struct managed_host){store, libctx, on_error, on_step, is_cancelled, last_error, NULL};
}

/* ---- a store ---- */

static int64_t add(const char *name, const char *usage, int64_t ca, int64_t seconds)
{
    struct store_cert *cert = store_template_new();
    struct store_sign_options options = {.seconds = seconds};
    int64_t id = 0;

    if (store_cert_set_text(cert, STORE_NAME, name) && store_cert_set_text(cert, STORE_COMMON_NAME, name) &&
        store_cert_set_text(cert, STORE_SUBJECT_ALT_NAME, "DNS:www.example.com,IP:192.0.2.1") &&
        store_cert_set_text(cert, STORE_KEY_USAGE, usage) &&
        store_cert_set_text(cert, STORE_KEY_SIZE, "prime256v1") &&
        store_cert_set_text(cert, STORE_CUSTODY, "file") && store_template_add(store, cert) &&
        store_sign(store, cert->id, ca, &options))
        id = cert->id;
    store_cert_free(cert);
    CU_ASSERT_FATAL(id != 0);
    return id;
}

static struct store_cert *get(int64_t id)
{
    struct store_cert *cert = store_cert_get(store, &(struct store_query){.id = id});

    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    return cert;
}

/* As if the certificate had been made so long ago; what the store knows of it, not what it says itself. */
static void age(int64_t id, int64_t seconds)
{
    CU_ASSERT(store_run(store,
                        "UPDATE certificate SET not_before = not_before - ?, not_after = not_after - ? "
                        "WHERE id = ?",
                        "iii", seconds, seconds, id));
}

static int64_t next_due(void)
{
    int64_t next = -1;

    CU_ASSERT(renewal_next(store, (int64_t)time(NULL), &next));
    return next;
}

/* ---- times ---- */

static void steps(void)
{
    static const int64_t days[] = {30, 14, 7, 3, 1, 0};
    const int64_t begin = 1800000000, year = 365 * DAY;
    int step;

    for (step = 0; step < RENEWAL_STEPS; step++) {
        int64_t at = renewal_warn_at(begin, begin + year, step);

        CU_ASSERT_EQUAL(at, begin + year - days[step] * DAY);
        CU_ASSERT_EQUAL(renewal_warn_steps(begin, begin + year, at - 1), step);
        CU_ASSERT_EQUAL(renewal_warn_steps(begin, begin + year, at), step + 1);
    }
    CU_ASSERT_EQUAL(renewal_warn_steps(begin, begin + year, INT64_MAX), RENEWAL_STEPS);
    /* Of a life of ninety minutes: 30 minutes before its end, 15, … */
    CU_ASSERT_EQUAL(renewal_warn_at(begin, begin + 5400, 0), begin + 3600);
    CU_ASSERT_EQUAL(renewal_warn_at(begin, begin + 5400, 1), begin + 4500);
    CU_ASSERT_EQUAL(renewal_warn_at(begin, begin + 5400, 5), begin + 5400);
    /* What makes no sense has ended. */
    CU_ASSERT_EQUAL(renewal_warn_steps(begin, begin - 5, begin), RENEWAL_STEPS);
}

static void waiting(void)
{
    const int64_t now = 1800000000;

    CU_ASSERT(!managed_is_waiting(0, now) && !managed_is_waiting(now, now) &&
              managed_is_waiting(now + 1, now));
    CU_ASSERT(managed_is_waiting(now + DAY, now));
    /* Noted when the clock was years ahead. */
    CU_ASSERT(!managed_is_waiting(now + 300LL * DAY, now));
}

/* ---- what is due ---- */

static void due(void)
{
    struct managed_host h = host();
    int64_t ca = add("ca", "key-cert-sign,crl-sign", 0, 3650LL * DAY), www, now = (int64_t)time(NULL);
    char entry[RENEWAL_NAME_MAX];
    struct store_cert *cert;
    int count = 0;

    /* The CA's own end is said 30 days before; there is nothing else. */
    cert = get(ca);
    CU_ASSERT_EQUAL(next_due(), cert->not_after - 30 * DAY);
    store_cert_free(cert);
    www = add("www", "digital-signature,tls-server", ca, 100 * DAY);
    cert = get(www);
    CU_ASSERT_EQUAL(next_due(), cert->not_after - 30 * DAY);
    CU_ASSERT(renewal_change(&h, www, "renew", "yes"));
    CU_ASSERT_EQUAL(next_due(), cert->not_before + 66 * DAY);
    CU_ASSERT(renewal_change(&h, www, "renew-percent", "50"));
    CU_ASSERT_EQUAL(next_due(), cert->not_before + 50 * DAY);
    CU_ASSERT(renewal_entry_of(store, www, entry) && renewal_is_own(entry));
    /* Its files are to be written at once. */
    CU_ASSERT(renewal_change(&h, www, "live", "yes"));
    CU_ASSERT(next_due() <= now);
    CU_ASSERT(renewal_run_local(&h, strtoll(strchr(entry, '*') + 1, NULL, 10), 0, &count) && count == 0);
    CU_ASSERT_EQUAL(next_due(), cert->not_before + 50 * DAY);
    /* After a failure it waits. */
    age(www, 60 * DAY);
    CU_ASSERT(next_due() <= now);
    CU_ASSERT(renewal_note(store, entry, "for some reason"));
    CU_ASSERT(next_due() >= now + 270 && next_due() <= now + 310);
    CU_ASSERT(renewal_note(store, entry, "for some reason"));
    CU_ASSERT(next_due() >= now + 540 && next_due() <= now + 610);
    CU_ASSERT_EQUAL(renewal_get_number(store, entry, "failures"), 2);
    CU_ASSERT(renewal_change(&h, www, "renew-percent", "60"));
    CU_ASSERT(next_due() <= now);
    /* CRLs: when three quarters are over. */
    CU_ASSERT(renewal_change(&h, www, "renew", "no"));
    CU_ASSERT(store_crl_issue(store, ca));
    CU_ASSERT(next_due() >= now + 7 * DAY / 4 * 3 && next_due() <= now + 7 * DAY / 4 * 3 + 60);
    errors = 0;
    CU_ASSERT(!renewal_change(&h, ca, "renew", "yes") && errors == 1 && strstr(last, "is a CA") != NULL);
    store_cert_free(cert);
}

/* ---- renewal ---- */

static void renewing(void)
{
    int64_t ca = add("renewing-ca", "key-cert-sign,crl-sign", 0, 0),
            id = add("renewed", "digital-signature,tls-server", ca, 3 * DAY + 7);
    struct store_cert *before = get(id), *now;

    CU_ASSERT(store_renew(store, id, 0));
    now = get(id);
    CU_ASSERT_STRING_NOT_EQUAL(now->text[STORE_FINGERPRINT], before->text[STORE_FINGERPRINT]);
    CU_ASSERT_STRING_EQUAL(now->text[STORE_NAME], "renewed");
    CU_ASSERT_STRING_EQUAL(now->text[STORE_SUBJECT], before->text[STORE_SUBJECT]);
    CU_ASSERT_STRING_EQUAL(now->text[STORE_SUBJECT_ALT_NAME], before->text[STORE_SUBJECT_ALT_NAME]);
    CU_ASSERT_STRING_EQUAL(now->text[STORE_KEY_USAGE], before->text[STORE_KEY_USAGE]);
    CU_ASSERT_EQUAL(now->not_after - now->not_before, 3 * DAY + 7);
    CU_ASSERT(now->key == before->key && now->ca == ca && now->not_before >= before->not_before);
    CU_ASSERT_EQUAL(store_previous_is_there(store, id), 1);
    store_cert_free(now);
    /* Again, with another key, before anybody has proved the first: what has worked stays. */
    CU_ASSERT(store_renew(store, id, 1));
    now = get(id);
    CU_ASSERT(now->key != before->key);
    store_cert_free(now);
    CU_ASSERT(store_previous_restore(store, id));
    now = get(id);
    CU_ASSERT_STRING_EQUAL(now->text[STORE_FINGERPRINT], before->text[STORE_FINGERPRINT]);
    CU_ASSERT(now->key == before->key && now->ca == ca);
    CU_ASSERT_EQUAL(store_previous_is_there(store, id), 0);
    store_cert_free(now);
    errors = 0;
    CU_ASSERT(!store_previous_restore(store, id) && errors == 1);
    /* The old key goes when it is not needed any more. */
    CU_ASSERT(store_renew(store, id, 1));
    CU_ASSERT_EQUAL(store_number(store, 0, "SELECT count(*) FROM key WHERE id = ?", "i", before->key), 1);
    CU_ASSERT(store_previous_drop(store, id));
    CU_ASSERT_EQUAL(store_number(store, 0, "SELECT count(*) FROM key WHERE id = ?", "i", before->key), 0);
    CU_ASSERT(store_revoke(store, id, "superseded"));
    errors = 0;
    CU_ASSERT(!store_renew(store, id, 0) && errors == 1 && strstr(last, "is revoked") != NULL);
    store_cert_free(before);
}

/* What no service serves does not stay. */
static void proving(void)
{
    struct managed_host h = host();
    int64_t ca = add("proving-ca", "key-cert-sign,crl-sign", 0, 0),
            id = add("proved", "digital-signature,tls-server", ca, 30 * DAY);
    struct store_cert *before, *now;
    char entry[RENEWAL_NAME_MAX];
    int64_t entry_id;
    int count = 0;

    CU_ASSERT(renewal_change(&h, id, "renew", "yes") && renewal_change(&h, id, "reuse-key", "no") &&
              renewal_change(&h, id, "live", "yes") && renewal_entry_of(store, id, entry));
    entry_id = strtoll(strchr(entry, '*') + 1, NULL, 10);
    CU_ASSERT(renewal_run_local(&h, entry_id, 0, &count) && count == 0 &&
              store_live_is_there(store, "proved"));
    before = get(id);
    is_proved = 0;
    proofs = errors = 0;
    CU_ASSERT(!renewal_run_local(&h, entry_id, 1, &count) && count == 1 && proofs >= 1);
    CU_ASSERT(strstr(last, "the one before is back") != NULL);
    now = get(id);
    CU_ASSERT_STRING_EQUAL(now->text[STORE_FINGERPRINT], before->text[STORE_FINGERPRINT]);
    CU_ASSERT_EQUAL(now->key, before->key);
    store_cert_free(now);
    CU_ASSERT_EQUAL(store_previous_is_there(store, id), 0);
    CU_ASSERT_EQUAL(renewal_get_number(store, entry, "failures"), 1);
    CU_ASSERT(renewal_get_number(store, entry, "next-try") > (int64_t)time(NULL) + 200);
    CU_ASSERT(renewal_is(store, entry, "deploy-pending", ""));
    is_proved = 1;
    CU_ASSERT(renewal_run_local(&h, entry_id, 1, &count) && count == 2);
    now = get(id);
    CU_ASSERT_STRING_NOT_EQUAL(now->text[STORE_FINGERPRINT], before->text[STORE_FINGERPRINT]);
    CU_ASSERT(renewal_is(store, entry, "last-error", "") && renewal_is(store, entry, "failures", ""));
    CU_ASSERT_EQUAL(store_previous_is_there(store, id), 0);
    store_cert_free(before);
    before = now;
    /* Cancelled in between: neither proved nor failed, and it goes on later. */
    is_proved = 0;
    cancels_proof = 1;
    CU_ASSERT(!renewal_run_local(&h, entry_id, 1, &count));
    now = get(id);
    CU_ASSERT_STRING_NOT_EQUAL(now->text[STORE_FINGERPRINT], before->text[STORE_FINGERPRINT]);
    CU_ASSERT_EQUAL(store_previous_is_there(store, id), 1);
    CU_ASSERT(renewal_deploy_is_due(store, entry, now));
    is_proved = 1;
    cancels_proof = cancelled = 0;
    CU_ASSERT(renewal_deploy(&h, entry, id));
    CU_ASSERT_EQUAL(store_previous_is_there(store, id), 0);
    store_cert_free(now);
    store_cert_free(before);
}

/* ---- bindings ---- */

/* A binding that a process was killed over is due at once; with a failure, after its wait; off, never. */
static void bindings(void)
{
    struct bindings_host h = {store, on_error, on_step, is_cancelled, NULL};
    char path[300], menu[100];
    int64_t id, wait = (int64_t)time(NULL) + 300, before = next_due();
    char text[24];

    CU_ASSERT_FATAL(before != 0);
    CU_ASSERT_FATAL(bindings_keep(&h, "renewal", "nginx", 0, "", 0, &id));
    CU_ASSERT_EQUAL(next_due(), before);
    snprintf(path, sizeof(path), "%s/bindings-old", folder);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/bindings-old/%d", folder, (int)id);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(next_due(), 0);
    snprintf(menu, sizeof(menu), BINDINGS_MENU "*%d", (int)id);
    snprintf(text, sizeof(text), "%lld", (long long)wait);
    CU_ASSERT(store_setting_set(store, menu, binding_names[BINDING_STATUS], BINDING_FAILED, 0) &&
              store_setting_set(store, menu, binding_names[BINDING_NEXT_TRY], text, 0));
    CU_ASSERT_EQUAL(next_due(), before < wait ? before : wait);
    CU_ASSERT(bindings_keep(&h, "renewal", "nginx", 0, "", 1, &id));
    CU_ASSERT_EQUAL(next_due(), before);
    CU_ASSERT_EQUAL(rmdir(path), 0);
}

/* ---- warnings ---- */

static int is_said(void *arg, int64_t id, int64_t when, const char *topics, const char *message)
{
    int *said = arg;

    (void)id;
    (void)when;
    *said += strcmp(topics, "certificate,warning") == 0 && (strstr(message, "certificate ending ") != NULL ||
                                                            strstr(message, "certificate a partner") != NULL);
    return 1;
}

static int said(void)
{
    int count = 0;

    CU_ASSERT(renewal_warn(store, (int64_t)time(NULL)) && store_log_each(store, is_said, &count));
    return count;
}

static void warnings(void)
{
    struct managed_host h = host();
    int64_t ca = add("warning-ca", "key-cert-sign,crl-sign", 0, 0),
            id = add("ending", "digital-signature,tls-server", ca, 300 * DAY);
    char entry[RENEWAL_NAME_MAX];

    CU_ASSERT_EQUAL(said(), 0);
    age(id, 271 * DAY); /* 29 are left */
    CU_ASSERT_EQUAL(said(), 1);
    CU_ASSERT_EQUAL(said(), 1);
    age(id, 23 * DAY); /* 6: two steps, one line */
    CU_ASSERT_EQUAL(said(), 2);
    CU_ASSERT_EQUAL(said(), 2);
    /* What is renewed says so itself, unless that fails. */
    age(id, 4 * DAY);
    CU_ASSERT(renewal_change(&h, id, "renew", "yes"));
    CU_ASSERT_EQUAL(said(), 2);
    CU_ASSERT(renewal_entry_of(store, id, entry) && renewal_note(store, entry, "the TPM is gone"));
    CU_ASSERT_EQUAL(said(), 3);
    age(id, 3 * DAY);
    CU_ASSERT_EQUAL(said(), 4);
    CU_ASSERT_EQUAL(said(), 4);
    /* A new one begins anew. */
    CU_ASSERT(store_run(store, "DELETE FROM setting WHERE menu LIKE '/certificate/renewal%'", ""));
    age(id, -300 * DAY);
    CU_ASSERT_EQUAL(said(), 4);
    age(id, 299 * DAY);
    CU_ASSERT_EQUAL(said(), 5);
}

/* What was imported without its key: of CAs that are trusted, as nothing here can renew them. */
static void trusted(void)
{
    int64_t ca = add("a partner's CA", "key-cert-sign,crl-sign", 0, 300 * DAY),
            leaf = add("a partner", "digital-signature,tls-client", ca, 300 * DAY);
    int before = said();

    CU_ASSERT(store_run(store, "UPDATE certificate SET key = NULL WHERE id IN (?, ?)", "ii", ca, leaf));
    CU_ASSERT(store_run(store, "UPDATE certificate SET is_trusted = 1 WHERE id = ?", "i", leaf));
    age(ca, 280 * DAY);
    age(leaf, 280 * DAY);
    CU_ASSERT_EQUAL(said(), before);
    CU_ASSERT(store_run(store, "UPDATE certificate SET is_trusted = 1 WHERE id = ?", "i", ca));
    CU_ASSERT_EQUAL(said(), before + 1);
    CU_ASSERT_EQUAL(said(), before + 1);
    age(ca, 21 * DAY); /* it has ended */
    CU_ASSERT_EQUAL(said(), before + 2);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"steps", steps},       {"waiting", waiting},     {"what is due", due},
                                  {"renewing", renewing}, {"proving", proving},     {"bindings", bindings},
                                  {"warnings", warnings}, {"trusted CAs", trusted}, CU_TEST_INFO_NULL};
    struct store_config config = {
        .home = folder, .crypto = on_crypto, .error = on_error, .warn = on_error, .progress = on_progress};
    OSSL_PROVIDER *provider;
    int status;

    snprintf(folder, sizeof(folder), "%s/unit-renewal-XXXXXX", P_tmpdir);
    libctx = OSSL_LIB_CTX_new();
    provider = OSSL_PROVIDER_load(libctx, "default");
    if (mkdtemp(folder) == NULL || provider == NULL || (store = store_open(&config)) == NULL)
        return 1;
    status = unit_run("renewal", tests);
    store_free(store);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
    return status;
}
