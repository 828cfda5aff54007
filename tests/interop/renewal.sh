#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# signetd renews by itself what a CA here has issued, what came by ACME and by SCEP, and CRLs, its own and those that are
# downloaded: when the time has come, once, with what services are given after it; after failures it waits, and a
# service keeps what it has. A process that is killed and a CA that is away are no matter.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../pebble.sh"
source "$(dirname "$0")/../scep_client.sh"
store_start
start() {
    spawn signetd "$BUILD/tools/signetd/signetd"
    SIGNETD=$SPAWNED
}
stop_it() {
    kill "$SIGNETD"
    check "signetd ends with status 0" wait "$SIGNETD"
}
children() { pgrep -P "$SIGNETD" | wc -l; }
said_in_log() { signet '/log print' | grep -qE -- "$1"; }
until_logged() { wait_until "in the log: $1" said_in_log "$1"; }
changed() { [ "$(get "$1" fingerprint)" != "$2" ]; }
until_changed() {
    wait_until "$1 is renewed" changed "$1" "$2"
    echo "ok: $1 is renewed"
}
entry_of() { signet "/certificate renewal get [find where certificate=$1] $2"; }
# keep NAME SETTING VALUE: changes what only signet writes, as if time had passed.
keep() {
    sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" "INSERT OR REPLACE INTO setting SELECT menu, '$2', '$3', NULL FROM setting s, certificate c
        WHERE s.name = 'certificate' AND s.certificate = c.id AND c.name = '$1' AND s.menu LIKE '/certificate/%'"
}
live=$SIGNET_HOME/live

# ---- a certificate of a CA here ----
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign custody=file; /certificate sign ca ca-crl-host=127.0.0.1'
refused "a CA is not renewed" signet '/certificate set ca renew=yes'
said 'ca is a CA'
refused "a life that is none" signet '/certificate add name=x common-name=x; /certificate sign x ca=ca valid-for=1s'
check "a template that is to be renewed" signet '/certificate add name=www common-name=www.example.com subject-alt-name=DNS:www.example.com key-usage=digital-signature,tls-server custody=file key-size=prime256v1 renew=yes reuse-key=no'
check "nothing is due of it" signet renew
check "signed for 15 seconds" signet '/certificate sign www ca=ca valid-for=15s'
id_of() { sqlite3 "$SIGNET_HOME/signet.db" "SELECT id FROM certificate WHERE name = '$1'"; }
id=$(id_of www)
equal "as it says" "$(get www renew) $(get www reuse-key)" 'yes no'
cat >"$T/hook" <<END
#!/bin/sh
echo "\$*|\$GREETING|\$LD_PRELOAD" >>"$T/calls"
[ ! -e "$T/fail" ] || { echo "out of order"; exit 3; }
echo "the service has it"
END
chmod 755 "$T/hook"
refused "a hook without its path" signet '/certificate set www deploy-hook=hook'
check "files and a hook" signet "/certificate set www live=yes deploy-hook=$T/hook deploy-arguments=\"-v two\\\\ words\" deploy-environment=\"GREETING=hello\" deploy-timeout=20"
first=$(get www fingerprint)
key=$(openssl x509 -in <(sqlite3 "$SIGNET_HOME/signet.db" "SELECT hex(der) FROM certificate WHERE name = 'www'" | xxd -r -p) -inform der -noout -pubkey)
start
wait_until "its files" test -e "$live/www/fullchain.pem"
until_changed www "$first"
served() { [ "$(plain_openssl x509 -in "$live/www/fullchain.pem" -noout -fingerprint -sha256 | tr -d ': \n' | tail -c 64 | tr A-F a-f)" = "$(get www fingerprint)" ]; }
wait_until "its files are new" served
equal "the same item" "$(id_of www)" "$id"
plain_openssl x509 -in "$live/www/fullchain.pem" -noout -pubkey >"$T/public"
[ "$(<"$T/public")" != "$key" ] || die "the key is the old one"
equal "the certificate is the key's" "$(openssl pkey -in "$live/www/key.pem" -pubout)" "$(<"$T/public")"
equal "names" "$(plain_openssl x509 -in "$live/www/fullchain.pem" -noout -subject -ext subjectAltName | tail -n 1 | tr -d ' ')" 'DNS:www.example.com'
equal "a life as long as the first" "$(($(date -d "$(get www invalid-after)" +%s) - $(date -d "$(get www invalid-before)" +%s)))" 15
wait_until "the hook was called" grep -q '^-v two words deploy www ' "$T/calls"
equal "how the hook is called" "$(tail -n 1 "$T/calls")" "-v two words deploy www $live/www|hello|"
until_logged 'www: .*hook says: the service has it'
wait_until "nothing is kept of the old one" eval '[ "$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT count(*) FROM previous")" = 0 ]'
equal "and no key" "$(sqlite3 "$SIGNET_HOME/signet.db" 'SELECT count(*) FROM key')" 2
tls_port=$(free_port)
check "www-ssl shows it" signet "/ip service set www-ssl certificate=www port=$tls_port address=127.0.0.0/8 disabled=no"
wait_port "$tls_port" www-ssl
second=$(get www fingerprint)
until_changed www "$second"
shown() {
    plain_openssl s_client -connect "127.0.0.1:$tls_port" </dev/null 2>/dev/null | plain_openssl x509 -noout -fingerprint -sha256 |
        sed 's/.*=//; s/://g' | tr A-F a-f
}
is_shown() { [ "$(shown)" = "$(get www fingerprint)" ]; }
wait_until "www-ssl shows the new one" is_shown
echo "ok: www-ssl shows the new one"
check "www-ssl off" signet '/ip service disable www-ssl'

# ---- a service that is out of order keeps what it is told ----
touch "$T/fail"
now=$(get www fingerprint)
until_changed www "$now"
until_logged 'certificate,error.*www: deploy-hook .*exit status 3: out of order'
equal "it is not tried all the time" "$([ "$(entry_of www deploy-failures)" -le 3 ] && echo few)" few
rm "$T/fail"
check "said that it is in order" signet "/certificate set www deploy-hook=$T/hook"
wait_until "it is given" eval '[ -z "$(entry_of www deploy-pending)" ]'
check "once more what may not be given" signet '/certificate set www deploy-environment="LD_PRELOAD=/tmp/x.so"'
until_logged 'LD_PRELOAD=/tmp/x.so may not be given'
check "and no more of it" signet '/certificate set www renew=no live=no deploy-hook="" deploy-environment="" deploy-arguments=""'
wait_until "its files are gone" eval '[ ! -e "$live/www" ]'

# ---- a CA that can't sign: back-off, and the certificate stays ----
check "a certificate" signet '/certificate add name=stays common-name=stays key-usage=tls-server custody=file key-size=prime256v1 renew=yes; /certificate sign stays ca=ca valid-for=1h'
now=$(get stays fingerprint)
saved=$(sqlite3 "$SIGNET_HOME/signet.db" "SELECT pem FROM key WHERE id = (SELECT key FROM certificate WHERE name = 'ca')")
sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" "UPDATE key SET pem = 'nonsense' WHERE id = (SELECT key FROM certificate WHERE name = 'ca');
    UPDATE certificate SET not_before = not_before - 3000, not_after = not_after - 3000 WHERE name = 'stays'"
until_logged 'certificate,error.*stays is not renewed'
equal "it stays" "$(get stays fingerprint)" "$now"
equal "the first failure" "$(entry_of stays failures)" 1
sleep 2
equal "no other try so soon" "$(entry_of stays failures) $(children)" '1 0'
sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" "UPDATE key SET pem = '$saved' WHERE id = (SELECT key FROM certificate WHERE name = 'ca')"
keep stays next-try 0
until_changed stays "$now"
wait_until "all is well" eval '[ -z "$(entry_of stays failures)$(entry_of stays last-error)" ]'

# ---- the process that works is killed ----
cat >"$T/slow" <<END
#!/bin/sh
echo \$\$ >"$T/working"
exec sleep 300
END
chmod 755 "$T/slow"
check "a hook that takes its time" signet "/certificate set stays live=yes deploy-hook=$T/slow"
wait_until "it works" test -s "$T/working"
equal "one process" "$(children)" 1
refused "another does not work at the same time" signet renew
said 'another signet is working'
kill -9 "$(pgrep -P "$SIGNETD")"
until_logged 'system,error.*renewal was ended by signal 9'
kill -9 "$(<"$T/working")"
check "a hook that does not" signet "/certificate set stays deploy-hook=$T/hook"
wait_until "it is given after all" eval '[ -z "$(entry_of stays deploy-pending)" ]'

# ---- CRLs ----
check "a CRL" signet '/certificate crl generate ca=ca'
number() { sqlite3 "$SIGNET_HOME/signet.db" 'SELECT number FROM crl WHERE ca IS NOT NULL'; }
before=$(number)
sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" 'UPDATE crl SET this_update = this_update - 1000000, next_update = next_update - 1000000 WHERE ca IS NOT NULL'
wait_until "it is signed anew" eval '[ "$(number)" != "$before" ]'
echo "ok: an old CRL is signed anew"
mkdir "$T/other" "$T/served"
SIGNET_HOME=$T/other signet '/certificate add name=other common-name=Other key-usage=key-cert-sign,crl-sign custody=file; /certificate sign other ca-crl-host=x' >"$OUT"
sqlite3 "$T/other/signet.db" "SELECT hex(der) FROM crl" | xxd -r -p >"$T/served/other.crl"
crl_port=$(free_port)
spawn files python3 -m http.server "$crl_port" --bind 127.0.0.1 --directory "$T/served"
wait_port "$crl_port" "the other CA's server"
check "a CRL of others" signet "/certificate crl add url=http://127.0.0.1:$crl_port/other.crl"
downloaded() { grep -c 'GET /other.crl' "$T/files.log" || :; }
sleep 1
equal "nobody wants it" "$(downloaded)" 0
check "crl-download" signet '/certificate settings set crl-download=yes'
until_logged 'CRL downloaded'
sleep 1
equal "downloaded once" "$(downloaded)" 1
sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" 'UPDATE crl SET next_update = 1000 WHERE ca IS NULL'
wait_until "again, now that it is old" eval '[ "$(downloaded)" = 2 ]'
sleep 1
equal "it is no newer: not asked for all the time" "$(downloaded)" 2
stop "$SPAWNED"
sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" "DELETE FROM setting WHERE menu LIKE '/certificate/crl*%';
    UPDATE crl SET next_update = 1000 WHERE ca IS NULL"
until_logged "crl,error.*127.0.0.1:$crl_port"
check "no more of it" signet '/certificate settings set crl-download=no'

# ---- warnings ----
check "one that nothing renews" signet '/certificate add name=ends common-name=ends key-usage=tls-server custody=file key-size=prime256v1; /certificate sign ends ca=ca valid-for=12s'
until_logged 'certificate,warning.*certificate ends expires in .* seconds, and nothing renews it'
until_logged 'certificate,warning.*certificate ends has expired'
equal "how often" "$([ "$(signet '/log print' | grep -c 'certificate ends e')" -le 5 ] && echo few)" few
stop_it

# ---- ACME ----
LIFETIME=30 pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
check "www, for http-01" signet "/ip service set www port=$HTTP_PORT disabled=no"
start
wait_port "$HTTP_PORT" signetd
check "a certificate by ACME" signet "/certificate add-acme name=acme domain-names=acme.example.com directory-url=$DIRECTORY key-size=prime256v1 custody=file live=yes deploy-hook=$T/hook"
now=$(get acme fingerprint)
until_changed acme "$now"
wait_until "its service knows" eval '[ "$(grep -c "deploy acme" "$T/calls")" -ge 2 ]'
equal "one order for each" "$(pebble_orders)" "$(pebble_issued)"
refused "its CA is not here" signet '/certificate set acme renew=yes'
said 'is renewed by ACME'
stop "$PEBBLE_PID"
until_logged 'acme,error.*certificate acme'
now=$(get acme fingerprint)
sleep 2
equal "the CA is away: it stays" "$(get acme fingerprint)" "$now"
equal "and is not asked all the time" "$([ "$(signet '/log print' | grep -c 'acme,error')" -le 2 ] && echo few)" few
check "no more of it" signet '/certificate acme remove [find]'
stop_it

# ---- SCEP ----
export SIGNET_TCTI=none
ca_start challenge-password=secret
serve
template device
check "a certificate by SCEP" add_scep device challenge-password=secret
verifies device
export SIGNET_HOME=$T/device
start
now=$(of device fingerprint)
note device renew-at 1
until_changed device "$now"
verifies device
template waits
check "a request that waits" add_scep waits
equal "its state" "$(entry waits scep-status)" pending
check "granted" ca "$SERVER requests grant [find where status=pending]"
note waits next-try 1
wait_until "signetd has asked for it" eval '[ "$(entry waits scep-status)" = issued ]'
verifies waits
stop "$SERVER_PID"
now=$(of device fingerprint)
note device renew-at 1
wait_until "the CA is away" eval '[ "$(entry device failures)" = 1 ]'
equal "it stays" "$(of device fingerprint)" "$now"
equal "what is kept of old ones" "$(sqlite3 "$SIGNET_HOME/signet.db" 'SELECT count(*) FROM previous')" 0
stop_it
