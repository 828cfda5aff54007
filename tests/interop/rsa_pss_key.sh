#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A key of type RSA-PSS: generated in the TPM, certified, serves TLS 1.3 as rsa_pss_pss.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
ALGORITHM=RSA-PSS make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem" localhost -sigopt rsa_pss_saltlen:32
check "the certificate" plain_openssl x509 -in "$T/cert.pem" -noout -text
said 'Public Key Algorithm: rsassaPss'

check "public key" openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
echo data >"$T/data"
check "sign" openssl dgst -sha256 -sigopt rsa_pss_saltlen:digest -sign "$T/key.pem" -out "$T/sig" "$T/data"
check "plain OpenSSL verifies" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
refused "PKCS#1 padding" openssl dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign "$T/key.pem" -out "$T/sig" \
    "$T/data"
said padding

port=$(free_port)
spawn server openssl s_server -accept "127.0.0.1:$port" -cert "$T/cert.pem" -key "$T/key.pem" -www
wait_port "$port"
for version in -tls1_2 -tls1_3; do
    check "rsa_pss_pss_sha256, $version" plain_openssl s_client -connect "127.0.0.1:$port" -CAfile "$T/ca.pem" \
        -verify_return_error -sigalgs rsa_pss_pss_sha256:RSA+SHA256 $version </dev/null
    said "$rsa_pss_pss" 'Verify return code: 0 \(ok\)'
done
refused "a client that knows only rsa_pss_rsae" plain_openssl s_client -connect "127.0.0.1:$port" -tls1_3 \
    -sigalgs rsa_pss_rsae_sha256 </dev/null

# Its parameters: those that a TPM has, or any for a key in a file.
sign() {
    ALGORITHM=RSA-PSS genpkey "$T/$1.pem" bits:2048 "${@:3}" >"$OUT" 2>&1 || die "$1: $(<"$OUT")"
    check "$1: sign" openssl dgst "-$2" -sign "$T/$1.pem" -out "$T/sig" "$T/data"
    openssl pkey -in "$T/$1.pem" -pubout -out "$T/pub.pem"
    check "$1: plain OpenSSL verifies" plain_openssl dgst "-$2" -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}
sign tpm384 sha384 custody:tpm digest:SHA384 mgf1-digest:SHA384 saltlen:48
sign file512 sha512 custody:file digest:SHA512 saltlen:20
sign any sha256 custody:file
refused "a salt that no TPM makes" openssl genpkey -propquery '?provider=signet' \
    -algorithm RSA-PSS -pkeyopt custody:tpm -pkeyopt saltlen:20 -out "$T/bad.pem"
said salt

# The same key in a program that asks for the salt it wants.
check "sign and verify in a program" "$PROGRAMS/session" "$T/key.pem" <<<ready
said ok
