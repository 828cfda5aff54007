// SPDX-License-Identifier: Apache-2.0
/* Which driver does what, above all the accelerator for RSA: what the kernel says in /proc/crypto. */
#include "lane.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    char name[64], driver[64], type[64], selftest[64], internal[64];
    long priority;
};

/* "priority     : 100" */
static void take_line(struct entry *entry, const char *line)
{
    char key[32], value[64];

    if (sscanf(line, "%31[a-z-] : %63[^\n]", key, value) != 2)
        return;
    if (strcmp(key, "name") == 0)
        strcpy(entry->name, value);
    else if (strcmp(key, "driver") == 0)
        strcpy(entry->driver, value);
    else if (strcmp(key, "type") == 0)
        strcpy(entry->type, value);
    else if (strcmp(key, "selftest") == 0)
        strcpy(entry->selftest, value);
    else if (strcmp(key, "internal") == 0)
        strcpy(entry->internal, value);
    else if (strcmp(key, "priority") == 0)
        entry->priority = strtol(value, NULL, 10);
}

/* A driver that has not passed the kernel's test is not used by the kernel either. */
static int is_candidate(const struct entry *entry, const char *name)
{
    return strcmp(entry->name, name) == 0 && strcmp(entry->selftest, "passed") == 0 &&
           strcmp(entry->internal, "yes") != 0;
}

/* type may be NULL. */
static void find(FILE *file, const char *name, const char *type, struct entry *best)
{
    struct entry entry = {0};
    char line[256];
    int more = 1;

    *best = (struct entry){.priority = -1};
    while (more) {
        more = fgets(line, sizeof(line), file) != NULL;
        if (more && line[0] != '\n') {
            take_line(&entry, line);
            continue;
        }
        if (is_candidate(&entry, name) && (type == NULL || strcmp(entry.type, type) == 0) &&
            entry.priority > best->priority)
            *best = entry;
        entry = (struct entry){0};
    }
}

/* rsa-generic is this CPU again, slower than OpenSSL. */
void hw_probe_file(FILE *file, char *driver, size_t size)
{
    struct entry best;

    find(file, "rsa", "akcipher", &best);
    snprintf(driver, size, "%s", strcmp(best.driver, "rsa-generic") != 0 ? best.driver : "");
}

void hw_probe(char *driver, size_t size)
{
    FILE *file = fopen("/proc/crypto", "re");

    *driver = '\0';
    if (file == NULL)
        return;
    hw_probe_file(file, driver, size);
    fclose(file);
}

void hw_probe_name(const char *name, char *driver, size_t size)
{
    FILE *file = fopen("/proc/crypto", "re");
    struct entry best;

    *driver = '\0';
    if (file == NULL)
        return;
    find(file, name, NULL, &best);
    snprintf(driver, size, "%s", best.driver);
    fclose(file);
}
