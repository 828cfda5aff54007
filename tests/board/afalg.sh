#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The AF_ALG lane on a device that gives no answer, and where asynchronous I/O is short or missing.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--no-tpm)
. "$(dirname "$0")/lib.sh"

# The driver gives nothing up by itself, however slow this machine is.
echo 3600 >/sys/module/emulated_pka/parameters/timeout
"$BUILD/tests/board/afalg_test"

# A service that starts while other programs have all contexts takes the kernel's keyring instead.
TCTI=swtpm:host=127.0.0.1,port=1
board_stats
ssl_conf "default signet" "lanes = accelerator"
check "a file key" genpkey "$T/key.pem" custody:file
max=$(</proc/sys/fs/aio-max-nr)
echo "$(</proc/sys/fs/aio-nr)" >/proc/sys/fs/aio-max-nr
session s "signet:file=$T/key.pem"
ask s "sign 20"
equal "no asynchronous I/O: none by afalg" "$(count afalg operations "${SESSION_PID[s]}")" 0
more "no asynchronous I/O: by the keyring" "$(count keyring operations "${SESSION_PID[s]}")" 19
session_end s
echo "$max" >/proc/sys/fs/aio-max-nr
