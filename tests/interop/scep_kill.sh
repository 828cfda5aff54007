#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the SCEP server at a random moment while it issues, until it has met WANTED times the time before the issue and
# as often the time between issue and reply: the client's retry gets one certificate, the same one each time, and there
# is never a second one; a one-time password is used once. SEED repeats a run.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
WANTED=${WANTED:-5}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
store_start
scep_ca
scep_entry
scep_serve
scep_ca_file
scep_key device
db() { sqlite3 "$SIGNET_HOME/signet.db" "$1"; }
now() { echo "${EPOCHREALTIME/[.,]/}"; }
scep_write device subject=/CN=first tid=first challenge="$(signet "$SCEP_MENU otp generate" | awk '{ print $2 }')"
begin=$(now)
scep_send device
duration=$(($(now) - begin))
# Around where the issue was met last: later after a kill that came before it, earlier after one that came too late.
moment=$((duration / 2)) step=$((duration / 16 + 1))
after=0 before=0
for ((round = 0; before < WANTED || after < WANTED; round++)); do
    ((round < 400)) || die "killed $before times before the issue and $after times between issue and reply in $round rounds (SEED=$SEED)"
    password=$(signet "$SCEP_MENU otp generate for=device$round" | awk '{ print $2 }')
    scep_write device subject=/CN=device$round tid=$round challenge="$password"
    curl --silent --output "$T/device.reply" --max-time 20 --data-binary "@$T/device.msg" "$SCEP_URL?operation=PKIOperation" &
    client=$!
    sleep "$(printf '0.%06d' $((moment * (70 + RANDOM % 60) / 100 % 1000000)))"
    kill -9 "$SCEP_PID"
    wait "$SCEP_PID" 2>/dev/null || :
    answered=yes
    wait $client || answered=no
    issued=$(db "SELECT count(*) FROM certificate WHERE subject = 'CN=device$round'")
    if [ $answered = yes ]; then
        moment=$((moment > step ? moment - step : moment / 2 + 1))
    elif [ "$issued" = 1 ]; then
        after=$((after + 1))
    else
        before=$((before + 1)) moment=$((moment + step))
    fi
    [ "$answered $issued" != "yes 0" ] || die "round $round (SEED=$SEED): an answer, and no certificate"
    scep_serve >"$OUT"
    for try in 1 2; do
        scep_send device
        scep_read device
        [[ $REPLY == *' status=0 '*"certificate=CN=device$round "* ]] || die "round $round (SEED=$SEED), retry $try: $REPLY"
        mv "$T/device.crt" "$T/try$try.crt"
    done
    cmp "$T/try1.crt" "$T/try2.crt" || die "round $round (SEED=$SEED): two answers"
    [ "$(db "SELECT count(*) FROM certificate WHERE subject = 'CN=device$round'")" = 1 ] || die "round $round (SEED=$SEED): not one certificate"
    [ "$(db "SELECT count(*) FROM password")" = 0 ] || die "round $round (SEED=$SEED): the password is still there"
    [ "$(db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" = ok ] || die "round $round (SEED=$SEED): integrity"
done
equal "certificates, the CA's not counted" "$(db "SELECT count(*) FROM certificate WHERE subject LIKE 'CN=device%'")" "$round"
echo "ok: killed $before times before the issue, $after times between issue and reply"

# The same message many times at once, with a password that is not used up: one certificate.
check "a password for all" signet "$SCEP_MENU set 0 challenge-password=secret"
for ((round = 0; round < 10; round++)); do
    scep_write device subject=/CN=twins$round tid=twins$round challenge=secret
    pids=()
    for i in 1 2 3 4 5 6 7 8; do
        curl --silent --fail --output "$T/twin$i.reply" --data-binary "@$T/device.msg" "$SCEP_URL?operation=PKIOperation" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || die "no answer"; done
    for i in 1 2 3 4 5 6 7 8; do
        cp "$T/twin$i.reply" "$T/device.reply"
        scep_read device
        [[ $REPLY == *' status=0 '* ]] || die "twin $i: $REPLY"
        [ "$i" = 1 ] || cmp "$T/device.crt" "$T/twin.crt" || die "twin $i has another"
        cp "$T/device.crt" "$T/twin.crt"
    done
done
equal "eight at once, one certificate" "$(db "SELECT count(*) FROM certificate WHERE subject LIKE 'CN=twins%'")" 10
scep_end
