#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the lanes of the emulated router give: the CPU, the accelerator by the keyring and by AF_ALG, bare and through
# Signet, by threads; TPM commands and signatures a second on the kernel's TPM devices; nginx with each custody.
#
# The board's CPU is emulated, about thirty times slower than the machine beneath, and its silicon is not: at full speed
# it would be thirty CPUs, which no SoC has, and the CPU would have no time but to feed it. So the silicon is slowed to
# the pace of an SoC's: --pace milliseconds an operation more, on --engines engines, beside one CPU. What counts is the
# ratios.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${SIGNET_BUILD:-$here/../build}
rounds=5
seconds=0.5
pace=8
engines=8
arch=amd64
json=

usage() {
    cat <<TEXT
Usage: bench/board.sh [--rounds N] [--seconds S] [--pace MS] [--engines N] [--arch ARCH] [--json FILE]
Measures the lanes, the TPM devices and nginx on the emulated router (tests/board/) and prints a table.

  --rounds N   rounds in which what is compared takes turns ($rounds)
  --seconds S  length of one turn ($seconds)
  --pace MS    what an operation takes the silicon beside its arithmetic ($pace; 0: full speed)
  --engines N  of the silicon ($engines)
  --arch ARCH  the board's: amd64 or arm64, for which Signet is cross-built ($arch)
  --json FILE  write the table for programs, too
  --help

A missed target is shown in the table; the exit status is 0 unless the measurement itself is broken.
TEXT
}

die() {
    echo "bench/board.sh: $*" >&2
    exit 1
}
say() { echo "== $*" >&2; }

# ---- on the board: board.sh on-board PART ROUNDS SECONDS; samples go to $SHARED/samples ----

measure() { "$BUILD/bench/signet-bench" "$@" --modules "$MODULES" --rounds "$rounds" --seconds "$seconds" >>"$SHARED/samples"; }

keys() {
    board_tpm
    tpm_srk
    ssl_conf
    make_key "$T/tpm.pem"
    signet hw persist "$T/tpm.pem" 0x81010001 --out "$T/pinned.pem"
    genpkey "$T/file.pem" custody:file >"$OUT" 2>&1
}

on_board_counts() {
    local key
    keys
    for key in pinned:signet:pinned tpm:signet:unpinned tpm:tpm2:tpm2; do
        IFS=: read -r file provider series <<<"$key"
        sleep 1 # what the kernel still flushes for the process before
        measure count --provider "$provider" --series "$series" --tcti "$TCTI" --key "$T/$file.pem" \
            --swtpm-log "$SHARED/tpm.commands"
    done
}

on_board_rates() {
    keys
    ((pace == 0)) || silicon "slow $pace"
    measure lanes --cpu-key "$T/file.pem"
    measure devices --key "$T/tpm.pem" --reference "$T/pinned.pem"
}

# handshakes SERIES KEY [LINE...]
handshakes() {
    local series=$1 key=$2 port
    shift 2
    ssl_conf "default signet" "$@"
    port=$(free_port)
    MAIN='worker_processes 1; user root;' nginx_conf "$port" "$T/$key.crt" "$T/$key.pem" >"$OUT"
    nginx_start >"$OUT"
    measure handshakes --certificate "$T/$key.crt" --port "$port" --series "$series"
    kill "$(<"$T/nginx.pid")"
    wait_until "nginx ends" test ! -e "$T/nginx.pid"
}

on_board_nginx() {
    local key round
    keys
    ((pace == 0)) || silicon "slow $pace"
    genpkey "$T/sealed.pem" custody:sealed >"$OUT" 2>&1
    genpkey "$T/held.pem" custody:sealed >"$OUT" 2>&1
    signet hw hold "$T/held.pem"
    for key in tpm pinned file sealed held; do
        openssl req -x509 -key "$T/$key.pem" -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 -out "$T/$key.crt"
    done
    openssl req -x509 -key "$T/file.pem" -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 -out "$T/cpu.crt"
    cp "$T/file.pem" "$T/cpu.pem"
    for ((round = 0; round < rounds; round++)); do
        handshakes nginx-cpu cpu
        handshakes nginx-file file "lanes = accelerator cpu"
        handshakes nginx-sealed sealed
        handshakes nginx-held held "lanes = kernel-only"
        handshakes nginx-tpm tpm
        handshakes nginx-pinned pinned
    done
}

if [[ ${1-} == on-board ]]; then
    shift
    part=$1 rounds=$2 seconds=$3 pace=$4
    # shellcheck source=../tests/board/lib.sh
    . "$here/../tests/board/lib.sh"
    "on_board_$part"
    exit
fi

while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --pace | --engines | --arch | --json)
        [ $# -ge 2 ] || die "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    --help)
        usage
        exit 0
        ;;
    *) die "unknown option $1; see --help" ;;
    esac
done

if [[ $arch != amd64 ]]; then "$here/../tests/board/cross_build.sh" "$arch" >&2; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# run PART OPTION...: a board of its own for each, so that the TPM's log slows no rate.
run() {
    local part=$1
    shift
    say "the board: $part"
    SIGNET_BUILD=$build "$here/../tests/board/board.sh" --arch "$arch" --timeout 1800 --cpus 1 \
        --engines "$engines" --folder "$work/$part" "$@" bash "$here/board.sh" on-board "$part" "$rounds" "$seconds" "$pace" >&2
}
run counts --tpm-log
run rates
run nginx
echo "An emulated router: one CPU, $arch; an accelerator of $engines engines, $pace ms an operation beside its arithmetic; swtpm."
echo
cat "$work"/*/samples | "$build/bench/signet-bench" report --suite board ${json:+--json "$json"}
