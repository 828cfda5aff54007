#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who gets a certificate from the SCEP server, and who does not.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
store_start
scep_ca
scep_entry
scep_serve
scep_ca_file
for name in a b c d mallory; do scep_key $name; done
entry() { check "the entry's $*" signet "$SCEP_MENU set 0 $*"; }
otp() { signet ":put [$SCEP_MENU otp generate $*]" 2>/dev/null || signet "$SCEP_MENU otp generate $*" | awk '{ print $2 }'; }

# ---- nobody is authorised who has not been ----
scep_ask a subject=/CN=a tid=a1
pending "without a password"
scep_ask a subject=/CN=a tid=a2 challenge=guess
denied "a password that nobody gave" 2 'challengePassword is wrong'
logged 'PKCSReq refused: the challengePassword is wrong' 'waits for'
equal "nothing was issued" "$(certificates '^a')" 0

# ---- challenge-password ----
entry challenge-password=secret
scep_ask a subject=/CN=a tid=a3 challenge=secret
issued "with the password"
scep_ask b subject=/CN=b tid=b1 challenge=secre
denied "a part of the password" 2
scep_ask b subject=/CN=b tid=b1 challenge=secret1
denied "more than the password" 2
equal "the client's key is the certificate's" "$(plain_openssl x509 -in "$T/a.crt" -noout -pubkey)" \
    "$(plain_openssl pkey -in "$T/a.key" -pubout)"
plain_openssl x509 -in "$T/a.crt" -noout -ext basicConstraints,keyUsage >"$OUT"
said 'CA:FALSE'

# ---- one-time passwords ----
entry 'challenge-password=""'
password=$(otp)
[ ${#password} = 32 ] || die "not a one-time password: $password"
scep_ask b subject=/CN=b tid=b2 challenge="$password"
issued "a one-time password"
scep_ask c subject=/CN=c tid=c1 challenge="$password"
denied "the same once more" 2 'used already'
scep_send b && scep_read b
issued "the same message again: the same answer"
equal "one certificate" "$(certificates '^b')" 1
if sqlite3 "$SIGNET_HOME/signet.db" 'SELECT * FROM password' .dump | grep -qF "$password"; then die "the password is in the store in clear"; fi

password=$(otp minutes-valid=1)
sqlite3 "$SIGNET_HOME/signet.db" "UPDATE password SET expires = strftime('%s') - 1"
scep_ask c subject=/CN=c tid=c2 challenge="$password"
denied "an expired one" 2 'expired'

# A password for one device is no password for another (VU#971035).
password=$(otp for=c.example.com)
scep_ask c subject=/CN=boss.example.com tid=c3 challenge="$password"
denied "another common name" 2 'for another subject'
scep_ask c subject=/CN=boss.example.com san=DNS:c.example.com tid=c4 challenge="$password"
denied "another common name beside the right alternative name" 2
scep_ask c subject=/CN=c.example.com san=DNS:c.example.com,DNS:boss.example.com tid=c5 challenge="$password"
denied "another alternative name beside the right one" 2
scep_ask c subject=/CN=c.example.com/CN=boss.example.com tid=c6 challenge="$password"
denied "a second common name" 2
scep_ask c subject=/CN=c.example.com san=email:boss@example.com tid=c7 challenge="$password"
denied "an address for mail beside it" 2
scep_ask c 'subject=/CN=c.example.com,boss' tid=c8 challenge="$password"
denied "a comma in the common name" 2
scep_ask c subject=/O=Example tid=c9 challenge="$password"
denied "no name at all" 2
scep_ask c subject=/CN=c.example.com san=DNS:c.example.com tid=c10 challenge="$password"
issued "the device it is for"
password=$(otp 'for="*.c.example.com,10.0.0.*"')
scep_ask d subject=/CN=x.c.example.com san=IP:10.0.0.7 tid=d1 challenge="$password"
issued "patterns with commas: each name matches one"

# ---- what may be asked for ----
entry challenge-password=secret 'allowed-names="*.example.com,10.1.*"'
ask() { scep_ask mallory challenge=secret "tid=m$((++asked))" "$@"; }
asked=0
ask subject=/CN=evil.example.net
denied "a common name that is not allowed" 2 'allowed-names'
ask subject=/CN=m.example.com san=DNS:evil.example.net
denied "an alternative name that is not allowed" 2 'evil.example.net'
ask subject=/CN=m.example.com san=IP:192.0.2.1
denied "an address that is not allowed" 2
ask subject=/CN=m.example.com 'san=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:boss@example.net'
denied "a name of another kind, for which there is no pattern" 2
ask subject=/CN=m.example.com san=RID:1.2.3.4
denied "a registered identifier" 2
ask 'subject=/CN=m.example.com,CN=evil.example.net'
denied "a comma in a common name" 2
ask 'subject=/CN=m.example.com/CN=evil.example.net'
denied "the second of two common names" 2
for name in UID=evil serialNumber=evil unstructuredName=evil.example.net unstructuredAddress=192.0.2.1; do
    ask "subject=/CN=m.example.com/$name"
    denied "another kind of name beside it: $name" 2 "allowed-names does not have ${name#*=}"
done
ask "subject=/O=Evil/CN=m.example.com/unstructuredName=m.example.com"
issued "the same name twice"
long=$(printf 'DNS:%s.example.com,' $(seq -f "$(printf 'x%.0s' {1..50})%03g" 100))
ask subject=/CN=m.example.com "san=${long}DNS:evil.example.net"
denied "a forbidden name behind many others" 2 'evil.example.net'
ask subject=/CN=m.example.com san=DNS:n.example.com,IP:10.1.2.3
issued "names that are allowed"
entry 'allowed-names=""'
ask subject=/
denied "no name" 2
ask subject=/ san=DNS:n.example.com
issued "an alternative name alone"
plain_openssl x509 -in "$T/mallory.crt" -noout -ext subjectAltName >"$OUT"
said 'Alternative Name: critical' 'DNS:n.example.com'
ask "subject=/CN=Local CA"
denied "the CA's own name" 2
ask subject=/CN=sub-ca constraints=critical,CA:TRUE usage=critical,keyCertSign,cRLSign extended-usage=OCSPSigning,serverAuth
if [[ $REPLY == *status=0* ]]; then
    plain_openssl x509 -in "$T/mallory.crt" -noout -text >"$OUT"
    said 'CA:FALSE'
    if grep -qE 'CA:TRUE|Certificate Sign|CRL Sign|OCSP Signing' "$OUT"; then die "a CA by SCEP: $(<"$OUT")"; fi
fi
echo "ok: no CA by SCEP"

for cn in .. 0 '*1' -x '"' ' '; do
    ask "subject=/CN=$cn"
    issued "a common name that makes no good name here: $cn"
done
equal "names are good ones" "$(signet '/certificate print terse proplist=name where name~"^[^a-zA-Z]"')" ''
scep_key small 1024
scep_ask small subject=/CN=small tid=small1 challenge=secret
denied "a small key" 2 'key-size-min is 2048'
entry key-size-min=3072
ask subject=/CN=m2
denied "key-size-min" 2 'key-size-min is 3072'
entry key-size-min=2048
plain_openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024 -out "$T/pss.key" 2>/dev/null
scep_write pss subject=/CN=pss tid=pss1 challenge=secret sign-key="$T/small.key"
scep_send pss
cp "$T/small.key" "$T/pss.key"
scep_read pss
denied "a small key of another kind" 0 'neither RSA'
plain_openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -out "$T/explicit.key"
scep_ask explicit subject=/CN=explicit tid=explicit challenge=secret
denied "a curve without a name" 0 'neither RSA'
for curve in P-256 P-192; do
    plain_openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve -out "$T/$curve.key"
    scep_ask $curve subject=/CN=$curve tid=$curve challenge=secret
    if [ $curve = P-256 ]; then issued $curve; else denied $curve 0 'neither RSA'; fi
done
ask subject=/CN=m csr-digest=MD5
denied "a request signed over MD5" 0 'digest'
ask subject=/CN=m digest=MD5
denied "a message signed over MD5" 0 'digest'
ask subject=/CN=m digest=SHA1
issued "SHA-1 of a client that knows nothing better"
[[ $REPLY == *digest=SHA256* ]] || die "signed over SHA-1: $REPLY"
ask subject=/CN=m break=request-signature
denied "a request with another's public key" 1
ask subject=/CN=m fill=40000
denied "a request of 40 KB" 2

# ---- the message's signature ----
scep_write d subject=/CN=d tid=d2 challenge=secret sign-key="$T/mallory.key"
scep_send d
scep_read d mallory
denied "a PKCSReq that another key has signed" 1 'signed with the key that it is for'
ask subject=/CN=m break=signature
denied "a wrong signature" 1

same() { sed 's/transaction=[a-z0-9]*//' <<<"$1"; }
# What is encrypted can't be found out by its errors: captured, changed and signed by somebody else.
ask subject=/CN=m break=padding
denied "wrong padding" 1
wrong=$(same "$REPLY")
for how in garbage trailing request-signature; do
    ask subject=/CN=m break=$how
    denied "$how" 1
    equal "the same answer as to wrong padding" "$(same "$REPLY")" "$wrong"
done
# Nor by any other message that carries it: how large it is, a poll, a name made of its blocks.
ask subject=/CN=m fill=40000
large=$(same "$REPLY")
ask subject=/CN=m fill=40000 break=padding
equal "wrong padding of what is too large" "$(same "$REPLY")" "$large"
scep_ask c subject=/CN=c tid=oracle
pending "a transaction to poll for"
for how in none padding; do
    scep_ask c subject=/CN=c tid=oracle type=20 names=yes break=$how
    pending "CertPoll, wrong: $how"
done
printf '\x30\x05\x30\x00\x02\x01\x01' >"$T/nobody"
scep_ask c type=21 tid=oracle2 content="$T/nobody"
denied "GetCert of a CA without a name" 4
wrong=$(same "$REPLY")
for how in 'serial=1234' 'serial=1234 break=padding' 'subject=/CN=c' 'subject=/CN=c break=padding'; do
    # shellcheck disable=SC2086
    scep_ask c type=21 tid=oracle2 $how
    equal "GetCert, $how: the same answer" "$(same "$REPLY")" "$wrong"
done
logged 'GetCert refused: another CA' 'GetCert refused: the message can.t be decrypted' 'GetCert refused: no issuer and serial'
logged 'PKCSReq refused: the message can.t be decrypted' 'PKCSReq refused: no certificate request' "PKCSReq refused: the request.s signature"

# ---- messageType ----
for type in 0 1 2 4 18 23 99 999; do
    scep_write mallory subject=/CN=m challenge=secret tid=t$type type=$type
    scep_send mallory
    equal "HTTP status for messageType $type" "$STATUS" 400
done
logged 'no message: messageType 999 is not known'
ask subject=/CN=m type=3
denied "a CertRep" 2 'nothing to ask for'
for how in no-type two-types binary-type no-nonce short-nonce; do
    scep_write mallory subject=/CN=m challenge=secret tid=$how break=$how
    scep_send mallory
    if [ "$STATUS" = 200 ]; then
        scep_read mallory
        denied "$how" 2
    else
        equal "HTTP status for $how" "$STATUS" 400
    fi
done
for what in break=no-transaction tid= tid=$'a\nb' "tid=$(printf '%0300d' 0)"; do
    scep_write mallory subject=/CN=m challenge=secret "$what"
    scep_send mallory
    equal "HTTP status without a transactionID that could be answered" "$STATUS" 400
done
ask subject=/CN=m break=plain
denied "not encrypted" 1
scep_write mallory subject=/CN=m challenge=secret tid=two break=two-signers
scep_send mallory
equal "HTTP status for two signers" "$STATUS" 400
ask subject=/CN=m cipher=DES-EDE3-CBC
denied "3DES" 0 'cipher'
ask subject=/CN=m cipher=DES-CBC
denied "DES" 0 'cipher'
ask subject=/CN=m cipher=RC2-40-CBC
denied "RC2" 0 'cipher'
logged 'refused: the cipher'
entry allow-3des=yes
ask subject=/CN=m cipher=DES-EDE3-CBC
issued "3DES, if it is allowed"
entry allow-3des=no
for cipher in AES-128-CBC AES-192-CBC AES-256-CBC; do
    ask subject=/CN=m cipher=$cipher
    issued $cipher
    [[ $REPLY == *"cipher=$cipher "* ]] || die "answered with another cipher: $REPLY"
done
for digest in SHA256 SHA384 SHA512; do
    ask subject=/CN=m digest=$digest
    issued $digest
    [[ $REPLY == *"digest=$digest "* ]] || die "answered with another digest: $REPLY"
done

# ---- transactions ----
scep_ask d subject=/CN=d tid=d3
pending "by hand"
scep_ask mallory subject=/CN=d tid=d3 type=20 names=yes
denied "CertPoll for somebody else's transaction" 4
scep_ask mallory subject=/CN=evil tid=d3
pending "another key under the same transaction is another request"
check "the administrator grants the first" signet "$SCEP_MENU requests grant [find where subject=\"CN=d\"]"
scep_ask mallory subject=/CN=d tid=d3 type=20 names=yes
pending "CertPoll is answered by the key, too"
scep_ask d subject=/CN=d tid=d3 type=20 names=yes
issued "CertPoll"
first=$(plain_openssl x509 -in "$T/d.crt" -noout -serial)
scep_ask d subject=/CN=d tid=other type=20 names=yes
denied "CertPoll for a transaction that is not there" 4
scep_ask d subject=/CN=d tid=d3
issued "PKCSReq again"
equal "the same certificate" "$(plain_openssl x509 -in "$T/d.crt" -noout -serial)" "$first"
equal "no other" "$(certificates '^d(-|$)')" 1
scep_key e
scep_ask e subject=/CN=e tid=e1
pending "e"
scep_ask e subject=/CN=boss tid=e1 challenge=secret
denied "another request while the first one is pending" 2 'another request of this transaction'
check "denied" signet "$SCEP_MENU requests deny [find where subject=\"CN=e\"] reason=\"not you\""
scep_ask e subject=/CN=e tid=e1 type=20 names=yes
denied "CertPoll of a denied one" 2 'not you'
scep_ask e subject=/CN=e tid=e1
denied "the denied request again" 2 'not you'
scep_ask e subject=/CN=e tid=e1 challenge=secret
issued "with the password after all"
scep_key f
scep_ask f subject=/CN=f tid=f1
pending "f"
sqlite3 "$SIGNET_HOME/signet.db" "UPDATE incoming SET expires = strftime('%s') - 1 WHERE subject = 'CN=f'"
scep_ask f subject=/CN=f tid=f1 type=20 names=yes
denied "CertPoll of one that has expired" 4
refused "granting it" signet "$SCEP_MENU requests grant [find where subject=\"CN=f\"]"
said 'expired'
scep_ask f subject=/CN=f tid=f1
pending "asked again, it waits again"
check "and can be granted" signet "$SCEP_MENU requests grant [find where subject=\"CN=f\"]"
scep_ask f subject=/CN=f tid=f1 type=20 names=yes
issued "CertPoll"

# ---- GetCert, GetCRL ----
serial=$(plain_openssl x509 -in "$T/f.crt" -noout -serial)
scep_ask c type=21 tid=g1 serial="${serial#serial=}"
issued "GetCert"
equal "it is that one" "$(plain_openssl x509 -in "$T/c.crt" -noout -serial)" "$serial"
scep_ask c type=21 tid=g2 serial=1234
denied "GetCert of no certificate" 4
scep_ask c type=21 tid=g3
denied "GetCert of a request" 4
scep_ask c type=22 tid=g4 serial="${serial#serial=}"
denied "GetCRL without a CRL" 4
check "a CRL" signet '/certificate crl generate ca=local-ca'
scep_ask c type=22 tid=g5 serial="${serial#serial=}"
[[ $REPLY == *' status=0 '* ]] || die "no CRL: $REPLY"
check "GetCRL" plain_openssl crl -in "$T/c.crl" -noout -CAfile "$T/ca.pem"

# ---- renewal: proof by the old certificate ----
scep_key old
scep_ask old subject=/CN=old/O=Example san=DNS:old.example.com tid=old challenge=secret
issued "what is renewed"
cp "$T/old.crt" "$T/old.1"
entry 'challenge-password=""' 'allowed-names="*old*"'
scep_key new
renew() { SIGN=${SIGN:-old} scep_ask new type=17 tid="r$((++asked))" "$@"; }
renew subject=/CN=boss.old
denied "another subject" 2 'subject of the old'
renew subject=/CN=old
denied "a part of the subject" 2 'subject of the old'
renew subject=/CN=old/O=Example san=DNS:boss.old
denied "a new alternative name" 2 'alternative names'
renew subject=/CN=old/O=Example san=DNS:old.example.com,DNS:boss.old
denied "one more alternative name" 2 'alternative names'
renew subject=/CN=old/O=Example san=DNS:old.example.com break=request-signature
denied "no proof of the new key" 1
renew subject=/CN=old/O=Example san=DNS:old.example.com
issued "the same names, a new key"
equal "the new key" "$(plain_openssl x509 -in "$T/new.crt" -noout -pubkey)" "$(plain_openssl pkey -in "$T/new.key" -pubout)"
# No more usages than the old one has, however it is asked for.
usages() { # usages NAME: the extended ones
    plain_openssl x509 -in "$T/$1.crt" -noout -ext extendedKeyUsage | sed -n 's/^ *\(TLS\|Code\)/\1/p'
}
scep_key narrow
entry challenge-password=secret
scep_ask narrow subject=/CN=narrow.old tid=narrow challenge=secret extended-usage=clientAuth
issued "a certificate of a client"
equal "its usage" "$(usages narrow)" 'TLS Web Client Authentication'
entry 'challenge-password=""'
scep_ask new subject=/CN=narrow.old tid=wide extended-usage=codeSigning
pending "the usage of another, by hand"
SIGN=narrow scep_ask new type=17 tid=usage1 subject=/CN=narrow.old extended-usage=clientAuth,serverAuth,codeSigning
issued "its renewal, which asks for more"
equal "its usage" "$(usages new)" 'TLS Web Client Authentication'
SIGN=narrow scep_ask new type=17 tid=usage2 subject=/CN=narrow.old
issued "its renewal, which asks for none"
equal "its usage" "$(usages new)" 'TLS Web Client Authentication'
SIGN=narrow scep_ask new type=19 tid=usage3 subject=/CN=narrow.old extended-usage=serverAuth
issued "its renewal by PKCSReq"
equal "its usage" "$(usages new)" 'TLS Web Client Authentication'
SIGN=narrow scep_ask new type=17 tid=wide subject=/CN=narrow.old extended-usage=codeSigning
issued "what waits, as a renewal"
equal "its usage" "$(usages new)" 'TLS Web Client Authentication'
# None of a kind would be all of it.
SIGN=narrow scep_ask new type=17 tid=usage4 subject=/CN=narrow.old usage=critical,digitalSignature
issued "its renewal, which asks for a key usage alone"
equal "its usage" "$(usages new)" 'TLS Web Client Authentication'
SIGN=old scep_ask new type=17 tid=usage5 subject=/CN=old/O=Example extended-usage=clientAuth
issued "a renewal that asks for an extended usage alone"
plain_openssl x509 -in "$T/new.crt" -noout -ext keyUsage,extendedKeyUsage >"$OUT"
said 'Digital Signature, Key Encipherment' '^ *TLS Web Client Authentication$'
check "a certificate for OCSP" signet '/certificate add name=ocsp common-name=ocsp.old key-usage=ocsp-sign custody=file; /certificate sign ocsp ca=local-ca;
    /certificate export-certificate ocsp export-passphrase=passphrase'
plain_openssl x509 -in "$FILES/cert_export_ocsp.crt" -out "$T/ocsp.crt"
plain_openssl pkey -in "$FILES/cert_export_ocsp.key" -passin pass:passphrase -out "$T/ocsp.key"
SIGN=ocsp scep_ask new type=17 tid=usage6 subject=/CN=ocsp.old
denied "the renewal of one that no request could have asked for" 2
# The same by PKCSReq, as before RFC 8894; other names need a password as ever.
SIGN=old scep_ask new type=19 tid=draft1 subject=/CN=old/O=Example san=DNS:old.example.com
issued "by PKCSReq"
SIGN=old scep_ask new type=19 tid=draft2 subject=/CN=boss.old
denied "another subject by PKCSReq" 1 'signed with the key that it is for'
SIGN=old scep_ask old type=19 tid=draft3 subject=/CN=boss.old
pending "another subject for the old key"
cp "$T/old.1" "$T/old.crt"
SIGN=old scep_ask old type=19 tid=draft4 subject=/CN=boss.old challenge=guess
denied "another subject for the old key with a wrong password" 2 'challengePassword'
cp "$T/old.1" "$T/old.crt"
scep_ask mallory type=17 subject=/CN=old/O=Example tid=rm1
denied "signed by a certificate of one's own" 1 'valid and not revoked'
# Many clients derive the transactionID from the key.
SIGN=old scep_ask old type=17 tid=old subject=/CN=old/O=Example san=DNS:old.example.com
issued "the same key, the same transactionID"
if cmp -s "$T/old.crt" "$T/old.1"; then die "it got its old certificate"; fi
cp "$T/old.crt" "$T/old.2"
scep_send old
cp "$T/old.1" "$T/old.crt" # that it is encrypted to
scep_read old
check "the same message again: the same answer" cmp "$T/old.crt" "$T/old.2"
SIGN=old scep_ask old type=17 tid=old subject=/CN=old/O=Example san=DNS:old.example.com
issued "the next renewal"
if cmp -s "$T/old.crt" "$T/old.2"; then die "it got its old certificate"; fi
cp "$T/old.crt" "$T/old.3"
check "revoked" signet "/certificate issued-revoke [find where fingerprint=\"$(plain_openssl x509 -in "$T/old.crt" -outform der | sha256sum | cut -d" " -f1)\"]"
SIGN=old scep_ask new type=17 tid=rev subject=/CN=old/O=Example san=DNS:old.example.com
denied "by a revoked certificate" 1 'valid and not revoked'
SIGN=old scep_ask new type=19 tid=rev2 subject=/CN=old/O=Example san=DNS:old.example.com
denied "by a revoked certificate and PKCSReq" 1
cp "$T/old.2" "$T/old.crt"
scep_send old && scep_read old
[[ $REPLY != *certificate=* ]] || ! cmp -s "$T/old.crt" "$T/old.3" || die "a revoked certificate once more"
echo "ok: no revoked certificate once more"
# One of a CA with the same name.
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=Local CA' -days 9 -keyout "$T/false.key" -out "$T/false.pem" 2>/dev/null
scep_key foreign
plain_openssl req -new -key "$T/foreign.key" -subj '/CN=old/O=Example' -out "$T/foreign.csr"
plain_openssl x509 -req -in "$T/foreign.csr" -CA "$T/false.pem" -CAkey "$T/false.key" -days 9 -out "$T/foreign.crt" 2>/dev/null
SIGN=foreign scep_ask new type=17 tid=foreign subject=/CN=old/O=Example
denied "by a certificate of another CA of that name" 1 'valid and not revoked'
# One of this CA that has expired, and one that nobody has here.
check "the CA's key" bash -c "'$BUILD/tools/signet' '/certificate export-certificate local-ca export-passphrase=passphrase'"
plain_openssl pkey -in "$FILES/cert_export_local-ca.key" -passin pass:passphrase -out "$T/ca.key"
plain_openssl x509 -req -in "$T/foreign.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 9 -out "$T/foreign.crt" 2>/dev/null
SIGN=foreign scep_ask new type=17 tid=unknown subject=/CN=old/O=Example
denied "by a certificate of which nothing is known" 1 'valid and not revoked'
cat >"$T/ca.cnf" <<END
[ca]
default_ca = d
[d]
database = $T/index
serial = $T/serial
new_certs_dir = $T
default_md = sha256
policy = p
[p]
commonName = supplied
organizationName = optional
END
: >"$T/index"
echo 77 >"$T/serial"
plain_openssl ca -batch -notext -config "$T/ca.cnf" -in "$T/foreign.csr" -cert "$T/ca.pem" -keyfile "$T/ca.key" \
    -startdate 20240101000000Z -enddate 20240201000000Z -out "$T/foreign.crt" 2>"$OUT" || die "$(<"$OUT")"
cp "$T/foreign.crt" "$FILES/expired.crt"
check "an expired one" signet '/certificate import file-name=expired.crt'
SIGN=foreign scep_ask new type=17 tid=expired subject=/CN=old/O=Example
denied "by an expired certificate" 1 'valid and not revoked'

# ---- authorization=none ----
entry authorization=none 'allowed-names=""'
scep_key anybody
scep_ask anybody subject=/CN=anybody tid=any
issued "whoever asks"
scep_ask anybody subject=/CN=anybody tid=any2 challenge=whatever
issued "with any password"
entry authorization=required
scep_ask anybody subject=/CN=anybody tid=any3
pending "not any more"

# ---- the log ----
logged 'PKCSReq for "CN=anybody": issued' 'certificate anybody issued for "CN=anybody"' 'RenewalReq refused' 'from 127.0.0.1' \
    'request [0-9]+ denied: not you'
scep_end
