#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How many devices a SCEP server enrols in a second: Signet and micromdm's scepserver take turns with the same driver and
# the same requests, each for one client and for 16 at once; and what is left of a software TPM's rate when the CA's key
# is in it. One enrolment is one PKCSReq (AES-128, SHA-256, RSA-2048) that is answered with a certificate. What the
# clients compute is not in it: signet-enrol makes the requests before and reads the answers after.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=5
count=300

usage() {
    cat <<TEXT
Usage: bench/scep.sh [--rounds N] [--count N]
Measures enrolments a second of Signet's SCEP server and micromdm's, and prints a table.

  --rounds N   rounds in which all take turns ($rounds)
  --count N    enrolments of a turn ($count)
  --help

SIGNET_BUILD names the build folder (build/ beside this folder by default). A missed target is shown in the
table; the exit status is 0 unless the measurement itself is broken.
TEXT
}

while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --count)
        [ $# -ge 2 ] || { echo "bench/scep.sh: $1 needs a value" >&2 && exit 1; }
        declare "${1#--}=$2"
        shift 2
        ;;
    --help)
        usage
        exit 0
        ;;
    *) echo "bench/scep.sh: unknown option $1; see --help" >&2 && exit 1 ;;
    esac
done

# shellcheck source=SCRIPTDIR/../tests/lib.sh
. "$here/../tests/lib.sh"
PATH=$PATH:/usr/sbin
for program in scepserver swtpm tpm2; do
    [ -n "$(type -P "$program")" ] || die "$program is not installed"
done
enrol=$BUILD/bench/signet-enrol bench=$BUILD/bench/signet-bench
for program in "$enrol" "$bench"; do
    [ -x "$program" ] || die "$program is not built"
done

say() { echo "== $*" >&2; }
quiet() { "$@" >"$OUT" 2>&1 || die "$*: $(<"$OUT")"; }

# ---- the servers ----

declare -A url pid

signet_server() { # signet_server NAME CUSTODY: uses the TPM in use, or none
    local name=$1 port
    export SIGNET_HOME=$T/$name
    quiet signet "/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=2048 custody=$2; /certificate sign ca"
    quiet signet '/certificate scep-server add ca-cert=ca path=/scep/ disabled=no challenge-password=secret'
    port=$(free_port)
    quiet signet "/ip service set www port=$port address=127.0.0.0/8 disabled=no"
    spawn "$name" "$BUILD/tools/signetd/signetd"
    pid[$name]=$SPAWNED url[$name]=http://127.0.0.1:$port/scep/
    wait_port "$port" "$name"
}

SIGNET_TCTI=none signet_server signet file

(cd "$T" && quiet scepserver ca -init -depot depot -keySize 2048)
port=$(free_port)
spawn micromdm scepserver -depot "$T/depot" -port "$port" -challenge secret -allowrenew 0
pid[micromdm]=$SPAWNED url[micromdm]=http://127.0.0.1:$port/scep
wait_port "$port" scepserver

# One TPM with its log of commands, for the counting, and one without, which is faster.
tpm_start counted
tpm_srk
signet_server counting tpm
tpm_port=$(free_port)
mkdir "$T/tpm"
spawn swtpm swtpm socket --tpm2 --tpmstate "dir=$T/tpm" --flags not-need-init,startup-clear \
    --server "type=tcp,port=$tpm_port,bindaddr=127.0.0.1" --ctrl "type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1"
wait_port "$tpm_port" swtpm
tcti=swtpm:host=127.0.0.1,port=$tpm_port
export SIGNET_TCTI=$tcti TPM2TOOLS_TCTI=$tcti TPM2OPENSSL_TCTI=$tcti TCTI=$tcti
tpm_srk
signet_server signet-tpm tpm
ssl_conf
make_key "$T/tpm.key"
plain_openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/cpu.key" 2>/dev/null ||
    plain_openssl genrsa -out "$T/cpu.key" 2048 2>/dev/null
unset OPENSSL_CONF

# ---- TPM operations an enrolment ----

"$enrol" "${url[counting]}" secret 1 8 >"$OUT" # every worker has loaded the key
mark=$(TPM=counted tpm_mark)
"$enrol" "${url[counting]}" secret 1 20 >"$OUT"
operations=$(TPM=counted tpm_operations "$mark")
commands=$(TPM=counted tpm_commands "$mark" | wc -l)

# ---- in turns ----

turn() { # turn NAME CLIENTS COUNT
    local rate refused
    read -r rate refused < <("$enrol" "${url[$1]}" secret "$2" "$3") || die "$1, $2 clients: no enrolments"
    echo "$1-$2 $rate $refused" >>"$T/samples"
}

: >"$T/samples"
for ((round = 1; round <= rounds; round++)); do
    say "round $round of $rounds"
    names=(signet micromdm)
    ((round % 2)) || names=(micromdm signet)
    for clients in 1 16; do
        for name in "${names[@]}"; do turn "$name" "$clients" "$count"; done
    done
    "$bench" sign --tcti "$tcti" --modules "$MODULES" --key "$T/tpm.key" --cpu-key "$T/cpu.key" --rounds 1 --seconds 0.5 |
        awk '$1 == "raw" { print "tpm", $2, 0 }' >>"$T/samples"
    for clients in 1 16; do turn signet-tpm $clients $((count / 4)); done
done

memory() { awk '/^VmHWM/ { print $2 }' "/proc/${pid[$1]}/status"; }

# ---- the table ----

version() { dpkg-query --show --showformat='${Version}' "$1" | sed 's/-[^-]*$//'; }
echo
echo "Enrolments a second: median of $rounds rounds of $count, on $(nproc) processors. $("$BUILD/tools/signet" --version)," \
    "scepserver $(version scep); all keys are RSA-2048."
awk -v signet="$(memory signet)" -v micromdm="$(memory micromdm)" -v operations="$operations" -v commands="$commands" '
    { value[$1, ++n[$1]] = $2; refused[$1] += $3 }
    function sort(key,    i, j, t) {
        for (i = 2; i <= n[key]; i++)
            for (j = i; j > 1 && value[key, j] < value[key, j - 1]; j--) {
                t = value[key, j]; value[key, j] = value[key, j - 1]; value[key, j - 1] = t
            }
    }
    function median(key) { return value[key, int((n[key] + 1) / 2)] }
    function row(key, title) {
        sort(key)
        printf "  %-44s %9.1f  (%.1f to %.1f)%s\n", title, median(key), value[key, 1], value[key, n[key]],
            refused[key] ? "  " refused[key] " requests refused" : ""
    }
    function verdict(title, got, wanted, is_met) {
        printf "  %-44s %9.2f  (%s: %s)\n", title, got, wanted, is_met ? "met" : "MISSED"
    }
    function ratio(clients,    r) {
        if (median("micromdm-" clients) == 0) { printf "  %-44s       none of its own\n", "micromdm, " clients " clients"; return }
        r = median("signet-" clients) / median("micromdm-" clients)
        verdict("Signet : micromdm, " clients (clients == 1 ? " client" : " clients"), r, "at least 3", r >= 3)
    }
    END {
        row("signet-1", "Signet, 1 client")
        row("micromdm-1", "micromdm, 1 client")
        row("signet-16", "Signet, 16 clients")
        row("micromdm-16", "micromdm, 16 clients")
        ratio(1)
        ratio(16)
        printf "  %-44s %9.1f\n", "memory of Signet at most, MiB", signet / 1024
        printf "  %-44s %9.1f\n", "memory of micromdm at most, MiB", micromdm / 1024
        verdict("memory, Signet : micromdm", signet / micromdm, "at most 0.25", signet / micromdm <= 0.25)
        print "With the CA'"'"'s key in a software TPM:"
        row("tpm", "signatures a second of the TPM (Esys_Sign)")
        row("signet-tpm-1", "Signet, 1 client")
        row("signet-tpm-16", "Signet, 16 clients")
        printf "  %-44s %9.1f\n", "private operations an enrolment", operations / 20
        printf "  %-44s %9.1f\n", "TPM commands an enrolment", commands / 20
        possible = median("tpm") / (operations / 20)
        verdict("Signet, 1 client : what the TPM allows", median("signet-tpm-1") / possible, "at least 0.9", median("signet-tpm-1") >= 0.9 * possible)
        verdict("Signet, 16 clients : what the TPM allows", median("signet-tpm-16") / possible, "at least 0.9", median("signet-tpm-16") >= 0.9 * possible)
    }' "$T/samples"
