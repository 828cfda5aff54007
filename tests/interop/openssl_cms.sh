#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl cms: signs and decrypts mail with a key in the TPM.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem" mail
echo "a letter" >"$T/letter"

for padding in pkcs1 pss; do
    check "sign, $padding" openssl cms -sign -binary -in "$T/letter" -signer "$T/cert.pem" -inkey "$T/key.pem" \
        -keyopt rsa_padding_mode:$padding -out "$T/signed"
    check "plain OpenSSL verifies" plain_openssl cms -verify -binary -in "$T/signed" -CAfile "$T/ca.pem" \
        -purpose any -out "$T/clear"
    check "the letter is whole" cmp "$T/letter" "$T/clear"
done

for options in rsa_padding_mode:pkcs1 rsa_padding_mode:oaep 'rsa_padding_mode:oaep rsa_oaep_md:sha256'; do
    keyopt=()
    for option in $options; do
        keyopt+=(-keyopt "$option")
    done
    check "encrypt without Signet, $options" plain_openssl cms -encrypt -binary -aes256 -in "$T/letter" \
        -recip "$T/cert.pem" "${keyopt[@]}" -out "$T/encrypted"
    check "decrypt in the TPM" openssl cms -decrypt -binary -in "$T/encrypted" -recip "$T/cert.pem" \
        -inkey "$T/key.pem" -out "$T/clear"
    check "the letter is back" cmp "$T/letter" "$T/clear"
done

# The recipient of the letter is found by trial, too.
check "decrypt with no certificate" openssl cms -decrypt -binary -in "$T/encrypted" -inkey "$T/key.pem" \
    -out "$T/clear"
check "the letter is back" cmp "$T/letter" "$T/clear"
