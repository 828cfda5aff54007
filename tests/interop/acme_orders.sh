#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Orders at a CA that makes it hard: every second nonce refused, authorizations used again or never, validation that takes
# its time, long and alternate chains; many names, addresses; and orders that fail, of which everything is told.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
# add NAME DOMAIN-NAMES [SETTING...]
add() {
    local name=$1 names=$2
    shift 2
    signet "/certificate add-acme name=$name domain-names=$names directory-url=$DIRECTORY key-size=prime256v1 $*"
}
sans() { get "$1" subject-alt-name | tr , '\n' | sort | paste -sd,; }
kept() { signet "/certificate acme get [find where certificate=$1] $2"; }
challenges() { grep -c 'POST /chalZ/' "$T/pebble.log" || :; }

pebble_start PEBBLE_WFE_NONCEREJECT=50 PEBBLE_AUTHZREUSE=0 PEBBLE_ALTERNATE_ROOTS=2 PEBBLE_CHAIN_LENGTH=3
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"

# ---- many names, addresses ----
names=$(printf 'n%02d.example.com,' {1..20})
check "20 names, with every second nonce refused" add many "${names%,}"
equal "its names" "$(sans many)" "$(printf 'DNS:n%02d.example.com,' {1..20} | sed 's/,$//')"
check "names and addresses (RFC 8738)" add addresses 127.0.0.1,router.example.com,127.0.0.2
equal "its names" "$(sans addresses)" DNS:router.example.com,IP:127.0.0.1,IP:127.0.0.2
check "an address alone" add address 127.0.0.3
check "export" signet '/certificate export-certificate address'
check "OpenSSL finds the address" bash -c "'$REAL_OPENSSL' x509 -in '$FILES/cert_export_address.crt' -noout -checkip 127.0.0.3 | grep 'does match'"
check "names in capitals" add capitals WWW.Example.COM
check "a name twice" add twice twice.example.com,twice.example.com
refused "a wildcard without dns-01" add wildcard '"*.example.com"'
said '\*\.example\.com is a wildcard and needs challenge=dns-01'
refused "an address with dns-01" add wrong 192.0.2.1 challenge=dns-01 hook=/bin/true
said 'RFC 8738'
for name in localhost 'two words.example.com' '-x.example.com' "$(printf 'a%.0s' {1..64}).example.com" 'a..example.com' '*.*.example.com'; do
    refused "no name: $name" add wrong "\"$name\"" challenge=dns-01
done
equal "entries of what was refused" "$(signet '/certificate acme print count-only where certificate~"wrong|wildcard"')" 0
refused "a profile at a CA that has none" add profile profile.example.com profile=shortlived
said 'no profiles|this CA has default'
check "no profile, then" signet '/certificate acme set [find where certificate=profile] profile=""; /certificate acme-renew profile'

# ---- chains ----
pebble_root 1 && mv "$T/root.pem" "$T/root1.pem" && pebble_root 0
preferred=$(plain_openssl x509 -in "$T/root1.pem" -noout -subject -nameopt multiline | sed -n 's/.*commonName *= //p')
# chain NAME: the certificate in $FILES, and the intermediates that are new in the store in $T/chain.pem.
known=
chain() {
    local name
    : >"$T/chain.pem"
    for name in $(signet '/certificate print terse proplist=name where name~"Intermediate"' | sed 's/.*name=//'); do
        if [[ " $known " != *" $name "* ]]; then
            signet "/certificate export-certificate $name file-name=ca" >"$OUT"
            cat "$FILES/ca.crt" >>"$T/chain.pem"
        fi
        known+=" $name"
    done
    signet "/certificate export-certificate $1" >"$OUT"
}
chain many
equal "intermediates" "$(grep -c BEGIN "$T/chain.pem")" 3
check "the first chain leads to the first root" plain_openssl verify -CAfile "$T/root.pem" -untrusted "$T/chain.pem" "$FILES/cert_export_many.crt"
refused "it leads to no other" plain_openssl verify -CAfile "$T/root1.pem" -untrusted "$T/chain.pem" "$FILES/cert_export_many.crt"
check "preferred-chain" add preferred preferred.example.com "preferred-chain=\"$preferred\""
chain preferred
check "it leads to the root that was wanted" plain_openssl verify -CAfile "$T/root1.pem" -untrusted "$T/chain.pem" "$FILES/cert_export_preferred.crt"
check "a preferred-chain that there is not" add missing missing.example.com preferred-chain="Root-of-nobody"
said 'no chain of the CA ends at .*Root-of-nobody.*first one is taken'

# ---- what fails ----
stop "$PEBBLE_PID"
pebble_start PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=100
elsewhere=$(free_port)
refused "nobody answers at the port that the CA comes to" add lost lost.example.com port="$elsewhere"
said 'lost.example.com' 'connection: Get "?http://lost\.example\.com:[0-9]+/\.well-known/acme-challenge/[^ ]+: .*(refused|connect)' \
    'is port 80 reachable from the internet, and does lost.example.com'
equal "acme-status" "$(kept lost acme-status)" failed
equal "failures" "$(kept lost failures)" 1
kept lost last-error >"$OUT"
said 'connection: Get'
check "the log" signet '/log print where message~"acme" && message~"lost"'
said 'connection: Get'
next=$(date -d "$(kept lost next-try)" +%s)
now=$(date +%s)
[ "$next" -gt $((now + 200)) ] && [ "$next" -le $((now + 301)) ] || die "next-try is in $((next - now)) seconds"
before=$(pebble_orders)
check "it is not tried again before that" signet '/certificate acme-renew'
said 'renewed: 0'
equal "orders" "$(pebble_orders)" "$before"
refused "but when somebody asks for it" signet '/certificate acme-renew lost'
equal "failures" "$(kept lost failures)" 2
later=$(date -d "$(kept lost next-try)" +%s)
[ "$later" -gt $((next + 200)) ] || die "the second next-try is no later than the first"
check "a success" signet "/certificate acme set [find where certificate=lost] port=$HTTP_PORT; /certificate acme-renew lost"
equal "acme-status" "$(kept lost acme-status)" issued
equal "failures, next-try and last-error are over" "$(kept lost failures)$(kept lost next-try)$(kept lost last-error)" ''

check "a name that does not resolve" challtestsrv set-servfail '{"host": "gone.example.com"}'
refused "its order" add gone gone.example.com,lost.example.com
said 'gone\.example\.com' 'dns|SERVFAIL|resolv|lookup'
refused "a name that the CA refuses" add blocked ok.example.com,blocked-domain.example
said 'rejectedIdentifier: .*forbidden by policy.*blocked-domain\.example' '\(40[0-9]\)'
if grep -q 'acme-next\|signet key' "$OUT"; then die "what has it to do with keys?"; fi

# ---- authorizations that are there already ----
before=$(challenges)
check "the same name again" add again lost.example.com
equal "challenges" "$(challenges)" "$before"

# ---- validation that takes its time ----
stop "$PEBBLE_PID"
pebble_start PEBBLE_WFE_NONCEREJECT=0 PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=2
check "three names" add slow slow1.example.com,slow2.example.com,slow3.example.com
equal "its names" "$(sans slow)" DNS:slow1.example.com,DNS:slow2.example.com,DNS:slow3.example.com
