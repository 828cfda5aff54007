#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck source-path=SCRIPTDIR
#
# Shows what Signet does: an unmodified nginx serves TLS with a key that was made in a TPM and never leaves it; and the page
# that a router is managed with.
# Called by ./dev demo, which installs and builds what this needs. Ends with an error if any step fails.
set -euo pipefail
tcti=${SIGNET_TCTI-}
. "$(dirname "$0")/lib.sh"
PATH=$BUILD/tools:$BUILD/tools/signetd:$PATH:/usr/sbin:/sbin # nginx, for those who are not root
cd "$T"

step() { printf '\n%s\n' "$*"; }
say() { printf '   %s\n' "$@"; }
indent() { sed 's/^/      /' "$@"; }

# show [NAME=VALUE...] COMMAND...: prints the command as one would type it, and runs it; the output is in $OUT.
show() {
    print_command "$@"
    env "$@" >"$OUT" 2>&1 </dev/null || {
        cat "$OUT" >&2
        die "this command should have worked"
    }
}
print_command() {
    printf '   $'
    # quotes only where they are needed
    printf ' %s' "${@@Q}" | sed -E "s/'([[:alnum:]_.,:=\/@+-]+)'/\1/g"
    printf '\n'
}

# What the TPM was asked to do since MARK: "Load, RSA_Decrypt". Only the emulated TPM keeps a list.
commands_since() { tpm_commands "$1" | paste -sd, | sed 's/,/, /g'; }

echo "Signet: an unmodified nginx serves TLS with a key that was made in a TPM and never leaves it."

step "1. The TPM"
if [[ $tcti ]]; then
    say "The one that SIGNET_TCTI names: $tcti" "Nothing is stored in it."
elif [[ -r /dev/tpmrm0 && -w /dev/tpmrm0 ]]; then
    tcti=device:/dev/tpmrm0
    say "This machine's own: $tcti" "Nothing is stored in it."
else
    tpm_start
    tpm_srk
    tcti=$TCTI
    say "An emulated one (swtpm), made for this demo and thrown away with it: $tcti" \
        "Its storage root key, the parent of all others, is at handle 0x81000001, as on a TPM that is in use."
    if [[ -e /dev/tpmrm0 ]]; then
        say "(This machine has a TPM, but user $(id -un) may not use /dev/tpmrm0: see its group.)"
    fi
fi
emulated=$TPM
TCTI=$tcti
ssl_conf "default signet"
# From here on a program uses Signet if OPENSSL_CONF is set for it, as shown with each command, and only then.
unset OPENSSL_CONF SIGNET_TCTI
with_signet=(OPENSSL_CONF=openssl.cnf)
say "OpenSSL learns of it from openssl.cnf:" ""
sed '/^tcti/q' openssl.cnf | indent

step "2. A key is made in the TPM, and a certificate for it"
show "${with_signet[@]}" openssl genpkey -propquery '?provider=signet' -algorithm RSA -pkeyopt bits:2048 \
    -pkeyopt custody:tpm -out key.pem
mode=$(stat -c %a key.pem)
[[ $mode == 600 ]] || die "key.pem can be read by others: mode $mode"
show "${with_signet[@]}" openssl req -new -x509 -key key.pem -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -days 2 -out cert.pem

step "3. nginx serves it"
port=$(free_port)
user=
if ((EUID == 0)); then
    # nginx's workers give up root. They sign without the key file, which the master has read, but not without the
    # TPM: their group must be the one that may use the device.
    group=www-data
    if [[ $tcti == device:* ]]; then group=$(stat -c %G "${tcti#device:}"); fi
    user="user www-data $group;"
    chmod 711 "$T"
fi
cat >nginx.conf <<END
$user
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:$port ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        default_type text/plain;
        return 200 "This page came over \$ssl_protocol; a TPM signed for it.\n";
    }
}
END
nginx -v 2>version
say "It is Debian's $(sed 's/.*: //' version), and its configuration names the key as it would any other:" ""
sed -n 's/^ *\(ssl_certificate.*\)/\1/p' nginx.conf | indent
print_command "${with_signet[@]}" nginx -p . -c nginx.conf
spawn nginx env "${with_signet[@]}" nginx -p "$T" -c nginx.conf -e stderr
wait_port "$port" nginx

step "4. Clients that know nothing of Signet connect"
for version in 3 2; do
    mark=0
    if [[ $emulated ]]; then mark=$(tpm_mark); fi
    show openssl s_client "-tls1_$version" -connect "localhost:$port" -CAfile cert.pem -verify_return_error \
        -verify_hostname localhost
    grep -E '^(New, TLS|Peer signature type|Verification)' "$OUT" | indent
    grep -q '^Verification: OK' "$OUT" || die "the certificate was not verified"
    grep -q "^New, TLSv1.$version, " "$OUT" || die "this is not the protocol that was asked for"
    if [[ $emulated ]]; then
        echo "TPM commands for this handshake: $(commands_since "$mark")" | indent
        equal "private operations in this handshake" "$(tpm_operations "$mark")" 1 >"$OUT"
    fi
done
show curl --silent --show-error --fail --cacert cert.pem "https://localhost:$port/"
indent "$OUT"

step "5. Where the key is"
say "key.pem is a TSS2 PRIVATE KEY:" ""
plain_openssl asn1parse -in key.pem >asn1
# the octet strings are long: their first bytes will do
sed -E 's/(HEX DUMP\]:.{32}).*/\1.../' asn1 | indent
parent=$(awk -F: '/prim: INTEGER/ { print "0x" $NF; exit }' asn1)
case $parent in
0x40000001) parent="the primary key of that TPM's owner hierarchy ($parent)" ;;
*) parent="that TPM's key at handle $parent" ;;
esac
say "" "Its last part, the private one, was encrypted inside the TPM by $parent." \
    "Only there can it be used. OpenSSL without Signet does not even see a key:"
refused "openssl pkey -in key.pem" openssl pkey -in key.pem -noout >refusal
print_command openssl pkey -in key.pem
head -n 1 "$OUT" | indent
print_command SIGNET_TCTI="$tcti" signet hw print
SIGNET_TCTI=$tcti signet hw print >"$OUT" 2>&1 || die "signet hw print: $(<"$OUT")"
indent "$OUT"

step "6. The key file is stolen and taken to another TPM"
echo "pay 1000 to the thief" >order
show "${with_signet[@]}" openssl dgst -sha256 -sign key.pem -out order.sig order
show openssl x509 -in cert.pem -noout -pubkey -out public.pem
show openssl dgst -sha256 -verify public.pem -signature order.sig order
indent "$OUT"
say "So much for the TPM that made it. Now on one that did not, emulated too:"
tpm_start other
tpm_srk
other=$TCTI
unset SIGNET_TCTI
print_command SIGNET_TCTI="$other" "${with_signet[@]}" openssl dgst -sha256 -sign key.pem -out stolen.sig order
refused "a signature by another TPM" env SIGNET_TCTI="$other" "${with_signet[@]}" \
    openssl dgst -sha256 -sign key.pem -out stolen.sig order >refusal
indent "$OUT"
[[ ! -s stolen.sig ]] || die "there is a signature all the same"

step "7. A router's certificates, and its page"
export SIGNET_TCTI=$tcti SIGNET_HOME=$T/store
mkdir "$T/stats"
export SIGNET_STATS_DIRECTORY=$T/stats
page=$(free_port)
password=$(plain_openssl rand -hex 8)
say "The store has a CA and a certificate by it; both keys are in the first TPM. signetd serves the page with it:"
show signet '/certificate add name=ca common-name="Demo CA" key-usage=key-cert-sign,crl-sign'
show signet '/certificate sign ca'
show signet '/certificate add name=router common-name=localhost subject-alt-name=DNS:localhost,IP:127.0.0.1 key-usage=digital-signature,tls-server days-valid=2'
show signet '/certificate sign router ca=ca'
show signet "/user add name=admin group=full password=$password"
show signet "/ip service set www-ssl port=$page address=127.0.0.0/8 certificate=router disabled=no"
print_command signetd
spawn signetd signetd
wait_port "$page" signetd
show signet '/certificate export-certificate ca file-name=ca'
show curl --silent --show-error --fail --cacert store/files/ca.crt --user "admin:$password" \
    "https://localhost:$page/rest/certificate?.proplist=name,common-name,custody,private-key"
indent "$OUT"
echo

step "What this showed"
say "nginx, s_client and curl were Debian's own, unchanged. The private key was made inside the TPM and is used" \
    "nowhere else: no process ever held it, and the file that stands for it is of no use to another TPM."
if [[ $emulated ]]; then
    say "A handshake costs the TPM one operation with the key; the first one also has to load it."
fi

say "" "The page: https://localhost:$page/    user admin, password $password" \
    "(a browser does not know the demo's CA, and says so: its certificate is $T/store/files/ca.crt)"
# Somebody at a terminal may want to look; a script goes on.
if [[ -t 0 && -t 1 ]]; then
    say "It is there for ten minutes, or until Enter is pressed."
    read -rt 600 || :
fi
