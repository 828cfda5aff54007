# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of the SCEP server: one with a CA on a free port, keys, and messages good and bad. A script sources this
# after tests/lib.sh.

SCEP_MENU='/certificate scep-server'

# scep_ca [PROPERTY...]: a CA, local-ca.
scep_ca() {
    check "a CA" signet "/certificate add name=local-ca common-name=\"Local CA\" key-usage=key-cert-sign,crl-sign $*"
    check "its certificate" signet '/certificate sign local-ca'
}

# scep_entry [PROPERTY...]: an entry of local-ca at /scep/, enabled.
scep_entry() {
    check "an entry: $*" signet "$SCEP_MENU add ca-cert=local-ca path=/scep/ disabled=no $*"
}

# scep_serve: the server, on a free port: SCEP_URL, SCEP_PID. May be called again, after stop.
scep_serve() {
    SCEP_PORT=$(free_port)
    SCEP_URL=http://127.0.0.1:$SCEP_PORT/scep/
    signet "/ip service set www port=$SCEP_PORT address=127.0.0.0/8 disabled=no" 2>"$OUT" || die "$(<"$OUT")"
    spawn "scep-$SCEP_PORT" "$BUILD/tools/signetd/signetd"
    SCEP_PID=$SPAWNED
    wait_port "$SCEP_PORT" "the SCEP server"
}

# scep_end: ends it; a sanitizer's finding, or a leak, is a failure.
scep_end() {
    local status=0
    kill "$SCEP_PID"
    wait "$SCEP_PID" || status=$?
    [ $status -eq 0 ] || die "the server ended with status $status"
    echo "ok: the server has ended"
}

# scep_get OPERATION [CURL-OPTION...]: what a GET answers.
scep_get() { curl --silent --show-error --max-time 20 "$SCEP_URL?operation=$1" "${@:2}"; }

# scep_key NAME [BITS]: a client's key, NAME.key.
scep_key() { plain_openssl genrsa -traditional -out "$T/$1.key" "${2:-2048}" 2>/dev/null; }

# scep_ca_file: the CA's certificate as the server gives it, $T/ca.pem; also $T/ca.der.
scep_ca_file() {
    scep_get GetCACert >"$T/ca.der"
    plain_openssl x509 -inform der -in "$T/ca.der" -out "$T/ca.pem"
}

# scep_write NAME [NAME=VALUE...]: a message from the key NAME in $T/NAME.msg; see scep_message.c.
scep_write() {
    plain_openssl_program scep_message write "$T/$1.msg" ca="$T/ca.pem" key="$T/$1.key" save="$T/$1.signer" "${@:2}"
}
# The program is short and frees nothing.
plain_openssl_program() { ASAN_OPTIONS=exitcode=99:detect_leaks=0 OPENSSL_CONF=/dev/null "$PROGRAMS/$1" "${@:2}"; }

# scep_send NAME [CURL-OPTION...]: posts it; STATUS is HTTP's, the answer is $T/NAME.reply.
scep_send() {
    STATUS=$(curl --silent --show-error --max-time 60 --output "$T/$1.reply" --write-out '%{http_code}' \
        --data-binary "@$T/$1.msg" -H 'Content-Type: application/x-pki-message' "$SCEP_URL?operation=PKIOperation" "${@:2}")
}

# scep_read NAME [KEY]: the CertRep, one line in $REPLY; a certificate in NAME.crt. KEY's key decrypts it.
scep_read() {
    rm -f "$T/$1.crt"
    REPLY=$(plain_openssl_program scep_message read "$T/$1.reply" key="$T/${2:-$1}.key" signer="$T/$1.signer" out="$T/$1.crt" crl="$T/$1.crl") ||
        die "the answer to $1 can't be read"
}

# scep_ask NAME [NAME=VALUE...]: writes, sends and reads; SIGN=NAME2: signed with that key and certificate.
scep_ask() {
    local sign=()
    [ -z "${SIGN:-}" ] || sign=(sign-key="$T/$SIGN.key" signer="$T/$SIGN.crt")
    scep_write "$1" "${sign[@]}" "${@:2}"
    scep_send "$1"
    if [ "$STATUS" != 200 ]; then
        cat "$T/$1.reply" >&2
        die "$1: HTTP status $STATUS"
    fi
    scep_read "$1" "${SIGN:-}"
}

# issued WHAT, pending WHAT, denied WHAT FAILINFO [REGEX]: what the last CertRep must be.
issued() { [[ $REPLY == *' status=0 '*certificate=* ]] && echo "ok: $1: issued" || die "$1: not issued: $REPLY"; }
pending() { [[ $REPLY == *' status=3 '* && $REPLY != *certificate=* ]] && echo "ok: $1: pending" || die "$1: not pending: $REPLY"; }
denied() {
    [[ $REPLY =~ \ status=2\ failInfo=$2\  && $REPLY != *certificate=* ]] || die "$1: not refused with failInfo $2: $REPLY"
    [[ $REPLY =~ ${3:-} ]] || die "$1: the refusal says nothing of $3: $REPLY"
    echo "ok: $1: refused ($2)"
}

# logged REGEX...: each must match a line of the log about scep.
logged() {
    signet '/log print where message~"scep"' >"$OUT"
    said "$@"
}

# certificates NAME-PATTERN: how many there are whose name matches.
certificates() { signet "/certificate print count-only where name~\"$1\""; }
