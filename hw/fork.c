// SPDX-License-Identifier: Apache-2.0
/*
 * How often this process has been forked off: descriptors and threads of an earlier count belong to a parent.
 * And a gate that fork waits at: a child of a program with threads is a copy of whatever they were in the
 * middle of, with their locks, and nobody there to unlock them. Some of those are OpenSSL's (the blinding of
 * an RSA key has one), so they can't be taken one by one.
 */
#include "lane.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic unsigned count;

static void after_fork_in_child(void)
{
    count++;
}

static void install(void)
{
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

unsigned hw_fork_count(void)
{
    pthread_once(&once, install);
    return count;
}

/* A fork that waits goes first: it would wait for ever among threads that are always busy. */
#define OPEN PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP
static pthread_rwlock_t gate = OPEN;
static pthread_once_t gate_once = PTHREAD_ONCE_INIT;
static _Thread_local unsigned holds;

void hw_fork_hold(void)
{
    if (holds++ == 0)
        pthread_rwlock_rdlock(&gate);
}

void hw_fork_release(void)
{
    if (--holds == 0)
        pthread_rwlock_unlock(&gate);
}

/* holds: a fork in the middle of this thread's own operation, which can only be a signal handler's, does not
 * wait for itself. No more is done for it: fork has not been async-signal-safe since POSIX.1-2024. */
static void close_gate(void)
{
    if (holds == 0)
        pthread_rwlock_wrlock(&gate);
}

static void open_gate_in_parent(void)
{
    if (holds == 0)
        pthread_rwlock_unlock(&gate);
}

static void open_gate_in_child(void)
{
    /* Those who wait at it are not here. */
    gate = (pthread_rwlock_t)OPEN;
    if (holds > 0)
        pthread_rwlock_rdlock(&gate);
}

static void install_gate(void)
{
    pthread_atfork(close_gate, open_gate_in_parent, open_gate_in_child);
}

void hw_fork_gate(void)
{
    pthread_once(&gate_once, install_gate);
}
