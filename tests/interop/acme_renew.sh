#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# When certificates by ACME are renewed: at the fraction of their life that is set, whether that is 45 days, six or a
# minute; not before, and after failures only when their time has come. What names a certificate names the new one.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
# add NAME [SETTING...]
add() {
    local name=$1
    shift
    check "$name obtained" signet "/certificate add-acme name=$name domain-names=$name.example.com directory-url=$DIRECTORY key-size=prime256v1 $*"
}
kept() { signet "/certificate acme get [find where certificate=$1] $2"; }
# keep NAME SETTING VALUE: changes what only signet writes.
keep() {
    sqlite3 "$SIGNET_HOME/signet.db" "INSERT OR REPLACE INTO setting SELECT menu, '$2', '$3', NULL
        FROM setting s, certificate c WHERE s.name = 'certificate' AND s.certificate = c.id AND c.name = '$1'"
}
# start SECONDS: a CA whose certificates live so long, and which has no renewal information (RFC 9773): see acme_ari.sh.
start() {
    if [ -n "${FRONT:-}" ]; then
        stop "$PEBBLE_PID"
        stop "$FRONT"
    fi
    local port
    port=$(free_port)
    LIFETIME=$1 pebble_start PEBBLE_WFE_NONCEREJECT=0
    pebble_front "$port" "location = /plain { default_type application/json; root $T/front; try_files /plain.json =404; }"
    FRONT=$SPAWNED
    chmod 755 "$T" "$T/front"
    curl --silent --show-error --fail --cacert "$T/pebble-ca.pem" "https://localhost:$port/directory" |
        jq 'del(.renewalInfo)' >"$T/front/plain.json"
    DIRECTORY=https://localhost:$port/plain
}
seconds() { date -d "$1" +%s; }
# renewed_at NAME FROM TO: its renew-at is so many seconds after the beginning of its life.
renewed_at() {
    local after=$(($(seconds "$(kept "$1" renew-at)") - $(seconds "$(get "$1" invalid-before)")))
    [ $after -ge "$2" ] && [ $after -le "$3" ] || die "$1 is renewed $after seconds after its beginning"
    echo "ok: $1 is renewed $after seconds after its beginning"
}
public() {
    signet "/certificate export-certificate $1" >"$OUT"
    plain_openssl x509 -in "$FILES/cert_export_$1.crt" -noout -pubkey
}

# ---- lives ----
day=86400
start $((45 * day))
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
add long
renewed_at long $((45 * day * 66 / 100 - 2)) $((45 * day * 68 / 100 + 2))
add half renew-percent=50
renewed_at half $((45 * day * 50 / 100 - 2)) $((45 * day * 52 / 100 + 2))
check "with another percentage" signet '/certificate acme set [find where certificate=half] renew-percent=90'
before=$(pebble_orders)
check "nothing is due" signet '/certificate acme-renew'
said 'renewed: 0'
equal "orders" "$(pebble_orders)" "$before"
renewed_at half $((45 * day * 90 / 100 - 2)) $((45 * day * 92 / 100 + 2))
start $((6 * day))
add week
renewed_at week $((6 * day * 66 / 100 - 2)) $((6 * day * 68 / 100 + 2))

# ---- a minute, a tenth of which is enough ----
start 60
add short renew-percent=10
add other renew-percent=10 reuse-key=no
renewed_at short 5 8
check "a service with it" signet '/ip service set www-ssl certificate=short'
key=$(public short) other=$(public other) first=$(get short fingerprint) due=$(seconds "$(kept short renew-at)")
is_renewed() {
    signet '/certificate acme-renew' >"$OUT" 2>&1 || die "acme-renew: $(<"$OUT")"
    [ "$(get short fingerprint)" != "$first" ] && [ "$(public other)" != "$other" ]
}
wait_until "both are renewed when they are due" is_renewed
[ "$(date +%s)" -ge "$due" ] || die "short was renewed before $due"
[ "$(seconds "$(get short invalid-before)")" -ge "$due" ] || die "short was renewed before $due"
echo "ok: both are renewed when they are due"
equal "the key is the same" "$(public short)" "$key"
equal "the service has it" "$(signet '/ip service get www-ssl certificate')" short
equal "no key is left over" "$(sqlite3 "$SIGNET_HOME/signet.db" 'SELECT count(*) FROM key k WHERE name IS NULL
    AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.key = k.id) OR name LIKE "acme-next%"')" 0

# ---- failures ----
check "short is lost from the CA's sight" signet "/certificate acme set [find where certificate=short] port=$(free_port) domain-names=short.example.com,new.example.com"
keep short renew-at 1
keep other renew-at 1
refused "one fails" signet '/certificate acme-renew'
said 'renewed: 1' 'new.example.com'
equal "the other is renewed" "$(kept other acme-status)" issued
equal "the first has failed" "$(kept short acme-status) $(kept short failures)" 'failed 1'
before=$(pebble_orders)
keep other renew-at 9999999999
check "it waits" signet '/certificate acme-renew'
said 'renewed: 0'
equal "orders" "$(pebble_orders)" "$before"
# Whatever the count, the next try is in a day at most.
for failures in 9 4294967290; do
    keep short failures $failures
    keep short next-try 1
    refused "after $failures failures" signet '/certificate acme-renew'
    next=$(($(seconds "$(kept short next-try)") - $(date +%s)))
    [ $next -gt $((day * 85 / 100)) ] && [ $next -le $day ] || die "next-try is in $next seconds"
done
check "another port" signet "/certificate acme set [find where certificate=short] port=$HTTP_PORT"
keep short next-try 1
check "when its time has come" signet '/certificate acme-renew'
said 'renewed: 1'
equal "its names" "$(get short subject-alt-name)" DNS:short.example.com,DNS:new.example.com
equal "failures are over" "$(kept short failures)$(kept short next-try)" ''

# ---- what is not kept any more ----
keep short renew-at 1
fingerprint=$(get short fingerprint)
check "no entry" signet '/certificate acme remove [find where certificate=short]'
check "the certificate of another is gone" signet '/certificate remove other'
check "acme-renew" signet '/certificate acme-renew'
said 'renewed: 0'
equal "the certificate stays" "$(get short fingerprint)" "$fingerprint"
refused "acme-renew of it" signet '/certificate acme-renew short'
said 'not a certificate that ACME keeps'
