# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of bindings share: a local CA, certificates of it, and looks at what a service shows.

# local_ca: a CA in the store; its certificate is $T/local-ca.pem.
local_ca() {
    check "a CA" signet '/certificate add name=local-ca common-name="Local CA" key-usage=key-cert-sign,crl-sign custody=file
        /certificate sign local-ca
        /certificate set local-ca trusted=yes
        /certificate export-certificate local-ca'
    cp "$FILES/cert_export_local-ca.crt" "$T/local-ca.pem"
}

# local_cert NAME [PROPERTY…]: a certificate of it for localhost and 127.0.0.1.
local_cert() {
    local name=$1
    shift
    check "certificate $name" signet "/certificate add name=$name common-name=localhost subject-alt-name=DNS:localhost,IP:127.0.0.1 \
        key-usage=digital-signature,key-encipherment,tls-server,tls-client custody=file $*
        /certificate sign $name ca=local-ca"
}

# service_file NAME [SED-EXPRESSION…]: the built-in file of a service, changed for this store alone.
service_file() {
    local name=$1 expression arguments=()
    shift
    for expression in "$@"; do arguments+=(-e "$expression"); done
    mkdir -p "$SIGNET_HOME/bindings"
    sed "${arguments[@]}" "$ROOT/tools/bindings/services/$name.conf" >"$SIGNET_HOME/bindings/$name.conf"
    chmod 644 "$SIGNET_HOME/bindings/$name.conf"
}

# shown PORT: the fingerprint of what a server shows, as the store has it.
shown() {
    plain_openssl s_client -connect "127.0.0.1:$1" </dev/null 2>/dev/null | plain_openssl x509 -noout -fingerprint -sha256 |
        cut -d= -f2 | tr -d : | tr A-F a-f
}

# binding NUMBER PROPERTY
binding() { signet "/certificate binding get $1 $2"; }

# own_folders SCRIPT FOLDER…: runs the script again where these folders are empty and its own, as is the network. Whoever is
# not root gets that from a user namespace, or fails.
own_folders() {
    local script=$1 folder
    shift
    if [ -z "${OWN_FOLDERS:-}" ]; then
        rm -rf "$T"
        trap - EXIT
        [ $EUID -eq 0 ] || exec env OWN_FOLDERS=here unshare --map-root-user --net --mount bash "$script"
        exec env OWN_FOLDERS=here unshare --net --mount bash "$script"
    fi
    ip link set lo up
    for folder in "$@"; do mount -t tmpfs own "$folder"; done
}
