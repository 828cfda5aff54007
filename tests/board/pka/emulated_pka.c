// SPDX-License-Identifier: GPL-2.0
/*
 * Driver of the emulated PKA (see pka.h): akcipher "rsa" on it. Test equipment.
 *
 * The algorithm is registered with the first device and stays until the module goes: a user's transform can't be taken
 * away from it. While there is no device its priority is 0, so that new users get the kernel's software, and old ones
 * are served by that as their fallback, as are the requests that were on the device when it went. Nothing fails. A
 * device goes by the PCI core's word, or because it reads as all ones: it has been pulled.
 */
#include <linux/crypto.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <crypto/akcipher.h>
#include <crypto/algapi.h>
#include <crypto/internal/akcipher.h>
#include <crypto/internal/rsa.h>

#include "pka.h"

#define PRIORITY  300
#define QUEUE_MAX 128

static unsigned int timeout = 5;
module_param(timeout, uint, 0644);
MODULE_PARM_DESC(timeout, "seconds until a request is given up");
static bool short_results;
module_param(short_results, bool, 0644);
MODULE_PARM_DESC(short_results, "results come without leading zeros, as some drivers have it");

struct pka_key {
	u32 size, has_private, has_crt;
	struct pka_numbers numbers;
};

struct pka_tfm {
	struct crypto_akcipher *fallback;
	spinlock_t lock; /* of key */
	struct pka_key *key;
};

struct pka_request {
	u32 operation;
	struct akcipher_request fallback; /* last: its context follows */
};

/* What the driver knows of a slot; nothing the silicon writes is believed. */
struct pka_work {
	struct akcipher_request *req; /* NULL: free, or given up */
	u32 generation, size;
	bool is_lost; /* given up: not to be used until the silicon has answered */
	unsigned long since;
};

/* There is one device at most. */
static struct pka {
	struct mutex presence; /* one at a time finds that the device has come or gone */
	spinlock_t lock;       /* of what follows */
	struct pci_dev *pdev; /* NULL: no device */
	bool is_up;           /* it is there and answers */
	void __iomem *registers;
	struct pka_header *memory;
	u32 slots, generation;
	struct pka_work works[PKA_SLOTS_MAX];
	struct crypto_queue queue; /* behind full slots */
	struct delayed_work watchdog;
	bool is_registered;
} pka;

static struct akcipher_alg pka_rsa;

static struct pka_slot *slot_at(u32 i)
{
	return (void *)pka.memory + PKA_SLOTS_AT + i * PKA_SLOT_SIZE;
}

/* ---- requests ---- */

static int run_fallback(struct akcipher_request *req)
{
	struct pka_request *ctx = akcipher_request_ctx(req);
	struct pka_tfm *tfm = akcipher_tfm_ctx(crypto_akcipher_reqtfm(req));
	struct akcipher_request *sub = &ctx->fallback;
	int err;

	akcipher_request_set_tfm(sub, tfm->fallback);
	akcipher_request_set_callback(sub, req->base.flags, NULL, NULL);
	akcipher_request_set_crypt(sub, req->src, req->dst, req->src_len, req->dst_len);
	err = ctx->operation == PKA_PRIVATE ? crypto_akcipher_decrypt(sub) : crypto_akcipher_encrypt(sub);
	req->dst_len = sub->dst_len;
	return err;
}

static void wipe(struct pka_slot *slot)
{
	memzero_explicit(&slot->numbers, sizeof(slot->numbers));
	memzero_explicit(slot->in, sizeof(slot->in));
	memzero_explicit(slot->out, sizeof(slot->out));
}

/* Right-aligned, as the silicon reads numbers. */
static void put_number(u8 *field, size_t field_size, const u8 *number, size_t size)
{
	memset(field, 0, field_size - size);
	memcpy(field + field_size - size, number, size);
}

/* Puts a request into a free slot and the ring. With pka.lock held. */
static int submit(struct akcipher_request *req)
{
	struct pka_request *ctx = akcipher_request_ctx(req);
	struct pka_tfm *tfm = akcipher_tfm_ctx(crypto_akcipher_reqtfm(req));
	struct pka_header *memory = pka.memory;
	struct pka_slot *slot;
	u32 i;

	for (i = 0; i < pka.slots; i++) {
		if (!pka.works[i].req && !pka.works[i].is_lost)
			break;
	}
	if (i == pka.slots)
		return -EBUSY;
	slot = slot_at(i);
	spin_lock(&tfm->lock);
	if (!tfm->key || req->src_len > tfm->key->size) {
		spin_unlock(&tfm->lock);
		return -EINVAL;
	}
	slot->numbers = tfm->key->numbers;
	slot->size = tfm->key->size;
	slot->has_crt = tfm->key->has_crt;
	pka.works[i] = (struct pka_work){
		.req = req, .generation = ++pka.generation, .size = tfm->key->size, .since = jiffies};
	spin_unlock(&tfm->lock);
	memset(slot->in, 0, PKA_SIZE_MAX - req->src_len);
	sg_copy_to_buffer(req->src, sg_nents(req->src), slot->in + PKA_SIZE_MAX - req->src_len, req->src_len);
	slot->operation = ctx->operation;
	slot->generation = pka.generation;
	memory->ring[memory->head % PKA_SLOTS_MAX] = i;
	smp_store_release(&memory->head, memory->head + 1);
	writel(0, pka.registers + PKA_DOORBELL); /* peer 0, vector 0 */
	return -EINPROGRESS;
}

static int operate(struct akcipher_request *req, u32 operation)
{
	struct pka_request *ctx = akcipher_request_ctx(req);
	struct pka_tfm *tfm = akcipher_tfm_ctx(crypto_akcipher_reqtfm(req));
	unsigned long flags;
	u32 size = 0;
	int err;

	ctx->operation = operation;
	spin_lock_irqsave(&tfm->lock, flags);
	if (tfm->key && (operation == PKA_PUBLIC || tfm->key->has_private))
		size = tfm->key->size;
	spin_unlock_irqrestore(&tfm->lock, flags);
	if (!size)
		return -EINVAL;
	if (req->dst_len < size) {
		req->dst_len = size;
		return -EOVERFLOW;
	}
	if (req->src_len > size)
		return -EINVAL;
	spin_lock_irqsave(&pka.lock, flags);
	if (!pka.is_up) {
		spin_unlock_irqrestore(&pka.lock, flags);
		return run_fallback(req);
	}
	err = submit(req);
	if (err == -EBUSY)
		err = crypto_enqueue_request(&pka.queue, &req->base);
	spin_unlock_irqrestore(&pka.lock, flags);
	return err;
}

static int pka_encrypt(struct akcipher_request *req)
{
	return operate(req, PKA_PUBLIC);
}

static int pka_decrypt(struct akcipher_request *req)
{
	return operate(req, PKA_PRIVATE);
}

static void complete_base(struct crypto_async_request *base, int err)
{
	local_bh_disable();
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	crypto_request_complete(base, err);
#else
	base->complete(base, err);
#endif
	local_bh_enable();
}

/* ---- answers ---- */

static int error_of(u32 status)
{
	switch (status) {
	case PKA_OK:
		return 0;
	case PKA_BUSY:
		return -EAGAIN;
	case PKA_RANGE:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static void put_result(struct akcipher_request *req, const u8 *out, u32 size)
{
	while (short_results && size && !*out) {
		out++;
		size--;
	}
	req->dst_len = size;
	sg_copy_from_buffer(req->dst, sg_nents(req->dst), out, size);
}

/* Takes an answered or overdue request from its slot; NULL if there is none. With pka.lock held. */
static struct akcipher_request *take_answer(u32 i, int *err)
{
	struct pka_work *work = &pka.works[i];
	struct pka_slot *slot = slot_at(i);
	struct akcipher_request *req = work->req;
	bool is_done = (req || work->is_lost) && smp_load_acquire(&slot->done) == work->generation;

	if (!is_done && (!req || time_before(jiffies, work->since + READ_ONCE(timeout) * HZ)))
		return NULL;
	*err = is_done ? error_of(READ_ONCE(slot->status)) : -ETIMEDOUT;
	if (req && !*err)
		put_result(req, slot->out + PKA_SIZE_MAX - work->size, work->size);
	work->req = NULL;
	work->is_lost = !is_done;
	if (is_done)
		wipe(slot);
	return req;
}

static void submit_queued(void)
{
	struct crypto_async_request *base, *backlog;
	unsigned long flags;
	int err = -EINPROGRESS;
	u32 i;

	for (;;) {
		spin_lock_irqsave(&pka.lock, flags);
		for (i = 0; i < pka.slots; i++) {
			if (!pka.works[i].req && !pka.works[i].is_lost)
				break;
		}
		backlog = base = NULL;
		if (pka.is_up && i < pka.slots) {
			backlog = crypto_get_backlog(&pka.queue);
			base = crypto_dequeue_request(&pka.queue);
			if (base)
				err = submit(container_of(base, struct akcipher_request, base));
		}
		spin_unlock_irqrestore(&pka.lock, flags);
		if (backlog)
			complete_base(backlog, -EINPROGRESS);
		if (!base)
			return;
		if (err != -EINPROGRESS)
			complete_base(base, err);
	}
}

static void take_answers(void)
{
	struct akcipher_request *req;
	unsigned long flags;
	int err;
	u32 i;

	for (i = 0; i < PKA_SLOTS_MAX; i++) {
		req = NULL;
		spin_lock_irqsave(&pka.lock, flags);
		if (pka.is_up && i < pka.slots)
			req = take_answer(i, &err);
		spin_unlock_irqrestore(&pka.lock, flags);
		if (req)
			complete_base(&req->base, err);
	}
	submit_queued();
}

/* ---- coming and going ---- */

/* What was on the device, or waiting for it, is done by the fallback. */
static void finish_by_fallback(void)
{
	struct crypto_async_request *base, *backlog;
	struct akcipher_request *req;
	unsigned long flags;
	u32 i;

	for (i = 0; i < pka.slots; i++) {
		spin_lock_irqsave(&pka.lock, flags);
		req = pka.works[i].req;
		pka.works[i].req = NULL;
		wipe(slot_at(i));
		spin_unlock_irqrestore(&pka.lock, flags);
		if (req)
			complete_base(&req->base, run_fallback(req));
	}
	for (;;) {
		spin_lock_irqsave(&pka.lock, flags);
		backlog = crypto_get_backlog(&pka.queue);
		base = crypto_dequeue_request(&pka.queue);
		spin_unlock_irqrestore(&pka.lock, flags);
		if (backlog)
			complete_base(backlog, -EINPROGRESS);
		if (!base)
			break;
		complete_base(base, run_fallback(container_of(base, struct akcipher_request, base)));
	}
}

static void go_up(void)
{
	unsigned long flags;

	spin_lock_irqsave(&pka.lock, flags);
	memset(pka.works, 0, sizeof(pka.works));
	pka.memory->head = pka.memory->tail;
	pka.is_up = true;
	spin_unlock_irqrestore(&pka.lock, flags);
	pka_rsa.base.cra_priority = PRIORITY;
}

static void go_down(void)
{
	unsigned long flags;

	pka_rsa.base.cra_priority = 0;
	spin_lock_irqsave(&pka.lock, flags);
	pka.is_up = false;
	spin_unlock_irqrestore(&pka.lock, flags);
	finish_by_fallback();
}

/* Interrupt thread and watchdog both come here. */
static void look_after_device(void)
{
	bool is_there;

	mutex_lock(&pka.presence);
	is_there = READ_ONCE(pka.memory->magic) == PKA_MAGIC;
	if (is_there && !pka.is_up)
		go_up();
	else if (!is_there && pka.is_up)
		go_down();
	mutex_unlock(&pka.presence);
	take_answers();
}

static irqreturn_t pka_interrupt(int irq, void *data)
{
	look_after_device();
	return IRQ_HANDLED;
}

static void pka_watchdog(struct work_struct *work)
{
	look_after_device();
	schedule_delayed_work(&pka.watchdog, HZ / 2);
}

/* ---- transforms ---- */

static int take_key(struct crypto_akcipher *akcipher, const void *der, unsigned int len, bool is_private)
{
	struct pka_tfm *tfm = akcipher_tfm_ctx(akcipher);
	struct rsa_key raw = {0};
	struct pka_key *key, *old;
	const size_t half = PKA_SIZE_MAX / 2;
	unsigned long flags;
	int err;

	err = is_private ? crypto_akcipher_set_priv_key(tfm->fallback, der, len) :
			   crypto_akcipher_set_pub_key(tfm->fallback, der, len);
	if (!err)
		err = is_private ? rsa_parse_priv_key(&raw, der, len) : rsa_parse_pub_key(&raw, der, len);
	if (err)
		return err;
	while (raw.n_sz && !*raw.n) {
		raw.n++;
		raw.n_sz--;
	}
	if (raw.n_sz < PKA_SIZE_MIN || raw.n_sz > PKA_SIZE_MAX || raw.e_sz > PKA_SIZE_MAX || raw.d_sz > PKA_SIZE_MAX)
		return -EINVAL;
	key = kzalloc(sizeof(*key), GFP_KERNEL);
	if (!key)
		return -ENOMEM;
	key->size = raw.n_sz;
	put_number(key->numbers.n, PKA_SIZE_MAX, raw.n, raw.n_sz);
	put_number(key->numbers.e, PKA_SIZE_MAX, raw.e, raw.e_sz);
	if (is_private) {
		key->has_private = 1;
		put_number(key->numbers.d, PKA_SIZE_MAX, raw.d, raw.d_sz);
		key->has_crt = raw.p_sz && raw.q_sz && raw.dp_sz && raw.dq_sz && raw.qinv_sz && raw.p_sz <= half &&
			       raw.q_sz <= half && raw.dp_sz <= half && raw.dq_sz <= half && raw.qinv_sz <= half;
	}
	if (key->has_crt) {
		put_number(key->numbers.p, half, raw.p, raw.p_sz);
		put_number(key->numbers.q, half, raw.q, raw.q_sz);
		put_number(key->numbers.dp, half, raw.dp, raw.dp_sz);
		put_number(key->numbers.dq, half, raw.dq, raw.dq_sz);
		put_number(key->numbers.qinv, half, raw.qinv, raw.qinv_sz);
	}
	spin_lock_irqsave(&tfm->lock, flags);
	old = tfm->key;
	tfm->key = key;
	spin_unlock_irqrestore(&tfm->lock, flags);
	kfree_sensitive(old);
	return 0;
}

static int pka_set_pub_key(struct crypto_akcipher *akcipher, const void *der, unsigned int len)
{
	return take_key(akcipher, der, len, false);
}

static int pka_set_priv_key(struct crypto_akcipher *akcipher, const void *der, unsigned int len)
{
	return take_key(akcipher, der, len, true);
}

static unsigned int pka_max_size(struct crypto_akcipher *akcipher)
{
	struct pka_tfm *tfm = akcipher_tfm_ctx(akcipher);

	return tfm->key ? tfm->key->size : 0;
}

static int pka_init_tfm(struct crypto_akcipher *akcipher)
{
	struct pka_tfm *tfm = akcipher_tfm_ctx(akcipher);

	spin_lock_init(&tfm->lock);
	tfm->fallback = crypto_alloc_akcipher("rsa-generic", 0, 0);
	if (IS_ERR(tfm->fallback))
		return PTR_ERR(tfm->fallback);
	akcipher_set_reqsize(akcipher, sizeof(struct pka_request) + crypto_akcipher_reqsize(tfm->fallback));
	return 0;
}

static void pka_exit_tfm(struct crypto_akcipher *akcipher)
{
	struct pka_tfm *tfm = akcipher_tfm_ctx(akcipher);

	kfree_sensitive(tfm->key);
	crypto_free_akcipher(tfm->fallback);
}

static struct akcipher_alg pka_rsa = {
	.encrypt = pka_encrypt,
	.decrypt = pka_decrypt,
	.set_pub_key = pka_set_pub_key,
	.set_priv_key = pka_set_priv_key,
	.max_size = pka_max_size,
	.init = pka_init_tfm,
	.exit = pka_exit_tfm,
	.base = {
		.cra_name = "rsa",
		.cra_driver_name = "rsa-emulated-pka",
		.cra_priority = PRIORITY,
		.cra_flags = CRYPTO_ALG_ASYNC | CRYPTO_ALG_KERN_DRIVER_ONLY | CRYPTO_ALG_NEED_FALLBACK,
		.cra_ctxsize = sizeof(struct pka_tfm),
		.cra_module = THIS_MODULE,
	},
};

/* ---- the device ---- */

static int pka_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct pka_header *memory;
	void __iomem *registers;
	unsigned long flags;
	u32 slots;
	int err;

	err = pcim_enable_device(pdev);
	if (err)
		return err;
	if (pci_resource_len(pdev, 2) < PKA_MEMORY_SIZE)
		return -ENODEV;
	registers = pcim_iomap(pdev, 0, 0);
	memory = devm_memremap(&pdev->dev, pci_resource_start(pdev, 2), PKA_MEMORY_SIZE, MEMREMAP_WB);
	if (!registers || IS_ERR_OR_NULL(memory))
		return -ENOMEM;
	slots = READ_ONCE(memory->slots);
	if (memory->magic != PKA_MAGIC || slots < 1 || slots > PKA_SLOTS_MAX)
		return -ENODEV;
	pci_set_master(pdev);
	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (err < 0)
		return err;

	spin_lock_irqsave(&pka.lock, flags);
	if (pka.pdev) {
		spin_unlock_irqrestore(&pka.lock, flags);
		pci_free_irq_vectors(pdev);
		return -EBUSY;
	}
	pka.registers = registers;
	pka.memory = memory;
	pka.slots = slots;
	pka.pdev = pdev;
	spin_unlock_irqrestore(&pka.lock, flags);
	go_up();

	err = request_threaded_irq(pci_irq_vector(pdev, 0), NULL, pka_interrupt, IRQF_ONESHOT, "emulated-pka", &pka);
	if (err)
		goto fail;
	schedule_delayed_work(&pka.watchdog, HZ / 2);
	if (!pka.is_registered) {
		err = crypto_register_akcipher(&pka_rsa);
		if (err)
			goto fail_irq;
		pka.is_registered = true;
	}
	dev_info(&pdev->dev, "emulated PKA (test equipment): %u slots, %u engines\n", slots, memory->engines);
	return 0;
fail_irq:
	cancel_delayed_work_sync(&pka.watchdog);
	free_irq(pci_irq_vector(pdev, 0), &pka);
fail:
	go_down();
	pka.pdev = NULL;
	pci_free_irq_vectors(pdev);
	return err;
}

static void pka_remove(struct pci_dev *pdev)
{
	cancel_delayed_work_sync(&pka.watchdog);
	free_irq(pci_irq_vector(pdev, 0), &pka);
	go_down();
	pka.pdev = NULL;
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id pka_ids[] = {{PCI_DEVICE(0x1af4, 0x1110)}, {0}};
MODULE_DEVICE_TABLE(pci, pka_ids);

static struct pci_driver pka_driver = {
	.name = "emulated-pka",
	.id_table = pka_ids,
	.probe = pka_probe,
	.remove = pka_remove,
};

static int __init pka_init(void)
{
	spin_lock_init(&pka.lock);
	mutex_init(&pka.presence);
	crypto_init_queue(&pka.queue, QUEUE_MAX);
	INIT_DELAYED_WORK(&pka.watchdog, pka_watchdog);
	return pci_register_driver(&pka_driver);
}

static void __exit pka_exit(void)
{
	/* Nobody has a transform any more: the module's count was zero. New users are turned away first. */
	if (pka.is_registered)
		crypto_unregister_akcipher(&pka_rsa);
	pci_unregister_driver(&pka_driver);
}

module_init(pka_init);
module_exit(pka_exit);

MODULE_DESCRIPTION("Driver of the emulated PKA, test equipment");
MODULE_LICENSE("GPL");
