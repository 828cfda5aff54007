#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at any moment of a renewal, of signetd, of the process that renews, or of both: the next run ends with one
# certificate and one key of it, its files belong together at each moment, and nothing is left over.
source "$(dirname "$0")/../lib.sh"
store_start
query() { sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" "$1"; }
live=$SIGNET_HOME/live/www
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign custody=file key-size=prime256v1; /certificate sign ca'
check "a certificate" signet '/certificate add name=www common-name=www key-usage=tls-server custody=file key-size=prime256v1 renew=yes reuse-key=no live=yes; /certificate sign www ca=ca valid-for=1h'
check "the first files" signet renew
issued() { signet '/log print' | grep -c 'certificate www renewed by ca' || :; }
# due: as if 50 minutes had passed.
due() { query "UPDATE certificate SET not_before = not_before - 3000, not_after = not_after - 3000 WHERE name = 'www'"; }
start() {
    spawn signetd "$BUILD/tools/signetd/signetd"
    SIGNETD=$SPAWNED
}
# pause PARTS: so many parts of 30 of the time that a renewal takes.
pause() { sleep "$(printf '0.%03d' $((whole * $1 / 30)))"; }
# until_works: signetd has started a process, $WORKER; or that has ended again, which is no harm.
until_works() {
    local tries=0
    WORKER=
    until read -r WORKER _ <"/proc/$SIGNETD/task/$SIGNETD/children" && [ -n "$WORKER" ]; do
        if [ $((++tries)) -gt 100 ] && [ "$(get www fingerprint)" != "$before" ]; then break; fi
        [ $tries -lt 2000 ] || die "signetd does nothing"
        sleep 0.005
    done
}
# Whatever moment it is: the key is the certificate's.
together() {
    local folder tries=0
    # The folder that the link leads to, as it may lead to another between two looks.
    while folder=$(realpath "$live"); do
        plain_openssl x509 -in "$folder/fullchain.pem" -noout -pubkey >"$T/one" 2>/dev/null &&
            plain_openssl pkey -in "$folder/key.pem" -pubout >"$T/two" 2>/dev/null && break
        [ $((++tries)) -lt 20 ] || die "live/www can't be read"
    done
    cmp -s "$T/one" "$T/two" || die "the files of live/www do not belong together"
}

# How long a renewal takes here, with a sanitizer or without.
due
begin=$(date +%s%N)
check "renewed" signet renew
whole=$((($(date +%s%N) - begin) / 1000000))
[ $whole -lt 999 ] || whole=999
echo "   $whole ms"

killed=0
for i in {1..24}; do
    before=$(get www fingerprint)
    due
    case $((i % 3)) in
    0) # the process that renews, by itself
        signet renew >"$OUT" 2>&1 &
        worker=$!
        pause "$i"
        kill -9 "$worker" 2>/dev/null && killed=$((killed + 1)) || :
        wait "$worker" 2>/dev/null || :
        ;;
    1) # signetd and its process
        start
        until_works
        pause "$i"
        kill -9 "$SIGNETD"
        [ -n "$WORKER" ] && kill -9 "$WORKER" 2>/dev/null && killed=$((killed + 1)) || :
        wait "$SIGNETD" 2>/dev/null || :
        ;;
    2) # signetd alone: its process ends by itself, while the next signetd has begun already
        start
        until_works
        pause "$i"
        kill -9 "$SIGNETD"
        wait "$SIGNETD" 2>/dev/null || :
        killed=$((killed + 1))
        ;;
    esac
    together
    start
    wait_until "it converges" eval '[ "$(get www fingerprint)" != "'"$before"'" ] && [ "$(query "SELECT count(*) FROM previous")" = 0 ]'
    together
    is_served() { [ "$(plain_openssl x509 -in "$live/fullchain.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)" = "$(get www fingerprint)" ]; }
    wait_until "its files are the new ones" is_served
    kill "$SIGNETD"
    wait "$SIGNETD" || die "signetd ended with status $?"
    equal "$i: one more than before" "$(issued)" $((i + 1))
done
[ $killed -ge 11 ] || die "only $killed of 24 were killed in time"
echo "ok: $killed killed"
equal "certificates" "$(query 'SELECT count(*) FROM certificate')" 2
equal "keys" "$(query 'SELECT count(*) FROM key')" 2
equal "folders" "$(find "$SIGNET_HOME/live" -mindepth 1 -maxdepth 1 -name '.*' | wc -l)" 1
equal "no failures are noted" "$(signet '/certificate renewal get [find where certificate=www] failures')" ''
equal "the store is sound" "$(query 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
