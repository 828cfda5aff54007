#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The connection to the CA is lost, at each step in turn: the request never gets there, or its answer never comes back. The
# command says so; the next one goes on with the order that is under way, and no certificate is issued twice.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
port=$(free_port)
front() {
    if [ -n "${FRONT:-}" ]; then stop "$FRONT"; fi
    pebble_front "$port" "$@"
    FRONT=$SPAWNED
}
front
check "an account" signet "/certificate acme account register directory-url=https://localhost:$port/directory key-size=prime256v1"

# lost WHAT ORDERS LOCATION...: the first try fails, the second succeeds, with so many orders in all.
n=0
lost() {
    local what=$1 wanted=$2 name=x$n orders issued
    shift 2
    n=$((n + 1))
    orders=$(pebble_orders) issued=$(pebble_issued)
    front "$@"
    refused "$what" timeout 60 "$BUILD/tools/signet" "/certificate add-acme name=$name domain-names=$name.example.com key-size=prime256v1 directory-url=https://localhost:$port/directory"
    said "failure: https://localhost:$port/[^ ]*: (Empty reply|.*(closed|reset|EOF|unexpected))" 'acme-renew tries again'
    equal "flags" "$(flags "$name")" ''
    front
    check "$what: acme-renew" signet "/certificate acme-renew $name"
    equal "$what: flags" "$(flags "$name")" KI
    equal "$what: orders" "$(($(pebble_orders) - orders))" "$wanted"
    equal "$what: certificates issued" "$(($(pebble_issued) - issued))" 1
}

for step in directory nonce-plz order-plz authZ chalZ my-order finalize-order certZ; do
    lost "a request to $step that gets nowhere" 1 "if (\$request_uri ~ ^/$step) { return 444; }"
done
# Pebble gets the request; its answer has a larger header than nginx takes here, and the client gets nothing.
answer() {
    echo "location ~ ^/$1 {
        proxy_pass https://127.0.0.1:$DIRECTORY_PORT;
        proxy_buffer_size 128; proxy_buffers 8 128; proxy_busy_buffers_size 256; error_page 502 = @gone;
    }
    location @gone { return 444; }"
}
lost "an answer of finalize-order that gets nowhere" 1 "$(answer finalize-order)"
# Nobody knows of that order: see acme_resume.sh.
lost "an answer of order-plz that gets nowhere" 2 "$(answer order-plz)"
