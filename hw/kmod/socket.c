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
#include "algif_akcipher.h"

#include <crypto/internal/rsa.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <net/sock.h>

/* Bytes of DER; af_alg itself accepts no more than net.core.optmem_max. */
#define KEY_MAX (16 * 1024)
/* More of the input follows: said by the caller, or by splice() of a pipe with several buffers. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define MORE (MSG_MORE | MSG_SENDPAGE_NOTLAST)
#else
#define MORE MSG_MORE
#endif

/* What an operation socket has: the input of the next operation, under the socket's lock. */
struct op {
	u8 *input; /* NULL, or room for as many bytes as the modulus has */
	unsigned int len;
	u32 kind;	/* ALG_OP_DECRYPT or ALG_OP_ENCRYPT */
	bool has_begun; /* a message has said which operation it is */
	bool is_whole;	/* and the last part of the input has come */
};

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
	if (!(msg->msg_flags & MORE) && len + op->len == 0)
		return -EINVAL;
	if (!op->input)
		op->input = sock_kmalloc(sk, size, GFP_KERNEL);
	if (!op->input)
		return -ENOMEM;
	if (!copy_from_iter_full(op->input + op->len, len, &msg->msg_iter))
		return -EFAULT;
	op->len += len;
	op->is_whole = !(msg->msg_flags & MORE);
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

	err = request_init();
	if (err)
		return err;
	err = af_alg_register_type(&akcipher_type);
	if (err)
		request_exit();
	return err;
}

/* Every socket holds the module, so none is left; what dropped the last one may not have returned
 * from our code yet. */
static void __exit akcipher_exit(void)
{
	af_alg_unregister_type(&akcipher_type);
	request_exit();
}

module_init(akcipher_init);
module_exit(akcipher_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("RSA for programs through AF_ALG");
MODULE_ALIAS("algif-akcipher");
