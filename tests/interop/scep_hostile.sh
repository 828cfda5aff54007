#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What strangers may send to the SCEP server: it is refused, costs little, does not reach the TPM, and others enrol
# meanwhile. FLOOD is the number of bad requests.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
FLOOD=${FLOOD:-10000}
tpm_start
tpm_srk
store_start
scep_ca custody=tpm
scep_entry challenge-password=secret
scep_serve
scep_ca_file
for name in good bad; do scep_key $name; done
n=0
# enrols WHAT: a good client, at an address of its own, gets its certificate, within ten seconds.
enrols() {
    scep_write good subject=/CN=good tid="good$((++n))" challenge=secret
    scep_send good --interface 127.0.0.2 --max-time "${LIMIT:-10}"
    equal "$1: HTTP status" "$STATUS" 200
    scep_read good
    issued "$1: a good client"
}
# post WHAT STATUS [CURL-OPTION...]: the file $T/bad.msg, from an address of its own.
host=10
post() {
    local what=$1 wanted=$2
    shift 2
    scep_send bad --interface 127.0.1.$((++host % 200 + 1)) --max-time 10 "$@" || die "$what: no answer"
    [[ $STATUS =~ ^($wanted)$ ]] || die "$what: HTTP status $STATUS, not $wanted"
    echo "ok: $what: $STATUS"
}
enrols "before"

# ---- no messages ----
mark=$(tpm_mark)
: >"$T/bad.msg" && post "nothing" 400
head -c 60000 /dev/urandom >"$T/bad.msg" && post "noise" 400
printf '\x30\x84\xff\xff\xff\xff' >"$T/bad.msg" && post "a length of 4 GiB" 400
printf '\x30\x88\x7f\xff\xff\xff\xff\xff\xff\xff\x06' >"$T/bad.msg" && post "a length of 2^63" 400
head -c 60000 /dev/zero | tr '\0' '\060' >"$T/bad.msg" && post "nested as deep as can be" 400
{ head -c 30000 /dev/zero | sed 's/\x00/\x30\x80/g' || :; } >"$T/bad.msg" && post "nested without a length" 400
scep_write bad subject=/CN=bad break=length && post "a length before the message" 400
scep_write bad subject=/CN=bad break=truncated && post "a half" 400
for at in 100 300 900 1500; do
    scep_write bad subject=/CN=bad
    size=$(stat -c %s "$T/bad.msg")
    head -c $((size - at)) "$T/bad.msg" >"$T/cut" && mv "$T/cut" "$T/bad.msg" && post "without its last $at bytes" 400
done
cp "$T/ca.der" "$T/bad.msg" && post "a certificate" 400
plain_openssl crl2pkcs7 -nocrl -certfile "$T/ca.pem" -outform der -out "$T/bad.msg" && post "certificates without a signer" 400
equal "the TPM has heard nothing of it" "$(tpm_operations "$mark")" 0

# OpenSSL's time grows with their square.
begin=$SECONDS
scep_write bad subject=/CN=bad digests=3500 && post "3500 digest algorithms" 200
scep_read bad
denied "3500 digest algorithms" 1 'one digest'
mark=$(tpm_mark)
scep_write bad subject=/CN=bad recipients=50 && post "50 recipients" 200
[ "$(tpm_operations "$mark")" -le 4 ] || die "the TPM has decrypted for each: $(tpm_operations "$mark")"
((SECONDS - begin < 10)) || die "it took $((SECONDS - begin)) seconds"
scep_write bad subject=/CN=bad fill=40000 && post "a request of 40 KB" 200
scep_read bad
denied "a request of 40 KB" 2 'too large'
plain_openssl rand -out "$T/noise" 300
scep_write bad content="$T/noise" && post "noise inside" 200
scep_read bad
denied "noise inside" 1

# ---- HTTP ----
head -c $((64 * 1024 + 1)) /dev/zero >"$T/bad.msg"
post "a body of more than 64 KiB" 413 -H Expect:
post "in chunks" '413|400' -H Expect: -H 'Transfer-Encoding: chunked'
post "announced" '413|417|400' -H 'Expect: 100-continue'
# raw TEXT: what is answered to these bytes.
raw() { { exec 3<>"/dev/tcp/127.0.0.1/$SCEP_PORT" && printf '%b' "$1" >&3 && timeout 5 head -c 12 <&3; } || :; }
get='GET /scep/?operation=PKIOperation&message='
tail=' HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
for text in "${get}%zz$tail" "${get}%$tail" "${get}%4$tail" "${get}A$tail" "${get}====$tail" "${get}A%00AA$tail" "${get}$tail" \
    "GET /scep/?operation=PKIOperation$tail" "GET /scep/?$tail" "GET /scep/?operation$tail" "GET /scep/?operation=%zz$tail"; do
    reply=$(raw "$text")
    [[ $reply == "HTTP/1.1 400"* ]] || die "answer to $text: $reply"
done
echo "ok: GETs that make no sense"
for text in 'GET\r\n\r\n' '\r\n\r\n\r\n' 'X' "POST /scep/?operation=PKIOperation HTTP/1.1\r\nContent-Length: -1\r\n\r\n" \
    "POST /scep/?operation=PKIOperation HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n" \
    "POST /scep/?operation=PKIOperation HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" \
    "GET /$(printf 'x%.0s' {1..9000}) HTTP/1.1\r\n\r\n" "GET http://[/ HTTP/1.1\r\n\r\n" "GET //x:y@z:1/scep HTTP/9.9\r\n\r\n"; do
    reply=$(raw "$text")
    [[ $reply != "HTTP/1.1 200"* ]] || die "answer to $text: $reply"
done
echo "ok: no HTTP"
# What careless clients do to base64 in a URL.
base64 -w 0 "$T/good.msg" >"$T/base64"
grep -q + "$T/base64" || die "no + in it"
for how in 's/+/%2B/g; s/=/%3D/g; s,/,%2F,g' '' 's/+/%20/g'; do
    message=$(sed "$how" "$T/base64")
    STATUS=$(curl --silent --output "$T/good.reply" --write-out '%{http_code}' "$SCEP_URL?operation=PKIOperation&message=$message")
    equal "GET ($how)" "$STATUS" 200
    scep_read good
    issued "GET ($how)"
done
scep_key large 4096
check "room for it" signet "$SCEP_MENU set 0 days-valid=30"
scep_write large subject="/O=An organization with quite a name/CN=large.example.com" san=DNS:large.example.com tid=large challenge=secret
STATUS=$(curl --silent --output "$T/large.reply" --write-out '%{http_code}' \
    "$SCEP_URL?operation=PKIOperation&message=$(base64 -w 0 "$T/large.msg" | sed 's/+/%2B/g; s/=/%3D/g; s,/,%2F,g')")
equal "GET with a key of 4096 bits" "$STATUS" 200
scep_read large
issued "GET with a key of 4096 bits"
enrols "after what is no HTTP"

# ---- requests that wait are bounded ----
sqlite3 "$SIGNET_HOME/signet.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO incoming (entry, transaction_id, key_fingerprint, status, reason, subject, subject_alt_name, address, created,
    expires, request) SELECT 1, i, i, 'pending', '', 'CN=' || i, '', '', 0, strftime('%s') + 600, x'00' FROM n"
entry=$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT max(entry) FROM incoming WHERE status <> 'pending'")
sqlite3 "$SIGNET_HOME/signet.db" "UPDATE incoming SET entry = $entry WHERE status = 'pending'"
scep_write bad subject=/CN=bad tid=one-more && post "the 1001st that waits" 200
scep_read bad
denied "the 1001st that waits" 2 'no more requests'
equal "it is not among them" "$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT count(*) FROM incoming WHERE transaction_id = 'one-more'")" 0
sqlite3 "$SIGNET_HOME/signet.db" "UPDATE incoming SET expires = strftime('%s') - 1 WHERE status = 'pending'"
scep_write bad subject=/CN=bad tid=one-more && post "when they have expired" 200
scep_read bad
pending "when they have expired"
equal "they are gone" "$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT count(*) FROM incoming WHERE status = 'pending'")" 1

# Nobody alone takes all places.
sqlite3 "$SIGNET_HOME/signet.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
    INSERT INTO incoming (entry, transaction_id, key_fingerprint, status, reason, subject, subject_alt_name, address, created,
    expires, request) SELECT $entry, i, i, 'pending', '', 'CN=' || i, '', '127.0.0.3', 0, strftime('%s') + 600, x'00' FROM n"
scep_write bad subject=/CN=bad tid=same && scep_send bad --interface 127.0.0.3
scep_read bad
denied "the 251st that waits of one address" 2 'no more requests'
scep_write bad subject=/CN=bad tid=another && scep_send bad --interface 127.0.0.4
scep_read bad
pending "one of another address"
sqlite3 "$SIGNET_HOME/signet.db" "DELETE FROM incoming WHERE status = 'pending'"

# ---- connections ----
fds=()
hold() { # hold COUNT TEXT: connections that send only this
    local fd i
    for ((i = 0; i < $1; i++)); do
        exec {fd}<>"/dev/tcp/127.0.0.1/$SCEP_PORT" || die "connection $i"
        printf '%b' "$2" >&"$fd"
        fds+=("$fd")
    done
}
# Held for less than the ten seconds after which an idle connection ends by itself.
hold 300 'POST /scep/?operation=PKIOperation HTTP/1.1\r\nContent-Length: 1000\r\n\r\nx'
LIMIT=6 enrols "300 others hold connections open"
open=$(find "/proc/$SCEP_PID/fd" -lname 'socket:*' | wc -l)
[ "$open" -le 300 ] || die "the server has $open sockets"
for fd in "${fds[@]}"; do exec {fd}>&-; done
fds=()
# One byte now and then keeps no connection.
exec 3<>"/dev/tcp/127.0.0.1/$SCEP_PORT"
printf 'GET /' >&3
begin=$SECONDS
while printf 'x' >&3 2>/dev/null && ((SECONDS - begin < 40)) && [ -n "$(find "/proc/$SCEP_PID/fd" -lname 'socket:*' | sed -n 2p)" ]; do
    read -rt 1 -u 3 _ && break || [ $? -gt 128 ] || break
done
((SECONDS - begin >= 5 && SECONDS - begin < 30)) || die "a slow client was cut after $((SECONDS - begin)) seconds"
exec 3>&-
echo "ok: a slow client is cut after $((SECONDS - begin)) seconds"

# ---- a flood ----
head -c 300 /dev/urandom >"$T/noise"
cat >"$T/flood.lua" <<END
local file = io.open("$T/noise", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Connection"] = "close"
function done(summary)
    print("requests " .. summary.requests .. " statuses " .. summary.errors.status)
end
END
mark=$(tpm_mark)
sent=0
begin=$SECONDS
while ((sent < FLOOD)); do
    wrk --threads 1 --connections 20 --duration 2s --script "$T/flood.lua" "$SCEP_URL?operation=PKIOperation" >"$T/wrk.log" 2>&1 &
    pid=$!
    ((sent == 0)) || { wait $pid; sent=$((sent + $(awk '/^requests/ { print $2 }' "$T/wrk.log"))); continue; }
    sleep 0.5
    operations=$(tpm_operations "$mark")
    equal "operations in the TPM for a flood of noise" "$operations" 0
    enrols "during the flood"
    mark=$(tpm_mark)
    wait $pid
    sent=$(awk '/^requests/ { print $2 }' "$T/wrk.log")
    [ "$sent" -gt 0 ] || die "no flood: $(<"$T/wrk.log")"
done
equal "operations in the TPM for $sent requests of noise in $((SECONDS - begin)) seconds" "$(tpm_operations "$mark")" 0

# An address has 500 requests at once, and 50 a second.
curl --silent --output /dev/null --interface 127.0.0.9 --write-out '%{http_code}\n' "$SCEP_URL?operation=GetCACaps&n=[1-1500]" |
    sort | uniq -c >"$OUT"
said '^ *[0-9]+ 200$' '^ *[0-9]+ 429$'
[ "$(awk '$2 == 200 { print ($1 >= 500) }' "$OUT")" = 1 ] || die "too few are answered: $(<"$OUT")"
equal "nothing else is answered" "$(wc -l <"$OUT")" 2
enrols "another address"

# Messages that are well formed and refused do reach it, a few at a time.
scep_write bad subject=/CN=bad tid=flood challenge=guess
cp "$T/bad.msg" "$T/noise"
mark=$(tpm_mark)
wrk --threads 1 --connections 20 --duration 4s --script "$T/flood.lua" "$SCEP_URL?operation=PKIOperation" >"$T/wrk.log" 2>&1 &
pid=$!
sleep 2
enrols "during a flood of guesses"
wait $pid
sent=$(awk '/^requests/ { print $2 }' "$T/wrk.log")
operations=$(tpm_operations "$mark")
echo "   $sent guesses, $operations operations in the TPM"
((operations <= 4 * 50 * 3 + 300)) || die "$operations operations in the TPM for $sent guesses in 4 seconds"

# ---- clients that go away ----
for ((i = 0; i < 60; i++)); do
    curl --silent --output /dev/null --max-time 0.0$((RANDOM % 5 + 1)) --interface 127.0.3.$((i + 1)) --data-binary "@$T/bad.msg" \
        "$SCEP_URL?operation=PKIOperation" || :
done
enrols "others have gone away"
signet '/log print where topics~"scep"' >"$OUT"
said 'lines left out'
if [ -z "$asan" ]; then
    rss=$(awk '/VmHWM/ { print $2 }' "/proc/$SCEP_PID/status")
    echo "   $((rss / 1024)) MiB at most"
    ((rss < 200 * 1024)) || die "it took $rss KiB of memory"
fi
# It ends while it is busy.
wrk --threads 1 --connections 20 --duration 2s --script "$T/flood.lua" "$SCEP_URL?operation=PKIOperation" >"$T/wrk.log" 2>&1 &
pid=$!
sleep 1
scep_end
wait $pid || :
