// SPDX-License-Identifier: Apache-2.0
/* find_in_memory HEX PID: is this number anywhere in the memory that the process can write to? Exit status 0: yes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t from_hex(const char *hex, unsigned char *out, size_t size)
{
    size_t n = 0;

    for (; n < size && sscanf(hex + 2 * n, "%2hhx", &out[n]) == 1 && hex[2 * n + 1] != '\0'; n++)
        ;
    return n;
}

int main(int argc, char **argv)
{
    unsigned char number[1024];
    char path[64], line[512], flags[8];
    unsigned long from, to;
    int memory, found = 0;
    size_t len;
    FILE *maps;

    if (argc != 3 || (len = from_hex(argv[1], number, sizeof(number))) < 8)
        return 2;
    snprintf(path, sizeof(path), "/proc/%s/mem", argv[2]);
    memory = open(path, O_RDONLY);
    snprintf(path, sizeof(path), "/proc/%s/maps", argv[2]);
    maps = fopen(path, "r");
    if (memory < 0 || maps == NULL)
        return 2;
    while (!found && fgets(line, sizeof(line), maps) != NULL) {
        unsigned char *copy;
        ssize_t n;

        if (sscanf(line, "%lx-%lx %7s", &from, &to, flags) != 3 || flags[1] != 'w')
            continue;
        copy = malloc(to - from);
        n = copy != NULL ? pread(memory, copy, to - from, (off_t)from) : -1;
        found = n > 0 && memmem(copy, (size_t)n, number, len) != NULL;
        free(copy);
    }
    return found ? 0 : 1;
}
