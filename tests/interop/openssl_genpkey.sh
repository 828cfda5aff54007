#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# openssl genpkey makes keys in the TPM, of every size the chip has, and says why when it cannot.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk

# The command of the README: no openssl.cnf, the TPM from the environment.
generate() {
    openssl genpkey -provider-path "$MODULES" -provider signet -provider default -propquery '?provider=signet' \
        -algorithm RSA "$@"
}
label() { head -n 1 "$1"; }

for bits in 1024 2048 3072; do
    mark=$(tpm_mark)
    check "generate $bits bits in the TPM" \
        generate -pkeyopt bits:$bits -pkeyopt custody:tpm -out "$T/$bits.pem"
    tpm_commands "$mark" | grep -qx Create || die "the TPM has made no key"
    equal "label" "$(label "$T/$bits.pem")" '-----BEGIN TSS2 PRIVATE KEY-----'
    equal "nobody else reads the file" "$(stat -c %a "$T/$bits.pem")" 600
    openssl pkey -provider-path "$MODULES" -provider signet -provider default -in "$T/$bits.pem" -pubout \
        -out "$T/pub.pem"
    check "the public key is one" plain_openssl pkey -pubin -in "$T/pub.pem" -noout -text -pubcheck
    said "\($bits bit\)" 'Exponent: 65537'
done

check "the usual exponent by name" generate -pkeyopt bits:2048 -pkeyopt e:65537 -pkeyopt custody:tpm -out "$T/e.pem"

check "custody file: an ordinary key" generate -pkeyopt bits:2048 -pkeyopt custody:file -out "$T/file.pem"
equal "label" "$(label "$T/file.pem")" '-----BEGIN PRIVATE KEY-----'
equal "nobody else reads the file" "$(stat -c %a "$T/file.pem")" 600
check "OpenSSL alone reads it" plain_openssl pkey -in "$T/file.pem" -noout -check

refused "a size no chip has" generate -pkeyopt bits:2047 -pkeyopt custody:tpm -out "$T/bad.pem"
said 2047 '1024, 2048'
refused "a size this chip has not" generate -pkeyopt bits:4096 -pkeyopt custody:tpm -out "$T/bad.pem"
said 4096 "$TCTI|port=${TPM_PORT[$TPM]}"
refused "an even exponent" generate -pkeyopt bits:2048 -pkeyopt e:4 -pkeyopt custody:tpm -out "$T/bad.pem"
said exponent
refused "a custody that does not exist" generate -pkeyopt bits:2048 -pkeyopt custody:moon -out "$T/bad.pem"
said custody 'tpm.*file'
refused "a parent that does not exist" \
    generate -pkeyopt bits:2048 -pkeyopt custody:tpm -pkeyopt parent:0x81000099 -out "$T/bad.pem"
said 0x81000099
[ ! -s "$T/bad.pem" ] || die "a key file in spite of an error"
equal "no key is left in the TPM" "$(tpm_transient)" ''
