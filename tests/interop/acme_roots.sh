#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The ACME server's certificate is checked against the trusted roots, which are looked up by name: one of the same name
# is not it, and does not hide it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"

store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0
register() { signet "/certificate/acme/account register name=$1 directory-url=$DIRECTORY custody=file"; }
import() { check "imported: $2" signet "/certificate import file-name=$1 name=$2 trusted=yes"; }

namesake() {
    plain_openssl req -x509 -newkey rsa:2048 -nodes -config <(printf '%s\n' '[req]' 'distinguished_name = dn' \
        'x509_extensions = ca' '[dn]' '[ca]' 'basicConstraints = critical, CA:TRUE') -subj '/CN=Pebble HTTPS CA' -days 2 \
        -keyout "$T/namesake.key" -out "$FILES/$1.pem" 2>/dev/null
}

refused "no root but the system's" register nobody
said 'certificate can.t be verified'
namesake first
import first.pem first
refused "a root of the same name with another key" register namesake
said 'certificate can.t be verified'

cp "$T/pebble-ca.pem" "$FILES"
import pebble-ca.pem pebble-https
namesake last
import last.pem last
[ "$(grep -c 'BEGIN CERTIFICATE' "$SIGNET_HOME/trust/fetch/bundle.pem")" -gt 3 ] || die "the system's roots are not there"
check "the right one, between its namesakes" register right

check "the right one is trusted no more" signet '/certificate set pebble-https trusted=no'
refused "only its namesakes" register again
said 'certificate can.t be verified'

# A server's own certificate may be trusted alone, as that of a router is.
cp "$T/pebble.crt" "$FILES/pebble-own.crt"
import pebble-own.crt pebble-own
check "the server's own certificate" register own

rm "$SIGNET_HOME/trust/fetch/bundle.pem"
refused "no file of roots" register none
