// SPDX-License-Identifier: Apache-2.0
/*
 * session KEY...: a process that keeps its keys loaded and does what it is told, one order a line on standard
 * input, one answer a line on standard output: "ok" or OpenSSL's error queue.
 *
 *   ready           nothing: the keys are loaded
 *   init            EVP_DigestSignInit with the first key, as libssl does to ask for a digest
 *   digests         a signature with a digest by its name and another one as a parameter (peer_sign_digests)
 *   sign [N]        N signatures (1 if not given) with every key in turn, verified without Signet
 *   end             the process frees the keys and ends
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sign(const struct peer_key *keys, int n_keys, int times)
{
    for (int i = 0; i < times; i++)
        for (int k = 0; k < n_keys; k++)
            if (!peer_sign(&keys[k], i % 2 == 0 ? PEER_PKCS1 : PEER_PSS))
                return 0;
    return 1;
}

static int init(const struct peer_key *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) > 0;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static int obey(const char *order, const struct peer_key *keys, int n_keys)
{
    if (strcmp(order, "ready") == 0)
        return 1;
    if (strcmp(order, "init") == 0)
        return init(&keys[0]);
    if (strcmp(order, "digests") == 0)
        return peer_sign_digests(&keys[0]);
    if (strcmp(order, "sign") == 0)
        return sign(keys, n_keys, 1);
    if (strncmp(order, "sign ", 5) == 0)
        return sign(keys, n_keys, peer_count(order + 5));
    peer_die("no such order: %s", order);
}

int main(int argc, char **argv)
{
    struct peer_key *keys = calloc((size_t)argc, sizeof(*keys));
    char order[64], errors[2048];
    int n_keys = argc - 1;

    for (int i = 0; i < n_keys; i++)
        peer_load(&keys[i], argv[i + 1]);
    while (fgets(order, sizeof(order), stdin) != NULL) {
        order[strcspn(order, "\n")] = '\0';
        if (strcmp(order, "end") == 0)
            break;
        if (obey(order, keys, n_keys)) {
            puts("ok");
        } else {
            peer_errors(errors, sizeof(errors));
            puts(errors[0] == '\0' ? "failed with an empty error queue" : errors);
        }
        fflush(stdout);
    }
    for (int i = 0; i < n_keys; i++)
        peer_unload(&keys[i]);
    free(keys);
    return 0;
}
