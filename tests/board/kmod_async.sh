#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel module algif_akcipher with an asynchronous driver, the emulated accelerator's: requests in flight, and a device
# that fails, hangs or goes. Its queue is short, so that most requests wait in the driver.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--timeout 850 --no-tpm --depth 4)
. "$(dirname "$0")/lib.sh"

modprobe algif_akcipher
# A request is given up only where a test says so, however slow this machine is.
echo 3600 >/sys/module/emulated_pka/parameters/timeout
"$BUILD/tests/board/algif_akcipher_test" async
rmmod algif_akcipher
echo "ok: nothing holds the module"
