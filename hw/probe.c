// SPDX-License-Identifier: Apache-2.0
/* Which accelerator does RSA: what the kernel says of its drivers in /proc/crypto. */
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

/* rsa-generic is this CPU again, slower than OpenSSL; a driver that has not passed the kernel's test is not
 * used by the kernel either. */
static int is_candidate(const struct entry *entry)
{
    return strcmp(entry->type, "akcipher") == 0 && strcmp(entry->name, "rsa") == 0 &&
           strcmp(entry->selftest, "passed") == 0 && strcmp(entry->internal, "yes") != 0;
}

void hw_probe_file(FILE *file, char *driver, size_t size)
{
    struct entry entry = {0}, best = {.priority = -1};
    char line[256];
    int more = 1;

    while (more) {
        more = fgets(line, sizeof(line), file) != NULL;
        if (more && line[0] != '\n') {
            take_line(&entry, line);
            continue;
        }
        if (is_candidate(&entry) && entry.priority > best.priority)
            best = entry;
        entry = (struct entry){0};
    }
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
