#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificates by tls-alpn-01 (RFC 8737): for a name, for an address (RFC 8738), for both, and again at renewal. The CA
# looks into the certificate that it is shown, and accepts no answer by HTTP.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0
pebble_trust
# add NAME DOMAIN-NAMES [SETTING...]
add() {
    local name=$1 names=$2
    shift 2
    signet "/certificate add-acme name=$name domain-names=$names directory-url=$DIRECTORY key-size=prime256v1 challenge=tls-alpn-01 port=$TLS_PORT $*"
}
sans() { get "$1" subject-alt-name | tr , '\n' | sort | paste -sd,; }
looks() { grep -c "validate w/ $1" "$T/pebble.log" || :; }

check "a name" add name www.example.com
equal "its names" "$(sans name)" DNS:www.example.com
check "an address" add address 127.0.0.1
equal "its names" "$(sans address)" IP:127.0.0.1
check "names and addresses" add both www.example.com,127.0.0.1,router.example.com,127.0.0.2
equal "its names" "$(sans both)" DNS:router.example.com,DNS:www.example.com,IP:127.0.0.1,IP:127.0.0.2
equal "proved by HTTP" "$(looks HTTP)" 0
first=$(get both fingerprint)
check "renewal" signet '/certificate acme-renew both'
[ "$(get both fingerprint)" != "$first" ] || die "it is the same certificate"
check "the server has ended" eval "! port_open $TLS_PORT"
check "export" signet '/certificate export-certificate both'
check "it is pebble's" plain_openssl x509 -in "$FILES/cert_export_both.crt" -noout -checkip 127.0.0.2
said 'does match'
refused "a wildcard" add wildcard '"*.example.com"'
said 'needs challenge=dns-01'

# Somebody else's server at the port: a certificate that proves nothing.
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=www.example.com -addext subjectAltName=DNS:www.example.com -days 2 \
    -keyout "$T/other.key" -out "$T/other.crt" 2>/dev/null
spawn other env OPENSSL_CONF=/dev/null "$REAL_OPENSSL" s_server -accept "127.0.0.1:$TLS_PORT" -cert "$T/other.crt" -key "$T/other.key" -alpn acme-tls/1 -quiet
wait_port "$TLS_PORT"
refused "the port is taken" add taken www.example.com
said "port $TLS_PORT is used by another program"
check "another port" signet "/certificate acme set [find where certificate=taken] port=$(free_port)"
refused "the CA comes to the other server" signet '/certificate acme-renew taken'
said 'www\.example\.com.*unauthorized' 'acmeValidation|tls-alpn-01'
