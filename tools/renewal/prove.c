// SPDX-License-Identifier: Apache-2.0
/* Where renewal meets the bindings of services. */
#include "renewal.h"

#include "tools/bindings/bindings.h"

int renewal_prove(struct managed_host *host, int64_t certificate)
{
    struct bindings_host bindings = {
        .store = host->store,
        .error = host->error,
        .progress = host->progress,
        .is_cancelled = host->is_cancelled,
        .arg = host->arg,
    };

    return bindings_apply(&bindings, certificate);
}
