// SPDX-License-Identifier: Apache-2.0
/* The environment: the provider's variables, as far as they concern the hardware. Options override them. */
#include "tool.h"

#include <stdlib.h>

static const char *setting(const char *variable)
{
    const char *value = secure_getenv(variable);

    return value != NULL && *value != '\0' ? value : NULL;
}

void tool_config_read(struct tool_config *config)
{
    *config = (struct tool_config){
        .tcti = setting("SIGNET_TCTI"),
        .log = setting("SIGNET_LOG"),
        .parent_passphrase_file = setting("SIGNET_PARENT_PASSPHRASE_FILE"),
        .owner_passphrase_file = setting("SIGNET_OWNER_PASSPHRASE_FILE"),
    };
}
