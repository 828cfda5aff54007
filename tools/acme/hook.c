// SPDX-License-Identifier: Apache-2.0
/* The programs that ACME's challenges run, with what goes wrong raised as ACME does. */
#include "hook.h"

#include "private.h"

#define WHY_MAX 1000

int acme_hook_check(struct acme *acme, const char *path, int is_script)
{
    char why[WHY_MAX];

    if (path == NULL || *path == '\0')
        return acme_raise(acme, "dns-01 needs a hook: the program that publishes TXT records");
    return hook_check(path, is_script, why, sizeof(why)) || acme_raise(acme, "%s", why);
}

int acme_hook_run(struct acme *acme, const char *const *argv, unsigned seconds)
{
    const struct hook hook = {
        .argv = argv, .seconds = seconds, .is_cancelled = acme->config.is_cancelled, .arg = acme->config.arg};
    char why[WHY_MAX];

    return hook_run(&hook, why, sizeof(why), NULL, 0) ||
           acme_raise(acme, "hook %s %s: %s", argv[0], argv[1], why);
}

void acme_hook_clean(struct acme *acme, const char *const *argv, unsigned seconds)
{
    const struct hook hook = {.argv = argv, .seconds = seconds};
    char why[WHY_MAX];

    if (!hook_run(&hook, why, sizeof(why), NULL, 0))
        acme_progress(acme, "warning: hook %s %s: %s", argv[0], argv[1], why);
}
