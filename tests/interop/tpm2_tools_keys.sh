#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys made by hand with tpm2-tools: as a TSS2 PRIVATE KEY file and at a persistent handle.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
echo data >"$T/data"
attributes='fixedtpm|fixedparent|sensitivedataorigin|userwithauth'

# encode NAME WANTED: NAME.pem, in which emptyAuth is WANTED (0: the key has a passphrase). tpm2_encodeobject 5.4
# has it the wrong way round, so what -p means depends on the version.
encode() {
    local option
    for option in -Q -Qp; do
        tpm2 flushcontext -l # it leaves its session in the TPM
        tpm2 encodeobject $option -C 0x81000001 -u "$T/$1.pub" -r "$T/$1.priv" -o "$T/$1.pem"
        ! plain_openssl asn1parse -in "$T/$1.pem" | grep -q "BOOLEAN *:$2" || return 0
    done
    die "tpm2_encodeobject does not write such a file"
}

# create NAME ALGORITHM ATTRIBUTES [OPTION...]: a key under the storage root key, as NAME.pem.
create() {
    local name=$1 algorithm=$2 extra=$3
    shift 3
    tpm2 create -Q -C 0x81000001 -G "$algorithm" -a "$attributes|$extra" -u "$T/$name.pub" -r "$T/$name.priv" "$@"
    if [ $# -gt 0 ]; then encode "$name" 0; else encode "$name" '[1-9]'; fi
    openssl pkey -in "$T/$name.pem" -passin pass:sesame -pubout -out "$T/pub.pem"
}
pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
# sign KEY [OPTION...]
sign() {
    local key=$1
    shift
    check "it signs $*" openssl dgst -sha256 -passin "pass:${PASSPHRASE-sesame}" "$@" -sign "$key" -out "$T/sig" "$T/data"
    check "plain OpenSSL verifies" plain_openssl dgst -sha256 "$@" -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

create both rsa2048 'sign|decrypt'
echo "# may sign and decrypt"
sign "$T/both.pem"
sign "$T/both.pem" "${pss[@]}"
plain_openssl pkeyutl -encrypt -pubin -inkey "$T/pub.pem" -in "$T/data" -out "$T/cipher"
check "it decrypts" openssl pkeyutl -decrypt -inkey "$T/both.pem" -in "$T/cipher" -out "$T/clear"
check "the data are back" cmp "$T/data" "$T/clear"

echo "# may only sign: the TPM pads"
create signer rsa2048 sign
sign "$T/signer.pem"
sign "$T/signer.pem" "${pss[@]}"
refused "it may not decrypt" openssl pkeyutl -decrypt -inkey "$T/signer.pem" -in "$T/cipher" -out "$T/clear"

echo "# may only sign in one way"
create rsassa rsa2048:rsassa-sha256:null sign
sign "$T/rsassa.pem"
refused "and not in another" openssl dgst -sha256 "${pss[@]}" -sign "$T/rsassa.pem" -out "$T/sig" "$T/data"
said padding

echo "# has no passphrase, but the file says that it has one"
encode both 0
openssl pkey -in "$T/both.pem" -passin pass: -pubout -out "$T/pub.pem"
PASSPHRASE='' sign "$T/both.pem"

echo "# with a passphrase"
create locked rsa2048 'sign|decrypt' -p sesame
sign "$T/locked.pem"

echo "# at a persistent handle"
tpm2 load -Q -C 0x81000001 -u "$T/both.pub" -r "$T/both.priv" -c "$T/both.ctx"
tpm2 evictcontrol -Q -C o -c "$T/both.ctx" 0x81010005
tpm2 flushcontext -t
openssl pkey -in "$T/both.pem" -passin pass: -pubout -out "$T/pub.pem"
check "its public key by URI" openssl pkey -in signet:handle=0x81010005 -pubout -out "$T/pub-handle.pem"
check "the same key" cmp "$T/pub.pem" "$T/pub-handle.pem"
sign signet:handle=0x81010005
sign signet:handle=0x81010005 "${pss[@]}"

tpm2 load -Q -C 0x81000001 -u "$T/locked.pub" -r "$T/locked.priv" -c "$T/locked.ctx"
tpm2 evictcontrol -Q -C o -c "$T/locked.ctx" 0x81010006
tpm2 flushcontext -t
openssl pkey -in "$T/locked.pem" -passin pass:sesame -pubout -out "$T/pub.pem"
sign 'signet:handle=0x81010006;auth=ask'
equal "no transient key is left in the TPM" "$(tpm_transient)" ''
