// SPDX-License-Identifier: Apache-2.0
/* The tree of menus, and the finding of menus, commands and properties by name or beginning. */
#include "console.h"

#include "acme.h"
#include "kept.h"
#include "scep.h"
#include "user.h"

#include <string.h>

static const struct menu root = {.path = "/", .kind = MENU_FOLDER, .help = "the router"};

const struct menu *const console_menus[] = {
    &root,
    &menu_certificate,
    &menu_certificate_acme,
    &menu_certificate_acme_account,
    &menu_certificate_builtin,
    &menu_certificate_crl,
    &menu_certificate_scep,
    &menu_certificate_scep_server,
    &menu_certificate_scep_server_otp,
    &menu_certificate_scep_server_requests,
    &menu_certificate_settings,
    &menu_file,
    &menu_interface,
    &menu_interface_sstp_server,
    &menu_interface_sstp_server_server,
    &menu_ip,
    &menu_ip_dns,
    &menu_ip_hotspot,
    &menu_ip_hotspot_profile,
    &menu_ip_service,
    &menu_log,
    &menu_system,
    &menu_system_resource,
    &menu_tool,
    &menu_user,
    NULL,
};

const char *menu_name(const struct menu *menu)
{
    return strrchr(menu->path, '/') + 1;
}

int menu_is_child(const struct menu *menu, const struct menu *parent)
{
    size_t len = parent->path[1] == '\0' ? 0 : strlen(parent->path);

    return menu != parent && strncmp(menu->path, parent->path, len) == 0 && menu->path[len] == '/' &&
           menu->path[len + 1] != '\0' && strchr(menu->path + len + 1, '/') == NULL;
}

const struct menu *menu_parent(const struct menu *menu)
{
    size_t i;

    for (i = 0; console_menus[i] != NULL; i++) {
        if (menu_is_child(menu, console_menus[i]))
            return console_menus[i];
    }
    return console_menus[0];
}

/* 2: the name; 1: a beginning of it; 0: neither. */
static int match(const char *name, const char *text)
{
    size_t len = strlen(text);

    return len > 0 && strncmp(name, text, len) == 0 ? 1 + (name[len] == '\0') : 0;
}

const struct menu *menu_find(const struct menu *parent, const char *name, int *is_ambiguous)
{
    const struct menu *found = NULL;
    size_t i;

    *is_ambiguous = 0;
    for (i = 0; console_menus[i] != NULL; i++) {
        int quality = menu_is_child(console_menus[i], parent) ? match(menu_name(console_menus[i]), name) : 0;

        if (quality == 2) {
            *is_ambiguous = 0;
            return console_menus[i];
        }
        if (quality == 1) {
            *is_ambiguous = found != NULL;
            found = console_menus[i];
        }
    }
    return *is_ambiguous ? NULL : found;
}

const struct command *menu_command(const struct menu *menu, size_t n)
{
    const struct command *command;
    size_t i;

    for (command = menu->commands; command != NULL && command->name[0] != '\0'; command++) {
        if (n-- == 0)
            return command;
    }
    for (i = 0; items_commands[i].name[0] != '\0'; i++) {
        /* enable and disable are one bit. */
        unsigned bit = i < 6 ? 1u << i : STD_ENABLE;

        if ((menu->standard & bit) && n-- == 0)
            return &items_commands[i];
    }
    return NULL;
}

const struct command *menu_find_command(const struct menu *menu, const char *name, int *is_ambiguous)
{
    const struct command *found = NULL, *command;
    size_t n;

    *is_ambiguous = 0;
    for (n = 0; (command = menu_command(menu, n)) != NULL; n++) {
        int quality = match(command->name, name);

        if (quality == 2) {
            *is_ambiguous = 0;
            return command;
        }
        if (quality == 1) {
            *is_ambiguous = found != NULL;
            found = command;
        }
    }
    return *is_ambiguous ? NULL : found;
}

int menu_resolve(const struct menu *parent, const char *name, const struct menu **menu,
                 const struct command **command, int *is_ambiguous)
{
    int is_ambiguous_menu, is_ambiguous_command;

    *menu = menu_find(parent, name, &is_ambiguous_menu);
    *command = menu_find_command(parent, name, &is_ambiguous_command);
    if (*menu != NULL && strcmp(menu_name(*menu), name) == 0) {
        *command = NULL;
        is_ambiguous_command = 0;
    } else if (*command != NULL && strcmp((*command)->name, name) == 0) {
        *menu = NULL;
        is_ambiguous_menu = 0;
    }
    *is_ambiguous = is_ambiguous_menu || is_ambiguous_command || (*menu != NULL && *command != NULL);
    return !*is_ambiguous && (*menu != NULL || *command != NULL);
}

const struct property *property_find(const struct property *properties, const char *name, unsigned flags,
                                     int *is_ambiguous)
{
    const struct property *found = NULL, *property;

    *is_ambiguous = 0;
    for (property = properties; property != NULL && property->name[0] != '\0'; property++) {
        int quality = flags == 0 || (property->flags & flags) ? match(property->name, name) : 0;

        if (quality == 2) {
            *is_ambiguous = 0;
            return property;
        }
        if (quality == 1) {
            *is_ambiguous = found != NULL;
            found = property;
        }
    }
    return *is_ambiguous ? NULL : found;
}
