#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# EC keys made by tpm2-openssl and by hand with tpm2-tools work in Signet, and Signet's work there.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
echo data >"$T/data"
tpm2_openssl() {
    local command=$1
    shift
    plain_openssl "$command" -provider tpm2 -provider default -propquery '?provider=tpm2' "$@"
}
judge() {
    check "plain OpenSSL verifies" plain_openssl dgst "-$1" -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

for curve in P-256 P-384; do
    for parent in owner 0x81000001; do
        for passphrase in '' sesame; do
            what="$curve, parent $parent${passphrase:+, passphrase}"
            options=() passin=()
            [ $parent = owner ] || options+=(-pkeyopt "parent:$parent")
            [ -z "$passphrase" ] || options+=(-pkeyopt "user-auth:$passphrase") passin=(-passin "pass:$passphrase")
            check "tpm2-openssl makes a key: $what" tpm2_openssl genpkey -algorithm EC -pkeyopt "group:$curve" \
                "${options[@]}" -out "$T/theirs.pem"
            check "its public key" openssl pkey -in "$T/theirs.pem" "${passin[@]}" -pubout -out "$T/pub.pem"
            for md in sha256 sha384 sha512; do
                check "Signet signs with it, $md" openssl dgst "-$md" "${passin[@]}" -sign "$T/theirs.pem" -out "$T/sig" "$T/data"
                judge $md
            done

            options=("parent:$parent" "group:$curve")
            [ -z "$passphrase" ] || options+=("passphrase:$passphrase")
            make_ec_key "$T/ours.pem" "${options[@]}"
            check "Signet's public key: $what" openssl pkey -in "$T/ours.pem" "${passin[@]}" -pubout -out "$T/pub.pem"
            check "tpm2-openssl signs with Signet's key" tpm2_openssl dgst -sha256 "${passin[@]}" \
                -sign "$T/ours.pem" -out "$T/sig" "$T/data"
            judge sha256
        done
    done
done

echo "# tpm2-tools"
# create NAME ALGORITHM ATTRIBUTES: a key under the storage root key, as NAME.pem.
create() {
    local option
    tpm2 create -Q -C 0x81000001 -G "$2" -a "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|$3" \
        -u "$T/$1.pub" -r "$T/$1.priv"
    for option in -Q -Qp; do # which of them says that there is no passphrase depends on the version
        tpm2 flushcontext -l # it leaves its session in the TPM
        tpm2 encodeobject $option -C 0x81000001 -u "$T/$1.pub" -r "$T/$1.priv" -o "$T/$1.pem"
        ! plain_openssl asn1parse -in "$T/$1.pem" | grep -q 'BOOLEAN *:[1-9]' || return 0
    done
    die "tpm2_encodeobject does not write such a file"
}
sign() { openssl dgst "-$2" -sign "$1" -out "$T/sig" "$T/data"; }
for algorithm in ecc256 ecc384 ecc256:ecdsa-sha256 ecc384:ecdsa-sha384 ecc256:ecdsa-sha384; do
    create key "$algorithm" sign
    openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
    for md in sha1 sha256 sha384 sha512; do
        check "$algorithm: it signs, $md" sign "$T/key.pem" $md
        judge $md
    done
done
create key ecc384:ecdsa-sha256 sign
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
check "bound to a digest: with that" sign "$T/key.pem" sha256
judge sha256
refused "and a longer one" sign "$T/key.pem" sha384
said 'no digest of 48 bytes'

create key ecc256 'sign|decrypt'
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
tpm2 load -Q -C 0x81000001 -u "$T/key.pub" -r "$T/key.priv" -c "$T/key.ctx"
tpm2 evictcontrol -Q -C o -c "$T/key.ctx" 0x81010005
tpm2 flushcontext -t
check "at a persistent handle" sign signet:handle=0x81010005 sha256
judge sha256
create agrees ecc256 decrypt
refused "a key that may not sign" sign "$T/agrees.pem" sha256
said 'neither sign nor decrypt'
equal "no transient key is left in the TPM" "$(tpm_transient)" ''
