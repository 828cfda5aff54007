#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What signetd's HTTPS does: new TLS 1.3 handshakes a second beside nginx with one worker and the same key in a file, in turn;
# how long REST takes for one certificate, also while the TPM makes keys; and memory with ten thousand certificates in the store.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=7
seconds=2
certificates=10000

usage() {
    cat <<TEXT
Usage: bench/signetd.sh [--rounds N] [--seconds S] [--certificates N]
Measures new TLS handshakes a second of signetd and nginx, and signetd's memory, and prints a table.

  --rounds N         rounds in which both take turns ($rounds)
  --seconds S        of a turn ($seconds)
  --certificates N   in the store ($certificates)
  --help

SIGNET_BUILD names the build folder (build/ beside this folder by default). A missed target is shown in the
table; the exit status is 0 unless the measurement itself is broken.
TEXT
}

while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --certificates)
        [ $# -ge 2 ] || { echo "bench/signetd.sh: $1 needs a value" >&2 && exit 1; }
        declare "${1#--}=$2"
        shift 2
        ;;
    --help)
        usage
        exit 0
        ;;
    *) echo "bench/signetd.sh: unknown option $1; see --help" >&2 && exit 1 ;;
    esac
done

# shellcheck source=SCRIPTDIR/../tests/lib.sh
. "$here/../tests/lib.sh"
PATH=$PATH:/usr/sbin
[ -n "$(type -P nginx)" ] || die "nginx is not installed"
bench=$BUILD/bench/signet-bench fill=$BUILD/bench/signet-fill
for program in "$bench" "$fill"; do
    [ -x "$program" ] || die "$program is not built"
done
say() { echo "== $*" >&2; }
quiet() { "$@" >"$OUT" 2>&1 || die "$*: $(<"$OUT")"; }

say "$certificates certificates"
tpm_start
tpm_srk >&2
store_start >&2
quiet signet "/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=2048 custody=file; /certificate sign ca"
quiet signet "/certificate add name=www common-name=localhost subject-alt-name=DNS:localhost key-usage=digital-signature,tls-server key-size=2048 custody=file; /certificate sign www ca=ca"
quiet signet '/certificate export-certificate www file-name=www export-passphrase=of-the-benchmark'
quiet plain_openssl pkey -in "$FILES/www.key" -passin pass:of-the-benchmark -out "$T/www.key"
quiet "$fill" "$SIGNET_HOME" ca "$certificates"
quiet signet '/certificate export-certificate ca file-name=ca'

port=$(free_port)
quiet signet "/ip service set www-ssl certificate=www port=$port address=127.0.0.0/8 disabled=no"
# As the unit starts it.
read -ra environment < <(sed -n 's/^Environment=//p' "$BUILD/tools/signetd/signetd.service")
spawn signetd env "${environment[@]}" "$BUILD/tools/signetd/signetd"
signetd=$SPAWNED
wait_port "$port" signetd
nginx_port=$(free_port)
MAIN='worker_processes 1; user root;' nginx_conf "$nginx_port" "$FILES/www.crt" "$T/www.key"
nginx_start >&2

turn() { # turn NAME PORT CLIENTS
    "$bench" handshakes --certificate "$FILES/ca.crt" --port "$2" --clients "$3" --series "$1-$3" --rounds 1 --seconds "$seconds" >>"$T/samples"
}
: >"$T/samples"
for ((round = 1; round <= rounds; round++)); do
    say "round $round of $rounds"
    for clients in 1 16; do
        if ((round % 2)); then
            turn signetd "$port" $clients
            turn nginx "$nginx_port" $clients
        else
            turn nginx "$nginx_port" $clients
            turn signetd "$port" $clients
        fi
    done
done

# ---- REST ----

say "REST"
rss=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$signetd/status")
quiet signet '/user add name=bench group=full password=of-the-benchmark'
rest() { curl --silent --user bench:of-the-benchmark --cacert "$FILES/ca.crt" "$@"; }
# 200 on one connection: an address may have 500 at once.
for ((i = 0; i < 201; i++)); do printf 'url = "https://localhost:%s/rest/certificate?name=n7"\noutput = /dev/null\n' "$port"; done >"$T/requests"
times() { # times NAME: milliseconds of which 50 and 99 of 100 take no more; the first has the handshake
    rest --config "$T/requests" --write-out '%{http_code} %{time_total}\n' | tail -n +2 >"$T/times"
    [ "$(grep -c '^200 ' "$T/times")" = 200 ] || die "REST does not answer: $(sort "$T/times" | uniq -c | tail -n 1)"
    sort -k 2n "$T/times" | awk -v name="$1" '{ t[NR] = $2 * 1000 } END { print name "-p50", t[int(NR * 0.5)]; print name "-p99", t[int(NR * 0.99)] }' >>"$T/samples"
}
times rest
make_keys() {
    local i
    for ((i = 0; i < 50; i++)); do
        rest -H 'Content-Type: application/json' -X PUT -d "{\"name\":\"k$i\",\"common-name\":\"k$i\",\"custody\":\"tpm\",\"key-size\":\"2048\"}" "https://localhost:$port/rest/certificate"
        rest -H 'Content-Type: application/json' -d "{\"number\":\"k$i\"}" "https://localhost:$port/rest/certificate/sign"
    done
}
make_keys >"$T/keys" 2>&1 &
makes=$!
PIDS+=("$makes")
sleep 1
before=$(tpm_commands | grep -c '^Create$' || :)
times busy
made=$(($(tpm_commands | grep -c '^Create$' || :) - before))
kill "$makes"
wait "$makes" 2>/dev/null || :
rest --output /dev/null "https://localhost:$port/rest/certificate"

status() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$signetd/status"; }
echo
echo "New TLS 1.3 handshakes a second: median of $rounds rounds of $seconds s, on $(nproc) processors, which the clients share." \
    "$("$BUILD/tools/signet" --version), nginx $(dpkg-query --show --showformat='${Version}' nginx | sed 's/-[^-]*$//') with one worker; RSA-2048 in a file."
awk -v rss="$rss" -v after="$(status VmRSS)" -v peak="$(status VmHWM)" -v made="$made" -v certificates="$certificates" '
    { value[$1, ++n[$1]] = $2 }
    function median(list, count,    i, j, t) {
        for (i = 2; i <= count; i++)
            for (j = i; j > 1 && list[j] < list[j - 1]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
        return list[int((count + 1) / 2)]
    }
    function rate(key, title,    i, list) {
        for (i = 1; i <= n[key]; i++) list[i] = value[key, i]
        printf "  %-44s %9.1f\n", title, median(list, n[key])
    }
    # Round by round: the machine is not the same all the time.
    function ratio(clients, title,    i, list, got) {
        for (i = 1; i <= n["signetd-" clients]; i++) list[i] = value["signetd-" clients, i] / value["nginx-" clients, i]
        got = median(list, n["signetd-" clients])
        printf "  %-44s %9.2f  (at least 0.9: %s)\n", title, got, (got >= 0.9 ? "met" : "MISSED")
    }
    END {
        rate("signetd-1", "signetd, 1 client")
        rate("nginx-1", "nginx, 1 client")
        rate("signetd-16", "signetd, 16 clients")
        rate("nginx-16", "nginx, 16 clients")
        ratio(1, "signetd : nginx, 1 client")
        ratio(16, "signetd : nginx, 16 clients")
        printf "  %-44s %9.1f  (at most 12: %s)\n", "MiB resident, " certificates " certificates", rss / 1024, (rss <= 12 * 1024 ? "met" : "MISSED")
        printf "  %-44s %9.1f\n", "MiB resident after REST has listed them all", after / 1024
        printf "  %-44s %9.1f\n", "MiB at most", peak / 1024
        printf "  %-44s %9.2f  (99 of 100: %.2f)\n", "ms for a certificate by REST", value["rest-p50", 1], value["rest-p99", 1]
        printf "  %-44s %9.2f  (99 of 100: %.2f; less than 5: %s)\n", "ms while the TPM makes keys (" made " meanwhile)", value["busy-p50", 1],
            value["busy-p99", 1], (value["busy-p99", 1] < 5 ? "met" : "MISSED")
    }' "$T/samples"
