// SPDX-License-Identifier: Apache-2.0
/*
 * sign_load [--signals] THREADS SECONDS KEY: threads that sign for so long, each signature verified without
 * Signet. With --signals the process gets a signal every few milliseconds, which interrupts system calls.
 * Prints how many signatures were made, how many failed or were wrong, and how long the slowest took.
 */
#include "peer.h"

#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static struct peer_key key;
static _Atomic long good, bad, slowest_us;
static double end;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *run(void *arg)
{
    (void)arg;
    for (int i = 0;; i++) {
        double begin = now();
        char errors[512];
        long us, slowest;

        if (begin >= end)
            return NULL;
        if (peer_sign(&key, i % 2 == 0 ? PEER_PKCS1 : PEER_PSS)) {
            good++;
        } else {
            peer_errors(errors, sizeof(errors));
            fprintf(stderr, "failed: %s\n", errors);
            bad++;
        }
        us = (long)((now() - begin) * 1e6);
        slowest = slowest_us;
        while (us > slowest && !atomic_compare_exchange_weak(&slowest_us, &slowest, us))
            ;
    }
}

static void on_signal(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    int has_signals = argc > 1 && strcmp(argv[1], "--signals") == 0, threads;
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval interval = {{0, 3000}, {0, 3000}};
    pthread_t *all;

    argc -= has_signals;
    argv += has_signals;
    if (argc != 4)
        peer_die("usage: sign_load [--signals] THREADS SECONDS KEY");
    threads = peer_count(argv[1]);
    peer_load(&key, argv[3]);
    end = now() + peer_count(argv[2]);
    if (has_signals &&
        (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &interval, NULL) != 0))
        peer_die("no timer");
    all = calloc((size_t)threads, sizeof(*all));
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&all[i], NULL, run, NULL) != 0)
            peer_die("thread %d", i);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    printf("signatures=%ld bad=%ld slowest-ms=%ld\n", good, bad, slowest_us / 1000);
    free(all);
    peer_unload(&key);
    return bad > 0;
}
