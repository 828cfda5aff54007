// SPDX-License-Identifier: Apache-2.0
/* Help behind "?", from the tables. */
#include "console.h"

#include <string.h>

static void line(const char *name, const char *help)
{
    printf("  %-26s  %s\n", name, help != NULL ? help : "");
}

static const char *type_text(const struct property *property, char *buf, size_t size)
{
    size_t i;

    switch (property->type) {
    case TYPE_BOOL:
        return "yes | no";
    case TYPE_NUMBER:
        snprintf(buf, size, "%lld..%lld", (long long)property->min, (long long)property->max);
        return buf;
    case TYPE_DURATION:
        return "time";
    case TYPE_CERTIFICATE:
        return "certificate";
    case TYPE_FILE:
        return "file";
    case TYPE_ITEM:
        return "item";
    case TYPE_ENUM:
    case TYPE_LIST:
        if (property->values == NULL)
            return "";
        buf[0] = '\0';
        for (i = 0; property->values[i] != NULL; i++) {
            OPENSSL_strlcat(buf, i > 0 ? (property->type == TYPE_LIST ? "," : " | ") : "", size);
            OPENSSL_strlcat(buf, property->values[i], size);
        }
        return buf;
    case TYPE_TEXT:
    case TYPE_SECRET:
        break;
    }
    return "text";
}

static void property_line(const struct property *property)
{
    char values[600], text[900];

    snprintf(text, sizeof(text), "%s%s [%s]%s%s", property->help,
             property->flags & PROP_NEEDED ? " (needed)" : "", type_text(property, values, sizeof(values)),
             property->initial != NULL ? ", default " : "",
             property->initial != NULL ? property->initial : "");
    line(property->name, text);
}

void help_menu(struct console *console, const struct menu *menu)
{
    const struct command *command;
    size_t i;

    (void)console;
    printf("%s: %s\n", menu->path, menu->help);
    for (i = 0; console_menus[i] != NULL; i++) {
        if (menu_is_child(console_menus[i], menu))
            line(menu_name(console_menus[i]), console_menus[i]->help);
    }
    for (i = 0; (command = menu_command(menu, i)) != NULL; i++)
        line(command->name, command->help);
    if (menu->path[1] != '\0')
        line("..", "the menu above");
}

void help_command(struct console *console, const struct menu *menu, const struct command *command)
{
    unsigned wanted = command->flags & COMMAND_ADD ? PROP_ADD : command->flags & COMMAND_SET ? PROP_SET : 0;
    const struct property *property;
    const struct print_name *name;

    (void)console;
    printf("%s %s: %s\n", menu->path, command->name, command->help);
    if ((command->flags & COMMAND_ITEMS) && menu->kind == MENU_ITEMS)
        line("numbers", command->flags & COMMAND_SINGLE ? "an item: its name, number or *id"
                                                        : "items: names, numbers, *ids, or [find …]");
    for (property = command->parameters; property != NULL && property->name[0] != '\0'; property++)
        property_line(property);
    for (property = menu->properties; wanted != 0 && property != NULL && property->name[0] != '\0';
         property++) {
        if (property->flags & wanted)
            property_line(property);
    }
    for (name = console_print_names; (command->flags & COMMAND_PRINT) && name->name[0] != '\0'; name++)
        line(name->name, name->help);
    if (command->flags & COMMAND_PRINT)
        line("proplist", "the properties to show, with commas");
    if ((command->flags & COMMAND_WHERE) && menu->kind == MENU_ITEMS) {
        const struct flag *flag;

        line("where", "a condition: property = != < > <= >= ~ value, or a flag; and, or, !, ( )");
        for (flag = menu->flags; flag != NULL && flag->letter != 0; flag++)
            printf("      %c  %s\n", flag->letter, flag->name);
    }
}
