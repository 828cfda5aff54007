// SPDX-License-Identifier: Apache-2.0
/* The options that signet and signetd share, and what is to be done once they have been read. */
#include "tool.h"

const char tool_options_help[] =
    "  --home FOLDER                   of the store (SIGNET_HOME; /var/lib/signet)\n"
    "  --tcti TCTI                     the TPM, such as device:/dev/tpmrm0 (SIGNET_TCTI)\n"
    "  --log LEVEL[:FILE]              error, warn, info or debug (SIGNET_LOG)\n"
    "  --parent-passphrase-file FILE   of the key's parent (SIGNET_PARENT_PASSPHRASE_FILE)\n"
    "  --owner-passphrase-file FILE    of the TPM's owner (SIGNET_OWNER_PASSPHRASE_FILE)\n"
    "  --help                          this text\n";

int tool_take_option(struct tool_config *config, int option, const char *value)
{
    switch (option) {
    case 'H':
        config->home = value;
        return 1;
    case 't':
        config->tcti = value;
        return 1;
    case 'l':
        config->log = value;
        return 1;
    case 'p':
        config->parent_passphrase_file = value;
        return 1;
    case 'w':
        config->owner_passphrase_file = value;
        return 1;
    }
    return 0;
}

int tool_prepare(struct tool *tool)
{
    int status = tool_log_open(tool);

    /* No openssl.cnf: it may load the provider, and two of them in one process get in each other's way. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return status != TOOL_OK ? status : tool_config_apply(&tool->config);
}
