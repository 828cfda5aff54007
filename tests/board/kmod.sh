#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel module algif_akcipher: with the kernel's software, loaded and unloaded again and again. What it does with an
# asynchronous driver that fails or hangs, faults.sh shows.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--no-pka)
. "$(dirname "$0")/lib.sh"

folder=/lib/modules/$(uname -r)/extra
test=$BUILD/tests/board/algif_akcipher_test
rounds=100

loaded() { grep -q "^$1 " /proc/modules; }
unload() { rmmod "$1" || die "$1 can't be unloaded: $(grep "^$1 " /proc/modules)"; }
# Whatever the kernel has to complain about since the last time.
seen=0
kernel_is_well() {
    local log
    if [[ -w /sys/kernel/debug/kmemleak ]]; then
        # Twice: what was just freed may still look lost at first.
        echo scan >/sys/kernel/debug/kmemleak
        sleep 6
        echo scan >/sys/kernel/debug/kmemleak
        log=$(cat /sys/kernel/debug/kmemleak)
        if grep -qE 'algif_akcipher|af_alg' <<<"$log"; then
            echo "$log" >&2
            die "$1: memory leaks"
        fi
    fi
    log=$(dmesg | tail -n +$((seen + 1)))
    seen=$(dmesg | wc -l)
    if grep -E 'BUG|Oops|WARNING|KASAN|UBSAN|use-after-free|leak|Call Trace|blocked for more than|refcount_t|DEADLOCK|suspicious' \
        <<<"$log" >&2; then
        echo "$log" >&2
        die "$1: the kernel complains"
    fi
    echo "ok: $1: the kernel has nothing to complain about"
}

echo "Linux $(uname -r)"
seen=$(dmesg | wc -l)
modprobe af_alg

# bind() asks for the module by its alias.
modprobe=$(</proc/sys/kernel/modprobe)
echo /bin/false >/proc/sys/kernel/modprobe
"$test" absent
echo "$modprobe" >/proc/sys/kernel/modprobe
"$test" once
loaded algif_akcipher || die "bind() has not loaded the module"
unload algif_akcipher
echo "ok: bind() loads the module"
# From here on it comes only when it is told to.
echo /bin/false >/proc/sys/kernel/modprobe

insmod "$folder/algif_akcipher.ko"
"$test" all
kernel_is_well "with rsa-generic"

# Nothing is left open, so it can go; and come again.
unload algif_akcipher
for ((i = 0; i < rounds; i++)); do
    insmod "$folder/algif_akcipher.ko"
    "$test" once >/dev/null
    unload algif_akcipher
done
echo "ok: $rounds times loaded, used and unloaded"

# Unloading while it is being used: refused, or in time.
(for ((i = 0; i < 30; i++)); do "$test" once >/dev/null 2>&1 || :; done) &
user=$!
removed=0
while kill -0 $user 2>/dev/null; do
    if ! loaded algif_akcipher; then insmod "$folder/algif_akcipher.ko"; fi
    if rmmod algif_akcipher 2>/dev/null; then removed=$((removed + 1)); fi
done
wait $user
if loaded algif_akcipher; then unload algif_akcipher; fi
echo "ok: unloaded $removed times between the operations of another process"
kernel_is_well "after loading and unloading"
