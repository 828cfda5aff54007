#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many consoles write at once, others read: everything is done, or somebody is told that the store is busy.
. "$(dirname "$0")/../lib.sh"

WRITERS=6 EACH=5
db() { sqlite3 "$SIGNET_HOME/signet.db" "$1"; }

store_start
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=prime256v1; /certificate sign ca'

writer() {
    local i
    for ((i = 0; i < EACH; i++)); do
        "$BUILD/tools/signet" "/certificate add name=c$1-$i common-name=c$1-$i key-size=prime256v1
            /certificate sign c$1-$i ca=ca
            /certificate set c$1-$i trusted=yes" || return 1
    done
}
reader() {
    while [ ! -e "$T/done" ]; do
        "$BUILD/tools/signet" '/certificate print as-json' >"$T/reader.json" || return 1
        jq -e 'length > 0' "$T/reader.json" >/dev/null || return 1
    done
}
pids=()
for ((w = 0; w < WRITERS; w++)); do
    writer $w >"$T/writer$w.log" 2>&1 &
    pids+=($!)
done
reader >"$T/reader.log" 2>&1 &
reader=$!
for pid in "${pids[@]}"; do
    wait "$pid" || die "a writer failed"
done
touch "$T/done"
wait $reader || die "the reader failed"
echo "ok: $WRITERS writers and a reader"
equal "all are there" "$(signet '/certificate print count-only')" $((1 + WRITERS * EACH))
equal "each with its key, by the CA" "$(signet '/certificate print count-only where private-key trusted issuer="CN=CA"')" $((1 + WRITERS * EACH - 1))
equal "serial numbers" "$(db 'SELECT count(DISTINCT serial_number) FROM certificate')" $((1 + WRITERS * EACH))
equal "the bundle has the trusted ones" "$(grep -c BEGIN "$SIGNET_HOME/trust/bundle.pem")" $((WRITERS * EACH))
equal "one trust folder" "$(find "$SIGNET_HOME" -maxdepth 1 -name '.trust.*' | wc -l)" 1

# ---- somebody holds the store for longer than anybody waits ----
coproc HOLDER { sqlite3 "$SIGNET_HOME/signet.db"; }
PIDS+=("$HOLDER_PID")
echo 'BEGIN IMMEDIATE; SELECT 1;' >&"${HOLDER[1]}"
read -r _ <&"${HOLDER[0]}"
refused "writing meanwhile" signet '/certificate add name=late common-name=late'
said 'busy'
check "reading meanwhile" signet '/certificate print'
echo 'ROLLBACK;' >&"${HOLDER[1]}"
wait_until "the store is free" "$BUILD/tools/signet" '/certificate add name=late common-name=late'
equal "it is there once" "$(signet '/certificate print count-only where name=late')" 1
