#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Signet before or after the default provider in openssl.cnf: TPM keys, ordinary keys and other people's
# certificates work in both orders, with no property query.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/tpm.pem"
make_cert "$T/tpm.pem" "$T/tpm-cert.pem"
plain_openssl genpkey -quiet -algorithm RSA -pkeyopt bits:2048 -out "$T/rsa.pem"
plain_openssl genpkey -quiet -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa-pss.pem"
plain_openssl genpkey -quiet -algorithm EC -pkeyopt group:P-256 -out "$T/ec.pem"
plain_openssl genpkey -quiet -algorithm ED25519 -out "$T/ed25519.pem"
plain_openssl pkey -in "$T/rsa.pem" -aes256 -passout pass:sesame -out "$T/encrypted.pem"
plain_openssl rsa -in "$T/rsa.pem" -traditional -out "$T/pkcs1.pem" 2>"$OUT"
head -c 1000 /dev/urandom >"$T/data"

for order in "default signet" "signet default"; do
    echo "# order: $order"
    ssl_conf "$order" 'custody = file'
    for key in tpm rsa rsa-pss ec pkcs1 encrypted; do
        check "$key: sign" openssl dgst -sha256 -passin pass:sesame -sign "$T/$key.pem" -out "$T/sig" "$T/data"
        openssl pkey -in "$T/$key.pem" -passin pass:sesame -pubout -out "$T/pub.pem"
        check "$key: plain OpenSSL verifies" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
        check "$key: verify" openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
    done
    check "ed25519: sign" openssl pkeyutl -sign -rawin -inkey "$T/ed25519.pem" -in "$T/data" -out "$T/sig"
    check "a new key, by whoever comes first" openssl genpkey -quiet -algorithm RSA -out "$T/new.pem"
    equal "in an ordinary file, as custody = file wants it" "$(head -n 1 "$T/new.pem")" '-----BEGIN PRIVATE KEY-----'
    check "and are written as before" openssl pkey -in "$T/rsa.pem" -out "$T/new.pem"
    check "the same file" cmp "$T/rsa.pem" "$T/new.pem"

    # A server with a key in the TPM and one in a file asks the client for a certificate of an ordinary key.
    make_cert "$T/ec.pem" "$T/ec-cert.pem"
    make_cert "$T/rsa.pem" "$T/rsa-cert.pem" client
    port=$(free_port)
    spawn server openssl s_server -accept "127.0.0.1:$port" -cert "$T/tpm-cert.pem" -key "$T/tpm.pem" \
        -dcert "$T/ec-cert.pem" -dkey "$T/ec.pem" -CAfile "$T/ca.pem" -Verify 1 -verify_return_error -www
    wait_port "$port"
    for way in tls12-pkcs1 tls12-pss tls13; do
        handshake $way "$port" -cert "$T/rsa-cert.pem" -key "$T/rsa.pem"
        echo "ok: $way with a client certificate"
    done
    check "the key in the file" plain_openssl s_client -connect "127.0.0.1:$port" -CAfile "$T/ca.pem" \
        -sigalgs ECDSA+SHA256:RSA-PSS+SHA256 -tls1_3 -verify_return_error -cert "$T/rsa-cert.pem" -key "$T/rsa.pem" </dev/null
    said "$ecdsa"
    stop "$SPAWNED"
done
