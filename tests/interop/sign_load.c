// SPDX-License-Identifier: Apache-2.0
/*
 * sign_load [--signals] [--forks] THREADS SECONDS KEY: threads that sign for so long, each signature verified
 * without Signet. With --signals the process gets a signal every few milliseconds, which interrupts system
 * calls. With --forks it forks all the while, in the middle of whatever its threads are doing, and the
 * children sign, too; the first and every tenth of them has a child of its own. Prints how many signatures
 * were made, how many failed or were wrong, how long the slowest took, and how many children there were,
 * failed, and hung.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_SECONDS    30 /* for a few signatures: it hangs */
#define CHILD_SIGNATURES 4

static struct peer_key key;
static _Atomic long good, bad, slowest_us;
static _Atomic int begun; /* threads that have signed with both paddings */
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
        begun += i == 1;
        us = (long)((now() - begin) * 1e6);
        slowest = slowest_us;
        while (us > slowest && !atomic_compare_exchange_weak(&slowest_us, &slowest, us))
            ;
    }
}

static _Noreturn void child(int has_child)
{
    const struct itimerval none = {0};
    int status = 0;
    pid_t pid = 0;

    setitimer(ITIMER_REAL, &none, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm(CHILD_SECONDS);
    peer_sign_times(&key, CHILD_SIGNATURES);
    if (has_child && (pid = fork()) == 0) {
        alarm(CHILD_SECONDS);
        peer_sign_times(&key, CHILD_SIGNATURES);
        _exit(0);
    }
    _exit(has_child && (waitpid(pid, &status, 0) != pid || status != 0));
}

static long children, bad_children, hung_children;

/* OpenSSL makes a random generator at each thread's first use of one, with locks that it leaves to a child as
 * they are. That is over before the first fork here. */
static void run_children(int threads)
{
    int status;

    peer_sign_times(&key, 2);
    while (begun < threads && now() < end)
        usleep(1000);
    while (now() < end) {
        pid_t pid = fork();

        if (pid < 0)
            peer_die("fork");
        if (pid == 0)
            child(children % 10 == 0);
        while (waitpid(pid, &status, 0) != pid)
            ;
        children++;
        hung_children += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        if (status != 0) {
            fprintf(stderr, "child %ld ended with status 0x%x\n", children, (unsigned)status);
            bad_children++;
        }
    }
}

static void on_signal(int number)
{
    (void)number;
}

int main(int argc, char **argv)
{
    int has_signals = argc > 1 && strcmp(argv[1], "--signals") == 0, has_forks, threads;
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval interval = {{0, 3000}, {0, 3000}};
    pthread_t *all;

    argc -= has_signals;
    argv += has_signals;
    has_forks = argc > 1 && strcmp(argv[1], "--forks") == 0;
    argc -= has_forks;
    argv += has_forks;
    if (argc != 4)
        peer_die("usage: sign_load [--signals] [--forks] THREADS SECONDS KEY");
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
    if (has_forks)
        run_children(threads);
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    printf("signatures=%ld bad=%ld slowest-ms=%ld", good, bad, slowest_us / 1000);
    if (has_forks)
        printf(" children=%ld bad-children=%ld hung-children=%ld", children, bad_children, hung_children);
    putchar('\n');
    free(all);
    peer_unload(&key);
    return bad > 0 || bad_children > 0;
}
