// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of the kernel module algif_akcipher. Runs on the board; see tests/board/kmod.sh and kmod_async.sh.
 *
 *   algif_akcipher_test all          what any driver must pass, with the one that the kernel picks
 *   algif_akcipher_test async        the same with the emulated accelerator; requests in flight, a device
 * that fails or hangs algif_akcipher_test once         one operation of each kind algif_akcipher_test absent
 * there is no socket type akcipher algif_akcipher_test hold FILE    holds a key: see hold.c
 */
#include "test.h"

#include <signal.h>
#include <stdio.h>

static void test_sizes(void)
{
    const int bits[] = {1024, 1536, 2048, 3072, 4096};

    for (int i = 0; i < 5; i++) {
        struct key k = key_new(bits[i]);

        test_correct(&k);
        key_free(&k);
    }
}

static void test_any_driver(const struct key *k, const struct key *other)
{
    test_sizes();
    test_input(k);
    test_output(k);
    test_refused(k);
    test_nokey(k, other);
    test_malformed(k);
    test_key_change(k, other);
    test_threads(k, other);
    test_fork(k);
    test_kill(k);
}

static void test_accelerator(const struct key *k, const struct key *other)
{
    test_in_flight(k, other);
    test_one_socket(k);
    test_cancel(k);
    test_driver_errors(k);
    test_short_results(k);
    test_memory_in_flight(k);
    test_hung(k);
    test_kill_in_flight(k);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    signal(SIGPIPE, SIG_IGN);
    if (strcmp(what, "absent") == 0) {
        REFUSED(ENOENT, try_bind("akcipher", driver));
        ok("without the module, ENOENT");
    } else if (strcmp(what, "once") == 0) {
        struct key k = key_new(1024);

        test_correct(&k);
        key_free(&k);
    } else if (strcmp(what, "all") == 0 || strcmp(what, "async") == 0) {
        struct key k = key_new(2048), other = key_new(2048);

        if (strcmp(what, "async") == 0)
            driver = "rsa-emulated-pka";
        test_any_driver(&k, &other);
        if (strcmp(what, "async") == 0)
            test_accelerator(&k, &other);
        key_free(&k);
        key_free(&other);
    } else if (strcmp(what, "hold") == 0 && argc > 2) {
        hold_key(argv[2]);
    } else {
        fprintf(stderr, "usage: algif_akcipher_test all|async|once|absent|hold FILE\n");
        return 2;
    }
    return 0;
}
