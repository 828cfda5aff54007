#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificates by ACME are revoked, by the account and with their own key, for a reason: pebble says so itself. Nothing
# renews what was revoked, but who asks for it gets another one with another key.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"

# issue NAME
issue() {
    check "$1 obtained" signet "/certificate add-acme name=$1 domain-names=$1.example.com directory-url=$DIRECTORY key-size=prime256v1"
}
# status NAME: what pebble says of it, "Valid" or "Revoked 4".
status() {
    signet "/certificate export-certificate $1" >"$OUT"
    curl --silent --show-error --fail --cacert "$T/pebble-ca.pem" "$PEBBLE_MANAGEMENT/cert-status-by-serial/$(
        plain_openssl x509 -in "$FILES/cert_export_$1.crt" -noout -serial | cut -d= -f2)" | jq -r '.Status + " " + (.Reason // "" | tostring)'
}
public() { plain_openssl x509 -in "$FILES/cert_export_$1.crt" -noout -pubkey; }

issue a
issue b
issue c
equal "none is revoked" "$(status a)$(status b)$(status c)" 'Valid Valid Valid '
check "by the account" signet '/certificate acme-revoke a reason=superseded'
equal "the CA knows" "$(status a)" 'Revoked 4'
check "with the certificate's key" signet '/certificate acme-revoke b reason=key-compromise by=certificate-key'
equal "the CA knows" "$(status b)" 'Revoked 1'
check "without a reason" signet '/certificate acme-revoke c'
equal "the CA knows" "$(status c | cut -c1-7)" Revoked
equal "acme-status" "$(get a acme-status)" revoked
check "the log" signet '/log print where message~"acme"'
said 'certificate a revoked'
check "a second time: the first answer may have been lost" signet '/certificate acme-revoke a reason=superseded'
said 'alreadyRevoked'
refused "a reason that is none" signet '/certificate acme-revoke a reason=boredom'
check "one that ACME does not keep" signet '/certificate add name=own common-name=own key-size=prime256v1 custody=file; /certificate sign own'
refused "it is not revoked there" signet '/certificate acme-revoke own'
said 'not a certificate that ACME keeps'

# ---- afterwards ----
check "acme-renew by itself" signet '/certificate acme-renew'
said 'renewed: 0'
key=$(public b)
check "acme-renew of it" signet '/certificate acme-renew b'
said 'renewed: 1'
equal "the new one" "$(status b)" 'Valid '
[ "$(public b)" != "$key" ] || die "it has the key that was compromised"
equal "acme-status" "$(get b acme-status)" issued

# A server that is not there: nothing is claimed.
stop "$PEBBLE_PID"
refused "without the server" signet '/certificate acme-revoke b'
equal "acme-status" "$(get b acme-status)" issued
