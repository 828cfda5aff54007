#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Renewal information (RFC 9773): the CA says when, the order says what it replaces. Pebble has it from 2.6 on (Debian 13):
# there everything is asked of pebble itself. Before, and everywhere for answers that pebble does not give, nginx before
# pebble says when.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
port=$(free_port)
front=https://localhost:$port
cat >"$T/types" <<'END'
types { application/json json; }
END
pebble_front "$port" "root $T/front; include $T/types;" \
    "location = /scripted { try_files /scripted.json =404; }" \
    "location /scripted-info/ { add_header Retry-After 7200 always; try_files /info.json =500; }"
fetch() { curl --silent --show-error --fail --cacert "$T/pebble-ca.pem" "$@"; }
kept() { signet "/certificate acme get [find where certificate=$1] $2"; }
keep() {
    sqlite3 "$SIGNET_HOME/signet.db" "INSERT OR REPLACE INTO setting SELECT menu, '$2', '$3', NULL
        FROM setting s, certificate c WHERE s.name = 'certificate' AND s.certificate = c.id AND c.name = '$1'"
}
seconds() { date -d "$1" +%s; }
# id NAME: its id by RFC 9773 section 4.1, as OpenSSL and xxd see it.
base64url() { xxd -r -p | base64 -w0 | tr '+/' '-_' | tr -d =; }
id() {
    signet "/certificate export-certificate $1" >"$OUT"
    local file=$FILES/cert_export_$1.crt serial
    serial=$(plain_openssl asn1parse -in "$file" | sed -n '0,/INTEGER *:/{/d=3/d}; /d=2.*INTEGER/{s/.*INTEGER *://p;q}')
    # DER's leading zero of a number whose first bit is set.
    [[ $serial != [89A-F]* ]] || serial=00$serial
    echo "$(plain_openssl x509 -in "$file" -noout -ext authorityKeyIdentifier | grep -oE '([0-9A-F]{2}:){19}[0-9A-F]{2}' | tr -d : | base64url).$(base64url <<<"$serial")"
}
# replaces: what the last order replaces, or nothing.
replaces() {
    grep '^POST /order-plz 201' "$T/front.requests" | tail -1 | sed -E 's/.*payload\\x22:\\x22([^\\]*)\\x22.*/\1/' |
        tr '_-' '/+' | base64 -d 2>/dev/null | sed -n 's/.*"replaces": *"\([^"]*\)".*/\1/p'
}
add() {
    check "$1 obtained" signet "/certificate add-acme name=$1 domain-names=$1.example.com directory-url=$2 key-size=prime256v1"
}
within() { # within WHAT TIME FROM TO
    [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || die "$1: $2 is not within $3 and $4"
    echo "ok: $1"
}
asked() { grep -c "^GET $1" "$T/front.requests" || :; }

# ---- a server that offers it ----
if fetch "$front/directory" | jq -e .renewalInfo >"$OUT"; then
    echo "Here pebble has renewal information of its own."
    add real "$front/directory"
    info=$(fetch "$front/directory" | jq -r .renewalInfo)
    fetch "$info/$(id real)" >"$T/window" || die "pebble does not know the id $(id real)"
    check "acme-renew" signet '/certificate acme-renew'
    said 'renewed: 0'
    within "renew-at is in the window" "$(seconds "$(kept real renew-at)")" "$(seconds "$(jq -r .suggestedWindow.start "$T/window")")" \
        "$(seconds "$(jq -r .suggestedWindow.end "$T/window")")"
    before=$(id real)
    cp -a "$SIGNET_HOME" "$T/copy"
    check "renewed" signet '/certificate acme-renew real'
    equal "the order has said what it replaces" "$(replaces)" "$before"
    # A store from before, as after a restored backup: the CA knows of a successor.
    rm -r "$SIGNET_HOME" && mv "$T/copy" "$SIGNET_HOME"
    check "renewed once more" signet '/certificate acme-renew real'
    said 'was refused \(4..\).*ordering without a word of what it replaces'
    if grep -q failure "$OUT"; then die "it went well, and yet: $(<"$OUT")"; fi
    equal "the order that was accepted replaces nothing" "$(replaces)" ''
    # What is revoked is to be renewed at once.
    check "revoked" signet '/certificate acme-revoke real'
    keep real acme-status issued
    keep real ari-next 1
    keep real renew-at 9999999999
    check "it is renewed now" signet '/certificate acme-renew'
    said 'renewed: 1'
else
    echo "Here pebble has no renewal information: nginx says when, pebble issues."
    add none "$front/directory"
    check "a CA without it" signet '/certificate acme-renew'
    said 'renewed: 0'
    equal "orders replace nothing there" "$(replaces)" ''
fi

# ---- what a server may say ----
fetch "$front/directory" | jq ". + {renewalInfo: \"$front/scripted-info\"}" >"$T/front/scripted.json"
chmod 755 "$T" "$T/front"
# window FROM TO [JSON]: in seconds from now.
window() {
    local start end
    start=$(date -u -d "@$(($(date +%s) + $1))" +%FT%TZ) end=$(date -u -d "@$(($(date +%s) + $2))" +%FT%TZ)
    echo "{\"suggestedWindow\": {\"start\": \"$start\", \"end\": \"$end\"}${3:-}}" >"$T/front/info.json"
}
now=$(date +%s)
window 86400 172800
add scripted "$front/scripted"
time_based=$(seconds "$(kept scripted renew-at)")
check "acme-renew" signet '/certificate acme-renew'
said 'renewed: 0'
equal "asked with the certificate's id" "$(asked "/scripted-info/$(id scripted) 200")" 1
within "renew-at is in the window" "$(seconds "$(kept scripted renew-at)")" $((now + 86400)) $((now + 172900))
[ "$time_based" -gt $((now + 200000)) ] || die "renew-at was there before"
within "it is asked again in two hours, as it said" "$(seconds "$(kept scripted ari-next)")" $((now + 7200)) $((now + 7260))
chosen=$(kept scripted renew-at)
check "acme-renew" signet '/certificate acme-renew'
equal "not asked before" "$(asked /scripted-info/)" 1
keep scripted ari-next 1
check "acme-renew" signet '/certificate acme-renew'
equal "asked when it is time" "$(asked /scripted-info/)" 2
equal "the moment that was chosen stays, as long as the window has it" "$(kept scripted renew-at)" "$chosen"
window 864000 950400
keep scripted ari-next 1
check "the window moves" signet '/certificate acme-renew'
within "and renew-at with it" "$(seconds "$(kept scripted renew-at)")" $((now + 864000)) $((now + 950500))

# A window that the CA moves beyond the end of the certificate's life.
window 86400000 86500000
keep scripted ari-next 1
check "a window after the end" signet '/certificate acme-renew'
within "renew-at is before the end" "$(seconds "$(kept scripted renew-at)")" $((now + 86400)) "$(seconds "$(get scripted invalid-after)")"

keep scripted renew-at $((now + 999999))
for answer in '{}' 'no JSON' '{"suggestedWindow": {"start": "yesterday", "end": "tomorrow"}}' '[1]' \
    '{"suggestedWindow": {"start": "2030-01-02T00:00:00Z", "end": "2030-01-01T00:00:00Z"}}' ''; do
    if [ "$answer" ]; then echo "$answer" >"$T/front/info.json"; else rm "$T/front/info.json"; fi
    keep scripted ari-next 1
    check "an answer that says nothing: ${answer:-status 500}" signet '/certificate acme-renew'
    said 'scripted: no renewal information: ' 'renewed: 0'
    equal "renew-at stays" "$(seconds "$(kept scripted renew-at)")" $((now + 999999))
    [ "$(seconds "$(kept scripted ari-next)")" -gt "$now" ] || die "it would be asked again at once"
done

before=$(id scripted)
window -7200 -3600 ', "explanationURL": "https://ca.example/incident"'
keep scripted ari-next 1
check "a window that has passed: renewed now" signet '/certificate acme-renew'
said 'renewed: 1' 'the CA explains its renewal window at https://ca.example/incident'
equal "the order has said what it replaces" "$(replaces)" "$before"
[ "$(id scripted)" != "$before" ] || die "it is the certificate from before"
