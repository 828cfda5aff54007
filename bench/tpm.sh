#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How fast a TPM key signs through Signet, compared with Esys_Sign itself and with tpm2-openssl, how many TPM
# commands that takes, and what is left of it in nginx. Everything runs on one software TPM (swtpm) with one
# key: it is started with its command log for the counting, and started again on the same state without the
# log, which slows it, for the rates.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${SIGNET_BUILD:-$here/../build}
rounds=41
seconds=0.25
json=

usage() {
    cat <<TEXT
Usage: bench/tpm.sh [--rounds N] [--seconds S] [--json FILE]
Measures Signet on a software TPM against Esys_Sign and tpm2-openssl and prints a table.

  --rounds N   rounds in which the compared programs take turns ($rounds); nginx has a quarter of them
  --seconds S  length of one program's turn ($seconds); twice that for nginx
  --json FILE  write the table for programs, too
  --help

SIGNET_BUILD names the build folder (build/ beside this folder by default). A missed target is shown in the
table; the exit status is 0 unless the measurement itself is broken.
TEXT
}

die() {
    echo "bench/tpm.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --rounds | --seconds | --json)
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

for program in swtpm tpm2_createprimary openssl nginx strip; do
    [ -n "$(PATH=$PATH:/usr/sbin type -P "$program")" ] || die "$program is not installed"
done
PATH=$PATH:/usr/sbin
bench=$(realpath -e "$build")/bench/signet-bench
modules=$(realpath -e "$build")/provider
[ -x "$bench" ] || die "$bench is not built"
[ -e "$modules/signet.so" ] || die "$modules/signet.so is not built"

work=$(mktemp -d)
servers=() # names of those that are running; NAME.pid is in the folder
cleanup() {
    local n
    # nginx first: it still wants to flush its keys from the TPM
    for ((n = ${#servers[@]} - 1; n >= 0; n--)); do server_stop "${servers[n]}"; done
    rm -rf "$work"
}
trap cleanup EXIT

# Nothing of the caller's configuration may take part.
unset OPENSSL_CONF OPENSSL_MODULES TPM2OPENSSL_PARENT_AUTH
for variable in "${!SIGNET_@}"; do unset "$variable"; done

# wait_until WHAT COMMAND...: up to 10 seconds
wait_until() {
    local what=$1 n
    shift
    for ((n = 0; n < 200; n++)); do
        if "$@" 2>/dev/null; then return; fi
        sleep 0.05
    done
    die "timed out: $what"
}

server_gone() { ! kill -0 "$1"; }

# server_stop NAME: nothing to do if it never started or has ended
server_stop() {
    local pid
    [ -s "$work/$1.pid" ] || return 0
    pid=$(cat "$work/$1.pid")
    if kill "$pid" 2>/dev/null; then wait_until "$1 does not end" server_gone "$pid"; fi
    rm -f "$work/$1.pid"
}

listens() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Three ports in a row, below the range that the kernel gives to clients: swtpm's, its control channel's
# (swtpm's TCTI wants it one above), nginx's.
free_ports() {
    local base n try
    for ((try = 0; try < 50; try++)); do
        base=$((20000 + RANDOM % 10000))
        for n in 0 1 2; do
            if listens $((base + n)); then continue 2; fi
        done
        echo $base
        return
    done
    die "no free ports"
}

port=$(free_ports)
tcti=swtpm:host=127.0.0.1,port=$port
export TPM2TOOLS_TCTI=$tcti

# tpm_start [ARGUMENT...]: the same TPM each time, its state is in one folder
tpm_start() {
    mkdir -p "$work/tpm"
    servers=(swtpm)
    swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --flags not-need-init,startup-clear \
        --server "type=tcp,port=$port,bindaddr=127.0.0.1" \
        --ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" \
        --pid "file=$work/swtpm.pid" --daemon "$@"
    wait_until "swtpm does not start" test -s "$work/swtpm.pid"
}

tpm_stop() {
    tpm2_shutdown --clear
    server_stop swtpm
}

# nginx_start PROVIDER WORKERS
nginx_start() {
    cat >"$work/nginx.conf" <<CONF
worker_processes $2;
pid $work/nginx.pid;
error_log $work/nginx.log;
env OPENSSL_CONF;
env TPM2OPENSSL_TCTI;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $work/nginx.tmp;
    proxy_temp_path $work/nginx.tmp;
    fastcgi_temp_path $work/nginx.tmp;
    uwsgi_temp_path $work/nginx.tmp;
    scgi_temp_path $work/nginx.tmp;
    server {
        listen 127.0.0.1:$((port + 2)) ssl;
        ssl_certificate $work/cert.pem;
        ssl_certificate_key $work/key.pem;
        ssl_protocols TLSv1.3;
        # every handshake is a full one, with a signature
        ssl_session_cache off;
        ssl_session_tickets off;
    }
}
CONF
    servers=(swtpm nginx)
    OPENSSL_CONF=$work/$1.cnf TPM2OPENSSL_TCTI=$tcti nginx -p "$work" -c "$work/nginx.conf" ||
        die "nginx with $1 does not start: $(tail -n 5 "$work/nginx.log")"
    # written after the port has been opened
    wait_until "nginx does not start" test -s "$work/nginx.pid"
}

measure() { "$bench" "$@" --rounds "$rounds" --seconds "$seconds" >>"$work/samples"; }

say() { echo "== $*" >&2; }

cat >"$work/signet.cnf" <<CONF
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
[provider_sect]
signet = signet_sect
default = default_sect
[signet_sect]
module = $modules/signet.so
activate = 1
tcti = $tcti
[default_sect]
activate = 1
CONF

# tpm2-openssl needs a property query for its key to come into use. This is the best one for it: with
# ?provider=tpm2 alone, TLS's hashing and random numbers go to the TPM as well (its docs/initialization.md).
cat >"$work/tpm2.cnf" <<CONF
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
alg_section = algorithm_sect
[provider_sect]
tpm2 = tpm2_sect
default = default_sect
[tpm2_sect]
activate = 1
[default_sect]
activate = 1
[algorithm_sect]
default_properties = ?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes,tpm2.rand!=yes
CONF

say "a TPM with a storage key at 0x81000001, a key under it, a certificate"
tpm_start --log "file=$work/swtpm.log,level=20"
tpm2_createprimary -Q -C o -G ecc -c "$work/srk.ctx"
tpm2_evictcontrol -Q -C o -c "$work/srk.ctx" 0x81000001
tpm2_flushcontext -t
OPENSSL_CONF=$work/signet.cnf openssl genpkey -quiet -propquery '?provider=signet' -algorithm RSA \
    -pkeyopt bits:2048 -pkeyopt custody:tpm -out "$work/key.pem"
OPENSSL_CONF=$work/signet.cnf openssl req -x509 -config "$work/signet.cnf" -subj /CN=localhost -days 1 \
    -key "$work/key.pem" -out "$work/cert.pem"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/cpu.pem"

say "TPM commands, counted in the TPM's log"
for provider in signet tpm2; do
    measure count --provider "$provider" --tcti "$tcti" --modules "$modules" --key "$work/key.pem" \
        --swtpm-log "$work/swtpm.log"
done
tpm_stop

say "signatures: $rounds rounds, $seconds s a turn"
tpm_start
measure sign --tcti "$tcti" --modules "$modules" --key "$work/key.pem" --cpu-key "$work/cpu.pem"

# A server runs during its turn only, for the TPM's few slots, as the lanes above.
rounds=$(((rounds + 3) / 4))
seconds=$(awk -v s="$seconds" 'BEGIN { print 2 * s }')
say "nginx: $rounds rounds, $seconds s a turn"
for ((round = 0; round < rounds; round++)); do
    providers=(signet tpm2)
    if ((round % 2)); then providers=(tpm2 signet); fi
    for workers in 1 2; do
        for provider in "${providers[@]}"; do
            nginx_start $provider $workers
            measure handshakes --certificate "$work/cert.pem" --port $((port + 2)) \
                --series nginx$workers-$provider
            server_stop nginx
        done
    done
done
tpm_stop

strip -o "$work/stripped.so" "$modules/signet.so"
awk -v size="$(stat -c %s "$work/stripped.so")" 'BEGIN { print "module-kb", size / 1000 }' >>"$work/samples"

"$bench" report ${json:+--json "$json"} <"$work/samples"
