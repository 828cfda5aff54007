// SPDX-License-Identifier: Apache-2.0
/* Passwords for one enrolment each (RFC 8894 section 7.3), kept as digests. */
#include "private.h"

#include <openssl/rand.h>
#include <string.h>

#define PASSWORDS_MAX 10000

static char *digest(struct store *store, const char *text)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    OSSL_LIB_CTX *libctx = store_crypto(store);
    size_t len = 0;

    if (libctx == NULL || !EVP_Q_digest(libctx, "SHA256", "provider=default", text, strlen(text), md, &len)) {
        store_raise_ssl(store, "the password's digest");
        return NULL;
    }
    return store_hex(md, len, 0);
}

int store_password_make(struct store *store, int64_t minutes, const char *pattern, char text[33])
{
    unsigned char bytes[16];
    char *hex, *sum;
    int ok;

    if (RAND_priv_bytes(bytes, sizeof(bytes)) != 1 || (hex = store_hex(bytes, sizeof(bytes), 1)) == NULL)
        return store_raise_ssl(store, "no password was made");
    OPENSSL_strlcpy(text, hex, 33);
    store_wipe(hex);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    sum = digest(store, text);
    if (sum == NULL || !store_begin(store)) {
        OPENSSL_free(sum);
        return 0;
    }
    ok = store_run(store, "DELETE FROM password WHERE expires <= ?", "i", (int64_t)time(NULL)) &&
         (store_number(store, 0, "SELECT count(*) FROM password", "") < PASSWORDS_MAX ||
          store_raise(store, "there are %d passwords already that nobody has used", PASSWORDS_MAX)) &&
         store_run(store, "INSERT INTO password (digest, pattern, expires) VALUES (?, ?, ?)", "tti", sum,
                   pattern, (int64_t)time(NULL) + minutes * 60) &&
         store_log(store, "certificate,info", "password for one enrolment made, valid %d minutes%s%.100s",
                   (int)minutes, *pattern != '\0' ? ", for " : "", pattern);
    OPENSSL_free(sum);
    return store_end(store, ok);
}

int64_t store_password_find(struct store *store, const char *text, const struct store_incoming *incoming)
{
    char *sum = digest(store, text), *pattern;
    sqlite3_stmt *stmt;
    char which[64];
    int64_t id = -1;
    int row;

    if (sum == NULL)
        return -1;
    stmt = store_prepare(store, "SELECT id, pattern FROM password WHERE digest = ? AND expires > ?", "ti",
                         sum, (int64_t)time(NULL));
    row = stmt != NULL ? store_step(store, stmt) : -1;
    if (row == 1) {
        pattern = store_column_text(stmt, 1);
        id = pattern != NULL &&
                     (*pattern == '\0' || store_incoming_matches(incoming, pattern, which, sizeof(which)))
                 ? sqlite3_column_int64(stmt, 0)
                 : 0;
        OPENSSL_free(pattern);
    } else if (row == 0) {
        id = 0;
    }
    sqlite3_finalize(stmt);
    OPENSSL_free(sum);
    return id;
}
