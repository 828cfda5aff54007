// SPDX-License-Identifier: Apache-2.0
/* Requests of others and passwords for one enrolment, in a store of their own. */
#include "store/private.h"

#include "unit.h"

#include <ftw.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char folder[200];
static OSSL_LIB_CTX *libctx;
static EVP_PKEY *pkey;
static struct store *store;
static int errors;
static char text[1024];

static void on_error(void *arg, const char *what)
{
    (void)arg;
    errors++;
    snprintf(text, sizeof(text), "%s", what);
}

static int on_progress(void *arg, const char *what)
{
    (void)arg;
    (void)what;
    return 1;
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

/* ---- requests ---- */

/* PKCS #10, DER, the caller's. subject: "CN=a/CN=b"; zero_at: where in the first name a zero goes, or 0. */
static unsigned char *request(const char *subject, const char *alt_names, size_t zero_at, size_t *len)
{
    X509_REQ *req = X509_REQ_new_ex(libctx, NULL);
    X509_NAME *name = X509_REQ_get_subject_name(req);
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    EVP_MD *md = EVP_MD_fetch(libctx, "SHA256", NULL);
    char copy[1024], *rest = copy, *part, *value;
    unsigned char *der = NULL;

    OPENSSL_strlcpy(copy, subject, sizeof(copy));
    while ((part = strsep(&rest, "/")) != NULL && (value = strchr(part, '=')) != NULL) {
        int n;

        *value++ = '\0';
        n = (int)strlen(value);
        if (zero_at > 0)
            value[zero_at] = '\0';
        X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (unsigned char *)value, n, -1, 0);
        zero_at = 0;
    }
    if (alt_names != NULL)
        sk_X509_EXTENSION_push(extensions,
                               X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, (char *)alt_names));
    X509_REQ_add_extensions(req, extensions);
    X509_REQ_set_pubkey(req, pkey);
    CU_ASSERT_FATAL(X509_REQ_sign(req, pkey, md) > 0);
    *len = (size_t)i2d_X509_REQ(req, &der);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    EVP_MD_free(md);
    X509_REQ_free(req);
    return der;
}

static int incoming_of(struct store_incoming *incoming, const char *subject, const char *alt_names,
                       size_t zero_at)
{
    char why[200] = "";
    size_t len;
    unsigned char *der = request(subject, alt_names, zero_at, &len);
    int ok;

    *incoming = (struct store_incoming){0};
    ok = store_incoming_parse(store, der, len, incoming, why, sizeof(why));
    if (!ok)
        fprintf(stderr, "\n%s\n", why);
    OPENSSL_free(der);
    return ok;
}

static void parsing(void)
{
    struct store_incoming incoming = {0};
    char why[200];
    size_t len, i;
    unsigned char *der = request("CN=device", "DNS:device.example.com,IP:192.0.2.1", 0, &len), *more;

    CU_ASSERT(store_incoming_parse(store, der, len, &incoming, why, sizeof(why)));
    CU_ASSERT_STRING_EQUAL(incoming.subject, "CN=device");
    CU_ASSERT_STRING_EQUAL(incoming.subject_alt_name, "DNS:device.example.com,IP:192.0.2.1");
    CU_ASSERT_EQUAL(strlen(incoming.key_fingerprint), 64);
    store_incoming_clear(&incoming);
    for (i = 0; i < len; i += 11)
        CU_ASSERT(!store_incoming_parse(store, der, i, &incoming, why, sizeof(why)));
    more = OPENSSL_zalloc(len + 1);
    memcpy(more, der, len);
    CU_ASSERT(!store_incoming_parse(store, more, len + 1, &incoming, why, sizeof(why)));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "no certificate request"));
    der[len - 1] ^= 1;
    CU_ASSERT(!store_incoming_parse(store, der, len, &incoming, why, sizeof(why)));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "signature"));
    CU_ASSERT(incoming.subject == NULL && incoming.request == NULL);
    CU_ASSERT(errors == 0 && ERR_peek_error() == 0);
    OPENSSL_free(more);
    OPENSSL_free(der);
}

static int matches(const char *patterns, const char *subject, const char *alt_names, size_t zero_at)
{
    struct store_incoming incoming;
    char which[64] = "";
    int ok;

    CU_ASSERT_FATAL(incoming_of(&incoming, subject, alt_names, zero_at));
    ok = store_incoming_matches(&incoming, patterns, which, sizeof(which));
    CU_ASSERT(ok || *which != '\0');
    store_incoming_clear(&incoming);
    return ok;
}

static void patterns(void)
{
    CU_ASSERT(matches("device", "CN=device", NULL, 0));
    CU_ASSERT(matches("CN=device", "CN=device", NULL, 0));
    CU_ASSERT(matches("*.example.com", "CN=A.Example.COM", "DNS:b.example.com", 0));
    CU_ASSERT(matches("a,b", "CN=a", "DNS:b", 0));
    CU_ASSERT(matches("a,192.0.2.*,2001:db8::1", "CN=a", "IP:192.0.2.9,IP:2001:db8::1", 0));
    CU_ASSERT(matches("a,email:*@example.com", "CN=a", "email:x@example.com", 0));
    CU_ASSERT(matches("a", "O=any/CN=a", NULL, 0));
    CU_ASSERT(matches("CN=a,O=any", "O=any/CN=a", NULL, 0));
    CU_ASSERT(matches("a", "O=any", "DNS:a", 0));

    CU_ASSERT(!matches("device", "CN=device2", NULL, 0));
    CU_ASSERT(!matches("device", "CN=device", "DNS:boss", 0));
    CU_ASSERT(!matches("device", "CN=boss", "DNS:device", 0));
    CU_ASSERT(!matches("device", "CN=device/CN=boss", NULL, 0));
    CU_ASSERT(!matches("device", "CN=device/emailAddress=boss@example.com", NULL, 0));
    CU_ASSERT(!matches("device*", "CN=device", "otherName:1.2.3.4;UTF8:device", 0));
    CU_ASSERT(!matches("*", "CN=device", "RID:1.2.3.4", 0));
    CU_ASSERT(!matches("DNS:a", "CN=b", "URI:a", 0));
    CU_ASSERT(!matches("device", "O=device", NULL, 0));
    CU_ASSERT(!matches("*", "O=device", NULL, 0));
    CU_ASSERT(!matches("device", "CN=device,boss", NULL, 0));
    /* As seen by a reader in C: "device". */
    CU_ASSERT(!matches("device", "CN=device-boss", NULL, 6));
    CU_ASSERT(!matches("device*", "CN=device-boss", NULL, 6));
    CU_ASSERT(!matches(",,", "CN=device", NULL, 0));
}

static int add(const char *subject, const char *transaction, int64_t expires, int64_t limit, int64_t *id)
{
    struct store_incoming incoming;
    int ok;

    CU_ASSERT_FATAL(incoming_of(&incoming, subject, NULL, 0));
    incoming.entry = 1;
    incoming.transaction_id = OPENSSL_strdup(transaction);
    incoming.address = OPENSSL_strdup("192.0.2.1");
    incoming.expires = expires;
    ok = store_incoming_add(store, &incoming, limit, 3);
    *id = incoming.id;
    store_incoming_clear(&incoming);
    return ok;
}

static int count(void *arg, struct store_incoming *incoming)
{
    (void)incoming;
    ++*(int *)arg;
    return 1;
}

static void requests(void)
{
    const int64_t later = (int64_t)time(NULL) + 60;
    struct store_incoming *incoming;
    int64_t id, again;
    int n = 0;

    CU_ASSERT(add("CN=a", "t1", later, 2, &id));
    CU_ASSERT(add("CN=a", "t1", later, 2, &again)); /* the same */
    CU_ASSERT_EQUAL(again, id);
    CU_ASSERT(!add("CN=b", "t1", later, 2, &again)); /* another of the same transaction and key */
    CU_ASSERT(errors == 1);
    CU_ASSERT(add("CN=b", "t2", later - 120, 2, &again));
    CU_ASSERT(!add("CN=c", "t3", later, 2, &again));
    CU_ASSERT(errors == 2 && strstr(text, "2 requests are pending already") != NULL);
    CU_ASSERT(add("CN=c", "t3", later - 120, 9, &again));
    CU_ASSERT(!add("CN=d", "t4", later, 9, &again));
    CU_ASSERT(errors == 3 && strstr(text, "3 requests of 192.0.2.1 are pending already") != NULL);
    errors = 0;
    incoming = store_incoming_get(store, id, 0, NULL, NULL);
    CU_ASSERT_FATAL(incoming != NULL);
    CU_ASSERT_STRING_EQUAL(incoming->status, "pending");
    CU_ASSERT_PTR_NULL(store_incoming_get(store, 0, 1, "t1", "another key"));
    CU_ASSERT_PTR_NULL(store_incoming_get(store, 0, 2, "t1", incoming->key_fingerprint));
    store_incoming_free(incoming);
    CU_ASSERT(store_incoming_deny(store, id, "no"));
    incoming = store_incoming_get(store, id, 0, NULL, NULL);
    CU_ASSERT_FATAL(incoming != NULL);
    CU_ASSERT_STRING_EQUAL(incoming->status, "denied");
    CU_ASSERT_STRING_EQUAL(incoming->reason, "no");
    store_incoming_free(incoming);
    CU_ASSERT(store_incoming_sweep(store, 0)); /* what has expired */
    CU_ASSERT(store_incoming_each(store, count, &n) && n == 1);
    n = 0;
    CU_ASSERT(store_incoming_sweep(store, later - 1)); /* it might have been denied just now */
    CU_ASSERT(store_incoming_each(store, count, &n) && n == 1);
    CU_ASSERT(store_incoming_sweep(store, later + 1)); /* what has been answered */
    n = 0;
    CU_ASSERT(store_incoming_each(store, count, &n) && n == 0);
    CU_ASSERT_EQUAL(errors, 0);
}

static void passwords(void)
{
    struct store_incoming device, boss;
    char any[33], bound[33], other[33];
    int64_t id;

    CU_ASSERT_FATAL(incoming_of(&device, "CN=device", NULL, 0) && incoming_of(&boss, "CN=boss", NULL, 0));
    CU_ASSERT(store_password_make(store, 5, "", any) && store_password_make(store, 5, "dev*", bound));
    CU_ASSERT(strlen(any) == 32 && strcmp(any, bound) != 0);
    CU_ASSERT((id = store_password_find(store, any, &boss)) > 0);
    CU_ASSERT_EQUAL(store_password_find(store, any, &device), id); /* finding does not use it up */
    CU_ASSERT(store_password_find(store, bound, &device) > 0);
    CU_ASSERT_EQUAL(store_password_find(store, bound, &boss), 0);
    memcpy(other, any, sizeof(other));
    other[31] = other[31] == '0' ? '1' : '0';
    CU_ASSERT_EQUAL(store_password_find(store, other, &device), 0);
    CU_ASSERT_EQUAL(store_password_find(store, "", &device), 0);
    CU_ASSERT_EQUAL(store_password_find(store, "' OR 1 --", &device), 0);
    CU_ASSERT(store_password_make(store, 0, "", other)); /* has ended already */
    CU_ASSERT_EQUAL(store_password_find(store, other, &device), 0);
    CU_ASSERT_EQUAL(errors, 0);
    store_incoming_clear(&device);
    store_incoming_clear(&boss);
}

int main(void)
{
    CU_TestInfo tests[] = {{"parsing", parsing},
                           {"patterns", patterns},
                           {"requests", requests},
                           {"passwords", passwords},
                           CU_TEST_INFO_NULL};
    const char *above = getenv("TMPDIR");
    OSSL_PROVIDER *provider;
    char home[300];
    int status;

    libctx = OSSL_LIB_CTX_new();
    provider = OSSL_PROVIDER_load(libctx, "default");
    snprintf(folder, sizeof(folder), "%s/unit-incoming-XXXXXX",
             above != NULL && *above != '\0' ? above : "/tmp");
    if (provider == NULL || mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    pkey = unit_rsa(libctx, 2048);
    snprintf(home, sizeof(home), "%s/home", folder);
    store = store_open(&(struct store_config){
        .home = home, .crypto = on_crypto, .error = on_error, .warn = on_error, .progress = on_progress});
    if (store == NULL)
        return EXIT_FAILURE;
    status = unit_run("store_incoming", tests);
    store_free(store);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    EVP_PKEY_free(pkey);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(libctx);
    return status;
}
