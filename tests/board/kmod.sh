#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests the kernel module algif_akcipher, on the board or any other machine that may crash, as root.
# Usage: kmod.sh FOLDER [TEST]
# FOLDER has algif_akcipher.ko and rsa_async.ko, built for the kernel that runs; TEST is the program algif_akcipher_test
# (default: in FOLDER, too).
set -euo pipefail

folder=$(cd "${1:?"usage: kmod.sh FOLDER [TEST]"}" && pwd)
test=$(realpath "${2:-$folder/algif_akcipher_test}")
rounds=100

die() {
    echo "FAILED: $*" >&2
    exit 1
}
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
        if grep -qE 'algif_akcipher|af_alg|rsa_async' <<<"$log"; then
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
((EUID == 0)) || die "needs root"
for name in rsa_async algif_akcipher; do
    if loaded $name; then unload $name; fi
done
seen=$(dmesg | wc -l)
modprobe af_alg 2>/dev/null || insmod "$folder/af_alg.ko" 2>/dev/null || :
loaded af_alg || die "there is no af_alg"

"$test" absent

# bind() asks for the module by its alias, as root of the first process; here a stand-in for modprobe answers.
modprobe=$(</proc/sys/kernel/modprobe)
helper=/run/algif_akcipher_modprobe.$$
if [[ $(readlink /proc/2/root) == / && /proc/2/root/ -ef / ]]; then
    trap 'echo "$modprobe" >/proc/sys/kernel/modprobe; rm -f "$helper"' EXIT
    modinfo -F alias "$folder/algif_akcipher.ko" | grep -qx algif-akcipher || die "the alias is missing"
    printf '#!/bin/sh\ncase $* in *algif-akcipher) exec /sbin/insmod %q ;; esac\nexit 1\n' "$folder/algif_akcipher.ko" >"$helper"
    chmod +x "$helper"
    echo "$helper" >/proc/sys/kernel/modprobe
    "$test" once
    echo "$modprobe" >/proc/sys/kernel/modprobe
    loaded algif_akcipher || die "bind() has not loaded the module"
    unload algif_akcipher
    echo "ok: bind() loads the module"
fi

insmod "$folder/algif_akcipher.ko"
"$test" all
kernel_is_well "with rsa-generic"

insmod "$folder/rsa_async.ko"
grep -A5 'driver *: rsa-async' /proc/crypto | grep -q 'selftest *: passed' || die "rsa_async does not pass the kernel's test"
"$test" async
kernel_is_well "with an asynchronous driver"
unload rsa_async

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
