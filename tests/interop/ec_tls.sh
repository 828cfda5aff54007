#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# TLS with EC keys in the TPM, by openssl s_server: one TPM command a handshake, and
# everything else of TLS (ephemeral keys, other people's certificates) stays with the default provider, in whatever
# order the two are listed.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
for order in "default signet" "signet default"; do
    echo "# order: $order"
    ssl_conf "$order"
    for curve in P-256 P-384; do
        make_ec_key "$T/key.pem" "group:$curve"
        make_cert "$T/key.pem" "$T/cert.pem"
        port=$(free_port)
        spawn server openssl s_server -accept "127.0.0.1:$port" -cert "$T/cert.pem" -key "$T/key.pem" -www
        wait_port "$port"
        handshake tls13-ecdsa "$port"
        for group in P-256 P-384 X25519; do
            groups=$group # in TLS 1.2 they are also the curves of certificates
            [ $group = $curve ] || groups=$group:$curve
            for way in tls12-ecdsa tls13-ecdsa; do
                mark=$(tpm_mark)
                handshake $way "$port" -groups "$groups"
                equal "s_server, $curve, $way, ephemeral $group: commands" "$(tpm_commands "$mark" | tr '\n' ' ')" 'Sign '
            done
        done
        stop "$SPAWNED"
    done

    # A client, and a server with an ordinary key, that have Signet in their configuration and no use for it.
    plain_openssl genpkey -quiet -algorithm EC -pkeyopt group:P-256 -out "$T/plain.pem"
    make_cert "$T/plain.pem" "$T/plain-cert.pem"
    spawn plain openssl s_server -accept "127.0.0.1:$port" -cert "$T/plain-cert.pem" -key "$T/plain.pem" -www
    wait_port "$port"
    mark=$(tpm_mark)
    for group in P-256 P-384; do
        check "nothing of Signet's, ephemeral $group" openssl s_client -connect "127.0.0.1:$port" -CAfile "$T/ca.pem" \
            -verify_return_error -groups $group </dev/null
    done
    equal "the TPM heard nothing of it" "$(tpm_commands "$mark" | wc -l)" 0
    stop "$SPAWNED"
    # Without a property a new key is the default provider's.
    check "a new key" openssl genpkey -quiet -algorithm EC -pkeyopt group:P-256 -out "$T/new.pem"
    equal "an ordinary one" "$(head -n 1 "$T/new.pem")" '-----BEGIN PRIVATE KEY-----'
    equal "and the TPM heard nothing" "$(tpm_commands "$mark" | wc -l)" 0
done
