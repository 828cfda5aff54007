#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# /ip dns: dnsdist asks a server by DNS over HTTPS, and asks it nothing if its certificate is of a CA that is not trusted
# here. The servers are dnsdists, too, that know one answer.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
store_start
# What the servers have is of a CA that the store does not know yet.
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=DoH CA' -addext basicConstraints=critical,CA:TRUE -days 2 \
    -keyout "$T/doh-ca.key" -out "$T/doh-ca.pem" 2>/dev/null
server_cert() {
    plain_openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$2" -addext "subjectAltName=DNS:$2" -keyout "$T/$1.key" -out "$T/$1.csr" 2>/dev/null
    plain_openssl x509 -req -in "$T/$1.csr" -CA "$T/doh-ca.pem" -CAkey "$T/doh-ca.key" -copy_extensions copy -days 2 -out "$T/$1.pem" 2>/dev/null
}
# doh_server NAME HOST: on a port of its own, ${NAME}_port.
doh_server() {
    server_cert "$1" "$2"
    cat >"$T/$1.conf" <<END
setSecurityPollSuffix("")
setLocal("127.0.0.1:$(free_port)")
addDOHLocal("127.0.0.1:$3", "$T/$1.pem", "$T/$1.key", "/dns-query")
addAction(AllRule(), SpoofAction("192.0.2.7"))
END
    spawn "$1" dnsdist --supervised --disable-syslog -C "$T/$1.conf"
    wait_port "$3" "$1"
}
good=$(free_port)
doh_server good localhost "$good"
other=$(free_port)
doh_server other other.example "$other"

dns=$(free_port)
cat >"$T/front.conf" <<END
setSecurityPollSuffix("")
setLocal("127.0.0.1:$dns")
dofile("$T/tls/doh.lua")
END
# No service manager is here: what it would do is a script's.
cat >"$T/restart" <<END
#!/bin/sh
kill "\$(cat "$T/front.pid")"
while kill -0 "\$(cat "$T/front.pid")" 2>/dev/null; do sleep 0.1; done
echo restart >>"$T/restarts"
setsid dnsdist --supervised --disable-syslog -C "$T/front.conf" >>"$T/front.log" 2>&1 &
echo \$! >"$T/front.pid"
END
chmod 755 "$T/restart"
service_file dns-doh "s|/etc/dnsdist/signet|$T/tls|; s|/etc/dnsdist/dnsdist.conf|$T/front.conf|" \
    "s|^running = .*|running = pidfile $T/front.pid|; s|^reload = .*|reload = $T/restart|"
front_ends() { [ ! -s "$T/front.pid" ] || kill "$(<"$T/front.pid")" || :; }
trap 'front_ends; cleanup' EXIT
dns() { signet "/ip dns set $*"; }
answer() { dig +short +time=1 +tries=1 @127.0.0.1 -p "$dns" host.example A; }
answers() { [ "$(answer)" = 192.0.2.7 ]; }
# It has been asked, and has nothing to say.
silent() { answer >"$OUT" 2>&1 || :; ! grep -q 192.0.2.7 "$OUT"; }

for url in http://localhost/dns-query https:///dns-query 'https://localhost/a?b' 'https://localhost:x/' 'https://localhost/\"})os.execute(\"id' \
    'https://user@localhost/'; do
    refused "use-doh-server=$url" dns "use-doh-server=\"$url\""
    equal "nothing is written" "$(ls -A "$T/tls" 2>/dev/null)" ''
done
check "not verified, as asked; and not started" dns "use-doh-server=https://localhost:$good/dns-query" verify-doh-cert=no
said 'dns-doh: is written; the service does not run'
dnsdist --supervised --disable-syslog -C "$T/front.conf" >"$T/front.log" 2>&1 &
echo $! >"$T/front.pid"
wait_until "an answer" answers
echo "ok: an answer of a server that is not verified"

refused "verified, while no CA is trusted" dns verify-doh-cert=yes
said 'check: /usr/bin/dnsdist: .*trusted CAs file.*the old files are back'
local_ca
check "verified" dns verify-doh-cert=yes
said 'dns-doh: is given to the service'
check "as dnsdist has it" grep -q "validateCertificates=true, caStore=\"$T/tls/ca.pem\"" "$T/tls/doh.lua"
wait_until "the front" grep -q . "$T/restarts"
sleep 1.5
check "an untrusted server answers nothing" silent
cp "$T/doh-ca.pem" "$FILES"
check "the CA" signet '/certificate import file-name=doh-ca.pem
    /certificate set doh-ca trusted=yes'
check "trust is a change that is due" signet '/certificate binding apply'
said 'applied: 1'
wait_until "an answer" answers
echo "ok: an answer of a trusted server"
check "a server with a certificate for another name" dns "use-doh-server=https://localhost:$other/dns-query"
sleep 1.5
check "it answers nothing" silent
check "the good one again" dns "use-doh-server=https://localhost:$good/dns-query"
wait_until "an answer" answers
check "what dnsdist is not told" dns servers=192.0.2.53 allow-remote-requests=yes
said 'servers is kept, but no service here obeys it' 'allow-remote-requests is kept, but no service here obeys it'
check "as it is without" dns 'servers=""' allow-remote-requests=no
if grep 'obeys' "$OUT"; then die "nothing was set"; fi
check "what is bound" signet '/certificate binding print detail'
said 'service="dns-doh"' 'status="written"' 'owner="/ip/dns"'
check "none" dns 'use-doh-server=""'
said 'dns-doh: is taken away from the service'
equal "the binding" "$(binding 0 disabled) $(binding 0 status)" 'yes withdrawn'
sleep 1.5
check "nobody is asked any more" silent
equal "what dnsdist has of it" "$(stat -c %s "$T/tls/doh.lua")" 0
check "none once more" dns 'use-doh-server=""'
check "and again" dns "use-doh-server=https://localhost:$good/dns-query"
wait_until "an answer" answers
