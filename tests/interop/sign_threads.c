// SPDX-License-Identifier: Apache-2.0
/*
 * sign_threads THREADS ROUNDS KEY...: every thread signs with the keys in turn, all at the same time. Every
 * signature is verified without Signet.
 */
#include "peer.h"

#include <pthread.h>
#include <stdlib.h>

struct work {
    pthread_t thread;
    struct peer_key *keys;
    int n_keys, first, rounds;
};

static void *run(void *arg)
{
    struct work *work = arg;

    for (int i = 0; i < work->rounds; i++)
        peer_sign_times(&work->keys[(work->first + i) % work->n_keys], 2);
    return NULL;
}

int main(int argc, char **argv)
{
    struct peer_key *keys;
    struct work *work;
    int threads, rounds, n_keys = argc - 3;

    if (n_keys < 1)
        peer_die("usage: sign_threads THREADS ROUNDS KEY...");
    threads = peer_count(argv[1]);
    rounds = peer_count(argv[2]);
    keys = calloc((size_t)n_keys, sizeof(*keys));
    work = calloc((size_t)threads, sizeof(*work));
    for (int i = 0; i < n_keys; i++)
        peer_load(&keys[i], argv[i + 3]);
    for (int i = 0; i < threads; i++) {
        work[i] = (struct work){.keys = keys, .n_keys = n_keys, .first = i, .rounds = rounds};
        if (pthread_create(&work[i].thread, NULL, run, &work[i]) != 0)
            peer_die("thread %d", i);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(work[i].thread, NULL);
    for (int i = 0; i < n_keys; i++)
        peer_unload(&keys[i]);
    free(work);
    free(keys);
    return 0;
}
