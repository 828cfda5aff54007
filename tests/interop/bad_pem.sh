#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Damaged key files: an error and an exit status, never a crash. See decode_mutants.c for the kinds of damage.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem" bits:1024
echo data >"$T/data"
sign() { openssl dgst -sha256 -sign "$1" -out "$T/sig" "$T/data"; }

# What a user may really have: half a file, an empty one, another file.
head -c 400 "$T/key.pem" >"$T/half.pem"
: >"$T/empty.pem"
printf '%s\n' '-----BEGIN TSS2 PRIVATE KEY-----' MAA= '-----END TSS2 PRIVATE KEY-----' >"$T/sequence.pem"
for name in half empty sequence; do
    refused "$name" sign "$T/$name.pem"
done

# One byte of the private part is changed: only the TPM can see that.
plain_openssl asn1parse -in "$T/key.pem" -noout -out "$T/key.der" >"$OUT"
size=$(stat -c %s "$T/key.der")
printf '\xa5\x5a' | dd of="$T/key.der" bs=1 seek=$((size - 20)) conv=notrunc status=none
{
    echo '-----BEGIN TSS2 PRIVATE KEY-----'
    plain_openssl base64 -in "$T/key.der"
    echo '-----END TSS2 PRIVATE KEY-----'
} >"$T/changed.pem"
refused "changed private part" sign "$T/changed.pem"
said "$TCTI"

check "mutants of a key" "$PROGRAMS/decode_mutants" "$T/key.pem"
cat "$OUT"
signet hw persist "$T/key.pem" 0x81010001 --out "$T/reference.pem" >"$OUT"
check "mutants of a reference" "$PROGRAMS/decode_mutants" "$T/reference.pem"
cat "$OUT"
make_ec_key "$T/ec.pem"
check "mutants of an EC key" "$PROGRAMS/decode_mutants" "$T/ec.pem"
cat "$OUT"
equal "no slot is left taken" "$(tpm_transient)" ''
