// SPDX-License-Identifier: Apache-2.0
/* /system hardware: what signet hw print and signet hw stats tell, as items. */
#include "console.h"

#include <inttypes.h>
#include <string.h>

/* Both have no ids of their own: the place in the list is one. */
struct walk {
    const struct hint *hint;
    item_fn *fn;
    void *arg;
    int64_t id;
    int is_over;
};

static void visit(struct walk *walk, void *data)
{
    struct item item = {.id = ++walk->id, .data = data};

    if (!walk->is_over && (walk->hint->id == 0 || walk->hint->id == item.id))
        walk->is_over = !walk->fn(walk->arg, &item);
}

/* ---- /system hardware ---- */

enum { NAME, DESCRIPTION };

static const struct property hardware_properties[] = {
    {"name", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "what it could be", NAME},
    {"description", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "what is here, and how it is reached",
     DESCRIPTION},
    {.name = ""},
};

/* "tpm: ..." */
static void visit_line(void *arg, const char *line)
{
    visit(arg, (void *)line);
}

static int hardware_each(struct console *console, const struct menu *menu, const struct hint *hint,
                         item_fn *fn, void *arg)
{
    struct walk walk = {.hint = hint, .fn = fn, .arg = arg};
    struct hw *hw = hint->name == NULL ? tool_hw(console->tool) : NULL;

    (void)menu;
    return hint->name != NULL || (hw != NULL && hw_print(hw, visit_line, &walk));
}

static char *hardware_value(struct console *console, const struct menu *menu, const struct item *item,
                            const struct property *property)
{
    const char *line = item->data;
    size_t len = strcspn(line, ":");

    (void)console;
    (void)menu;
    if (property->field == NAME)
        return OPENSSL_strndup(line, len);
    return OPENSSL_strdup(line + len + strspn(line + len, ": "));
}

const struct menu menu_system_hardware = {
    .path = "/system/hardware",
    .kind = MENU_ITEMS,
    .help = "what can hold keys and sign",
    .properties = hardware_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET,
    .each = hardware_each,
    .count = items_count,
    .value = hardware_value,
};

/* ---- /system hardware lane ---- */

enum { PROGRAM, PID, LANE, OPERATIONS, SERVICE, BUSY, FAILURES, TIMEOUTS, WRONG, BREAKER };

static const struct property lane_properties[] = {
    {"program", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "that signs", PROGRAM},
    {"pid", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "its process", PID},
    {"lane", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "by what", LANE},
    {"operations", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "since the program's start", OPERATIONS},
    {"service-us", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "what one takes lately, microseconds", SERVICE},
    {"busy", TYPE_ENUM, 0, NULL, 0, 0, NULL, "times that it was too busy", BUSY},
    {"failures", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "operations that failed", FAILURES},
    {"timeouts", TYPE_ENUM, 0, NULL, 0, 0, NULL, "that took too long", TIMEOUTS},
    {"wrong", TYPE_ENUM, 0, NULL, 0, 0, NULL, "results that were wrong, and not used", WRONG},
    {"breaker", TYPE_ENUM, 0, NULL, 0, 0, NULL, "open: it is left alone for a while", BREAKER},
    {.name = ""},
};

static void visit_lane(void *arg, const struct hw_stats *stats)
{
    visit(arg, (void *)stats);
}

/* Nobody counts where the folder is not there. */
static int lane_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                     void *arg)
{
    const char *folder = console->tool->config.stats_directory;
    struct walk walk = {.hint = hint, .fn = fn, .arg = arg};

    (void)menu;
    if (hint->name == NULL)
        hw_stats_each(folder != NULL ? folder : HW_STATS_FOLDER, visit_lane, &walk);
    return 1;
}

static char *lane_value(struct console *console, const struct menu *menu, const struct item *item,
                        const struct property *property)
{
    const struct hw_stats *stats = item->data;
    const uint64_t numbers[] = {
        [PID] = (uint64_t)stats->pid, [OPERATIONS] = stats->operations, [SERVICE] = stats->service_us,
        [BUSY] = stats->busy,         [FAILURES] = stats->failures,     [TIMEOUTS] = stats->timeouts,
        [WRONG] = stats->wrong,
    };
    char text[24];

    (void)console;
    (void)menu;
    switch (property->field) {
    case PROGRAM:
        return OPENSSL_strdup(stats->program);
    case LANE:
        return OPENSSL_strdup(stats->lane);
    case BREAKER:
        return OPENSSL_strdup(stats->is_open ? "open" : "closed");
    }
    snprintf(text, sizeof(text), "%" PRIu64, numbers[property->field]);
    return OPENSSL_strdup(text);
}

const struct menu menu_system_hardware_lane = {
    .path = "/system/hardware/lane",
    .kind = MENU_ITEMS,
    .help = "what has been signed, by what and how fast",
    .properties = lane_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET,
    .each = lane_each,
    .count = items_count,
    .value = lane_value,
};
