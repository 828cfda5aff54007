// SPDX-License-Identifier: Apache-2.0
/* Menus whose items and properties are settings of the store, and nothing more. */
#ifndef SIGNET_CONSOLE_KEPT_H
#define SIGNET_CONSOLE_KEPT_H

#include "console.h"

extern const struct menu menu_interface, menu_interface_sstp_server, menu_interface_sstp_server_server,
    menu_ip, menu_ip_dns, menu_ip_hotspot, menu_ip_hotspot_profile, menu_ip_service;

/* Items that are always there: id is 1, 2, …; the values override the properties' initial ones. */
struct kept_seed {
    const struct menu *menu;
    int64_t id;
    const char *property, *value;
};
extern const struct kept_seed kept_seeds[]; /* by menu and id; ends with menu NULL */

#endif
