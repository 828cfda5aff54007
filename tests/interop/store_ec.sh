#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A CA and certificates with EC keys in the TPM and sealed to it: made by the console, checked by OpenSSL, served,
# revoked.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
store_start
ssl_conf
make_ca() { signet "/certificate add name=$1 common-name=$1 key-size=$2 custody=$3 key-usage=key-cert-sign,crl-sign trusted=yes; /certificate sign $1 ca-crl-host=192.0.2.1"; }
declare -A bits=([prime256v1]=256 [secp384r1]=384)
for size in prime256v1 secp384r1; do
    for custody in tpm sealed file; do
        ca=ca-$custody-$size leaf=leaf-$custody-$size
        check "a CA: $custody, $size" make_ca "$ca" $size $custody
        equal "its custody" "$(get "$ca" custody)" $custody
        equal "its size" "$(get "$ca" key-size)" $size
        check "a certificate" signet "/certificate add name=$leaf common-name=localhost subject-alt-name=DNS:localhost,IP:127.0.0.1 key-size=$size custody=$custody key-usage=digital-signature,tls-server; /certificate sign $leaf ca=$ca"
        check "they are exported" signet "/certificate export-certificate $ca file-name=$ca; /certificate export-certificate $leaf file-name=$leaf"
        check "OpenSSL verifies" plain_openssl verify -check_ss_sig -CAfile "$FILES/$ca.crt" "$FILES/$leaf.crt"
        check "the algorithm" plain_openssl x509 -in "$FILES/$leaf.crt" -noout -text
        said "Public-Key: \\(${bits[$size]} bit\\)" 'ecdsa-with-SHA(256|384)'
        check "a revocation" signet "/certificate issued-revoke $leaf"
    done
done
refused "the private key does not come out" signet '/certificate export-certificate leaf-tpm-prime256v1 export-passphrase=a-passphrase'
said TPM
refused "a curve that is for files" signet '/certificate add name=x common-name=x key-size=secp521r1 custody=tpm; /certificate sign x'
said 'custody file only'
check "P-521 in a file" signet '/certificate add name=large common-name=large key-size=secp521r1; /certificate sign large'
equal "its custody" "$(get large custody)" file
check "where it can be" signet '/certificate add name=auto common-name=auto key-size=prime256v1; /certificate sign auto'
equal "in the TPM" "$(get auto custody)" tpm
check "a request" signet '/certificate add name=request common-name=request key-size=prime256v1 custody=tpm; /certificate create-certificate-request template=request key-passphrase=sesame99'
check "OpenSSL verifies it" plain_openssl req -in "$FILES/certificate-request.pem" -verify -noout
equal "its key" "$(head -1 "$FILES/certificate-request_key.pem")" '-----BEGIN TSS2 PRIVATE KEY-----'

echo "# a service"
check "a certificate" signet '/certificate add name=www common-name=localhost subject-alt-name=DNS:localhost,IP:127.0.0.1 key-size=prime256v1 custody=tpm key-usage=digital-signature,tls-server; /certificate sign www ca=ca-tpm-prime256v1'
check "its files" signet key write www --out "$T/www.key"
check "its files" signet '/certificate export-certificate www file-name=www'
cp "$FILES/ca-tpm-prime256v1.crt" "$T/ca.pem"
port=$(free_port)
spawn server openssl s_server -accept "127.0.0.1:$port" -cert "$FILES/www.crt" -key "$T/www.key" -www
wait_port "$port"
handshake tls13-ecdsa "$port"
for way in tls12-ecdsa tls13-ecdsa; do
    mark=$(tpm_mark)
    handshake $way "$port"
    equal "$way: commands" "$(tpm_commands "$mark" | tr '\n' ' ')" 'Sign '
done

echo "# without a TPM"
tpm_stop
unset "TPM_PID[$TPM]"
check "where it can be" signet '/certificate add name=none common-name=none key-size=prime256v1; /certificate sign none'
equal "in a file" "$(get none custody)" file
refused "in the TPM" signet '/certificate add name=gone common-name=gone key-size=prime256v1 custody=tpm; /certificate sign gone'
said 'TPM'
