// SPDX-License-Identifier: Apache-2.0
/* The menus and commands of SCEP. */
#ifndef SIGNET_CONSOLE_SCEP_H
#define SIGNET_CONSOLE_SCEP_H

#include "console.h"

int scep_run_add(struct call *call);
int scep_run_renew(struct call *call);
extern const struct property scep_add_parameters[];
/* A certificate is going to be removed: so is its entry. */
int scep_certificate_removed(struct console *console, int64_t certificate);

extern const struct menu menu_certificate_scep, menu_certificate_scep_server,
    menu_certificate_scep_server_otp, menu_certificate_scep_server_requests;

#endif
