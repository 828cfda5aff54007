// SPDX-License-Identifier: Apache-2.0
/* Which TPM: the one that the configuration names, or the first that answers. */
#include "tpm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>

/* Does a resource manager answer on this TCTI? The kernel's (tpmrm) or tpm2-abrmd. */
static int is_managed(const char *conf)
{
    return strncmp(conf, "tabrmd", 6) == 0 || strstr(conf, "/tpmrm") != NULL;
}

static const char *device_path(const char *conf)
{
    if (strcmp(conf, "device") == 0 || strcmp(conf, "device:") == 0)
        return "/dev/tpmrm0";
    return strncmp(conf, "device:", 7) == 0 ? conf + 7 : NULL;
}

static TSS2_RC open_one(const char *conf, TSS2_TCTI_CONTEXT **tcti)
{
    const char *path = device_path(conf);

    if (path != NULL)
        return tpm_device_open(path, !is_managed(conf), tcti);
    errno = 0;
    return Tss2_TctiLdr_Initialize(conf, tcti);
}

/* Adds "conf (why)" to a list of what was tried. */
static void add_tried(char *tried, size_t size, const char *conf)
{
    size_t used = strlen(tried);

    snprintf(tried + used, size - used, "%s%s%s%s%s", used > 0 ? ", " : "", conf, errno != 0 ? " (" : "",
             errno != 0 ? strerror(errno) : "", errno != 0 ? ")" : "");
}

TSS2_RC tpm_tcti_open(struct tpm *tpm, TSS2_TCTI_CONTEXT **tcti)
{
    static const char *const automatic[] = {"device:/dev/tpmrm0", "device:/dev/tpm0", "tabrmd", "swtpm"};
    char tried[sizeof(tpm->name)] = "";
    TSS2_RC rc = TSS2_TCTI_RC_NO_CONNECTION;
    size_t i;

    *tcti = NULL;
    if (tpm->conf != NULL) {
        rc = open_one(tpm->conf, tcti);
        tpm->is_managed = is_managed(tpm->conf);
        tpm->is_inherited_safe = strncmp(tpm->conf, "tabrmd", 6) != 0;
        if (rc != TSS2_RC_SUCCESS)
            add_tried(tried, sizeof(tried), tpm->conf);
        snprintf(tpm->name, sizeof(tpm->name), "%s", rc == TSS2_RC_SUCCESS ? tpm->conf : tried);
        return rc;
    }
    for (i = 0; i < sizeof(automatic) / sizeof(automatic[0]); i++) {
        rc = open_one(automatic[i], tcti);
        if (rc == TSS2_RC_SUCCESS) {
            tpm->is_managed = is_managed(automatic[i]);
            tpm->is_inherited_safe = strcmp(automatic[i], "tabrmd") != 0;
            snprintf(tpm->name, sizeof(tpm->name), "%s", automatic[i]);
            return rc;
        }
        add_tried(tried, sizeof(tried), automatic[i]);
    }
    snprintf(tpm->name, sizeof(tpm->name), "%s", tried);
    return rc;
}
