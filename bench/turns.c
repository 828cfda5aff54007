// SPDX-License-Identifier: Apache-2.0
/*
 * signet-turns ROUNDS: how long whole processes take. Reads commands from standard input, one a line: a
 * label, then the words of the command, all separated by tabs; "%n" in a word stands for the number of the
 * round. They take turns, every other round backwards. Prints for each, separated by tabs: label, median,
 * least and most milliseconds, the most memory (KiB) that it had, and the median of its processor time in
 * milliseconds. Both count the processes that it waited for: of memory the largest one's, of time the sum.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define COMMANDS 100
#define WORDS    40

extern char **environ;

struct command {
    char *line; /* what words point into */
    char *words[WORDS + 1];
    double *ms, *cpu_ms;
    long rss;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "signet-turns: %s\n", what);
    exit(1);
}

static size_t read_commands(struct command *commands, int rounds)
{
    size_t count = 0, size = 0;
    char *line = NULL, *next, *word;

    while (getline(&line, &size, stdin) > 0) {
        struct command *command = &commands[count++];
        size_t n = 0;

        if (count > COMMANDS)
            die("too many commands");
        line[strcspn(line, "\n")] = '\0';
        command->line = next = strdup(line);
        command->ms = calloc((size_t)rounds, sizeof(double));
        command->cpu_ms = calloc((size_t)rounds, sizeof(double));
        while ((word = strsep(&next, "\t")) != NULL && n < WORDS)
            command->words[n++] = word;
        if (n < 2 || command->ms == NULL || command->cpu_ms == NULL)
            die("a line is no label with a command");
    }
    free(line);
    return count;
}

/* The word with the round's number in it; the caller's. */
static char *fill_in(const char *word, int round)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        die("out of memory");
    for (; *word != '\0'; word++) {
        if (word[0] == '%' && word[1] == 'n') {
            fprintf(out, "%d", round);
            word++;
        } else {
            fputc(*word, out);
        }
    }
    fclose(out);
    return text;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_time(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
}

static void run(struct command *command, int round, const posix_spawn_file_actions_t *quiet)
{
    char *words[WORDS + 1] = {NULL};
    struct rusage usage;
    double begin;
    int status, i;
    pid_t pid;

    for (i = 0; command->words[i + 1] != NULL; i++)
        words[i] = fill_in(command->words[i + 1], round);
    begin = now();
    if (posix_spawnp(&pid, words[0], quiet, NULL, words, environ) != 0 ||
        wait4(pid, &status, 0, &usage) != pid)
        die(words[0]);
    command->ms[round] = now() - begin;
    command->cpu_ms[round] = cpu_time(&usage);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "signet-turns: %s failed: %s\n", command->words[0], words[i - 1]);
        exit(1);
    }
    if (usage.ru_maxrss > command->rss)
        command->rss = usage.ru_maxrss;
    for (i = 0; words[i] != NULL; i++)
        free(words[i]);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct command commands[COMMANDS];
    int rounds = argc == 2 ? atoi(argv[1]) : 0, round;
    posix_spawn_file_actions_t quiet;
    size_t count, i;

    if (rounds < 1 || rounds > 1000)
        die("usage: signet-turns ROUNDS <COMMANDS");
    count = read_commands(commands, rounds);
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (round = 0; round < rounds; round++) {
        for (i = 0; i < count; i++)
            run(&commands[round % 2 == 0 ? i : count - 1 - i], round, &quiet);
    }
    for (i = 0; i < count; i++) {
        qsort(commands[i].ms, (size_t)rounds, sizeof(double), by_size);
        qsort(commands[i].cpu_ms, (size_t)rounds, sizeof(double), by_size);
        printf("%s\t%.2f\t%.2f\t%.2f\t%ld\t%.2f\n", commands[i].words[0], commands[i].ms[rounds / 2],
               commands[i].ms[0], commands[i].ms[rounds - 1], commands[i].rss,
               commands[i].cpu_ms[rounds / 2]);
    }
    return 0;
}
