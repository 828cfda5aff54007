// SPDX-License-Identifier: Apache-2.0
/* What a service gets of a certificate that ACME has brought: as of all others. */
#include "managed_private.h"

#include "tools/renewal/renewal.h"

int managed_deploy(struct managed_host *host, int64_t id)
{
    struct managed *managed = managed_get(host->store, id);
    char entry[RENEWAL_NAME_MAX];
    int64_t certificate = managed != NULL ? managed->certificate : 0;

    managed_free(managed);
    if (certificate == 0)
        return managed_raise(host, "the certificate of the ACME entry is not there any more");
    renewal_name(entry, MANAGED_MENU, id);
    return renewal_deploy(host, entry, certificate);
}
