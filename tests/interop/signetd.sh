#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# signetd: a service is served as the store says, now and after each change; CRLs, certificates of CAs and OCSP, as openssl
# asks for them; http-01 through it; and what it does with what makes no sense. SCEP has tests of its own.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../pebble.sh"
source "$(dirname "$0")/../scep.sh"
pebble_start
store_start
program=$BUILD/tools/signetd/signetd
status() { curl --silent --max-time 5 --output "$T/body" --write-out '%{http_code}' "$@" || :; }
port_closed() { ! port_open "$1"; }
# until_status WANTED CURL-ARGUMENT...: a change is taken up at once, which is not quite now.
is_status() { [ "$(status "${@:2}")" = "$1" ]; }
until_status() { wait_until "status $*" is_status "$@"; }
start() {
    spawn signetd "$program" "$@"
    SIGNETD=$SPAWNED
    wait_port "$PORT" signetd
}
stop_it() {
    kill "$SIGNETD"
    check "it ends with status 0" wait "$SIGNETD"
}

# ---- it runs, and takes up what changes ----
PORT=$HTTP_PORT url=http://127.0.0.1:$HTTP_PORT
check "--help" "$program" --help
said 'Usage: signetd'
refused "an option that there is none" "$program" --nonsense
refused "an argument" "$program" nonsense
said 'got nonsense'
refused "networks that are none" signet '/ip service set www address=192.168.88.0/33'
said 'address: expected'
check "enabled" signet "/ip service set www port=$PORT address=127.0.0.0/8 disabled=no"
said 'signetd does not run'
cat >"$T/notified.pl" <<'END'
use Socket;
my $s;
socket($s, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, sockaddr_un($ARGV[0])) or die;
$SIG{ALRM} = sub { exit 1 };
alarm 20;
recv($s, my $text, 99, 0);
print "$text\n";
END
spawn notified perl "$T/notified.pl" "$T/notify"
notified=$SPAWNED
wait_until "the service manager" test -S "$T/notify"
NOTIFY_SOCKET=$T/notify start
check "the service manager is told" wait "$notified"
equal "what" "$(<"$T/notified.log")" READY=1
refused "a second one for the same store" "$program"
said 'another signetd'
check "nothing to say now" signet '/ip service enable www'
if grep -q 'does not run' "$OUT"; then die "it does run"; fi
equal "a path of nobody" "$(status "$url/nobody")" 404
other=$(free_port)
check "another port" signet "/ip service set www port=$other"
until_status 404 "http://127.0.0.1:$other/nobody"
until_status 000 "$url/nobody"
check "networks that this is not in" signet "/ip service set www port=$PORT address=192.0.2.0/24,2001:db8::/32"
until_status 403 "$url/nobody"
check "off" signet '/ip service disable www'
until_status 000 "$url/nobody"
check "on" signet '/ip service set www address=127.0.0.0/8,::1 disabled=no'
until_status 404 "$url/nobody"

check "this host alone" signet '/ip service set www address=::1'
until_status 404 "http://[::1]:$PORT/nobody"
until_status 000 "$url/nobody"
check "by both" signet '/ip service set www address=127.0.0.0/8,::1'
until_status 404 "$url/nobody"
until_status 404 "http://[::1]:$PORT/nobody"

# ---- CRLs and certificates of CAs ----
check "a CA" signet "/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign; /certificate sign ca ca-crl-host=127.0.0.1:$PORT"
for name in good bad; do
    check "$name" signet "/certificate add name=$name common-name=$name key-usage=digital-signature,tls-server; /certificate sign $name ca=ca"
    check "its file" signet "/certificate export-certificate $name"
    plain_openssl x509 -in "$FILES/cert_export_$name.crt" -out "$T/$name.pem"
done
id_of() { sqlite3 "$SIGNET_HOME/signet.db" "SELECT id FROM certificate WHERE name = '$1'"; }
id=$(id_of ca)
equal "the CA's certificate" "$(status "$url/ca/$id.crt")" 200
check "its file" plain_openssl x509 -inform der -in "$T/body" -out "$T/ca.pem"
equal "of one that is no CA" "$(status "$url/ca/$(id_of good).crt")" 404
equal "its CRL" "$(status "$url/crl/$id.crl")" 200
check "it is one" plain_openssl crl -inform der -in "$T/body" -noout -CAfile "$T/ca.pem"
equal "of no CA" "$(status "$url/crl/$((id + 1)).crl")" 404
check "revoked" signet '/certificate issued-revoke bad'
verify() { plain_openssl verify -crl_check -crl_download -CAfile "$T/ca.pem" "$T/$1.pem"; }
check "openssl finds the CRL where the certificate says" verify good
refused "the revoked one" verify bad
said 'revoked'
for path in crl/0.crl crl/-1.crl crl/1.crlx crl/99999999999999999999.crl crl/../signet.db ca/..%2fsignet.db crl/ ca/1.crt/..; do
    equal "$path" "$(status --path-as-is "$url/$path")" 404
done

# ---- OCSP ----
ocsp() { plain_openssl ocsp -issuer "$T/ca.pem" -CAfile "$T/ca.pem" "$@"; }
check "OCSP" ocsp -cert "$T/good.pem" -url "$url/ocsp" -no_nonce
said 'good.pem: good' 'Response verify OK'
check "of the revoked one" ocsp -cert "$T/bad.pem" -url "$url/ocsp"
said 'bad.pem: revoked' 'Response verify OK'
check "of both" ocsp -cert "$T/good.pem" -cert "$T/bad.pem" -url "$url/ocsp" -no_nonce
said 'good.pem: good' 'bad.pem: revoked'
check "by SHA-256" ocsp -sha256 -cert "$T/good.pem" -url "$url/ocsp" -no_nonce
said 'good.pem: good' 'Response verify OK'
ocsp -cert "$T/good.pem" -reqout "$T/request" -no_nonce >"$OUT" 2>&1
post() { status --data-binary "@$T/$1" -H 'Content-Type: application/ocsp-request' "$url/ocsp"; }
equal "posted" "$(post request)" 200
cp "$T/body" "$T/first"
encoded=$(base64 -w0 "$T/request" | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
equal "by GET" "$(status -D "$T/headers" "$url/ocsp/$encoded")" 200
check "the same answer, signed once" cmp "$T/body" "$T/first"
grep -i '^\(content-type\|cache-control\)' "$T/headers" | tr -d '\r' >"$OUT"
said 'application/ocsp-response' 'max-age=3600'
check "revoked now" signet '/certificate issued-revoke good reason=key-compromise'
check "said at once" ocsp -cert "$T/good.pem" -url "$url/ocsp" -no_nonce
said 'good.pem: revoked' 'Reason: keyCompromise'
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=CA -days 9 -keyout "$T/other.key" -out "$T/other.pem" 2>/dev/null
refused_with() { # refused_with WHAT STATUS REQUEST-FILE
    equal "$1" "$(post "$3")" 200
    plain_openssl ocsp -respin "$T/body" -noverify >"$OUT" 2>&1 || :
    said "Responder Error: $2"
}
plain_openssl ocsp -issuer "$T/other.pem" -serial 1 -reqout "$T/unknown-ca" >"$OUT" 2>&1
refused_with "another CA of that name" unauthorized unknown-ca
ocsp -serial 4711 -reqout "$T/unknown" >"$OUT" 2>&1
refused_with "a number that it has not issued" unauthorized unknown
# With parameters of the digest that nobody has, there would be no end of questions about one certificate, and each has
# to be signed. The same of its order among others.
perl -0777 -pe 's/\x2b\x0e\x03\x02\x1a\x05\x00/\x2b\x0e\x03\x02\x1a\x04\x00/ or die' <"$T/request" >"$T/parameters"
refused_with "parameters of the digest" unauthorized parameters
ocsp -sha3-256 -cert "$T/good.pem" -reqout "$T/digest" >"$OUT" 2>&1
refused_with "a digest that nobody uses" unauthorized digest
signed=0
for ((i = 0; i < 30; i++)); do
    order=()
    for ((j = 1; j < 32; j *= 2)); do ((i & j)) && order+=(-cert "$T/good.pem") || order+=(-cert "$T/bad.pem"); done
    ocsp "${order[@]}" -reqout "$T/order" >"$OUT" 2>&1
    post order >"$OUT"
    plain_openssl ocsp -respin "$T/body" -noverify >"$OUT" 2>&1 || :
    if ! grep -q 'Responder Error: trylater' "$OUT"; then signed=$((signed + 1)); fi
done
[ "$signed" -lt 15 ] || die "30 orders of two certificates: $signed answers were signed"
echo "ok: few of 30 orders of two certificates"
head -c 300 /dev/urandom >"$T/noise"
refused_with "noise" malformedrequest noise
{ cat "$T/request" && echo; } >"$T/more"
refused_with "more than a request" malformedrequest more
many=()
for ((i = 0; i < 9; i++)); do many+=(-cert "$T/bad.pem"); done
ocsp "${many[@]}" -reqout "$T/many" >"$OUT" 2>&1
refused_with "about nine" malformedrequest many
head -c 100000 /dev/zero >"$T/large"
equal "a large one" "$(post large)" 413
equal "no base64" "$(status "$url/ocsp/%zz")" 200
imported_ca() { # imported_ca NAME KEY-TYPE OPTION...
    plain_openssl req -x509 -nodes -newkey "${@:2}" -subj "/CN=$1" -days 30 -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
    cat "$T/$1.pem" "$T/$1.key" >"$FILES/$1.pem"
    check "a CA whose key is $2" signet "/certificate import file-name=$1.pem passphrase=\"\""
    check "of it" signet "/certificate add name=of-$1 common-name=of-$1 key-usage=tls-server key-size=prime256v1; /certificate sign of-$1 ca=$1"
    check "its file" signet "/certificate export-certificate of-$1"
    check "OCSP of it" plain_openssl ocsp -issuer "$T/$1.pem" -CAfile "$T/$1.pem" -cert "$FILES/cert_export_of-$1.crt" -url "$url/ocsp" -no_nonce
    said 'Response verify OK' ': good'
}
imported_ca ed ed25519
imported_ca pss rsa-pss
check "removed from the store" signet '/certificate remove bad'
check "it stays revoked" ocsp -cert "$T/bad.pem" -url "$url/ocsp"
said 'bad.pem: revoked'

# ---- http-01 ----
pebble_trust
enable() { signet "/certificate enable-ssl-certificate dns-name=router.example.com directory-url=$DIRECTORY"; }
check "enable-ssl-certificate while signetd has the port" enable
said 'ssl certificate updated'
equal "nothing is left of it" "$(find "$SIGNET_HOME/www" -type f)" ''
for token in '' ../../signet.db %2e%2e a/b; do
    equal "the token $token" "$(status --path-as-is "$url/.well-known/acme-challenge/$token")" 404
done

# ---- it does nothing when there is nothing to do ----
switches() { cat /proc/"$SIGNETD"/task/*/status | awk '/^voluntary/ { n += $2 } END { print n }'; }
# The CA has yet to be asked for its window of renewal.
nothing_is_due() {
    [ -z "$(<"/proc/$SIGNETD/task/$SIGNETD/children")" ] &&
        signet status as-json | jq -e '.items | map(select(.due != null and .due <= now)) == []'
}
wait_until "nothing is due" nothing_is_due
sleep 1
before=$(switches)
sleep 3
equal "wake-ups in three seconds" "$(($(switches) - before))" 0
echo "   $(awk '/VmRSS/ { print $2 }' "/proc/$SIGNETD/status") KiB resident"

# ---- CRLs that get old; a port that is taken ----
stop_it
number() { sqlite3 "$SIGNET_HOME/signet.db" 'SELECT number FROM crl WHERE ca IS NOT NULL'; }
before=$(number)
start
equal "a CRL that is not old" "$(number)" "$before"
stop_it
sqlite3 "$SIGNET_HOME/signet.db" 'UPDATE crl SET this_update = this_update - 1000000, next_update = next_update - 1000000 WHERE ca IS NOT NULL'
start
is_new() { [ "$(number)" != "$before" ]; }
wait_until "a new CRL" is_new
echo "ok: an old CRL is signed anew"
taken=$(free_port)
spawn taken perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 5, LocalPort => $ARGV[0]) or die; sleep 60' "$taken"
taken_by=$SPAWNED
wait_port "$taken" "another program"
check "a port that another program has" signet "/ip service set www port=$taken"
wait_until "the reason" grep -q "port $taken at all addresses: Address already in use" "$T/signetd.log"
lines() { sqlite3 "$SIGNET_HOME/signet.db" 'SELECT count(*) FROM log'; }
is_logged() { sqlite3 "$SIGNET_HOME/signet.db" 'SELECT message FROM log' | grep -q "can't be served at port $taken"; }
wait_until "it is in the log" is_logged
before=$(lines)
sleep 1
equal "what it logs does not wake it" "$(lines)" "$before"
stop "$taken_by"
kill -HUP "$SIGNETD"
until_status 404 "http://127.0.0.1:$taken/nobody"
check "and back" signet "/ip service set www port=$PORT"
until_status 404 "$url/nobody"

# ---- a disk that takes its time to sync ----
# The sanitizers' search for leaks is no use under strace.
traced() { ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 exec strace "$@"; }
spawn slow traced -f -qq -e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_enter=400000 \
    "$BUILD/tools/signet" "/ip service set www port=$other"
until_status 404 "http://127.0.0.1:$other/nobody"
check "it was slow" grep -q DELAYED "$T/slow.log"
check "and back" signet "/ip service set www port=$PORT"
until_status 404 "$url/nobody"

# ---- a file system that can't share mapped memory ----
stop_it
start_without_shm() {
    spawn signetd traced -D -f -qq -o "$T/mmaps" -P "$SIGNET_HOME/signet.db-shm" -P "$SIGNET_HOME/.lock" -e trace=mmap -e inject=mmap:error=ENODEV "$program"
    SIGNETD=$SPAWNED
    wait_port "$PORT" signetd
}
start_without_shm
check "no memory was shared" grep -q INJECTED "$T/mmaps"
equal "it is served all the same" "$(status "$url/crl/$id.crl")" 200
equal "no log is left for others to find" "$(find "$SIGNET_HOME" -name 'signet.db-*' -not -name '*-journal')" ''
check "a change" signet "/ip service set www port=$other"
until_status 404 "http://127.0.0.1:$other/nobody"
check "and back" signet "/ip service set www port=$PORT"
until_status 404 "$url/nobody"
stop_it
start

# ---- workers that can't work: their store can't be opened ----
mv "$SIGNET_HOME/files" "$T/files"
touch "$SIGNET_HOME/files"
sqlite3 "$SIGNET_HOME/signet.db" "UPDATE setting SET value = '$other' WHERE menu = '/ip/service*3' AND name = 'port'"
wait_until "the reason" grep -q "www has ended: its workers can't work" "$T/signetd.log"
wait_until "nobody listens" port_closed "$other"
rm "$SIGNET_HOME/files"
mv "$T/files" "$SIGNET_HOME/files"
kill -HUP "$SIGNETD"
until_status 404 "http://127.0.0.1:$other/nobody"
check "its port again" signet "/ip service set www port=$PORT"
until_status 404 "$url/nobody"
stop_it

# ---- IPv4 where the kernel binds IPv6 alone, unless it is told ----
if ((EUID == 0)); then
    check "at all addresses" signet '/ip service set www address=""'
    cat >"$T/both.bash" <<'END'
ip link set lo up
sysctl -qw net.ipv6.bindv6only=1
"$1" &
for url in "http://127.0.0.1:$2/nobody" "http://[::1]:$2/nobody"; do
    curl --silent --retry 10 --retry-delay 1 --retry-connrefused --max-time 20 --output /dev/null --write-out '%{http_code} ' "$url"
done
kill $!
wait $!
END
    check "in a network of its own" unshare --net -- bash "$T/both.bash" "$program" "$PORT"
    said '404 404'
    check "as before" signet '/ip service set www address=127.0.0.0/8,::1'
    # The device as 60-tpm-udev.rules has it, and root as systemd starts it.
    unit=$BUILD/tools/signetd/signetd.service
    of_unit() { sed -n "s/^$1=//p" "$unit"; }
    touch "$T/tpmrm0"
    chown tss:tss "$T/tpmrm0"
    chmod 0660 "$T/tpmrm0"
    bounding=$(of_unit CapabilityBoundingSet | tr '[:upper:]' '[:lower:]')
    check "the service may open the TPM" setpriv --bounding-set="-all,+${bounding#cap_}" --groups="$(of_unit SupplementaryGroups)" \
        perl -e 'open(my $f, "+<", $ARGV[0]) or die "$!\n"' "$T/tpmrm0"
else
    echo "left out, as it takes root: a network of its own, the unit's capabilities"
fi

# ---- a TPM that goes ----
tpm_start
tpm_srk
check "a CA in the TPM" signet '/certificate add name=tca common-name=tca key-usage=key-cert-sign,crl-sign custody=tpm; /certificate sign tca'
for name in one two; do
    check "$name" signet "/certificate add name=$name common-name=$name key-usage=tls-server custody=file; /certificate sign $name ca=tca"
    check "its file" signet "/certificate export-certificate $name"
done
check "the CA's file" signet '/certificate export-certificate tca'
check "its SCEP entry" signet "$SCEP_MENU add ca-cert=tca path=/scep/ disabled=no authorization=none"
start
SCEP_URL=$url/scep/
scep_ca_file
scep_key device
scep_write device subject=/CN=device tid=1
of_tpm() { plain_openssl ocsp -issuer "$FILES/cert_export_tca.crt" -CAfile "$FILES/cert_export_tca.crt" -cert "$FILES/cert_export_$1.crt" -url "$url/ocsp" -no_nonce; }
mark=$(tpm_mark)
check "OCSP" of_tpm one
check "again" of_tpm one
equal "operations of the TPM for two answers" "$(tpm_operations "$mark")" 1
tpm_stop
check "what was signed is still said" of_tpm one
said 'crt: good'
refused "what was not" of_tpm two
said 'trylater'
scep_send device
equal "HTTP status of SCEP" "$STATUS" 503
logged 'the reply can.t be written: .*no TPM answers'
grep 'no TPM answers' "$T/signetd.log" >"$OUT" || :
said 'no TPM answers'
stop_it
