#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx, unmodified, with EC keys in the TPM and sealed to it; curl as a client with one. One TPM command a handshake.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
for curve in P-256 P-384; do
    make_ec_key "$T/key.pem" "group:$curve"
    make_cert "$T/key.pem" "$T/cert.pem"
    ALGORITHM=EC genpkey "$T/sealed.pem" custody:sealed "group:$curve" 2>"$OUT"
    make_cert "$T/sealed.pem" "$T/sealed-cert.pem"
    for custody in key sealed; do
        port=$(free_port)
        [ $custody = key ] && cert=$T/cert.pem || cert=$T/sealed-cert.pem
        MAIN='worker_processes 1; user root;' nginx_conf "$port" "$cert" "$T/$custody.pem"
        nginx_start
        wait_port "$port"
        handshake tls13-ecdsa "$port"
        for way in tls12-ecdsa tls13-ecdsa tls12-ecdsa tls13-ecdsa; do
            mark=$(tpm_mark)
            handshake $way "$port"
            [ $custody = key ] && want=1 || want=0
            equal "nginx, $curve, $custody, $way: commands" "$(tpm_commands "$mark" | wc -l)" $want
        done
        check "a page" curl -sS --fail --cacert "$T/ca.pem" "https://localhost:$port/"
        said TLSv1.3
        stop "$(<"$T/nginx.pid")"
        rm -f "$T/nginx.pid"
    done
done
if grep -E '\[(alert|crit|emerg)\]' "$T/nginx-error.log"; then die "nginx complains"; fi

# A client proves who it is.
make_ec_key "$T/client.pem"
make_cert "$T/client.pem" "$T/client-cert.pem" router-7
plain_openssl genpkey -quiet -algorithm RSA -out "$T/server.pem"
make_cert "$T/server.pem" "$T/server-cert.pem"
port=$(free_port)
nginx_conf "$port" "$T/server-cert.pem" "$T/server.pem" "ssl_client_certificate $T/ca.pem;" 'ssl_verify_client on;'
OPENSSL_CONF=/dev/null nginx_start
wait_port "$port"
for version in 1.2 1.3; do
    mark=$(tpm_mark)
    check "curl, TLS $version" curl -sS --fail --cacert "$T/ca.pem" --tlsv$version --tls-max $version \
        --cert "$T/client-cert.pem" --key "$T/client.pem" "https://localhost:$port/"
    equal "who the server saw" "$(cat "$OUT")" "TLSv$version CN=router-7"
    equal "one signature in the TPM" "$(tpm_operations "$mark")" 1
done
refused "a certificate of another key" curl -sS --fail --cacert "$T/ca.pem" --cert "$T/client-cert.pem" \
    --key "$T/key.pem" "https://localhost:$port/"
