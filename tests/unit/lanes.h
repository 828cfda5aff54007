// SPDX-License-Identifier: Apache-2.0
/* What the tests of the route share: lanes that do as they are told, a route over them, and a key to sign
 * with. */
#ifndef SIGNET_TESTS_LANES_H
#define SIGNET_TESTS_LANES_H

#include "hw/lane.h"
#include "unit.h"

#include <pthread.h>

#define SIZE 64 /* of the key: the times that tests give are for a slow processor, too */

/* What a lane is told, and what became of it. */
struct told {
    _Atomic enum lane_result result;
    _Atomic int flips; /* a bit of each result */
    _Atomic unsigned delay_us;
    _Atomic unsigned meet;  /* so many operations are answered together */
    _Atomic unsigned busy;  /* so many more find it full */
    _Atomic unsigned width; /* what finds so many others there finds it full; 0: any number */
    _Atomic unsigned calls, attached, detached, inside, most, timeout_ms;
};

/* fast and ring are accelerators; ring also takes keys that only the kernel has. */
extern struct told fast, ring, cpu;
extern const struct hw_lane lane_fast, lane_ring, lane_cpu;
extern char driver[32]; /* of the accelerator, as the route finds it; "" for none */

extern struct unit unit;
extern struct hw_key *key;     /* with a private part, unless a test has put another in its place */
extern _Atomic unsigned wrong; /* operations of in_threads that failed */

/* A new route over fast and cpu, or over these lanes, which are told to be well. NULL: the policy is bad. */
struct hw_route *open_route(const char *policy);
struct hw_route *open_route_over(const struct hw_lane *const *lanes, size_t count, const char *policy);
/* Frees it; whatever was attached must have been detached. */
void close_route(struct hw_route *route);

/* Returns 1, or 0 after an error; a wrong result fails the test. */
int sign(struct hw_route *route);
/* All of them? */
int signs(struct hw_route *route, unsigned times);

#define THREADS 8
/* In so many threads at once; none may fail. */
void in_threads(void *(*run)(void *route), struct hw_route *route);
void *sign_once(void *route);
/* Another thread is in the middle of an operation of the fast lane, which takes 300 ms; what comes after it
 * gets this result at once. To be joined. */
pthread_t caught_inside(struct hw_route *route, enum lane_result result);
void *sign_often(void *route); /* 30 times */

unsigned now_ms(void);
/* A counter, " NAME=", of a lane. */
unsigned counter_of(const char *lane, const char *name);
int is_open_of(const char *lane); /* its breaker */
/* The same of the fast lane. */
unsigned counter(const char *name);
int is_open(void);

/* What main returns. */
int lanes_run(const char *suite, CU_TestInfo *tests);

#endif
