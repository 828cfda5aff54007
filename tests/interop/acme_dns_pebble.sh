#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificates by dns-01 from a CA that looks into a real name server (BIND), where hooks publish records by dynamic
# updates: names and wildcards, an alias in another zone, a file in acme.sh's convention, and hooks that fail. Everything
# about hooks themselves is in acme_dns01.sh.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"

# ---- the name server ----
# It is the zones' server, and the CA's resolver, too, which follows a CNAME from one zone to another. With a root of its
# own it asks nobody else.
port=$(free_port)
export KEY_FILE=$T/tsig.key DNS_PORT=$port
printf 'key "updates" { algorithm hmac-sha256; secret "%s"; };\n' "$(head -c 32 /dev/urandom | base64)" >"$KEY_FILE"
mkdir "$T/named"
cat >"$T/named/named.conf" <<END
include "$KEY_FILE";
options {
    directory "$T/named"; pid-file none; session-keyfile none; listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
    recursion yes; dnssec-validation no; notify no; empty-zones-enable no;
};
controls { };
zone . { type primary; file "root.zone"; };
zone example.test { type primary; file "example.zone"; allow-update { key updates; }; allow-transfer { 127.0.0.1; }; };
zone static.test { type primary; file "static.zone"; };
END
zone() {
    printf '%s\n' '$TTL 1' "@ SOA ns1.example.test. root.example.test. 1 2 2 3600 1" '@ NS ns1.example.test.' "$@"
}
zone 'ns1 A 127.0.0.1' 'www A 192.0.2.1' >"$T/named/example.zone"
zone '_acme-challenge CNAME _acme-challenge.dyn.example.test.' '_acme-challenge.www CNAME _acme-challenge.dyn.example.test.' \
    >"$T/named/static.zone"
zone >"$T/named/root.zone"
spawn named named -g -c "$T/named/named.conf" -n 1
wait_port "$port" "the name server"
# left: the TXT records of the zone, which had none.
left() {
    dig +noall +answer +time=1 +tries=1 -p "$port" @127.0.0.1 example.test AXFR >"$T/zone"
    grep -q SOA "$T/zone" || die "the zone is not shown"
    grep TXT "$T/zone" || :
}

# ---- hooks ----
cat >"$T/own" <<'END'
#!/bin/bash
case $1 in
begin) action=add ;;
done | failed) action=delete ;;
*) exit 2 ;;
esac
echo "$1 $3" >>"$0.calls"
nsupdate -k "$KEY_FILE" <<<"server 127.0.0.1 $DNS_PORT
update $action _acme-challenge.$3. 1 IN TXT $5
send"
END
# The value is another than the CA wants.
sed 's/TXT \$5/TXT wrong-$5/' "$T/own" >"$T/wrong"
cat >"$T/dns_test.sh" <<'END'
#!/usr/bin/env sh
dns_test_add() {
  TEST_Key="${TEST_Key:-$(_readaccountconf_mutable TEST_Key)}"
  [ "$TEST_Key" ] || { _err "TEST_Key is not set"; return 1; }
  _saveaccountconf_mutable TEST_Key "$TEST_Key"
  _info "Adding record"
  printf "server 127.0.0.1 %s\nupdate add %s. 1 IN TXT %s\nsend\n" "$DNS_PORT" "$1" "$2" | nsupdate -k "$TEST_Key"
}
dns_test_rm() {
  TEST_Key="$(_readaccountconf_mutable TEST_Key)"
  printf "server 127.0.0.1 %s\nupdate delete %s. IN TXT %s\nsend\n" "$DNS_PORT" "$1" "$2" | nsupdate -k "$TEST_Key"
}
END
chmod 755 "$T/own" "$T/wrong" "$T/dns_test.sh"

# ---- certificates ----
"$T/own" begin dns-01 try.example.test token value
equal "a record is seen" "$(left | grep -c value)" 1
"$T/own" done dns-01 try.example.test token value
rm "$T/own.calls"
store_start
DNS_SERVER=127.0.0.1:$port pebble_start PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0
pebble_trust

# add NAME DOMAIN-NAMES [SETTING...]
add() {
    local name=$1 names=$2
    shift 2
    signet "/certificate add-acme name=$name domain-names=\"$names\" directory-url=$DIRECTORY key-size=prime256v1 challenge=dns-01 dns-servers=127.0.0.1:$port $*"
}
sans() { get "$1" subject-alt-name | tr , '\n' | sort | paste -sd,; }

check "a wildcard and its name" add wildcard '*.example.test,example.test' hook="$T/own"
equal "its names" "$(sans wildcard)" 'DNS:*.example.test,DNS:example.test'
equal "the hook was called for each" "$(sort "$T/own.calls" | uniq -c | sed 's/^ *//' | paste -sd,)" '2 begin example.test,2 done example.test'
equal "records that are left" "$(left)" ''
check "export" signet '/certificate export-certificate wildcard'
check "OpenSSL finds a host" bash -c "'$REAL_OPENSSL' x509 -in '$FILES/cert_export_wildcard.crt' -noout -checkhost any.example.test | grep 'does match'"
first=$(get wildcard fingerprint)
check "renewal" signet '/certificate acme-renew wildcard'
[ "$(get wildcard fingerprint)" != "$first" ] || die "it is the same certificate"

: >"$T/own.calls"
check "an alias in another zone" add alias '*.static.test,www.static.test' hook="$T/own" dns-alias=_acme-challenge.dyn.example.test
equal "its names" "$(sans alias)" 'DNS:*.static.test,DNS:www.static.test'
equal "the hook writes at the alias" "$(sort -u "$T/own.calls" | paste -sd,)" 'begin dyn.example.test,done dyn.example.test'
equal "records that are left" "$(left)" ''

export SIGNET_DNSAPI_HOME=$T/dnsapi
refused "a file of acme.sh's kind without its settings" add acme-sh www.example.test hook="$T/dns_test.sh" hook-kind=acme-sh
said 'TEST_Key is not set'
TEST_Key=$KEY_FILE check "with them" signet '/certificate acme-renew acme-sh'
equal "its names" "$(sans acme-sh)" DNS:www.example.test
check "renewal with what it kept" signet '/certificate acme-renew acme-sh'
equal "records that are left" "$(left)" ''

# ---- what fails ----
issued=$(pebble_issued)
refused "no hook" add none none.example.test
said 'needs hook='
refused "a record with another value" add wrong wrong.example.test hook="$T/wrong" dns-wait=2
said '_acme-challenge\.wrong\.example\.test is not visible after 2 seconds'
equal "its hook was told" "$(tail -n 1 "$T/wrong.calls")" 'failed wrong.example.test'
equal "records that are left" "$(left)" ''
equal "certificates since" "$(pebble_issued)" "$issued"
