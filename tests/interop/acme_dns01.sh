#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dns-01 with a real name server (BIND) and a secondary (Knot DNS) that is always a little late: hooks of each kind publish
# records by dynamic updates, and the solver waits until both servers show them.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

port=$(free_port)
servers=127.0.0.1:$port,127.0.0.2:$port
secret=$(head -c 32 /dev/urandom | base64)
export KEY_FILE=$T/tsig.key PORT=$port
printf 'key "updates" { algorithm hmac-sha256; secret "%s"; };\n' "$secret" >"$KEY_FILE"

# ---- the servers ----

mkdir "$T/primary" "$T/secondary"
cat >"$T/primary/named.conf" <<END
include "$KEY_FILE";
options {
    directory "$T/primary"; pid-file none; session-keyfile none; listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; };
    recursion no; dnssec-validation no; notify no; empty-zones-enable no;
};
controls { };
zone example.test { type primary; file "example.zone"; allow-update { key updates; }; allow-transfer { 127.0.0.1; }; };
zone static.test { type primary; file "static.zone"; };
END
# Nobody tells the secondary of changes: it looks every two seconds. BIND would not listen on 127.0.0.2.
cat >"$T/secondary/knot.conf" <<END
server:
    listen: 127.0.0.2@$port
    rundir: $T/secondary
    pidfile: $T/secondary/pid
database:
    storage: $T/secondary
log:
  - target: stderr
    any: info
remote:
  - id: primary
    address: 127.0.0.1@$port
zone:
  - domain: example.test
    storage: $T/secondary
    master: primary
    refresh-min-interval: 2
    refresh-max-interval: 2
END
zone() {
    printf '%s\n' '$TTL 1' "@ SOA ns1.example.test. root.example.test. 1 2 2 3600 1" '@ NS ns1.example.test.' "$@"
}
zone '@ NS ns2.example.test.' 'ns1 A 127.0.0.1' 'ns2 A 127.0.0.2' 'www A 192.0.2.1' >"$T/primary/example.zone"
zone '_acme-challenge.www CNAME _acme-challenge.dyn.example.test.' \
    '_acme-challenge.far CNAME one.static.test.' 'one CNAME _acme-challenge.dyn.example.test.' \
    '_acme-challenge.wrong CNAME elsewhere.example.test.' 'www A 192.0.2.1' >"$T/primary/static.zone"
spawn primary named -g -c "$T/primary/named.conf" -n 1
wait_port "$port" "the primary server"
spawn secondary knotd -c "$T/secondary/knot.conf"
secondary=$SPAWNED

# shown ADDRESS NAME: the TXT records there, sorted, in one line.
shown() { dig +short +norecurse +time=1 +tries=1 -p "$port" "@$1" "$2" TXT | sort | tr -d '"' | paste -s -d' '; }
secondary_answers() { dig +noall +answer +time=1 +tries=1 -p "$port" @127.0.0.2 example.test SOA | grep -q SOA; }
wait_until "the secondary server" secondary_answers

values='-oqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX_ LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0'
first=${values#* }
export values first

solver() { (cd "$T" && "$PROGRAMS/acme_solver" "$@"); }
gone() {
    equal "$1: the records are gone" "$(shown 127.0.0.1 "$2")" ''
    # The same values come again with the next hook: those of this one must not be taken for them.
    wait_until "$1: gone at the secondary, too" eval "[ -z \"\$(shown 127.0.0.2 $2)\" ]"
}
hook() {
    cat >"$T/$1"
    chmod 755 "$T/$1"
}

# both NAME VALUES: what is run when the records are said to be visible.
hook both <<END
#!/bin/bash
port=$port
$(declare -f shown)
[ "\$(shown 127.0.0.1 "\$1")" = "\$2" ] && [ "\$(shown 127.0.0.2 "\$1")" = "\$2" ]
END

# ---- hooks of each kind ----

hook own <<'END'
#!/bin/bash
case $1 in
begin) action=add ;;
done | failed) action=delete ;;
*) exit 2 ;;
esac
echo "$@" >>"$0.calls"
nsupdate -k "$KEY_FILE" <<<"server 127.0.0.1 $PORT
update $action _acme-challenge.$3. 1 IN TXT $5
send"
END
check "a hook of Signet's convention" solver "$servers" signet "$T/own" www.example.test './both _acme-challenge.www.example.test "$values"'
said 'waiting for _acme-challenge.www.example.test at the 2 servers of example.test'
gone "a hook of Signet's convention" _acme-challenge.www.example.test
equal "it was told that all is done" "$(tail -n 1 "$T/own.calls")" "done dns-01 www.example.test token-1 $first"

hook lego <<'END'
#!/bin/bash
case $1 in present) action=add ;; cleanup) action=delete ;; *) exit 2 ;; esac
nsupdate -k "$KEY_FILE" <<<"server 127.0.0.1 $PORT
update $action $2 1 IN TXT $3
send"
END
check "a hook for lego's exec provider" solver "$servers" lego "$T/lego" www.example.test './both _acme-challenge.www.example.test "$values"'
gone "a hook for lego's exec provider" _acme-challenge.www.example.test

# In acme.sh's convention, with what its files use of acme.sh: settings that are kept, digests, text.
hook dns_signet_test.sh <<'END'
#!/usr/bin/env sh
dns_signet_test_add() {
  fulldomain=$1
  txtvalue=$2
  TEST_Key="${TEST_Key:-$(_readaccountconf_mutable TEST_Key)}"
  if [ -z "$TEST_Key" ]; then
    _err "TEST_Key is not set"
    return 1
  fi
  _saveaccountconf_mutable TEST_Key "$TEST_Key"
  _debug fulldomain "$fulldomain"
  _signet_test_update add
}
dns_signet_test_rm() {
  fulldomain=$1
  txtvalue=$2
  TEST_Key="$(_readaccountconf_mutable TEST_Key)"
  _signet_test_update delete
}
_signet_test_update() {
  [ "$(printf "%s" abc | _digest sha256 hex | cut -c 1-8)" = ba7816bf ] || return 1
  [ "$(printf "%s" abc | _hmac sha1 "$(printf "%s" key | _hex_dump | tr -d " ")" hex)" = 4fd0b215276ef12f2b3e4c8ecac2811498b656fc ] || return 1
  [ "$(_math 2 + 3)" = 5 ] && _contains "$fulldomain" "acme-challenge" && ! _endswith "$fulldomain" "com" || return 1
  [ "$(printf "%s" "a b&" | _url_encode)" = "a%20b%26" ] || return 1
  response="$(_get "http://127.0.0.1:1/" "" 1)" && return 1
  _info "$1 $fulldomain"
  printf "server 127.0.0.1 %s\nupdate %s %s. 1 IN TXT %s\nsend\n" "$PORT" "$1" "$fulldomain" "$txtvalue" | nsupdate -k "$TEST_Key"
}
END
export SIGNET_DNSAPI_HOME=$T/dnsapi
refused "a dnsapi file without its settings" solver "$servers" acme-sh "$T/dns_signet_test.sh" www.example.test true
said 'hook .*/dnsapi.bash add: exit status 1: .*TEST_Key is not set'
TEST_Key=$KEY_FILE check "a dnsapi file of acme.sh's" solver "$servers" acme-sh "$T/dns_signet_test.sh" www.example.test './both _acme-challenge.www.example.test "$values"'
gone "a dnsapi file of acme.sh's" _acme-challenge.www.example.test
check "a dnsapi file with the settings that it kept" solver "$servers" acme-sh "$T/dns_signet_test.sh" www.example.test true
equal "they are the user's alone" "$(stat -c %a "$T/dnsapi" "$T/dnsapi/account.conf" | paste -s)" $'700\t600'

# uacme's own hook asks the system's resolver, and servers at port 53: here, both are this one.
mkdir "$T/uacme"
hook uacme/dig <<END
#!/bin/bash
arguments=(@127.0.0.1)
for argument; do
    case \$argument in
    @ns1*) arguments+=(@127.0.0.1) ;;
    @ns2*) arguments+=(@127.0.0.2) ;;
    *) arguments+=("\$argument") ;;
    esac
done
exec $(command -v dig) -p $port "\${arguments[@]}"
END
hook uacme/nsupdate <<END
#!/bin/bash
sed -E 's/^[[:blank:]]*server .*/server 127.0.0.1 $port/' | $(command -v nsupdate) -k $KEY_FILE "\$@"
END
PATH=$T/uacme:$PATH check "uacme's hook" solver -1 "$servers" signet /usr/share/uacme/nsupdate.sh www.example.test './both _acme-challenge.www.example.test "$first"'
gone "uacme's hook" _acme-challenge.www.example.test

# A hook for dehydrated, which has no option for the port either.
cat >"$T/dehydrated-hook-ddns-tsig.conf" <<END
[DEFAULT]
name_server_ip = 127.0.0.1
key_name = updates
key_secret = $secret
key_algorithm = hmac-sha256
TTL = 1
wait = 10
END
mkdir "$T/python"
cat >"$T/python/sitecustomize.py" <<END
import dns.query, dns.resolver
udp, reset = dns.query.udp, dns.resolver.BaseResolver.reset
dns.query.udp = lambda q, where, *a, **k: udp(q, where, *a, **{"port": $port, **k})
def at_port(self):
    reset(self)
    self.port, self.nameservers = $port, ["127.0.0.1"]
dns.resolver.BaseResolver.reset = at_port
dns.resolver.default_resolver = dns.resolver.Resolver(configure=False)
END
# Of whatever Pythons there are, it is Debian's that has its modules.
PATH=/usr/bin:$PATH PYTHONPATH=$T/python check "a hook for dehydrated" solver -1 "$servers" dehydrated /usr/share/dehydrated-hook-ddns-tsig/dehydrated-hook-ddns-tsig.py www.example.test './both _acme-challenge.www.example.test "$first"'
gone "a hook for dehydrated" _acme-challenge.www.example.test

# ---- aliases ----

check "a CNAME to another zone" solver -a _acme-challenge.dyn.example.test "$servers" signet "$T/own" www.static.test \
    './both _acme-challenge.dyn.example.test "$values"'
equal "the hook writes at the alias" "$(tail -n 1 "$T/own.calls")" "done dns-01 dyn.example.test token-1 $first"
check "two CNAMEs" solver -a _acme-challenge.dyn.example.test. "$servers" lego "$T/lego" far.static.test true
: >"$T/own.calls"
refused "an alias without its CNAME" solver -a _acme-challenge.dyn.example.test "$servers" signet "$T/own" none.static.test true
said '_acme-challenge.none.static.test is no CNAME: it must be one of _acme-challenge.dyn.example.test'
refused "a CNAME to elsewhere" solver -a _acme-challenge.dyn.example.test "$servers" signet "$T/own" wrong.static.test true
said '_acme-challenge.wrong.static.test is a CNAME of elsewhere.example.test, not of _acme-challenge.dyn.example.test'
equal "no hook was called then" "$(cat "$T/own.calls")" ''

# ---- records that do not appear ----

hook idle <<<'#!/bin/bash'
refused "a hook that publishes nothing" solver -w 2 "$servers" signet "$T/idle" www.example.test true
said 'the record of _acme-challenge.www.example.test is not visible after 2 seconds: ' \
    'ns1.example.test has no TXT record there' 'ns2.example.test has no TXT record there'
refused "a CNAME that nobody was told of" solver -w 1 "$servers" signet "$T/idle" www.static.test true
said 'which is a CNAME of _acme-challenge.dyn.example.test, is not visible after 1 seconds: .*; dns-alias=_acme-challenge.dyn.example.test lets'
stop "$secondary"
refused "a server that does not answer" solver -1 -w 2 "$servers" signet "$T/own" www.example.test true
said 'not visible after 2 seconds: ns2.example.test does not answer$'
equal "the hook was told that it failed" "$(tail -n 1 "$T/own.calls")" "failed dns-01 www.example.test token-1 $first"
equal "after a failure: the records are gone" "$(shown 127.0.0.1 _acme-challenge.www.example.test)" ''
refused "a hook that fails" solver "$servers" lego /bin/false www.example.test true
said 'hook .*/false present: exit status 1: it says nothing of the cause'
refused "no server at all" solver "127.0.0.1:$((port + 1))" signet "$T/own" www.example.test true
said 'asking for the CNAME of _acme-challenge.www.example.test: '
