// SPDX-License-Identifier: Apache-2.0
/* What a service gets: files in live/NAME, and a program that is told when they are new. */
#include "hook.h"
#include "managed_private.h"

#include <stdio.h>
#include <string.h>

struct deploy {
    struct managed_host *host;
    char error[1024];
};

static void on_error(void *arg, const char *text)
{
    struct deploy *deploy = arg;

    snprintf(deploy->error, sizeof(deploy->error), "deploy-%.1000s", text);
    deploy->host->error(deploy->host->arg, deploy->error);
}

static void on_progress(void *arg, const char *text)
{
    struct deploy *deploy = arg;

    deploy->host->progress(deploy->host->arg, text);
}

static int is_cancelled(void *arg)
{
    struct deploy *deploy = arg;

    return deploy->host->is_cancelled(deploy->host->arg);
}

static int call_hook(struct deploy *deploy, const struct managed *managed, const char *folder)
{
    /* Nobody is spoken to; this is whom the hook's errors go to. */
    const struct acme_config config = {.directory_url = managed->text[MANAGED_F_DIRECTORY_URL],
                                       .ca_file = "",
                                       .error = on_error,
                                       .progress = on_progress,
                                       .is_cancelled = is_cancelled,
                                       .arg = deploy};
    const char *hook = managed->text[MANAGED_F_DEPLOY_HOOK], *const argv[] = {hook, "deploy", managed->name,
                                                                              folder, NULL};
    struct acme *acme = acme_new(&config);
    int ok = acme != NULL && acme_hook_check(acme, hook, 0) && acme_hook_run(acme, argv, ACME_HOOK_SECONDS);

    acme_free(acme);
    return ok;
}

static int give(struct deploy *deploy, const struct managed *managed)
{
    struct store *store = deploy->host->store;
    char *folder = store_live_path(store, managed->name);
    int ok = folder != NULL;

    if (ok && strcmp(managed->text[MANAGED_F_LIVE], "yes") != 0) {
        ok = store_live_remove(store, managed->name);
        if (*managed->text[MANAGED_F_DEPLOY_HOOK] != '\0')
            managed_progress(deploy->host, "%s: deploy-hook is called with live=yes only", managed->name);
    } else if (ok) {
        ok = store_live_write(store, managed->certificate);
        if (!ok)
            snprintf(deploy->error, sizeof(deploy->error), "%.900s can't be written", folder);
        else if (*managed->text[MANAGED_F_DEPLOY_HOOK] != '\0')
            ok = call_hook(deploy, managed, folder);
    }
    OPENSSL_free(folder);
    return ok;
}

int managed_deploy(struct managed_host *host, int64_t id)
{
    struct managed *managed = managed_get(host->store, id);
    struct deploy deploy = {.host = host};
    int ok, is_noted;

    if (managed == NULL || managed->certificate == 0) {
        managed_free(managed);
        return managed_raise(host, "the certificate of the ACME entry is not there any more");
    }
    /* There is nothing to give, and nothing to take away. */
    if (strcmp(managed->text[MANAGED_F_LIVE], "yes") != 0 &&
        *managed->text[MANAGED_F_DEPLOY_PENDING] == '\0') {
        managed_free(managed);
        return 1;
    }
    ok = give(&deploy, managed);
    is_noted = store_begin(host->store);
    if (is_noted)
        is_noted = store_end(
            host->store, managed_set(host->store, id, MANAGED_F_DEPLOY_PENDING, ok ? "" : "yes") &&
                             (ok ? strncmp(managed->text[MANAGED_F_ERROR], "deploy-", 7) != 0 ||
                                       managed_set(host->store, id, MANAGED_F_ERROR, "")
                                 : managed_set(host->store, id, MANAGED_F_ERROR, deploy.error) &&
                                       store_log(host->store, "acme,error", "acme: certificate %s: %.400s",
                                                 managed->name, deploy.error)));
    managed_free(managed);
    return ok && is_noted;
}
