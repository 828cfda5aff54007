#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# RouterOS's API: what librouteros does over api-ssl, its sentences byte by byte, groups, what makes no sense, clients
# that only connect, do not read or go away; a certificate that changes, a certificate for a login; api for this host.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../rest.sh"
store_start
tpm_start
tpm_srk
rest_start
# The one that the package of librouteros is for.
python=/usr/bin/python3
here=$(dirname "$0")
export TPM_PROCESS=${TPM_PID[$TPM]}
printf '%s' "$REST_PASSWORD" >"$T/password"
port=$(free_port)
librouteros() { "$python" "$here/api_librouteros.py" "$port" "$FILES/web-ca.crt" "$T/password"; }
raw() { timeout 200 "$python" "$here/api_raw.py" "$port" "$FILES/web-ca.crt" "$T/password" "$@"; }
memory() { awk '/^VmHWM/ { print $2 }' "/proc/$SIGNETD/status"; }
descriptors() { find "/proc/$SIGNETD/fd" -mindepth 1 | wc -l; }
log_has() { grep -q -- "$1" "$T/signetd.log"; }

equal "off at first" "$(signet '/ip service print as-json where disabled=yes' | jq -c '[.[].name] | map(select(startswith("api")))')" '["api","api-ssl"]'
signet "/ip service set api-ssl certificate=web port=$port disabled=no" >"$OUT" 2>&1
if [ -s "$OUT" ]; then die "something is not yet: $(cat "$OUT")"; fi
wait_port "$port" signetd

# ---- librouteros ----
librouteros
equal "logins in the log" "$(signet '/log print' | grep -c 'user root logged in from 127.0.0.1 via api-ssl')" 1
signet '/log print' | grep -q 'login failure for user reader from 127.0.0.1 via api-ssl' || die "the log says nothing of a wrong password"
check "a login after a wrong one" raw commands

# ---- sentences ----
check "malformed" raw malformed
check "before the login" raw before_login
cat "$OUT"
check "tags" raw tags
check "cancel" raw cancelled

# ---- many, and slow ones ----
before=$(memory)
check "1,000 connections that say nothing" raw idle
tail -n 1 "$OUT"
check "a client that does not read" raw greedy
check "sessions of one address" raw sessions
after=$(memory)
echo "memory: $before KiB at most before, $after KiB after"
[ -n "$asan" ] || ((after < 40 * 1024)) || die "$after KiB are too many"
quiet() { (($(descriptors) < 60)); }
wait_until "they are gone" quiet

# ---- the certificate ----
shown() { plain_openssl s_client -connect "127.0.0.1:$port" </dev/null 2>/dev/null | plain_openssl x509 -noout -subject -nameopt multiline 2>/dev/null | sed -n 's/.*commonName *= //p'; }
is_shown() { [ "$(shown)" = "$1" ]; }
equal "it shows" "$(shown)" web
cat >"$T/held.py" <<PYTHON
import sys
sys.argv = ["", "$port", "$FILES/web-ca.crt", "$T/password"]
exec(open("$here/api_raw.py").read())
client = Client("root")
sys.stdout.flush()
sys.stdin.readline()
equal("the connection is still there", client.ask("/certificate/print", "?name=web", "=.proplist=name")[-1], ["!done"])
PYTHON
coproc HELD { "$python" "$T/held.py"; }
read -rt 20 line <&"${HELD[0]}"
equal "a connection that stays" "$line" 'ok: login as root'
check "another certificate" signet "/certificate add name=web2 common-name=web2 subject-alt-name=DNS:localhost key-usage=digital-signature,tls-server custody=tpm; /certificate sign web2 ca=web-ca; /ip service set api-ssl certificate=web2"
wait_until "it is shown" is_shown web2
echo >&"${HELD[1]}"
read -rt 20 line <&"${HELD[0]}"
equal "it is not cut" "$line" 'ok: the connection is still there'
check "with its key in the TPM" raw commands
check "TLS 1.2 alone" signet '/ip service set api-ssl tls-version=only-1.2'
wait_until "TLS 1.3 is refused" bash -c "! openssl s_client -tls1_3 -connect 127.0.0.1:$port </dev/null"
check "a client's" signet "/certificate add name=me common-name=me key-usage=digital-signature,tls-client custody=file; /certificate sign me ca=web-ca
    /certificate export-certificate me file-name=me export-passphrase=12345678
    /user set reader certificate=me"
cat >"$T/me.py" <<PYTHON
import functools, librouteros, ssl, sys
context = ssl.create_default_context(cafile="$FILES/web-ca.crt")
context.load_cert_chain("$FILES/me.crt", "$FILES/me.key", "12345678")
wrap = functools.partial(context.wrap_socket, server_hostname="localhost")
def login(api, username, password):
    api("/login")
api = librouteros.connect("127.0.0.1", "", "", port=$port, ssl_wrapper=wrap, login_method=lambda api, **no: list(api("/login")))
print([row["name"] for row in api("/certificate/print") if row["name"] == "me"])
try:
    list(api("/user/print"))
except librouteros.exceptions.TrapError as error:
    print(error.message)
PYTHON
logs_in() { "$python" "$T/me.py"; }
wait_until "a login by certificate" logs_in
equal "with the rights of its user" "$(logs_in)" $'[\'me\']\nnot permitted: /user print is for the group full'
check "no more" signet '/ip service set api-ssl disabled=yes'
closed() { ! port_open "$port"; }
wait_until "it is closed" closed

# ---- without TLS ----
plain=$(free_port)
raw() { timeout 200 "$python" "$here/api_raw.py" "$plain" plain "$T/password" "$@"; }
signet "/ip service set api port=$plain disabled=no" >"$OUT" 2>&1
if [ -s "$OUT" ]; then die "something is not yet: $(cat "$OUT")"; fi
wait_port "$plain" signetd
check "the same without TLS" raw commands malformed idle sessions greedy
equal "where it listens" "$(ss -Hltn "sport = :$plain" | awk '{ print $4 }' | sort | tr '\n' ' ')" "127.0.0.1:$plain [::1]:$plain "
if (($(ip -o link | wc -l) == 1)); then
    # A network of the test's own: see own_network.sh.
    ip address add 192.0.2.1/32 dev lo
    check "from elsewhere" raw far
    cat "$OUT"
    check "even if the setting says so" signet '/ip service set api address=192.0.2.0/24,127.0.0.0/8'
    wait_until "it takes that up" log_has 'api is stopped'
    wait_port "$plain" signetd
    check "not from elsewhere" raw far
    check "from here" raw commands
else
    echo "This is not a network of the test's own: what comes from elsewhere is not tried."
fi

# Commands that run are cancelled when it ends.
check "a key that takes its time" signet '/certificate add name=last common-name=last custody=tpm key-size=2048'
kill -STOP "$TPM_PROCESS"
(timeout 60 "$python" -c "
import sys
sys.argv = ['', '$plain', 'plain', '$T/password']
exec(open('$here/api_raw.py').read())
client = Client('root')
client.send('/certificate/sign', '=number=last')
client.is_closed()" >"$T/last.log" 2>&1) &
sleep 0.5
kill "$SIGNETD"
kill -CONT "$TPM_PROCESS"
check "it ends with status 0" wait "$SIGNETD"
equal "and no key is made behind it" "$(flags last)" ""
