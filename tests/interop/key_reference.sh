#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A key made persistent in the TPM; services name it by a small reference file. Evicted, it is gone, and the
# error says where it should be.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
handle=0x81010001
echo data >"$T/data"
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"

check "persist" signet hw persist "$T/key.pem" $handle --out "$T/reference.pem"
equal "label" "$(head -n 1 "$T/reference.pem")" '-----BEGIN SIGNET KEY REFERENCE-----'
check "the TPM has it" tpm2 getcap handles-persistent
said $handle
rm "$T/key.pem"

sign() { openssl dgst -sha256 -sign "$1" -out "$T/sig" "$T/data"; }
verify() { plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"; }
check "sign with the reference" sign "$T/reference.pem"
check "plain OpenSSL verifies" verify
check "sign with the URI" sign "signet:handle=$handle"
check "plain OpenSSL verifies" verify
check "a reference made from the URI" openssl pkey -in "signet:handle=$handle" -out "$T/reference2.pem"
check "it is the same" cmp "$T/reference.pem" "$T/reference2.pem"

port=$(free_port)
nginx_conf "$port" "$T/cert.pem" "$T/reference.pem"
nginx_start
wait_port "$port"
mark=$(tpm_mark)
handshake tls13 "$port"
first=$(tpm_commands "$mark" | wc -l)
[ "$first" -le 3 ] || die "nginx with the reference: $first commands for the first handshake"
for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do
    mark=$(tpm_mark)
    handshake $way "$port"
    equal "nginx with the reference, $way: one command" "$(tpm_commands "$mark" | wc -l)" 1
done

refused "persist where a key is" signet hw persist "$T/reference.pem" $handle
check "evict" signet hw evict $handle
equal "the TPM has nothing there" "$(tpm2 getcap handles-persistent)" '- 0x81000001'
refused "sign after that" sign "$T/reference.pem"
said $handle "$TCTI"
refused "the URI after that" sign "signet:handle=$handle"
said $handle "$TCTI"
refused "evict once more" signet hw evict $handle
said $handle
