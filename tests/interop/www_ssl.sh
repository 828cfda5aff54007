#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# www-ssl: what it shows, to whom, with which versions of TLS; a certificate that changes under connections; a TPM that takes
# its time, and clients that only hold connections.
source "$(dirname "$0")/../lib.sh"
store_start
tpm_start
tpm_srk
program=$BUILD/tools/signetd/signetd
PORT=$(free_port) url=https://localhost:$PORT
start() {
    spawn signetd "$program" "$@"
    SIGNETD=$SPAWNED
    wait_port "$PORT" signetd
}
stop_it() {
    kill "$SIGNETD"
    check "it ends with status 0" wait "$SIGNETD"
}
certificate() { # certificate NAME [PROPERTY...]
    check "a certificate $1" signet "/certificate add name=$1 common-name=$1 subject-alt-name=DNS:localhost,IP:127.0.0.1 key-usage=digital-signature,key-encipherment,tls-server ${*:2}; /certificate sign $1 ca=ca"
}
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign custody=tpm; /certificate sign ca'
check "its file" signet '/certificate export-certificate ca file-name=ca'
certificate one custody=file
certificate two custody=file
certificate hard custody=tpm
status() { curl --silent --max-time 30 --noproxy '*' --cacert "$FILES/ca.crt" --output "$T/body" --write-out '%{http_code}' "$@" || :; }
is_status() { [ "$(status "${@:2}")" = "$1" ]; }
until_status() { wait_until "status $*" is_status "$@"; }
shown() { OPENSSL_CONF=/dev/null timeout 20 openssl s_client -connect "127.0.0.1:$PORT" "$@" </dev/null 2>/dev/null | plain_openssl x509 -noout -subject -nameopt multiline 2>/dev/null | sed -n 's/.*commonName *= //p'; }
is_shown() { [ "$(shown)" = "$1" ]; }
log_has() { grep -q "$1" "$T/signetd.log"; }

# ---- what it is told ----
check "without a certificate" signet "/ip service set www-ssl port=$PORT disabled=no"
spawn signetd "$program"
SIGNETD=$SPAWNED
wait_until "the reason" log_has 'www-ssl: it has no certificate'
check "one" signet '/ip service set www-ssl certificate=one'
until_status 404 "$url/nobody"
equal "it shows" "$(shown)" one
check "the chain is whole" plain_openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$FILES/ca.crt" -verify_return_error -verify_hostname localhost
equal "by HEAD" "$(status --head "$url/nobody")" 404
for version in 1.2 1.3; do
    check "only-$version" signet "/ip service set www-ssl tls-version=only-$version"
    for asked in 1.2 1.3; do
        wanted=000
        if [ "$asked" = "$version" ]; then wanted=404; fi
        until_status "$wanted" "--tlsv$asked" --tls-max "$asked" "$url/nobody"
        echo "ok: only-$version: TLS $asked"
    done
done
check "any" signet '/ip service set www-ssl tls-version=any'
until_status 404 --tls-max 1.2 "$url/nobody"
until_status 000 --tls-max 1.1 --ciphers 'ALL:@SECLEVEL=0' "$url/nobody"
check "networks that this is not in" signet '/ip service set www-ssl address=192.0.2.0/24'
until_status 000 "$url/nobody"
check "that it is in" signet '/ip service set www-ssl address=127.0.0.0/8'
until_status 404 "$url/nobody"

# ---- a certificate that changes ----
# A connection that is kept; ask_held asks for a path through it.
coproc HELD { plain_openssl s_client -quiet -connect "127.0.0.1:$PORT" -CAfile "$FILES/ca.crt" -verify_return_error 2>/dev/null; }
ask_held() {
    local line
    ANSWER=none
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' "$1" >&"${HELD[1]}"
    while read -rt 20 line <&"${HELD[0]}"; do
        case $line in "HTTP/1.1 "*) ANSWER=${line:9:3} && break ;; esac
    done
}
ask_held /nobody
equal "a request on a connection that stays" "$ANSWER" 404
check "another certificate" signet '/ip service set www-ssl certificate=two'
wait_until "it is shown" is_shown two
ask_held /nobody
equal "the connection is still there" "$ANSWER" 404
check "one without a key" signet "/certificate add name=later common-name=later; /ip service set www-ssl certificate=later"
wait_until "the reason" log_has 'its certificate is not signed yet'
equal "the old one stays" "$(shown)" two
check "the log says so" signet '/log print where message~"the old one stays"'
said 'www-ssl: its new certificate can.t be shown'
check "signed" signet '/certificate sign later ca=ca'
wait_until "it is shown" is_shown later

# ---- a TPM ----
check "a key in the TPM" signet '/ip service set www-ssl certificate=hard'
wait_until "it is shown" is_shown hard
until_status 404 "$url/nobody"
mark=$(tpm_mark)
equal "a handshake" "$(status "$url/nobody")" 404
equal "operations" "$(tpm_operations "$mark")" 1
mark=$(tpm_mark)
check "a session is resumed" plain_openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$FILES/ca.crt" -tls1_2 -reconnect
equal "operations for six handshakes" "$(tpm_operations "$mark")" 1
ask_held /nobody
equal "the connection from before" "$ANSWER" 404
kill -STOP "${TPM_PID[tpm]}"
spawn waits curl --silent --max-time 60 --noproxy '*' --cacert "$FILES/ca.crt" --output /dev/null --write-out '%{http_code}' "$url/nobody"
waits=$SPAWNED
for i in 1 2 3 4 5 6; do
    spawn "also$i" curl --silent --max-time 60 --noproxy '*' --cacert "$FILES/ca.crt" --output /dev/null "$url/nobody"
done
sleep 1
ask_held /nobody
equal "while handshakes wait for the TPM" "$ANSWER" 404
kill -CONT "${TPM_PID[tpm]}"
check "and they come to an end" wait "$waits"
equal "with" "$(<"$T/waits.log")" 404

# ---- an answer that takes longer than a client may be silent ----
check "its file" signet '/certificate export-certificate hard file-name=hard'
plain_openssl ocsp -issuer "$FILES/ca.crt" -cert "$FILES/hard.crt" -reqout "$T/request" -no_nonce >"$OUT" 2>&1
check "back to a key in a file" signet '/ip service set www-ssl certificate=one'
wait_until "it is shown" is_shown one
kill -STOP "${TPM_PID[tpm]}"
spawn slow curl --silent --max-time 60 --noproxy '*' --cacert "$FILES/ca.crt" --output "$T/answer" --write-out '%{http_code}' --data-binary "@$T/request" "$url/ocsp"
slow=$SPAWNED
sleep 13
kill -CONT "${TPM_PID[tpm]}"
check "an answer" wait "$slow"
equal "after 13 seconds" "$(<"$T/slow.log")" 200
check "it is one" plain_openssl ocsp -respin "$T/answer" -issuer "$FILES/ca.crt" -CAfile "$FILES/ca.crt" -cert "$FILES/hard.crt"

# ---- clients that only hold connections; others on this machine ----
spawn holds perl -MIO::Socket::INET -e '
    my @s;
    for (1 .. 1000) { my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]", Timeout => 2) or last; push @s, $s; }
    print scalar(@s), "\n";
    $| = 1; print "held\n";
    sleep 30' "$PORT"
holds=$SPAWNED
wait_until "a thousand connections" grep -q held "$T/holds.log"
until_status 404 "$url/nobody"
echo "ok: another client is served"
stop "$holds"
until_status 404 "$url/nobody"
cat >"$T/direct.pl" <<'END'
use Socket;
# The sockets of that process that listen, without a file.
my ($inodes, %inode) = ("");
for (glob "/proc/$ARGV[0]/fd/*") { $inode{$1} = 1 if (readlink // "") =~ /socket:\[(\d+)\]/; }
open(my $f, "<", "/proc/net/unix") or die;
for (<$f>) {
    my @c = split;
    next unless $inode{$c[6]} && $c[3] eq "00010000" && ($c[7] // "") =~ /^@(.*)/;
    socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
    connect($s, pack("S a*", AF_UNIX, "\0$1")) or die "connect: $!";
    syswrite $s, "GET /nobody HTTP/1.1\r\nHost: a\r\n\r\n";
    sysread $s, my $answer, 12;
    print "$answer\n";
}
END
check "past TLS" perl "$T/direct.pl" "$SIGNETD"
equal "is refused" "$(<"$OUT")" 'HTTP/1.1 403'

# ---- what is no TLS ----
printf 'GET / HTTP/1.0\r\n\r\n' | timeout 5 perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]") or die; print $s $_ while <STDIN>; print while <$s>' "$PORT" >"$OUT" 2>&1 || :
equal "nothing is said to what is no TLS" "$(head -c 4 "$OUT" | grep -c HTTP || :)" 0
head -c 20000 /dev/urandom >"$T/noise"
for i in 1 2 3; do (exec 3<>"/dev/tcp/127.0.0.1/$PORT" && cat "$T/noise" >&3) 2>/dev/null || :; done
equal "after noise" "$(status "$url/nobody")" 404
large=$(head -c 300000 /dev/zero | tr '\0' a)
equal "a body that is too large" "$(status --data-binary @- "$url/ocsp" <<<"$large")" 413
equal "a header that is too large" "$(status -H "X: ${large:0:20000}" "$url/nobody")" 400
equal "a method that there is not" "$(status -X DELETE "$url/nobody")" 405
stop_it
