#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# certmonger: its SCEP helper alone, and the whole of it through getcert, on a D-Bus of its own: enrolment, renewal with
# the same key and with a new one.
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

# ---- the whole ----
export HOME=$T/user XDG_RUNTIME_DIR=$T/run
mkdir "$HOME" "$XDG_RUNTIME_DIR" "$T/device"
spawn dbus dbus-daemon --session --nofork --address="unix:path=$T/bus"
wait_until "D-Bus" test -S "$T/bus"
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
# The bus starts certmonger's daemon, which ends with it.
wait_until "certmonger" getcert list -s
check "a CA of certmonger's" getcert add-scep-ca -s -c signet -u "$SCEP_URL" -R "$T/ca.pem" -I "$T/ca.pem"
knows_ca() { getcert list-cas -s -c signet | grep -q thumbprint; }
wait_until "the CA's certificate" knows_ca
check "enrolment" timeout 60 getcert request -s -c signet -I request -k "$T/device/key.pem" -f "$T/device/crt.pem" -N CN=monger \
    -D monger.example.com -L secret -w
monitored() { getcert list -s -i request | grep -q 'status: MONITORING'; }
wait_until "the certificate" monitored
check "its chain" plain_openssl verify -CAfile "$T/ca.pem" -verify_hostname monger.example.com "$T/device/crt.pem"
logged 'PKCSReq for "CN=monger": issued'
cp "$T/device/crt.pem" "$T/first.pem"
check "no password any more" signet "$SCEP_MENU set 0 challenge-password=\"\""
is_new() { monitored && ! cmp -s "$T/device/crt.pem" "$T/first.pem"; }
check "renewal" timeout 60 getcert resubmit -s -i request -w
wait_until "the renewed certificate" is_new
[ "$(signet '/log print count-only where message~"Req for .CN=monger.: issued"')" = 2 ] || die "the log: $(signet '/log print where message~"scep"')"
equal "the same key" "$(plain_openssl x509 -in "$T/device/crt.pem" -noout -pubkey)" "$(plain_openssl x509 -in "$T/first.pem" -noout -pubkey)"
cp "$T/device/crt.pem" "$T/first.pem"
check "a new key" timeout 60 getcert rekey -s -i request -w
wait_until "the certificate of the new key" is_new
[ "$(plain_openssl x509 -in "$T/device/crt.pem" -noout -pubkey)" != "$(plain_openssl x509 -in "$T/first.pem" -noout -pubkey)" ] ||
    die "it has the old key"
equal "three certificates" "$(certificates '^monger')" 3
scep_end
