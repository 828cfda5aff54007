#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command line of the specification (RouterOS's page on certificates), verbatim and in its order, on a router
# without a TPM; what each should have done is looked at from outside.
# Let's Encrypt is pebble, in namespaces of the script's own: see lets_encrypt in ../pebble.sh.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../pebble.sh"
lets_encrypt "$0"
source "$(dirname "$0")/../scep.sh"
source "$(dirname "$0")/../bindings.sh"
store_start
x509() { plain_openssl x509 -in "$FILES/$1" -noout "${@:2}"; }

# spec: runs the lines on its standard input as one console session.
spec() {
    local text flat status=0
    text=$(cat)
    flat=$(sed -e ':a' -e '/\\$/{N;s/\\\n */ /;ba' -e '}' <<<"$text" | tr -s ' ')
    signet run - <<<"$text" >"$OUT" 2>&1 || status=$?
    [ $status -eq 0 ] || { cat "$OUT" >&2 && die "exit status $status of: $text"; }
    if grep -q 'not yet' "$OUT"; then die "\"not yet\" is said to: $text"; fi
    echo "ok: ${flat//$'\n'/; }"
}
# The router's services, by the daemon, at the ports that they have.
serve() {
    spawn signetd "$BUILD/tools/signetd/signetd"
    SIGNETD=$SPAWNED
}
serve_no_more() {
    kill "$SIGNETD"
    check "signetd ends with status 0" wait "$SIGNETD"
}
shows() { # shows NAME: within a while, www-ssl and api-ssl show this certificate
    local port
    for port in 443 8729; do
        wait_until "$1 at port $port" is_shown "$port" "$(get "$1" fingerprint)"
    done
    echo "ok: www-ssl and api-ssl show $1"
}
is_shown() { [ "$(shown "$1")" = "$2" ]; }

# ---- Certificate Store Overview ----
spec <<'END'
/certificate print detail
END

# ---- Creating a Local CA ----
spec <<'END'
/certificate
add name=local-ca common-name="Local CA" \
    key-size=2048 days-valid=3650 \
    key-usage=key-cert-sign,crl-sign
sign local-ca
set local-ca trusted=yes
END
equal "flags of the CA" "$(flags local-ca)" KAT
spec <<'END'
/certificate export-certificate local-ca
END
equal "the export holds no key" "$(ls "$FILES")" cert_export_local-ca.crt
equal "subject" "$(x509 cert_export_local-ca.crt -subject -nameopt RFC2253)" "subject=CN=Local CA"
said_x509() {
    x509 "$1" -ext basicConstraints,keyUsage,extendedKeyUsage,subjectAltName,subjectKeyIdentifier,authorityKeyIdentifier >"$OUT"
    shift
    said "$@"
}
said_x509 cert_export_local-ca.crt 'Basic Constraints: critical' 'CA:TRUE' 'Key Usage: critical' 'Certificate Sign, CRL Sign'
check "it is valid for ten years, not longer" bash -c "! '$REAL_OPENSSL' x509 -in '$FILES/cert_export_local-ca.crt' -checkend $((3651 * 86400)) &&
    '$REAL_OPENSSL' x509 -in '$FILES/cert_export_local-ca.crt' -checkend $((3649 * 86400))"
check "the trust store has it" plain_openssl verify -CApath "$SIGNET_HOME/trust/hashed" "$FILES/cert_export_local-ca.crt"
spec <<'END'
/certificate export-certificate local-ca export-passphrase="strong-passphrase"
END
equal "PKCS #8, encrypted" "$(head -1 "$FILES/cert_export_local-ca.key")" "-----BEGIN ENCRYPTED PRIVATE KEY-----"
( # the specification's own OpenSSL command
    cd "$FILES"
    check "openssl pkcs12 takes the two files" plain_openssl pkcs12 -export \
        -in cert_export_local-ca.crt \
        -inkey cert_export_local-ca.key \
        -passin pass:strong-passphrase \
        -out local-ca.p12 \
        -passout pass:strong-passphrase
)

# ---- Generating and Signing Server Certificates ----
spec <<'END'
/certificate
add name=router-tls common-name=router.example.com \
    subject-alt-name=DNS:router.example.com,IP:192.168.88.1 \
    key-size=2048 days-valid=825 \
    key-usage=digital-signature,key-encipherment,tls-server
sign router-tls ca=local-ca
END
equal "flags of the certificate" "$(flags router-tls)" K
check "export" signet '/certificate export-certificate router-tls'
said_x509 cert_export_router-tls.crt 'CA:FALSE' 'Digital Signature, Key Encipherment' 'TLS Web Server Authentication' \
    'DNS:router.example.com, IP Address:192.168.88.1'
check "its chain" plain_openssl verify -CAfile "$FILES/cert_export_local-ca.crt" -purpose sslserver \
    -verify_hostname router.example.com "$FILES/cert_export_router-tls.crt"
check "its chain, by address" plain_openssl verify -CApath "$SIGNET_HOME/trust/hashed" -verify_ip 192.168.88.1 \
    "$FILES/cert_export_router-tls.crt"

# ---- Using a Certificate from an External CA ----
(
    cd "$T"
    plain_openssl req -newkey rsa:2048 -nodes -keyout router.key \
        -out router.csr \
        -subj "/CN=router.example.com" \
        -config <(printf '[req]\ndistinguished_name = dn\n[dn]\n') \
        -addext "subjectAltName=DNS:router.example.com" 2>/dev/null
)
external_ca() { # external_ca NAME: a root of somebody else
    plain_openssl req -x509 -newkey rsa:2048 -nodes -config <(printf '%s\n' '[req]' 'distinguished_name = dn' \
        'x509_extensions = ca' '[dn]' '[ca]' 'basicConstraints = critical, CA:TRUE' 'keyUsage = keyCertSign, cRLSign' \
        'subjectKeyIdentifier = hash') -subj "/CN=$1" -days 30 -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
}
external_cert() { # external_cert NAME CA: its key and certificate
    plain_openssl req -new -newkey rsa:2048 -nodes -keyout "$T/$1.key" -out "$T/$1.csr" -subj "/CN=$1" \
        -config <(printf '[req]\ndistinguished_name = dn\n[dn]\n') 2>/dev/null
    plain_openssl x509 -req -in "$T/$1.csr" -CA "$T/$2.pem" -CAkey "$T/$2.key" -days 20 -out "$T/$1.crt" 2>/dev/null
}
external_ca my-ca
plain_openssl x509 -req -in "$T/router.csr" -CA "$T/my-ca.pem" -CAkey "$T/my-ca.key" -days 20 -copy_extensions copy \
    -out "$T/router.crt" 2>/dev/null
cp "$T/router.crt" "$T/router.key" "$FILES"
spec <<'END'
/certificate import file-name=router.crt
/certificate import file-name=router.key passphrase=""
END
said 'certificates-imported: 1' 'private-keys-imported: 1'
check "the flag K appears" [ "$(flags router | tr -d I)" = K ]
check "the key is the certificate's" bash -c "cmp <('$BUILD/tools/signet' key write router | '$REAL_OPENSSL' pkey -pubout) \
    <('$REAL_OPENSSL' x509 -in '$T/router.crt' -noout -pubkey)"

# ---- Importing External Certificates ----
cp "$T/my-ca.pem" "$FILES"
spec <<'END'
/certificate import file-name=my-ca.pem
/certificate set my-ca trusted=yes
END
equal "flags of the imported CA" "$(flags my-ca)" AT
equal "the chain of what it issued can be verified now" "$(flags router)" K
check "the trust bundle has it" grep -qF "$(sed -n 2p "$T/my-ca.pem")" "$SIGNET_HOME/trust/bundle.pem"

check "make room for a bundle of the same name" signet '/certificate remove router'
plain_openssl pkcs12 -export -in "$T/router.crt" -inkey "$T/router.key" -certfile "$T/my-ca.pem" -out "$FILES/router.p12" \
    -passout pass:secret
check "a wrong passphrase is no failure of the command" signet '/certificate import file-name=router.p12 passphrase=wrong'
said 'private-keys-imported: 0' 'certificates-imported: 0' 'decryption-failures: 1' 'the passphrase is wrong'
spec <<'END'
/certificate import file-name=router.p12 passphrase=secret
END
equal "flags from the bundle" "$(flags router)" K
spec <<'END'
/certificate import file-name=router.crt
/certificate import file-name=router.key passphrase=""
/certificate print detail where name=router-tls
END
said 'name="router-tls"' 'subject-alt-name="DNS:router.example.com,IP:192.168.88.1"'

# ---- ACME / Let's Encrypt ----
pebble_trust
spec <<'END'
/certificate enable-ssl-certificate dns-name=router.example.com
END
spec <<'END'
/certificate enable-ssl-certificate dns-name=router.example.com \
    directory-url=https://acme-staging-v02.api.letsencrypt.org/directory
END
check "pebble's HTTPS CA is not for what follows" signet '/certificate remove pebble-https'
spec <<'END'
/certificate print detail where name~"letsencrypt"
/ip service print where name=www-ssl
END
said 'name="letsencrypt-router.example.com".* acme-status="?issued' 'www-ssl +443 .*letsencrypt-router.example.com'

# Its front is at the port that www-ssl has.
stop "$(<"$T/front.pid")"

# ---- Binding Certificates to Services ----
spec <<'END'
/ip service set www-ssl certificate=router-tls disabled=no tls-version=only-1.2
/ip service set api-ssl certificate=router-tls disabled=no tls-version=only-1.2
END
serve
shows router-tls
check "TLS 1.2" plain_openssl s_client -connect 127.0.0.1:443 -tls1_2
refused "TLS 1.3" plain_openssl s_client -connect 127.0.0.1:443 -tls1_3
serve_no_more
equal "what is kept of it" "$(signet '/ip service print as-value proplist=name,certificate,tls-version,disabled where name~"ssl"')" \
    '.id=*5;name=www-ssl;certificate=router-tls;tls-version=only-1.2;disabled=no;.id=*8;name=api-ssl;certificate=router-tls;tls-version=only-1.2;disabled=no'
spec <<'END'
/ip service disable www,api,telnet,ftp
END
equal "disabled" "$(signet '/ip service print count-only where disabled')" 6
# None of the services runs here, and their folders are not to be touched: bindings_sstp.sh, bindings_hotspot.sh and
# bindings_dns.sh have them run.
service_file sstp-server "s|/var/lib/softether|$T/softether|; s|^running = .*|running = pidfile $T/no.pid|"
service_file hotspot "s|/etc/nginx/conf.d/|$T/conf.d/|; s|/etc/nginx/nginx.conf|$T/hotspot.conf|; s|/run/nginx.pid|$T/no.pid|"
service_file dns-doh "s|/etc/dnsdist/signet|$T/dnsdist|; s|/etc/dnsdist/dnsdist.conf|$T/dnsdist.conf|; s|^running = .*|running = pidfile $T/no.pid|" \
    's|^reload = .*|reload = /bin/false|'
echo "events {} http { include $T/conf.d/*.conf; }" >"$T/hotspot.conf"
echo "dofile('$T/dnsdist/doh.lua')" >"$T/dnsdist.conf"
spec <<'END'
/interface sstp-server server set certificate=router-tls enabled=yes
/ip hotspot profile set default ssl-certificate=router-tls login-by=https,http-pap
END
equal "SSTP" "$(signet '/interface sstp-server server get certificate')" router-tls
check "the files" grep -q "listen 127.0.0.1:443 ssl" "$T"/conf.d/*.conf
equal "hotspot" "$(signet '/ip hotspot profile get default ssl-certificate')" router-tls
external_ca doh-ca
cp "$T/doh-ca.pem" "$FILES"
spec <<'END'
/certificate import file-name=doh-ca.pem
/certificate set doh-ca trusted=yes
/ip dns set use-doh-server="https://dns.example.com/dns-query" verify-doh-cert=yes
END
check "dnsdist's" grep -q 'dohPath="/dns-query", validateCertificates=true' "$T/dnsdist/doh.lua"
equal "DoH" "$(signet '/ip dns get use-doh-server')" https://dns.example.com/dns-query

# ---- SCEP Server ----
spec <<'END'
/ip service enable www
END
spec <<'END'
/certificate scep-server
add ca-cert=local-ca path=/scep/
END
equal "disabled by default" "$(signet '/certificate scep-server get 0 disabled')" yes
spec <<'END'
/certificate scep-server enable 0
END
equal "enabled" "$(signet '/certificate scep-server get 0 disabled')" no
# Network devices enrol there: strongSwan by the password, scepclient, which knows nothing better than DES, by hand.
check "a challenge" signet '/certificate scep-server set 0 challenge-password=challenge allow-des=yes'
scep_serve
check "strongSwan takes the CA's certificate" pki --scepca --url "$SCEP_URL" --caout "$T/scep-ca.crt"
scep_key switch
check "strongSwan enrols" pki --scep --url "$SCEP_URL" --in "$T/switch.key" --dn CN=switch.example.com --san switch.example.com \
    --password challenge --cacert-enc "$T/scep-ca.crt" --cacert-sig "$T/scep-ca.crt" --outform pem
said 'BEGIN CERTIFICATE'
mkdir "$T/access-point"
(cd "$T/access-point" && check "scepclient enrols" scepclient -server-url "$SCEP_URL" -private-key ap.key -certificate ap.crt \
    -challenge challenge -cn ap)
check "its certificate is the local CA's" plain_openssl verify -CAfile "$FILES/cert_export_local-ca.crt" "$T/access-point/ap.crt"
spec <<'END'
/certificate scep-server print detail
END
said 'ca-cert="local-ca" path="/scep/"' 'request-lifetime=1h'
spec <<'END'
/log print where message~"scep"
END
said 'PKCSReq for "CN=switch.example.com": issued' 'PKCSReq for ".*CN=ap.*": issued'
scep_end

# ---- Trust Store Management ----
external_ca corp-ca
cp "$T/corp-ca.pem" "$FILES"
spec <<'END'
/certificate import file-name=corp-ca.pem
/certificate set corp-ca trusted=yes
/certificate settings set crl-use=yes
END
equal "crl-use" "$(signet '/certificate settings get crl-use')" yes
equal "roots in the trust store" "$(find "$SIGNET_HOME/trust/hashed/" -name '*.0' | wc -l)" 4

# ---- Certificate Renewal ----
spec <<'END'
/certificate print detail where name~"letsencrypt"
/log print where message~"acme\|letsencrypt"
/certificate scep-server print detail
/log print where message~"scep"
# Find expiring certificates
/certificate print where expired
/certificate print detail where name=router-tls
END
spec <<'END'
# Issue a new certificate
/certificate
add name=router-tls-new common-name=router.example.com \
    subject-alt-name=DNS:router.example.com,IP:192.168.88.1 \
    key-size=2048 days-valid=825 \
    key-usage=digital-signature,key-encipherment,tls-server
sign router-tls-new ca=local-ca
# Re-bind services to the new certificate
/ip service set www-ssl certificate=router-tls-new
/ip service set api-ssl certificate=router-tls-new
/interface sstp-server server set certificate=router-tls-new
END
new=$(get router-tls-new fingerprint)
serve
shows router-tls-new
spec <<'END'
# Remove the old certificate
/certificate remove router-tls
/certificate set router-tls name=router-tls
END
equal "the new certificate has the old one's name" "$(get router-tls fingerprint)" "$new"
equal "the services' setting has followed it" "$(signet '/ip service get www-ssl certificate')" router-tls
equal "a setting that named the removed one is empty" "$(signet '/ip hotspot profile get default ssl-certificate')" ''

# ---- Imported Certificates: Re-import ----
external_cert router-new my-ca
external_cert router-old my-ca
plain_openssl pkcs12 -export -in "$T/router-new.crt" -inkey "$T/router-new.key" -out "$FILES/router-new.p12" -passout pass:secret
cp "$T/router-old.crt" "$FILES"
check "there is an old one" signet '/certificate import file-name=router-old.crt'
spec <<'END'
/certificate import file-name=router-new.p12 passphrase=secret
END
spec <<'END'
# Confirm K flag present
/certificate print detail where name~"router-new"
END
said '^ 0 K +name="router-new"'
spec <<'END'
# Re-bind services
/ip service set www-ssl certificate=router-new
/ip service set api-ssl certificate=router-new
END
shows router-new
serve_no_more
spec <<'END'
# Remove old cert
/certificate remove router-old
END
equal "it is gone" "$(signet '/certificate print count-only where name=router-old')" 0

# ---- Troubleshooting ----
# The name in the specification's URL is brought here by a proxy.
port=$(free_port)
mkdir -p "$T/www"
cat >"$T/nginx.conf" <<END
user root root;
pid $T/nginx.pid;
error_log $T/nginx-error.log;
daemon off;
events {}
http {
    access_log off;
    client_body_temp_path $T/www; proxy_temp_path $T/www; fastcgi_temp_path $T/www; uwsgi_temp_path $T/www;
    scgi_temp_path $T/www;
    server { listen 127.0.0.1:$port; location / { return 200 "it is router.example.com\n"; } }
}
END
spawn nginx nginx -e "$T/nginx-error.log" -c "$T/nginx.conf"
wait_port "$port" nginx
http_proxy=http://127.0.0.1:$port spec <<'END'
/tool fetch url="http://router.example.com/"
END
said 'status: finished'
equal "what was fetched" "$(<"$FILES/index.html")" "it is router.example.com"
spec <<'END'
/file print where name~"router"
END
said 'router\.p12' 'router-new\.p12' 'cert_export_router-tls\.crt'
spec <<'END'
/certificate print detail
/certificate print where expired
END
