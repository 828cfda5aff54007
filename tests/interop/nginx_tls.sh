#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx, unmodified, serves TLS with a key in the TPM: every kind of handshake, and through reloads.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"
port=$(free_port)
MAIN='worker_processes 2;' nginx_conf "$port" "$T/cert.pem" "$T/key.pem"
nginx_start
wait_port "$port"

for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do
    mark=$(tpm_mark)
    handshake $way "$port"
    equal "$way, private operations in the TPM" "$(tpm_operations "$mark")" 1
done
check "a page" curl -sS --fail --cacert "$T/ca.pem" "https://localhost:$port/"
said TLSv1.3
for _ in {1..50}; do
    handshake tls13 "$port"
done
echo "ok: 50 connections"

# A reload with another key: old workers go, new ones serve the new certificate.
workers() { pgrep -P "$(<"$T/nginx.pid")" | sort | tr '\n' ' '; }
new_workers() { [ "$(workers | wc -w)" = 2 ] && ! workers | tr ' ' '\n' | grep -qxFf "$T/old"; }
serial() { plain_openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | plain_openssl x509 -noout -serial; }
serves() { [ "$(serial)" = "$(plain_openssl x509 -in "$T/cert.pem" -noout -serial)" ]; }
for round in 1 2 3; do
    make_key "$T/key.pem"
    make_cert "$T/key.pem" "$T/cert.pem"
    workers | tr ' ' '\n' | grep . >"$T/old"
    kill -HUP "$(<"$T/nginx.pid")"
    wait_until "new workers after reload $round" new_workers
    wait_until "the new certificate after reload $round" serves
    for way in tls12-pkcs1 tls12-rsa tls13; do
        handshake $way "$port"
    done
    echo "ok: reload $round, new key"
done
if grep -E '\[(alert|crit|emerg)\]' "$T/nginx-error.log"; then die "nginx complains"; fi
