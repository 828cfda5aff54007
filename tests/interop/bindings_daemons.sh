#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bindings that are built in for haproxy, stunnel and openvpn: each daemon, unmodified, takes two certificates one after
# the other while it runs.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
store_start
local_ca
local_cert one
local_cert two
add() { signet "/certificate binding add certificate=one service=$1 parameters=\"$2\""; }
set_two() { signet "/certificate binding set [find where service=$1] certificate=two"; }
set_one() { signet "/certificate binding set [find where service=$1] certificate=one"; }

# ---- haproxy ----
port=$(free_port)
cat >"$T/haproxy.cfg" <<END
defaults
    mode http
    timeout client 20s
    timeout connect 20s
    timeout server 20s
frontend tls
    bind 127.0.0.1:$port ssl crt $T/haproxy/combined.pem
    http-request return status 200 content-type text/plain string "here"
END
parameters="folder=$T/haproxy,config=$T/haproxy.cfg,pidfile=$T/haproxy.pid,port=$port,openssl-conf=/dev/null"
check "haproxy, which does not run" add haproxy "$parameters"
said 'haproxy: one: is written; the service does not run'
equal "one file" "$(grep -c BEGIN "$T/haproxy/combined.pem") $(stat -c %a "$T/haproxy/combined.pem")" '2 600'
spawn haproxy haproxy -W -db -p "$T/haproxy.pid" -f "$T/haproxy.cfg"
wait_port "$port" haproxy
# What -db leaves out: the master's number.
echo "$SPAWNED" >"$T/haproxy.pid"
check "two" set_two haproxy
said 'haproxy: two: is served'
equal "what is shown" "$(shown "$port")" "$(get two fingerprint)"
sed -i 's/mode http/mode nonsense/' "$T/haproxy.cfg"
refused "a configuration that is not good" set_one haproxy
said 'check: /usr/sbin/haproxy: .*nonsense.*the old files are back'
equal "what is shown" "$(shown "$port")" "$(get two fingerprint)"

# ---- stunnel ----
port=$(free_port)
cat >"$T/stunnel.conf" <<END
foreground = yes
pid = $T/stunnel.pid
[server]
accept = 127.0.0.1:$port
exec = /bin/echo
execArgs = echo hello through stunnel
cert = $T/stunnel/fullchain.pem
key = $T/stunnel/key.pem
END
check "stunnel, which does not run" add stunnel "folder=$T/stunnel,pidfile=$T/stunnel.pid,port=$port"
said 'stunnel: one: is written; the service does not run'
spawn stunnel stunnel4 "$T/stunnel.conf"
wait_port "$port" stunnel
check "two" set_two stunnel
said 'stunnel: two: is served'
equal "what is shown" "$(shown "$port")" "$(get two fingerprint)"
# It has no check: only the handshake tells.
cp "$T/stunnel.conf" "$T/stunnel.good"
echo 'nonsense = yes' >>"$T/stunnel.conf"
refused "a configuration that is not good" set_one stunnel
said "port $port .*the old files are back"
cp "$T/stunnel.good" "$T/stunnel.conf"
check "a good one" set_one stunnel
equal "what is shown" "$(shown "$port")" "$(get one fingerprint)"

# ---- openvpn ----
port=$(free_port)
common="dev null
ifconfig-noexec
proto udp
verb 3
ca $T/openvpn/ca.pem
crl-verify $T/openvpn/crl.pem
cert $T/openvpn/fullchain.pem
key $T/openvpn/key.pem"
printf '%s\n' "$common" "lport $port" "local 127.0.0.1" tls-server "dh none" "writepid $T/openvpn.pid" >"$T/openvpn-server.conf"
check "openvpn, which does not run" add openvpn "folder=$T/openvpn,pidfile=$T/openvpn.pid"
said 'openvpn: one: is written; the service does not run'
check "a client's own" signet "/certificate export-certificate two export-passphrase=secret-password file-name=client"
plain_openssl pkey -in "$FILES/client.key" -passin pass:secret-password -out "$T/client.key"
spawn openvpn openvpn --config "$T/openvpn-server.conf"
wait_until "openvpn" grep -q 'UDPv4 link local' "$T/openvpn.log"
# client NAME: connects, and wants the server to have this certificate and no other.
client() {
    local log=$T/client.log tries=0
    : >"$log"
    openvpn --dev null --ifconfig-noexec --proto udp --remote 127.0.0.1 "$port" --nobind --tls-client --ca "$T/local-ca.pem" \
        --cert "$FILES/client.crt" --key "$T/client.key" --remote-cert-tls server --verb 3 --ping 1 --ping-exit 3 --hand-window 5 \
        --peer-fingerprint "$(get "$1" fingerprint | sed 's/../&:/g; s/:$//')" >"$log" 2>&1 &
    PIDS+=($!)
    until grep -qE 'Initialization Sequence Completed|VERIFY .*(ERROR|fail)|verify failed|not.*match' "$log"; do
        [ $((tries += 1)) -lt 100 ] || die "openvpn's client: nothing in ten seconds"
        sleep 0.1
    done
    stop $!
    grep -q 'Initialization Sequence Completed' "$log"
}
# client_sees NAME OTHER
client_sees() {
    client "$1" || die "openvpn's client does not see certificate $1"
    if client "$2"; then die "openvpn's client takes any certificate"; fi
    echo "ok: openvpn's client sees certificate $1"
}
client_sees one two
check "two" set_two openvpn
said 'openvpn: two: is given to the service'
wait_until "openvpn has begun again" eval '[ "$(grep -c "UDPv4 link local" "$T/openvpn.log")" -gt 1 ]'
client_sees two one
check "what is bound where" signet '/certificate binding print'
said '0 +one +haproxy +failed' '1 +one +stunnel +served' '2 +two +openvpn +written'
