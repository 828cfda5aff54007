// SPDX-License-Identifier: Apache-2.0
/*
 * Counts the places in a file, the board's memory, that have a part of the key: any 16 bytes, at multiples of
 * 8, of its private numbers as they are, or byte by byte from the end, which is how the kernel's arithmetic
 * keeps them.
 *
 *   kmod_search KEY MEMORY
 */
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PART 16

static struct {
    unsigned char bytes[PART];
} parts[1024];
static int n_parts;
static unsigned char starts[65536]; /* whether a part begins with these two bytes */

static void add(const unsigned char *number, int len)
{
    for (int i = 0; i + PART <= len; i += 8) {
        memcpy(parts[n_parts++].bytes, number + i, PART);
        starts[number[i] << 8 | number[i + 1]] = 1;
    }
}

static int read_key(const char *path)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    FILE *file = fopen(path, "r");
    EVP_PKEY *pkey = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    unsigned char big[512], little[512];

    if (pkey == NULL)
        return 0;
    for (int i = 0; i < 6; i++) {
        BIGNUM *number = NULL;
        int len;

        if (EVP_PKEY_get_bn_param(pkey, names[i], &number) != 1)
            return 0;
        len = BN_bn2bin(number, big);
        BN_bn2lebinpad(number, little, len);
        add(big, len);
        add(little, len);
        BN_free(number);
    }
    EVP_PKEY_free(pkey);
    fclose(file);
    return 1;
}

int main(int argc, char **argv)
{
    int fd = argc == 3 && read_key(argv[1]) ? open(argv[2], O_RDONLY) : -1;
    const unsigned char *memory;
    struct stat st;
    long found = 0;

    if (fd < 0 || fstat(fd, &st) != 0)
        return 2;
    memory = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return 2;
    for (off_t i = 0; i + PART <= st.st_size; i++) {
        if (!starts[memory[i] << 8 | memory[i + 1]])
            continue;
        for (int j = 0; j < n_parts; j++)
            found += memcmp(memory + i, parts[j].bytes, PART) == 0;
    }
    printf("%ld\n", found);
    return 0;
}
