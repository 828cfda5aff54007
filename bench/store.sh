#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What a command costs with 100, 10,000 and 100,000 certificates in the store, as a whole process; and what it costs to
# issue one certificate, beside openssl x509 and easy-rsa. All take turns in one run. Keys are P-256 in files, so that
# no TPM decides the result.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${SIGNET_BUILD:-$here/../build}
rounds=21
sizes='100 10000 100000'
target=20 # milliseconds

usage() {
    cat <<TEXT
Usage: bench/store.sh [--rounds N] [--sizes 'N N…']
Measures the commands of the store as it grows, and prints a table.

  --rounds N       rounds in which all commands take turns ($rounds)
  --sizes 'N N…'   certificates in the stores ($sizes)
  --help

SIGNET_BUILD names the build folder (build/ beside this folder by default). A missed target is shown in the
table; the exit status is 0 unless the measurement itself is broken.
TEXT
}

die() {
    echo "bench/store.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --sizes)
        [ $# -ge 2 ] || die "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    --help)
        usage
        exit 0
        ;;
    *) die "unknown option $1; see --help" ;;
    esac
done

easyrsa=$(PATH=$PATH:/usr/share/easy-rsa type -P easyrsa) || die "easyrsa is not installed"
signet=$(realpath -e "$build")/tools/signet
fill=$(realpath -e "$build")/bench/signet-fill
turns=$(realpath -e "$build")/bench/signet-turns
for program in "$signet" "$fill" "$turns"; do
    [ -x "$program" ] || die "$program is not built"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset "${!SIGNET_@}" "${!OPENSSL_@}" "${!EASYRSA@}"
# There is no TPM here: nothing is to be looked for.
export SIGNET_TCTI=none
cd "$work"

plan=() # lines for signet-turns
turn() { # turn LABEL COMMAND…
    local IFS=$'\t'
    plan+=("$*")
}

# ---- openssl x509: a key, a request, a certificate ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 9 -keyout ca.key -out ca.pem 2>log
# shellcheck disable=SC2016 # $0 is the shell's that runs it
issue='openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=i$0 -keyout i.key -out i.csr 2>log &&
    openssl x509 -req -in i.csr -CA ca.pem -CAkey ca.key -days 9 -out i.pem 2>log'
turn "openssl|0" sh -c "${issue//$'\n'/ }" %n

for n in $sizes; do
    export SIGNET_HOME=$work/store-$n
    "$signet" "/certificate add name=ca common-name=ca key-usage=key-cert-sign,crl-sign key-size=prime256v1; /certificate sign ca" >log 2>&1 ||
        die "$(<log)"
    echo "filling a store with $n certificates" >&2
    "$fill" "$SIGNET_HOME" ca $((n - 1))
    size[n]=$(stat -c %s "$SIGNET_HOME/signet.db")
    middle=n$((n / 2))
    run=(env "SIGNET_HOME=$SIGNET_HOME" "$signet")
    turn "start|$n" "${run[@]}" --version
    turn "count|$n" "${run[@]}" '/certificate print count-only'
    turn "where|$n" "${run[@]}" "/certificate print where name=$middle"
    turn "get|$n" "${run[@]}" "/certificate get $middle fingerprint"
    turn "issue|$n" "${run[@]}" '/certificate add name=i%n common-name=i key-size=prime256v1; /certificate sign i%n ca=ca'
    # ---- easy-rsa: its index is as long ----
    export EASYRSA_PKI=$work/pki-$n EASYRSA_BATCH=1 EASYRSA_ALGO=ec EASYRSA_CURVE=prime256v1
    "$easyrsa" init-pki >log 2>&1 || die "$(<log)"
    EASYRSA_REQ_CN=ca "$easyrsa" build-ca nopass >log 2>&1 || die "$(<log)"
    awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++) printf "V\t361121000000Z\t\t%032X\tunknown\t/CN=n%d\n", i + 1, i }' >"$EASYRSA_PKI/index.txt"
    turn "easyrsa|$n" env "EASYRSA_PKI=$EASYRSA_PKI" "$easyrsa" build-server-full i%n nopass
done

echo "measuring, $rounds rounds" >&2
printf '%s\n' "${plan[@]}" | "$turns" "$rounds" >results 2>log || die "$(<log)"

# ---- the table ----
echo
echo "Milliseconds for a whole process: median (least to most) of $rounds rounds, on $(nproc) processors,"
echo "$(openssl version | cut -d' ' -f1,2), $("$signet" --version). By number of certificates:"
awk -F'[|\t]' -v sizes="$sizes" -v target="$target" '
    { ms[$1, $2] = $3; text[$1, $2] = sprintf("%.1f (%.1f to %.1f)", $3, $4, $5); rss[$1, $2] = $6 }
    function row(key, title, is_read,    i, verdict) {
        printf "%-42s", title
        for (i = 1; i <= n; i++) printf " %24s", text[key, list[i]]
        if (is_read) {
            verdict = ms[key, list[2]] <= target ? "met" : "MISSED"
            printf "  %s", verdict
        }
        printf "  x%.2f\n", ms[key, list[n]] / ms[key, list[1]]
    }
    END {
        n = split(sizes, list, " ")
        printf "%-42s", ""
        for (i = 1; i <= n; i++) printf " %24d", list[i]
        printf "  (at %d: at most %d ms)  last : first\n", list[2], target
        row("start", "signet --version", 1)
        row("count", "print count-only", 1)
        row("where", "print where name=x", 1)
        row("get", "get x fingerprint", 1)
        row("issue", "issue one: add, sign (signet)", 0)
        row("easyrsa", "issue one: easyrsa build-server-full", 0)
        printf "%-42s %24s\n", "issue one: openssl req, openssl x509", text["openssl", 0]
        printf "Issuing with %d certificates: signet takes %.2f of the time of openssl, %.3f of that of easy-rsa.\n", list[2],
            ms["issue", list[2]] / ms["openssl", 0], ms["issue", list[2]] / ms["easyrsa", list[2]]
        printf "Memory at most for print count-only, KiB:"
        for (i = 1; i <= n; i++) printf " %d", rss["count", list[i]]
        printf "\n"
    }' results
for n in $sizes; do
    echo "The database of $n certificates has $((size[n] / n)) bytes for each."
done
