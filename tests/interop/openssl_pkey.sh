#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl pkey and storeutl: the key file shown, converted and copied.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"
echo data >"$T/data"

# usable KEY [OPTION...]: the key signs as $T/pub.pem.
usable() {
    local key=$1
    shift
    check "it signs" openssl dgst -sha256 "$@" -sign "$key" -out "$T/sig" "$T/data"
    check "as the same key" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

check "public key" openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
plain_openssl x509 -in "$T/cert.pem" -noout -pubkey -out "$T/pub-cert.pem"
check "the certificate has the same one" cmp "$T/pub.pem" "$T/pub-cert.pem"

check "text" openssl pkey -in "$T/key.pem" -noout -text
said '2048 bit' 65537 tpm
check "text of the public part" openssl pkey -in "$T/key.pem" -noout -text_pub
said '2048 bit' 65537

check "PEM written again" openssl pkey -in "$T/key.pem" -out "$T/copy.pem"
check "it is the same file" cmp "$T/key.pem" "$T/copy.pem"
equal "nobody else reads the copy" "$(stat -c %a "$T/copy.pem")" 600

check "DER" openssl pkey -in "$T/key.pem" -outform DER -out "$T/key.der"
check "and PEM again" openssl pkey -inform DER -in "$T/key.der" -out "$T/copy.pem"
check "it is the same file" cmp "$T/key.pem" "$T/copy.pem"
usable "$T/copy.pem"

check "by URI" openssl storeutl -noout -text -keys "signet:file=$T/key.pem"
said 'Private key|pkey' '2048 bit'
usable "signet:file=$T/key.pem"

make_key "$T/locked.pem" passphrase:sesame
check "public key of a key with a passphrase" openssl pkey -in "$T/locked.pem" -passin pass:sesame -pubout \
    -out "$T/pub.pem"
usable "$T/locked.pem" -passin pass:sesame
check "PEM written again" openssl pkey -in "$T/locked.pem" -passin pass:sesame -out "$T/copy.pem"
usable "$T/copy.pem" -passin pass:sesame
if grep -q sesame "$T/locked.pem" "$T/copy.pem"; then die "the passphrase is in the file"; fi

# What never leaves the TPM cannot be asked for in another form.
refused "the private key as PKCS#1" openssl rsa -in "$T/key.pem" -traditional -out "$T/leak.pem"
[ ! -s "$T/leak.pem" ] || die "something has been written: $(head -n 1 "$T/leak.pem")"
