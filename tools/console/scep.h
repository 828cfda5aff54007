// SPDX-License-Identifier: Apache-2.0
/* The menus and commands of SCEP. */
#ifndef SIGNET_CONSOLE_SCEP_H
#define SIGNET_CONSOLE_SCEP_H

#include "console.h"

extern const struct menu menu_certificate_scep_server, menu_certificate_scep_server_otp,
    menu_certificate_scep_server_requests;

#endif
