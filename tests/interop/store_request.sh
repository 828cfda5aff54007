#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificate requests: for other CAs with the key in the TPM or in a file, and those of others signed here.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
store_start
printf '[req]\ndistinguished_name = dn\n[dn]\n' >"$T/req.cnf"
cnf=(-config "$T/req.cnf")

# ---- ours, for another CA ----
plain_openssl req -x509 -newkey rsa:2048 -nodes "${cnf[@]}" -subj '/CN=Other CA' -days 30 -keyout "$T/ca.key" -out "$T/ca.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext subjectKeyIdentifier=hash 2>/dev/null
for custody in tpm file; do
    check "a template ($custody)" signet "/certificate add name=$custody common-name=$custody.example.com custody=$custody subject-alt-name=DNS:$custody.example.com,IP:192.0.2.1 key-usage=digital-signature,tls-server organization=\"Example GmbH\""
    check "a request" signet "/certificate create-certificate-request template=$custody key-passphrase=sesame99"
    check "openssl verifies it" plain_openssl req -in "$FILES/certificate-request.pem" -verify -noout
    plain_openssl req -in "$FILES/certificate-request.pem" -noout -text >"$OUT"
    said "O ?= ?Example GmbH, CN ?= ?$custody.example.com" "DNS:$custody.example.com, IP Address:192.0.2.1" 'TLS Web Server Authentication'
    if [ $custody = tpm ]; then
        equal "the key is wrapped by the TPM" "$(head -1 "$FILES/certificate-request_key.pem")" '-----BEGIN TSS2 PRIVATE KEY-----'
    else
        equal "the key is encrypted" "$(head -1 "$FILES/certificate-request_key.pem")" '-----BEGIN ENCRYPTED PRIVATE KEY-----'
        check "with the passphrase" plain_openssl pkey -in "$FILES/certificate-request_key.pem" -passin pass:sesame99 -noout
    fi
    equal "it is a template still" "$(get $custody status)" template
    plain_openssl x509 -req -in "$FILES/certificate-request.pem" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 20 -copy_extensions copy \
        -out "$FILES/issued-$custody.crt" 2>/dev/null
    check "the CA's answer" signet "/certificate import file-name=issued-$custody.crt"
    said 'certificates-imported: 1'
    equal "it took the template's place, with its key" "$(flags $custody)" KI
    equal "custody" "$(get $custody custody)" $custody
    cp "$T/ca.pem" "$FILES/other-ca.pem"
    check "its CA" signet '/certificate import file-name=other-ca.pem trusted=yes'
    equal "now its chain is whole" "$(flags $custody)" K
    check "start again" signet '/certificate remove other-ca'
done
check "a template" signet '/certificate add name=bare common-name=bare custody=file key-size=prime256v1'
refused "a key in a file needs a passphrase" signet '/certificate create-certificate-request template=bare file-name=bare'
said 'key-passphrase'
[ ! -e "$FILES/bare.pem" ] || die "a request without its key was written"
refused "a template that is signed" signet '/certificate create-certificate-request template=tpm key-passphrase=sesame99'

# ---- others', for our CA ----
check "a CA" signet run - <<'END'
/certificate
add name=ca common-name="Our CA" key-usage=key-cert-sign,crl-sign days-valid=3650
sign ca ca-crl-host=crl.example.com
set ca trusted=yes
export-certificate ca
END
plain_openssl req -new -newkey rsa:2048 -nodes "${cnf[@]}" -keyout "$T/switch.key" -subj '/O=Example/CN=switch' \
    -addext subjectAltName=DNS:switch.example.com -addext keyUsage=digitalSignature -addext extendedKeyUsage=clientAuth \
    -out "$FILES/switch.csr" 2>/dev/null
check "sign" signet '/certificate sign-certificate-request file-name=switch.csr ca=ca days-valid=90'
check "export" signet '/certificate export-certificate switch'
check "openssl verifies it" plain_openssl verify -x509_strict -purpose sslclient -CAfile "$FILES/cert_export_ca.crt" "$FILES/cert_export_switch.crt"
plain_openssl x509 -in "$FILES/cert_export_switch.crt" -noout -text >"$OUT"
said 'O ?= ?Example, CN ?= ?switch' 'DNS:switch.example.com' 'CA:FALSE' 'TLS Web Client Authentication' 'crl.example.com'
equal "it has no key here" "$(flags switch)" ''

# What a request may not decide.
plain_openssl req -new -newkey rsa:2048 -nodes "${cnf[@]}" -keyout "$T/evil.key" -subj '/CN=evil' \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign -out "$FILES/evil.csr" 2>/dev/null
check "a request for a CA is signed as an end entity's" signet '/certificate sign-certificate-request file-name=evil.csr ca=ca'
check "export" signet '/certificate export-certificate evil'
plain_openssl x509 -in "$FILES/cert_export_evil.crt" -noout -text >"$OUT"
said 'CA:FALSE'
! grep -q 'Certificate Sign' "$OUT" || die "it may sign certificates"
plain_openssl req -in "$FILES/switch.csr" -outform DER -out "$T/switch.der"
cp "$T/switch.der" "$FILES/switch.der"
check "DER" signet '/certificate sign-certificate-request file-name=switch.der ca=ca name=switch-der'
size=$(wc -c <"$T/switch.der")
{ head -c $((size - 1)) "$T/switch.der" && printf '\x00'; } >"$FILES/forged.der"
refused "a signature that is not its key's" signet '/certificate sign-certificate-request file-name=forged.der ca=ca'
said signature
head -c 100 "$T/switch.der" >"$FILES/short.der"
refused "cut off" signet '/certificate sign-certificate-request file-name=short.der ca=ca'
refused "signed by what is no CA" signet '/certificate sign-certificate-request file-name=switch.csr ca=switch'
said 'no CA'
refused "days beyond reason" signet '/certificate sign-certificate-request file-name=switch.csr ca=ca days-valid=99999'
