#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A certificate by ACME from pebble, http-01, in one command, enable-ssl-certificate: what it says, what is in the store
# and bound afterwards; again; with a new key; a port that is taken; and files for a web server that runs.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start
enable=(signet "/certificate enable-ssl-certificate dns-name=router.example.com directory-url=$DIRECTORY")
name=letsencrypt-router.example.com

refused "a CA whose HTTPS certificate nobody trusts" "${enable[@]}"
said 'verif' 'trusted=yes'
equal "nothing was issued" "$(flags $name | tr -d T)" ''
equal "www-ssl has none" "$(signet '/ip service get www-ssl certificate')" ''
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"

check "enable-ssl-certificate" "${enable[@]}"
said '^  progress: ordering a certificate for router.example.com' 'progress: .*the CA has seen the response' \
    '^  progress: \[success\] ssl certificate updated$'
# The CA's root is not known: the chain can't be verified.
equal "flags while nobody knows the CA" "$(flags $name)" KI
pebble_root && cp "$T/root.pem" "$FILES/pebble-root.pem"
check "pebble's root imported" signet '/certificate import file-name=pebble-root.pem name=pebble-root trusted=yes'
equal "flags" "$(flags $name)" K
equal "subject-alt-name" "$(get $name subject-alt-name)" DNS:router.example.com
check "export" signet "/certificate export-certificate $name"
intermediate=$(signet "/certificate print terse proplist=name where name~\"Intermediate\"" | sed 's/.*name=//')
check "the intermediate has joined the store" signet "/certificate export-certificate $intermediate file-name=intermediate"
check "the chain, by OpenSSL alone" plain_openssl verify -CAfile "$T/root.pem" -untrusted "$FILES/intermediate.crt" \
    -purpose sslserver -verify_hostname router.example.com "$FILES/cert_export_$name.crt"

# ---- what it is bound to, and what is told of it ----
equal "www-ssl" "$(signet '/ip service get www-ssl certificate') $(signet '/ip service get www-ssl disabled')" "$name no"
check "print detail" signet "/certificate print detail where name~\"letsencrypt\""
said 'acme-status="?issued"?' 'domain-names="?router.example.com"?' "directory-url=\"?$DIRECTORY\"?"
check "print detail of another" signet "/certificate print detail where name=pebble-root"
if grep -q acme-status "$OUT"; then die "a certificate that ACME has nothing to do with has an acme-status"; fi
check "the log, as the specification looks for it" signet '/log print where message~"acme\|letsencrypt"'
said 'acme: account localhost-[0-9]+ registered' "acme: certificate $name for router.example.com obtained" "www-ssl uses certificate $name"
find "$SIGNET_HOME" -type f ! -path '*/files/*' ! -path '*/trust*' -printf '%m %P\n' | grep -v '^600 ' >"$OUT" || :
equal "files that others may read" "$(<"$OUT")" ''
equal "a key in clear" "$(grep -rlaE 'BEGIN (RSA |EC )?PRIVATE KEY' "$SIGNET_HOME" --exclude='signet.db*' || :)" ''

# ---- again ----
fingerprint() { get $name fingerprint; }
before=$(fingerprint)
exported_key() {
    signet "/certificate export-certificate $name" >"$OUT"
    plain_openssl x509 -in "$FILES/cert_export_$name.crt" -noout -pubkey
}
key=$(exported_key)
check "again: renews" "${enable[@]}"
[ "$(fingerprint)" != "$before" ] || die "the certificate is the one from before"
equal "with the same key" "$(exported_key)" "$key"
before=$(fingerprint)
check "with a new key" signet "/certificate enable-ssl-certificate dns-name=router.example.com directory-url=$DIRECTORY reset-private-key=yes"
[ "$(fingerprint)" != "$before" ] && [ "$(exported_key)" != "$key" ] || die "the key is the one from before"
equal "flags" "$(flags $name)" K
equal "one account served all" "$(signet '/certificate acme account print count-only')" 1
equal "one entry, too" "$(signet '/certificate acme print count-only')" 1
equal "the old keys are gone" "$(sqlite3 "$SIGNET_HOME/signet.db" 'SELECT count(*) FROM key')" 2

# ---- the port is taken ----
mkdir -p "$T/webroot"
cat >"$T/nginx.conf" <<END
pid $T/nginx.pid;
error_log $T/nginx-error.log;
daemon off;
master_process off;
events {}
http {
    access_log $T/access;
    client_body_temp_path $T/www; proxy_temp_path $T/www; fastcgi_temp_path $T/www; uwsgi_temp_path $T/www;
    scgi_temp_path $T/www;
    server { listen 127.0.0.1:$HTTP_PORT; root $T/webroot; }
}
END
spawn nginx nginx -e "$T/nginx-error.log" -c "$T/nginx.conf"
wait_port "$HTTP_PORT" nginx
chmod 755 "$T"
# Of another name: nothing is proved of it so far, whatever pebble keeps of the first.
other=letsencrypt-www.example.com
other() { signet "/certificate enable-ssl-certificate dns-name=www.example.com directory-url=$DIRECTORY"; }
refused "another server has the port" other
said "port $HTTP_PORT" 'webroot'
equal "www-ssl has what it had" "$(signet '/ip service get www-ssl certificate')" $name
equal "acme-status" "$(get $other acme-status)" failed
signet "/certificate acme get [find where certificate=$other] last-error" >"$OUT"
said "port $HTTP_PORT"

# ---- it serves the response ----
check "webroot=" signet "/certificate acme set [find where certificate=$other] webroot=$T/webroot"
check "with the files of nginx" other
equal "flags" "$(flags $other)" K
equal "www-ssl" "$(signet '/ip service get www-ssl certificate')" $other
served=$(grep -c 'GET /.well-known/acme-challenge/[A-Za-z0-9_-]* HTTP/1.1" 200' "$T/access")
[ "$served" -gt 0 ] || die "nginx has not served the response: $(<"$T/access")"
echo "ok: nginx has served the response, $served times"
equal "nothing is left there" "$(find "$T/webroot" -mindepth 1)" ''
equal "acme-status" "$(signet "/certificate acme get [find where certificate=$other] acme-status")" issued
