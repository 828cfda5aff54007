// SPDX-License-Identifier: Apache-2.0
/* Where renewal meets the bindings of services: the one call. */
#include "renewal.h"

int renewal_prove(struct managed_host *host, int64_t certificate)
{
    /* No service is bound so far: live/ and deploy-hook are all that one gets. */
    (void)host;
    (void)certificate;
    return 1;
}
