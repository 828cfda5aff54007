// SPDX-License-Identifier: Apache-2.0
/*
 * sign_many ROUNDS KEY...: loads all keys, then signs with each of them once a round, in an order that is
 * another one in every round. Every signature is verified without Signet.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct peer_key *keys;
    int rounds, n_keys = argc - 2;

    if (n_keys < 1)
        peer_die("usage: sign_many ROUNDS KEY...");
    rounds = peer_count(argv[1]);
    keys = calloc((size_t)n_keys, sizeof(*keys));
    for (int i = 0; i < n_keys; i++)
        peer_load(&keys[i], argv[i + 2]);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < n_keys; i++) {
            /* Forwards, backwards, and from an offset: no order is good for a cache. */
            int k = round % 3 == 1 ? n_keys - 1 - i : (i + round * 5) % n_keys;

            if (!peer_sign(&keys[k], (round + i) % 2 == 0 ? PEER_PKCS1 : PEER_PSS))
                peer_die("round %d: %s", round + 1, keys[k].name);
        }
    for (int i = 0; i < n_keys; i++)
        peer_unload(&keys[i]);
    free(keys);
    printf("%d signatures with %d keys\n", rounds * n_keys, n_keys);
    return 0;
}
