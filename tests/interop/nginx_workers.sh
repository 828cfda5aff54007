#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Four nginx workers share one TPM that has no resource manager; under load no handshake fails.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"
port=$(free_port)
MAIN='worker_processes 4;' nginx_conf "$port" "$T/cert.pem" "$T/key.pem"
nginx_start
wait_port "$port"

mark=$(tpm_mark)
check "load: every request is a connection of its own" \
    wrk -t 2 -c 16 -d 8s --timeout 10s "https://127.0.0.1:$port/"
if grep -E 'Socket errors|Non-2xx' "$OUT"; then
    cat "$T/nginx-error.log" >&2
    die "failed connections"
fi
requests=$(awk '/requests in/ { print $1 }' "$OUT")
operations=$(tpm_operations "$mark")
if [ "$requests" -eq 0 ] || [ "$operations" -lt "$requests" ]; then
    die "$requests requests, but $operations signatures in the TPM"
fi
echo "ok: $requests connections, $operations signatures"

# The same with real clients, each of which checks the certificate.
clients=()
for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do
    (
        OUT=$T/$way
        for _ in {1..25}; do
            handshake $way "$port"
        done
    ) &
    clients+=($!)
done
for client in "${clients[@]}"; do
    wait "$client" || die "a client failed"
done
echo "ok: 100 connections of 4 clients at once"
if grep -E '\[(error|alert|crit|emerg)\]|SSL_do_handshake' "$T/nginx-error.log"; then die "nginx complains"; fi
