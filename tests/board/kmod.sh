#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel module algif_akcipher: with the kernel's software, loaded and unloaded again and again. kmod_async.sh has an
# asynchronous driver that fails and hangs.
# shellcheck disable=SC2034 # for lib.sh
# Debian has no kernel with KASAN or kmemleak. Its stock one can poison what is freed, put red zones around what is not,
# and keep who has allocated it.
BOARD=(--timeout 850 --no-pka --no-tpm --kernel-args "slub_debug=FZPU slab_nomerge page_poison=1")
. "$(dirname "$0")/lib.sh"

folder=/lib/modules/$(uname -r)/extra
test=$BUILD/tests/board/algif_akcipher_test
rounds=100

loaded() { grep -q "^$1 " /proc/modules; }
unload() { rmmod "$1" || die "$1 can't be unloaded: $(grep "^$1 " /proc/modules)"; }
kernel_is_well() {
    if kernel_complaints; then die "$1: the kernel complains"; fi
    echo "ok: $1: the kernel has nothing to complain about"
}
# How much memory the kernel's slabs have given to the module and not got back.
allocations() { cat /sys/kernel/debug/slab/kmalloc-*/alloc_traces | grep -c '\[algif_akcipher\]' || :; }
# Nothing is written where nothing should be: poison and red zones of every object, used or free.
validate_slabs() {
    local slab
    for slab in /sys/kernel/slab/kmalloc-*; do
        echo 1 >"$slab/validate"
    done
}

echo "Linux $(uname -r)"
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
validate_slabs
kernel_is_well "with rsa-generic"

# What the module holds can be seen, and is gone once nobody uses it.
plain_openssl genrsa 2>/dev/null | plain_openssl rsa -traditional -outform DER 2>/dev/null |
    perl -pe 'BEGIN { $/ = \1 } $_ ^= "\xa5"' >"$T/hidden"
coproc holder { exec "$test" hold "$T/hidden"; }
holder_pid=$holder_PID
read -r line <&"${holder[0]}"
[[ $line == "ok: a key is held" ]] || die "the key is not held: $line"
held=$(allocations)
more "allocations of the module while a key is held" "$held" 0
eval "exec ${holder[1]}>&-"
wait "$holder_pid"
wait_until "the module has given back all its memory" eval '[ "$(allocations)" = 0 ]'

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
