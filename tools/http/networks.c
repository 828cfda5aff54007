// SPDX-License-Identifier: Apache-2.0
/* Lists of networks. */
#include "networks.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define NETWORKS_MAX 64

struct network {
    unsigned char address[16]; /* IPv4 as ::ffff:0:0/96 (RFC 4291 section 2.5.5.2) */
    unsigned bits;
};

struct networks {
    size_t count;
    struct network networks[NETWORKS_MAX];
};

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* Returns the number of bits an address of its family has, or 0. */
static unsigned parse_address(const char *text, unsigned char address[16])
{
    memcpy(address, mapped, sizeof(mapped));
    if (inet_pton(AF_INET, text, address + sizeof(mapped)) == 1)
        return 32;
    return inet_pton(AF_INET6, text, address) == 1 ? 128 : 0;
}

static int parse_one(char *text, struct network *network)
{
    char *slash = strchr(text, '/'), *end = NULL;
    unsigned long bits;
    unsigned most;

    if (slash != NULL)
        *slash = '\0';
    most = parse_address(text, network->address);
    if (most == 0)
        return 0;
    bits = most;
    if (slash != NULL) {
        bits = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > most)
            return 0;
    }
    network->bits = (unsigned)bits + 128 - most;
    return 1;
}

struct networks *networks_new(const char *text)
{
    struct networks *networks = OPENSSL_zalloc(sizeof(*networks));
    char *copy = OPENSSL_strdup(text), *save = NULL, *part;
    int ok = networks != NULL && copy != NULL;

    for (part = ok ? strtok_r(copy, ", ", &save) : NULL; ok && part != NULL;
         part = strtok_r(NULL, ", ", &save))
        ok = networks->count < NETWORKS_MAX && parse_one(part, &networks->networks[networks->count++]);
    OPENSSL_free(copy);
    if (ok)
        return networks;
    OPENSSL_free(networks);
    return NULL;
}

void networks_free(struct networks *networks)
{
    OPENSSL_free(networks);
}

/* Do the first bits agree? */
static int is_same(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned char mask = (unsigned char)(0xff << (8 - bits % 8));

    return memcmp(a, b, bits / 8) == 0 && (bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

int networks_have(const struct networks *networks, const char *text)
{
    char plain[INET6_ADDRSTRLEN];
    size_t i, len = strcspn(text, "%"); /* the interface of a link-local one */
    unsigned char address[16];

    if (networks->count == 0)
        return 1;
    if (len >= sizeof(plain))
        return 0;
    memcpy(plain, text, len);
    plain[len] = '\0';
    if (parse_address(plain, address) == 0)
        return 0;
    for (i = 0; i < networks->count; i++) {
        if (is_same(address, networks->networks[i].address, networks->networks[i].bits))
            return 1;
    }
    return 0;
}

int networks_are_local(const struct networks *networks)
{
    static const unsigned char loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127}, one[16] = {[15] = 1};
    size_t i;

    for (i = 0; i < networks->count; i++) {
        const struct network *network = &networks->networks[i];

        if (!(network->bits >= 104 && is_same(network->address, loopback, 104)) &&
            !(network->bits == 128 && is_same(network->address, one, 128)))
            return 0;
    }
    return networks->count > 0;
}
