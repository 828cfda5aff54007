// SPDX-License-Identifier: Apache-2.0
/*
 * Threads for system calls that may never return. Private to hw/.
 *
 * A thread that waits in the kernel for a device can't be interrupted; only somebody else can stop waiting
 * for it.
 */
#ifndef SIGNET_HW_WORKERS_H
#define SIGNET_HW_WORKERS_H

struct hw_workers;

struct hw_job {
    void (*run)(struct hw_job *job);
    void (*release)(struct hw_job *job); /* called by the worker if nobody waits any more */
};

enum hw_job_end { HW_JOB_DONE, HW_JOB_ABANDONED, HW_JOB_NO_WORKER };

/* All threads are made by one that has called prepare (which may be NULL) before: they inherit what that gave
 * it. Makes none yet. */
struct hw_workers *hw_workers_new(void (*prepare)(void));
/* Ends the threads that are idle; those that hang end when they can. */
void hw_workers_free(struct hw_workers *workers);

/* Are they this process's? fork copies no threads. */
int hw_workers_are_ours(const struct hw_workers *workers);

/* Runs a job on a thread of its own. On HW_JOB_DONE and HW_JOB_NO_WORKER the job is the caller's again; after
 * HW_JOB_ABANDONED it is the worker's. */
enum hw_job_end hw_workers_run(struct hw_workers *workers, struct hw_job *job, unsigned timeout_ms);

#endif
