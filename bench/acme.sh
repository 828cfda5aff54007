#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What it costs to obtain a certificate by ACME, as a whole process: Signet, lego, uacme and certbot take turns at one
# pebble. All use http-01 and RSA-2048 for the account and the certificate, and check pebble's own certificate against
# the same file of roots. Once with a key that stays, as at a renewal, which is the same work for all; once for a new
# name with a new key, where the search for primes decides, and luck.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=11

usage() {
    cat <<TEXT
Usage: bench/acme.sh [--rounds N]
Measures one certificate by ACME with Signet, lego, uacme and certbot, and prints a table.

  --rounds N   rounds in which all take turns ($rounds)
  --help

SIGNET_BUILD names the build folder (build/ beside this folder by default). A missed target is shown in the
table; the exit status is 0 unless the measurement itself is broken.
TEXT
}

while [ $# -gt 0 ]; do
    case $1 in
    --rounds)
        [ $# -ge 2 ] || { echo "bench/acme.sh: $1 needs a value" >&2 && exit 1; }
        rounds=$2
        shift 2
        ;;
    --help)
        usage
        exit 0
        ;;
    *) echo "bench/acme.sh: unknown option $1; see --help" >&2 && exit 1 ;;
    esac
done

# shellcheck source=SCRIPTDIR/../tests/lib.sh
. "$here/../tests/lib.sh"
# shellcheck source=SCRIPTDIR/../tests/pebble.sh
. "$here/../tests/pebble.sh"
PATH=$PATH:/usr/sbin
for program in pebble pebble-challtestsrv lego uacme certbot nginx swtpm curl; do
    [ -n "$(type -P "$program")" ] || die "$program is not installed"
done
turns=$BUILD/bench/signet-turns
[ -x "$turns" ] || die "$turns is not built"

# uacme takes the system's roots and no others. So that it takes this benchmark's, what is measured has its own view of
# the file system.
view=(unshare --mount)
((EUID == 0)) || view+=(--map-root-user)
"${view[@]}" true || die "uacme needs a mount namespace to be given pebble's CA, and this system allows none"

say() { echo "== $*" >&2; }

# ---- the CA ----

# Every order is authorized anew (but one in a hundred, pebble's least), and no nonce is refused to try the client.
pebble_start PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0 >&2

# Signet, lego and certbot answer by themselves, in turn, at 127.0.0.1. nginx, for uacme and for Signet with a web root,
# is there all the time, at 127.0.0.2; names whose responses it has lead there.
www=$T/www
mkdir -p "$www/.well-known/acme-challenge"
leads_to_nginx() {
    curl --silent --show-error --fail --output /dev/null "$CHALLTESTSRV/add-a" --data "{\"host\": \"$1\", \"addresses\": [\"127.0.0.2\"]}"
}
{
    ((EUID)) || echo 'user root;'
    cat <<CONF
worker_processes 1;
daemon off;
pid $T/nginx.pid;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $T/www.tmp; proxy_temp_path $T/www.tmp; fastcgi_temp_path $T/www.tmp;
    uwsgi_temp_path $T/www.tmp; scgi_temp_path $T/www.tmp;
    server { listen 127.0.0.2:$HTTP_PORT; root $www; }
}
CONF
} >"$T/nginx.conf"
spawn nginx nginx -e "$T/nginx-error.log" -c "$T/nginx.conf"
wait_until "nginx's pid file" test -s "$T/nginx.pid"

# ---- a TPM, without its log of commands, which slows it ----

tpm_port=$(free_port)
mkdir "$T/tpm"
spawn swtpm swtpm socket --tpm2 --tpmstate "dir=$T/tpm" --flags not-need-init,startup-clear \
    --server "type=tcp,port=$tpm_port,bindaddr=127.0.0.1" --ctrl "type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1"
wait_port "$tpm_port" swtpm
tcti=swtpm:host=127.0.0.1,port=$tpm_port
TPM2TOOLS_TCTI=$tcti tpm_srk

# ---- the clients: each has an account, and a first certificate whose key stays ----

cat >"$T/view.sh" <<END
[ ! -e "$T/roots.pem" ] || mount --bind "$T/roots.pem" /etc/ssl/certs/ca-certificates.crt || exit 1
exec "\$@"
END
export LEGO_CA_CERTIFICATES=$T/roots.pem REQUESTS_CA_BUNDLE=$T/roots.pem
export UACME_CHALLENGE_PATH=$www/.well-known/acme-challenge

rows=()
declare -A kept fresh    # the measured commands, their words separated by tabs
declare -A key           # a command that shows the kept certificate's key
declare -A key_at_first  # what it showed

first() { "${view[@]}" sh "$T/view.sh" "$@" >"$T/first.log" 2>&1 || die "$*: $(<"$T/first.log")"; }

words() {
    local IFS=$'\t'
    echo "$*"
}

# row NAME: the client whose commands are in run, again (the certificate once more) and anew (one for a new name).
row() {
    rows+=("$1")
    kept[$1]=$(words "${run[@]}" "${again[@]}")
    fresh[$1]=$(words "${run[@]}" "${anew[@]}")
    key[$1]=$2
    key_at_first[$1]=$(eval "$2") && [ "${key_at_first[$1]}" ] || die "$1: $2"
}

signet_row() { # signet_row NAME TCTI CUSTODY SETTING…
    local name=$1 custody=$3 home=$T/$1 settings
    run=("$BUILD/tools/signet" --home "$home" --tcti "$2")
    settings="directory-url=$DIRECTORY account=a custody=$custody key-size=2048 ${*:4}"
    first "${run[@]}" '/certificate print'
    cp "$T/pebble-ca.pem" "$home/files"
    first "${run[@]}" '/certificate import file-name=pebble-ca.pem name=pebble-https trusted=yes'
    first "${run[@]}" "/certificate/acme/account register name=a directory-url=$DIRECTORY key-size=2048 custody=$custody"
    first "${run[@]}" "/certificate add-acme name=kept domain-names=kept.$name.example $settings"
    again=('/certificate acme-renew kept')
    anew=("/certificate add-acme name=n%n domain-names=n%n.$name.example $settings")
    row "$name" "${run[*]} key list"
    # The account's key and the certificate's are where they are said to be.
    [ "$(grep -c " $custody " <<<"${key_at_first[$name]}")" = 2 ] || die "$name: not in custody $custody: ${key_at_first[$name]}"
}

own="address=127.0.0.1 port=$HTTP_PORT"
say "accounts and first certificates"
signet_row signet none file "$own"
signet_row signet-sealed "$tcti" sealed "$own"
signet_row signet-tpm "$tcti" tpm "$own"
leads_to_nginx kept.signet-webroot.example
signet_row signet-webroot none file "webroot=$www"
# All check pebble against the roots that Signet takes by itself: the system's, and what was imported.
cp "$T/signet/trust/fetch/bundle.pem" "$T/roots.pem"

public_key() { plain_openssl x509 -noout -pubkey -in "$1"; }

run=(lego --path "$T/lego" --server "$DIRECTORY" --accept-tos --email a@example.com --key-type rsa2048 --http
    --http.port "127.0.0.1:$HTTP_PORT")
first "${run[@]}" --domains kept.lego.example run
again=(--domains kept.lego.example renew --days 9999 --reuse-key --no-random-sleep)
anew=(--domains n%n.lego.example run)
row lego "public_key $T/lego/certificates/kept.lego.example.crt"

run=(uacme --confdir "$T/uacme" --acme-url "$DIRECTORY" --type RSA --bits 2048 --hook /usr/share/uacme/uacme.sh)
first "${run[@]}" --yes new a@example.com
leads_to_nginx kept.uacme.example
first "${run[@]}" issue kept.uacme.example
again=(--force issue kept.uacme.example)
anew=(issue n%n.uacme.example)
row uacme "public_key $T/uacme/kept.uacme.example/cert.pem"

run=(certbot --config-dir "$T/certbot" --work-dir "$T/certbot.work" --logs-dir "$T/certbot.logs" --non-interactive --quiet
    --server "$DIRECTORY")
first "${run[@]}" register --agree-tos --email a@example.com --no-eff-email
run+=(certonly --standalone --http-01-address 127.0.0.1 --http-01-port "$HTTP_PORT" --key-type rsa --rsa-key-size 2048)
first "${run[@]}" --reuse-key -d kept.certbot.example
again=(--reuse-key --force-renewal -d kept.certbot.example)
anew=(-d n%n.certbot.example)
row certbot "public_key $T/certbot/live/kept.certbot.example/cert.pem"

for ((n = 0; n < rounds; n++)); do
    leads_to_nginx "n$n.uacme.example"
    leads_to_nginx "n$n.signet-webroot.example"
done

# ---- in turns ----

# How many validations by http-01 and certificates pebble has made.
counts() {
    awk '/set VALID by completed challenge/ { v++ } /Issued certificate serial/ { i++ } END { print v + 0, i + 0 }' \
        "$T/pebble.log"
}

measure() { # measure TITLE RESULTS PLAN
    local before after all=$((rounds * ${#rows[@]}))
    local -n plan=$3
    say "$1: $rounds rounds"
    read -ra before <<<"$(counts)"
    for name in "${rows[@]}"; do
        printf '%s\t%s\n' "$name" "${plan[$name]}"
    done | "${view[@]}" sh "$T/view.sh" "$turns" "$rounds" >"$2" 2>"$T/turns.log" || die "$1"
    read -ra after <<<"$(counts)"
    # Every command has led to a certificate, and all but pebble's hundredth to a validation.
    [ $((after[1] - before[1])) = $all ] || die "$1: $((after[1] - before[1])) certificates from $all commands"
    reused=$((all - after[0] + before[0]))
    [ $reused -le $((all / 20 + 2)) ] || die "$1: only $((all - reused)) validations for $all certificates"
}

measure "the certificate again, its key kept" "$T/kept" kept
kept_reused=$reused
for name in "${rows[@]}"; do
    [ "$(eval "${key[$name]}")" = "${key_at_first[$name]}" ] || die "$name has not kept its key"
done
measure "a new name, a new key" "$T/fresh" fresh
[ $reused = 0 ] || die "$reused names were not new"

# ---- the table ----

table() {
    awk -F'\t' '
        { ms[$1] = $2; least[$1] = $3; rss[$1] = $5; cpu[$1] = $6; span[$1] = sprintf("%.0f to %.0f", $3, $4) }
        function row(key, title) {
            printf "  %-44s %9.0f  %-16s %9.0f %9.1f\n", title, ms[key], span[key], cpu[key], rss[key] / 1024
        }
        function verdict(what, mine, best, name) {
            printf "  %-44s %9.2f  (at most 1: %s)\n", what " Signet : " name, mine / best, mine <= best ? "met" : "MISSED"
        }
        function fastest(of,    i, best) {
            best = "lego"
            if (of["uacme"] < of[best]) best = "uacme"
            if (of["certbot"] < of[best]) best = "certbot"
            return best
        }
        END {
            printf "  %-44s %9s  %-16s %9s %9s\n", "", "ms", "least to most", "CPU ms", "MiB"
            row("signet", "Signet")
            row("lego", "lego")
            row("uacme", "uacme, nginx answers")
            row("certbot", "certbot --standalone")
            row("signet-webroot", "Signet, nginx answers")
            row("signet-sealed", "Signet, keys sealed to a software TPM")
            row("signet-tpm", "Signet, keys in a software TPM")
            verdict("time,", ms["signet"], ms[fastest(ms)], fastest(ms))
            verdict("time in the best round,", least["signet"], least[fastest(least)], fastest(least))
            verdict("memory,", rss["signet"], rss["uacme"], "uacme")
            printf "  %-44s %9.2f\n", "processor time, Signet : " fastest(cpu), cpu["signet"] / cpu[fastest(cpu)]
        }' "$1"
}

version() { dpkg-query --show --showformat='${Version}' "$1" | sed 's/-[^-]*$//'; }
echo
echo "One certificate from pebble $(version pebble) by http-01: median of $rounds rounds, on $(nproc) processors."
echo "$("$BUILD/tools/signet" --version), lego $(version lego), uacme $(version uacme), certbot $(version certbot)." \
    "Keys are RSA-2048."
echo "Memory is the most in any round, of the largest process: uacme's shells and nginx are not in it, nor the TPM's."
echo "Time includes the wait for pebble, which is where clients differ: when they look whether it is done. A best"
echo "round is one in which it was done at the first look."
echo
echo "The certificate again, its key kept ($kept_reused of $((rounds * ${#rows[@]})) without a validation, as pebble has it):"
table "$T/kept"
echo "One for a new name, with a new key (its primes are a matter of luck):"
table "$T/fresh"
