#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys of certificates that come by SCEP: in the TPM, which then also decrypts the CA's answer, sealed to it, or in a file.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../scep_client.sh"
tpm_start
tpm_srk
ca_start challenge-password=secret
serve

# custody_of NAME: of the key of a certificate.
custody_of() {
    sqlite3 "$T/device/signet.db" "SELECT key.custody FROM certificate JOIN key ON key.id = certificate.key WHERE certificate.name = '$1'"
}

for custody in tpm sealed file; do
    template "$custody"
    mark=$(tpm_mark)
    check "enrolled with a key of custody $custody" add_scep "$custody" custody=$custody challenge-password=secret
    verifies "$custody"
    equal "its custody" "$(custody_of $custody)" $custody
    # It signs a certificate for the request, the request and the message, decrypts, and derives from the key what
    # answers a wrong padding.
    equal "operations of the TPM" "$(tpm_operations "$mark")" "$([ $custody = tpm ] && echo 5 || echo 0)"
    fingerprint=$(of "$custody" fingerprint)
    check "renewed" device "/certificate scep-renew $custody"
    [ "$(of "$custody" fingerprint)" != "$fingerprint" ] || die "it is the old certificate"
    equal "its custody is the same" "$(custody_of $custody)" $custody
done
if sqlite3 "$T/device/signet.db" "SELECT pem FROM key WHERE custody <> 'file'" | grep -q 'BEGIN PRIVATE'; then
    die "a key is in clear"
fi

check "3072 bits" device '/certificate add name=big common-name=big key-usage=digital-signature,tls-client'
check "as asked for" add_scep big key-size=3072 custody=sealed challenge-password=secret
equal "the key" "$(of big key-size)" 3072

# No TPM is no reason to lose anything.
template gone
tpm_stop
refused "the TPM is not there" add_scep gone custody=tpm challenge-password=secret
equal "its status" "$(entry gone scep-status)" failed
tpm_launch "$TPM"
check "it is there again" device '/certificate scep-renew gone'
verifies gone
stop "$SERVER_PID"
