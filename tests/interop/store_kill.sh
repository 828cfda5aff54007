#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at a random moment of every command that writes, ROUNDS times in all: the store opens, every certificate is
# there with its key or not at all, and no private key lies about in clear. SEED repeats a run.
. "$(dirname "$0")/../lib.sh"

ROUNDS=${ROUNDS:-100}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "SEED=$SEED"
db() { sqlite3 "$SIGNET_HOME/signet.db" "$1"; }
now() { echo "${EPOCHREALTIME/[.,]/}"; }

# Names of the certificates with their fingerprints; those in EXCEPT left out.
certificates() { db "SELECT name, fingerprint, key IS NOT NULL FROM certificate ORDER BY name" | grep -vE "^($1)\|" || :; }

# Each command works on certificates whose names begin with "x", which are made anew for each round.
prepare() {
    signet '/certificate remove [find where name~"^x"]' >"$OUT" 2>&1 || die "remove: $(<"$OUT")"
    case $1 in
    sign-root | sign | sign-tpm | request) signet "/certificate add name=x common-name=x key-size=${SIZE:-prime256v1} custody=$CUSTODY" ;;
    export | revoke | remove | trust) signet "/certificate add name=x common-name=x key-size=prime256v1 custody=file; /certificate sign x ca=ca" ;;
    esac >"$OUT" 2>&1 || die "preparing $1: $(<"$OUT")"
}
declare -A command=(
    [add]='add name=x common-name=x'
    [sign-root]='sign x'
    [sign]='sign x ca=ca'
    [sign-tpm]='sign x ca=ca'
    [request]='create-certificate-request template=x key-passphrase=a-long-passphrase'
    [sign-request]='sign-certificate-request file-name=other.pem ca=ca name=x'
    [import]='import file-name=other.p12 passphrase=secret name=x'
    [export]='export-certificate x export-passphrase=a-long-passphrase'
    [revoke]='issued-revoke x'
    [remove]='remove x'
    [trust]='set x trusted=yes'
    [settings]='settings set crl-use=yes'
    [crl]='crl generate ca=ca'
)
names=("${!command[@]}")

tpm_start
tpm_srk
store_start
signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=prime256v1 custody=file; /certificate sign ca;
    /certificate add name=kept common-name=kept key-size=1024 custody=tpm; /certificate sign kept ca=ca' >"$OUT" 2>&1 || die "$(<"$OUT")"
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -days 9 -keyout "$T/other.key" -out "$T/other.crt" 2>"$OUT"
plain_openssl pkcs12 -export -in "$T/other.crt" -inkey "$T/other.key" -passout pass:secret -out "$FILES/other.p12"
plain_openssl req -new -key "$T/other.key" -subj /CN=other -out "$FILES/other.pem"

# run_command NAME [MICROSECONDS]: runs it, kills it after that time; $KILLED says if that was in time.
run_command() {
    local pid status=0
    "$BUILD/tools/signet" "/certificate ${command[$1]}" >"$OUT" 2>&1 &
    pid=$!
    KILLED=no
    if [ $# -gt 1 ]; then
        sleep "$(printf '%d.%06d' $(($2 / 1000000)) $(($2 % 1000000)))"
        kill -9 $pid 2>/dev/null || :
    fi
    wait $pid 2>/dev/null || status=$?
    if [ $status -eq 137 ]; then KILLED=yes; else [ $status -eq 0 ] || die "$1: exit status $status: $(<"$OUT")"; fi
}

look() {
    local what=$1 except=$2 before=$3 name
    equal_quietly "$what: integrity" "$(db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
    signet '/certificate print' >"$OUT" 2>&1 || die "$what: the store can't be read: $(<"$OUT")"
    equal_quietly "$what: the others" "$(certificates "$except")" "$before"
    equal_quietly "$what: certificates whose key is another's" \
        "$(db "SELECT count(*) FROM certificate c LEFT JOIN key k ON k.id = c.key
            WHERE c.key IS NOT NULL AND (k.id IS NULL OR k.fingerprint IS NOT c.key_fingerprint)")" 0
    equal_quietly "$what: keys of no certificate" "$(db "SELECT count(*) FROM key WHERE name IS NULL
        AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.key = key.id)")" 0
    # What was signed and is not somebody else's has its key.
    equal_quietly "$what: signed here, without its key" "$(db "SELECT count(*) FROM certificate
        WHERE der IS NOT NULL AND key IS NULL AND subject NOT LIKE '%other%'")" 0
    if grep -rlE 'BEGIN (RSA |EC )?PRIVATE KEY' "$SIGNET_HOME" --exclude='signet.db*' >"$OUT"; then
        die "$what: a private key in clear: $(<"$OUT")"
    fi
    # Looking with print was the next command: it has swept.
    find "$SIGNET_HOME" -name '.signet.*' -o -name '.trust.*' ! -name "$(readlink "$SIGNET_HOME/trust")" >"$OUT"
    [ ! -s "$OUT" ] || die "$what: left behind: $(<"$OUT")"
    for name in "$FILES"/cert_export_x.*; do
        [ ! -e "$name" ] || [ -s "$name" ] || die "$what: $name is empty"
    done
}
equal_quietly() { [ "$2" = "$3" ] || die "$1 (SEED=$SEED): got '$2', wanted '$3'"; }

declare -A duration
killed=0
for ((round = 0; round < ROUNDS; round++)); do
    name=${names[round % ${#names[@]}]}
    SIZE=prime256v1 CUSTODY=file
    if [ "$name" = sign-tpm ]; then SIZE=1024 CUSTODY=tpm; fi
    if [ -z "${duration[$name]:-}" ]; then
        prepare "$name"
        begin=$(now)
        run_command "$name"
        duration[$name]=$(($(now) - begin))
    fi
    prepare "$name"
    before=$(certificates x)
    run_command "$name" $(((RANDOM * 32768 + RANDOM) % duration[$name]))
    if [ $KILLED = yes ]; then killed=$((killed + 1)); fi
    look "round $round, $name" x "$before"
done
echo "ok: $ROUNDS rounds of ${#names[@]} commands, $killed killed before their end"
[ $killed -gt $((ROUNDS / 5)) ] || die "too few were killed for this to say anything"

# Keys and certificates belong together, as OpenSSL sees it.
ssl_conf
for name in ca kept; do
    check "export $name" signet "/certificate export-certificate $name"
    check "its key" signet key write $name --out "$T/$name.key"
    equal "$name: key and certificate" "$(openssl pkey -in "$T/$name.key" -pubout)" \
        "$(plain_openssl x509 -in "$FILES/cert_export_$name.crt" -noout -pubkey)"
done
