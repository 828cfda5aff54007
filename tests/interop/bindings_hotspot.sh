#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# /ip hotspot profile: nginx shows a captive portal's login page with the certificate of the profile, as a browser that
# knows the local CA would see it, and hands what is sent to the portal's program.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
store_start
local_ca
local_cert router-tls
port=$(free_port)
backend=$(free_port)
mkdir -p "$T/conf.d" "$T/www"
cat >"$T/nginx.conf" <<END
pid $T/nginx.pid;
error_log $T/nginx-error.log;
events {}
http {
    access_log off;
    client_body_temp_path $T/www; proxy_temp_path $T/www; fastcgi_temp_path $T/www; uwsgi_temp_path $T/www; scgi_temp_path $T/www;
    include $T/conf.d/*.conf;
    server { listen 127.0.0.1:$backend; location = /login { return 200 "logged in as \$http_x_real_ip\n"; } }
}
END
# The built-in file, but for where nginx is here.
service_file hotspot "s|/etc/nginx/conf.d/|$T/conf.d/|; s|/etc/nginx/nginx.conf|$T/nginx.conf|; s|/run/nginx.pid|$T/nginx.pid|" \
    "s|port port 443|port port $port|; s|127.0.0.1:8002|127.0.0.1:$backend|; s|/etc/ssl/openssl.cnf|/dev/null|"
profile() { signet "/ip hotspot profile set default $*"; }
page() { curl -sS --fail --cacert "$T/local-ca.pem" "$@"; }

check "login-by without https: nothing to do" profile login-by=http-pap
equal "no binding" "$(signet '/certificate binding print count-only')" 0
spawn nginx nginx -e "$T/nginx-error.log" -c "$T/nginx.conf" -g 'daemon off;'
wait_port "$backend" nginx
check "the specification's line" profile ssl-certificate=router-tls login-by=https,http-pap
said 'hotspot: router-tls: is served, as a handshake shows'
equal "what is shown" "$(shown "$port")" "$(get router-tls fingerprint)"
check "the login page" page "https://localhost:$port/any/where"
said '<form method="post" action="/login">' 'name="username"' 'name="password" type="password"'
check "its headers" page -o /dev/null -D - "https://localhost:$port/"
said 'Content-Type: text/html' "default-src 'none'" 'Cache-Control: no-store'
check "what is sent" page -d username=a -d password=b "https://localhost:$port/login"
said 'logged in as 127.0.0.1'
check "what is bound where" signet '/certificate binding print'
said '0 +router-tls +hotspot +served'
check "a name for the portal" profile dns-name=localhost
check "nginx has it" grep -q 'server_name localhost;' "$T"/conf.d/*.conf
before=$(cat "$T"/conf.d/*.conf)
refused "a name that is more than one" profile 'dns-name="a; } server { listen 1;"'
said "dns-name: expected a host's name"
refused "an address that is none" profile 'hotspot-address="127.0.0.1 default_server"'
equal "the setting is the old one" "$(signet '/ip hotspot profile get default dns-name')" localhost
equal "nginx's configuration" "$(cat "$T"/conf.d/*.conf)" "$before"
check "the page is still there" page -o /dev/null "https://localhost:$port/"

# ---- switched off ----
closed() { ! port_open "$port"; }
snippet=$(echo "$T"/conf.d/*.conf)
folder=$(echo "$SIGNET_HOME"/services/hotspot-*)
check "a key is there" test -s "$folder/key.pem"
cp "$T/nginx.conf" "$T/nginx.good"
echo 'nonsense on;' >>"$T/nginx.conf"
refused "off, while nginx takes no configuration" profile login-by=http-pap
said 'nonsense.*the old files are back' 'the service goes on as it was'
check "the page is still there" page -o /dev/null "https://localhost:$port/"
cp "$T/nginx.good" "$T/nginx.conf"
check "without https" profile login-by=http-pap
said 'hotspot: router-tls: is taken away from the service'
wait_until "nobody listens any more" closed
equal "what nginx has of it" "$(stat -c %s "$snippet")" 0
check "no key" test ! -e "$folder/key.pem"
equal "the binding" "$(binding 0 disabled) $(binding 0 status)" 'yes withdrawn'
check "nothing is due" signet '/certificate binding apply'
said 'applied: 0'
mark=$(signet '/log print where message~"withdrawn"' | wc -l)
check "once more" profile login-by=http-pap
equal "nothing more was done" "$(signet '/log print where message~"withdrawn"' | wc -l)" "$mark"
check "on again" profile login-by=https
said 'hotspot: router-tls: is served, as a handshake shows'
check "the page is there" page -o /dev/null "https://localhost:$port/"
check "without a certificate" profile ssl-certificate=none
wait_until "nobody listens any more" closed

# ---- a profile that is removed ----
check "another profile" signet '/ip hotspot profile add name=guests dns-name=localhost ssl-certificate=router-tls login-by=https'
said 'hotspot: router-tls: is served'
check "the page is there" page -o /dev/null "https://localhost:$port/"
equal "bindings" "$(signet '/certificate binding print count-only')" 2
check "removed" signet '/ip hotspot profile remove guests'
wait_until "nobody listens any more" closed
equal "bindings" "$(signet '/certificate binding print count-only')" 1
equal "files" "$(ls "$T/conf.d")" "${snippet##*/}"
equal "keys" "$(find "$SIGNET_HOME/services" "$SIGNET_HOME/bindings-old" -type f 2>/dev/null)" ''
