// SPDX-License-Identifier: GPL-2.0
/*
 * Driver of a TPM behind the TIS FIFO interface in memory, as QEMU's arm64 machine has it
 * (tpm-tis-device, "tcg,tpm-tis-mmio" in the device tree). Test equipment: Debian's arm64 kernel
 * leaves its own driver out, CONFIG_TCG_TIS. All else is the kernel's: /dev/tpm0, the resource
 * manager behind /dev/tpmrm0, the timeouts.
 *
 * TCG PC Client Platform TPM Profile, "FIFO interface"; locality 0, polled.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/tpm.h>

/* Exported by the kernel's TPM core, whose header is not among the installed ones. */
struct tpm_chip *tpmm_chip_alloc(struct device *pdev, const struct tpm_class_ops *ops);
int tpm_chip_register(struct tpm_chip *chip);
void tpm_chip_unregister(struct tpm_chip *chip);

enum { ACCESS = 0x00, STS = 0x18, DATA_FIFO = 0x24 }; /* registers of locality 0 */
/* Writing ACTIVE gives the locality up. */
enum { ACCESS_VALID = 0x80, ACCESS_ACTIVE = 0x20, ACCESS_REQUEST_USE = 0x02 };
enum { STS_VALID = 0x80, STS_READY = 0x40, STS_GO = 0x20, STS_DATA = 0x10, STS_EXPECT = 0x08 };

#define HEADER   10 /* of a response: tag, length, code */
#define PATIENCE (2 * HZ)

struct tis {
	void __iomem *base;
};

static struct tis *tis_of(struct tpm_chip *chip)
{
	return dev_get_drvdata(&chip->dev);
}

/* Waits until the bits of mask are as in wanted. */
static int wait_register(struct tis *tis, int offset, u8 mask, u8 wanted)
{
	unsigned long end = jiffies + PATIENCE;

	while ((ioread8(tis->base + offset) & mask) != wanted) {
		if (time_after(jiffies, end))
			return -ETIME;
		usleep_range(20, 100);
	}
	return 0;
}

static int tis_request_locality(struct tpm_chip *chip, int locality)
{
	struct tis *tis = tis_of(chip);
	u8 active = ACCESS_VALID | ACCESS_ACTIVE;

	if (locality)
		return -EINVAL;
	iowrite8(ACCESS_REQUEST_USE, tis->base + ACCESS);
	return wait_register(tis, ACCESS, active, active);
}

static int tis_relinquish_locality(struct tpm_chip *chip, int locality)
{
	iowrite8(ACCESS_ACTIVE, tis_of(chip)->base + ACCESS);
	return 0;
}

static u8 tis_status(struct tpm_chip *chip)
{
	return ioread8(tis_of(chip)->base + STS);
}

/* Also ends a command that runs, and what is left of a response. */
static void tis_ready(struct tpm_chip *chip)
{
	iowrite8(STS_READY, tis_of(chip)->base + STS);
}

static bool tis_canceled(struct tpm_chip *chip, u8 status)
{
	return status == (STS_VALID | STS_READY);
}

/* How many bytes the FIFO takes or gives now: bits 8 to 23 of STS. */
static size_t tis_burst(struct tis *tis)
{
	unsigned long end = jiffies + PATIENCE;
	size_t burst;

	while (!(burst = ioread8(tis->base + STS + 1) | ioread8(tis->base + STS + 2) << 8)) {
		if (time_after(jiffies, end))
			return 0;
		usleep_range(20, 100);
	}
	return burst;
}

static int tis_send(struct tpm_chip *chip, u8 *buf, size_t len)
{
	struct tis *tis = tis_of(chip);
	size_t done = 0, burst;
	int err;

	tis_ready(chip);
	err = wait_register(tis, STS, STS_READY, STS_READY);
	while (!err && done < len) {
		burst = min(tis_burst(tis), len - done);
		if (!burst)
			err = -ETIME;
		for (; burst; burst--)
			iowrite8(buf[done++], tis->base + DATA_FIFO);
	}
	/* It must have been the whole command. */
	if (!err)
		err = wait_register(tis, STS, STS_VALID | STS_EXPECT, STS_VALID);
	if (err)
		tis_ready(chip);
	else
		iowrite8(STS_GO, tis->base + STS);
	return err;
}

static int receive(struct tis *tis, u8 *buf, size_t len)
{
	u8 available = STS_VALID | STS_DATA;
	size_t done = 0, burst;
	int err = 0;

	while (!err && done < len) {
		err = wait_register(tis, STS, available, available);
		if (err)
			break;
		burst = min(tis_burst(tis), len - done);
		if (!burst)
			err = -ETIME;
		for (; burst; burst--)
			buf[done++] = ioread8(tis->base + DATA_FIFO);
	}
	return err;
}

static int tis_recv(struct tpm_chip *chip, u8 *buf, size_t len)
{
	struct tis *tis = tis_of(chip);
	size_t total = 0;
	__be32 length;
	int err = -EIO;

	if (len < HEADER)
		goto out;
	err = receive(tis, buf, HEADER);
	if (err)
		goto out;
	memcpy(&length, buf + 2, sizeof(length));
	total = be32_to_cpu(length);
	if (total < HEADER || total > len) {
		err = -EIO;
		goto out;
	}
	err = receive(tis, buf + HEADER, total - HEADER);
out:
	tis_ready(chip);
	return err ? err : total;
}

static const struct tpm_class_ops tis_ops = {
	.flags = TPM_OPS_AUTO_STARTUP,
	.req_complete_mask = STS_VALID | STS_DATA,
	.req_complete_val = STS_VALID | STS_DATA,
	.req_canceled = tis_canceled,
	.request_locality = tis_request_locality,
	.relinquish_locality = tis_relinquish_locality,
	.status = tis_status,
	.send = tis_send,
	.recv = tis_recv,
	.cancel = tis_ready,
};

static void unregister(void *chip)
{
	tpm_chip_unregister(chip);
}

static int tis_probe(struct platform_device *pdev)
{
	struct tis *tis = devm_kzalloc(&pdev->dev, sizeof(*tis), GFP_KERNEL);
	struct tpm_chip *chip;
	int err;

	if (!tis)
		return -ENOMEM;
	tis->base = devm_platform_ioremap_resource(pdev, 0);
	if (IS_ERR(tis->base))
		return PTR_ERR(tis->base);
	chip = tpmm_chip_alloc(&pdev->dev, &tis_ops);
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	dev_set_drvdata(&chip->dev, tis);
	chip->flags |= TPM_CHIP_FLAG_TPM2;
	err = tpm_chip_register(chip);
	if (err)
		return err;
	return devm_add_action_or_reset(&pdev->dev, unregister, chip);
}

static const struct of_device_id tis_ids[] = {{.compatible = "tcg,tpm-tis-mmio"}, {}};
MODULE_DEVICE_TABLE(of, tis_ids);

static struct platform_driver tis_driver = {
	.driver = {.name = "mmio-tis", .of_match_table = tis_ids},
	.probe = tis_probe,
};
module_platform_driver(tis_driver);

MODULE_DESCRIPTION("TPM TIS in memory, test equipment");
MODULE_LICENSE("GPL");
