# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the interop scripts share: a software TPM, an openssl.cnf, keys, servers and checks.
# A script sources this file first; everything it starts or writes is gone when it ends.
#
#   SIGNET_BUILD  the build tree to test (default: build/ beside tests/)
#   SIGNET_KEEP   set: leave the working folder behind, for a look at the logs
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(realpath "${SIGNET_BUILD:-$ROOT/build}")
MODULES=$BUILD/provider
PROGRAMS=$BUILD/tests/interop
# Nothing of the caller's own configuration may decide a test.
for variable in "${!SIGNET_@}" "${!TPM2@}" "${!OPENSSL_@}"; do
    [ "$variable" = SIGNET_KEEP ] || unset "$variable"
done
export LC_ALL=C
REAL_OPENSSL=$(command -v openssl)

T=$(mktemp -d "${TMPDIR:-/tmp}/signet-test.XXXXXX")
OUT=$T/out # output of the last command that check, refused or handshake ran
PIDS=()    # processes to end with the script
TPM=       # name of the TPM in use
declare -A TPM_PORT TPM_PID

die() {
    echo "FAILED: $*" >&2
    exit 1
}

cleanup() {
    local status=$? pid log tries=0
    set +e
    for pid in "${PIDS[@]}" "${TPM_PID[@]}"; do
        kill "$pid" 2>/dev/null
    done
    for pid in "${PIDS[@]}"; do
        while kill -0 "$pid" 2>/dev/null && ((tries++ < 100)); do sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    wait
    if [ $status -ne 0 ]; then
        for log in "$T"/*.log; do
            [ -s "$log" ] && printf -- '--- %s\n' "${log##*/}" >&2 && tail -n 20 "$log" >&2
        done
    fi
    if [ -n "${SIGNET_KEEP:-}" ]; then
        echo "left behind: $T" >&2
    else
        rm -rf "$T"
    fi
    exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

[ -e "$MODULES/signet.so" ] || die "$MODULES/signet.so is missing: build first, or set SIGNET_BUILD"

# ---- checks ----

# check WHAT COMMAND...: the command must succeed.
check() {
    local what=$1 status=0
    shift
    "$@" >"$OUT" 2>&1 || status=$?
    [ $status -eq 0 ] || {
        cat "$OUT" >&2
        die "$what: exit status $status of: $*"
    }
    echo "ok: $what"
}

# refused WHAT COMMAND...: the command must fail, and not by crashing.
refused() {
    local what=$1 status=0
    shift
    "$@" >"$OUT" 2>&1 || status=$?
    if [ $status -eq 0 ] || [ $status -ge 99 ] || grep -qE 'Sanitizer|runtime error:' "$OUT"; then
        cat "$OUT" >&2
        die "$what: should have been refused, but exit status $status of: $*"
    fi
    echo "ok: $what: refused"
}

# said REGEX...: the last command's output must match each of them.
said() {
    local regex
    for regex in "$@"; do
        grep -qiE -- "$regex" "$OUT" || {
            cat "$OUT" >&2
            die "the output above says nothing of: $regex"
        }
    done
}

# equal WHAT GOT WANTED
equal() {
    [ "$2" = "$3" ] || die "$1: got '$2', wanted '$3'"
    echo "ok: $1"
}

# The tool; a function so that a script reads like a console.
signet() { "$BUILD/tools/signet" "$@"; }

# store_start [FOLDER]: a new store, which from here on is the one in use; its files are in $FILES. There is no TPM
# unless tpm_start came before.
store_start() {
    export SIGNET_HOME=$T/${1:-home}
    FILES=$SIGNET_HOME/files
    [ -n "$TPM" ] || export SIGNET_TCTI=swtpm:host=127.0.0.1,port=1
    check "a new store" signet '/certificate print'
}

# flags NAME: the flags of a certificate, in the order of print, without blanks.
flags() { signet "/certificate print terse proplist=name where name=\"$1\"" | sed -E 's/^[0-9]+ ?([A-Z ]*)name=.*/\1/; s/ //g'; }

# get NAME PROPERTY: of a certificate.
get() { signet "/certificate get \"$1\" $2"; }

# The store's database, which others may be writing to.
sqlite3() { command sqlite3 -cmd '.timeout 20000' "$@"; }

# OpenSSL as it is without Signet: the judge of every signature.
plain_openssl() { OPENSSL_CONF=/dev/null "$REAL_OPENSSL" "$@"; }

# ---- processes ----

# free_port: a TCP port that nobody listens on, its successor free, too (swtpm needs a pair).
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); do
        port_open "$port" || port_open $((port + 1)) || break
    done
    echo "$port"
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# spawn NAME COMMAND...: runs it until the script ends, output in NAME.log; its process is $SPAWNED.
spawn() {
    local name=$1
    shift
    "$@" >"$T/$name.log" 2>&1 </dev/null &
    SPAWNED=$!
    PIDS+=("$SPAWNED")
}

# wait_until WHAT COMMAND...: repeats the command until it succeeds, for 20 seconds.
wait_until() {
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((++tries)) -lt 200 ] || die "$what: not within 20 seconds"
        sleep 0.1
    done
}

wait_port() { wait_until "port $1 of ${2:-the server}" port_open "$1"; }

# stop PID: ends a spawned process and waits for it.
stop() {
    kill "$1"
    wait_gone "$1"
}

wait_gone() { wait_until "end of process $1" process_gone "$1"; }
process_gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- the TPM ----

# tpm_start [NAME]: a new swtpm, which from here on is the one in use.
tpm_start() {
    local name=${1:-tpm} try
    mkdir "$T/$name"
    for try in 1 2 3; do
        TPM_PORT[$name]=$(free_port)
        ! tpm_launch "$name" || break
        [ "$try" != 3 ] || die "swtpm does not start"
    done
    tpm_use "$name"
}

# Fails if swtpm ends, for example because the port has been taken meanwhile.
tpm_launch() {
    local name=$1 port=${TPM_PORT[$1]} tries=0
    # An openssl.cnf with signet in it is not for the TPM itself.
    OPENSSL_CONF=/dev/null swtpm socket --tpm2 --tpmstate "dir=$T/$name" \
        --server "type=tcp,port=$port,bindaddr=127.0.0.1" \
        --ctrl "type=tcp,port=$((port + 1)),bindaddr=127.0.0.1" \
        --flags not-need-init,startup-clear --log "file=$T/$name.commands,level=20" >"$T/$name.log" 2>&1 &
    TPM_PID[$name]=$!
    until port_open "$port"; do
        kill -0 "${TPM_PID[$name]}" 2>/dev/null || return 1
        [ $((++tries)) -lt 200 ] || return 1
        sleep 0.1
    done
}

tpm_use() {
    TPM=$1
    TCTI=swtpm:host=127.0.0.1,port=${TPM_PORT[$1]}
    export SIGNET_TCTI=$TCTI TPM2TOOLS_TCTI=$TCTI TPM2OPENSSL_TCTI=$TCTI
}

tpm_stop() {
    kill -9 "${TPM_PID[$TPM]}"
    wait "${TPM_PID[$TPM]}" 2>/dev/null || unset "TPM_PID[$TPM]"
}

# tpm_restart: as after a power cut: same state, same port, everything transient lost.
tpm_restart() {
    tpm_stop
    tpm_launch "$TPM" || die "swtpm does not start again"
}

# tpm2-tools, not disturbed by an openssl.cnf with signet in it.
tpm2() { OPENSSL_CONF=/dev/null command tpm2 "$@"; }

# tpm_srk: the storage root key at its standard persistent handle.
tpm_srk() {
    # With the TCG's attributes for it: noda keeps a lockout over some key's passphrase from locking all keys.
    tpm2 createprimary -Q -C o -G ecc -c "$T/srk.ctx" \
        -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
    tpm2 evictcontrol -Q -C o -c "$T/srk.ctx" 0x81000001
    tpm2 flushcontext -t
}

# tpm_mark: the current place in the list of commands, for tpm_commands.
tpm_mark() { wc -c <"$T/$TPM.commands"; }

# tpm_commands [MARK]: names of the commands the TPM has received since, one a line.
tpm_commands() {
    tail -c +$((${1:-0} + 1)) "$T/$TPM.commands" | awk '
        BEGIN {
            n["00000120"] = "EvictControl"; n["00000131"] = "CreatePrimary"; n["00000153"] = "Create"
            n["00000157"] = "Load"; n["00000159"] = "RSA_Decrypt"; n["0000015D"] = "Sign"
            n["00000161"] = "ContextLoad"; n["00000162"] = "ContextSave"; n["00000165"] = "FlushContext"
            n["00000173"] = "ReadPublic"; n["00000176"] = "StartAuthSession"; n["0000017A"] = "GetCapability"
            n["0000017B"] = "GetRandom"; n["0000017D"] = "Hash"
        }
        /SWTPM_IO_Read/ { getline; code = $7 $8 $9 $10; print code in n ? n[code] : code }'
}

# tpm_operations [MARK]: how many private operations were among them.
tpm_operations() { tpm_commands "${1:-0}" | awk '/^(Sign|RSA_Decrypt)$/ { n++ } END { print n + 0 }'; }

tpm_transient() { tpm2 getcap handles-transient; }

# ---- OpenSSL with Signet ----

# ssl_conf [ORDER [LINE...]]: an openssl.cnf with both providers, for OPENSSL_CONF. ORDER is "default signet"
# or "signet default"; each LINE goes into signet's section.
ssl_conf() {
    local order=${1:-default signet} provider
    if [ $# -gt 0 ]; then shift; fi
    {
        printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]'
        for provider in $order; do
            echo "$provider = ${provider}_provider"
        done
        printf '%s\n' '[default_provider]' 'activate = 1' '[signet_provider]' "module = $MODULES/signet.so" 'activate = 1' \
            "tcti = $TCTI" "$@"
        # openssl req reads the same file and insists on these.
        printf '%s\n' '[req]' 'distinguished_name = dn' '[dn]'
    } >"$T/openssl.cnf"
    export OPENSSL_CONF=$T/openssl.cnf
}

# genpkey FILE [NAME:VALUE...]: a key of Signet's, with openssl genpkey's options (pkeyopt).
genpkey() {
    local file=$1 option options=()
    shift
    for option in "$@"; do
        options+=(-pkeyopt "$option")
    done
    openssl genpkey -propquery '?provider=signet' -algorithm "${ALGORITHM:-RSA}" "${options[@]}" -out "$file"
}

# make_key FILE [NAME:VALUE...]: RSA-2048 in the TPM, unless the options say otherwise.
make_key() {
    local file=$1 bits=bits:2048 option
    shift
    for option in "$@"; do
        [[ $option != bits:* ]] || bits=$option
    done
    genpkey "$file" custody:tpm "$bits" "$@" >"$OUT" 2>&1 || {
        cat "$OUT" >&2
        die "openssl genpkey failed"
    }
}

# make_ec_key FILE [NAME:VALUE...]: EC P-256 in the TPM, unless the options say otherwise.
make_ec_key() {
    local file=$1
    shift
    ALGORITHM=EC genpkey "$file" custody:tpm group:P-256 "$@" >"$OUT" 2>&1 || {
        cat "$OUT" >&2
        die "openssl genpkey failed"
    }
}

# make_cert KEY CERT [CN [REQ-OPTION...]]: a certificate for the key, issued by a CA with a plain key, ca.pem.
# Hosts: localhost, 127.0.0.1.
make_cert() {
    local key=$1 cert=$2 cn=${3:-localhost}
    shift $(($# > 3 ? 3 : $#))
    if [ ! -e "$T/ca.pem" ]; then
        plain_openssl req -x509 -newkey rsa:2048 -nodes -config <(printf '%s\n' '[req]' \
            'distinguished_name = dn' 'x509_extensions = ca' '[dn]' '[ca]' 'basicConstraints = critical, CA:TRUE' \
            'keyUsage = keyCertSign' 'subjectKeyIdentifier = hash') -subj '/CN=Test CA' -days 2 \
            -keyout "$T/ca.key" -out "$T/ca.pem" >"$OUT" 2>&1 || die "the test CA: $(cat "$OUT")"
    fi
    openssl req -new -key "$key" -subj "/CN=$cn" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -out "$T/make_cert.csr" "$@" || die "no certificate request with $key"
    plain_openssl x509 -req -in "$T/make_cert.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -copy_extensions copy \
        -days 2 -out "$cert" >"$OUT" 2>&1 || die "the certificate request is not good: $(cat "$OUT")"
}

# What s_client calls the server's signature: its kind before OpenSSL 3.5, the scheme's name since (RFC 8446).
rsa_pkcs1='^Peer signature type: (RSA|rsa_pkcs1_sha256)$'
rsa_pss='^Peer signature type: (RSA-PSS|rsa_pss_rsae_sha256)$'
# shellcheck disable=SC2034 # for the scripts
rsa_pss_pss='^Peer signature type: (RSA-PSS|rsa_pss_pss_sha256)$' ecdsa='^Peer signature type: (ECDSA|ecdsa_secp256r1_sha256|ecdsa_secp384r1_sha384)$'

# handshake WAY PORT [OPTION...]: a TLS client without Signet connects and checks the certificate.
# WAY names how the server's key is used.
handshake() {
    local way=$1 port=$2 want options
    shift 2
    case $way in
    tls12-pkcs1) want=$rsa_pkcs1 options=(-tls1_2 -cipher ECDHE+AESGCM -sigalgs RSA+SHA256) ;;
    tls12-pss) want=$rsa_pss options=(-tls1_2 -cipher ECDHE+AESGCM -sigalgs RSA-PSS+SHA256) ;;
    tls12-rsa) want='Cipher is AES128-GCM-SHA256$' options=(-tls1_2 -cipher AES128-GCM-SHA256) ;;
    tls12-ecdsa) want=$ecdsa options=(-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256) ;;
    tls13-ecdsa) want=$ecdsa options=(-tls1_3 -sigalgs ECDSA+SHA256:ECDSA+SHA384) ;;
    tls13) want='^New, TLSv1.3' options=(-tls1_3 -sigalgs RSA-PSS+SHA256) ;;
    *) die "no such handshake: $way" ;;
    esac
    plain_openssl s_client -connect "127.0.0.1:$port" -servername localhost -CAfile "$T/ca.pem" \
        -verify_return_error -verify_hostname localhost "${options[@]}" "$@" >"$OUT" 2>&1 </dev/null || {
        cat "$OUT" >&2
        die "handshake $way on port $port"
    }
    said "$want" 'Verify return code: 0 \(ok\)'
}

# nginx_conf PORT CERT KEY [SERVER-LINE...]: writes nginx.conf for a server whose every connection needs a full
# handshake. MAIN holds lines for the top of the file.
nginx_conf() {
    local port=$1 cert=$2 key=$3
    shift 3
    mkdir -p "$T/www"
    cat >"$T/nginx.conf" <<END
${MAIN:-}
pid $T/nginx.pid;
error_log $T/nginx-error.log;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $T/www; proxy_temp_path $T/www; fastcgi_temp_path $T/www;
    uwsgi_temp_path $T/www; scgi_temp_path $T/www;
    keepalive_timeout 0;
    server {
        listen 127.0.0.1:$port ssl;
        ssl_certificate $cert;
        ssl_certificate_key $key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers DEFAULT;
        ssl_session_cache off;
        ssl_session_tickets off;
        $(printf '%s\n' "$@")
        location / { return 200 "\$ssl_protocol \$ssl_client_s_dn\n"; }
    }
}
END
}

# nginx_start: as a service manager does: the master process goes to the background and forks its workers.
# The TPM is named by openssl.cnf alone; nginx drops the environment.
nginx_start() {
    check "nginx accepts its configuration" env -u SIGNET_TCTI nginx -t -e "$T/nginx-error.log" -c "$T/nginx.conf"
    check "nginx starts" env -u SIGNET_TCTI nginx -e "$T/nginx-error.log" -c "$T/nginx.conf"
    wait_until "nginx's pid file" test -s "$T/nginx.pid"
    PIDS+=("$(<"$T/nginx.pid")")
}

# ---- a process that keeps keys ----

# session NAME KEY...: starts tests/interop/session.c with these keys; ask NAME gives it an order.
declare -A SESSION_IN SESSION_OUT SESSION_PID
session() {
    local name=$1 in out
    shift
    mkfifo "$T/$name.in" "$T/$name.out"
    "$PROGRAMS/session" "$@" <"$T/$name.in" >"$T/$name.out" 2>"$T/$name.log" &
    SESSION_PID[$name]=$!
    PIDS+=($!)
    exec {in}>"$T/$name.in" {out}<"$T/$name.out"
    SESSION_IN[$name]=$in SESSION_OUT[$name]=$out
    rm "$T/$name.in" "$T/$name.out"
    ask "$name" ready
}

# ask NAME ORDER: see session.c. The answer is in $REPLY; it must be "ok".
ask() {
    echo "$2" >&"${SESSION_IN[$1]}"
    read -rt 60 REPLY <&"${SESSION_OUT[$1]}" || die "process $1 gives no answer to: $2"
    [ "$REPLY" = ok ] || die "process $1: $2: $REPLY"
}

# session_end NAME [SIGNAL]: lets the process end by itself, or by a signal.
session_end() {
    local in=${SESSION_IN[$1]} out=${SESSION_OUT[$1]} pid=${SESSION_PID[$1]} status=0
    if [ $# -gt 1 ]; then kill "-$2" "$pid"; else echo end >&"$in"; fi
    wait "$pid" 2>/dev/null || status=$?
    exec {in}>&- {out}<&-
    [ $# -gt 1 ] || [ $status -eq 0 ] || die "process $1 ended with exit status $status"
}

# ---- the sanitizer build ----

# A module built with AddressSanitizer wants its runtime first in the process; programs not built so get it here.
asan=$(ldd "$MODULES/signet.so" | awk '/libasan/ { print $3 }')
if [ -n "$asan" ]; then
    # Exit status 99 tells a finding from an ordinary failure: see refused.
    # intercept_tls_get_addr: the sanitizer guesses where glibc keeps the size of a module's thread-local memory; of what comes
    # from its own allocator the guess is wrong, and its search for leaks then crashes, or not, as the heap happens to be.
    export ASAN_OPTIONS=exitcode=99:detect_leaks=1:intercept_tls_get_addr=0 LSAN_OPTIONS=exitcode=99:print_suppressions=0
    export UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
    mkdir "$T/bin"
    printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$asan" "$REAL_OPENSSL" >"$T/bin/openssl"
    chmod +x "$T/bin/openssl"
    PATH=$T/bin:$PATH
fi
