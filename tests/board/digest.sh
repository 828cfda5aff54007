#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel's digests and random numbers: the same digests as OpenSSL's, by the kernel when asked for and only then.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--no-pka)
. "$(dirname "$0")/lib.sh"

TCTI=swtpm:host=127.0.0.1,port=1
head -c 100000 /dev/urandom >"$T/data"

# trace FUNCTION COMMAND...: must succeed; how often it had the kernel call the function is in $CALLS.
tracing=/sys/kernel/debug/tracing
trace() {
    local function=$1
    shift
    echo "$function" >$tracing/set_ftrace_filter
    echo function >$tracing/current_tracer
    : >$tracing/trace
    check "$*" "$@"
    CALLS=$(grep -c " $function <-" $tracing/trace) || :
    echo nop >$tracing/current_tracer
}
kernel_seed() {
    ssl_conf
    sed -i 's/^providers = providers$/&\nrandom = random/' "$T/openssl.cnf"
    printf '%s\n' '[random]' 'seed = SIGNET-KERNEL-SEED' 'seed_properties = provider=signet' >>"$T/openssl.cnf"
}

# What is missing, first of all modules.
modprobe=$(</proc/sys/kernel/modprobe)
echo /bin/false >/proc/sys/kernel/modprobe
ssl_conf "default signet" "kernel-digests = yes"
refused "without AF_ALG" openssl dgst -propquery provider=signet -sha256 "$T/data"
said 'the kernel does not compute sha256' 'Address family not supported' 'module af_alg'
modprobe af_alg
refused "without its type hash" openssl dgst -propquery provider=signet -sha256 "$T/data"
said 'the kernel does not compute sha256' 'No such file' 'module algif_hash'
check "others have their digests" openssl dgst -sha256 "$T/data"
check "hw print" signet hw print
said 'digests: none by the kernel' 'random: none by the kernel'
kernel_seed
refused "no random numbers" openssl rand -hex 8
said 'gives no random numbers: No such file' algif_rng
echo "$modprobe" >/proc/sys/kernel/modprobe

check "hw print" signet hw print
said "digests: the kernel's SHA-256 driver sha256-" "random: the kernel's driver drbg_"

for order in "default signet" "signet default"; do
    ssl_conf "$order" "kernel-digests = yes"
    trace hash_recvmsg openssl dgst -r -propquery provider=signet -sha256 "$T/data"
    equal "$order: one digest by the kernel" "$CALLS" 1
    equal "which is right" "$(<"$OUT")" "$(plain_openssl dgst -r -sha256 "$T/data")"
    trace hash_recvmsg openssl dgst -r -sha256 "$T/data"
    equal "$order: none by the kernel unless asked for" "$CALLS" 0
done
check "digests" "$PROGRAMS/digests" equal
check "in threads" "$PROGRAMS/digests" threads 4
check "over a fork" "$PROGRAMS/digests" fork

# Every socket is closed.
grep -q '^algif_hash [0-9]* 0 ' /proc/modules || die "still in use: $(grep '^algif_hash ' /proc/modules)"
echo "ok: no socket is left"

kernel_seed
trace rng_recvmsg openssl rand -hex 32
more "seeded by the kernel" "$CALLS" 0
first=$(<"$OUT")
check "again" openssl rand -hex 32
[ "$(<"$OUT")" != "$first" ] || die "the same numbers twice"
ssl_conf
trace rng_recvmsg openssl rand -hex 32
equal "not unless wanted" "$CALLS" 0
