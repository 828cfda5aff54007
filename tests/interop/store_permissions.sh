#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whatever the umask, nobody else reads the store. Places that can't hold a store are refused and left alone.
. "$(dirname "$0")/../lib.sh"

umask 000
tpm_start
store_start
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -days 9 -keyout "$T/other.key" -out "$FILES/other.crt" 2>"$OUT"
plain_openssl pkcs12 -export -in "$FILES/other.crt" -inkey "$T/other.key" -passout pass:secret -out "$FILES/other.p12"
plain_openssl req -new -key "$T/other.key" -subj /CN=request -out "$FILES/request.pem"
chmod 600 "$FILES"/*
closed() {
    equal "folders that others may enter" "$(find "$SIGNET_HOME" -type d ! -perm 700)" ''
    equal "files that others may read" "$(find "$SIGNET_HOME" -type f ! -perm 600)" ''
}
for command in 'add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=1024' 'sign ca' 'set ca trusted=yes' \
    'add name=f common-name=f key-size=prime256v1 custody=file' 'sign f ca=ca' 'issued-revoke f' \
    'export-certificate f export-passphrase=a-long-passphrase' \
    'export-certificate f type=pkcs12 export-passphrase=a-long-passphrase' \
    'add name=r common-name=r key-size=prime256v1' 'create-certificate-request template=r key-passphrase=a-long-passphrase' \
    'sign-certificate-request file-name=request.pem ca=ca name=q' 'import file-name=other.p12 passphrase=secret name=o' \
    'set o name=p' 'crl generate ca=ca' 'settings set crl-use=yes' 'remove p'; do
    check "$command" signet "/certificate $command"
    closed
done
check "a key" signet key make k --size 1024 --custody tpm
check "its file" signet key write f --out "$T/f.pem"
equal "mode of the key file" "$(stat -c %a "$T/f.pem")" 600
closed
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
mkdir "$T/foreign"
sqlite3 "$T/foreign/signet.db" "CREATE TABLE other(a); INSERT INTO other VALUES ('theirs')"
cp "$T/foreign/signet.db" "$T/foreign.copy"
SIGNET_HOME=$T/foreign refused "another program's database" signet '/certificate print'
said "another program's"
check "it is as it was" cmp "$T/foreign/signet.db" "$T/foreign.copy"
mkdir "$T/third" && ln -s "$T/foreign.copy" "$T/third/signet.db"
SIGNET_HOME=$T/third refused "a database that is a link" signet '/certificate print'
said 'signet.db is a link'
version=$(sqlite3 "$SIGNET_HOME/signet.db" 'PRAGMA user_version')
sqlite3 "$SIGNET_HOME/signet.db" 'PRAGMA user_version = 1000'
cp "$SIGNET_HOME/signet.db" "$T/later.copy"
refused "a store of a later Signet" signet '/certificate print'
said 'later signet'
refused "writing to it" signet '/certificate add name=x common-name=x'
check "it is as it was" cmp "$SIGNET_HOME/signet.db" "$T/later.copy"
sqlite3 "$SIGNET_HOME/signet.db" "PRAGMA user_version = $version"
check "the same of this version" signet '/certificate print'

# ---- somebody who may not ----
# nobody: root may do all. Anybody else takes the right to write away from himself.
chmod 755 "$T"
mkdir -m 755 "$T/theirs"
as=()
if ((EUID == 0)); then as=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
tool=$BUILD/tools/signet
chmod 555 "$T/theirs"
SIGNET_HOME=$T/theirs refused "a home that can't be written" "${as[@]}" "$tool" '/certificate print'
said 'theirs/files.*Permission denied'
SIGNET_HOME=$T/theirs/home refused "a home where none may be made" "${as[@]}" "$tool" '/certificate print'
said 'theirs/home.*Permission denied'
equal "nothing was made there" "$(find "$T/theirs" -mindepth 1)" ''
before=$(sqlite3 "$SIGNET_HOME/signet.db" .dump)
if ((EUID == 0)); then
    refused "the store of another" "${as[@]}" "$tool" '/certificate print'
    said 'Permission denied'
fi
chmod 755 "$SIGNET_HOME" "$FILES" && chmod 444 "$SIGNET_HOME/signet.db"
check "a store that may be read" "${as[@]}" "$tool" '/certificate print'
refused "writing to it" "${as[@]}" "$tool" '/certificate add name=x common-name=x'
said "can't be written"
chmod 000 "$SIGNET_HOME/signet.db"
refused "a database that may not be read" "${as[@]}" "$tool" '/certificate print'
said 'signet.db.*Permission denied'
chmod 600 "$SIGNET_HOME/signet.db"
equal "it is as it was" "$(sqlite3 "$SIGNET_HOME/signet.db" .dump)" "$before"
