// SPDX-License-Identifier: Apache-2.0
/*
 * Counts the places in a file, the board's memory, that have a part of the key: any 16 bytes, at multiples of
 * 8, of its private numbers as they are, or byte by byte from the end, which is how the kernel's arithmetic
 * keeps them. Tells on stderr where each is, and what is around it.
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

#define PART   16
#define AROUND 64

static struct {
    unsigned char bytes[PART];
    const char *number;
    int at, is_little;
} parts[1024];
static int n_parts;
static unsigned char starts[65536]; /* whether a part begins with these two bytes */

static void add(const char *name, const unsigned char *number, int len, int is_little)
{
    for (int i = 0; i + PART <= len; i += 8) {
        memcpy(parts[n_parts].bytes, number + i, PART);
        parts[n_parts].number = name;
        parts[n_parts].at = i;
        parts[n_parts++].is_little = is_little;
        starts[number[i] << 8 | number[i + 1]] = 1;
    }
}

static void tell(const unsigned char *memory, off_t size, off_t where, int part)
{
    off_t from = where > AROUND ? where - AROUND : 0,
          to = where + PART + AROUND < size ? where + PART + AROUND : size;

    fprintf(stderr, "%#llx: byte %d of %s, %s:", (unsigned long long)where, parts[part].at,
            parts[part].number, parts[part].is_little ? "from the end" : "from the start");
    for (off_t i = from; i < to; i++)
        fprintf(stderr, "%s%02x", (i - where) % 8 == 0 ? " " : "", memory[i]);
    fputc('\n', stderr);
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
        add(names[i], big, len, 0);
        add(names[i], little, len, 1);
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
        for (int j = 0; j < n_parts; j++) {
            if (memcmp(memory + i, parts[j].bytes, PART) == 0) {
                found++;
                tell(memory, st.st_size, i, j);
            }
        }
    }
    printf("%ld\n", found);
    return 0;
}
