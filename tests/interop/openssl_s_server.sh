#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl s_server: TLS 1.2 with PKCS#1, PSS and RSA key exchange, and TLS 1.3.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"

port=$(free_port)
spawn server openssl s_server -accept "127.0.0.1:$port" -cert "$T/cert.pem" -key "$T/key.pem" -www
wait_port "$port"
for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do
    mark=$(tpm_mark)
    handshake $way "$port"
    equal "$way" "$(tpm_operations "$mark")" 1
done
for _ in {1..50}; do
    handshake tls13 "$port"
done
echo "ok: 50 connections"
