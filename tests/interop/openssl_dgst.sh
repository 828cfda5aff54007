#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl dgst signs with PKCS#1 v1.5 and PSS, every digest and salt length; plain OpenSSL agrees.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
check "public key" openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
head -c 100000 /dev/urandom >"$T/data"

# sign WHAT OPTION...: signs and has the signature judged with the same options.
sign() {
    local what=$1
    shift
    check "sign: $what" openssl dgst "$@" -sign "$T/key.pem" -out "$T/sig" "$T/data"
    check "plain OpenSSL verifies: $what" plain_openssl dgst "$@" -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
    check "signet verifies: $what" openssl dgst "$@" -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

for md in sha1 sha224 sha256 sha384 sha512 sha3-256; do
    sign "pkcs1, $md" -$md
    sign "pss, $md" -$md -sigopt rsa_padding_mode:pss
done
for saltlen in digest max 0 20 32; do
    sign "pss, salt $saltlen" -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:$saltlen
done
sign "pss, another digest for the mask" -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_mgf1_md:sha384

# A salt of another length than the verifier insists on is not accepted: the length is honoured.
check "sign: salt of the digest's length" \
    openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign "$T/key.pem" \
    -out "$T/sig" "$T/data"
refused "a verifier that wants 20" plain_openssl dgst -sha256 -sigopt rsa_padding_mode:pss \
    -sigopt rsa_pss_saltlen:20 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"

# A verifier that does not say what it wants takes any.
for saltlen in 0 20 max; do
    openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:$saltlen -sign "$T/key.pem" \
        -out "$T/sig" "$T/data"
    check "verify with the key itself, salt $saltlen" openssl dgst -sha256 -sigopt rsa_padding_mode:pss \
        -prverify "$T/key.pem" -signature "$T/sig" "$T/data"
done

echo changed >>"$T/data"
refused "other data" openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify "$T/pub.pem" \
    -signature "$T/sig" "$T/data"
refused "a salt that does not fit" openssl dgst -sha256 -sigopt rsa_padding_mode:pss \
    -sigopt rsa_pss_saltlen:300 -sign "$T/key.pem" -out "$T/sig" "$T/data"
said 'salt|too (large|small|long)'
