#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# /tool fetch and /certificate crl download, from nginx: HTTPS is verified with what the store trusts for fetching, and
# what comes is bounded and whole.
. "$(dirname "$0")/../lib.sh"

store_start
check "nobody else's roots" signet '/certificate settings set builtin-trust-store=none'
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=prime256v1 custody=file; /certificate sign ca'
check "a server" signet '/certificate add name=www common-name=localhost subject-alt-name=DNS:localhost key-usage=tls-server key-size=prime256v1 custody=file; /certificate sign www ca=ca'
check "its certificate" signet '/certificate export-certificate www'
check "its key" signet key write www --out "$T/www.key"

# Another CA, whose CRL is to be downloaded.
C=$T/other
mkdir -p "$C" "$T/www"
: >"$C/index.txt"
echo 01 >"$C/serial"
echo 01 >"$C/crlnumber"
printf '%s\n' '[ca]' 'default_ca = it' '[it]' "database = $C/index.txt" "serial = $C/serial" "crlnumber = $C/crlnumber" \
    "new_certs_dir = $C" 'default_md = sha256' 'default_crl_days = 5' 'default_days = 5' 'policy = any' '[any]' 'commonName = supplied' \
    '[req]' 'distinguished_name = dn' '[dn]' '[v3]' 'basicConstraints = critical, CA:TRUE' 'subjectKeyIdentifier = hash' >"$C/ca.cnf"
plain_openssl req -x509 -newkey rsa:2048 -nodes -config "$C/ca.cnf" -extensions v3 -subj /CN=other -days 9 -keyout "$C/ca.key" -out "$C/ca.pem" 2>"$OUT"
plain_openssl req -new -newkey rsa:2048 -nodes -config "$C/ca.cnf" -subj /CN=bad -keyout "$C/bad.key" -out "$C/bad.csr" 2>"$OUT"
plain_openssl ca -batch -config "$C/ca.cnf" -cert "$C/ca.pem" -keyfile "$C/ca.key" -in "$C/bad.csr" -out "$C/bad.pem" -notext 2>"$OUT"
crl() {
    plain_openssl ca -config "$C/ca.cnf" -cert "$C/ca.pem" -keyfile "$C/ca.key" -gencrl -out "$C/crl.pem" 2>"$OUT"
    plain_openssl crl -in "$C/crl.pem" -outform DER -out "$T/www/other.crl"
}
crl
echo hello >"$T/www/hello"
dd if=/dev/zero of="$T/www/large" bs=1M count=40 status=none

http=$(free_port)
https=$(free_port)
cat >"$T/nginx.conf" <<END_CONF
user $(id -un) $(id -gn); # its workers read our folder
pid $T/nginx.pid;
error_log $T/nginx-error.log;
events {}
http {
    access_log off;
    client_body_temp_path $T/tmp; proxy_temp_path $T/tmp; fastcgi_temp_path $T/tmp; uwsgi_temp_path $T/tmp; scgi_temp_path $T/tmp;
    root $T/www;
    server { listen 127.0.0.1:$http; location = /loop { return 302 /loop; } }
    server {
        listen 127.0.0.1:$https ssl;
        ssl_certificate $FILES/cert_export_www.crt;
        ssl_certificate_key $T/www.key;
        location = /down { return 302 http://localhost:$http/hello; }
    }
}
END_CONF
nginx_start
wait_port "$http" nginx

# ---- fetch ----
check "HTTP" signet "/tool fetch url=http://localhost:$http/hello"
equal "the file" "$(<"$FILES/hello")" hello
equal "its mode" "$(stat -c %a "$FILES/hello")" 600
refused "HTTPS of a CA that nobody trusts" signet "/tool fetch url=https://localhost:$https/hello dst-path=secure"
said 'certificate|issuer'
[ ! -e "$FILES/secure" ] || die "a file was written all the same"
check "trust it, for other things" signet '/certificate set ca trusted=yes trust-store=dns'
refused "still not to fetch" signet "/tool fetch url=https://localhost:$https/hello dst-path=secure"
check "trust it to fetch" signet '/certificate set ca trust-store=fetch'
check "HTTPS" signet "/tool fetch url=https://localhost:$https/hello dst-path=secure"
equal "the file" "$(<"$FILES/secure")" hello
refused "another name than the certificate's" signet "/tool fetch url=https://127.0.0.1:$https/hello dst-path=x"
refused "what is not there" signet "/tool fetch url=http://localhost:$http/none dst-path=x"
said 404
refused "nobody listens" signet "/tool fetch url=http://localhost:1/ dst-path=x"
refused "redirects without end" signet "/tool fetch url=http://localhost:$http/loop dst-path=x"
refused "a redirect from HTTPS to HTTP" signet "/tool fetch url=https://localhost:$https/down dst-path=x"
refused "larger than is taken" signet "/tool fetch url=http://localhost:$http/large dst-path=x"
refused "a file of this machine" signet "/tool fetch url=file:///etc/hostname dst-path=x"
refused "out of the folder" signet "/tool fetch url=http://localhost:$http/hello dst-path=../x"
equal "none of them was written" "$(find "$SIGNET_HOME" -name 'x*')" ''

# ---- CRLs ----
cp "$C/ca.pem" "$FILES/other.pem"
cp "$C/bad.pem" "$FILES/bad.pem"
check "the other CA" signet '/certificate import file-name=other.pem trusted=yes; /certificate import file-name=bad.pem; /certificate settings set crl-use=yes'
equal "what it has issued is valid" "$(flags bad)" ''
check "where its CRL is" signet "/certificate crl add url=http://localhost:$http/other.crl"
check "download" signet '/certificate crl download'
equal "nothing is revoked" "$(flags bad)" ''
equal "the CA has its flag" "$(flags other)" ALT
plain_openssl ca -config "$C/ca.cnf" -cert "$C/ca.pem" -keyfile "$C/ca.key" -revoke "$C/bad.pem" 2>"$OUT"
crl
check "download again" signet '/certificate crl download'
equal "revoked" "$(flags bad)" IR
echo damaged >"$T/www/other.crl"
refused "a CRL that is none" signet '/certificate crl download'
equal "the one before is still there" "$(flags bad)" IR
