#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A root, an intermediate and a server, all with keys in the TPM: openssl and GnuTLS accept the chain, nginx serves it
# to curl, and what is revoked is refused by all of them.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
store_start
check "the chain is made" signet run - <<'END'
/certificate
add name=root common-name="Test Root" organization="Example, Inc." country=DE key-usage=key-cert-sign,crl-sign days-valid=3650
sign root ca-crl-host=crl.example.com
set root trusted=yes
add name=sub common-name="Test Sub" key-usage=key-cert-sign,crl-sign path-length=0 days-valid=1000
sign sub ca=root ca-crl-host=crl.example.com
add name=server common-name=localhost subject-alt-name=DNS:localhost,IP:127.0.0.1,IP:::1,email:a@example.com,URI:http://localhost/ key-usage=digital-signature,key-encipherment,tls-server
sign server ca=sub
END
said 'custody tpm'
for name in root sub server; do
    equal "custody of $name" "$(get $name custody)" tpm
done
equal "flags of the root" "$(flags root)" KALT
equal "flags of the intermediate" "$(flags sub)" KAL
equal "flags of the server" "$(flags server)" K
check "clients' certificates" signet run - <<'END'
/certificate
add name=client common-name=client key-size=prime256v1 custody=file key-usage=digital-signature,tls-client
sign client ca=sub
add name=thief common-name=thief custody=file key-usage=digital-signature,tls-client
sign thief ca=sub
export-certificate root,sub,server,client,thief
END
cd "$FILES"
root=cert_export_root.crt sub=cert_export_sub.crt server=cert_export_server.crt

check "openssl verify" plain_openssl verify -x509_strict -purpose sslserver -verify_hostname localhost -CAfile $root -untrusted $sub $server
check "openssl verify, by address" plain_openssl verify -verify_ip ::1 -CAfile $root -untrusted $sub $server
refused "without the intermediate" plain_openssl verify -CAfile $root $server
cat $server $sub $root >"$T/chain.pem"
check "certtool --verify-chain" certtool --verify-chain --infile "$T/chain.pem"
said 'Chain verification output: Verified'
serial() { plain_openssl x509 -in "$1" -noout -serial | cut -d= -f2; }
for name in root sub server client thief; do
    serial=$(serial "cert_export_$name.crt")
    ((${#serial} <= 40 && ${#serial} >= 24)) || die "serial number of $name: $serial"
    [ "$serial" = "$(get $name serial-number)" ] || die "the console shows another serial number of $name"
done
equal "serial numbers differ" "$(for name in root sub server client thief; do serial "cert_export_$name.crt"; done | sort -u | wc -l)" 5
plain_openssl x509 -in $server -noout -text >"$OUT"
said 'CA:FALSE' "URI:http://crl.example.com/crl/2.crl" 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, email:a@example.com, URI:http://localhost/'
plain_openssl x509 -in $sub -noout -text >"$OUT"
said 'CA:TRUE, pathlen:0' "URI:http://crl.example.com/crl/1.crl"
check "the authority key identifier is the issuer's subject key identifier" [ "$(get server akid)" = "$(get sub skid)" ]

# The path length holds here already.
check "a CA below it" signet '/certificate add name=deep common-name=deep key-usage=key-cert-sign custody=file'
refused "path-length 0 allows none" signet '/certificate sign deep ca=sub'
said 'path-length 0'

# ---- nginx with the key in the TPM, curl ----
ssl_conf
check "the key as a file" signet key write server --out "$T/server.key"
cat $server $sub >"$T/server.pem"
port=$(free_port)
check "the client's key" signet key write client --out "$T/client.key"
check "the thief's key" signet key write thief --out "$T/thief.key"
cat cert_export_client.crt $sub >"$T/client.pem"
cat cert_export_thief.crt $sub >"$T/thief.pem"
# curl is OpenSSL's guest here, not Signet's.
fetch() { OPENSSL_CONF=/dev/null curl -sS --cacert "$FILES/$root" --cert "$T/$1.pem" --key "$T/$1.key" "https://localhost:$port/"; }
nginx_conf "$port" "$T/server.pem" "$T/server.key" "ssl_client_certificate $SIGNET_HOME/trust/bundle.pem;" \
    "ssl_verify_client on;" "ssl_verify_depth 3;"
nginx_start
wait_port "$port" nginx
before=$(tpm_operations)
check "curl verifies the chain" fetch client
said 'TLSv1.3'
[ "$(tpm_operations)" -gt "$before" ] || die "the TPM has signed nothing"
check "nginx verifies the client's, of either key type" fetch thief

# ---- revoked ----
check "revoke" signet '/certificate issued-revoke thief reason=key-compromise'
equal "flags" "$(flags thief)" KIR
equal "nothing is revoked for others before crl-use" "$(wc -c <"$SIGNET_HOME/trust/crl.pem")" 0
check "crl-use" signet '/certificate settings set crl-use=yes'
check "the CRLs of both CAs are in the trust folder" [ "$(grep -c 'BEGIN X509 CRL' "$SIGNET_HOME/trust/crl.pem")" = 2 ]
refused "openssl verify, hashed folder" plain_openssl verify -crl_check_all -CApath "$SIGNET_HOME/trust/hashed" -untrusted $sub cert_export_thief.crt
said 'certificate revoked'
check "the other is not" plain_openssl verify -crl_check_all -CApath "$SIGNET_HOME/trust/hashed" -untrusted $sub cert_export_client.crt
cat cert_export_thief.crt $sub $root >"$T/thief-chain.pem"
refused "certtool" certtool --verify --infile "$T/thief-chain.pem" --load-ca-certificate $root --load-crl "$SIGNET_HOME/trust/crl.pem"
check "nginx stops" nginx -e "$T/nginx-error.log" -c "$T/nginx.conf" -s stop
wait_until "nginx's end" process_gone "${PIDS[-1]}"
nginx_conf "$port" "$T/server.pem" "$T/server.key" "ssl_client_certificate $SIGNET_HOME/trust/bundle.pem;" \
    "ssl_verify_client on;" "ssl_verify_depth 3;" "ssl_crl $SIGNET_HOME/trust/crl.pem;"
nginx_start
wait_port "$port" nginx
check "nginx accepts the one" fetch client
said 'CN=client'
fetch thief >"$OUT" 2>&1 || :
said '400'

# The CRL itself.
plain_openssl crl -in "$SIGNET_HOME/trust/crl.pem" -noout -text >"$OUT" # the root's is the first
said 'X509v3 CRL Number' 'No Revoked Certificates' 'Next Update'
sed -n '/BEGIN/,/END/p' "$SIGNET_HOME/trust/crl.pem" | awk '/BEGIN/ { n++ } n == 2' >"$T/sub.crl"
check "its signature" plain_openssl crl -in "$T/sub.crl" -CAfile $sub -noout
plain_openssl crl -in "$T/sub.crl" -noout -text >"$OUT"
said "Serial Number: $(get thief serial-number)" 'Key Compromise'
check "a new one" signet '/certificate crl generate ca=sub'
equal "its number has gone up" "$(signet '/certificate crl get [find cert=sub] number')" 03

# Removing the certificate does not take it off the list.
check "remove" signet '/certificate remove thief'
check "one more" signet '/certificate crl generate ca=sub'
equal "still listed" "$(signet '/certificate crl get [find cert=sub] revoked')" 1
refused "a root can't be revoked" signet '/certificate issued-revoke root'
# With a CA goes what it has issued, and their keys.
check "remove the root" signet '/certificate remove root'
equal "nothing but the template is left" "$(signet '/certificate print as-value proplist=name')" \
    "$(signet '/certificate print as-value proplist=name where name=deep')"
equal "keys" "$(signet key list | wc -l)" 1
