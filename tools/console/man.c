// SPDX-License-Identifier: Apache-2.0
/* The manual page's part about menus, in mdoc(7), from the tables. */
#include "console.h"

#include <ctype.h>
#include <string.h>

/* Backslashes, and what would be a macro at the beginning of a line. */
static void put(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text != '\0'; text++)
        fputs(*text == '\\' ? "\\e" : (char[]){*text, '\0'}, out);
}

static void put_property(FILE *out, const struct property *property)
{
    size_t i;

    fprintf(out, ".It Cm %s\n", property->name);
    put(out, property->help);
    if (property->flags & PROP_NEEDED)
        fputs("; needed", out);
    if (property->type == TYPE_NUMBER)
        fprintf(out, "; %lld to %lld", (long long)property->min, (long long)property->max);
    if (property->type == TYPE_BOOL)
        fputs("; yes or no", out);
    if (property->values != NULL) {
        fputs(property->type == TYPE_LIST ? "; some of" : "; one of", out);
        for (i = 0; property->values[i] != NULL; i++)
            fprintf(out, " %s", property->values[i]);
    }
    fputs(".\n", out);
    if (property->initial != NULL)
        fprintf(out, "Default: %s.\n", property->initial);
}

static void put_list(FILE *out, const char *title, const struct property *properties, unsigned flags,
                     int is_only)
{
    const struct property *property;
    int count = 0;

    for (property = properties; property != NULL && property->name[0] != '\0'; property++) {
        if (is_only ? (property->flags & PROP_BOTH) != 0 : flags != 0 && !(property->flags & flags))
            continue;
        if (count++ == 0)
            fprintf(out, ".Pp\n%s\n.Bl -tag -width Ds -compact\n", title);
        put_property(out, property);
    }
    if (count > 0)
        fputs(".El\n", out);
}

static void put_command(FILE *out, const struct command *command)
{
    fprintf(out, ".Pp\n.Ic %s", command->name);
    if (command->flags & COMMAND_ITEMS)
        fputs(command->flags & COMMAND_OPTIONAL ? " Op Ar items" : " Ar items", out);
    fputc('\n', out);
    put(out, command->help);
    fprintf(out, ".%s\n", command->not_yet != NULL ? "\nNot yet there." : "");
    put_list(out, "Its parameters are:", command->parameters, 0, 0);
}

static void put_menu(FILE *out, const struct menu *menu)
{
    const struct command *command;
    const struct flag *flag;
    size_t i;

    fprintf(out, ".Ss %s\n", menu->path);
    fputc(toupper((unsigned char)menu->help[0]), out);
    put(out, menu->help + 1);
    fputs(".\n", out);
    if (menu->not_yet != NULL) {
        fputs("Not yet: ", out);
        put(out, menu->not_yet);
        fputs(".\n", out);
    }
    put_list(out, "Properties that can be given:", menu->properties, PROP_BOTH, 0);
    put_list(out, "Properties that are only shown:", menu->properties, 0, 1);
    if (menu->flags != NULL && menu->flags[0].letter != 0) {
        fputs(".Pp\nFlags:\n", out);
        for (flag = menu->flags; flag->letter != 0; flag++)
            fprintf(out, "%c %s%s\n", flag->letter, flag->name, flag[1].letter != 0 ? "," : ".");
    }
    for (i = 0; (command = menu_command(menu, i)) != NULL; i++)
        put_command(out, command);
}

void man_print(FILE *out)
{
    const struct print_name *name;
    size_t i;

    fputs("Every\n.Cm print\ntakes these words, besides\n.Cm proplist\nand\n.Cm where :\n.Bl -tag -width Ds "
          "-compact\n",
          out);
    for (name = console_print_names; name->name[0] != '\0'; name++) {
        fprintf(out, ".It Cm %s\n", name->name);
        put(out, name->help);
        fputs(".\n", out);
    }
    fputs(".El\n", out);
    for (i = 0; console_menus[i] != NULL; i++) {
        if (console_menus[i]->kind != MENU_FOLDER || console_menus[i]->commands != NULL)
            put_menu(out, console_menus[i]);
    }
}
