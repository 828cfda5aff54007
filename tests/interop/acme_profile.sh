#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificate profiles (draft-ietf-acme-profiles): one that the directory names is asked for in the order, another is
# refused before there is one. pebble has none, so nginx before it serves a directory that names two; pebble passes over
# the order's member.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
port=$(free_port)
pebble_front "$port" "location = /profiles { default_type application/json; root $T/front; try_files /profiles.json =404; }"
chmod 755 "$T" "$T/front"
curl --silent --show-error --fail --cacert "$T/pebble-ca.pem" "https://localhost:$port/directory" |
    jq '.meta.profiles = { classic: "ninety days", shortlived: "six days" }' >"$T/front/profiles.json"
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
# add NAME [SETTING...]
add() {
    local name=$1
    shift
    signet "/certificate add-acme name=$name domain-names=$name.example.com directory-url=https://localhost:$port/profiles key-size=prime256v1 $*"
}
# asked: what the last order asked for; its JWS is in nginx's log.
asked() {
    local payload
    payload=$(grep 'POST /order-plz' "$T/front.requests" | tail -n 1 | sed -E 's/\\x22/"/g; s/.*"payload": *"([^"]*)".*/\1/' | tr -- '-_' '+/')
    while [ $((${#payload} % 4)) -ne 0 ]; do payload+==; done
    base64 -d <<<"$payload" | jq --raw-output '.profile // "none"'
}

check "a profile" add short profile=shortlived
equal "the order asks for it" "$(asked)" shortlived
check "no profile" add any
equal "the order asks for none" "$(asked)" none
orders=$(pebble_orders)
refused "a profile that there is not" add wrong profile=forever
said 'forever' 'this CA has classic.*shortlived'
equal "orders" "$(pebble_orders)" "$orders"
check "another" signet '/certificate acme set [find where certificate=short] profile=classic; /certificate acme-renew short'
equal "the order asks for it" "$(asked)" classic
