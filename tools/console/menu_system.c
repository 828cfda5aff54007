// SPDX-License-Identifier: Apache-2.0
/* /file, /log and /system resource. */
#include "console.h"

#include "tools/duration.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- /file ---- */

#define FILES_DEPTH_MAX   8
#define FILE_CONTENTS_MAX 4096      /* bytes that are shown */
#define FILE_WRITE_MAX    (1 << 20) /* bytes that add and set take */

enum { FILE_NAME, FILE_TYPE, FILE_SIZE, FILE_TIME, FILE_CONTENTS };

static const struct property file_properties[] = {
    {"name", TYPE_FILE, PROP_ADD | PROP_COLUMN | PROP_NEEDED, NULL, 0, 0, NULL, "path below the files folder",
     FILE_NAME},
    {"type", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "by its ending", FILE_TYPE},
    {"size", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "bytes", FILE_SIZE},
    {"last-modified", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "local time", FILE_TIME},
    {"contents", TYPE_TEXT, PROP_BOTH | PROP_QUIET | PROP_HIDDEN, NULL, 0, FILE_WRITE_MAX, NULL,
     "of a short text", FILE_CONTENTS},
    {.name = ""},
};

struct file {
    char name[512]; /* below files/ */
    struct stat st;
};

struct walk {
    struct console *console;
    const struct hint *hint;
    item_fn *fn;
    void *arg;
};

/* The inode's number serves as id: it stays the same as long as the file. */
static int visit_file(struct walk *walk, struct file *file)
{
    struct item item = {.id = (int64_t)file->st.st_ino, .data = file};

    if ((walk->hint->id != 0 && walk->hint->id != item.id) ||
        (walk->hint->name != NULL && strcmp(walk->hint->name, file->name) != 0))
        return 1;
    return walk->fn(walk->arg, &item);
}

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* folder is "" or a path with a slash at its end. */
static int walk_folder(struct walk *walk, const char *folder, int depth)
{
    char *path = store_file_path(walk->console->store, ""), full[1024];
    struct dirent **entries = NULL;
    int n = 0, i, wanted = 1;

    if (path != NULL) {
        snprintf(full, sizeof(full), "%.500s/%.500s", path, folder);
        n = scandir(full, &entries, skip_hidden, alphasort);
    }
    for (i = 0; i < n; i++) {
        struct file file;
        char entry[1600];

        snprintf(entry, sizeof(entry), "%s/%s", full, entries[i]->d_name);
        if (wanted &&
            (size_t)snprintf(file.name, sizeof(file.name), "%s%s", folder, entries[i]->d_name) <
                sizeof(file.name) &&
            lstat(entry, &file.st) == 0) {
            wanted = visit_file(walk, &file);
            if (wanted && S_ISDIR(file.st.st_mode) && depth < FILES_DEPTH_MAX) {
                OPENSSL_strlcat(file.name, "/", sizeof(file.name));
                wanted = walk_folder(walk, file.name, depth + 1);
            }
        }
        free(entries[i]);
    }
    free(entries);
    OPENSSL_free(path);
    return wanted;
}

static int file_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                     void *arg)
{
    struct walk walk = {console, hint, fn, arg};

    (void)menu;
    if (console_store(console) == NULL)
        return 0;
    walk_folder(&walk, "", 0);
    return 1;
}

static char *file_type(const struct file *file)
{
    const char *dot = strrchr(file->name, '.');
    char text[64];

    if (S_ISDIR(file->st.st_mode))
        return OPENSSL_strdup("directory");
    if (!S_ISREG(file->st.st_mode))
        return OPENSSL_strdup("special");
    snprintf(text, sizeof(text), "%.32s file", dot != NULL && strchr(dot, '/') == NULL ? dot : "");
    return OPENSSL_strdup(text[0] == ' ' ? text + 1 : text);
}

static char *file_contents(struct console *console, const struct file *file)
{
    unsigned char *data;
    size_t len = 0;
    char *text;

    if (!S_ISREG(file->st.st_mode) || file->st.st_size > FILE_CONTENTS_MAX)
        return NULL;
    data = store_file_read(console->store, file->name, &len);
    if (data == NULL)
        return NULL;
    text = memchr(data, 0, len) == NULL ? OPENSSL_strndup((char *)data, len) : NULL;
    OPENSSL_clear_free(data, len + 1);
    return text;
}

static char *file_value(struct console *console, const struct menu *menu, const struct item *item,
                        const struct property *property)
{
    const struct file *file = item->data;
    char text[24];

    (void)menu;
    switch (property->field) {
    case FILE_NAME:
        return OPENSSL_strdup(file->name);
    case FILE_TYPE:
        return file_type(file);
    case FILE_SIZE:
        snprintf(text, sizeof(text), "%" PRId64, (int64_t)file->st.st_size);
        return S_ISREG(file->st.st_mode) ? OPENSSL_strdup(text) : NULL;
    case FILE_TIME:
        return value_of_time(file->st.st_mtime);
    case FILE_CONTENTS:
        return file_contents(console, file);
    }
    return NULL;
}

static int file_write(struct call *call, const char *name)
{
    const char *contents = call_text(call, "contents");

    return store_file_write(console_store(call->console), name, contents != NULL ? contents : "",
                            contents != NULL ? strlen(contents) : 0);
}

static int file_add(struct call *call, int64_t *id)
{
    char *path = store_file_path(call->console->store, call_text(call, "name"));
    struct stat st;
    int ok = path != NULL;

    if (ok && stat(path, &st) == 0)
        ok = console_fail(call->console, "file %s is there already", call_text(call, "name"));
    ok = ok && file_write(call, call_text(call, "name")) && stat(path, &st) == 0;
    *id = ok ? (int64_t)st.st_ino : 0;
    OPENSSL_free(path);
    return ok;
}

static int take_name(void *arg, struct item *item)
{
    OPENSSL_strlcpy(arg, ((struct file *)item->data)->name, 512);
    return 0;
}

static int file_name(struct call *call, int64_t id, char name[512])
{
    name[0] = '\0';
    return file_each(call->console, call->menu, &(struct hint){.id = id}, take_name, name) &&
           (name[0] != '\0' || console_fail(call->console, "no such item"));
}

static int file_set(struct call *call, int64_t id)
{
    char name[512];

    return file_name(call, id, name) && file_write(call, name);
}

static int file_remove(struct call *call, int64_t id)
{
    char name[512], *path;
    int ok;

    if (!file_name(call, id, name) || (path = store_file_path(call->console->store, name)) == NULL)
        return 0;
    ok = remove(path) == 0 || console_fail(call->console, "%s can't be removed: %s", name, strerror(errno));
    OPENSSL_free(path);
    return ok;
}

const struct menu menu_file = {
    .path = "/file",
    .kind = MENU_ITEMS,
    .help = "files for import and export",
    .properties = file_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET | STD_ADD | STD_SET | STD_REMOVE,
    .each = file_each,
    .count = items_count,
    .value = file_value,
    .add = file_add,
    .set = file_set,
    .remove = file_remove,
};

/* ---- /log ---- */

enum { LOG_TIME, LOG_TOPICS, LOG_MESSAGE };

static const struct property log_properties[] = {
    {"time", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "local time", LOG_TIME},
    {"topics", TYPE_ENUM, PROP_COLUMN, NULL, 0, 0, NULL, "who says it, and how serious it is", LOG_TOPICS},
    {"message", TYPE_TEXT, PROP_COLUMN, NULL, 0, 0, NULL, "what happened", LOG_MESSAGE},
    {.name = ""},
};

struct line {
    int64_t when;
    const char *topics, *message;
};

static int visit_line(void *arg, int64_t id, int64_t when, const char *topics, const char *message)
{
    struct walk *walk = arg;
    struct line line = {when, topics, message};
    struct item item = {.id = id, .data = &line};

    return (walk->hint->id != 0 && walk->hint->id != id) || walk->fn(walk->arg, &item);
}

static int log_each(struct console *console, const struct menu *menu, const struct hint *hint, item_fn *fn,
                    void *arg)
{
    struct store *store = console_store(console);
    struct walk walk = {console, hint, fn, arg};

    (void)menu;
    return store != NULL && (hint->name != NULL || store_log_each(store, visit_line, &walk));
}

static char *log_value(struct console *console, const struct menu *menu, const struct item *item,
                       const struct property *property)
{
    const struct line *line = item->data;

    (void)console;
    (void)menu;
    switch (property->field) {
    case LOG_TIME:
        return value_of_time(line->when);
    case LOG_TOPICS:
        return OPENSSL_strdup(line->topics);
    }
    return OPENSSL_strdup(line->message);
}

const struct menu menu_log = {
    .path = "/log",
    .kind = MENU_ITEMS,
    .help = "what happened",
    .properties = log_properties,
    .standard = STD_PRINT | STD_FIND | STD_GET,
    .each = log_each,
    .count = items_count,
    .value = log_value,
};

/* ---- /system resource ---- */

enum {
    RES_UPTIME,
    RES_VERSION,
    RES_FREE,
    RES_TOTAL,
    RES_CPU,
    RES_DISK_FREE,
    RES_DISK,
    RES_ARCH,
    RES_BOARD,
    RES_PLATFORM
};

static const struct property resource_properties[] = {
    {"uptime", TYPE_ENUM, 0, NULL, 0, 0, NULL, "since the start", RES_UPTIME},
    {"version", TYPE_ENUM, 0, NULL, 0, 0, NULL, "the RouterOS whose console this is like, and Signet's own",
     RES_VERSION},
    {"free-memory", TYPE_ENUM, 0, NULL, 0, 0, NULL, "bytes", RES_FREE},
    {"total-memory", TYPE_ENUM, 0, NULL, 0, 0, NULL, "bytes", RES_TOTAL},
    {"cpu-count", TYPE_ENUM, 0, NULL, 0, 0, NULL, "processors", RES_CPU},
    {"free-hdd-space", TYPE_ENUM, 0, NULL, 0, 0, NULL, "bytes where the store is", RES_DISK_FREE},
    {"total-hdd-space", TYPE_ENUM, 0, NULL, 0, 0, NULL, "bytes where the store is", RES_DISK},
    {"architecture-name", TYPE_ENUM, 0, NULL, 0, 0, NULL, "of the processor", RES_ARCH},
    {"board-name", TYPE_TEXT, 0, NULL, 0, 0, NULL, "of the hardware", RES_BOARD},
    {"platform", TYPE_ENUM, 0, NULL, 0, 0, NULL, "Signet", RES_PLATFORM},
    {.name = ""},
};

static char *number(uint64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, n);
    return OPENSSL_strdup(text);
}

/* Device trees tell a board's model, PCs a product name. */
static char *board_name(void)
{
    static const char *const sources[] = {"/proc/device-tree/model", "/sys/class/dmi/id/product_name"};
    char text[128] = "";
    size_t i;

    for (i = 0; *text == '\0' && i < sizeof(sources) / sizeof(sources[0]); i++) {
        FILE *file = fopen(sources[i], "re");

        if (file != NULL && fgets(text, sizeof(text), file) == NULL)
            text[0] = '\0';
        if (file != NULL)
            fclose(file);
        text[strcspn(text, "\n")] = '\0';
    }
    return OPENSSL_strdup(text);
}

static char *resource_value(struct console *console, const struct menu *menu, const struct item *item,
                            const struct property *property)
{
    struct sysinfo info = {0};
    struct utsname names = {0};
    struct statvfs disk = {0};

    (void)menu;
    (void)item;
    sysinfo(&info);
    uname(&names);
    if (console_store(console) == NULL)
        return NULL;
    statvfs(store_home(console->store), &disk);
    switch (property->field) {
    case RES_UPTIME:
        return duration_text(info.uptime);
    case RES_VERSION:
        return OPENSSL_strdup("7.20.1 (Signet " SIGNET_VERSION ")");
    case RES_FREE:
        return number((uint64_t)info.freeram * info.mem_unit);
    case RES_TOTAL:
        return number((uint64_t)info.totalram * info.mem_unit);
    case RES_CPU:
        return number((uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    case RES_DISK_FREE:
        return number((uint64_t)disk.f_bavail * disk.f_frsize);
    case RES_DISK:
        return number((uint64_t)disk.f_blocks * disk.f_frsize);
    case RES_ARCH:
        return OPENSSL_strdup(names.machine);
    case RES_BOARD:
        return board_name();
    }
    return OPENSSL_strdup("Signet");
}

const struct menu menu_system = {.path = "/system", .kind = MENU_FOLDER, .help = "the machine"};
const struct menu menu_system_resource = {
    .path = "/system/resource",
    .kind = MENU_SETTINGS,
    .help = "memory, disk, processor",
    .properties = resource_properties,
    .standard = STD_PRINT | STD_GET,
    .value = resource_value,
};
