# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of the SCEP client: two stores, that of a CA with its server and that of a device. A script sources this
# after tests/lib.sh.

ca() { SIGNET_HOME=$T/ca signet "$@"; }
device() { SIGNET_HOME=$T/device signet "$@"; }
# shellcheck disable=SC2034 # for the scripts
SERVER='/certificate scep-server'

# ca_start [PROPERTY...]: the CA local-ca, and its entry 0 at /scep/; its key is a file.
ca_start() {
    mkdir -p "$T/ca" "$T/device"
    check "the CA" ca '/certificate add name=local-ca common-name="Local CA" key-usage=key-cert-sign,crl-sign custody=file'
    check "its certificate" ca '/certificate sign local-ca'
    check "its SCEP entry" ca "$SERVER add ca-cert=local-ca path=/scep/ disabled=no $*"
}

# serve [PORT]: the server; $URL is that of entry 0, $FINGERPRINT its CA's.
serve() {
    PORT=${1:-$(free_port)}
    URL=http://127.0.0.1:$PORT/scep/
    ca "/ip service set www port=$PORT address=127.0.0.0/8 disabled=no" 2>"$OUT" || die "$(<"$OUT")"
    SIGNET_HOME=$T/ca spawn "scep-$PORT" "$BUILD/tools/signetd/signetd"
    SERVER_PID=$SPAWNED
    wait_port "$PORT" "the SCEP server"
    FINGERPRINT=$(ca '/certificate get local-ca fingerprint')
}

# template NAME [PROPERTY...]: what is to be enrolled.
template() {
    local name=$1
    shift
    device "/certificate add name=$name common-name=$name key-usage=digital-signature,key-encipherment,tls-client custody=file $*"
}

# add_scep NAME [PROPERTY...]: with the CA's fingerprint, unless another is among the properties.
add_scep() {
    local name=$1
    shift
    [[ " $* " == *' ca-fingerprint='* ]] || set -- "ca-fingerprint=$FINGERPRINT" "$@"
    [[ " $* " == *' scep-url='* ]] || set -- "scep-url=$URL" "$@"
    device "/certificate add-scep template=$name $*"
}

# entry NAME PROPERTY: of the SCEP entry of a certificate of the device.
entry() { device "/certificate/scep get [find where certificate=\"$1\"] $2"; }
# of NAME PROPERTY: of a certificate of the device.
of() { device "/certificate get \"$1\" $2"; }
# note NAME SETTING VALUE: changes what the client has noted of an entry, as if time had passed.
note() {
    sqlite3 "$T/device/signet.db" "UPDATE setting SET value = '$3' WHERE name = '$2' AND menu = (SELECT menu FROM
        setting JOIN certificate ON certificate.id = setting.certificate WHERE certificate.name = '$1' AND menu LIKE '%scep*%')"
}
# contents: all certificates, keys and trust of the device, to see that nothing has changed.
contents() {
    sqlite3 "$T/device/signet.db" "SELECT id, hex(der), is_trusted, key FROM certificate ORDER BY id"
}

# The certificate of the device verifies with the CA, with its own key.
verifies() {
    device "/certificate export-certificate $1 type=pem file-name=export-$1" >/dev/null
    ca '/certificate export-certificate local-ca type=pem file-name=ca' >/dev/null
    check "$1 is the CA's" plain_openssl verify -CAfile "$T/ca/files/ca.crt" "$T/device/files/export-$1.crt"
}
