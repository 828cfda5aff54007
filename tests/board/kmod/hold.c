// SPDX-License-Identifier: Apache-2.0
/*
 * Holds a key, and an input that awaits its operation, until the standard input ends. The key comes from a
 * file, RSAPrivateKey in DER with the bits of HIDING turned in each byte, so that memory has it as it is
 * nowhere but in the kernel: see kmod_memory.sh.
 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>

#define HIDING 0xa5

void hold_key(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), bound = bound_socket(NULL), op, i;
    static unsigned char der[16 * 1024], in[100] = {1}, out[SIZE];
    ssize_t n = read(fd, der, sizeof(der));

    CHECK(n > 0);
    for (i = 0; i < n; i++)
        der[i] ^= HIDING;
    CHECK(set_key_der(bound, der, (int)n) == 0);
    explicit_bzero(der, sizeof(der));
    op = op_socket(bound);
    CHECK(send_op(op, ALG_OP_DECRYPT, in, sizeof(in), 0) == sizeof(in));
    CHECK(read(op, out, sizeof(out)) > 0);
    CHECK(send_op(op, ALG_OP_DECRYPT, in, sizeof(in), 0) == sizeof(in));
    ok("a key is held");
    CHECK(read(STDIN_FILENO, in, 1) == 0);
}
