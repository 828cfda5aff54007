#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An accelerator that lies, hangs, is full or slow, goes and comes back, under load: no signature fails, none is wrong.
. "$(dirname "$0")/lib.sh"

board_tpm
tpm_srk
board_stats
ssl_conf
check "a sealed key" genpkey "$T/key.pem" custody:sealed

# load WHAT SECONDS [THREADS]: signatures by eight threads, or so many; their number is $SIGNATURES, the slowest took
# $SLOWEST ms.
load() {
    check "$1" "$PROGRAMS/sign_load" "${3:-8}" "$2" "$T/key.pem"
    SIGNATURES=$(sed -n 's/.*signatures=\([0-9]*\).*/\1/p' "$OUT")
    SLOWEST=$(sed -n 's/.*slowest-ms=\([0-9]*\).*/\1/p' "$OUT")
    echo "    $SIGNATURES signatures, the slowest took $SLOWEST ms"
}
normal() { silicon normal; }
# Wrong results that the accelerator has given.
faults() {
    silicon stats
    echo "${REPLY##*faults=}"
}

# The counters of a process are gone with it: this one keeps its own.
session s "$T/key.pem"
counts() { count afalg "$1" "${SESSION_PID[s]}"; }
# Whichever lane is sooner gets the next one: where the silicon's process has to wait for a processor, that is mostly the CPU.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    ask s "sign 50"
    if (($(counts operations) > 10)); then break; fi
done
more "the accelerator is used" "$(counts operations)" 10
breaker() { signet hw print stats | grep -q "pid=${SESSION_PID[s]} .*lane=afalg.*breaker=$1"; }
# It may stay open for 30 seconds.
until_closed() {
    local end=$((SECONDS + 60))
    until ask s "sign 10" && breaker closed; do
        ((SECONDS < end)) || die "$1: not within a minute"
        sleep 0.2
    done
    echo "ok: $1"
}

# Without room for statistics there are none.
mkdir "$T/full"
mount -t tmpfs -o size=4k none "$T/full"
head -c 4096 /dev/zero >"$T/full/filler"
SIGNET_STATS_DIRECTORY=$T/full load "no room for statistics" 1
equal "files of statistics" "$(ls "$T/full")" filler
umount "$T/full"

# ---- it lies: 10,000 signatures, none wrong ----
total=0
for fault in "wrong 20" "crt 20"; do
    silicon "$fault"
    made=0 given=0
    before=$(faults)
    # Most signatures are the CPU's once the breaker is open, so how often it lies is up to how fast the CPU is.
    until ((made >= 5000 && given >= 10)); do
        ((made < 50000)) || die "it lied only $given times in $made signatures: $fault"
        load "it lies: $fault" 5
        made=$((made + SIGNATURES))
        given=$(($(faults) - before))
    done
    total=$((total + made))
    echo "ok: it lied $given times: $fault"
done
more "signatures by a liar" $total 9999
# A lane that is not used counts as twice as fast after each second: it comes to it.
silicon wrong 500
notices() {
    ask s "sign 20"
    [ "$(counts wrong)" -gt 0 ] || { sleep 2 && false; }
}
wait_until "wrong results are noticed" notices
echo "ok: wrong results are noticed"
normal

# ---- it says nothing ----
# allow THREADS: what a call may take, $ALLOWED ms: a second, or, if that is long on this machine, half a second for the
# silence and twice what the slowest one takes by the CPU alone.
allow() {
    SIGNET_LANES=cpu load "the CPU alone, threads: $1" 4 "$1"
    ALLOWED=$((500 + 2 * SLOWEST))
    ((ALLOWED > 1000)) || ALLOWED=1000
}
in_time() {
    [ "$1" -lt "$ALLOWED" ] || die "a call took $1 ms, more than $ALLOWED"
    echo "ok: within $ALLOWED ms"
}
allow 1
until_closed "the breaker is closed again"
silicon silent
before=$(counts timeouts)
finds_it_silent() {
    begin=$(date +%s%N)
    ask s "sign 1"
    took=$((($(date +%s%N) - begin) / 1000000))
    [ "$(counts timeouts)" -gt "$before" ] || { sleep 2 && false; } # it was the CPU's turn
}
wait_until "a call waits for it" finds_it_silent
echo "ok: a call waited for it, and was done by the CPU after $took ms"
in_time "$took"
breaker open || die "the breaker is not open"
# Under load, too: in a process in whose midst it falls silent, and in one that knows it as silent only.
for threads in 2 8; do
    normal
    allow $threads
    "$PROGRAMS/sign_load" $threads 5 "$T/key.pem" >"$T/load.log" 2>&1 &
    first=$!
    sleep 2
    silicon silent
    check "it falls silent under load" wait $first
    echo "    $(<"$T/load.log")"
    in_time "$(sed -n 's/.*slowest-ms=\([0-9]*\).*/\1/p' "$T/load.log")"
    load "silent, a new process" 4 $threads
    in_time "$SLOWEST"
done
normal
until_closed "it is used again"

# ---- full, slow ----
silicon busy
load "busy" 3
normal
silicon slow 300
load "slow" 5
normal

# ---- it goes and comes back under load; keys in the process, and one that only the kernel has ----
check "a key for the kernel" genpkey "$T/held.pem" custody:sealed
check "given to the kernel" signet hw hold "$T/held.pem"
make_cert "$T/key.pem" "$T/cert.pem"
port=$(free_port)
MAIN='worker_processes 2; user root;' nginx_conf "$port" "$T/cert.pem" "$T/key.pem"
nginx_start
device=$(dirname "$(grep -l 0x1110 /sys/bus/pci/devices/*/device)")

come_and_go() {
    case $1 in
    pulled) silicon gone && sleep 1 && silicon back ;;
    "taken from the bus") echo 1 >"$device/remove" && sleep 1 && echo 1 >/sys/bus/pci/rescan ;;
    "taken from its driver") echo "${device##*/}" >/sys/bus/pci/drivers/emulated-pka/unbind && sleep 1 &&
        echo "${device##*/}" >/sys/bus/pci/drivers/emulated-pka/bind ;;
    esac
}
for way in pulled "taken from the bus" "taken from its driver"; do
    "$PROGRAMS/sign_load" 8 8 "$T/key.pem" >"$T/load.log" 2>&1 &
    first=$!
    SIGNET_LANES=kernel-only "$PROGRAMS/sign_load" 4 8 "$T/held.pem" >"$T/held.log" 2>&1 &
    second=$!
    handshakes=0
    for _ in 1 2; do
        sleep 0.5
        come_and_go "$way" || die "$way"
        handshake tls13 "$port"
        handshakes=$((handshakes + 1))
        sleep 1
    done
    while kill -0 $first 2>/dev/null; do
        handshake tls13 "$port"
        handshakes=$((handshakes + 1))
    done
    check "$way, under load" wait $first
    check "$way, a key of the kernel's" wait $second
    echo "    $(<"$T/load.log"); by the kernel $(<"$T/held.log"); $handshakes handshakes"
done
# The module, while the keyring is the way: a socket of AF_ALG holds it.
kill "$(<"$T/nginx.pid")"
wait_until "nginx ends" test ! -e "$T/nginx.pid"
session_end s
SIGNET_LANES='keyring cpu' "$PROGRAMS/sign_load" 8 8 "$T/key.pem" >"$T/load.log" 2>&1 &
first=$!
unloaded=0
while kill -0 $first 2>/dev/null; do
    if rmmod emulated_pka 2>/dev/null; then
        unloaded=$((unloaded + 1))
        sleep 0.5
        modprobe emulated_pka
    fi
    sleep 0.2
done
check "its module unloaded under load" wait $first
echo "    $(<"$T/load.log"); unloaded $unloaded times"
more "the module was unloaded" $unloaded 0
