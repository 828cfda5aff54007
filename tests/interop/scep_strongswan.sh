#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# strongSwan's pki enrols: with a password, by hand with CertPoll, again before its certificate ends; through a chain of
# CAs, from an RA, from CAs whose keys are in the TPM, and over to the next CA.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep.sh"
tpm_start
tpm_srk
store_start
scep_ca
scep_entry challenge-password=secret
scep_serve
# ca_files: what GetCACert brings, ca*.crt.
ca_files() {
    rm -f "$T"/ca*.crt
    check "pki --scepca" pki --scepca --url "$SCEP_URL" --caout "$T/ca.crt"
    equal "no more files than certificates" "$(ls "$T" | grep -c '^ca.*\.crt$')" "$1"
}
# enrol NAME [OPTION...]: CAS may name other CA certificates.
enrol() {
    local name=$1
    shift
    timeout 60 pki --scep --url "$SCEP_URL" --in "$T/$name.key" --dn "CN=$name" ${CAS:---cacert-enc "$T/ca.crt" --cacert-sig "$T/ca.crt"} \
        --interval 1 --maxpolltime "${POLL:-20}" --outform pem "$@" >"$T/$name.crt"
}
cert() { plain_openssl x509 -in "$T/$1.crt" -noout "${@:2}"; }
requests() { [ "$(signet "$SCEP_MENU requests print count-only where $1")" = "$2" ]; }

ca_files 1
plain_openssl x509 -inform der -in "$T/ca.crt" -out "$T/ca.pem"

# ---- with a password; the ciphers and digests it can choose ----
n=0
for options in '--cipher aes' '--digest sha256' '--digest sha384' '--digest sha512' '--rsa-padding pkcs1'; do
    name=device$((++n))
    scep_key "$name"
    # shellcheck disable=SC2086
    check "enrolment $options" enrol "$name" --san "$name.example.com" --san 10.0.0.$n --password secret $options
    check "its chain" plain_openssl verify -CAfile "$T/ca.pem" -verify_hostname "$name.example.com" "$T/$name.crt"
    check "its address" plain_openssl verify -CAfile "$T/ca.pem" -verify_ip 10.0.0.$n "$T/$name.crt"
    logged "PKCSReq for \"CN=$name\": issued"
done
scep_key wrong
refused "a wrong password" enrol wrong --password guess
refused "3DES" enrol wrong --password secret --cipher des3
check "3DES allowed" signet "$SCEP_MENU set 0 allow-3des=yes"
check "3DES" enrol wrong --password secret --cipher des3
check "not any more" signet "$SCEP_MENU set 0 allow-3des=no"

# ---- renewal ----
scep_key renewed
enrol_old() { enrol renewed --cert "$T/$1.crt" --key "$T/$1.key" --dn "CN=$1" "${@:2}"; }
check "renewal with a new key" enrol_old device1 --san device1.example.com
logged 'RenewalReq for "CN=device1": issued'
equal "the new key" "$(cert renewed -pubkey)" "$(plain_openssl pkey -in "$T/renewed.key" -pubout)"
refused "renewal with another subject" enrol renewed --cert "$T/device2.crt" --key "$T/device2.key" --dn CN=boss

# ---- by hand: it polls ----
for name in granted denied expired; do scep_key $name; done
poll() { # poll NAME: in the background
    enrol "$1" >"$T/$1.log" 2>&1 &
    POLLING=$!
    PIDS+=($POLLING)
    wait_until "the request" requests "status=pending and subject=\"CN=$1\"" 1
}
poll granted
sleep 2 # so that it polls while it is pending
check "grant" signet "$SCEP_MENU requests grant [find where subject=\"CN=granted\"]"
wait $POLLING || die "pki: $(<"$T/granted.log")"
check "its chain" plain_openssl verify -CAfile "$T/ca.pem" "$T/granted.crt"
equal "one certificate" "$(certificates '^granted')" 1
poll denied
check "deny" signet "$SCEP_MENU requests deny [find where subject=\"CN=denied\"]"
if wait $POLLING; then die "it was denied, and has a certificate"; fi
poll expired
sqlite3 "$SIGNET_HOME/signet.db" "UPDATE incoming SET expires = strftime('%s') - 1 WHERE subject = 'CN=expired'"
if wait $POLLING; then die "it had expired, and has a certificate"; fi
logged 'CertPoll refused: there is no such transaction, or it has expired'
POLL=2
poll expired
if wait $POLLING; then die "nobody has granted it, and it has a certificate"; fi
POLL=20

# ---- a CA below another, custody by custody ----
for custody in tpm sealed file; do
    check "an intermediate CA, custody=$custody" signet "/certificate add name=sub-$custody common-name=\"Sub $custody\" \
        key-usage=key-cert-sign,crl-sign custody=$custody"
    check "signed" signet "/certificate sign sub-$custody ca=local-ca"
    check "in use" signet "$SCEP_MENU set 0 ca-cert=sub-$custody"
    ca_files 2
    for file in "$T"/ca*.crt; do
        if plain_openssl x509 -inform der -in "$file" -noout -subject | grep -q "Sub $custody"; then sub=$file; else root=$file; fi
    done
    plain_openssl x509 -inform der -in "$sub" -out "$T/sub.pem"
    name=$custody-device
    scep_key "$name"
    mark=$(tpm_mark)
    CAS="--cacert-enc $sub --cacert-sig $sub --cacert $root" check "enrolment" enrol "$name" --password secret
    check "its chain" plain_openssl verify -CAfile "$T/ca.pem" -untrusted "$T/sub.pem" "$T/$name.crt"
    if [ $custody = tpm ]; then wanted=4; else wanted=0; fi
    # Two for the decryption: what wrong padding is answered with comes from the key, too.
    equal "operations in the TPM: decryption, certificate, CertRep" "$(tpm_operations "$mark")" $wanted
done

# ---- an RA answers for the CA ----
check "an RA's certificate" signet '/certificate add name=ra common-name=RA key-usage=digital-signature,key-encipherment custody=tpm;
    /certificate sign ra ca=local-ca'
check "in use" signet "$SCEP_MENU set 0 ca-cert=local-ca ra-cert=ra"
ca_files 2
for file in "$T"/ca*.crt; do
    if plain_openssl x509 -inform der -in "$file" -noout -subject | grep -qE "CN ?= ?RA"; then ra=$file; else root=$file; fi
done
scep_key ra-device
CAS="--cacert-enc $ra --cacert-sig $ra --cacert $root" check "enrolment" enrol ra-device --password secret
check "the CA has issued it" plain_openssl verify -CAfile "$T/ca.pem" "$T/ra-device.crt"
check "without the RA" signet "$SCEP_MENU set 0 ra-cert=\"\""

# ---- the next CA ----
equal "GetNextCACert without one" "$(scep_get GetNextCACert --output /dev/null --write-out '%{http_code}')" 404
check "the next CA" signet '/certificate add name=next-ca common-name="Next CA" key-usage=key-cert-sign,crl-sign; /certificate sign next-ca'
check "named" signet "$SCEP_MENU set 0 next-ca-cert=next-ca"
scep_get GetCACaps >"$OUT"
said '^GetNextCACert$'
scep_get GetNextCACert >"$T/next.p7"
check "GetNextCACert, signed by the CA" plain_openssl cms -verify -inform der -in "$T/next.p7" -binary -CAfile "$T/ca.pem" \
    -purpose any -out "$T/next.inner"
plain_openssl pkcs7 -inform der -in "$T/next.inner" -print_certs -noout >"$OUT"
said 'CN ?= ?Next CA'
scep_end
