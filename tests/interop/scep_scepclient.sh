#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# micromdm's scepclient. Debian's version encrypts with single DES and signs with SHA-1, whatever the server can: it is
# refused unless the entry allows DES.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
store_start
scep_ca
scep_entry challenge-password=secret
scep_serve
scep_ca_file
# It keeps its request and its signer's certificate beside the key.
client() { (mkdir -p "$T/$1" && cd "$T/$1" && HOME=$T timeout "${TIMEOUT:-60}" scepclient -server-url "$SCEP_URL" -private-key "$1.key" -certificate "$1.crt" -cn "$1" "${@:2}"); }
cert() { plain_openssl x509 -in "$T/$1/$1.crt" -noout "${@:2}"; }

refused "DES, by default" client des -challenge secret
logged 'PKCSReq refused: the cipher is not one that is allowed'
equal "no certificate" "$(certificates des)" 0
check "DES allowed" signet "$SCEP_MENU set 0 allow-des=yes"

check "enrolment" client device -challenge secret
equal "subject" "$(cert device -subject -nameopt RFC2253)" 'subject=CN=device,OU=MDM,O=scep-client,C=US'
check "its chain" plain_openssl verify -CAfile "$T/ca.pem" -purpose sslclient "$T/device/device.crt"
logged 'PKCSReq for ".*CN=device.*": issued'
refused "a wrong password" client wrong -challenge guess
equal "no certificate" "$(certificates wrong)" 0

# An existing certificate makes it send a RenewalReq; the key and so the transactionID are the same.
first=$(cert device -serial)
cp "$T/device/device.crt" "$T/first.crt"
check "renewal" client device
logged 'RenewalReq for .*CN=device'
[ "$(cert device -serial)" != "$first" ] || die "the renewal brought the old certificate"
equal "two certificates" "$(certificates '^device')" 2

# Pending: it sends the same PKCSReq again every 30 seconds.
client pending >"$T/pending.log" 2>&1 &
pid=$!
PIDS+=($pid)
requests() { [ "$(signet "$SCEP_MENU requests print count-only where $1")" = "$2" ]; }
wait_until "the request" requests 'status=pending' 1
check "granted" signet "$SCEP_MENU requests grant [find where status=pending]"
wait $pid || die "scepclient: $(<"$T/pending.log")"
equal "one request" "$(signet "$SCEP_MENU requests print count-only where subject~\"CN=pending\"")" 1
equal "one certificate" "$(certificates '^pending')" 1
check "it is that one" bash -c "[ \$($(printf %q "$REAL_OPENSSL") x509 -in '$T/pending/pending.crt' -noout -fingerprint -sha256 | tr -d : | cut -d= -f2 | tr A-F a-f) = $(get pending fingerprint) ]"
scep_end
