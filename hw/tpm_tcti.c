// SPDX-License-Identifier: Apache-2.0
/* Which TPM: the one that the configuration names, or the first that answers. */
#include "tpm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>

#define SYSTEM_BUS "/run/dbus/system_bus_socket"

/* If conf is "NAME" or "NAME:OPTIONS", its options, perhaps empty; otherwise NULL. */
static const char *options_of(const char *conf, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(conf, name, len) != 0)
        return NULL;
    return conf[len] == ':' ? conf + len + 1 : conf[len] == '\0' ? conf + len : NULL;
}

static TSS2_RC open_one(struct tpm *tpm, const char *conf, TSS2_TCTI_CONTEXT **tcti)
{
    const char *device = options_of(conf, "device"), *swtpm = options_of(conf, "swtpm");
    struct tpm_address address;

    tpm->is_tabrmd = options_of(conf, "tabrmd") != NULL;
    /* Resource managers: tpm2-abrmd, and the kernel's behind /dev/tpmrm0. */
    tpm->is_managed =
        tpm->is_tabrmd || (device != NULL && (*device == '\0' || strstr(device, "tpmrm") != NULL));
    errno = 0;
    if (device == NULL && swtpm == NULL)
        return Tss2_TctiLdr_Initialize(conf, tcti);
    if (!(device != NULL
              ? tpm_device_address(*device != '\0' ? device : "/dev/tpmrm0", tpm->is_managed, &address)
              : tpm_swtpm_address(swtpm, &address)))
        return TSS2_TCTI_RC_NO_CONNECTION;
    return tpm_transport_new(&address, tcti);
}

/* Adds "conf (why)" to the list of what was tried. */
static void add_tried(char *tried, size_t size, const char *conf)
{
    size_t used = strlen(tried);
    /* Behind the loader errno is left over from something else. */
    int is_ours = options_of(conf, "device") != NULL || options_of(conf, "swtpm") != NULL;
    const char *why = is_ours && errno != 0 ? strerror(errno) : NULL;

    snprintf(tried + used, size - used, "%s%s%s%s%s", used > 0 ? ", " : "", conf, why != NULL ? " (" : "",
             why != NULL ? why : "", why != NULL ? ")" : "");
}

TSS2_RC tpm_tcti_open(struct tpm *tpm)
{
    static const char *const automatic[] = {"device:/dev/tpmrm0", "device:/dev/tpm0", "tabrmd", "swtpm"};
    const char *const *candidates = tpm->conf != NULL ? (const char *const *)&tpm->conf : automatic;
    size_t count = tpm->conf != NULL ? 1 : sizeof(automatic) / sizeof(automatic[0]), i;
    char tried[sizeof(tpm->name)] = "";
    TSS2_RC rc = TSS2_TCTI_RC_NO_CONNECTION;

    for (i = 0; i < count; i++) {
        /* Without a bus, tabrmd's library complains on stderr. */
        if (tpm->conf == NULL && strcmp(candidates[i], "tabrmd") == 0 && access(SYSTEM_BUS, F_OK) != 0) {
            errno = 0;
            add_tried(tried, sizeof(tried), candidates[i]);
            continue;
        }
        rc = open_one(tpm, candidates[i], &tpm->tcti);
        if (rc == TSS2_RC_SUCCESS) {
            snprintf(tpm->name, sizeof(tpm->name), "%s", candidates[i]);
            if (tpm->conf == NULL && strcmp(candidates[i], "swtpm") == 0)
                hw_log(tpm->hw, HW_LOG_WARN,
                       "no TPM device here; the emulated one on swtpm's port protects nothing");
            return rc;
        }
        add_tried(tried, sizeof(tried), candidates[i]);
    }
    snprintf(tpm->name, sizeof(tpm->name), "%s", tried);
    return rc;
}

void tpm_tcti_close(struct tpm *tpm)
{
    if (tpm->tcti != NULL && !tpm_transport_free(&tpm->tcti))
        Tss2_TctiLdr_Finalize(&tpm->tcti);
}
