// SPDX-License-Identifier: GPL-2.0-only
/*
 * rsa_async: for tests of algif_akcipher. An akcipher "rsa" (driver "rsa-async") that is
 * asynchronous as an accelerator is: several requests in flight, a queue with a backlog behind
 * them, the end reported in softirq context. It computes with rsa-generic, and misbehaves as its
 * parameters say.
 */
#include <crypto/akcipher.h>
#include <crypto/algapi.h>
#include <crypto/internal/akcipher.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define ENGINES 8 /* requests computed at a time */
#define DEPTH	4 /* requests that wait for an engine; further ones are the backlog */

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "no operation ends as long as this is set");
static uint delay_ms;
module_param(delay_ms, uint, 0644);
MODULE_PARM_DESC(delay_ms, "each operation takes longer by this");
static int fail;
module_param(fail, int, 0644);
MODULE_PARM_DESC(fail, "operations end with this errno");
static int reject;
module_param(reject, int, 0644);
MODULE_PARM_DESC(reject, "operations are refused with this errno");
static bool strip;
module_param(strip, bool, 0644);
MODULE_PARM_DESC(strip, "results come without leading zeros");
static uint backlogged;
module_param(backlogged, uint, 0644);
MODULE_PARM_DESC(backlogged, "how many requests have been in the backlog");

static struct crypto_queue queue;
static DEFINE_SPINLOCK(queue_lock);
static struct workqueue_struct *engines;
static struct work_struct engine[ENGINES];
static atomic_t next_engine;

struct context {
	struct crypto_akcipher *generic;
};

struct request_context {
	bool is_private;
	struct akcipher_request sub; /* last */
};

static void strip_zeros(struct akcipher_request *req)
{
	u8 *result = kmalloc(req->dst_len, GFP_KERNEL);
	unsigned int zeros = 0;

	if (!result)
		return;
	sg_copy_to_buffer(req->dst, sg_nents(req->dst), result, req->dst_len);
	while (zeros < req->dst_len && !result[zeros])
		zeros++;
	req->dst_len -= zeros;
	sg_copy_from_buffer(req->dst, sg_nents(req->dst), result + zeros, req->dst_len);
	kfree_sensitive(result);
}

static int compute(struct akcipher_request *req)
{
	struct context *ctx = akcipher_tfm_ctx(crypto_akcipher_reqtfm(req));
	struct request_context *rc = akcipher_request_ctx(req);
	int err;

	if (READ_ONCE(fail))
		return READ_ONCE(fail);
	akcipher_request_set_tfm(&rc->sub, ctx->generic);
	akcipher_request_set_callback(&rc->sub, CRYPTO_TFM_REQ_MAY_SLEEP, NULL, NULL);
	akcipher_request_set_crypt(&rc->sub, req->src, req->dst, req->src_len, req->dst_len);
	err = rc->is_private ? crypto_akcipher_decrypt(&rc->sub)
			     : crypto_akcipher_encrypt(&rc->sub);
	req->dst_len = rc->sub.dst_len;
	if (!err && strip)
		strip_zeros(req);
	return err;
}

static void run(struct work_struct *work)
{
	struct crypto_async_request *base, *backlog;

	for (;;) {
		struct akcipher_request *req;
		int err;

		spin_lock_bh(&queue_lock);
		backlog = crypto_get_backlog(&queue);
		base = crypto_dequeue_request(&queue);
		spin_unlock_bh(&queue_lock);
		if (!base)
			return;
		if (backlog) {
			local_bh_disable();
			akcipher_request_complete(
				container_of(backlog, struct akcipher_request, base), -EINPROGRESS);
			local_bh_enable();
		}
		req = container_of(base, struct akcipher_request, base);
		if (delay_ms)
			msleep(delay_ms);
		while (READ_ONCE(hold))
			msleep(1);
		err = compute(req);
		local_bh_disable();
		akcipher_request_complete(req, err);
		local_bh_enable();
	}
}

static int submit(struct akcipher_request *req, bool is_private)
{
	struct request_context *rc = akcipher_request_ctx(req);
	int err;

	if (READ_ONCE(reject))
		return READ_ONCE(reject);
	rc->is_private = is_private;
	spin_lock_bh(&queue_lock);
	err = crypto_enqueue_request(&queue, &req->base);
	if (err == -EBUSY)
		backlogged++;
	spin_unlock_bh(&queue_lock);
	if (err == -EINPROGRESS || err == -EBUSY)
		queue_work(engines,
			   &engine[(unsigned int)atomic_inc_return(&next_engine) % ENGINES]);
	return err;
}

static int async_encrypt(struct akcipher_request *req)
{
	return submit(req, false);
}

static int async_decrypt(struct akcipher_request *req)
{
	return submit(req, true);
}

static int set_public(struct crypto_akcipher *tfm, const void *key, unsigned int len)
{
	struct context *ctx = akcipher_tfm_ctx(tfm);

	return crypto_akcipher_set_pub_key(ctx->generic, key, len);
}

static int set_private(struct crypto_akcipher *tfm, const void *key, unsigned int len)
{
	struct context *ctx = akcipher_tfm_ctx(tfm);

	return crypto_akcipher_set_priv_key(ctx->generic, key, len);
}

static unsigned int max_size(struct crypto_akcipher *tfm)
{
	struct context *ctx = akcipher_tfm_ctx(tfm);

	return crypto_akcipher_maxsize(ctx->generic);
}

static int init_tfm(struct crypto_akcipher *tfm)
{
	struct context *ctx = akcipher_tfm_ctx(tfm);

	ctx->generic = crypto_alloc_akcipher("rsa-generic", 0, 0);
	if (IS_ERR(ctx->generic))
		return PTR_ERR(ctx->generic);
	akcipher_set_reqsize(tfm, sizeof(struct request_context) +
					  crypto_akcipher_reqsize(ctx->generic));
	return 0;
}

static void exit_tfm(struct crypto_akcipher *tfm)
{
	struct context *ctx = akcipher_tfm_ctx(tfm);

	crypto_free_akcipher(ctx->generic);
}

static struct akcipher_alg alg = {
	.encrypt = async_encrypt,
	.decrypt = async_decrypt,
	.set_pub_key = set_public,
	.set_priv_key = set_private,
	.max_size = max_size,
	.init = init_tfm,
	.exit = exit_tfm,
	.base =
		{
			.cra_name = "rsa",
			.cra_driver_name = "rsa-async",
			.cra_priority = 1, /* only for those who ask for it by name */
			.cra_flags = CRYPTO_ALG_ASYNC,
			.cra_ctxsize = sizeof(struct context),
			.cra_module = THIS_MODULE,
		},
};

static int __init rsa_async_init(void)
{
	int i, err;

	crypto_init_queue(&queue, DEPTH);
	engines = alloc_workqueue("rsa_async", WQ_UNBOUND, ENGINES);
	if (!engines)
		return -ENOMEM;
	for (i = 0; i < ENGINES; i++)
		INIT_WORK(&engine[i], run);
	err = crypto_register_akcipher(&alg);
	if (err)
		destroy_workqueue(engines);
	return err;
}

static void __exit rsa_async_exit(void)
{
	crypto_unregister_akcipher(&alg);
	destroy_workqueue(engines);
}

module_init(rsa_async_init);
module_exit(rsa_async_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("An asynchronous RSA for tests");
