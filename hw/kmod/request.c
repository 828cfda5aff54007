// SPDX-License-Identifier: GPL-2.0-only
/* A request: one operation, from its input to its end. */
#include "algif_akcipher.h"

#include <linux/highmem.h>
#include <linux/slab.h>
#include <net/sock.h>

/* Whether a synchronous request still has someone waiting for it. */
enum { WAITING, DONE, ABANDONED };

/* Ends asynchronous requests. A driver may report the end in interrupt context, where neither a
 * page can be marked as written nor the last reference to a socket be dropped. */
static struct workqueue_struct *finish_queue;

void request_free(struct request *r)
{
	struct sock *sk = r->sk;

	if (r->n_pages)
		unpin_user_pages_dirty_lock(r->pages, r->n_pages, false);
	if (r->input)
		sock_kzfree_s(sk, r->input, r->size);
	if (r->output)
		sock_kzfree_s(sk, r->output, r->size);
	sock_kzfree_s(sk, r, sizeof(*r) + crypto_akcipher_reqsize(sk_bound(sk)->tfm));
	sock_put(sk);
}

struct request *request_new(struct sock *sk)
{
	struct bound *bound = sk_bound(sk);
	unsigned int len = sizeof(struct request) + crypto_akcipher_reqsize(bound->tfm);
	struct request *r = sock_kmalloc(sk, len, GFP_KERNEL);

	if (!r)
		return NULL;
	memset(r, 0, len);
	sock_hold(sk);
	r->sk = sk;
	r->size = bound->size;
	init_completion(&r->completion);
	/* Memory of its own, as a device may write to it; zeroed, as it may write less than it
	 * says. */
	r->output = sock_kmalloc(sk, r->size, GFP_KERNEL);
	if (!r->output) {
		request_free(r);
		return NULL;
	}
	memset(r->output, 0, r->size);
	return r;
}

int request_result(struct request *r)
{
	unsigned int len = r->areq.dst_len;

	if (r->err)
		return r->err;
	if (len > r->size)
		return -EIO;
	memmove(r->output + r->size - len, r->output, len);
	memset(r->output, 0, r->size - len);
	return 0;
}

static void request_finish(struct work_struct *work)
{
	struct request *r = container_of(work, struct request, work);
	struct kiocb *iocb = r->iocb;
	unsigned int i, done = 0, offset = r->offset;
	int err = request_result(r);
	long ret = err ? err : (long)r->size;

	if (iocb && !err) {
		for (i = 0; i < r->n_pages; i++) {
			unsigned int n = min_t(unsigned int, r->size - done, PAGE_SIZE - offset);

			memcpy_to_page(r->pages[i], offset, r->output + done, n);
			done += n;
			offset = 0;
		}
		unpin_user_pages_dirty_lock(r->pages, r->n_pages, true);
		r->n_pages = 0;
	}
	/* First, so that the caller finds nothing in use any more; the iocb still holds the file
	 * and thus the socket. */
	request_free(r);
	if (iocb)
		iocb->ki_complete(iocb, ret);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
static void request_done(void *data, int err)
{
	struct request *r = data;
#else
static void request_done(struct crypto_async_request *base, int err)
{
	struct request *r = base->data;
#endif

	/* It has left the driver's backlog. */
	if (err == -EINPROGRESS)
		return;
	r->err = err;
	if (r->iocb || atomic_xchg(&r->state, DONE) == ABANDONED)
		queue_work(finish_queue, &r->work);
	else
		complete(&r->completion);
}

int request_submit(struct request *r, u32 kind, unsigned int len)
{
	int err;

	sg_init_one(&r->src, r->input, len);
	sg_init_one(&r->dst, r->output, r->size);
	INIT_WORK(&r->work, request_finish);
	akcipher_request_set_tfm(&r->areq, sk_bound(r->sk)->tfm);
	akcipher_request_set_callback(
		&r->areq, CRYPTO_TFM_REQ_MAY_SLEEP | CRYPTO_TFM_REQ_MAY_BACKLOG, request_done, r);
	akcipher_request_set_crypt(&r->areq, &r->src, &r->dst, len, r->size);
	err = kind == ALG_OP_ENCRYPT ? crypto_akcipher_encrypt(&r->areq)
				     : crypto_akcipher_decrypt(&r->areq);
	/* With MAY_BACKLOG, EBUSY is a request that waits for its turn. */
	return err == -EBUSY ? -EINPROGRESS : err;
}

int request_wait(struct request *r)
{
	long left = wait_for_completion_killable_timeout(&r->completion, r->sk->sk_rcvtimeo);

	if (left > 0)
		return 0;
	if (atomic_xchg(&r->state, ABANDONED) == WAITING)
		return left ? -EINTR : -EAGAIN;
	/* It ends at this moment. */
	wait_for_completion(&r->completion);
	return 0;
}

int request_pin(struct request *r, struct iov_iter *to)
{
	unsigned long start;
	int n, pinned;

	if (!user_backed_iter(to) || iov_iter_single_seg_count(to) < r->size)
		return 1;
	if (iter_is_ubuf(to))
		start = (unsigned long)to->ubuf + to->iov_offset;
	else
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
		start = (unsigned long)iter_iov_addr(to);
#else
		start = (unsigned long)iov_iter_iovec(to).iov_base;
#endif
	r->offset = offset_in_page(start);
	n = DIV_ROUND_UP(r->offset + r->size, PAGE_SIZE);
	pinned = pin_user_pages_fast(start, n, FOLL_WRITE, r->pages);
	if (pinned < 0)
		return pinned;
	r->n_pages = pinned;
	return pinned == n ? 0 : -EFAULT;
}

int __init request_init(void)
{
	finish_queue = alloc_workqueue("algif_akcipher", WQ_UNBOUND, 0);
	return finish_queue ? 0 : -ENOMEM;
}

void request_exit(void)
{
	destroy_workqueue(finish_queue);
}
