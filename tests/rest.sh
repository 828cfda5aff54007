# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced after lib.sh by tests of www-ssl's interfaces: signetd with a certificate, and curl as a client.
#
#   rest_start         a store with the CA "web-ca", the users root (full), writer, reader; www-ssl at $REST
#   rest METHOD PATH [JSON] [CURL-ARGUMENT...]   as $REST_USER; the status is $STATUS, the answer in $BODY
#   has JQ             the answer is JSON of which this is true

REST_PASSWORD='pass word:1'
REST_USER=root
rest_start() {
    check "a certificate for www-ssl" signet "/certificate add name=web-ca common-name=web-ca key-usage=key-cert-sign,crl-sign custody=file
        /certificate sign web-ca
        /certificate add name=web common-name=web subject-alt-name=DNS:localhost key-usage=digital-signature,tls-server custody=file
        /certificate sign web ca=web-ca
        /certificate export-certificate web-ca file-name=web-ca"
    local user
    for user in root:full writer:write reader:read; do
        check "the user $user" signet "/user add name=${user%:*} group=${user#*:} password=\"$REST_PASSWORD\""
    done
    REST_PORT=$(free_port) REST=https://localhost:$REST_PORT
    # By IPv4 alone: what the log and the guard know a client by is its address.
    check "www-ssl" signet "/ip service set www-ssl certificate=web port=$REST_PORT address=127.0.0.0/8 disabled=no"
    spawn signetd "$BUILD/tools/signetd/signetd"
    SIGNETD=$SPAWNED
    wait_port "$REST_PORT" signetd
    # The password is not in the list of processes.
    for user in root writer reader; do
        printf 'user = "%s:%s"\n' $user "$REST_PASSWORD" >"$T/curl.$user"
    done
}
BODY=
STATUS=
rest() {
    local method=$1 path=$2 body=()
    shift 2
    case ${1:-} in
    '{'* | '['*)
        printf '%s' "$1" >"$T/request"
        body=(--data-binary "@$T/request" --header 'Content-Type: application/json')
        shift
        ;;
    esac
    BODY=$T/body
    : >"$BODY"
    STATUS=$(curl --silent --max-time 70 --noproxy '*' --globoff --path-as-is --cacert "$FILES/web-ca.crt" --config "$T/curl.$REST_USER" --request "$method" \
        --output "$BODY" --dump-header "$T/headers" --write-out '%{http_code}' "${body[@]}" "$@" "$REST/rest$path" || :)
}
# answers STATUS METHOD PATH...
answers() {
    local wanted=$1
    shift
    rest "$@"
    [ "$STATUS" = "$wanted" ] || {
        cat "$BODY" >&2
        die "$*: status $STATUS, wanted $wanted"
    }
    echo "ok: $1 $2: $STATUS"
}
has() {
    jq -e "$1" "$BODY" >/dev/null || {
        cat "$BODY" >&2
        die "the answer above is not so: $1"
    }
}
