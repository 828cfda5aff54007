// SPDX-License-Identifier: Apache-2.0
/* A wire to a software TPM that can be told to spoil the answers to private operations. */
#ifndef SIGNET_TESTS_RELAY_H
#define SIGNET_TESTS_RELAY_H

enum relay_lie {
    RELAY_FLIP_BIT,     /* in the result */
    RELAY_EMPTY_RESULT, /* a result of no bytes */
    RELAY_CUT,          /* half the answer, then the end of the connection */
    RELAY_HUGE_SIZE,    /* the header says 4 GiB */
    RELAY_TINY_SIZE,    /* the header says less than itself */
    RELAY_GARBAGE,      /* a good header, noise behind it */
    RELAY_CODE,         /* a response code instead */
};

/* Starts a thread that serves one connection after another until the program ends. tcti is swtpm's
 * ("swtpm:host=127.0.0.1,port=N"); returns the relay's own. Ends the program on failure. */
const char *relay_start(const char *tcti);
/* The next answers to private operations are lies; code goes with RELAY_CODE. */
void relay_lie(enum relay_lie lie, unsigned times, unsigned code);
/* Private operations that have been answered since the last call. */
unsigned relay_operations(void);

#endif
