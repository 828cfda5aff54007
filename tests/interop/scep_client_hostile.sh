#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A SCEP server that lies (scep_hostile.c): each lie is told as an error, and nothing in the client's store changes.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep_client.sh"
export SIGNET_TCTI=none
mkdir -p "$T/device"
"$PROGRAMS/scep_hostile" "$T/ca.pem" >"$T/port" 2>"$T/hostile.log" </dev/null &
PIDS+=($!)
wait_until "the hostile server's port" test -s "$T/port"
PORT=$(<"$T/port")
FINGERPRINT=$(plain_openssl x509 -in "$T/ca.pem" -noout -fingerprint -sha256 | sed 's/.*=//')
template a
template b
URL=http://127.0.0.1:$PORT/good

# mode NAME MODE: where the entry's server is from now on.
mode() { device "/certificate scep set [find where certificate=\"$1\"] scep-url=http://127.0.0.1:$PORT/$2"; }

check "the server can be honest" add_scep b
equal "what is issued is the CA's" "$(of b issuer)" 'CN=The CA'

# lie NAME MODE REGEX...: it is refused, saying so, for a first certificate or a renewal.
first=1
lie() {
    local name=$1 mode=$2 before
    shift 2
    before=$(contents)
    if [ "$name" = a ] && [ -n "$first" ]; then
        refused "$mode" add_scep a scep-url="http://127.0.0.1:$PORT/$mode"
        first=
    else
        mode "$name" "$mode"
        refused "$mode" device "/certificate scep-renew $name"
    fi
    said "$@"
    equal "nothing has changed" "$(contents)" "$before"
    equal "the error is kept" "$(entry "$name" scep-status)" failed
    if grep -q $'\033' "$OUT"; then die "a control character of the server's is shown"; fi
}

for name in a b; do
    lie $name ca-changed 'ca-fingerprint is another: not used'
    lie $name ca-empty 'GetCACert gives no certificates'
    lie $name ca-web 'GetCACert gives no certificates'
    lie $name ca-leaf 'GetCACert gives no certificate of a CA'
    lie $name ca-many 'GetCACert gives no certificates'
    lie $name ca-device 'RA answers for the CA' 'ra-fingerprint'
    lie $name ca-other-ra "RA's certificate is not the CA's"
    lie $name caps-none 'neither DES nor 3DES is used'
    lie $name caps-weak 'neither DES nor 3DES is used'
    lie $name caps-sha256 'neither DES nor 3DES is used'
    lie $name caps-web 'neither DES nor 3DES is used'
    lie $name signer 'signed by neither the CA nor its RA'
    lie $name device-signs 'signed by neither the CA nor its RA'
    lie $name nonce 'not to this request'
    lie $name no-nonce 'not to this request'
    lie $name transaction 'not to this request'
    lie $name type 'not to this request'
    lie $name other-ca 'not the CA.s'
    lie $name other-key 'no certificate for the key'
    lie $name recipient 'can.t be decrypted|no certificate for the key'
    lie $name truncated 'no signed message'
    lie $name forged 'signature is wrong'
    lie $name nothing 'message is empty'
    lie $name junk 'no certificate for the key'
    lie $name empty 'it is empty'
    lie $name huge 'larger than any should be'
    lie $name redirect 'status 302'
    lie $name redirect-http 'status 302'
    lie $name error 'status 500'
    lie $name refusal 'badTime'
done

# What belongs to no chain stays outside.
mode b ca-more
check "a stranger's CA beside the right one" device '/certificate scep-renew b'
equal "is not stored" "$(device '/certificate print count-only where common-name~"stranger"')" 0
# The next CA is of no use to anybody whom the CA did not tell of it.
mode b next-other
check "renewed" device '/certificate scep-renew b'
said 'GetNextCACert gives is not signed by the CA'
equal "the next CA of another" "$(device '/certificate print count-only where common-name~"Next"')" 0
equal "is not noted" "$(entry b next-ca-fingerprint)" ''
mode b next
check "the right one" device '/certificate scep-renew b'
equal "is stored" "$(device '/certificate print count-only where common-name~"Next"')" 1
mode a good
check "honest again" device '/certificate scep-renew a'
equal "keys: one each" "$(sqlite3 "$T/device/signet.db" 'SELECT count(*) FROM key')" 2
