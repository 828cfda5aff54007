#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# EAP-TLS: hostapd, as the EAP server of an access point, has its certificate, the CAs of its clients and their CRL from the
# store. A client with a certificate of the local CA gets in, one of another CA does not, and neither does one that was
# revoked.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
store_start
local_ca
local_cert one
local_cert two
port=$(free_port)
cat >"$T/hostapd.conf" <<END
driver=none
radius_server_clients=$T/radius_clients
radius_server_auth_port=$port
eap_server=1
eap_user_file=$T/eap_users
server_cert=$T/tls/fullchain.pem
private_key=$T/tls/key.pem
ca_cert=$T/tls/ca-crl.pem
check_crl=1
END
echo '127.0.0.1/32 radius-secret' >"$T/radius_clients"
echo '* TLS' >"$T/eap_users"
# No service manager is here: what it would do is a script's.
cat >"$T/restart" <<END
#!/bin/sh
pid=\$(cat "$T/hostapd.pid")
kill "\$pid"
while kill -0 "\$pid" 2>/dev/null; do sleep 0.1; done
setsid hostapd "$T/hostapd.conf" >>"$T/hostapd.log" 2>&1 &
echo \$! >"$T/hostapd.pid"
END
chmod 755 "$T/restart"
service_file hostapd "s|^running = .*|running = pidfile $T/hostapd.pid|; s|^reload = .*|reload = $T/restart|"
server_ends() { [ ! -s "$T/hostapd.pid" ] || kill "$(<"$T/hostapd.pid")" || :; }
trap 'server_ends; cleanup' EXIT

# client_cert NAME CA: a certificate and its key as files.
client_cert() {
    check "a client's certificate, $1" signet "/certificate add name=$1 common-name=$1 key-usage=digital-signature,tls-client custody=file
        /certificate sign $1 ca=$2
        /certificate export-certificate $1 file-name=$1 export-passphrase=secret-password"
}
# eap NAME: tries to get in; the server's certificate is left in $T/server.pem.
eap() {
    rm -f "$T/server.pem"
    cat >"$T/$1.conf" <<END
network={
    key_mgmt=WPA-EAP
    eap=TLS
    identity="$1"
    ca_cert="$T/local-ca.pem"
    client_cert="$FILES/$1.crt"
    private_key="$FILES/$1.key"
    private_key_passwd="secret-password"
}
END
    eapol_test -c "$T/$1.conf" -a 127.0.0.1 -p "$port" -s radius-secret -t 5 -o "$T/server.pem" >"$OUT" 2>&1
}
gets_in() { check "$1 gets in" eap "$1"; said '^SUCCESS'; }
stays_out() {
    if eap "$1"; then die "$1 got in"; fi
    said 'EAP-Failure|EAP: Received EAP-Failure|CTRL-EVENT-EAP-FAILURE'
    echo "ok: $1 stays out"
}
server_is() {
    # The chain is in it, the server's own at its end.
    tac "$T/server.pem" | sed '/-----BEGIN/q' | tac >"$T/server-last.pem"
    equal "the server's certificate is $1" \
        "$(plain_openssl x509 -in "$T/server-last.pem" -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)" "$(get "$1" fingerprint)"
}

client_cert alice local-ca
client_cert bob local-ca
check "a CA that is not trusted" signet '/certificate add name=other-ca common-name=other-ca key-usage=key-cert-sign,crl-sign custody=file
    /certificate sign other-ca'
client_cert mallory other-ca
check "bound" signet "/certificate binding add certificate=one service=hostapd parameters=folder=$T/tls"
said 'hostapd: one: is written; the service does not run'
equal "the CA and its CRL are one file" "$(grep -c 'BEGIN CERT' "$T/tls/ca-crl.pem") $(grep -c 'BEGIN X509 CRL' "$T/tls/ca-crl.pem")" '1 1'
hostapd "$T/hostapd.conf" >"$T/hostapd.log" 2>&1 &
echo $! >"$T/hostapd.pid"
wait_until "hostapd" grep -q 'AP-ENABLED\|eapol_auth\|interface state' "$T/hostapd.log"
gets_in alice
server_is one
gets_in bob
stays_out mallory
check "another certificate" signet '/certificate binding set 0 certificate=two'
said 'hostapd: two: is given to the service'
wait_until "hostapd" eap alice
server_is two
check "bob's is revoked" signet '/certificate issued-revoke bob'
gets_in bob
check "the CRL is a change that is due" signet '/certificate binding apply'
said 'applied: 1'
wait_until "hostapd" eap alice
stays_out bob
check "because of the CRL" grep -qi 'certificate revoked' "$T/hostapd.log"
check "the local CA is not trusted for eap any more" signet '/certificate set local-ca trust-store=www
    /certificate set other-ca trusted=yes
    /certificate binding apply'
wait_until "hostapd" grep -q . "$T/hostapd.log"
stays_out alice
