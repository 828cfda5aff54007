#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl pkeyutl: signs digests made elsewhere and decrypts, PKCS#1 v1.5 and OAEP with all its options.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
check "public key" openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
echo "a message" >"$T/message"
plain_openssl dgst -sha256 -binary -out "$T/digest" "$T/message"

sign() {
    local what=$1
    shift
    check "sign a digest: $what" openssl pkeyutl -sign -inkey "$T/key.pem" -in "$T/digest" "$@" -out "$T/sig"
    check "plain OpenSSL verifies: $what" plain_openssl pkeyutl -verify -pubin -inkey "$T/pub.pem" \
        -in "$T/digest" -sigfile "$T/sig" "$@"
}
sign pkcs1 -pkeyopt digest:sha256
sign pss -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest
sign "no digest algorithm"
check "hash and sign in one" openssl pkeyutl -sign -rawin -digest sha256 -inkey "$T/key.pem" -in "$T/message" \
    -out "$T/sig"
check "plain OpenSSL verifies" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/message"
head -c 31 "$T/digest" >"$T/short"
refused "a digest of the wrong length" openssl pkeyutl -sign -inkey "$T/key.pem" -in "$T/short" \
    -pkeyopt digest:sha256 -out "$T/sig"
said 'length|size'

decrypt() {
    local what=$1
    shift
    plain_openssl pkeyutl -encrypt -pubin -inkey "$T/pub.pem" -in "$T/message" "$@" -out "$T/cipher"
    check "decrypt: $what" openssl pkeyutl -decrypt -inkey "$T/key.pem" -in "$T/cipher" "$@" -out "$T/clear"
    check "the message is back" cmp "$T/message" "$T/clear"
}
decrypt pkcs1
decrypt oaep -pkeyopt rsa_padding_mode:oaep
decrypt "oaep sha256" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
decrypt "oaep sha256, mgf1 sha1" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha1
decrypt "oaep with a label" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_label:6c6162656c

refused "another label" openssl pkeyutl -decrypt -inkey "$T/key.pem" -in "$T/cipher" \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_label:6162 -out "$T/clear"
said oaep
# A PKCS#1 v1.5 padding that is wrong must not be told from a right one: some message, the same every time.
head -c 256 /dev/zero | tr '\0' '\1' >"$T/cipher"
for round in 1 2; do
    check "wrong padding, round $round" openssl pkeyutl -decrypt -inkey "$T/key.pem" -in "$T/cipher" \
        -out "$T/rejected$round"
done
check "the same answer" cmp "$T/rejected1" "$T/rejected2"
refused "a ciphertext of the wrong length" openssl pkeyutl -decrypt -inkey "$T/key.pem" -in "$T/message" \
    -out "$T/clear"
said 'bytes|length|size|data'
check "encrypt with the public key of a TPM key" openssl pkeyutl -encrypt -inkey "$T/key.pem" -in "$T/message" \
    -out "$T/cipher"
check "and decrypt it" openssl pkeyutl -decrypt -inkey "$T/key.pem" -in "$T/cipher" -out "$T/clear"
check "the message is back" cmp "$T/message" "$T/clear"
