#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# /certificate import custody=tpm: a key from a file becomes a key of the TPM's, is encrypted on its way there, and
# signs with the TPM from then on. With each kind of storage key that a TPM may have.
. "$(dirname "$0")/../lib.sh"

# hex_of KEY FIELD: a number of an RSA key as upper case hexadecimal.
hex_of() {
    plain_openssl pkey -in "$1" -noout -text | sed -n "/^$2:/,/^[a-z]/p" | sed '1d;/^[a-z]/d' | tr -d ' :\n' |
        sed 's/^00//' | tr a-f A-F
}

# on_the_bus HEX: did these bytes pass to or from the TPM in the clear?
on_the_bus() { sed -n 's/^ \([0-9A-F ]*\)$/\1/p' "$T/$TPM.commands" | tr -d ' \n' | grep -q "$1"; }

try() { # try KIND-OF-PARENT BITS-OR-CURVE
    local name=k$2 new=(-newkey "rsa:$2") public=modulus private=prime1
    [[ $2 != P-* ]] || new=(-newkey ec -pkeyopt "ec_paramgen_curve:$2") public=pub private=priv
    plain_openssl req -x509 "${new[@]}" -nodes -subj "/CN=$1" -days 2 -keyout "$T/$name.key" -out "$T/$name.pem" \
        2>"$OUT" || die "no key"
    cat "$T/$name.key" "$T/$name.pem" >"$FILES/$name.pem"
    check "$1: $2 is imported" signet "/certificate import file-name=$name.pem custody=tpm"
    said 'private-keys-imported: 1'
    equal "$1: custody" "$(get "$name" custody)" tpm
    check "$1: what the store keeps is the TPM's container" signet key write "$name" --out "$T/$name.tss2"
    equal "$1: nothing else is in it" "$(grep -c BEGIN "$T/$name.tss2")$(grep -c 'BEGIN TSS2 PRIVATE KEY' "$T/$name.tss2")" 11
    check "$1: the TPM signs with it" openssl dgst -sha256 -sign "$T/$name.tss2" -out "$T/sig" "$T/k.data"
    plain_openssl x509 -in "$T/$name.pem" -noout -pubkey >"$T/$name.pub"
    check "$1: with the very key" plain_openssl dgst -sha256 -verify "$T/$name.pub" -signature "$T/sig" "$T/k.data"
    # x and y of an EC key go there apart, without the byte that says so before them.
    on_the_bus "$(hex_of "$T/$name.key" $public | sed 's/^04\(.\{64\}\).*/\1/')" ||
        die "the public key should be in the TPM's log: this test sees nothing"
    ! on_the_bus "$(hex_of "$T/$name.key" $private)" || die "$1: the private key went to the TPM in the clear"
    echo "ok: $1: the private key was encrypted on its way"
    refused "$1: it does not come out again" signet "/certificate export-certificate $name export-passphrase=a-passphrase"
    said 'TPM'
    check "remove" signet "/certificate remove $name"
}

echo data >"$T/k.data"
tpm_start
store_start
ssl_conf
try "owner hierarchy" 1024
try "owner hierarchy" 2048
tpm_srk
try "EC storage key" 2048
try "EC storage key" 3072
try "EC storage key" P-256
try "EC storage key" P-384
tpm_restart
tpm2 evictcontrol -Q -C o -c 0x81000001
tpm2 createprimary -Q -C o -G rsa2048 -c "$T/rsa.ctx"
tpm2 evictcontrol -Q -C o -c "$T/rsa.ctx" 0x81000001
tpm2 flushcontext -t
try "RSA storage key" 2048
try "RSA storage key" P-256

# ---- what can't be done ----
count() { signet '/certificate print count-only'; }
plain_openssl req -x509 -newkey rsa:4096 -nodes -subj /CN=large -keyout "$FILES/large.key" -out "$T/large.pem" 2>"$OUT"
cat "$T/large.pem" >>"$FILES/large.key"
refused "a size that the TPM has not" signet '/certificate import file-name=large.key custody=tpm'
said 'TPM'
plain_openssl req -x509 -newkey ed25519 -nodes -subj /CN=ed -keyout "$FILES/ed.key" -out "$T/ed.pem" 2>"$OUT"
cat "$T/ed.pem" >>"$FILES/ed.key"
plain_openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -subj /CN=ec -keyout "$FILES/ec.key" -out "$T/ec.pem" 2>"$OUT"
cat "$T/ec.pem" >>"$FILES/ec.key"
refused "a key that is neither RSA nor EC" signet '/certificate import file-name=ed.key custody=tpm'
said 'only for RSA and EC'
refused "a curve that the TPM has not" signet '/certificate import file-name=ec.key custody=tpm'
said 'secp521r1'
equal "nothing is left of either" "$(count)" 0
tpm_stop
unset "TPM_PID[$TPM]"
refused "a TPM that is gone" signet '/certificate import file-name=k2048.pem custody=tpm'
said 'TPM' 'SIGNET_TCTI|connect|reach'
equal "nothing is left of it" "$(count)" 0
