#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys made by the provider tpm2-openssl work in Signet, and Signet's keys work there.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
echo data >"$T/data"

# The other provider, which wants its property query.
tpm2_openssl() {
    local command=$1
    shift
    plain_openssl "$command" -provider tpm2 -provider default -propquery '?provider=tpm2' "$@"
}
judge() {
    check "plain OpenSSL verifies" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

# Under the owner hierarchy's primary and under the persistent storage key, with and without a passphrase.
for parent in owner 0x81000001; do
    for passphrase in '' sesame; do
        what="parent $parent${passphrase:+, passphrase}"
        options=() passin=()
        [ $parent = owner ] || options+=(-pkeyopt "parent:$parent")
        [ -z "$passphrase" ] || options+=(-pkeyopt "user-auth:$passphrase") passin=(-passin "pass:$passphrase")
        check "tpm2-openssl makes a key: $what" tpm2_openssl genpkey -algorithm RSA -pkeyopt bits:2048 \
            "${options[@]}" -out "$T/theirs.pem"
        check "its public key" openssl pkey -in "$T/theirs.pem" "${passin[@]}" -pubout -out "$T/pub.pem"
        check "Signet signs with it" openssl dgst -sha256 "${passin[@]}" -sign "$T/theirs.pem" -out "$T/sig" "$T/data"
        judge
        plain_openssl pkeyutl -encrypt -pubin -inkey "$T/pub.pem" -in "$T/data" -out "$T/cipher"
        check "Signet decrypts with it" openssl pkeyutl -decrypt -inkey "$T/theirs.pem" "${passin[@]}" \
            -in "$T/cipher" -out "$T/clear"
        check "the data are back" cmp "$T/data" "$T/clear"

        options=("parent:$parent")
        [ -z "$passphrase" ] || options+=("passphrase:$passphrase")
        make_key "$T/ours.pem" "${options[@]}"
        check "Signet's public key: $what" openssl pkey -in "$T/ours.pem" "${passin[@]}" -pubout -out "$T/pub.pem"
        check "tpm2-openssl signs with Signet's key" tpm2_openssl dgst -sha256 "${passin[@]}" \
            -sign "$T/ours.pem" -out "$T/sig" "$T/data"
        judge
    done
done

# Its RSA-PSS keys are restricted ones: the TPM signs with them only what it has hashed itself, and never what
# libssl hands over, a digest.
check "tpm2-openssl makes an RSA-PSS key" tpm2_openssl genpkey -algorithm RSA-PSS -pkeyopt bits:2048 \
    -pkeyopt digest:sha256 -out "$T/theirs.pem"
refused "a restricted key" openssl dgst -sha256 -sign "$T/theirs.pem" -out "$T/sig" "$T/data"
said restricted
