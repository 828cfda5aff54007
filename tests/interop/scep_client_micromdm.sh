#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The SCEP client at another's server, micromdm's, which answers in single DES.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep_client.sh"
tpm_start
tpm_srk
mkdir -p "$T/device"
(cd "$T" && scepserver ca -init -depot depot) >"$OUT" 2>&1 || die "$(<"$OUT")"
PORT=$(free_port)
URL=http://127.0.0.1:$PORT/scep
# Renewal at any time; it takes a renewal only from a signer that it knows.
spawn scepserver scepserver -depot "$T/depot" -port "$PORT" -challenge secret -allowrenew 0
wait_port "$PORT" scepserver
FINGERPRINT=$(plain_openssl x509 -in "$T/depot/ca.pem" -noout -fingerprint -sha256 | sed 's/.*=//')
check_ca() {
    device "/certificate export-certificate $1 type=pem file-name=$1" >/dev/null
    check "$1 is its CA's" plain_openssl verify -CAfile "$T/depot/ca.pem" "$T/device/files/$1.crt"
}

template a
refused "an answer in DES" add_scep a challenge-password=secret
said 'cipher is not one that is allowed'
equal "nothing came" "$(device '/certificate print count-only')" 1
check "allowed" device '/certificate scep set 0 allow-des=yes'
check "enrolled" device '/certificate scep-renew a'
said 'progress: done'
check_ca a
template b
refused "a wrong password" add_scep b challenge-password=wrong allow-des=yes
equal "its status" "$(entry b scep-status)" failed
template c
refused "another CA's fingerprint" add_scep c "ca-fingerprint=$(printf '%064d' 7)" challenge-password=secret allow-des=yes
said 'not used'
template t
mark=$(tpm_mark)
check "with a key in the TPM" add_scep t custody=tpm challenge-password=secret allow-des=yes
# Twice: the first time, what answers a wrong padding is derived from the key.
equal "which decrypts the answer" "$(tpm_commands "$mark" | grep -c "^RSA_Decrypt$")" 2
check_ca t
before=$(of a fingerprint)
refused "it wants the password for renewals, too" device '/certificate scep-renew a'
check "which is given again" device '/certificate scep set [find where certificate="a"] challenge-password=secret'
check "renewed" device '/certificate scep-renew a'
[ "$(of a fingerprint)" != "$before" ] || die "it is the old certificate"
check_ca a
