#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A copy of everything that the router has on flash is of no use without its TPM, if its keys are sealed or in the TPM.
. "$(dirname "$0")/../lib.sh"

# numbers KEY: its private numbers in hexadecimal, one a line.
numbers() {
    plain_openssl pkey -in "$1" -noout -text | awk '
        /^[a-zA-Z]/ { want = /^(privateExponent|prime1|prime2|exponent1|exponent2|coefficient)/; if (want) print "" }
        want && /^ / { gsub(/[ :]/, ""); printf "%s", $0 }
        END { print "" }' | sed '/^$/d; s/^00//'
}

# holds FOLDER NUMBER: is the number in any file there, as bytes, hexadecimal or base64?
holds() {
    local file
    while IFS= read -r -d '' file; do
        if od -An -v -tx1 "$file" | tr -d ' \n' | grep -qF "$2" || grep -qiF "$2" "$file"; then return 0; fi
    done < <(find "$1" -type f -print0)
    return 1
}

tpm_start
tpm_srk
store_start
ssl_conf
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=known -keyout "$T/known.key" -out "$T/known.crt" 2>/dev/null
mapfile -t secrets < <(numbers "$T/known.key")
equal "six private numbers" "${#secrets[@]}" 6
mkdir "$T/clear"
plain_openssl pkey -in "$T/known.key" -outform DER -out "$T/clear/key.der"
for secret in "${secrets[@]}"; do holds "$T/clear" "$secret" || die "the search does not find a key in clear"; done
echo "ok: the search finds a key in clear"

# The clear key comes and goes through memory, not through the store's folder.
install -m 600 <(cat "$T/known.key" "$T/known.crt") "$FILES/known.pem"
mark=$(tpm_mark)
check "a known key, sealed" signet '/certificate import file-name=known.pem custody=sealed'
rm "$FILES/known.pem"
check "a service's file of it" signet key write known --out "$SIGNET_HOME/known.pem"
check "a key in the TPM" signet key make intpm --custody tpm
check "its file" signet key write intpm --out "$SIGNET_HOME/intpm.pem"
echo data >"$T/data"
for name in known intpm; do
    openssl pkey -in "$SIGNET_HOME/$name.pem" -pubout -out "$T/$name.pub"
    check "$name signs here" openssl dgst -sha256 -sign "$SIGNET_HOME/$name.pem" -out "$T/sig" "$T/data"
    check "$name: verified" plain_openssl dgst -sha256 -verify "$T/$name.pub" -signature "$T/sig" "$T/data"
done
mkdir "$T/bus"
tail -c +$((mark + 1)) "$T/$TPM.commands" | grep -E '^ *[0-9A-F]{2} ' | tr -d ' \n' >"$T/bus/log"
for secret in "${secrets[@]}"; do
    ! holds "$T/bus" "${secret^^}" || die "a private number went over the TPM's bus in clear"
done
echo "ok: nothing of it on the TPM's bus"

cp -a "$SIGNET_HOME" "$T/stolen"
for secret in "${secrets[@]}"; do
    ! holds "$T/stolen" "$secret" || die "a private number is on the flash in clear"
done
! grep -rq 'BEGIN \(RSA \)\?PRIVATE KEY' "$T/stolen" || die "a private key is on the flash in clear"
echo "ok: no private number is in any file"

tpm_start thief
tpm_srk
ssl_conf
export SIGNET_HOME=$T/stolen
for name in known intpm; do
    refused "$name with the thief's TPM" openssl dgst -sha256 -sign "$SIGNET_HOME/$name.pem" -out "$T/sig" "$T/data"
    said 'not made by this TPM'
done
check "the thief's request" signet '/certificate add name=mine common-name=mine; /certificate sign mine'
refused "another custody" signet key move known --custody tpm
said 'not made by this TPM'
refused "an export" signet '/certificate export-certificate known export-passphrase=long-enough'
