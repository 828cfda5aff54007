#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A full disk: each command that writes says so and fails, the store stays as it was, and works again with room.
if [ -z "${SIGNET_IN_NAMESPACE:-}" ]; then
    # A small disk of its own, which nobody else sees and which is gone with this script.
    user=(--user --map-root-user)
    if ((EUID == 0)); then user=(); fi
    # In a chroot the root is no mount point, whose propagation could be changed; there the namespace around it has
    # seen to that.
    propagation=()
    unshare "${user[@]}" --mount -- true 2>/dev/null || propagation=(--propagation unchanged)
    SIGNET_IN_NAMESPACE=yes exec unshare "${user[@]}" --mount "${propagation[@]}" -- bash "$0"
fi
unset SIGNET_IN_NAMESPACE
. "$(dirname "$0")/../lib.sh"

mkdir "$T/disk"
mount -t tmpfs -o size=2m,mode=700 tmpfs "$T/disk"
trap 'status=$?; umount "$T/disk"; (exit $status); cleanup' EXIT
store_start disk/home
db() { sqlite3 "$SIGNET_HOME/signet.db" "$1"; }
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=prime256v1; /certificate sign ca; /certificate set ca trusted=yes'
check "a template" signet '/certificate add name=t common-name=t key-size=prime256v1'
check "a certificate" signet '/certificate add name=c common-name=c key-size=prime256v1; /certificate sign c ca=ca'
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout "$T/other.key" -out "$T/other.crt" 2>"$OUT"
cat "$T/other.key" "$T/other.crt" >"$FILES/other.pem"
state() { signet '/certificate print terse proplist=name,trusted,status,fingerprint,serial-number,ca'; }
state >"$T/before"
trust=$(readlink "$SIGNET_HOME/trust")

fill() { dd if=/dev/zero of="$T/disk/filler" bs=4k status=none 2>"$T/dd.log" || :; }
fill
equal "the disk is full" "$(df --output=avail "$T/disk" | tail -1 | tr -d ' ')" 0
for command in 'add name=x common-name=x' 'sign t ca=ca' 'import file-name=other.pem' \
    'export-certificate c export-passphrase=a-long-passphrase' 'issued-revoke c' 'set c trusted=yes' 'remove c' \
    'crl generate ca=ca' 'create-certificate-request template=t key-passphrase=a-long-passphrase'; do
    refused "$command" signet "/certificate $command"
    said 'full|no space'
    equal "nothing has changed" "$(state)" "$(<"$T/before")"
done
equal "integrity" "$(db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
equal "the trust folder is the old one" "$(readlink "$SIGNET_HOME/trust")" "$trust"
equal "its bundle is whole" "$(grep -c END "$SIGNET_HOME/trust/bundle.pem")" 1
equal "nothing half-written" "$(find "$SIGNET_HOME" -name '.signet.*' -o -name 'cert_export*' -o -name 'certificate-request*' | wc -l)" 0

rm "$T/disk/filler"
check "with room: sign" signet '/certificate sign t ca=ca'
check "with room: export" signet '/certificate export-certificate c export-passphrase=a-long-passphrase'
check "with room: trust" signet '/certificate set c trusted=yes'
equal "the bundle has it" "$(grep -c BEGIN "$SIGNET_HOME/trust/bundle.pem")" 2
