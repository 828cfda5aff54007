#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# haproxy, unmodified, serves TLS with a key in the TPM; certificate and key are one file, as it likes them.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"
cat "$T/cert.pem" "$T/key.pem" >"$T/haproxy.pem"
port=$(free_port)
cat >"$T/haproxy.cfg" <<END
global
    nbthread 2
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers DEFAULT
    tune.ssl.cachesize 0
defaults
    mode http
    timeout client 20s
    timeout connect 20s
    timeout server 20s
frontend tls
    bind 127.0.0.1:$port ssl crt $T/haproxy.pem
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc_protocol]"
END
check "haproxy accepts its configuration" env -u SIGNET_TCTI haproxy -c -f "$T/haproxy.cfg"
# -W: a master which forks a worker, as the service of the distribution runs it.
spawn haproxy env -u SIGNET_TCTI haproxy -W -db -f "$T/haproxy.cfg"
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
check "load" wrk -t 2 -c 8 -d 3s --timeout 10s -H 'Connection: close' "https://127.0.0.1:$port/"
if grep -E 'Socket errors|Non-2xx' "$OUT"; then die "failed connections"; fi

# A reload: the master starts a new worker, the old one ends.
new_worker() { [ "$(grep -c 'Loading success' "$T/haproxy.log")" = 2 ]; }
kill -USR2 "$SPAWNED"
wait_until "the new worker" new_worker
for way in tls12-pkcs1 tls12-rsa tls13; do
    wait_port "$port"
    handshake $way "$port"
done
echo "ok: after a reload"
