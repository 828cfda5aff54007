#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A service keeps up with its certificate by itself: nginx serves what is in live/www, a deploy-hook has it read again
# after each renewal, and a client that connects all the time is never refused. Certificates live for a minute; a loop
# stands for the timer.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
tpm_start
tpm_srk
ssl_conf
store_start
LIFETIME=60 pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
pebble_root
cp "$T/root.pem" "$FILES"
check "the root of its certificates imported" signet '/certificate import file-name=root.pem name=pebble-root'
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
kept() { signet "/certificate acme get [find where certificate=www] $1"; }
live=$SIGNET_HOME/live/www

# What the hook is told is kept. It fails if there is $T/fail, and kills signet if there is $T/kill. nginx -s reload tries
# the configuration, so it needs the openssl.cnf of the service: that of whoever runs signet does not reach a hook.
cat >"$T/reload" <<END
#!/bin/sh
echo "\$@" >>"$T/calls"
[ ! -e "$T/fail" ] || { echo "nginx is out of order"; exit 3; }
[ ! -e "$T/kill" ] || kill -9 "\$PPID"
[ ! -e "$T/nginx.pid" ] || OPENSSL_CONF=$OPENSSL_CONF exec nginx -e "$T/nginx-error.log" -c "$T/nginx.conf" -s reload
END
chmod 755 "$T/reload"

# ---- what the service gets ----
refused "a hook without its path" signet "/certificate add-acme name=www domain-names=www.example.com directory-url=$DIRECTORY deploy-hook=reload"
said 'deploy-hook must be an absolute path'
check "a certificate with its key in the TPM" signet "/certificate add-acme name=www domain-names=www.example.com,127.0.0.1 directory-url=$DIRECTORY custody=tpm reuse-key=no renew-percent=10 live=yes deploy-hook=$T/reload"
equal "the hook was told" "$(<"$T/calls")" "deploy www $live"
equal "modes" "$(stat -Lc %a "$SIGNET_HOME/live" "$live" "$live/fullchain.pem" "$live/key.pem" | paste -sd' ')" '700 700 600 600'
equal "files" "$(find "$live/" -mindepth 1 -printf '%f\n' | sort | paste -sd' ')" 'fullchain.pem key.pem'
equal "the certificate and its issuer, no root" "$(grep -c BEGIN "$live/fullchain.pem")" 2
check "the chain is good" plain_openssl verify -CAfile "$T/root.pem" -untrusted "$live/fullchain.pem" "$live/fullchain.pem"
equal "the key as the TPM wraps it" "$(head -n 1 "$live/key.pem")" '-----BEGIN TSS2 PRIVATE KEY-----'
equal "the certificate is the key's" "$(openssl pkey -in "$live/key.pem" -pubout)" "$(plain_openssl x509 -in "$live/fullchain.pem" -noout -pubkey)"
generations() { find "$SIGNET_HOME/live" -mindepth 1 -maxdepth 1 -name '.*' | wc -l; }
equal "nothing else is there" "$(generations)" 1

# ---- three renewals ----
port=$(free_port)
MAIN='worker_processes 1;' nginx_conf "$port" "$live/fullchain.pem" "$live/key.pem"
nginx_start
wait_port "$port"
# Prints the serial number of each certificate that it is served, or what went wrong. A handshake counts when it is
# complete and the chain is good: a worker of nginx's that is replaced closes connections that have sent no request yet,
# as these do not, without a word, and s_client then ends with 1.
client() {
    while [ ! -e "$T/enough" ]; do
        plain_openssl s_client -connect "127.0.0.1:$port" -CAfile "$T/root.pem" -verify_return_error \
            -verify_ip 127.0.0.1 </dev/null >"$T/handshake" 2>&1 || :
        if grep -q '^New, TLSv1.3' "$T/handshake" && grep -q '^Verify return code: 0 (ok)' "$T/handshake"; then
            plain_openssl x509 -noout -serial -in "$T/handshake"
        else
            echo FAILED
            cat "$T/handshake"
        fi
    done
}
timer() {
    while [ ! -e "$T/enough" ]; do
        signet '/certificate acme-renew' || echo "FAILED: exit status $?"
        sleep 1
    done
}
client >"$T/client.log" 2>&1 &
client=$!
timer >"$T/timer.log" 2>&1 &
timer=$!
PIDS+=("$client" "$timer")
serials() { sort -u "$T/client.log" | wc -l; }
for renewal in 1 2 3; do
    wait_until "renewal $renewal is served" eval "[ \$(serials) -gt $renewal ]"
    echo "ok: renewal $renewal is served"
done
touch "$T/enough"
wait "$client" "$timer"
if grep -m 1 -A 20 FAILED "$T/client.log"; then die "a handshake failed"; fi
echo "ok: $(wc -l <"$T/client.log") handshakes, none failed"
served() { plain_openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | plain_openssl x509 -noout -fingerprint; }
wait_until "the last one is served" eval '[ "$(served)" = "$(plain_openssl x509 -noout -fingerprint -in "$live/fullchain.pem")" ]'
if grep -E 'FAILED|failure' "$T/timer.log"; then die "acme-renew failed"; fi
if grep -E '\[(alert|crit|emerg)\]' "$T/nginx-error.log"; then die "nginx complains"; fi
equal "nothing else is there" "$(generations)" 1

# ---- a hook that fails ----
touch "$T/fail"
refused "the certificate is renewed, the hook fails" signet '/certificate acme-renew www'
said 'deploy-hook .*/reload deploy: exit status 3: nginx is out of order'
equal "acme-status" "$(kept acme-status) $(kept deploy-pending)" 'issued yes'
kept last-error >"$OUT"
said 'deploy-hook .*exit status 3: nginx is out of order'
check "the log" signet '/log print where message~"deploy-hook"'
said 'exit status 3'
check "it is not due for long" signet '/certificate acme set [find where certificate=www] renew-percent=95'
orders=$(pebble_orders)
refused "acme-renew calls it again" signet '/certificate acme-renew'
said 'exit status 3'
rm "$T/fail"
calls=$(wc -l <"$T/calls")
check "until it succeeds" signet '/certificate acme-renew'
equal "nothing is pending" "$(kept deploy-pending)$(kept last-error)" ''
check "then it is not called" signet '/certificate acme-renew'
equal "calls" "$(wc -l <"$T/calls")" $((calls + 1))
equal "orders" "$(pebble_orders)" "$orders"
touch "$T/kill"
check "a process that ends before its hook does" bash -c "! $BUILD/tools/signet '/certificate acme-renew www'"
rm "$T/kill"
equal "it is pending" "$(kept acme-status) $(kept deploy-pending)" 'issued yes'
calls=$(wc -l <"$T/calls")
check "the next one calls it" signet '/certificate acme-renew'
equal "calls" "$(wc -l <"$T/calls")" $((calls + 1))
cp "$T/reload" "$T/anybodys"
chmod 777 "$T/anybodys"
check "another hook" signet "/certificate acme set [find where certificate=www] deploy-hook=$T/anybodys"
refused "it can be written by everybody" signet '/certificate acme-renew'
said 'deploy-hook .*others can write it'

# ---- what goes ----
mkdir "$SIGNET_HOME/live/.live.killed"
touch "$SIGNET_HOME/live/.live.killed/key.pem"
check "what a killed process left" signet '/certificate print'
equal "it is swept" "$(generations)" 1
check "live=no" signet '/certificate acme set [find where certificate=www] deploy-hook="" live=no; /certificate acme-renew'
equal "no folder" "$(ls -A "$SIGNET_HOME/live")" ''
check "live=yes" signet '/certificate acme set [find where certificate=www] live=yes; /certificate acme-renew'
check "it is there again" test -s "$live/key.pem"
check "the certificate is removed" signet '/certificate remove www'
check "the next command" signet '/certificate print'
equal "no folder" "$(ls -A "$SIGNET_HOME/live")" ''
