#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# /certificate export-certificate: PEM and PKCS #12 as OpenSSL and GnuTLS read them; keys only encrypted, and never out
# of the TPM.
. "$(dirname "$0")/../lib.sh"

tpm_start
store_start
check "CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=prime256v1 custody=file trusted=yes; /certificate sign ca'
check "RSA" signet '/certificate add name=rsa common-name=rsa key-usage=tls-server custody=file; /certificate sign rsa ca=ca'
check "EC" signet '/certificate add name=ec common-name=ec key-size=secp384r1 key-usage=tls-server custody=file; /certificate sign ec ca=ca'
check "TPM" signet '/certificate add name=tpm common-name=tpm key-size=1024 custody=tpm; /certificate sign tpm ca=ca'
cd "$FILES"
phrase=a-long-passphrase

for name in rsa ec; do
    # ---- PEM ----
    check "$name: the certificate alone" signet "/certificate export-certificate $name"
    equal "$name: files" "$(echo cert_export_$name.*)" cert_export_$name.crt
    equal "$name: it is the certificate" "$(plain_openssl x509 -in cert_export_$name.crt -noout -fingerprint -sha256 | tr -d : | sed 's/.*=//' | tr A-F a-f)" "$(get $name fingerprint)"
    check "$name: with the key" signet "/certificate export-certificate $name export-passphrase=$phrase"
    equal "$name: PKCS #8, encrypted" "$(head -1 cert_export_$name.key)" '-----BEGIN ENCRYPTED PRIVATE KEY-----'
    plain_openssl asn1parse -in cert_export_$name.key >"$OUT"
    said PBES2 PBKDF2 hmacWithSHA256 aes-256-cbc
    equal "$name: key and certificate" "$(plain_openssl pkey -in cert_export_$name.key -passin pass:$phrase -pubout)" \
        "$(plain_openssl x509 -in cert_export_$name.crt -noout -pubkey)"
    refused "$name: another passphrase" plain_openssl pkey -in cert_export_$name.key -passin pass:wrong -noout
    check "$name: GnuTLS reads the key" certtool --key-info --pkcs8 --infile cert_export_$name.key --password $phrase
    # ---- PKCS #12 ----
    check "$name: PKCS #12" signet "/certificate export-certificate $name type=pkcs12 export-passphrase=$phrase file-name=bundle-$name"
    check "$name: OpenSSL reads it" plain_openssl pkcs12 -in bundle-$name.p12 -passin pass:$phrase -nodes -out "$T/$name.pem"
    equal "$name: the chain is in it" "$(grep -c 'BEGIN CERTIFICATE' "$T/$name.pem")" 2
    equal "$name: and the key" "$(plain_openssl pkey -in "$T/$name.pem" -pubout)" "$(plain_openssl x509 -in cert_export_$name.crt -noout -pubkey)"
    check "$name: GnuTLS reads it" certtool --p12-info --inder --infile bundle-$name.p12 --password $phrase
    plain_openssl pkcs12 -in bundle-$name.p12 -passin pass:$phrase -info -noout >"$OUT" 2>&1
    said 'AES-256-CBC' 'sha256'
    # ---- and back ----
    check "$name: removed" signet "/certificate remove $name"
    check "$name: imported again" signet "/certificate import file-name=bundle-$name.p12 passphrase=$phrase name=$name"
    said 'private-keys-imported: 1'
    equal "$name: flags" "$(flags $name)" K
done

# ---- the TPM keeps its keys ----
check "certificate of a key in the TPM" signet '/certificate export-certificate tpm'
rm cert_export_tpm.crt
for type in pem pkcs12; do
    refused "its key ($type)" signet "/certificate export-certificate tpm type=$type export-passphrase=$phrase"
    said 'TPM' 'tpm'
    equal "no file is left" "$(find . -name '*tpm*')" ''
done

# ---- bad input ----
refused "PKCS #12 without a passphrase" signet '/certificate export-certificate rsa type=pkcs12'
said passphrase
for name in ../out /tmp/out .hidden a/../../out sub/out; do
    refused "file name $name" signet "/certificate export-certificate ec file-name=$name"
done
equal "nothing was written elsewhere" "$(find "$T" /tmp -maxdepth 2 -name 'out.crt' 2>/dev/null)" ''
mkdir taken.crt
refused "a folder in the way" signet '/certificate export-certificate ec file-name=taken'
said 'taken.crt'
refused "a template" signet '/certificate add name=t common-name=t; /certificate export-certificate t'
refused "nothing of that name" signet '/certificate export-certificate nothing'
said 'no such item'
