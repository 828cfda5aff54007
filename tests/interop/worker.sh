#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Workers: the console's commands for programs. What comes back is data, what goes in is never parsed; groups; a child
# that dies, hangs, is not needed any more, or whose client goes away; and what only looks is not held up by a TPM.
source "$(dirname "$0")/../lib.sh"
tpm_start
store_start
call() { # call LINE...: to a pool of its own
    printf '%s\n' "$@" >"$T/lines"
    "$PROGRAMS/worker_call" "$SIGNET_HOME" "${IDLE:-0}" "${TIMEOUT:-0}" <"$T/lines"
}
# request MENU COMMAND [MORE [GROUP]]
request() { echo "{\"menu\":\"$1\",\"command\":\"$2\",\"group\":\"${4:-full}\"${3:+,$3}}"; }

# ---- data in, data out ----
name='x\" ca=[find]; /certificate remove [find]\n$a'
check "values are not parsed" call \
    "$(request /certificate add "\"words\":{\"name\":\"ca\",\"common-name\":\"$name\",\"key-usage\":\"key-cert-sign,crl-sign\",\"custody\":\"file\"}")" \
    "$(request /certificate sign '"numbers":"ca"')" \
    "$(request /certificate print '"query":["?name=ca"],"proplist":".id,common-name,trusted,authority"')"
said "\"result\":\"\\*1\"" "\"progress\":\\[\"done\"\\]"
equal "the row" "$(tail -n 1 "$OUT")" "{\"ok\":true,\"rows\":[{\".id\":\"*1\",\"common-name\":\"$name\",\"trusted\":\"false\",\"authority\":\"true\"}]}"
check "names are whole" call "$(request /certificate pri)" "$(request /cert print)" \
    "$(request /certificate set '"numbers":"c","words":{"trusted":"yes"}')" \
    "$(request /certificate set '"numbers":"0","words":{"trusted":"yes"}')" \
    "$(request /certificate set '"numbers":"ca","words":{"trust":"yes"}')"
equal "the kinds" "$(grep -o '"kind":"[a-z]*"' "$OUT" | sort | uniq -c | tr -s '\n ' ' ')" ' 1 "kind":"invalid" 4 "kind":"missing" '
check "queries" call \
    "$(request /certificate add '"words":{"name":"b","common-name":"b"}')" \
    "$(request /certificate print '"query":["?name=ca","?name=b","?#|"],"proplist":"name"')" \
    "$(request /certificate print '"query":["?name=ca","?#!"],"proplist":"name"')" \
    "$(request /certificate print '"query":["?-serial-number"],"proplist":"name"')" \
    "$(request /certificate print '"query":["?authority=yes"],"proplist":"name"')" \
    "$(request /certificate print '"query":["?.id=*99"]')" \
    "$(request /certificate print '"query":["name=b"]')"
equal "what they find" "$(tail -n 6 "$OUT" | tr -d '\n')" '{"ok":true,"rows":[{"name":"ca"},{"name":"b"}]}{"ok":true,"rows":[{"name":"b"}]}{"ok":true,"rows":[{"name":"b"}]}{"ok":true,"rows":[{"name":"ca"}]}{"ok":true,"rows":[]}{"ok":false,"kind":"invalid","error":"\"name=b\" is no query word"}'

# ---- groups ----
check "what is not for all" call \
    "$(request /certificate remove '"numbers":"ca"' read)" \
    "$(request /certificate export-certificate '"numbers":"ca","words":{"export-passphrase":"a passphrase"}' write)" \
    "$(request /certificate/acme set '"numbers":"*1","words":{"deploy-hook":"/bin/sh"}' write)" \
    "$(request /certificate/scep-server get '"numbers":"*1","words":{"value-name":"challenge-password"}')" \
    "$(request /certificate print '' nobody)"
said 'remove is for the group write' 'export-passphrase is for the group full'
if grep -q '"ok":true' "$OUT"; then die "something was permitted"; fi
check "an export without the key" call "$(request /certificate export-certificate '"numbers":"ca"' write)"
said '"ok":true'
signet '/certificate scep-server add ca-cert=ca path=/scep/ challenge-password=very-secret'
signet '/file add name=key.txt contents=hidden-text'
check "secrets" call "$(request /certificate/scep-server print)" "$(request /file print '' write)" \
    "$(request /certificate/scep-server print '"query":["?challenge-password=very-secret"]')" \
    "$(request /file print '"query":["?contents=hidden-text"]' write)" \
    "$(request /certificate/scep-server get '"numbers":"*100","words":{"value-name":"challenge-password"}')"
if grep -qE 'very-secret|hidden-text' "$OUT"; then die "a secret is shown"; fi
said '^\{"ok":true,"rows":\[\]' 'challenge-password is not shown'
check "the contents of a file for full" call "$(request /file print '"query":["?name=key.txt"]')"
said 'hidden-text'

# ---- what makes no sense ----
printf '{"menu":"/certificate","command":"add","group":"full","words":{"name":"%s"}}\n' "$(head -c 3000000 /dev/zero | tr '\0' a)" >"$T/long"
check "hostile" call '{"menu":{},"command":[],"group":"full"}' "$(request /certificate add '"words":[1]')" \
    "$(request /certificate add '"words":{"name":null}')" "$(<"$T/long")" "$(request /certificate print)"
equal "all of it is answered" "$(cut -c 1-11 "$OUT" | sort | uniq -c | tr -s '\n ' ' ')" ' 4 {"ok":false 1 {"ok":true, '
refused "worker is for signetd" signet worker

# ---- children ----
printf '%s\n' "$(request /certificate print)" children "pause 2500" children >"$T/lines"
check "idle ones end" env IDLE=1 bash -c "'$PROGRAMS/worker_call' '$SIGNET_HOME' 1 <'$T/lines'"
equal "one, then none" "$(tail -n 2 "$OUT" | sed -E 's/^[0-9]+$/one/' | tr '\n' ,)" one,,
mkfifo "$T/pipe"
"$PROGRAMS/worker_call" "$SIGNET_HOME" <"$T/pipe" >"$T/talk" &
PIDS+=($!)
talker=$!
exec 7>"$T/pipe"
tell() { printf '%s\n' "$@" >&7; }
heard() { [ "$(wc -l <"$T/talk")" -ge "$1" ]; }
tell "$(request /certificate print)" children
wait_until "an answer, and a process id" heard 2
kill -9 "$(tail -n 1 "$T/talk")"
tell "$(request /certificate print)"
wait_until "an answer, though the worker was killed" heard 3
equal "the answer" "$(tail -n 1 "$T/talk" | cut -c 1-10)" '{"ok":true'

# A key of 16384 bits would take minutes on the CPU; of what can be asked for, 8192 bits take some seconds.
long="$(request /certificate sign '"numbers":"slow"')"
tell "$(request /certificate add '"words":{"name":"slow","common-name":"slow","key-size":"8192","custody":"file"}')" "& $long" "pause 300"
tell "$(request /certificate print '"proplist":"name"')" cancel
wait_until "a client that goes away" heard 6
said_talk() { tail -n "$1" "$T/talk" | grep -q -- "$2" || { cat "$T/talk" >&2; die "nothing of: $2"; }; }
said_talk 2 '^{"ok":true,"rows"'
said_talk 1 '^then: {"ok":false,"kind":"cancelled"'
equal "it is still a template" "$(get slow status)" template
tell "& $long" "pause 300" stop wait
wait_until "the daemon ends" heard 7
said_talk 1 'cancelled'
exec 7>&-
wait "$talker"
tell_children() { pgrep -P "$talker" signet; }
refused "children are left" tell_children
TIMEOUT=1 check "too long" call "$long" "$(request /certificate print '"proplist":"name"')"
said '"kind":"(timeout|cancelled)"' '^\{"ok":true'
equal "it is a template, too" "$(get slow status)" template

# A parent that dies takes its workers along, also from the middle of a command.
"$PROGRAMS/worker_call" "$SIGNET_HOME" <<<"$long" >"$T/killed" &
parent=$!
worker_runs() { worker=$(pgrep -P "$parent" signet); }
wait_until "a worker" worker_runs
sleep 0.3
kill -9 "$parent"
wait "$parent" || :
gone() { ! kill -0 "$worker" 2>/dev/null; }
wait_until "it ends with its parent" gone

# ---- looking goes on while the TPM makes a key, and gives no answer ----
for i in 1 2 3 4; do
    adds[i]=$(request /certificate add "\"words\":{\"name\":\"t$i\",\"common-name\":\"t$i\",\"custody\":\"tpm\",\"key-size\":\"2048\"}")
    signs[i]="& $(request /certificate sign "\"numbers\":\"t$i\"")"
done
check "four templates" call "${adds[@]}"
kill -STOP "${TPM_PID[tpm]}"
printf '%s\n' "${signs[1]}" "pause 300" "times 100 $(request /certificate print '"query":["?name=ca"]')" wait >"$T/lines"
"$PROGRAMS/worker_call" "$SIGNET_HOME" <"$T/lines" >"$T/looks" &
looker=$!
PIDS+=("$looker")
wait_until "a hundred answers" grep -qE '^[0-9]+$' "$T/looks"
refused "the key is not made yet" grep -q then: "$T/looks"
kill -CONT "${TPM_PID[tpm]}"
check "it ends" wait "$looker"
check "the key is made" grep -q '^then: .*"ok":true' "$T/looks"
check "no more than four at once" call "${signs[@]}" "${signs[@]}" "${signs[@]}" wait
said 'too many commands run already'
