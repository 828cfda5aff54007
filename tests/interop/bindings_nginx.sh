#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A certificate is bound to nginx: it is written, nginx is reloaded, and a handshake has to show it, or the old one comes
# back. With a key in a file and one in the TPM, a check that fails, a reload that does nothing, and processes that are
# killed in the middle.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../bindings.sh"
tpm_start
tpm_srk
ssl_conf
store_start
local_ca
local_cert one
local_cert two
port=$(free_port)
folder=$T/tls
nginx_conf "$port" "$folder/fullchain.pem" "$folder/key.pem"
parameters="folder=$folder,config=$T/nginx.conf,pidfile=$T/nginx.pid,openssl-conf=$OPENSSL_CONF,port=$port"

# ---- a service that is stopped is not started ----
check "bound to a service that does not run" signet "/certificate binding add certificate=one service=nginx parameters=\"$parameters\""
said 'nginx: one: is written; the service does not run'
equal "status" "$(binding 0 status)" stopped
equal "it does not run" "$(port_open "$port" && echo runs)" ''
equal "modes" "$(stat -c %a "$folder/fullchain.pem" "$folder/key.pem" | paste -sd' ')" '644 600'
nginx_start
wait_port "$port"
check "it runs now" signet '/certificate binding apply'
said 'is served, as a handshake shows'
check "print" signet '/certificate binding print'
said '^ *0 +one +nginx +served +20[0-9-]+ '
equal "the files" "$(binding 0 files)" "$folder/fullchain.pem,$folder/key.pem"

# ---- another one ----
check "another certificate" signet '/certificate binding set 0 certificate=two'
said 'nginx: two: is served, as a handshake shows'
equal "what is shown" "$(shown "$port")" "$(get two fingerprint)"
check "the log" signet '/log print where message~"binding nginx: two: served"'
said 'binding nginx: two: served'
check "verify" signet '/certificate binding verify 0'
mark=$(signet '/log print count-only')
check "nothing is due" signet '/certificate binding apply'
said 'applied: 0'
equal "and nothing is logged" "$(signet '/log print count-only')" "$mark"
check "a key in the TPM" signet '/certificate add name=in-tpm copy-from=one custody=tpm
    /certificate sign in-tpm ca=local-ca
    /certificate binding set 0 certificate=in-tpm'
equal "what is shown" "$(shown "$port")" "$(get in-tpm fingerprint)"
mark=$(tpm_mark)
equal "a handshake" "$(shown "$port")" "$(get in-tpm fingerprint)"
equal "is signed in the TPM" "$(tpm_operations "$mark")" 1

# ---- a pidfile is not believed ----
cp "$T/nginx.pid" "$T/nginx.pid.good"
sleep 600 &
stranger=$!
PIDS+=("$stranger")
echo "$stranger" >"$T/nginx.pid"
check "a pidfile that names somebody else" signet '/certificate binding set 0 certificate=one'
said 'nginx: one: is written; the service does not run'
check "who gets no signal" kill -0 "$stranger"
cp "$T/nginx.pid.good" "$T/nginx.pid"
check "the right one" signet '/certificate binding set 0 certificate=two'
equal "what is shown" "$(shown "$port")" "$(get two fingerprint)"

# ---- names and removal: a binding is to the certificate, not to a name ----
check "renamed" signet '/certificate set two name=zwei'
check "bound by its new name" signet '/certificate binding set 0 certificate=zwei'
check "renamed again" signet '/certificate set zwei name=two'
equal "the binding follows" "$(binding 0 certificate)" two

# ---- a configuration that is not good ----
cp "$T/nginx.conf" "$T/nginx.good"
echo 'nonsense on;' >>"$T/nginx.conf"
refused "the check fails" signet '/certificate binding set 0 certificate=one'
said 'check: /usr/sbin/nginx: exit status 1: .*nonsense.*; the old files are back'
equal "status" "$(binding 0 status)" failed
binding 0 last-error >"$OUT"
said 'nonsense'
equal "the old certificate is in the file" "$(plain_openssl x509 -in "$folder/fullchain.pem" -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)" "$(get two fingerprint)"
equal "the old certificate is shown" "$(shown "$port")" "$(get two fingerprint)"
check "it is not due yet: there is a wait" signet '/certificate binding apply'
said 'applied: 0'
cp "$T/nginx.good" "$T/nginx.conf"
check "apply" signet '/certificate binding apply 0'
equal "what is shown" "$(shown "$port")" "$(get one fingerprint)"
equal "no error" "$(binding 0 last-error)" ''

# ---- killed at each moment ----
service_file nginx "s|^check = .*|check = $T/check|"
cat >"$T/check" <<END
#!/bin/sh
[ ! -e "$T/kill" ] || kill -9 "\$PPID"
END
chmod 755 "$T/check"
touch "$T/kill"
check "a process that is killed" bash -c "! $BUILD/tools/signet '/certificate binding set 0 certificate=two'"
rm "$T/kill"
equal "the old files are kept" "$(find "$SIGNET_HOME/bindings-old" -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
equal "nginx has the old one" "$(shown "$port")" "$(get one fingerprint)"
check "which is due at once" signet renew
said 'result kind=binding name=nginx what=apply outcome=ok'
equal "what is shown" "$(shown "$port")" "$(get two fingerprint)"
equal "nothing is left" "$(ls "$SIGNET_HOME/bindings-old")" ''
touch "$T/kill"
check "killed once more" bash -c "! $BUILD/tools/signet '/certificate binding set 0 certificate=one'"
rm "$T/kill"
printf '#!/bin/sh\necho no; exit 1\n' >"$T/check"
refused "the next one finds it wrong" signet '/certificate binding apply 0'
said 'exit status 1: no; the old files are back'
equal "the files are those before the first" "$(plain_openssl x509 -in "$folder/fullchain.pem" -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)" "$(get two fingerprint)"
printf '#!/bin/sh\n' >"$T/check"
check "and now good" signet '/certificate binding apply 0'
for ms in 3 10 30 60 100 200 400; do
    name=one
    [ "$(binding 0 certificate)" = two ] || name=two
    # Whether it was killed or ended before, the next one must find its way.
    { timeout -s KILL "0.$(printf %03d "$ms")" "$BUILD/tools/signet" "/certificate binding set 0 certificate=$name" || :; } >"$OUT" 2>&1
    check "after a kill at $ms ms" signet renew
    equal "it serves what is bound" "$(shown "$port")" "$(get "$(binding 0 certificate)" fingerprint)"
    equal "nothing is left" "$(ls -A "$SIGNET_HOME/bindings-old")" ''
    equal "the files" "$(ls -A "$folder" | paste -sd' ')" 'fullchain.pem key.pem'
done

# ---- a reload that does nothing, and says that it has succeeded ----
check "bound" signet '/certificate binding set 0 certificate=two'
service_file nginx 's|^reload = .*|reload = /bin/true|'
before=$(sha256sum "$folder/fullchain.pem" "$folder/key.pem")
refused "the old certificate is still served" signet '/certificate binding set 0 certificate=one'
said "127.0.0.1 port $port shows another certificate; the old files are back"
equal "the old files" "$(sha256sum "$folder/fullchain.pem" "$folder/key.pem")" "$before"
check "the log" signet '/log print where message~"shows another certificate"'
said 'binding nginx: one: .*shows another certificate; the old files are back'
rm "$SIGNET_HOME/bindings/nginx.conf"
check "with the right one" signet '/certificate binding apply 0'
equal "what is shown" "$(shown "$port")" "$(get one fingerprint)"

# ---- two that would write the same ----
refused "the same files" signet "/certificate binding add certificate=two service=nginx parameters=\"$parameters\""
said 'binding \*[0-9A-F]+ writes the same files'
equal "it was not added" "$(signet '/certificate binding print count-only')" 1
check "the bound certificate is removed" signet '/certificate remove one'
said 'binding.* named the certificate and is empty now'
equal "nothing is bound" "$(binding 0 certificate)" ''
equal "the service goes on" "$(port_open "$port" && echo runs)" runs
printf '#!/bin/sh\nkill -9 "$PPID"\n' >"$T/check"
service_file nginx "s|^check = .*|check = $T/check|"
check "killed once more" bash -c "! $BUILD/tools/signet '/certificate binding set 0 certificate=two'"
check "something is kept" test -s "$(echo "$SIGNET_HOME"/bindings-old/*/1)"
check "the binding is removed" signet '/certificate binding remove 0'
check "the files stay" test -s "$folder/key.pem"
equal "they are those before" "$(plain_openssl x509 -in "$folder/fullchain.pem" -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)" "$(shown "$port")"
equal "no key is kept" "$(ls -A "$SIGNET_HOME/bindings-old")" ''
rm "$SIGNET_HOME/bindings/nginx.conf"

# ---- files in the store's own folder go with the binding ----
check "bound by the built-in file" signet "/certificate binding add certificate=two service=nginx parameters=\"config=$T/nginx.conf,pidfile=$T/nginx.none\""
check "its key" test -s "$SIGNET_HOME/services/nginx/key.pem"
check "it is removed" signet '/certificate binding remove 0'
check "with its key" test ! -e "$SIGNET_HOME/services"
if grep -E '\[(alert|crit)\]' "$T/nginx-error.log"; then die "nginx complains"; fi
