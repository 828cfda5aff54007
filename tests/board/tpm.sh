#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel's TPM devices: keys made, used by threads, after fork, by processes at once and by nginx's workers, on
# /dev/tpm0, which one process has at a time, and /dev/tpmrm0, which swaps.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--tpm-log)
. "$(dirname "$0")/lib.sh"

board_tpm
tpm_srk
for device in /dev/tpmrm0 /dev/tpm0; do
    board_tpm "$device"
    ssl_conf
    make_key "$T/key.pem"
    head -c 1000 /dev/urandom >"$T/data"
    check "$device: a signature" openssl dgst -sha256 -sign "$T/key.pem" -out "$T/sig" "$T/data"
    openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
    check "$device: is good" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"

    for n in 1 2 3 4; do make_key "$T/key$n.pem"; done
    check "$device: five keys in one process" "$PROGRAMS/sign_many" 3 "$T/key.pem" "$T"/key[1-4].pem
    check "$device: threads" "$PROGRAMS/sign_threads" 4 5 "$T/key.pem" "$T/key1.pem"
    check "$device: a forked child" "$PROGRAMS/sign_fork" before 2 2 3 "$T/key.pem"

    pids=()
    for n in 1 2 3 4 5; do
        openssl dgst -sha256 -sign "$T/key$((n % 5)).pem" -out "$T/sig$n" "$T/data" 2>"$T/process$n.log" &
        pids+=($!)
        [ -e "$T/key0.pem" ] || cp "$T/key.pem" "$T/key0.pem"
    done
    for pid in "${pids[@]}"; do check "$device: one of five processes" wait "$pid"; done

    make_cert "$T/key.pem" "$T/cert.pem"
    port=$(free_port)
    MAIN='worker_processes 2; user root;' nginx_conf "$port" "$T/cert.pem" "$T/key.pem"
    nginx_start
    for n in 1 2 3 4; do
        handshake tls13 "$port"
        handshake tls12-pss "$port"
    done
    kill "$(<"$T/nginx.pid")"
    wait_until "nginx ends" test ! -e "$T/nginx.pid"
    rm -f "$T"/key*.pem
done
