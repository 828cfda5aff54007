// SPDX-License-Identifier: Apache-2.0
/* The CPU lane: OpenSSL's default provider in the private context. */
#include "lane.h"

static int cpu_is_there(struct hw *hw, const char *driver)
{
    (void)hw;
    (void)driver;
    return 1;
}

static void *cpu_attach(const struct hw_held *held, const char *driver, enum lane_result *result)
{
    (void)driver;
    *result = LANE_KEY;
    return held->raw;
}

static void cpu_detach(void *attached)
{
    (void)attached;
}

/* OpenSSL's decryption without padding is the raw private operation, with blinding and with a check of the
 * CRT result. */
static enum lane_result cpu_operate(void *attached, struct hw_held *held, const unsigned char *in,
                                    unsigned char *out, unsigned timeout_ms)
{
    (void)timeout_ms;
    return hw_rsa_raw(&held->kept, hw_libctx(held->hw), attached, 1, held->size, in, out) ? LANE_OK
                                                                                          : LANE_INPUT;
}

const struct hw_lane hw_lane_cpu = {
    .name = "cpu",
    .is_there = cpu_is_there,
    .attach = cpu_attach,
    .detach = cpu_detach,
    .operate = cpu_operate,
};
