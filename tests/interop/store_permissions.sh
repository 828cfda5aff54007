#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever the umask, nobody else reads the store. Places that can't hold a store are refused and left alone.
. "$(dirname "$0")/../lib.sh"

umask 000
tpm_start
store_start
for command in 'add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=1024' 'sign ca' 'set ca trusted=yes' \
    'add name=f common-name=f key-size=prime256v1 custody=file' 'sign f ca=ca' 'issued-revoke f' \
    'export-certificate f export-passphrase=a-long-passphrase' \
    'export-certificate f type=pkcs12 export-passphrase=a-long-passphrase' \
    'add name=r common-name=r key-size=prime256v1' 'create-certificate-request template=r key-passphrase=a-long-passphrase'; do
    check "$command" signet "/certificate $command"
done
check "a key" signet key make k --size 1024 --custody tpm
check "its file" signet key write f --out "$T/f.pem"
equal "mode of the key file" "$(stat -c %a "$T/f.pem")" 600
equal "folders that others may enter" "$(find "$SIGNET_HOME" -type d ! -perm 700)" ''
equal "files that others may read" "$(find "$SIGNET_HOME" -type f ! -perm 600)" ''
[ "$(find "$SIGNET_HOME" -type f | wc -l)" -gt 8 ] || die "there should be more files than this"
umask 022

# ---- where no store can be ----
echo text >"$T/file"
SIGNET_HOME=$T/file refused "a home that is a file" signet '/certificate print'
said 'folder .*/file'
equal "the file is as it was" "$(<"$T/file")" text
SIGNET_HOME=/proc/none refused "a home that can't be made" signet '/certificate print'
said '/proc/none'
mkdir -p "$T/other/files"
head -c 9000 /dev/urandom >"$T/other/signet.db"
cp "$T/other/signet.db" "$T/other.copy"
SIGNET_HOME=$T/other refused "a database that is none" signet '/certificate print'
said 'not a database'
check "it is as it was" cmp "$T/other/signet.db" "$T/other.copy"
sqlite3 "$SIGNET_HOME/signet.db" 'PRAGMA user_version = 1000'
refused "a store of a later Signet" signet '/certificate print'
said 'newer|later'
equal "it is as it was" "$(sqlite3 "$SIGNET_HOME/signet.db" 'PRAGMA user_version; SELECT count(*) FROM certificate')" $'1000\n3'
rm -rf "$T/link" && ln -s "$T/other.copy" "$T/link"
mkdir "$T/third" && ln -s "$T/other.copy" "$T/third/signet.db"
SIGNET_HOME=$T/third refused "a database that is a link" signet '/certificate print'
