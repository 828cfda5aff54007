#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificates that come by SCEP: which CA is believed, passwords, requests that wait for the administrator, renewal,
# and what is tried again when.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep_client.sh"
export SIGNET_TCTI=none
ca_start
serve

# ---- which CA is believed ----

template a
before=$(contents)
refused "no fingerprint" device "/certificate add-scep template=a scep-url=$URL"
said "fingerprint is $FINGERPRINT" 'compare it' 'the settings are kept'
equal "its status" "$(entry a scep-status)" failed
equal "its failures" "$(entry a failures)" 1
check "a wrong fingerprint is set" device "/certificate scep set 0 ca-fingerprint=${FINGERPRINT:1}0"
refused "a wrong fingerprint" device '/certificate scep-renew a'
said 'ca-fingerprint is another: not used'
check "a part of the fingerprint is set" device "/certificate scep set 0 ca-fingerprint=${FINGERPRINT:0:62}"
refused "a part of the fingerprint" device '/certificate scep-renew a'
equal "nothing came" "$(contents)" "$before"
equal "no request was sent" "$(ca "$SERVER requests print count-only")" 0
check "the CA's certificate" ca '/certificate export-certificate local-ca type=pem file-name=ca'
mkdir -p "$T/device/files"
cp "$T/ca/files/ca.crt" "$T/device/files/ca.crt"
check "it is imported" device '/certificate import file-name=ca.crt name=local-ca trusted=yes'
check "no fingerprint at all" device '/certificate scep set 0 ca-fingerprint=""'
check "trust in the store is enough" device '/certificate scep-renew a'
said 'progress: pending'
check "the CA is trusted no more" device '/certificate remove local-ca'
upper=$(tr a-f A-F <<<"$FINGERPRINT" | sed 's/../&:/g; s/:$//')
check "a fingerprint as openssl prints it" device "/certificate scep set 0 ca-fingerprint=$upper"

# ---- a request that waits ----

equal "its status" "$(entry a scep-status)" pending
equal "what was wrong before is over" "$(entry a last-error)$(entry a failures)" ''
check "it is asked for again" device '/certificate scep-renew a'
said 'progress: pending'
equal "one request" "$(ca "$SERVER requests print count-only")" 1
check "not due yet: a minute between polls" device '/certificate scep-renew'
said 'renewed: 0'
check "granted" ca "$SERVER requests grant 0"
check "still not due" device '/certificate scep-renew'
said 'renewed: 0'
note a next-try 1
check "due" device '/certificate scep-renew'
said 'renewed: 1'
equal "its status" "$(entry a scep-status)" issued
equal "its issuer" "$(of a issuer)" "CN=Local CA"
equal "pinned" "$(entry a ca-fingerprint)" "$FINGERPRINT"
equal "no transaction is left" "$(entry a transaction-id)" ''
verifies a
check "nothing is due" device '/certificate scep-renew'
said 'renewed: 0'

template b
check "another that waits" add_scep b
check "denied" ca "$SERVER requests deny 1 reason=\"not you\""
refused "the poll says so" device '/certificate scep-renew b'
said 'denied: not you'
equal "the error is kept" "$(entry b last-error | grep -c 'denied: not you')" 1
template c
check "one that nobody answers" add_scep c
sqlite3 "$T/ca/signet.db" "UPDATE incoming SET expires = 1 WHERE status = 'pending'"
refused "it has expired" device '/certificate scep-renew c'
said 'badCertId.*expired'
check "then a new request is made" device '/certificate scep-renew c'
said 'progress: pending'

# ---- passwords ----

check "the CA's password" ca "$SERVER set 0 challenge-password=secret"
template d subject-alt-name=DNS:d.example.com,IP:192.0.2.7
refused "a wrong password" add_scep d challenge-password=wrong
said 'badRequest.*challengePassword is wrong'
check "the right one" device '/certificate scep set [find where certificate="d"] challenge-password=secret'
check "with it" device '/certificate scep-renew d'
said 'progress: done'
verifies d
equal "its names" "$(of d subject-alt-name)" DNS:d.example.com,IP:192.0.2.7
equal "its usages" "$(of d key-usage)" digital-signature,key-encipherment,tls-client
equal "the password is forgotten" "$(entry d challenge-password)" ''
check "no password for all" ca "$SERVER set 0 challenge-password=\"\""
otp=$(ca "$SERVER otp generate for=e.example.com" | sed "s/.*: //")
template e
refused "the one-time password of another" add_scep e challenge-password="$otp"
device '/certificate add name=e2 common-name=e.example.com key-usage=digital-signature,tls-client custody=file'
check "a one-time password" add_scep e2 challenge-password="$otp"
said 'progress: done'
equal "usages are those that were asked for" "$(of e2 key-usage)" digital-signature,tls-client
for usages in digital-signature key-agreement,tls-server; do
    device "/certificate add name=${usages%,*} common-name=${usages%,*} key-usage=$usages custody=file"
    check "a request for $usages" add_scep "${usages%,*}" challenge-password="$(ca "$SERVER otp generate" | sed "s/.*: //")"
    equal "neither more nor less" "$(of "${usages%,*}" key-usage)" "$usages"
done

# ---- renewal: a new key, the old one's signature, no password, nobody asked ----

fingerprint=$(of d fingerprint) key=$(of d skid)
check "not due" device '/certificate scep-renew'
equal "the same" "$(of d fingerprint)" "$fingerprint"
note d renew-at 1
check "due" device '/certificate scep-renew'
said 'renewed: 1'
[ "$(of d fingerprint)" != "$fingerprint" ] || die "it is the old certificate"
[ "$(of d skid)" != "$key" ] || die "it has the old key"
verifies d
ca '/log print where message~"RenewalReq"' >"$OUT"
said 'RenewalReq for "CN=d": issued'
[ "$(entry d renew-at | cut -d' ' -f1)" \> "$(date +%Y-%m-%d)" ] || die "renew-at: $(entry d renew-at)"
equal "keys: one a certificate or request" "$(sqlite3 "$T/device/signet.db" 'SELECT count(*) FROM key')" 8
note d renew-at 1
check "no refresh" device '/certificate scep set [find where certificate="d"] refresh=no'
check "is not renewed" device '/certificate scep-renew'
said 'renewed: 0'
check "but when asked for" device '/certificate scep-renew d'
check "refresh again" device '/certificate scep set [find where certificate="d"] refresh=yes'
check "revoked" ca '/certificate issued-revoke [find where name~"^d" and serial-number="'"$(of d serial-number)"'"]'
refused "a revoked one is not renewed" device '/certificate scep-renew d'
said 'badMessageCheck.*not revoked'

# ---- the server is down ----

stop "$SERVER_PID"
note e renew-at 1
note e2 renew-at 1
refused "no server" device '/certificate scep-renew e2'
said "127.0.0.1:$PORT"
equal "one failure" "$(entry e2 failures)" 1
equal "it is there still" "$(of e2 issuer)" "CN=Local CA"
check "back-off: not tried at once" device '/certificate scep-renew'
refused "asked for, it is tried" device '/certificate scep-renew e2'
equal "two failures" "$(entry e2 failures)" 2
serve "$PORT"
check "not due yet" device '/certificate scep-renew'
said 'renewed: 0'
note e2 next-try 1
check "then it is" device '/certificate scep-renew'
said 'renewed: 1'
equal "no failures" "$(entry e2 failures)" ''

# ---- wrong places ----

template f
refused "no such path" add_scep f scep-url="http://127.0.0.1:$PORT/other/"
said 'status 404.*path'
refused "an entry is there already" add_scep f
said 'has a SCEP entry already'
refused "no URL" add_scep f scep-url=file:///etc/passwd
said 'expected http'
check "a file's URL by set" device '/certificate scep set [find where certificate="f"] scep-url=file:///etc/passwd'
refused "is not read" device '/certificate scep-renew f'
said 'expected http'
refused "a signed one is no template" add_scep a
said 'signed already'
device '/certificate add name=ec common-name=ec key-size=prime256v1'
refused "no key that encrypts" add_scep ec
said 'needs an RSA key'

# ---- removal ----

count=$(device '/certificate scep print count-only')
check "a certificate goes" device '/certificate remove c'
equal "with its entry" "$(device '/certificate scep print count-only')" $((count - 1))
keys=$(sqlite3 "$T/device/signet.db" 'SELECT count(*) FROM key')
check "an entry goes" device '/certificate scep remove [find where certificate="b"]'
equal "with the key that was made for it" "$(sqlite3 "$T/device/signet.db" 'SELECT count(*) FROM key')" $((keys - 1))
equal "its template stays" "$(device '/certificate print count-only where name=b')" 1
stop "$SERVER_PID"
