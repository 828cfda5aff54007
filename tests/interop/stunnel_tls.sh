#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stunnel, unmodified, serves TLS with a key in the TPM, and as a client proves who it is with another.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_cert "$T/key.pem" "$T/cert.pem"
make_key "$T/client.pem"
make_cert "$T/client.pem" "$T/client-cert.pem" client
port=$(free_port)
client_port=$(free_port)
cat >"$T/stunnel.conf" <<END
foreground = yes
pid =
sslVersionMin = TLSv1.2
ciphers = DEFAULT
sessionCacheSize = 1
options = NO_TICKET
[server]
accept = 127.0.0.1:$port
exec = /bin/echo
execArgs = echo hello through stunnel
cert = $T/cert.pem
key = $T/key.pem
CAfile = $T/ca.pem
verifyChain = yes
requireCert = no
[client]
client = yes
accept = 127.0.0.1:$client_port
connect = 127.0.0.1:$port
cert = $T/client-cert.pem
key = $T/client.pem
CAfile = $T/ca.pem
verifyChain = yes
checkHost = localhost
END
spawn stunnel env -u SIGNET_TCTI stunnel4 "$T/stunnel.conf"
wait_port "$port"

for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do
    mark=$(tpm_mark)
    handshake $way "$port"
    equal "$way, private operations in the TPM" "$(tpm_operations "$mark")" 1
done
for _ in {1..50}; do
    handshake tls13 "$port"
done
echo "ok: 50 connections"

mark=$(tpm_mark)
exec 3<>"/dev/tcp/127.0.0.1/$client_port"
read -rt 20 line <&3 || die "nothing comes through"
exec 3>&-
equal "stunnel to stunnel, both with keys in the TPM" "$line" "hello through stunnel"
equal "signatures in the TPM" "$(tpm_operations "$mark")" 2
said_log() { grep -q "$1" "$T/stunnel.log"; }
wait_until "the client's certificate in the log" said_log 'CN=client'
