#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# curl, unmodified, proves who it is with a client key in the TPM.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/client.pem"
make_cert "$T/client.pem" "$T/client-cert.pem" router-7
make_key "$T/locked.pem" passphrase:sesame
make_cert "$T/locked.pem" "$T/locked-cert.pem" router-8 -passin pass:sesame
plain_openssl genpkey -quiet -algorithm RSA -out "$T/server.pem"
make_cert "$T/server.pem" "$T/server-cert.pem"

# A server without Signet which insists on a client certificate and answers with its name.
port=$(free_port)
nginx_conf "$port" "$T/server-cert.pem" "$T/server.pem" "ssl_client_certificate $T/ca.pem;" 'ssl_verify_client on;'
OPENSSL_CONF=/dev/null nginx_start
wait_port "$port"

visit() { curl -sS --fail --cacert "$T/ca.pem" "$@" "https://localhost:$port/"; }
for version in 1.2 1.3; do
    mark=$(tpm_mark)
    check "TLS $version" visit --tlsv$version --tls-max $version --cert "$T/client-cert.pem" --key "$T/client.pem"
    equal "who the server saw" "$(cat "$OUT")" "TLSv$version CN=router-7"
    equal "one signature in the TPM" "$(tpm_operations "$mark")" 1
done
check "a key with a passphrase" visit --cert "$T/locked-cert.pem" --key "$T/locked.pem" --pass sesame
said CN=router-8
cat "$T/client-cert.pem" "$T/client.pem" >"$T/both.pem"
check "certificate and key in one file" visit --cert "$T/both.pem"
said CN=router-7
refused "no certificate" visit
refused "a certificate of another key" visit --cert "$T/client-cert.pem" --key "$T/server.pem"
