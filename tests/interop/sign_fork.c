// SPDX-License-Identifier: Apache-2.0
/*
 * sign_fork before|after CHILDREN GENERATIONS ROUNDS KEY: loads the key and forks; parent and children sign
 * at the same time, and with two generations the children's children, too. "after": the parent has signed
 * before it forks, "before": it has only loaded the key, as the master process of a server. Every other child
 * leaves by _exit, without any clean-up.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for all children; returns the number of those that failed. */
static int reap(void)
{
    int status, failed = 0;

    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "a child of %ld ended with status 0x%x\n", (long)getpid(), (unsigned)status);
            failed++;
        }
    return failed;
}

static _Noreturn void leave(struct peer_key *key, int failed, int clean)
{
    if (!clean)
        _exit(failed != 0);
    peer_unload(key);
    exit(failed != 0);
}

static _Noreturn void child(struct peer_key *key, int generations, int rounds, int clean)
{
    peer_sign_times(key, rounds);
    if (generations > 1 && fork() == 0) {
        peer_sign_times(key, rounds);
        leave(key, 0, clean);
    }
    peer_sign_times(key, rounds);
    leave(key, reap(), clean);
}

int main(int argc, char **argv)
{
    struct peer_key key;
    int children, generations, rounds, failed;

    if (argc != 6)
        peer_die("usage: sign_fork before|after CHILDREN GENERATIONS ROUNDS KEY");
    children = peer_count(argv[2]);
    generations = peer_count(argv[3]);
    rounds = peer_count(argv[4]);
    peer_load(&key, argv[5]);
    if (strcmp(argv[1], "after") == 0)
        peer_sign_times(&key, 1);
    for (int i = 0; i < children; i++) {
        pid_t pid = fork();

        if (pid < 0)
            peer_die("fork");
        if (pid == 0)
            child(&key, generations, rounds, i % 2 == 0);
    }
    peer_sign_times(&key, rounds);
    failed = reap();
    /* What the children have done at their end must not have touched the parent's keys. */
    peer_sign_times(&key, rounds);
    peer_unload(&key);
    return failed != 0;
}
