// SPDX-License-Identifier: Apache-2.0
/* Between menu_certificate.c and certificate_commands.c. */
#ifndef SIGNET_CONSOLE_CERTIFICATE_H
#define SIGNET_CONSOLE_CERTIFICATE_H

#include "console.h"

#include <stdlib.h>

extern const struct command certificate_commands[];

/* What trust-store takes. */
extern const char *const certificate_trust_values[];

#endif
