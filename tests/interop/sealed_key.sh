#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Custody sealed: made, used, asked of the TPM once a process; of no use elsewhere; damage, passphrases and PCRs.
. "$(dirname "$0")/../lib.sh"

tpm_start
tpm_srk
ssl_conf
head -c 1000 /dev/urandom >"$T/data"

signs() { # signs KEY [OPTION...]
    local key=$1
    shift
    openssl dgst -sha256 -sign "$key" -out "$T/sig" "$@" "$T/data" &&
        plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

check "a sealed key" genpkey "$T/key.pem" custody:sealed bits:2048
equal "its file is the owner's alone" "$(stat -c %a "$T/key.pem")" 600
grep -q 'BEGIN SIGNET SEALED KEY' "$T/key.pem" || die "not the container of a sealed key"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
check "signs" signs "$T/key.pem"
check "its text" openssl pkey -in "$T/key.pem" -noout -text
said 'custody sealed, by the key at 0x81000001'
openssl pkey -in "$T/key.pem" -out "$T/again.pem"
check "written again" cmp "$T/key.pem" "$T/again.pem"
check "by URI" openssl pkey -provider-path "$MODULES" -in "signet:file=$T/key.pem" -pubout -out "$T/pub2.pem"
check "the same key" cmp "$T/pub.pem" "$T/pub2.pem"
ALGORITHM=RSA-PSS genpkey "$T/pss.pem" custody:sealed bits:2048 2>"$OUT"
openssl pkey -in "$T/pss.pem" -pubout -out "$T/pss_pub.pem"
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign "$T/pss.pem" -out "$T/sig" "$T/data"
check "an RSA-PSS key" plain_openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify "$T/pss_pub.pem" -signature "$T/sig" "$T/data"

# The TPM is asked once a process, and not by those that only look.
session s "$T/key.pem"
ask s "sign 1"
mark=$(tpm_mark)
for _ in 1 2 3; do ask s "sign 1"; done
equal "after the first signature the TPM is not asked" "$(tpm_commands "$mark" | wc -l)" 0
session_end s
mark=$(tpm_mark)
openssl pkey -in "$T/key.pem" -pubout -out /dev/null
equal "the public key needs no TPM" "$(tpm_commands "$mark" | wc -l)" 0


# TLS
make_cert "$T/key.pem" "$T/cert.pem"
port=$(free_port)
MAIN='worker_processes 2; user root;' nginx_conf "$port" "$T/cert.pem" "$T/key.pem"
if [ -z "$asan" ]; then
    nginx_start
    for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do handshake "$way" "$port"; done
fi

# ---- of no use elsewhere ----

first=$TPM
tpm_start thief
tpm_srk
ssl_conf
refused "another TPM" signs "$T/key.pem"
said 'not made by this TPM'
TCTI=swtpm:host=127.0.0.1,port=1
export SIGNET_TCTI=$TCTI
ssl_conf
refused "no TPM" signs "$T/key.pem"
said 'no TPM answers'
tpm_use "$first"
ssl_conf

# ---- damage: each byte of the DER in turn, by strides ----

openssl pkey -in "$T/key.pem" -outform DER -out "$T/key.der"
size=$(stat -c %s "$T/key.der")
for ((at = 0; at < size; at += 1 + size / 60)); do
    cp "$T/key.der" "$T/bad.der"
    byte=$(od -An -tu1 -j "$at" -N 1 "$T/key.der")
    # shellcheck disable=SC2059 # the byte is the format
    printf "\\x$(printf %02x $((byte ^ 0x41)))" | dd of="$T/bad.der" bs=1 seek="$at" conv=notrunc status=none
    { echo "-----BEGIN SIGNET SEALED KEY-----" && base64 "$T/bad.der" && echo "-----END SIGNET SEALED KEY-----"; } >"$T/bad.pem"
    refused "byte $at changed" signs "$T/bad.pem" >>"$T/damage.log"
done
echo "ok: damage: refused"
head -c $((size - 1)) "$T/key.der" >"$T/short.der"
{ echo "-----BEGIN SIGNET SEALED KEY-----" && base64 "$T/short.der" && echo "-----END SIGNET SEALED KEY-----"; } >"$T/short.pem"
refused "cut off" openssl pkey -in "$T/short.pem" -noout

# ---- a passphrase ----

check "a key with a passphrase" genpkey "$T/pass.pem" custody:sealed passphrase:correct-horse
openssl pkey -in "$T/pass.pem" -passin pass:correct-horse -pubout -out "$T/pub.pem"
check "the right passphrase" signs "$T/pass.pem" -passin pass:correct-horse
refused "a wrong one" signs "$T/pass.pem" -passin pass:battery
said 'wrong passphrase'

# ---- PCRs ----

pcr=(tpm2 pcrextend "16:sha256=$(printf 'a%.0s' {1..64})")
check "a key sealed to PCRs" genpkey "$T/pcr.pem" custody:sealed pcrs:sha256:7,16
openssl pkey -in "$T/pcr.pem" -pubout -out "$T/pub.pem"
check "signs" signs "$T/pcr.pem"
check "to PCRs, with a passphrase" genpkey "$T/both.pem" custody:sealed pcrs:16 passphrase:correct-horse
check "its text" openssl pkey -in "$T/both.pem" -passin pass:correct-horse -noout -text
said 'PCRs sha256:16, with a passphrase'
cp "$T/pub.pem" "$T/pcr_pub.pem"
openssl pkey -in "$T/both.pem" -passin pass:correct-horse -pubout -out "$T/pub.pem"
check "both given" signs "$T/both.pem" -passin pass:correct-horse
refused "a wrong passphrase" signs "$T/both.pem" -passin pass:battery
said 'wrong passphrase'
check "the PCR changes" "${pcr[@]}"
refused "changed PCRs" signs "$T/pcr.pem"
said 'PCRs sha256:7,16 do not hold what they held'
refused "changed PCRs, right passphrase" signs "$T/both.pem" -passin pass:correct-horse
said 'PCRs sha256:16 do not hold'
for bad in 24 sha256: md5:1 1,,2 -1 1x ''; do
    refused "PCRs \"$bad\"" genpkey "$T/bad.pem" custody:sealed "pcrs:$bad"
done
refused "PCRs of a key in the TPM" genpkey "$T/bad.pem" custody:tpm pcrs:7
refused "PCRs of a file key" genpkey "$T/bad.pem" custody:file pcrs:7

# ---- without a storage root key ----

tpm2 evictcontrol -Q -C o -c 0x81000001
check "below the owner's primary key" genpkey "$T/owner.pem" custody:sealed
openssl pkey -in "$T/owner.pem" -pubout -out "$T/pub.pem"
check "signs" signs "$T/owner.pem"
tpm2 getcap handles-transient >"$T/left"
equal "no object is left behind" "$(wc -l <"$T/left")" 0
tpm2 getcap handles-loaded-session >"$T/left"
equal "no session is left behind" "$(wc -l <"$T/left")" 0
