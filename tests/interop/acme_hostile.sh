#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A CA that means harm: acme_server.c sends what a CA should not, one thing after the other. Each ends soon, with a message
# that says what it was and sends nothing to the terminal but text; nothing of it gets into the store. At last the same
# server does as it should, to show that all this was refused for what was wrong with it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_certificates
pebble_trust
port=$(free_port)
url=https://localhost:$port
S=$T/answers
mkdir "$S"
spawn acme_server "$PROGRAMS/acme_server" "$T/pebble.crt" "$T/pebble.key" "$port" "$S"
wait_port "$port" acme_server

# ---- answers ----
# answer NAME STATUS BODY [HEADER...]: what /NAME answers. BODY "-": standard input.
answer() {
    local name=$1 status=$2 body=$3 header
    shift 3
    {
        printf 'HTTP/1.1 %s\r\nConnection: close\r\n' "$status"
        [ "${TYPE-application/json}" = '' ] || printf 'Content-Type: %s\r\n' "${TYPE-application/json}"
        [ -n "${NONCE-AAAA}" ] && printf 'Replay-Nonce: %s\r\n' "${NONCE-AAAA}"
        for header in "$@"; do printf '%s\r\n' "$header"; done
        printf '\r\n'
        if [ "$body" = - ]; then cat; else printf '%s' "$body"; fi
    } >"$S/$name"
}
identifier='"identifier": {"type": "dns", "value": "x.example.com"}'
challenge() { echo "{\"type\": \"http-01\", \"url\": \"$url/challenge\", \"token\": ${1:-\"AAAA\"}, \"status\": \"pending\"}"; }
authorization() { echo "{$identifier, \"status\": \"pending\", \"challenges\": [$(challenge "${1:-}")]}"; }
order() { echo "{\"status\": \"$1\", \"finalize\": \"$url/finalize\", \"authorizations\": [\"$url/authz\"]${2:-}}"; }
valid=", \"certificate\": \"$url/cert\""
directory() { echo "{\"newNonce\": \"$url/nonce\", \"newAccount\": \"$url/account\", \"newOrder\": \"$url/order-new\"${1:-}}"; }
# What a good CA would say; with an order that needs no proof.
well() {
    rm -f "$S"/*
    NONCE='' answer directory '200 OK' "$(directory)"
    answer nonce '200 OK' ''
    answer account '201 Created' '{"status": "valid"}' "Location: $url/account-1"
    answer order-new '201 Created' "$(order "${1:-ready}")" "Location: $url/order"
    answer order '200 OK' "$(order "${1:-ready}")"
    answer authz '200 OK' "$(authorization)"
    answer challenge '200 OK' "$(challenge)"
    answer finalize '200 OK' "$(order valid "$valid")"
}

# ---- looking on ----
renew="/certificate acme-renew x"
certificates() { sqlite3 "$SIGNET_HOME/signet.db" 'SELECT name, fingerprint, key FROM certificate ORDER BY id'; }
text_only() { ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"; }
forget_order() { sqlite3 "$SIGNET_HOME/signet.db" "DELETE FROM setting WHERE name = 'order-url'"; }
forget_account() { sqlite3 "$SIGNET_HOME/signet.db" "DELETE FROM setting WHERE name = 'url' AND menu LIKE '%/account*%'"; }
# hostile WHAT REGEX...: it must fail with these words.
hostile() {
    local what=$1 begin=$SECONDS
    shift
    refused "$what" timeout --signal=KILL 60 "$BUILD/tools/signet" "$renew"
    said "failure: " "$@"
    [ $((SECONDS - begin)) -lt 30 ] || die "$what: it took $((SECONDS - begin)) seconds"
    text_only "$OUT" || die "$what: control characters: $(cat -v "$OUT")"
    [ "$(wc -c <"$OUT")" -lt 8000 ] || die "$what: a message of $(wc -c <"$OUT") bytes"
    [ "$(certificates)" = "$store" ] || die "$what: the store has changed: $(certificates)"
    forget_order
}

well
answer directory '404 Not Found' ''
refused "an entry" signet "/certificate add-acme name=x domain-names=x.example.com directory-url=$url/directory key-size=prime256v1 custody=file"
said 'status 404'
store=$(certificates)

# ---- the directory ----
for body in '' '<html>' '[]' '"text"' '{' '{}' '{"newNonce": 1, "newAccount": [], "newOrder": null}' "$(printf '%05000d' 0 | tr 0 '[')" \
    '{"newNonce": "\u0000", "newAccount": "", "newOrder": ""}' $'{"newNonce": "\xff\xfe"}'; do
    well
    answer directory '200 OK' "$body"
    hostile "directory ${body:0:60}" 'no ACME directory|no https URL'
done
for bad in http://localhost/x ftp://localhost/x file:///etc/passwd 'https://' 'https:///x' "$url/ x" "$url/\\u001b[31m" "$url/\\u0000" "$url/ü"; do
    well
    answer directory '200 OK' "$(directory | sed "s|\"newNonce\": \"[^\"]*\"|\"newNonce\": \"${bad//\\/\\\\}\"|")"
    hostile "directory with $bad" 'newNonce|no JSON'
done
well
head -c 3000000 /dev/zero | tr '\0' ' ' | answer directory '200 OK' -
hostile "three megabytes" 'larger than any should be'
well
answer directory '200 OK' "$(directory)" "X-Much: $(printf '%09000d' 0)"
hostile "a header of nine kilobytes" 'larger than any should be|header'
well
mapfile -t many < <(for ((i = 0; i < 400; i++)); do echo "X-$i: 1"; done)
answer directory '200 OK' "$(directory)" "${many[@]}"
hostile "400 headers" 'larger than any should be'
for there in "$url/stolen" http://127.0.0.1:1/stolen file:///etc/passwd; do
    well
    answer directory '302 Found' '' "Location: $there"
    answer stolen '200 OK' "$(directory)"
    hostile "a redirect to $there" 'status 302'
    [ ! -e "$S/stolen.count" ] || die "the redirect was followed"
done
well
rm "$S/directory"
hostile "no answer" 'localhost'
well
printf 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{' >"$S/directory"
hostile "an answer that breaks off" 'localhost'

# ---- nonces ----
well
NONCE='' answer nonce '200 OK' ''
hostile "no nonce" 'gives no nonce'
for nonce in 'a b' '../../x' "$(printf '%02000d' 0)" $'\e[31m' 'é'; do
    well
    NONCE=$nonce answer nonce '200 OK' ''
    nonce=${nonce:0:20}
    hostile "nonce ${nonce@Q}" 'gives no nonce'
done
well
answer account '400 Bad Request' '{"type": "urn:ietf:params:acme:error:badNonce", "detail": "never good enough"}'
hostile "no nonce is good enough" 'badNonce: never good enough'
[ "$(<"$S/account.count")" -lt 50 ] || die "it was tried $(<"$S/account.count") times"

# ---- problem documents ----
well
answer account '403 Forbidden' '{"type": "urn:ietf:params:acme:error:unauthorized", "detail": "\u001b]0;owned\u0007\u001b[2J\u009b31mred\r\nfailure: forged\u0008\u007f"}'
hostile "escapes" 'unauthorized: .*owned.*red'
[ "$(grep -c '^failure:' "$OUT")" = 1 ] || die "a line was forged: $(<"$OUT")"
signet '/log print' >"$OUT"
text_only "$OUT" || die "control characters in the log: $(cat -v "$OUT")"
signet '/certificate acme print detail' >"$OUT"
text_only "$OUT" || die "control characters in print detail: $(cat -v "$OUT")"
well
{
    printf '{"type": "urn:ietf:params:acme:error:compound", "detail": "all of them", "subproblems": ['
    for ((i = 0; i < 1000; i++)); do printf '{"type": "urn:ietf:params:acme:error:caa", "detail": "no %d", "identifier": {"type": "dns", "value": "n%d.example.com"}},' $i $i; done
    printf '7, null, {"identifier": {"value": 7}}]}'
} | answer account '403 Forbidden' -
hostile "1000 subproblems" 'compound: all of them; n0.example.com: caa: no 0; n1.example.com: caa: no 1;' 'and 9[0-9]+ more'
for body in '{"type": 7}' '{"type": {}, "detail": [1]}' '[{"type": "x"}]' '{"type": "x", "detail": "'"$(printf '%0100000d' 0)"'"}' '<html>'; do
    well
    answer account '500 Internal Server Error' "$body"
    hostile "problem ${body:0:40}" 'account|status 500'
done
for retry in 99999999 999999999999999999999 -5 'Fri, 31 Dec 9999 23:59:59 GMT' soon; do
    well
    answer account '429 Too Many Requests' '{"type": "urn:ietf:params:acme:error:rateLimited", "detail": "later"}' "Retry-After: $retry"
    hostile "Retry-After: $retry" 'rateLimited: later'
    next=$(($(date -d "$(signet '/certificate acme get [find where certificate=x] next-try')" +%s) - $(date +%s)))
    [ $next -gt 0 ] && [ $next -le 86500 ] || die "Retry-After: $retry: next-try is in $next seconds"
done

# ---- the account ----
for location in '' "Location: http://localhost/1" $'Location: https://localhost/\e[31m' "Location: /account" "Location: $url/$(printf '%03000d' 0)"; do
    well
    answer account '201 Created' '{"status": "valid"}' "$location"
    location=${location:0:40}
    hostile "account: ${location@Q}" "account.s URL"
done
well
answer account '200 OK' '{"status": "revoked"}' "Location: $url/account-1"
hostile "a revoked account" 'revoked'

# ---- the order ----
bad_order() { # bad_order WHAT JSON REGEX
    well
    answer order-new '201 Created' "$2" "Location: $url/order"
    answer order '200 OK' "$2"
    hostile "order: $1" "$3"
}
bad_order "no status" "{\"finalize\": \"$url/finalize\", \"authorizations\": [\"$url/authz\"]}" 'status'
bad_order "a status that is none" "$(order '\u001b[31mweird')" 'weird'
bad_order "no authorization" "{\"status\": \"pending\", \"finalize\": \"$url/finalize\", \"authorizations\": []}" '0 authorizations'
bad_order "10000 authorizations" "{\"status\": \"pending\", \"finalize\": \"$url/finalize\", \"authorizations\": [$(printf '"https://x/",%.0s' {1..10000})1]}" '10001 authorizations'
bad_order "authorizations that are none" "{\"status\": \"pending\", \"finalize\": \"$url/finalize\", \"authorizations\": [1, {}, \"http://x/\"]}" 'authorization'
bad_order "finalize elsewhere" "{\"status\": \"ready\", \"finalize\": \"http://127.0.0.1/\", \"authorizations\": [\"$url/authz\"]}" 'finalize is no https URL'
bad_order "no JSON" '<html>' 'status|order'
well
answer order-new '201 Created' "$(order ready)"
hostile "order: no Location" "order.s URL"

# ---- authorizations ----
bad_authorization() { # bad_authorization WHAT JSON REGEX
    well pending
    answer authz '200 OK' "$2"
    hostile "authorization: $1" "$3"
}
for token in '"../../../../etc/cron.d/x"' '"a b"' '""' '"a/b"' '"%2e%2e"' '"$(reboot)"' '"a\u0000b"' '"\u001b[31m"' 7 null "\"$(printf '%05000d' 0)\""; do
    bad_authorization "token ${token:0:30}" "$(authorization "$token")" "token is not base64url|without an identifier"
done
for name in '../x' 'x;reboot' '$(reboot)' '-x.example.com' '\u001b[31m' '' 'a b' "$(printf '%0300d' 0)"; do
    bad_authorization "identifier ${name:0:30}" "$(authorization | sed "s|x.example.com|${name//\\/\\\\}|")" 'identifier'
done
bad_authorization "challenges that are none" "{$identifier, \"status\": \"pending\", \"challenges\": [1, {}, {\"type\": []}, {\"type\": \"tls-sni-01\"}]}" 'does not offer http-01'
bad_authorization "a challenge elsewhere" "$(authorization | sed "s|$url/challenge|http://127.0.0.1/|")" 'no https URL'
bad_authorization "failed, with an error that is none" "{$identifier, \"status\": \"invalid\", \"challenges\": [{\"type\": \"http-01\", \"error\": 7}]}" 'invalid'
bad_authorization "no JSON" 'x' 'identifier'

# ---- what comes as the certificate ----
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x.example.com -addext subjectAltName=DNS:x.example.com -days 9 \
    -keyout "$T/other.key" -out "$T/other.crt" 2>/dev/null
next=$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT name FROM key WHERE name LIKE 'acme-next-%'")
check "the key that waits for it" signet key write "$next" --out "$T/next.key"
TCTI=$SIGNET_TCTI ssl_conf
openssl pkey -in "$T/next.key" -pubout -out "$T/next.pub"
# for_key PUBLIC NAME FILE: a certificate of pebble's HTTPS CA, for that key and name.
for_key() {
    plain_openssl req -new -key "$T/other.key" -subj "/CN=$2" -config <(printf '[req]\ndistinguished_name = dn\n[dn]\n') -out "$T/x.csr" 2>/dev/null
    plain_openssl x509 -req -in "$T/x.csr" -CA "$T/pebble-ca.pem" -CAkey "$T/pebble-ca.key" -force_pubkey "$1" -days 9 \
        -extfile <(echo "subjectAltName = DNS:$2") -out "$3" 2>/dev/null
}
for_key "$T/next.pub" evil.example.com "$T/evil.crt"
for_key "$T/next.pub" x.example.com "$T/good.crt"
bad_certificate() { # bad_certificate WHAT REGEX: the body is on standard input
    local body=$T/body
    cat >"$body"
    well
    TYPE=${CERT_TYPE-application/pem-certificate-chain} answer cert '200 OK' - <"$body"
    hostile "certificate: $1" "$2"
}
no_chain='no chain of certificates'
bad_certificate "nothing" "$no_chain" </dev/null
bad_certificate "no PEM" "$no_chain" <<<'<html>'
CERT_TYPE=text/html bad_certificate "of another type" "$no_chain" <"$T/good.crt"
bad_certificate "broken off" "$no_chain" < <(head -c 500 "$T/good.crt")
bad_certificate "a private key with it" "$no_chain" < <(cat "$T/good.crt" "$T/other.key")
bad_certificate "a CRL with it" "$no_chain" < <(cat "$T/good.crt" && echo '-----BEGIN X509 CRL-----')
bad_certificate "a zero byte in it" "$no_chain" < <(cat "$T/good.crt" && printf '\0' && cat "$T/pebble-ca.pem")
bad_certificate "a chain of 30" "$no_chain|chain" < <(cat "$T/good.crt" && for ((i = 0; i < 30; i++)); do cat "$T/pebble-ca.pem"; done)
bad_certificate "of another key" 'key' <"$T/other.crt"
bad_certificate "for another name" 'x\.example\.com' <"$T/evil.crt"
bad_certificate "the CA's own first" 'key' < <(cat "$T/pebble-ca.pem" "$T/good.crt")
well
answer finalize '200 OK' "$(order valid ', "certificate": "http://127.0.0.1/cert"')"
hostile "certificate: elsewhere" 'certificate is no https URL'
well
answer finalize '200 OK' "$(order valid)"
hostile "certificate: valid, and none" 'has no certificate'
well
answer finalize '200 OK' "$(order invalid ', "error": {"type": "urn:ietf:params:acme:error:badCSR", "detail": "\u001b[31mno"}')"
hostile "the order becomes invalid" 'badCSR: .*no'

# ---- waiting for it ----
# interrupted WHAT: the command waits, and ends soon when the user wants it to.
interrupted() {
    local pid begin status=0
    "$BUILD/tools/signet" "$renew" >"$OUT" 2>&1 &
    pid=$!
    wait_until "$1: the request" test -e "$S/$2.count"
    sleep 0.5
    kill -0 $pid || die "$1: it did not wait: $(<"$OUT")"
    begin=$SECONDS
    kill -INT $pid
    wait $pid || status=$?
    [ $((SECONDS - begin)) -le 5 ] || die "$1: it ended only after $((SECONDS - begin)) seconds"
    [ $status -ne 0 ] && [ $status -lt 99 ] || die "$1: exit status $status: $(<"$OUT")"
    said interrupted
    [ "$(certificates)" = "$store" ] || die "$1: the store has changed"
    forget_order
    echo "ok: $1: ends when it is interrupted"
}
set -m
well
mv "$S/directory" "$S/directory.slow"
interrupted "a byte a second" directory
well
answer finalize '200 OK' "$(order processing)" 'Retry-After: 99999999'
interrupted "processing, for three years" finalize
set +m

# ---- and at last ----
well
TYPE=application/pem-certificate-chain answer cert '200 OK' - <"$T/good.crt"
check "a CA that does as it should" signet "$renew"
equal "flags" "$(flags x)" K
