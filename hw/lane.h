// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes: the places where a private key that this machine holds can be used, and the route over them. Private
 * to hw/.
 *
 * A key in memory is used by the CPU, or by the SoC's accelerator through AF_ALG or the kernel's keyring. A
 * key that only the kernel holds is used through the keyring. A lane does the raw RSA private operation and
 * nothing else.
 */
#ifndef SIGNET_HW_LANE_H
#define SIGNET_HW_LANE_H

#include "backend.h"

#include <pthread.h>

#define HW_LANES_MAX   8
#define HW_DRIVER_SIZE 64 /* of a driver's name, with its end */

/* A private key in this process's memory, or in the kernel. */
struct hw_held {
    struct hw *hw;
    EVP_PKEY *pkey; /* whole; NULL if only the kernel has the key */
    EVP_PKEY *raw;  /* the same as one of type RSA; NULL for EC, which has no lanes */
    struct hw_raw_ctx kept;
    EVP_PKEY *held_pub;     /* of the key that the kernel holds, or NULL */
    _Atomic int32_t serial; /* of that key, when it was last looked for */
    size_t size;            /* bytes of the modulus; EC has none */
    unsigned char *modulus;

    /* What route.c and attach.c know of it, by the index of a lane. */
    pthread_mutex_t lock; /* guards attached */
    struct hw_attachment *attached[HW_LANES_MAX];
    _Atomic unsigned refused[HW_LANES_MAX]; /* epoch of the probe in which the lane did not take this key */
};

enum lane_result {
    LANE_OK,
    LANE_INPUT,  /* the input is not below the modulus: nobody's fault but the caller's */
    LANE_KEY,    /* the lane does not take this key (its size, say) */
    LANE_GONE,   /* the key can't be used there now (taken away, no room for it): says nothing of the lane */
    LANE_BUSY,   /* its queue is full */
    LANE_FAILED, /* an error of the device or of the way to it */
    LANE_SILENT, /* no answer in time; the lane looks after what is under way */
};

struct hw_lane {
    const char *name;
    int is_accelerator; /* results are checked; one accelerator lane a key, as all lead to the same device */
    int takes_serial;   /* takes keys that only the kernel holds */

    /* Is the way to the device here at all? driver as of hw_probe, whenever that has changed. Raises nothing.
     */
    int (*is_there)(struct hw *hw, const char *driver);
    /* What the lane keeps for a key. Sets *result if it returns NULL. */
    void *(*attach)(const struct hw_held *held, const char *driver, enum lane_result *result);
    void (*detach)(void *attached);
    /* in and out have held->size bytes. Any number of threads at once, each between hw_fork_hold and
     * hw_fork_release: a lane that waits for a device lets forks pass meanwhile, with nothing half changed
     * that detach would meet in a child. */
    enum lane_result (*operate)(void *attached, struct hw_held *held, const unsigned char *in,
                                unsigned char *out, unsigned timeout_ms);
};

extern const struct hw_lane hw_lane_cpu, hw_lane_keyring, hw_lane_afalg;

/* ---- held.c ---- */

/* A key that the kernel holds under this serial number. */
struct hw_held *hw_held_new_serial(struct hw *hw, EVP_PKEY *pub, int32_t serial);

/* ---- hw.c ---- */

/* Threads for system calls that may hang, made at the first call in this process. NULL: out of memory. */
struct hw_workers *hw_get_workers(struct hw *hw);
struct hw_route *hw_get0_route(const struct hw *hw);

/* ---- keyring.c ---- */

/* Gives the calling thread a keyring that the threads it makes possess as well. */
void hw_keyring_prepare(void);
/* What an error of the kernel's when it is given a key says. */
enum lane_result hw_lane_result_of_key(int error);

/* ---- probe.c ---- */

/* The driver that the kernel would take for akcipher "rsa" other than by its own software (/proc/crypto), or
 * "" if there is none. */
void hw_probe(char *driver, size_t size);
/* The same from an open file, for tests. */
void hw_probe_file(FILE *file, char *driver, size_t size);
/* The driver that the kernel prefers for what it knows by this name, or "" if it has loaded none. */
void hw_probe_name(const char *name, char *driver, size_t size);

/* ---- route.c ---- */

struct hw_route;

/* Says which accelerator is there, as hw_probe does. */
typedef void hw_probe_function(char *driver, size_t size);

/* policy: names of lanes, of "accelerator" for both ways to it, or "kernel-only"; NULL: "accelerator cpu".
 * Returns NULL if it is malformed, and raises. */
struct hw_route *hw_route_new(struct hw *hw, const struct hw_lane *const *lanes, size_t count,
                              const char *policy, const char *stats_folder, hw_probe_function *probe);
void hw_route_free(struct hw_route *route);
/* The raw private operation on the lane that is expected to be done first; the next one if it fails. The
 * result is checked with the public key unless the CPU made it. Raises. */
int hw_route_operate(struct hw_route *route, struct hw_key *key, struct hw_op *op);
/* Counts an operation that there is no choice of lanes for, as one of a lane of this name. One name a
 * process. */
void hw_route_count(struct hw_route *route, const char *name, int ok, int64_t took_ns);
/* Is nothing but the kernel to use private keys? */
int hw_route_is_kernel_only(const struct hw_route *route);
/* One line a lane; the caller's. */
void hw_route_print(struct hw_route *route, void (*print)(void *arg, const char *line), void *arg);
/* The accelerator's driver, as last seen, or "". */
void hw_route_get_driver(struct hw_route *route, char driver[HW_DRIVER_SIZE]);

/* ---- attach.c ---- */

/* Drops what the lanes keep for the key. Not while it is in use. */
void hw_attach_forget(struct hw_held *held);

/* ---- kernel_key.c: keys that the kernel holds for named users ---- */

/* The serial number of the key with this public part that the kernel holds and this process may use, or 0. */
int32_t hw_kernel_key_find(struct hw *hw, EVP_PKEY *pub);

/* ---- fork.c ---- */

/* Counts the forks between the program's start and this process: what belongs to another process's count is
 * not this one's to use. */
unsigned hw_fork_count(void);
/* Puts up the gate. After the handlers of whatever is locked between hold and release: the last one to be
 * installed is the first to be called before a fork. */
void hw_fork_gate(void);
/* Between these no other thread forks. Not for what may wait without end. A fork waits for what takes a
 * while: the TPM that unseals a key at its first use, and the kernel that is given one, at most a second. */
void hw_fork_hold(void);
void hw_fork_release(void);

#endif
