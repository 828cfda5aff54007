// SPDX-License-Identifier: Apache-2.0
/* See login.h. */
#include "login.h"

#include "child.h"
#include "guard.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#define SESSIONS   64
#define SESSION_MS 60000
#define DIGEST     32

/* A login that has succeeded lately; the key is a digest of all that was sent, under a key of this process.
 */
struct remembered {
    unsigned char key[DIGEST];
    int64_t until;
    struct worker_session session;
};

struct worker_logins {
    struct worker_pool *pool;
    pthread_mutex_t mutex;
    struct guard *guard;
    unsigned char key[DIGEST];
    struct remembered sessions[SESSIONS];
};

struct worker_logins *worker_logins_new(struct worker_pool *pool)
{
    struct worker_logins *logins = OPENSSL_zalloc(sizeof(*logins));

    if (logins == NULL)
        return NULL;
    logins->pool = pool;
    logins->guard = guard_new();
    if (logins->guard != NULL && RAND_priv_bytes(logins->key, sizeof(logins->key)) == 1 &&
        pthread_mutex_init(&logins->mutex, NULL) == 0)
        return logins;
    guard_free(logins->guard);
    OPENSSL_free(logins);
    return NULL;
}

void worker_logins_free(struct worker_logins *logins)
{
    if (logins == NULL)
        return;
    guard_free(logins->guard);
    pthread_mutex_destroy(&logins->mutex);
    OPENSSL_clear_free(logins, sizeof(*logins));
}

/* ---- what is remembered ---- */

static int digest(const struct worker_logins *logins, const struct worker_login *login,
                  unsigned char key[DIGEST])
{
    const char *parts[] = {login->name, login->password, login->certificate, login->address};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
             EVP_DigestUpdate(ctx, logins->key, sizeof(logins->key));
    size_t i;

    for (i = 0; ok && i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *part = parts[i] != NULL ? parts[i] : "";
        uint64_t len = strlen(part);

        ok = EVP_DigestUpdate(ctx, &len, sizeof(len)) && EVP_DigestUpdate(ctx, part, len);
    }
    ok = ok && EVP_DigestFinal_ex(ctx, key, NULL);
    EVP_MD_CTX_free(ctx);
    return ok;
}

static int recall(struct worker_logins *logins, const unsigned char key[DIGEST], int64_t now,
                  struct worker_session *session)
{
    size_t i;

    for (i = 0; i < SESSIONS; i++) {
        const struct remembered *remembered = &logins->sessions[i];

        if (remembered->until > now && CRYPTO_memcmp(remembered->key, key, DIGEST) == 0) {
            *session = remembered->session;
            return 1;
        }
    }
    return 0;
}

static void remember(struct worker_logins *logins, const unsigned char key[DIGEST], int64_t now,
                     const struct worker_session *session)
{
    struct remembered *oldest = &logins->sessions[0];
    size_t i;

    for (i = 1; i < SESSIONS; i++) {
        if (logins->sessions[i].until < oldest->until)
            oldest = &logins->sessions[i];
    }
    memcpy(oldest->key, key, DIGEST);
    oldest->until = now + SESSION_MS;
    oldest->session = *session;
}

static void forget(struct worker_logins *logins, const struct worker_session *session)
{
    size_t i;

    pthread_mutex_lock(&logins->mutex);
    for (i = 0; i < SESSIONS; i++) {
        if (strcmp(logins->sessions[i].session.stamp, session->stamp) == 0)
            logins->sessions[i].until = 0;
    }
    pthread_mutex_unlock(&logins->mutex);
}

/* ---- logging in ---- */

static void put(json_t *object, const char *name, const char *value)
{
    if (value != NULL)
        json_object_set_new(object, name, json_string(value));
}

static json_t *ask(struct worker_logins *logins, const struct worker_login *login, int is_new)
{
    json_t *request = json_pack("{s:s, s:{}}", "command", "login", "login"), *answer,
           *inner = json_object_get(request, "login");

    put(inner, "name", login->name);
    put(inner, "password", login->password);
    put(inner, "certificate", login->certificate);
    put(inner, "address", login->address);
    put(inner, "service", login->service);
    json_object_set_new(inner, "log", json_boolean(is_new));
    answer = worker_call(logins->pool, request, -1);
    json_decref(request);
    return answer;
}

static enum worker_login_result take_answer(const json_t *answer, struct worker_session *session)
{
    const json_t *told = json_object_get(answer, "told");

    if (json_is_true(json_object_get(answer, "ok")) &&
        OPENSSL_strlcpy(session->user, worker_text(told, "name"), sizeof(session->user)) <
            sizeof(session->user) &&
        OPENSSL_strlcpy(session->stamp, worker_text(told, "stamp"), sizeof(session->stamp)) ==
            sizeof(session->stamp) - 1)
        return WORKER_LOGIN_OK;
    return strcmp(worker_text(answer, "kind"), "login") == 0 ? WORKER_LOGIN_REFUSED
                                                             : WORKER_LOGIN_UNAVAILABLE;
}

enum worker_login_result worker_login(struct worker_logins *logins, const struct worker_login *login,
                                      struct worker_session *session, unsigned *wait_s)
{
    const char *who = login->name != NULL          ? login->name
                      : login->certificate != NULL ? login->certificate
                                                   : "";
    unsigned char key[DIGEST];
    int64_t now = child_now();
    enum worker_login_result result;
    json_t *answer;
    int is_there, is_new;

    *wait_s = 0;
    if (!digest(logins, login, key))
        return WORKER_LOGIN_UNAVAILABLE;
    pthread_mutex_lock(&logins->mutex);
    is_there = recall(logins, key, now, session);
    if (!is_there)
        *wait_s = guard_wait(logins->guard, who, login->address, now);
    is_new = !is_there && !guard_knows(logins->guard, who, login->address, now);
    pthread_mutex_unlock(&logins->mutex);
    if (is_there)
        return WORKER_LOGIN_OK;
    if (*wait_s > 0)
        return WORKER_LOGIN_LATER;
    answer = ask(logins, login, is_new);
    result = take_answer(answer, session);
    json_decref(answer);
    pthread_mutex_lock(&logins->mutex);
    if (result == WORKER_LOGIN_OK || result == WORKER_LOGIN_REFUSED)
        guard_note(logins->guard, who, login->address, child_now(), result == WORKER_LOGIN_OK);
    if (result == WORKER_LOGIN_OK)
        remember(logins, key, child_now(), session);
    pthread_mutex_unlock(&logins->mutex);
    OPENSSL_cleanse(key, sizeof(key));
    return result;
}

json_t *worker_call_as(struct worker_logins *logins, const struct worker_session *session, json_t *request,
                       int cancel_fd)
{
    json_t *answer;

    if (json_object_set_new(request, "user", json_string(session->user)) != 0 ||
        json_object_set_new(request, "stamp", json_string(session->stamp)) != 0)
        return NULL;
    answer = worker_call(logins->pool, request, cancel_fd);
    if (strcmp(worker_text(answer, "kind"), "login") == 0)
        forget(logins, session);
    return answer;
}
