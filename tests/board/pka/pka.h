/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The emulated PKA: what its silicon and its driver share. Test equipment: Signet itself knows nothing of it.
 *
 * The memory is BAR 2 of QEMU's ivshmem-doorbell. The driver writes a request into a slot, puts the slot's number into
 * the ring and rings the doorbell; engines take it, write the result into the same slot and raise the interrupt. A
 * result belongs to a request if its generation is the request's: each request has a new one. Integers are
 * little-endian, numbers of RSA big-endian and padded on the left to their fields' ends.
 */
#ifndef EMULATED_PKA_H
#define EMULATED_PKA_H

#include <linux/types.h>

#define PKA_MAGIC       0x314b5045 /* "EPK1" */
#define PKA_MEMORY_SIZE 0x100000
#define PKA_SLOTS_MAX   64
#define PKA_SIZE_MIN    64  /* bytes of a modulus */
#define PKA_SIZE_MAX    512
#define PKA_SLOTS_AT    0x4000 /* bytes from the beginning */

enum pka_operation { PKA_PUBLIC = 1, PKA_PRIVATE = 2 };

enum pka_status {
	PKA_OK = 1,
	PKA_BUSY = 2,  /* the queue takes nothing at the moment */
	PKA_RANGE = 3, /* the input is not below the modulus, or a number makes no sense */
};

struct pka_header {
	__u32 magic;
	__u32 slots;   /* the queue's depth */
	__u32 engines;
	__u32 head;    /* counts what the driver has put into the ring */
	__u32 tail;    /* counts what the silicon has taken */
	__u32 ring[PKA_SLOTS_MAX];
};

struct pka_numbers {
	__u8 n[PKA_SIZE_MAX], e[PKA_SIZE_MAX], d[PKA_SIZE_MAX];
	__u8 p[PKA_SIZE_MAX / 2], q[PKA_SIZE_MAX / 2], dp[PKA_SIZE_MAX / 2], dq[PKA_SIZE_MAX / 2],
		qinv[PKA_SIZE_MAX / 2];
};

struct pka_slot {
	/* The driver's. */
	__u32 generation;
	__u32 operation;
	__u32 size; /* bytes of the modulus */
	__u32 has_crt;
	struct pka_numbers numbers;
	__u8 in[PKA_SIZE_MAX];
	/* The silicon's: done last. */
	__u8 out[PKA_SIZE_MAX];
	__u32 status;
	__u32 done; /* generation of the request that the result is of */
};

#define PKA_SLOT_SIZE 0x1000

/* BAR 0 of ivshmem-doorbell: peer in the upper half, vector in the lower one. The silicon is peer 0. */
#define PKA_DOORBELL 12

#endif
