// SPDX-License-Identifier: Apache-2.0
/* The environment: the provider's variables, as far as they concern the hardware, and the store's folder.
 * Options override them. */
#include "tool.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOME_DEFAULT "/var/lib/signet"

static const char *setting(const char *variable)
{
    const char *value = secure_getenv(variable);

    return value != NULL && *value != '\0' ? value : NULL;
}

void tool_config_read(struct tool_config *config)
{
    const char *home = setting("SIGNET_HOME"), *term = setting("TERM");

    *config = (struct tool_config){
        .tcti = setting("SIGNET_TCTI"),
        .log = setting("SIGNET_LOG"),
        .parent_passphrase_file = setting("SIGNET_PARENT_PASSPHRASE_FILE"),
        .owner_passphrase_file = setting("SIGNET_OWNER_PASSPHRASE_FILE"),
        .lanes = setting("SIGNET_LANES"),
        .stats_directory = setting("SIGNET_STATS_DIRECTORY"),
        .home = home != NULL ? home : HOME_DEFAULT,
        .notify_socket = setting("NOTIFY_SOCKET"),
        .has_colour = setting("NO_COLOR") == NULL && term != NULL && strcmp(term, "dumb") != 0,
    };
}

static int hand_on(const char *variable, const char *value)
{
    return value == NULL || setenv(variable, value, 1) == 0;
}

int tool_config_apply(struct tool_config *config)
{
    static char home[PATH_MAX];
    size_t len = 0;

    if (config->home[0] != '/') {
        if (getcwd(home, sizeof(home)) == NULL)
            return tool_error("the working folder: %s", strerror(errno));
        len = strlen(home);
        home[len++] = '/';
    }
    if (len + strlen(config->home) >= sizeof(home) - 300)
        return tool_usage_error("the path of the store is too long: %.100s…", config->home);
    strcpy(home + len, config->home);
    config->home = home;
    if (!hand_on("SIGNET_TCTI", config->tcti) || !hand_on("SIGNET_LOG", config->log) ||
        !hand_on("SIGNET_PARENT_PASSPHRASE_FILE", config->parent_passphrase_file) ||
        !hand_on("SIGNET_OWNER_PASSPHRASE_FILE", config->owner_passphrase_file))
        return tool_error("out of memory");
    return TOOL_OK;
}
