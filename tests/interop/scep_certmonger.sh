#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# certmonger's SCEP helper: capabilities, certificates, and a message that certmonger would have made.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
submit() { timeout 30 /usr/lib/certmonger/scep-submit -u "$SCEP_URL" "$@"; }
store_start
scep_ca
scep_entry challenge-password=secret
scep_serve
scep_ca_file
check "GetCACaps" submit -c
said '^AES$' '^POSTPKIOperation$' '^Renewal$' '^SHA-256$' '^SCEPStandard$'
if grep -qxE 'DES3|SHA-1' "$OUT"; then die "3DES is offered"; fi
check "GetCACert" submit -C
said 'BEGIN CERTIFICATE'
cp "$OUT" "$T/submit.pem"
check "it is the CA's" bash -c "cmp <('$REAL_OPENSSL' x509 -in '$T/submit.pem') <('$REAL_OPENSSL' x509 -in '$T/ca.pem')"

# Its PKIOperation takes the message in PEM, and checks the CertRep with the CA's certificate.
scep_key device
scep_write device subject=/CN=device tid=certmonger challenge=secret
pem() { { echo '-----BEGIN PKCS7-----'; base64 -w 64 "$T/$1.msg"; echo '-----END PKCS7-----'; } >"$T/$1.p7"; }
pem device
check "PKIOperation" submit -p -r "$T/ca.pem" -I "$T/ca.pem" "$T/device.p7"
equal "one certificate" "$(certificates '^device')" 1
scep_write device subject=/CN=device tid=certmonger-2 challenge=guess
pem device
refused "a wrong password" submit -p -r "$T/ca.pem" -I "$T/ca.pem" "$T/device.p7"
scep_end
