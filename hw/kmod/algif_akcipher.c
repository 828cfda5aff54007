// SPDX-License-Identifier: GPL-2.0-only
/*
 * algif_akcipher: RSA for programs through AF_ALG, socket type "akcipher".
 *
 * A bound socket holds a key (ALG_SET_KEY: RSAPrivateKey of RFC 8017, A.1.2, in DER); each socket
 * accepted from it carries out raw operations: sendmsg() with ALG_SET_OP and the input, then
 * recvmsg(), read() or an asynchronous read for the result. README.md is the manual.
 *
 * It has buffers of its own and not af_alg's lists of pages, as algif_skcipher does, because
 *
 * 1. an input or a result is at most 2 KiB: a copy costs nothing beside an RSA operation, and a
 *    driver that sees only our memory can't leave half a result in the caller's, nor read an input
 *    that changes meanwhile;
 *
 * 2. a driver may return fewer bytes than the modulus has, which have to be moved before the caller
 *    sees them;
 *
 * 3. before Linux 6.5 af_alg holds the caller's pages by get_user_pages: after a fork() the result
 *    of an asynchronous read may end up in the child only. Pinned pages stay with the parent;
 *
 * 4. the signatures of those functions have changed within the 6.1 series.
 *
 * Who holds what: a request holds its operation socket, this holds the bound socket, this the key
 * and the module. af_alg refuses to change a key (EBUSY) as long as there is an operation socket
 * that may use it, which a request keeps alive to its end. So the key does not change during an
 * operation, and requests need no lock.
 */
#include <crypto/akcipher.h>
#include <crypto/if_alg.h>
#include <crypto/internal/rsa.h>
#include <linux/completion.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "Linux 6.1 or later is needed"
#endif

/* Bytes of DER; af_alg itself accepts no more than net.core.optmem_max. */
#define KEY_MAX (16 * 1024)
/* Bytes: 16384 bits, as many as the kernel's own arithmetic accepts. */
#define MODULUS_MAX 2048
/* That a result can lie in. */
#define PAGES_MAX (DIV_ROUND_UP(MODULUS_MAX, PAGE_SIZE) + 1)

/* What a bound socket has. */
struct bound {
	struct crypto_akcipher *tfm;
	unsigned int size; /* bytes of the modulus; 0: there is no key */
};

/* What an operation socket has: the input of the next operation, under the socket's lock. */
struct op {
	u8 *input; /* NULL, or room for as many bytes as the modulus has */
	unsigned int len;
	u32 kind;	/* ALG_OP_DECRYPT or ALG_OP_ENCRYPT */
	bool has_begun; /* a message has said which operation it is */
	bool is_whole;	/* and the last part of the input has come */
};

/* Whether a synchronous request still has someone waiting for it. */
enum { WAITING, DONE, ABANDONED };

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

/* Ends asynchronous requests. A driver may report the end in interrupt context, where neither a
 * page can be marked as written nor the last reference to a socket be dropped. */
static struct workqueue_struct *finish_queue;

static struct bound *sk_bound(struct sock *sk)
{
	return alg_sk(alg_sk(sk)->parent)->private;
}

/* ---- a request ---- */

static void request_free(struct request *r)
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

static struct request *request_new(struct sock *sk)
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

/* Makes the result as long as the modulus: the driver's is an integer that may have fewer bytes. */
static int request_result(struct request *r)
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

/* Returns what the driver does; -EINPROGRESS: request_done will be called, or has been. */
static int request_submit(struct request *r, u32 kind, unsigned int len)
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

/* Only a fatal signal and SO_RCVTIMEO end the wait early: the input is used up, so there is nothing
 * to restart. On an error the request is not the caller's any more. */
static int request_wait(struct request *r)
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

/* Pins the pages that the result goes to. Returns 1 if it does not go to one stretch of the
 * caller's memory; then the request has to be a synchronous one. */
static int request_pin(struct request *r, struct iov_iter *to)
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

/* ---- the operation socket ---- */

/* Forgets the input. */
static void op_reset(struct sock *sk, struct op *op)
{
	if (op->input)
		sock_kzfree_s(sk, op->input, sk_bound(sk)->size);
	memset(op, 0, sizeof(*op));
}

/* Reads the control messages. Returns 1 with the operation in *kind, 0 if they name none. */
static int op_control(struct msghdr *msg, u32 *kind)
{
	struct cmsghdr *cmsg;
	int found = 0;

	if (!msg->msg_controllen)
		return 0;
	for_each_cmsghdr(cmsg, msg)
	{
		if (!CMSG_OK(msg, cmsg))
			return -EINVAL;
		if (cmsg->cmsg_level != SOL_ALG)
			continue;
		if (cmsg->cmsg_type != ALG_SET_OP)
			return -EOPNOTSUPP;
		if (cmsg->cmsg_len != CMSG_LEN(sizeof(*kind)))
			return -EINVAL;
		memcpy(kind, CMSG_DATA(cmsg), sizeof(*kind));
		if (*kind != ALG_OP_DECRYPT && *kind != ALG_OP_ENCRYPT)
			return -EOPNOTSUPP;
		found = 1;
	}
	return found;
}

static int op_append(struct sock *sk, struct op *op, struct msghdr *msg, size_t len)
{
	unsigned int size = sk_bound(sk)->size;

	if (len > size - op->len)
		return -EMSGSIZE;
	if (!(msg->msg_flags & MSG_MORE) && len + op->len == 0)
		return -EINVAL;
	if (!op->input)
		op->input = sock_kmalloc(sk, size, GFP_KERNEL);
	if (!op->input)
		return -ENOMEM;
	if (!copy_from_iter_full(op->input + op->len, len, &msg->msg_iter))
		return -EFAULT;
	op->len += len;
	op->is_whole = !(msg->msg_flags & MSG_MORE);
	return len;
}

static int akcipher_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct sock *sk = sock->sk;
	struct op *op = alg_sk(sk)->private;
	u32 kind = 0;
	int found, ret;

	if (msg->msg_flags & MSG_OOB)
		return -EOPNOTSUPP;
	found = op_control(msg, &kind);
	if (found < 0)
		return found;

	lock_sock(sk);
	if (op->is_whole) {
		/* Not another thread's input instead of the one whose result is awaited. */
		ret = -EBUSY;
	} else if (op->has_begun == !!found) {
		/* Neither a private operation by default, nor a second one within the first. */
		ret = -EINVAL;
		op_reset(sk, op);
	} else {
		if (found)
			op->kind = kind;
		op->has_begun = true;
		ret = op_append(sk, op, msg, len);
		if (ret < 0)
			op_reset(sk, op);
	}
	release_sock(sk);
	return ret;
}

/* Makes a request of the input that has been sent. *is_async: wanted, and then possible. */
static struct request *op_take(struct sock *sk, struct msghdr *msg, bool *is_async, u32 *kind,
			       unsigned int *len)
{
	struct op *op = alg_sk(sk)->private;
	struct request *r;
	int err;

	if (!op->is_whole)
		return ERR_PTR(-EINVAL);
	if (iov_iter_count(&msg->msg_iter) < sk_bound(sk)->size)
		return ERR_PTR(-EMSGSIZE);
	r = request_new(sk);
	if (!r)
		return ERR_PTR(-ENOMEM);
	if (*is_async) {
		err = request_pin(r, &msg->msg_iter);
		if (err < 0) {
			request_free(r);
			return ERR_PTR(err);
		}
		*is_async = !err;
	}
	if (*is_async)
		r->iocb = msg->msg_iocb;
	r->input = op->input;
	*kind = op->kind;
	*len = op->len;
	memset(op, 0, sizeof(*op));
	return r;
}

static int akcipher_recvmsg(struct socket *sock, struct msghdr *msg, size_t ignored, int flags)
{
	bool is_async = msg->msg_iocb && !is_sync_kiocb(msg->msg_iocb);
	struct sock *sk = sock->sk;
	struct request *r;
	unsigned int len;
	u32 kind;
	int ret;

	if (flags & (MSG_OOB | MSG_PEEK | MSG_ERRQUEUE))
		return -EOPNOTSUPP;

	lock_sock(sk);
	r = op_take(sk, msg, &is_async, &kind, &len);
	release_sock(sk);
	if (IS_ERR(r))
		return PTR_ERR(r);

	ret = request_submit(r, kind, len);
	if (ret == -EINPROGRESS) {
		if (is_async)
			return -EIOCBQUEUED;
		ret = request_wait(r);
		if (ret)
			return ret;
	} else {
		r->err = ret;
	}
	ret = request_result(r);
	if (!ret && copy_to_iter(r->output, r->size, &msg->msg_iter) != r->size)
		ret = -EFAULT;
	if (!ret)
		ret = r->size;
	request_free(r);
	return ret;
}

static struct proto_ops akcipher_ops = {
	.family = PF_ALG,
	.connect = sock_no_connect,
	.socketpair = sock_no_socketpair,
	.getname = sock_no_getname,
	.ioctl = sock_no_ioctl,
	.listen = sock_no_listen,
	.shutdown = sock_no_shutdown,
	.mmap = sock_no_mmap,
	.bind = sock_no_bind,
	.accept = sock_no_accept,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	.sendpage = sock_no_sendpage, /* copies, and calls sendmsg */
#endif
	.release = af_alg_release,
	.sendmsg = akcipher_sendmsg,
	.recvmsg = akcipher_recvmsg,
};

/* ---- the same, accepted before there was a key ---- */

/* Turns the socket into one that keeps the key from being changed, once there is one. */
static int check_key(struct sock *sk)
{
	struct alg_sock *ask = alg_sk(sk);
	struct sock *parent = ask->parent;
	int err = 0;

	lock_sock(sk);
	if (atomic_read(&ask->nokey_refcnt)) {
		lock_sock_nested(parent, SINGLE_DEPTH_NESTING);
		if (sk_bound(sk)->size) {
			atomic_dec(&alg_sk(parent)->nokey_refcnt);
			atomic_set(&ask->nokey_refcnt, 0);
		} else {
			err = -ENOKEY;
		}
		release_sock(parent);
	}
	release_sock(sk);
	return err;
}

static int akcipher_sendmsg_nokey(struct socket *sock, struct msghdr *msg, size_t len)
{
	return check_key(sock->sk) ?: akcipher_sendmsg(sock, msg, len);
}

static int akcipher_recvmsg_nokey(struct socket *sock, struct msghdr *msg, size_t ignored,
				  int flags)
{
	return check_key(sock->sk) ?: akcipher_recvmsg(sock, msg, ignored, flags);
}

static struct proto_ops akcipher_ops_nokey = {
	.family = PF_ALG,
	.connect = sock_no_connect,
	.socketpair = sock_no_socketpair,
	.getname = sock_no_getname,
	.ioctl = sock_no_ioctl,
	.listen = sock_no_listen,
	.shutdown = sock_no_shutdown,
	.mmap = sock_no_mmap,
	.bind = sock_no_bind,
	.accept = sock_no_accept,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	.sendpage = sock_no_sendpage,
#endif
	.release = af_alg_release,
	.sendmsg = akcipher_sendmsg_nokey,
	.recvmsg = akcipher_recvmsg_nokey,
};

/* ---- the bound socket ---- */

static void *akcipher_bind(const char *name, u32 type, u32 mask)
{
	struct bound *bound = kzalloc(sizeof(*bound), GFP_KERNEL);
	struct crypto_akcipher *tfm;

	if (!bound)
		return ERR_PTR(-ENOMEM);
	tfm = crypto_alloc_akcipher(name, type, mask);
	if (IS_ERR(tfm)) {
		kfree(bound);
		return ERR_CAST(tfm);
	}
	/* By the name of any driver, but nothing other than raw RSA: what follows here deals in
	 * integers below a modulus, and a padding such as pkcs1pad(rsa) has lengths that matter. */
	if (strcmp(crypto_tfm_alg_name(crypto_akcipher_tfm(tfm)), "rsa")) {
		crypto_free_akcipher(tfm);
		kfree(bound);
		return ERR_PTR(-ENOENT);
	}
	bound->tfm = tfm;
	return bound;
}

static void akcipher_release(void *private)
{
	struct bound *bound = private;

	crypto_free_akcipher(bound->tfm);
	kfree(bound);
}

/* The bytes of a positive odd number, 0 if it is none. */
static size_t odd_size(const u8 *number, size_t len)
{
	if (!number || !len || number[0] & 0x80 || !(number[len - 1] & 1))
		return 0;
	while (!*number) {
		number++;
		len--;
	}
	return len;
}

/* Anyone may set a key, so what would only be a waste of time to a driver, or make it divide by
 * zero, does not get there. This is no check that the numbers belong together. */
static int check_numbers(const u8 *key, unsigned int len)
{
	struct rsa_key k = {};
	size_t n, p, q;

	if (rsa_parse_priv_key(&k, key, len))
		return -EINVAL;
	n = odd_size(k.n, k.n_sz);
	p = odd_size(k.p, k.p_sz);
	q = odd_size(k.q, k.q_sz);
	/* The exponents are odd because they are coprime to p - 1 and q - 1. */
	if (!n || !p || !q || !odd_size(k.e, k.e_sz) || !odd_size(k.d, k.d_sz) ||
	    !odd_size(k.dp, k.dp_sz) || !odd_size(k.dq, k.dq_sz))
		return -EINVAL;
	/* One byte more where a zero in front makes the number positive. */
	if (n > MODULUS_MAX || p > n || q > n || k.e_sz > n + 1 || k.d_sz > n + 1 ||
	    k.dp_sz > n + 1 || k.dq_sz > n + 1 || k.qinv_sz > n + 1)
		return -EINVAL;
	return 0;
}

/* Under the bound socket's lock, and only while no operation socket may use the key: af_alg sees to
 * both. It also clears the memory that it has copied the key to. */
static int akcipher_setkey(void *private, const u8 *key, unsigned int len)
{
	struct bound *bound = private;
	unsigned int size;
	int err;

	if (!len || len > KEY_MAX || check_numbers(key, len))
		return -EINVAL; /* the previous key stays */

	/* A driver drops its previous key even if it does not accept the new one. */
	bound->size = 0;
	err = crypto_akcipher_set_priv_key(bound->tfm, key, len);
	if (err)
		return err == -EBADMSG ? -EINVAL : err;
	size = crypto_akcipher_maxsize(bound->tfm);
	if (!size || size > MODULUS_MAX)
		return -EINVAL;
	bound->size = size;
	return 0;
}

static void akcipher_destruct(struct sock *sk)
{
	struct op *op = alg_sk(sk)->private;

	op_reset(sk, op);
	sock_kfree_s(sk, op, sizeof(*op));
	af_alg_release_parent(sk);
}

static int akcipher_accept_nokey(void *private, struct sock *sk)
{
	struct op *op = sock_kmalloc(sk, sizeof(*op), GFP_KERNEL);

	if (!op)
		return -ENOMEM;
	memset(op, 0, sizeof(*op));
	alg_sk(sk)->private = op;
	sk->sk_destruct = akcipher_destruct;
	return 0;
}

static int akcipher_accept(void *private, struct sock *sk)
{
	struct bound *bound = private;

	return bound->size ? akcipher_accept_nokey(private, sk) : -ENOKEY;
}

static const struct af_alg_type akcipher_type = {
	.bind = akcipher_bind,
	.release = akcipher_release,
	.setkey = akcipher_setkey,
	.accept = akcipher_accept,
	.accept_nokey = akcipher_accept_nokey,
	.ops = &akcipher_ops,
	.ops_nokey = &akcipher_ops_nokey,
	.name = "akcipher",
	.owner = THIS_MODULE,
};

static int __init akcipher_init(void)
{
	int err;

	finish_queue = alloc_workqueue("algif_akcipher", WQ_UNBOUND, 0);
	if (!finish_queue)
		return -ENOMEM;
	err = af_alg_register_type(&akcipher_type);
	if (err)
		destroy_workqueue(finish_queue);
	return err;
}

/* Every socket holds the module, so none is left; what dropped the last one may not have returned
 * from our code yet. */
static void __exit akcipher_exit(void)
{
	af_alg_unregister_type(&akcipher_type);
	destroy_workqueue(finish_queue);
}

module_init(akcipher_init);
module_exit(akcipher_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("RSA for programs through AF_ALG");
MODULE_ALIAS("algif-akcipher");
