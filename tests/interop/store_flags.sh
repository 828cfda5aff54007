#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The flags K A L T I R E are facts: each certificate here is made by OpenSSL to have some of them. And what is trusted
# for what, as openssl sees it in the trust folder.
. "$(dirname "$0")/../lib.sh"

store_start
C=$T/ca
mkdir "$C"
cd "$C"
: >index.txt
echo 01 >serial
echo 01 >crlnumber
cat >ca.cnf <<END_CNF
[ca]
default_ca = it
[it]
dir = $C
database = $C/index.txt
serial = $C/serial
crlnumber = $C/crlnumber
new_certs_dir = $C
default_md = sha256
policy = any
default_days = 30
default_crl_days = 5
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
authorityKeyIdentifier = keyid
END_CNF
authority() { # authority NAME
    plain_openssl req -x509 -newkey rsa:2048 -nodes -config ca.cnf -extensions authority -subj "/CN=$1" -days 90 -keyout "$1.key" -out "$1.pem" 2>"$OUT"
}
leaf() { # leaf NAME CA [CA-OPTION...]: NAME.pem with its key
    local name=$1 ca=$2
    shift 2
    plain_openssl req -new -newkey rsa:2048 -nodes -config ca.cnf -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>"$OUT"
    plain_openssl ca -batch -config ca.cnf -extensions leaf -cert "$ca.pem" -keyfile "$ca.key" -in "$name.csr" -out "$name.pem" -notext "$@" 2>"$OUT" || die "$(<"$OUT")"
}
import() { # import FILE [PROPERTY...]
    cp "$1" "$FILES/"
    check "import $*" signet "/certificate import file-name=$*"
}
authority root
authority stranger
leaf good root
leaf old root -startdate 20200101000000Z -enddate 20210101000000Z
leaf young root -startdate 20400101000000Z -enddate 20410101000000Z
leaf bad root
leaf lone stranger

# ---- A T K I E ----
import root.pem
equal "a CA, not trusted yet" "$(flags root)" A
for name in good old young bad lone; do
    import $name.pem
done
equal "no trusted root: invalid" "$(flags good)" I
check "trust" signet '/certificate set root trusted=yes'
equal "the root" "$(flags root)" AT
equal "valid" "$(flags good)" ''
equal "expired" "$(flags old)" IE
equal "not valid yet" "$(flags young)" I
equal "its issuer is nowhere" "$(flags lone)" I
import good.key
equal "with its key" "$(flags good)" K
equal "selected by a flag" "$(signet '/certificate print count-only where expired')" 1
equal "and by none" "$(signet '/certificate print count-only where !invalid')" 3
signet '/certificate print detail where name=old' >"$OUT"
said 'expired'

# ---- R: by a CRL ----
plain_openssl ca -config ca.cnf -cert root.pem -keyfile root.key -revoke bad.pem -crl_reason keyCompromise 2>"$OUT"
plain_openssl ca -config ca.cnf -cert root.pem -keyfile root.key -gencrl -out root.crl 2>"$OUT"
cp root.crl "$FILES/"
check "the CRL" signet '/certificate import file-name=root.crl'
equal "the CA has one here" "$(flags root)" ALT
equal "CRLs are not used" "$(flags bad)" ''
check "they are" signet '/certificate settings set crl-use=yes'
equal "revoked" "$(flags bad)" IR
equal "the other is not" "$(flags good)" K
check "they are not" signet '/certificate settings set crl-use=no'
equal "not revoked" "$(flags bad)" ''

# ---- a CRL that somebody else has signed ----
check "without the CRL" signet '/certificate crl remove [find]'
check "crl-use" signet '/certificate settings set crl-use=yes'
equal "no CRL, no revocation" "$(flags bad)" ''
plain_openssl req -x509 -newkey rsa:2048 -nodes -config ca.cnf -extensions authority -subj /CN=root -days 90 -keyout forged.key -out forged.pem 2>"$OUT"
plain_openssl ca -config ca.cnf -cert forged.pem -keyfile forged.key -gencrl -out forged.crl 2>"$OUT"
cp forged.crl "$FILES/"
signet '/certificate import file-name=forged.crl' >"$OUT" 2>&1 || :
equal "a forged CRL revokes nothing" "$(flags bad)" ''
equal "nor does it give the CA its flag" "$(flags root)" AT
check "the real one again" signet '/certificate import file-name=root.crl'
equal "revoked" "$(flags bad)" IR

# ---- the trust folder ----
verify() { # verify USE CERTIFICATE
    plain_openssl verify -CAfile "$SIGNET_HOME/trust/$1/bundle.pem" "$2" && plain_openssl verify -no-CAfile -CApath "$SIGNET_HOME/trust/$1/hashed" "$2"
}
import stranger.pem trusted=yes trust-store=dns
check "all uses" verify . good.pem
check "trusted for dns" verify dns lone.pem
refused "not for www" verify www lone.pem
check "root is for all" verify www good.pem
check "now stranger, too" signet '/certificate set stranger trust-store=www,dns'
check "for www" verify www lone.pem
refused "not for sstp" verify sstp lone.pem
check "no more" signet '/certificate set stranger trusted=no'
refused "not for dns" verify dns lone.pem
check "removed" signet '/certificate remove root'
refused "nobody trusts what was removed" verify . good.pem

# ---- the system's roots ----
equal "as many as the system has" "$(signet '/certificate builtin print count-only')" "$(grep -c 'BEGIN CERTIFICATE' /etc/ssl/certs/ca-certificates.crt)"
check "used for fetch" signet '/certificate settings print'
said 'builtin-trust-store: fetch'
equal "they are in that set" "$(grep -c BEGIN "$SIGNET_HOME/trust/fetch/bundle.pem")" "$(signet '/certificate builtin print count-only')"
check "none" signet '/certificate settings set builtin-trust-store=none'
equal "none are left" "$(grep -c BEGIN "$SIGNET_HOME/trust/fetch/bundle.pem" || :)" 0
refused "another value" signet '/certificate settings set crl-use=perhaps'
said 'crl-use|value' 'line 1 column'
