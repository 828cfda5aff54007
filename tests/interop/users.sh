#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Users: what is kept of passwords, what a change of a user means for who is logged in, certificates in the place of
# passwords, and guessing.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../rest.sh"
store_start

# ---- the menu ----
equal "nobody at first" "$(signet '/user print count-only')" 0
refused "a short password" signet '/user add name=a group=read password=1234567'
said '8 characters'
refused "no password" signet '/user add name=a group=read'
said password
refused "no group" signet '/user add name=a password=12345678'
refused "a name with a colon" signet '/user add name=a:b group=read password=12345678'
refused "a group that there is none" signet '/user add name=a group=nobody password=12345678'
refused "networks that are none" signet '/user add name=a group=read password=12345678 address=1.2.3'
said 'address: expected'
check "two users with one password" signet '/user add name=a group=read password=scrypt:12345678; /user add name=b group=read password=scrypt:12345678'
refused "a name that is there" signet '/user add name=a group=read password=12345678'
for words in detail as-json as-value terse value-list 'proplist=name,password'; do
    check "print $words" signet "/user print $words"
    if grep -qE 'scrypt|12345678' "$OUT"; then die "the password is shown"; fi
done
equal "get" "$(signet '/user get a password')" ""
verifiers() { sqlite3 "$SIGNET_HOME/signet.db" "SELECT value FROM setting WHERE menu LIKE '/user*%' AND name = 'password'"; }
equal "two salts" "$(verifiers | sort -u | grep -c '^scrypt:14:8:5:[0-9a-f]\{32\}:[0-9a-f]\{64\}$')" 2
if grep -rqa 12345678 "$SIGNET_HOME"; then die "a password is in the store"; fi
check "they go" signet '/user remove a,b'
equal "nobody again" "$(signet '/user print count-only')" 0

# ---- logins ----
rest_start
answers 200 GET /certificate/web
equal "the log" "$(signet '/log print' | grep -c 'user root logged in from 127.0.0.1 via rest')" 1
answers 200 GET /certificate/web
equal "once" "$(signet '/log print' | grep -c 'logged in')" 1
as() { # as STATUS CURL-ARGUMENT...: a GET with other credentials
    local wanted=$1 status
    shift
    status=$(curl --silent --max-time 60 --noproxy '*' --cacert "$FILES/web-ca.crt" --dump-header "$T/headers" --output "$T/body" --write-out '%{http_code}' "$@" "$REST/rest/certificate/web" || :)
    [ "$status" = "$wanted" ] || {
        cat "$T/body" >&2
        die "$*: status $status, wanted $wanted"
    }
    echo "ok: ${*:1:2}: $status"
}
as 401
grep -qi '^www-authenticate: Basic realm="Signet"' "$T/headers" || die "the challenge is missing"
has '.error == 401 and .message == "Unauthorized" and (has("detail") | not)'
as 401 --header 'Authorization: Bearer x'
as 401 --header 'Authorization: Basic !!!!'
as 401 --header 'Authorization: Basic cm9vdA=='
equal "those are no logins" "$(signet '/log print' | grep -c 'login failure' || :)" 0
as 401 --user root:wrong
as 401 --user $'no\nbody"x:wrong'
said_log() { signet '/log print' | grep -q -- "$1" || die "the log says nothing of: $1"; }
said_log 'system,error *login failure for user root from 127.0.0.1 via rest'
said_log 'login failure for user no?body?x from'

# ---- what a change means ----
answers 201 PUT /certificate '{"name":"x","common-name":"x"}'
REST_USER=writer
answers 200 PATCH /certificate/x '{"name":"y"}'
check "writer reads only, from now on" signet '/user set writer group=read'
answers 403 PATCH /certificate/y '{"name":"z"}'
check "disabled" signet '/user disable writer'
answers 401 GET /certificate/y
check "enabled" signet '/user enable writer'
sleep 2
answers 200 GET /certificate/y
check "not from here" signet '/user set writer address=192.0.2.0/24'
answers 401 GET /certificate/y
check "from here" signet '/user set writer address=192.0.2.0/24,127.0.0.0/8'
sleep 3
answers 200 GET /certificate/y
check "another password" signet '/user set writer password="another one"'
answers 401 GET /certificate/y
check "removed" signet '/user remove writer'
sleep 5
answers 401 GET /certificate/y
REST_USER=root
answers 200 GET /certificate/y

# ---- certificates in the place of passwords ----
for name in carol mallory; do
    check "a certificate of $name" signet "/certificate add name=$name common-name=$name key-usage=digital-signature,tls-client custody=file
        /certificate sign $name ca=web-ca
        /certificate export-certificate $name export-passphrase=12345678"
done
client() { echo --cert "$FILES/cert_export_$1.crt" --key "$FILES/cert_export_$1.key" --pass 12345678; }
# shellcheck disable=SC2046
as 401 $(client carol)
check "a user without a password" signet '/user add name=carol group=read certificate=carol'
accepted() { [ "$(curl --silent --noproxy '*' --cacert "$FILES/web-ca.crt" --output /dev/null --write-out '%{http_code}' $(client carol) "$REST/rest/certificate/web")" = 200 ]; }
wait_until "carol by certificate" accepted
said_log 'user carol logged in from 127.0.0.1 via rest'
# shellcheck disable=SC2046
as 401 $(client mallory)
as 401 --user carol:
REST_USER=root
answers 200 GET /certificate/web
check "it is revoked: the session ends" signet '/certificate issued-revoke carol'
# shellcheck disable=SC2046
as 401 $(client carol)
check "carol has another one" signet '/user set carol certificate=mallory'
accepted() { [ "$(curl --silent --noproxy '*' --cacert "$FILES/web-ca.crt" --output /dev/null --write-out '%{http_code}' $(client mallory) "$REST/rest/certificate/web")" = 200 ]; }
wait_until "carol by that" accepted
# As if time had passed; what the store knows of it, not what it says itself.
aged() { sqlite3 "$SIGNET_HOME/signet.db" "UPDATE certificate SET not_before = not_before + $1, not_after = not_after + $1 WHERE name = 'mallory'"; }
for days in -400 400; do
    check "it ends, or begins, $days days from now" aged $((days * 86400))
    # shellcheck disable=SC2046
    as 401 $(client mallory)
    check "it is valid" aged $((days * -86400))
    wait_until "carol is back" accepted
done
check "it is removed" signet '/certificate remove mallory'
# shellcheck disable=SC2046
as 401 $(client mallory)

# ---- guessing ----
# Whoever guesses is told to wait, longer each time; root, who comes from where it has come from before, is not held up by it.
for ((i = 0; i < 8; i++)); do
    curl --silent --noproxy '*' --cacert "$FILES/web-ca.crt" --user "nobody$i:guess" --output /dev/null --write-out '%{http_code}\n' "$REST/rest/certificate" || :
done >"$T/guesses"
equal "the last ones are not looked at" "$(tail -n 3 "$T/guesses" | sort -u)" 429
answers 200 GET /certificate/web
looked() { signet '/log print' | grep -c 'login failure' || :; }
before=$(looked) began=$SECONDS
for ((i = 0; i < 20; i++)); do
    curl --silent --noproxy '*' --cacert "$FILES/web-ca.crt" --user "root:guess" --output /dev/null "$REST/rest/certificate" || :
done
# The wait doubles: within so many seconds there is room for so many.
room=2
for ((t = SECONDS - began + 1; t > 0; t /= 2)); do room=$((room + 1)); done
[ $(($(looked) - before)) -le $room ] || die "$(($(looked) - before)) of 20 guesses were looked at"
echo "ok: $(($(looked) - before)) of 20 guesses were looked at"
# A login that is remembered goes on.
answers 200 GET /certificate/web

# ---- an unknown user costs as much as a wrong password: else the time tells who is there ----
check "another daemon" kill "$SIGNETD"
wait "$SIGNETD"
cost() { # cost USER: microseconds of a login
    local request="{\"command\":\"login\",\"login\":{\"name\":\"$1\",\"password\":\"guess\",\"address\":\"127.0.0.1\",\"service\":\"test\"}}"
    echo "times 20 $request" | "$PROGRAMS/worker_call" "$SIGNET_HOME" | tail -n 1
}
# Three tries, as other programs take the processor, too; a user who is there by the time alone is told in each.
for _ in 1 2 3; do
    known=$(cost root) unknown=$(cost nobody)
    echo "a known user: $known µs, an unknown one: $unknown µs"
    if [ "$unknown" -gt $((known / 2)) ] && [ "$unknown" -lt $((known * 2)) ]; then break; fi
done
[ "$unknown" -gt $((known / 2)) ] && [ "$unknown" -lt $((known * 2)) ] || die "they take different times"
