#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# /interface sstp-server server: SoftEther VPN's server gets the certificate and its chain while it runs, and shows
# both to who connects. Its folders are the script's own.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
# shellcheck source=/dev/null
if [ "$(. /etc/os-release && echo "${VERSION_ID-}")" -gt 12 ]; then
    echo "left out: Debian has no SoftEther since 13; Debian 12 runs this"
    exit 0
fi
own_folders "$0" /var/lib /run /var/log
mkdir /var/lib/softether /var/log/softether /run/softether
store_start
local_ca
check "a CA between" signet '/certificate add name=sub-ca common-name="Sub CA" key-usage=key-cert-sign,crl-sign custody=file
    /certificate sign sub-ca ca=local-ca'
local_cert router-tls
check "a certificate of the CA between" signet '/certificate add name=router-tls-new copy-from=router-tls custody=file
    /certificate sign router-tls-new ca=sub-ca'
sstp() { signet "/interface sstp-server server set $*"; }
bound() { signet "/certificate binding get [find where service=sstp-server] $1"; }

check "a server that does not run" sstp certificate=router-tls enabled=yes
said 'sstp-server: router-tls: is written; the service does not run'
spawn vpnserver vpnserver execsvc
wait_port 443 vpnserver
mapfile -t -O "${#PIDS[@]}" PIDS < <(pgrep -P "$SPAWNED")
before=$(shown 443)
[ "$before" != "$(get router-tls fingerprint)" ] || die "it has the certificate already: this test sees nothing"
check "the certificate of the specification" sstp certificate=router-tls enabled=yes
said 'sstp-server: router-tls: is served, as a handshake shows'
equal "what is shown" "$(shown 443)" "$(get router-tls fingerprint)"
check "print" signet '/certificate binding print'
said '0 +router-tls +sstp-server +served'

# A client that knows the root alone and asks for the host's name.
client() {
    check "a client that verifies the chain" plain_openssl s_client -connect 127.0.0.1:443 -servername localhost \
        -CAfile "$T/local-ca.pem" -verify_return_error -verify_hostname localhost </dev/null
    said 'Verify return code: 0 \(ok\)'
}
client
check "re-bound" sstp certificate=router-tls-new
equal "what is shown" "$(shown 443)" "$(get router-tls-new fingerprint)"
client

check "what the server is not told" sstp verify-client-certificate=yes tls-version=only-1.2
said 'verify-client-certificate is kept, but no service here obeys it' 'tls-version is kept, but no service here obeys it'
check "as it is without" sstp verify-client-certificate=no tls-version=any
if grep 'obeys' "$OUT"; then die "nothing was set"; fi

# ---- what goes ----
check "disabled" sstp enabled=no
said 'sstp-server goes on with what it has: stop it'
equal "the binding" "$(bound disabled)" yes
check "a due run leaves it alone" signet '/certificate binding apply'
said 'applied: 0'
refused "it belongs to the menu" signet '/certificate binding remove [find where service=sstp-server]'
said 'it belongs to /interface/sstp-server/server'
