#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl req, x509 and ca: requests, self-signed certificates and a CA with keys in the TPM.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/ca-key.pem"
make_key "$T/leaf-key.pem"
pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)

for md in sha256 sha384 sha512; do
    for padding in pkcs1 pss; do
        options=(-"$md")
        [ $padding = pkcs1 ] || options+=("${pss[@]}")
        check "request, $md, $padding" openssl req -new -key "$T/leaf-key.pem" -subj /CN=leaf "${options[@]}" \
            -out "$T/leaf.csr"
        check "its signature" plain_openssl req -in "$T/leaf.csr" -noout -verify

        check "self-signed certificate, $md, $padding" openssl req -x509 -new -key "$T/ca-key.pem" \
            -subj '/CN=TPM CA' -addext basicConstraints=critical,CA:TRUE -days 2 "${options[@]}" -out "$T/ca.pem"
        check "its signature" plain_openssl verify -check_ss_sig -CAfile "$T/ca.pem" "$T/ca.pem"

        check "the CA signs, $md, $padding" openssl x509 -req -in "$T/leaf.csr" -CA "$T/ca.pem" \
            -CAkey "$T/ca-key.pem" "${options[@]}" -days 2 -out "$T/leaf.pem"
        check "the chain" plain_openssl verify -CAfile "$T/ca.pem" "$T/leaf.pem"
        check "the algorithm in it" plain_openssl x509 -in "$T/leaf.pem" -noout -text
        if [ $padding = pss ]; then said rsassaPss "Hash Algorithm: $md" 'Salt Length: 0x(20|30|40)'; else
            said "${md}WithRSAEncryption"
        fi
    done
done

touch "$T/index"
check "a revocation list" openssl ca -gencrl -config <(printf '%s\n' '[ca]' 'default_ca = c' '[c]' \
    "database = $T/index" "private_key = $T/ca-key.pem" "certificate = $T/ca.pem" 'default_md = sha256' \
    'default_crl_days = 2') -out "$T/crl.pem"
check "its signature" plain_openssl crl -in "$T/crl.pem" -CAfile "$T/ca.pem" -noout -verify
