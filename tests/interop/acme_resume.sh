#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at a random moment of a command that obtains a certificate, ROUNDS times: the store is intact, no key is lost, and
# acme-renew goes on where the other has ended; what was ordered is not ordered again. SEED repeats a run.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"

ROUNDS=${ROUNDS:-12}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
db() { sqlite3 "$SIGNET_HOME/signet.db" "$1"; }
now() { echo "${EPOCHREALTIME/[.,]/}"; }
equal_quietly() { [ "$2" = "$3" ] || die "$1 (SEED=$SEED): got '$2', wanted '$3'"; }

store_start
pebble_start PEBBLE_WFE_NONCEREJECT=10 PEBBLE_AUTHZREUSE=0
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
check "an account" signet "/certificate acme account register directory-url=$DIRECTORY"

# Each works on a certificate of a name of its own, or renews one that is there.
declare -A command=(
    [add]='/certificate add-acme name=NAME domain-names=NAME.example.com,www.NAME.example.com key-size=prime256v1 directory-url='$DIRECTORY
    [enable]='/certificate enable-ssl-certificate dns-name=NAME.example.com directory-url='$DIRECTORY
    [renew]='/certificate acme-renew kept'
    [rekey]='/certificate acme-renew rekeyed'
)
names=(add enable renew rekey)
for name in kept rekeyed; do
    reuse=yes
    if [ $name = rekeyed ]; then reuse=no; fi
    check "$name" signet "/certificate add-acme name=$name domain-names=$name.example.com key-size=prime256v1 reuse-key=$reuse directory-url=$DIRECTORY"
done

# run_command NAME WORD [MICROSECONDS]: runs it, kills it after that time; $KILLED says if that was in time.
run_command() {
    local pid status=0
    "$BUILD/tools/signet" "${command[$1]//NAME/$2}" >"$OUT" 2>&1 &
    pid=$!
    KILLED=no
    if [ $# -gt 2 ]; then
        sleep "$(printf '%d.%06d' $(($3 / 1000000)) $(($3 % 1000000)))"
        kill -9 $pid 2>/dev/null || :
    fi
    wait $pid 2>/dev/null || status=$?
    if [ $status -eq 137 ]; then KILLED=yes; else [ $status -eq 0 ] || die "$1 (SEED=$SEED): exit status $status: $(<"$OUT")"; fi
}

fingerprint() { signet "/certificate print as-value proplist=fingerprint where name=$certificate" | sed -n 's/.*fingerprint=//p'; }
failures() { grep -c 'set INVALID' "$T/pebble.log" || :; }

look() {
    local what=$1 path
    equal_quietly "$what: integrity" "$(db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
    equal_quietly "$what: certificates whose key is another's" \
        "$(db "SELECT count(*) FROM certificate c LEFT JOIN key k ON k.id = c.key
            WHERE c.key IS NOT NULL AND (k.id IS NULL OR k.fingerprint IS NOT c.key_fingerprint)")" 0
    equal_quietly "$what: issued here, without its key" "$(db "SELECT count(*) FROM certificate
        WHERE der IS NOT NULL AND key IS NULL AND common_name LIKE '%.example.com'")" 0
    for path in kept rekeyed; do
        equal_quietly "$what: $path" "$(flags $path)" KI
    done
}

declare -A duration
killed=0 resumed=0 again=0
# More rounds if few of them hit the time when an order is under way.
for ((round = 0; round < ROUNDS || (resumed < 3 && round < 4 * ROUNDS); round++)); do
    name=${names[round % ${#names[@]}]}
    word=r$round certificate=r$round
    case $name in
    enable) certificate=letsencrypt-r$round.example.com ;;
    renew) certificate=kept ;;
    rekey) certificate=rekeyed ;;
    esac
    if [ -z "${duration[$name]:-}" ]; then
        begin=$(now)
        run_command "$name" "first$name"
        duration[$name]=$(($(now) - begin))
    fi
    orders=$(pebble_orders)
    before=$(fingerprint)
    issued=$(pebble_issued) failed=$(failures)
    # The first eighth goes by before anything is asked of the server.
    run_command "$name" "$word" $((duration[$name] / 8 + (RANDOM * 32768 + RANDOM) % (duration[$name] * 3 / 4)))
    [ $KILLED = yes ] || continue
    killed=$((killed + 1))
    look "round $round, $name"
    ordered=$(($(pebble_orders) - orders))
    order_url=$(db "SELECT o.value FROM setting o JOIN setting s ON s.menu = o.menu AND s.name = 'certificate'
        JOIN certificate c ON c.id = s.certificate WHERE o.name = 'order-url' AND c.name = '$certificate'")
    equal_quietly "round $round: orders of the process that was killed" "$((ordered <= 1))" 1
    killed_with=$(fingerprint)
    # What was killed before there was an entry is begun anew; and after all was done another one is asked for.
    if [ "$(signet "/certificate acme print count-only where certificate=$certificate")" = 0 ]; then
        equal_quietly "round $round: an order without an entry" "$ordered" 0
        run_command "$name" "$word"
    elif [ "$name" = enable ]; then
        run_command "$name" "$word"
    else
        check "round $round: acme-renew after $name" signet "/certificate acme-renew $certificate"
    fi
    total=$(($(pebble_orders) - orders))
    if [ "$order_url" ]; then
        grep -q 'going on with an order' "$OUT" || die "round $round (SEED=$SEED): it did not go on with $order_url: $(<"$OUT")"
        # An order that failed because nobody was left to answer the CA needs another one.
        if [ "$(failures)" -gt "$failed" ]; then total=$((total - 1)); fi
        equal_quietly "round $round, $name: orders, when one was under way" "$total" 1
        equal_quietly "round $round, $name: certificates issued for it" "$(($(pebble_issued) - issued))" 1
        resumed=$((resumed + 1))
    elif [ "$killed_with" = "$before" ]; then
        again=$((again + total - 1))
    fi
    look "round $round, $name, after acme-renew"
    equal_quietly "round $round: flags of $certificate" "$(flags "$certificate")" KI
    after=$(get "$certificate" fingerprint)
    [ "$after" != "$before" ] || die "round $round (SEED=$SEED): $certificate is the one from before"
    equal_quietly "round $round: keys of no certificate" "$(db "SELECT count(*) FROM key k WHERE (name IS NULL
        AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.key = k.id)) OR name LIKE 'acme-next%'")" 0
done
echo "ok: $round rounds, $killed killed before their end, $resumed went on with an order, $again orders placed twice"
[ $killed -ge $((ROUNDS / 4)) ] || die "too few were killed for this to say anything"
# A process that dies between the CA's placing an order and its own note of that leaves an order of which nobody knows.
[ $resumed -ge 3 ] || die "too few had an order under way: is it kept?"
[ $again -le $resumed ] || die "$again orders were placed twice"
# Keys and certificates belong together, as OpenSSL sees it.
TCTI=$SIGNET_TCTI ssl_conf
for name in kept rekeyed; do
    check "export $name" signet "/certificate export-certificate $name"
    check "its key" signet key write $name --out "$T/$name.key"
    equal "$name: key and certificate" "$(openssl pkey -in "$T/$name.key" -pubout)" \
        "$(plain_openssl x509 -in "$FILES/cert_export_$name.crt" -noout -pubkey)"
done
