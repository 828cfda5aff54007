#include "challenge.h"
#include <string.h>
const struct acme_solver acme_dns01, acme_tls_alpn01;
const char *acme_hook_name(enum acme_hook_kind kind)
{
    (void)kind;
    return "signet";
}
int acme_hook_from(const char *name, enum acme_hook_kind *kind)
{
    *kind = 0;
    return strcmp(name, "signet") == 0;
}
