#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The SCEP server as the specification has it: its command lines verbatim, and each cause of its troubleshooting named in
# the log.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
store_start
scep_ca days-valid=3650 key-size=2048

run() { # run: the lines on standard input as one console session
    signet run - >"$OUT" 2>&1 || die "exit status $?: $(<"$OUT")"
    if grep -q 'not yet' "$OUT"; then die "not yet: $(<"$OUT")"; fi
}
run <<'END'
/certificate scep-server
add ca-cert=local-ca path=/scep/
END
equal "disabled by default" "$(signet "$SCEP_MENU get 0 disabled")" yes
scep_serve
status() { curl --silent --output "$T/body" --write-out '%{http_code}' "$@"; }

# ---- the entry is disabled ----
equal "HTTP status" "$(status "$SCEP_URL?operation=GetCACaps")" 404
logged 'the entry is disabled: /certificate scep-server enable'
if grep -q disabled "$T/body"; then die "strangers are told"; fi
run <<'END'
/certificate scep-server enable 0
END
equal "enabled, at once" "$(status "$SCEP_URL?operation=GetCACaps")" 200
run <<'END'
/certificate scep-server print detail
END
said 'ca-cert="local-ca" path="/scep/"' 'request-lifetime=1h' 'days-valid=365'
run <<'END'
/log print where message~"scep"
END
said 'scep'

# ---- enrolment, days-valid ----
scep_ca_file
scep_key device
check "settings" signet "$SCEP_MENU set 0 days-valid=30 challenge-password=secret request-lifetime=10m"
scep_ask device subject=/CN=device tid=1 challenge=secret
issued "enrolment"
check "valid for 30 days" bash -c "'$REAL_OPENSSL' x509 -in '$T/device.crt' -noout -checkend $((30 * 86400 - 600)) &&
    ! '$REAL_OPENSSL' x509 -in '$T/device.crt' -noout -checkend $((30 * 86400 + 600))"
scep_key waits
scep_ask waits subject=/CN=waits tid=2
pending "by hand"
equal "request-lifetime" "$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT expires - created FROM incoming WHERE status = 'pending'")" 600
signet "$SCEP_MENU print detail" >"$OUT"
if grep -q 'challenge-password="\?secret' "$OUT"; then die "the password is shown"; fi

# ---- the path does not match ----
url=http://127.0.0.1:$SCEP_PORT
for path in / /scepter/ /scep/x /SCEP/ /scep/../other; do
    equal "HTTP status of $path" "$(status --path-as-is "$url$path?operation=GetCACaps")" 404
done
logged 'no scep-server entry has the path /scepter/'
for path in /scep /scep/ /scep/pkiclient.exe; do
    equal "HTTP status of $path" "$(status "$url$path?operation=GetCACaps")" 200
done
equal "without an operation" "$(status "$url/scep/")" 400
equal "an operation that is not known" "$(status "$url/scep/?operation=Format")" 400
equal "posted" "$(status --data x "$url/scep/?operation=GetCACert")" 405
equal "another method" "$(status -X PUT --data x "$url/scep/?operation=PKIOperation")" 501

# ---- entries that make no sense ----
refused "the path of another entry" signet "$SCEP_MENU add ca-cert=local-ca path=scep"
said 'another entry has the path /scep/'
for path in '' /crl/ ocsp /a//b 'a?b'; do
    refused "the path \"$path\"" signet "$SCEP_MENU add ca-cert=local-ca path=\"$path\""
    said 'path: expected'
done
equal "neither is there" "$(signet "$SCEP_MENU print count-only")" 1
check "a template" signet '/certificate add name=leaf common-name=leaf key-usage=tls-server'
check "for everything" signet "$SCEP_MENU add ca-cert=leaf path=/leaf/ next-ca-cert=leaf ra-cert=leaf"
said 'ca-cert=leaf is a template' 'ra-cert=leaf is a template' 'next-ca-cert is ca-cert itself'
check "signed" signet '/certificate sign leaf ca=local-ca'
check "it is no CA" signet "$SCEP_MENU set 1 days-valid=9"
said 'next-ca-cert=leaf is no CA'
if grep -q ra-cert "$OUT"; then die "what is wrong with the RA? $(<"$OUT")"; fi
check "removed" signet "$SCEP_MENU remove 1"

# ---- ca-cert without a private key ----
plain_openssl x509 -in "$T/ca.pem" -out "$FILES/other.crt"
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -days 9 -keyout "$T/other.key" -out "$FILES/other.crt" 2>/dev/null
check "another CA" signet '/certificate import file-name=other.crt name=other'
check "in use" signet "$SCEP_MENU set 0 ca-cert=other"
equal "HTTP status" "$(status "$SCEP_URL?operation=GetCACert")" 404
logged 'ca-cert has no private key here \(flag K\)'
check "in use" signet "$SCEP_MENU set 0 ca-cert=local-ca"
equal "HTTP status" "$(status "$SCEP_URL?operation=GetCACert")" 200
check "two entries" signet "$SCEP_MENU add ca-cert=local-ca path=second days-valid=7 disabled=no"
equal "the second" "$(status "$url/second/?operation=GetCACaps")" 200
check "removed" signet "$SCEP_MENU remove 1"
equal "not any more" "$(status "$url/second/?operation=GetCACaps")" 404

# ---- the service is off ----
mode() { sqlite3 "$SIGNET_HOME/signet.db" 'PRAGMA journal_mode'; }
equal "the journal while it runs" "$(mode)" wal
equal "of the same mode as the database" "$(stat -c %a "$SIGNET_HOME"/signet.db-{wal,shm} | sort -u)" 600
scep_end
equal "the journal after it" "$(mode)" delete
equal "nothing is left beside the database" "$(find "$SIGNET_HOME" -name 'signet.db-*')" ''
if curl --silent --max-time 5 "$SCEP_URL?operation=GetCACaps"; then die "somebody answers"; fi
echo "ok: nobody answers"
