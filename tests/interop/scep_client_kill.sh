#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at any moment of an enrolment or a renewal: the next run ends with one certificate, its own key, and nothing
# left over, here or at the CA.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep_client.sh"
export SIGNET_TCTI=none
ca_start challenge-password=secret
serve

killed=0
# cut SECONDS COMMAND: the device's command, ended there.
cut() {
    local pid status=0
    SIGNET_HOME=$T/device "$BUILD/tools/signet" "$2" >"$OUT" 2>&1 &
    pid=$!
    sleep "$1"
    kill -9 "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || status=$?
    [ $status -eq 137 ] || [ $status -eq 0 ] || die "status $status: $(<"$OUT")"
    [ $status -ne 137 ] || killed=$((killed + 1))
}

# How long it takes here, with a sanitizer or without.
template first
begin=$(date +%s%N)
add_scep first challenge-password=secret >"$OUT"
whole=$((($(date +%s%N) - begin) / 1000000))
for i in {1..12}; do
    template "n$i"
    after=$(awk -v w=$whole -v i="$i" 'BEGIN { printf "%.3f", w * i / 11000 }')
    cut "$after" "/certificate add-scep template=n$i scep-url=$URL ca-fingerprint=$FINGERPRINT challenge-password=secret"
    if [ "$(device "/certificate scep print count-only where certificate=\"n$i\"")" = 0 ]; then
        add_scep "n$i" challenge-password=secret >"$OUT" 2>&1 || die "n$i: $(<"$OUT")"
    elif [ "$(entry "n$i" scep-status)" != issued ]; then
        device "/certificate scep-renew n$i" >"$OUT" 2>&1 || die "n$i: $(<"$OUT")"
    fi
    verifies "n$i"
    equal "one certificate of the CA" "$(ca "/certificate print count-only where common-name=n$i")" 1
    before=$(of "n$i" fingerprint)
    cut "$after" "/certificate scep-renew n$i"
    note "n$i" renew-at 1
    device '/certificate scep-renew' >"$OUT" 2>&1 || die "n$i: $(<"$OUT")"
    [ "$(of "n$i" fingerprint)" != "$before" ] || die "n$i was not renewed"
    verifies "n$i"
done
[ $killed -ge 8 ] || die "only $killed of 24 were killed in time"
echo "ok: $killed killed"
equal "no key is left over" "$(sqlite3 "$T/device/signet.db" \
    "SELECT count(*) FROM key WHERE id NOT IN (SELECT key FROM certificate WHERE key IS NOT NULL)")" 0
equal "the store is sound" "$(sqlite3 "$T/device/signet.db" 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
stop "$SERVER_PID"
