// SPDX-License-Identifier: Apache-2.0
/*
 * decode_mutants KEY.pem: damages a good key file in every systematic way and gives each mutant to OpenSSL.
 * A mutant must either be refused with a reason, or sign correctly as the public key that it claims to be
 * (damage to what carries no meaning), or fail to sign with a reason (damage that only the hardware can see).
 */
#include "peer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *label, *header;
static unsigned tried, refused, signing_refused, harmless;

/* No passphrase to be had: damage may make a key ask for one. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

static void try_pem(const char *pem, size_t len, const char *what, size_t where)
{
    struct peer_key key = {.name = "mutant"};
    BIO *bio = BIO_new_mem_buf(pem, (int)len);

    tried++;
    ERR_clear_error();
    key.pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    if (key.pkey == NULL) {
        if (ERR_peek_error() == 0)
            peer_die("%s at %zu: refused without a reason", what, where);
        refused++;
        return;
    }
    key.judge = peer_judge(key.pkey);
    ERR_clear_error();
    if (key.judge != NULL && peer_sign(&key, PEER_PKCS1))
        harmless++;
    else if (key.judge != NULL && ERR_peek_error() == 0)
        peer_die("%s at %zu: signing failed without a reason", what, where);
    else
        signing_refused++;
    peer_unload(&key);
}

static void try_der(const unsigned char *der, size_t len, const char *what, size_t where)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    size_t pem_len;

    /* Nothing at all gives an empty text, which PEM_write_bio refuses to write. */
    if (len > 0 && PEM_write_bio(bio, label, header, der, (long)len) <= 0)
        peer_die("PEM_write_bio");
    pem_len = (size_t)BIO_get_mem_data(bio, &pem);
    try_pem(pem, pem_len, what, where);
    BIO_free(bio);
}

/* The place of the size at der[i] is taken over by the n bytes at by. */
static void replace(const unsigned char *der, size_t len, size_t at, size_t n_old, const unsigned char *by,
                    size_t n, const char *what)
{
    unsigned char *mutant = malloc(len + n);

    memcpy(mutant, der, at);
    if (n > 0)
        memcpy(mutant + at, by, n);
    memcpy(mutant + at + n, der + at + n_old, len - at - n_old);
    try_der(mutant, len - n_old + n, what, at);
    free(mutant);
}

static void truncate_and_flip(unsigned char *der, size_t len)
{
    for (size_t i = 1; i < len; i++)
        try_der(der, i, "cut", i);
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit += 1 + (i > 64 && i + 64 < len) * 3) {
            der[i] ^= (unsigned char)(1 << bit);
            try_der(der, len, "bit flipped", i);
            der[i] ^= (unsigned char)(1 << bit);
        }
}

/* Every element of the DER, and of what its octet strings hold, gets a size that lies; then it is emptied. */
static void lie_about_lengths(const unsigned char *der, size_t len, size_t from, size_t to)
{
    static const struct {
        unsigned char bytes[10];
        size_t n;
    } lies[] = {
        {{0x00}, 1},
        {{0x01}, 1},
        {{0x7f}, 1},
        {{0x80}, 1},
        {{0xff}, 1},
        {{0x81, 0x00}, 2},
        {{0x82, 0xff, 0xff}, 3},
        {{0x84, 0x7f, 0xff, 0xff, 0xff}, 5},
        {{0x84, 0xff, 0xff, 0xff, 0xff}, 5},
        {{0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
        {{0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9},
    };

    for (size_t at = from; at + 2 <= to;) {
        size_t n = (der[at + 1] & 0x80) != 0 ? 1 + (der[at + 1] & 0x7f) : 1, size = der[at + 1];

        if (n > 1) {
            size = 0;
            for (size_t i = 1; i < n; i++)
                size = size << 8 | der[at + 1 + i];
        }
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
            replace(der, len, at + 1, n, lies[i].bytes, lies[i].n, "length lies");
        replace(der, len, at + 1, n + size, lies[0].bytes, 1, "element emptied");
        replace(der, len, at, 1 + n + size, NULL, 0, "element left out");
        if ((der[at] & 0x20) != 0)
            lie_about_lengths(der, len, at + 1 + n, at + 1 + n + size);
        at += 1 + n + size;
    }
}

/* A TPM2B starts with a size of two bytes of its own, and so do the structures in it. */
static void lie_about_tpm_sizes(const unsigned char *der, size_t len)
{
    static const unsigned char lies[][2] = {{0, 0}, {0, 1}, {0x7f, 0xff}, {0xff, 0xff}};

    for (size_t at = 0; at + 2 <= len; at++)
        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
            replace(der, len, at, 2, lies[i], 2, "two bytes overwritten");
}

static void oversize(const unsigned char *der, size_t len)
{
    for (size_t size = 1024; size <= 1024 * 1024; size *= 4) {
        unsigned char *big = calloc(1, len + size);

        memcpy(big, der, len);
        try_der(big, len + size, "followed by zeros", size);
        /* Sequences in sequences, a stack's worth of them. */
        memset(big, 0x30, size);
        try_der(big, size, "nested", size);
        /* One huge element that is what it says. */
        memcpy(big, "\x30\x84", 2);
        for (int i = 0; i < 4; i++)
            big[2 + i] = (unsigned char)(size >> (24 - 8 * i));
        memset(big + 6, 0, size);
        if (size > len)
            try_der(big, size + 6, "huge sequence", size);
        free(big);
    }
}

static void damage_text(const char *pem, size_t len)
{
    char *mutant = malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        try_pem(pem, i, "text cut", i);
    for (size_t i = 0; i < len; i += 7) {
        memcpy(mutant, pem, len);
        mutant[i] = '\0';
        try_pem(mutant, len, "zero in the text", i);
        mutant[i] = '\n';
        try_pem(mutant, len, "line break in the text", i);
    }
    free(mutant);
}

int main(int argc, char **argv)
{
    unsigned char *der = NULL;
    char *pem;
    size_t pem_len;
    long len;
    BIO *bio, *text = BIO_new(BIO_s_mem());

    if (argc != 2)
        peer_die("usage: decode_mutants KEY.pem");
    bio = BIO_new_file(argv[1], "r");
    if (bio == NULL || !PEM_read_bio(bio, &label, &header, &der, &len))
        peer_die("cannot read %s", argv[1]);
    BIO_free(bio);
    PEM_write_bio(text, label, header, der, len);

    try_der(der, (size_t)len, "whole", 0);
    if (harmless != 1)
        peer_die("the key is no good even undamaged");
    truncate_and_flip(der, (size_t)len);
    lie_about_lengths(der, (size_t)len, 0, (size_t)len);
    lie_about_tpm_sizes(der, (size_t)len);
    oversize(der, (size_t)len);
    pem_len = (size_t)BIO_get_mem_data(text, &pem);
    damage_text(pem, pem_len);

    BIO_free(text);
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(der);
    printf("%u mutants: %u not read, %u read but refused at signing, %u damaged nothing that matters\n",
           tried, refused, signing_refused, harmless);
    return refused == 0;
}
