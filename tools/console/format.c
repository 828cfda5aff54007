// SPDX-License-Identifier: Apache-2.0
/* The faces of print, laid out as RouterOS does it. */
#include "console.h"

#include "answer.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---- text on a terminal ---- */

#define BOLD   "\033[1m"
#define YELLOW "\033[33m"
#define RESET  "\033[0m"

/* What a terminal would obey is shown, not done: names and subjects come from strangers. */
static void put_safe(const char *text)
{
    const unsigned char *p;

    for (p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            putchar('?');
        else
            putchar(*p);
    }
}

/* Columns on the screen; bytes where the locale does not know the text. */
static int text_width(const char *text)
{
    mbstate_t state = {0};
    int width = 0;

    while (*text != '\0') {
        wchar_t c;
        size_t n = mbrtowc(&c, text, 6, &state);
        int columns;

        if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
            return width + (int)strlen(text);
        columns = wcwidth(c);
        width += columns > 0 ? columns : 1;
        text += n;
    }
    return width;
}

static void put_padded(const char *text, int width)
{
    int have = text_width(text);

    put_safe(text);
    for (; have < width; have++)
        putchar(' ');
}

static void put_upper(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(toupper((unsigned char)*text));
}

/* ---- flags ---- */

static unsigned used_flags(const struct table *table)
{
    unsigned used = 0;
    size_t i;

    for (i = 0; i < table->rows_count; i++)
        used |= table->rows[i].flags;
    return used;
}

/* Columns up to the last flag that any row has. */
static int flags_width(const struct table *table)
{
    unsigned used = used_flags(table);
    int i, width = 0;

    for (i = 0; table->menu->flags != NULL && table->menu->flags[i].letter != 0; i++) {
        if (used & table->menu->flags[i].bit)
            width = i + 1;
    }
    return width;
}

static void put_legend(const struct table *table)
{
    unsigned used = used_flags(table);
    const struct flag *flag;
    int n = 0;

    for (flag = table->menu->flags; flag != NULL && flag->letter != 0; flag++) {
        if (used & flag->bit) {
            printf("%s%c - ", n++ == 0 ? "Flags: " : "; ", flag->letter);
            put_upper(flag->name);
        }
    }
    if (n > 0)
        putchar('\n');
}

static void put_flags(const struct console *console, const struct table *table, const struct row *row,
                      int width)
{
    int i;

    if (console->has_colour)
        fputs(YELLOW, stdout);
    for (i = 0; i < width; i++)
        putchar(row->flags & table->menu->flags[i].bit ? table->menu->flags[i].letter : ' ');
    if (console->has_colour)
        fputs(RESET, stdout);
}

/* ---- numbers ---- */

static void number_text(char text[24], const struct table *table, size_t i, unsigned print)
{
    if (print & PRINT_SHOW_IDS)
        snprintf(text, 24, "*%" PRIX64, (uint64_t)table->rows[i].id);
    else
        snprintf(text, 24, "%zu", i);
}

static int numbers_width(const struct table *table, unsigned print)
{
    int width = 1;
    size_t i;

    for (i = 0; i < table->rows_count; i++) {
        char text[24];

        number_text(text, table, i, print);
        if ((int)strlen(text) > width)
            width = (int)strlen(text);
    }
    return width;
}

/* ---- the table ---- */

static int is_empty_column(const struct table *table, size_t column)
{
    size_t i;

    for (i = 0; i < table->rows_count; i++) {
        const char *value = table->rows[i].values[column];

        if (value != NULL && *value != '\0')
            return 0;
    }
    return 1;
}

static int column_width(const struct table *table, size_t column)
{
    int width = (int)strlen(table->properties[column]->name);
    size_t i;

    for (i = 0; i < table->rows_count; i++) {
        const char *value = table->rows[i].values[column];
        int have = value != NULL ? text_width(value) : 0;

        if (have > width)
            width = have;
    }
    return width;
}

static void put_columns(const struct table *table, const int *widths)
{
    const char *separator = "Columns: ";
    size_t c;

    for (c = 0; c < table->properties_count; c++) {
        if (widths[c] == 0)
            continue;
        fputs(separator, stdout);
        put_upper(table->properties[c]->name);
        separator = ", ";
    }
    putchar('\n');
}

static void put_header(const struct console *console, const struct table *table, const int *widths, int lead)
{
    const char *separator = "";
    size_t c, last = 0;

    for (c = 0; c < table->properties_count; c++) {
        if (widths[c] > 0)
            last = c;
    }
    if (console->has_colour)
        fputs(BOLD, stdout);
    printf("#%*s", lead - 1, "");
    for (c = 0; c < table->properties_count; c++) {
        int pad = c < last ? widths[c] - (int)strlen(table->properties[c]->name) : 0;

        if (widths[c] == 0)
            continue;
        fputs(separator, stdout);
        put_upper(table->properties[c]->name);
        printf("%*s", pad, "");
        separator = "  ";
    }
    if (console->has_colour)
        fputs(RESET, stdout);
    putchar('\n');
}

static void put_row(const struct console *console, const struct table *table, size_t r, const int *widths,
                    int number, int flags, unsigned print)
{
    const struct row *row = &table->rows[r];
    const char *separator = "";
    char text[24];
    size_t c, last = 0;

    for (c = 0; c < table->properties_count; c++) {
        if (widths[c] > 0 && row->values[c] != NULL && *row->values[c] != '\0')
            last = c;
    }
    number_text(text, table, r, print);
    printf("%-*s ", number, text);
    if (flags > 0) {
        put_flags(console, table, row, flags);
        putchar(' ');
    }
    for (c = 0; c <= last && c < table->properties_count; c++) {
        if (widths[c] == 0)
            continue;
        fputs(separator, stdout);
        put_padded(row->values[c] != NULL ? row->values[c] : "", c < last ? widths[c] : 0);
        separator = "  ";
    }
    putchar('\n');
}

void format_table(struct console *console, const struct table *table, unsigned print)
{
    int *widths = OPENSSL_zalloc((table->properties_count + 1) * sizeof(*widths));
    int number = numbers_width(table, print), flags = flags_width(table);
    size_t i;

    if (widths == NULL || table->rows_count == 0) {
        OPENSSL_free(widths);
        return;
    }
    for (i = 0; i < table->properties_count; i++)
        widths[i] = is_empty_column(table, i) ? 0 : column_width(table, i);
    put_legend(table);
    put_columns(table, widths);
    put_header(console, table, widths, number + 1 + (flags > 0 ? flags + 1 : 0));
    for (i = 0; i < table->rows_count; i++)
        put_row(console, table, i, widths, number, flags, print);
    OPENSSL_free(widths);
}

/* ---- detail and terse ---- */

static int is_quoted(const struct property *property, const char *value)
{
    return property->type == TYPE_TEXT || property->type == TYPE_CERTIFICATE || property->type == TYPE_FILE ||
           strpbrk(value, " \"\\;") != NULL;
}

/* The value as the console would read it. */
static char *quoted(const char *value)
{
    size_t size = 4 * strlen(value) + 3, n = 0;
    char *text = OPENSSL_malloc(size);

    if (text == NULL)
        return NULL;
    text[n++] = '"';
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if (c == '"' || c == '\\' || c == '$') {
            text[n++] = '\\';
            text[n++] = (char)c;
        } else if (c < ' ' || c == 0x7f) {
            n += (size_t)snprintf(text + n, size - n, "\\%02X", c);
        } else {
            text[n++] = (char)c;
        }
    }
    text[n++] = '"';
    text[n] = '\0';
    return text;
}

static char *assignment(const struct property *property, const char *value)
{
    char *shown = property->type == TYPE_SECRET ? OPENSSL_strdup(*value != '\0' ? "*****" : "")
                  : is_quoted(property, value)  ? quoted(value)
                                                : OPENSSL_strdup(value);
    size_t size = shown != NULL ? strlen(property->name) + strlen(shown) + 2 : 0;
    char *text = shown != NULL ? OPENSSL_malloc(size) : NULL;

    if (text != NULL)
        snprintf(text, size, "%s=%s", property->name, shown);
    OPENSSL_free(shown);
    return text;
}

int property_is_left_out(const struct property *property, const char *value)
{
    return value == NULL || (*value == '\0' && (property->flags & PROP_QUIET));
}

void format_detail(struct console *console, const struct table *table, unsigned print)
{
    int number = numbers_width(table, print), flags = flags_width(table);
    int lead = 1 + number + 1 + (flags > 0 ? flags + 1 : 0), width = console->width > 40 ? console->width : 0;
    size_t r, c;

    put_legend(table);
    for (r = 0; r < table->rows_count; r++) {
        int column = lead, is_first = 1;
        char text[24];

        number_text(text, table, r, print);
        printf(" %*s ", number, text);
        if (flags > 0) {
            put_flags(console, table, &table->rows[r], flags);
            putchar(' ');
        }
        for (c = 0; c < table->properties_count; c++) {
            const char *value = table->rows[r].values[c];
            char *pair = property_is_left_out(table->properties[c], value)
                             ? NULL
                             : assignment(table->properties[c], value);
            int have = pair != NULL ? text_width(pair) : 0;

            if (pair == NULL)
                continue;
            if (!is_first && width > 0 && column + 1 + have > width) {
                printf("\n%*s", lead, "");
                column = lead;
            } else if (!is_first) {
                putchar(' ');
                column++;
            }
            put_safe(pair);
            column += have;
            is_first = 0;
            OPENSSL_free(pair);
        }
        printf("\n%s", r + 1 < table->rows_count ? "\n" : "");
    }
}

void format_terse(struct console *console, const struct table *table, unsigned print)
{
    int flags = flags_width(table);
    size_t r, c;

    (void)console;
    for (r = 0; r < table->rows_count; r++) {
        char text[24];

        number_text(text, table, r, print);
        fputs(text, stdout);
        if (flags > 0) {
            putchar(' ');
            put_flags(&(struct console){0}, table, &table->rows[r], flags);
        }
        for (c = 0; c < table->properties_count; c++) {
            const char *value = table->rows[r].values[c];
            char *pair = property_is_left_out(table->properties[c], value)
                             ? NULL
                             : assignment(table->properties[c], value);

            if (pair != NULL) {
                putchar(' ');
                put_safe(pair);
            }
            OPENSSL_free(pair);
        }
        putchar('\n');
    }
}

/* ---- value-list: also how settings are shown ---- */

static int widest_value(const struct table *table, const struct row *row)
{
    int width = 0;
    size_t c;

    for (c = 0; c < table->properties_count; c++) {
        int have = row->values[c] != NULL ? text_width(row->values[c]) : 0;

        width = have > width ? have : width;
    }
    return width;
}

/* A property that none of them has. */
static int is_absent(const struct table *table, size_t column)
{
    size_t r;

    for (r = 0; r < table->rows_count; r++) {
        const char *value = table->rows[r].values[column];

        if (value != NULL && (*value != '\0' || !(table->properties[column]->flags & PROP_QUIET)))
            return 0;
    }
    return 1;
}

void format_value_list(struct console *console, const struct table *table)
{
    int *widths = OPENSSL_zalloc((table->rows_count + 1) * sizeof(*widths)), names = 0;
    size_t r, c;

    (void)console;
    if (widths == NULL)
        return;
    for (r = 0; r + 1 < table->rows_count; r++)
        widths[r] = widest_value(table, &table->rows[r]);
    for (c = 0; c < table->properties_count; c++) {
        int len = (int)strlen(table->properties[c]->name);

        names = len > names ? len : names;
    }
    for (c = 0; c < table->properties_count; c++) {
        if (is_absent(table, c))
            continue;
        printf("%*s:", names + 2, table->properties[c]->name);
        for (r = 0; r < table->rows_count; r++) {
            const char *value = table->rows[r].values[c];
            int is_hidden = value != NULL && *value != '\0' && table->properties[c]->type == TYPE_SECRET;

            putchar(' ');
            put_padded(is_hidden ? "*****" : value != NULL ? value : "", widths[r]);
        }
        putchar('\n');
    }
    OPENSSL_free(widths);
}

/* ---- for programs ---- */

char *format_as_value(const struct table *table)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *text;
    size_t r, c;
    long len;

    if (bio == NULL)
        return NULL;
    for (r = 0; r < table->rows_count; r++) {
        const char *separator = r > 0 ? ";" : "";

        if (table->menu->kind == MENU_ITEMS) {
            BIO_printf(bio, "%s.id=*%" PRIX64, separator, (uint64_t)table->rows[r].id);
            separator = ";";
        }
        for (c = 0; c < table->properties_count; c++) {
            const char *value = table->rows[r].values[c];

            if (value == NULL)
                continue;
            BIO_printf(bio, "%s%s=", separator, table->properties[c]->name);
            BIO_puts(bio, value);
            separator = ";";
        }
    }
    len = BIO_get_mem_data(bio, &data);
    text = len > 0 ? OPENSSL_strndup(data, (size_t)len) : OPENSSL_strdup("");
    BIO_free(bio);
    return text;
}

static json_t *json_row(const struct table *table, const struct row *row)
{
    json_t *object = json_object();
    const struct flag *flag;
    char id[24];
    size_t c;

    snprintf(id, sizeof(id), "*%" PRIX64, (uint64_t)row->id);
    if (table->menu->kind == MENU_ITEMS)
        json_object_set_new(object, ".id", json_string(id));
    for (c = 0; c < table->properties_count; c++) {
        if (!property_is_left_out(table->properties[c], row->values[c]) &&
            table->properties[c]->type != TYPE_SECRET)
            json_object_set_new(object, table->properties[c]->name, answer_text(row->values[c]));
    }
    for (flag = table->menu->flags; flag != NULL && flag->letter != 0; flag++) {
        if (json_object_get(object, flag->name) == NULL)
            json_object_set_new(object, flag->name, json_string(row->flags & flag->bit ? "true" : "false"));
    }
    return object;
}

int format_json(struct console *console, const struct table *table)
{
    json_t *root;
    size_t r;
    int ok;

    if (table->menu->kind == MENU_SETTINGS) {
        root = json_row(table, &table->rows[0]);
    } else {
        root = json_array();
        for (r = 0; r < table->rows_count; r++)
            json_array_append_new(root, json_row(table, &table->rows[r]));
    }
    ok = root != NULL && json_dumpf(root, stdout, JSON_INDENT(2)) == 0;
    putchar('\n');
    json_decref(root);
    return ok || console_fail(console, "JSON can't be written");
}
