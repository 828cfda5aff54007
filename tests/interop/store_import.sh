#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Import of every kind of file, in any order, with right and wrong passphrases; the counters that RouterOS returns.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
store_start
printf '[req]\ndistinguished_name = dn\n[dn]\n' >"$T/req.cnf"
cnf=(-config "$T/req.cnf")
plain_openssl req -x509 -newkey rsa:2048 -nodes "${cnf[@]}" -subj '/CN=CA' -days 30 -keyout "$T/ca.key" -out "$T/ca.pem" \
    -addext basicConstraints=critical,CA:TRUE 2>/dev/null
leaf() { # leaf NAME [ALGORITHM...]
    plain_openssl genpkey "${@:2}" -out "$T/$1.key" 2>/dev/null
    plain_openssl req -new -key "$T/$1.key" "${cnf[@]}" -subj "/CN=$1" -out "$T/$1.csr"
    plain_openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 20 -out "$T/$1.crt" 2>/dev/null
}
leaf rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
leaf ec -algorithm EC -pkeyopt ec_paramgen_curve:P-256
leaf ed -algorithm ED25519

# counted WHAT CERTIFICATES KEYS FAILURES WITHOUT: the counters of the last import.
counted() {
    equal "$1: counters" "$(awk '/certificates-imported|private-keys-imported|decryption-failures|keys-with-no-certificate/ { printf "%s ", $2 }' "$OUT")" "$2 $3 $4 $5 "
}
# import WHAT FILE [PARAMETER...]: a file that has been put into files/; then a look, and everything is gone again.
import() {
    check "$1" signet "/certificate import file-name=$2 ${*:3}"
}
clear_store() { check "empty again" signet '/certificate remove [find]'; }

# ---- PEM ----
cat "$T/rsa.crt" "$T/rsa.key" >"$FILES/cert-key.pem"
import "certificate, then key" cert-key.pem
counted "certificate, then key" 1 1 0 0
equal "flags" "$(flags cert-key)" KI
clear_store
cat "$T/ec.key" "$T/ca.pem" "$T/ed.key" "$T/rsa.crt" "$T/rsa.key" "$T/ed.crt" "$T/ec.crt" >"$FILES/many.pem"
import "several of each, keys first" many.pem
counted "several" 4 3 0 0
equal "names" "$(signet '/certificate print as-value proplist=name' | tr ';' '\n' | grep name=)" \
    "$(printf 'name=%s\n' many many_1 many_2 many_3)"
equal "all but the CA have keys" "$(signet '/certificate print count-only where private-key')" 3
import "the same again" many.pem
said 'here already'
counted "the same again" 0 3 0 0
clear_store

cp "$T/rsa.key" "$FILES"
import "a key without its certificate" rsa.key
counted "a key without its certificate" 0 0 0 1
said 'belong to no certificate'
equal "nothing is kept of it" "$(signet key list | wc -l)" 1

for form in aes256:-aes256 des3:-des3; do
    plain_openssl rsa -in "$T/rsa.key" "${form#*:}" -passout pass:secret -traditional -out "$T/encrypted.key" 2>/dev/null
    cat "$T/encrypted.key" "$T/rsa.crt" >"$FILES/traditional.pem"
    import "traditional encryption ${form%:*}, right" traditional.pem passphrase=secret
    counted "right" 1 1 0 0
    clear_store
    import "traditional encryption ${form%:*}, wrong" traditional.pem passphrase=wrong
    counted "wrong" 1 0 1 0
    clear_store
done
plain_openssl pkcs8 -topk8 -in "$T/rsa.key" -passout pass:secret -out "$FILES/p8.key"
cp "$T/rsa.crt" "$FILES/p8.crt"
import "certificate alone" p8.crt
import "PKCS #8 without its passphrase" p8.key
counted "without" 0 0 1 0
said 'passphrase is wrong'
import "PKCS #8" p8.key passphrase=secret
counted "with" 0 1 0 0
check "the key is the one" bash -c "cmp <('$BUILD/tools/signet' key write p8 | '$REAL_OPENSSL' pkey -pubout) <('$REAL_OPENSSL' pkey -in '$T/rsa.key' -pubout)"
clear_store

# ---- DER ----
for name in rsa ec ed; do
    plain_openssl x509 -in "$T/$name.crt" -outform DER -out "$FILES/$name.der"
    plain_openssl pkcs8 -topk8 -nocrypt -in "$T/$name.key" -outform DER -out "$FILES/$name-key.der"
    import "DER certificate ($name)" "$name.der"
    counted "DER certificate" 1 0 0 0
    import "DER key ($name)" "$name-key.der"
    counted "DER key" 0 1 0 0
done
plain_openssl pkcs8 -topk8 -in "$T/rsa.key" -passout pass:secret -outform DER -out "$FILES/rsa-enc.der"
import "DER key, encrypted" rsa-enc.der passphrase=secret
counted "DER key, encrypted" 0 1 0 0
import "DER key, wrong passphrase" rsa-enc.der passphrase=no
counted "DER key, wrong passphrase" 0 0 1 0
plain_openssl rsa -in "$T/rsa.key" -traditional -outform DER -out "$FILES/rsa-trad.der" 2>/dev/null
import "DER key, PKCS #1" rsa-trad.der
counted "DER key, PKCS #1" 0 1 0 0
clear_store

# ---- PKCS #7, CRL ----
plain_openssl crl2pkcs7 -nocrl -certfile "$T/rsa.crt" -certfile "$T/ca.pem" -out "$FILES/bundle.p7b"
import "PKCS #7, PEM" bundle.p7b
counted "PKCS #7" 2 0 0 0
plain_openssl crl2pkcs7 -nocrl -certfile "$T/rsa.crt" -outform DER -out "$FILES/bundle.p7c"
clear_store
import "PKCS #7, DER" bundle.p7c
counted "PKCS #7" 1 0 0 0
clear_store

# ---- PKCS #12 ----
p12=(-export -in "$T/rsa.crt" -inkey "$T/rsa.key" -certfile "$T/ca.pem" -passout pass:secret)
plain_openssl pkcs12 "${p12[@]}" -out "$FILES/modern.p12"
plain_openssl pkcs12 "${p12[@]}" -out "$FILES/legacy.p12" -legacy
plain_openssl pkcs12 "${p12[@]}" -out "$FILES/des.p12" -legacy -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1
plain_openssl pkcs12 -export -in "$T/rsa.crt" -inkey "$T/rsa.key" -passout pass: -out "$FILES/empty.p12"
for kind in modern legacy des; do
    import "PKCS #12 ($kind)" $kind.p12 passphrase=secret
    counted "$kind" 2 1 0 0
    equal "the certificate comes before its CA" "$(get $kind common-name),$(get ${kind}_1 common-name)" rsa,CA
    clear_store
    import "PKCS #12 ($kind), wrong passphrase" $kind.p12 passphrase=wrong
    counted "$kind, wrong" 0 0 1 0
done
import "PKCS #12, empty passphrase" empty.p12 'passphrase=""'
counted "empty" 1 1 0 0
clear_store
certtool --to-p12 --load-certificate "$T/rsa.crt" --load-privkey "$T/rsa.key" --p12-name x --password secret --outder \
    --outfile "$FILES/gnutls.p12" 2>"$T/certtool.log"
import "PKCS #12 of GnuTLS" gnutls.p12 passphrase=secret
counted "GnuTLS" 1 1 0 0
clear_store

# ---- a key of the TPM's ----
ssl_conf
make_key "$T/tpm.pem"
make_cert "$T/tpm.pem" "$T/tpm.crt"
cat "$T/tpm.crt" "$T/tpm.pem" >"$FILES/tss2.pem"
import "TSS2 PRIVATE KEY" tss2.pem
counted "TSS2 PRIVATE KEY" 1 1 0 0
equal "custody" "$(get tss2 custody)" tpm
clear_store

# ---- names, trust ----
cp "$T/ca.pem" "$FILES/folder.ca.pem"
import "a name of one's own, trusted for one use" folder.ca.pem name=mine trusted=yes trust-store=dns,eap
equal "flags" "$(flags mine)" AT
equal "the use's set has it" "$(grep -c BEGIN "$SIGNET_HOME/trust/dns/bundle.pem")" 1
equal "another's has not" "$(find "$SIGNET_HOME/trust/www/hashed" -type f | wc -l)" 0

# ---- what is no such file ----
head -c 300 "$FILES/modern.p12" >"$FILES/short.p12"
head -c 300 "$T/rsa.crt" >"$FILES/short.pem"
: >"$FILES/empty"
echo nothing >"$FILES/text"
for file in short.p12 short.pem empty text missing; do
    refused "$file" signet "/certificate import file-name=$file"
done
# A passphrase that would be hashed for an hour.
plain_openssl pkcs8 -topk8 -in "$T/ec.key" -passout pass:secret -iter 10000001 -out "$FILES/slow.key"
refused "a passphrase that would be hashed ten million times" timeout 10 "$BUILD/tools/signet" '/certificate import file-name=slow.key passphrase=x'
said 'hashed'
