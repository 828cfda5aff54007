// SPDX-License-Identifier: Apache-2.0
/*
 * Random numbers of the kernel's crypto API (AF_ALG, type rng), through libkcapi: of the SoC's generator if
 * it has a driver there that the kernel prefers, otherwise of the kernel's DRBG.
 */
#include "lane.h"

#include <errno.h>
#include <kcapi.h>
#include <string.h>

#define NAME "stdrng" /* what kcapi_rng_get_bytes takes */

int hw_kernel_random(struct hw *hw, unsigned char *out, size_t len)
{
    ssize_t got;

    /* It would print each error to stderr. */
    kcapi_set_verbosity(KCAPI_LOG_NONE);
    /* A handle of its own each time, so that there is nothing for threads and forked processes to share. It
     * seeds generators that do not seed themselves. */
    got = kcapi_rng_get_bytes(out, len);
    if (got == (ssize_t)len)
        return 1;
    hw_raise(
        hw, HW_E_NO_DEVICE,
        "the kernel's crypto API gives no random numbers: %s; it takes the modules af_alg, algif_rng and "
        "crypto_user",
        strerror(got < 0 ? (int)-got : EIO));
    return 0;
}

void hw_kernel_random_print(void (*print)(void *arg, const char *line), void *arg)
{
    struct kcapi_handle *handle = NULL;
    char line[256], driver[64];
    int result;

    kcapi_set_verbosity(KCAPI_LOG_NONE);
    result = kcapi_rng_init(&handle, NAME, 0);
    if (result == 0) {
        hw_probe_name(NAME, driver, sizeof(driver));
        snprintf(line, sizeof(line), "random: the kernel's driver %s", driver);
        kcapi_rng_destroy(handle);
    } else {
        snprintf(line, sizeof(line), "random: none by the kernel (%s)", strerror(-result));
    }
    print(arg, line);
}
