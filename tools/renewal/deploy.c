// SPDX-License-Identifier: Apache-2.0
/* What a service gets: files in live/NAME, a program that is told when they are new, and what is bound. */
#include "renewal.h"

#include "tools/hook/hook.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 32        /* of deploy-arguments, deploy-environment */
#define ERROR     "deploy-" /* what a last-error of here begins with */

struct deploy {
    struct managed_host *host;
    const char *entry;
    int64_t certificate;
    struct store_cert *cert;
    char error[1024];
};

static int raise_deploy(struct deploy *deploy, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int raise_deploy(struct deploy *deploy, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(deploy->error, sizeof(deploy->error), format, args);
    va_end(args);
    deploy->host->error(deploy->host->arg, deploy->error);
    return 0;
}

/* ---- the program ---- */

/* Words with blanks between them; a backslash keeps the character behind it. Cuts text, in place. */
static int split(char *text, const char *words[WORDS_MAX])
{
    char *from = text, *to = text;
    size_t count = 0;

    while (*from != '\0') {
        while (*from == ' ')
            from++;
        if (*from == '\0')
            break;
        if (count == WORDS_MAX - 1)
            return -1;
        words[count++] = to;
        for (; *from != '\0' && *from != ' '; from++) {
            if (*from == '\\' && from[1] != '\0')
                from++;
            *to++ = *from;
        }
        from += *from == ' ';
        *to++ = '\0';
    }
    words[count] = NULL;
    return (int)count;
}

static int run_hook(struct deploy *deploy, const char *path, const char *folder, char *arguments,
                    char *environment, unsigned seconds)
{
    const char *argv[WORDS_MAX + 5] = {path}, *words[WORDS_MAX], *variables[WORDS_MAX];
    struct managed_host *host = deploy->host;
    struct hook hook = {.argv = argv,
                        .environment = variables,
                        .seconds = seconds,
                        .is_cancelled = host->is_cancelled,
                        .arg = host->arg};
    int count = split(arguments, words), i;
    char why[900], said[500];

    if (count < 0 || split(environment, variables) < 0)
        return raise_deploy(deploy, ERROR "hook %.500s: more than %d arguments or variables", path,
                            WORDS_MAX - 1);
    for (i = 0; variables[i] != NULL; i++) {
        if (!hook_may_set(variables[i]))
            return raise_deploy(deploy, ERROR "hook %.500s: %.100s may not be given to it", path,
                                variables[i]);
    }
    for (i = 0; i < count; i++)
        argv[1 + i] = words[i];
    argv[1 + count] = "deploy";
    argv[2 + count] = deploy->cert->text[STORE_NAME];
    argv[3 + count] = folder;
    if (!hook_check(path, 0, why, sizeof(why)))
        return raise_deploy(deploy, ERROR "%.900s", why);
    if (!hook_run(&hook, why, sizeof(why), said, sizeof(said)))
        return raise_deploy(deploy, ERROR "hook %.100s deploy: %.800s", path, why);
    return *said == '\0' || store_log(host->store, "certificate,info", "%s: %.100s says: %.300s",
                                      deploy->cert->text[STORE_NAME], path, said);
}

static int call_hook(struct deploy *deploy, const char *folder)
{
    struct store *store = deploy->host->store;
    char *path = renewal_get(store, deploy->entry, "deploy-hook", ""),
         *arguments = renewal_get(store, deploy->entry, "deploy-arguments", ""),
         *environment = renewal_get(store, deploy->entry, "deploy-environment", ""),
         *seconds = renewal_get(store, deploy->entry, "deploy-timeout", RENEWAL_DEPLOY_SECONDS);
    int ok = path != NULL && arguments != NULL && environment != NULL && seconds != NULL;

    if (ok && *path != '\0')
        ok = run_hook(deploy, path, folder, arguments, environment, (unsigned)strtoul(seconds, NULL, 10));
    OPENSSL_free(path);
    OPENSSL_free(arguments);
    if (environment != NULL)
        OPENSSL_clear_free(environment, strlen(environment));
    OPENSSL_free(seconds);
    return ok;
}

/* ---- the files ---- */

static int give_files(struct deploy *deploy)
{
    struct managed_host *host = deploy->host;
    const char *name = deploy->cert->text[STORE_NAME];
    char *folder = store_live_path(host->store, name), text[400];
    int ok = folder != NULL;

    if (ok && !renewal_is(host->store, deploy->entry, "live", "yes")) {
        ok = store_live_remove(host->store, name);
        if (!renewal_is(host->store, deploy->entry, "deploy-hook", "")) {
            snprintf(text, sizeof(text), "%.200s: deploy-hook is called with live=yes only", name);
            host->progress(host->arg, text);
        }
    } else if (ok) {
        ok = store_live_write(host->store, deploy->certificate);
        if (!ok)
            snprintf(deploy->error, sizeof(deploy->error), ERROR "%.900s can't be written", folder);
        else
            ok = call_hook(deploy, folder);
    }
    OPENSSL_free(folder);
    return ok;
}

/* ---- what becomes of it ---- */

static unsigned jitter(void)
{
    unsigned char bytes[2] = {0};

    return RAND_bytes(bytes, sizeof(bytes)) == 1 ? (unsigned)bytes[0] << 8 | bytes[1] : 0;
}

/* The service has it: what was before is not needed any more. */
static int note_done(struct deploy *deploy)
{
    struct store *store = deploy->host->store;
    char *error = renewal_get(store, deploy->entry, "last-error", "");
    int ok = error != NULL && store_begin(store);

    if (ok)
        ok = store_end(store, (store_previous_is_there(store, deploy->certificate) == 0 ||
                               store_previous_drop(store, deploy->certificate)) &&
                                  renewal_set(store, deploy->entry, "deploy-pending", "") &&
                                  renewal_set(store, deploy->entry, "deploy-failures", "") &&
                                  renewal_set(store, deploy->entry, "deploy-next", "") &&
                                  (strncmp(error, ERROR, strlen(ERROR)) != 0 ||
                                   renewal_set(store, deploy->entry, "last-error", "")));
    OPENSSL_free(error);
    return ok;
}

static void note_failure(struct deploy *deploy)
{
    struct store *store = deploy->host->store;
    int64_t failures = renewal_get_number(store, deploy->entry, "deploy-failures") + 1;

    if (store_begin(store))
        store_end(store, renewal_set(store, deploy->entry, "deploy-pending", "yes") &&
                             renewal_set_number(store, deploy->entry, "deploy-failures", failures) &&
                             renewal_set_number(store, deploy->entry, "deploy-next",
                                                (int64_t)time(NULL) +
                                                    managed_backoff((unsigned)failures, jitter())) &&
                             renewal_set(store, deploy->entry, "last-error", deploy->error) &&
                             store_log(store, "certificate,error", "certificate %s: %.400s",
                                       deploy->cert->text[STORE_NAME], deploy->error));
}

/* The certificate before works: it comes back, and its files with it. What could not be proved is made anew
 * when its time has come. */
static int put_back(struct deploy *deploy)
{
    struct store *store = deploy->host->store;
    int64_t failures = renewal_get_number(store, deploy->entry, "failures") + 1;
    static const char error[] =
        "no service that is bound to the new certificate has served it: the one before is back";
    int ok = store_begin(store);

    deploy->host->error(deploy->host->arg, error);
    if (ok)
        ok = store_end(
            store,
            store_previous_restore(store, deploy->certificate) &&
                renewal_set_number(store, deploy->entry, "failures", failures) &&
                renewal_set_number(store, deploy->entry, "next-try",
                                   (int64_t)time(NULL) + managed_backoff((unsigned)failures, jitter())) &&
                renewal_set(store, deploy->entry, "last-error", error) &&
                renewal_set_number(store, deploy->entry, "renew-at",
                                   renewal_is_own(deploy->entry) ? 0 : (int64_t)time(NULL)) &&
                /* Its files are old ones again, whatever becomes of this process. */
                renewal_set(store, deploy->entry, "deploy-pending", "yes") &&
                store_log(store, "certificate,error", "certificate %s: %s", deploy->cert->text[STORE_NAME],
                          error));
    /* Services that had taken the new one get the one before again. */
    if (ok && give_files(deploy) && note_done(deploy))
        renewal_prove(deploy->host, deploy->certificate);
    return 0;
}

int renewal_deploy_is_due(struct store *store, const char *entry, const struct store_cert *cert)
{
    return cert->der != NULL &&
           (renewal_is(store, entry, "deploy-pending", "yes") ||
            store_previous_is_there(store, cert->id) == 1 ||
            (renewal_is(store, entry, "live", "yes") && !store_live_is_there(store, cert->text[STORE_NAME])));
}

int renewal_deploy(struct managed_host *host, const char *entry, int64_t certificate)
{
    struct deploy deploy = {.host = host, .entry = entry, .certificate = certificate};
    int ok;

    deploy.cert = store_cert_get(host->store, &(struct store_query){.id = certificate});
    if (deploy.cert == NULL) {
        host->error(host->arg, "the certificate of the entry is not there any more");
        return 0;
    }
    ok = !renewal_deploy_is_due(host->store, entry, deploy.cert);
    if (!ok) {
        int is_replaced = store_previous_is_usable(host->store, certificate) == 1;

        ok = give_files(&deploy);
        if (!ok && host->is_cancelled(host->arg)) /* which does not mean that it failed: it is due again */
            ok = 0;
        else if (!ok)
            note_failure(&deploy);
        else if (renewal_prove(host, certificate))
            ok = note_done(&deploy);
        else if (host->is_cancelled(host->arg)) /* the same */
            ok = 0;
        else if (is_replaced)
            ok = put_back(&deploy);
        else if (!(ok = raise_deploy(&deploy, ERROR "no service that is bound to it has served it")))
            note_failure(&deploy);
    }
    store_cert_free(deploy.cert);
    return ok;
}
