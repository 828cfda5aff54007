/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of algif_akcipher share: socket.c takes keys and inputs, request.c carries
 * out operations. */
#ifndef ALGIF_AKCIPHER_H
#define ALGIF_AKCIPHER_H

#include <crypto/akcipher.h>
#include <crypto/if_alg.h>
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "Linux 6.1 or later is needed"
#endif

/* Bytes: 16384 bits, as many as the kernel's own arithmetic accepts. */
#define MODULUS_MAX 2048
/* That a result can lie in. */
#define PAGES_MAX (DIV_ROUND_UP(MODULUS_MAX, PAGE_SIZE) + 1)

/* What a bound socket has. */
struct bound {
	struct crypto_akcipher *tfm;
	unsigned int size; /* bytes of the modulus; 0: there is no key */
};

static inline struct bound *sk_bound(struct sock *sk)
{
	return alg_sk(alg_sk(sk)->parent)->private;
}

struct request {
	struct sock *sk;    /* the operation socket */
	struct kiocb *iocb; /* NULL: synchronous */
	u8 *input, *output;
	unsigned int size;
	int err;

	atomic_t state;
	struct completion completion;

	/* Where the result of an asynchronous request goes. */
	struct page *pages[PAGES_MAX];
	unsigned int n_pages, offset;
	struct work_struct work;

	struct scatterlist src, dst;
	struct akcipher_request areq; /* last: the driver's own context follows */
};

/* A request for the operation socket sk, without an input; NULL: no memory left. It holds the
 * socket. */
struct request *request_new(struct sock *sk);
/* Wipes what it has. */
void request_free(struct request *r);
/* Pins the pages that the result goes to. Returns 1 if it does not go to one stretch of the
 * caller's memory; then the request has to be a synchronous one. */
int request_pin(struct request *r, struct iov_iter *to);
/* Returns what the driver does. -EINPROGRESS: it has the request; one with an iocb then ends by
 * itself, and any other has to be waited for. */
int request_submit(struct request *r, u32 kind, unsigned int len);
/* Only a fatal signal and SO_RCVTIMEO end the wait early: the input is used up, so there is nothing
 * to restart. On an error the request is not the caller's any more. */
int request_wait(struct request *r);
/* Makes the result as long as the modulus: the driver's is an integer that may have fewer bytes. */
int request_result(struct request *r);

int request_init(void) __init;
void request_exit(void);

#endif
