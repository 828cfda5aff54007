#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The SCEP client with an intermediate CA, with an RA, and when a CA is followed by another.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep_client.sh"
export SIGNET_TCTI=none
ca_start challenge-password=secret
serve

# ---- an intermediate CA ----

check "a CA below" ca '/certificate add name=sub common-name=Sub key-usage=key-cert-sign,crl-sign custody=file;
    /certificate sign sub ca=local-ca'
check "its SCEP entry" ca "$SERVER add ca-cert=sub path=/sub/ disabled=no challenge-password=secret"
sub=$(ca '/certificate get sub fingerprint')
template a
refused "the root's fingerprint is not the issuing CA's" add_scep a "scep-url=http://127.0.0.1:$PORT/sub/" challenge-password=secret
said "fingerprint is $sub, and ca-fingerprint is another"
check "that of the CA that issues" device "/certificate scep set 0 ca-fingerprint=$sub"
check "enrolled" device '/certificate scep-renew a'
equal "its issuer" "$(of a issuer)" CN=Sub
equal "the chain came with it" "$(device '/certificate print as-value proplist=common-name,issuer')" \
    "$(device '/certificate print as-value proplist=common-name,issuer where common-name~"^(a|Sub|Local CA)$"')"
equal "three in all" "$(device '/certificate print count-only')" 3
equal "the root is not trusted for that" "$(device '/certificate print count-only where trusted')" 0
device '/certificate export-certificate Sub file-name=Sub; /certificate export-certificate Local-CA file-name=root;
    /certificate export-certificate a file-name=a' >"$OUT"
check "it verifies" plain_openssl verify -CAfile "$T/device/files/root.crt" -untrusted "$T/device/files/Sub.crt" "$T/device/files/a.crt"

# ---- an RA ----

check "an RA" ca '/certificate add name=ra common-name=RA key-usage=digital-signature,key-encipherment custody=file;
    /certificate sign ra ca=local-ca'
check "answers" ca "$SERVER set 0 ra-cert=ra"
ra=$(ca '/certificate get ra fingerprint')
template b
refused "anybody with a certificate of the CA could be that" add_scep b challenge-password=secret
said "RA answers for the CA.*fingerprint is $ra" 'ra-fingerprint='
ca '/log print where message~"PKCSReq"' >"$OUT"
if grep -q 'CN=b' "$OUT"; then die "a request was sent"; fi
check "another fingerprint" device "/certificate scep set [find where certificate=\"b\"] ra-fingerprint=$sub"
refused "is not the RA's" device '/certificate scep-renew b'
said 'ra-fingerprint is another'
check "the RA's" device "/certificate scep set [find where certificate=\"b\"] ra-fingerprint=$ra"
check "enrolled through it" device '/certificate scep-renew b'
verifies b
equal "the RA's certificate is not in the store" "$(device '/certificate print count-only where common-name=RA')" 0
check "renewed through it" device '/certificate scep-renew b'
verifies b
check "with the fingerprint at once" add_scep "$(template c >&2 && echo c)" challenge-password=secret ra-fingerprint="$ra"
check "no RA any more" ca "$SERVER set 0 ra-cert=none"

# ---- the CA's successor ----

template d
check "before there is one" add_scep d challenge-password=secret
equal "none is known" "$(entry d next-ca-fingerprint)" ''
template h
check "one that is not renewed in time" add_scep h challenge-password=secret
check "the next CA" ca '/certificate add name=next-ca common-name="Next CA" key-usage=key-cert-sign,crl-sign custody=file;
    /certificate sign next-ca'
next=$(ca '/certificate get next-ca fingerprint')
check "is told of" ca "$SERVER set 0 next-ca-cert=next-ca"
check "renewed by the CA that is" device '/certificate scep-renew d'
equal "its issuer" "$(of d issuer)" 'CN=Local CA'
equal "the next one is known" "$(entry d next-ca-fingerprint)" "$next"
equal "and in the store" "$(device '/certificate get Next-CA fingerprint')" "$next"
for name in e f g; do
    template $name
    check "another, $name" add_scep $name challenge-password=secret
    check "is told of it, too" device "/certificate scep-renew $name"
    equal "it knows" "$(entry $name next-ca-fingerprint)" "$next"
done
check "not asked yet: once a day" device '/certificate scep-renew'
equal "not told" "$(entry h next-ca-fingerprint)" ''
note h next-look 1
check "a day later" device '/certificate scep-renew'
said 'renewed: 0'
equal "it knows" "$(entry h next-ca-fingerprint)" "$next"
equal "asked again tomorrow" "$(sqlite3 "$T/device/signet.db" "SELECT count(*) FROM setting WHERE name = 'next-look' AND value = '1'")" 0
check "the CA changes" ca "$SERVER set 0 ca-cert=next-ca next-ca-cert=none challenge-password=secret"
refused "whoever was not told of it" device '/certificate scep-renew b'
said "fingerprint is $next, and ca-fingerprint is another"
check "a password for the new one" device '/certificate scep set [find where certificate="d"] challenge-password=secret'
device '/certificate scep-renew d' >"$OUT" 2>&1 || cat "$OUT"
equal "its issuer now" "$(of d issuer)" 'CN=Next CA'
equal "pinned" "$(entry d ca-fingerprint)" "$next"
equal "and no longer the next" "$(entry d next-ca-fingerprint)" ''
check "renewed by it" device '/certificate scep-renew d'

# ---- what the CA before it has issued ----

check "nobody is authorised by the CA before, unless the entry says so" device '/certificate scep-renew e'
said 'signed with a certificate of this CA' 'progress: pending'
equal "it has its old certificate" "$(of e issuer)" 'CN=Local CA'
check "the entry says so" ca "$SERVER set 0 previous-ca-cert=local-ca"
check "renewed by the next one, without a password" device '/certificate scep-renew f'
said 'progress: done'
equal "its issuer now" "$(of f issuer)" 'CN=Next CA'
equal "pinned" "$(entry f ca-fingerprint)" "$next"
ca '/log print where message~"RenewalReq"' >"$OUT"
said 'RenewalReq for "CN=f": issued'
check "there is one more CA to come" ca "$SERVER set 0 next-ca-cert=local-ca"
note h next-look 1
check "another day later" device '/certificate scep-renew'
equal "it still knows the next one" "$(entry h next-ca-fingerprint)" "$next"
check "renewed by it" device '/certificate scep-renew h'
equal "its issuer now" "$(of h issuer)" 'CN=Next CA'
check "one of the CA before is revoked" ca "/certificate issued-revoke [find where serial-number=\"$(of g serial-number)\"]"
check "and has to wait" device '/certificate scep-renew g'
said 'not revoked' 'progress: pending'
equal "nothing was issued to it" "$(ca '/certificate print count-only where issuer="CN=Next CA" and common-name=g')" 0
stop "$SERVER_PID"
