#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wrong passphrases: each is refused with a clear error; too many lock the TPM, and the error says for how long.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem" passphrase:sesame
make_key "$T/open.pem"
echo data >"$T/data"
sign() {
    local passphrase=$1
    shift
    openssl dgst -sha256 -passin "pass:$passphrase" -sign "${1:-$T/key.pem}" -out "$T/sig" "$T/data"
}
recovery=7
# Three attempts; one comes back every few seconds.
tpm2 dictionarylockout -Q --setup-parameters --max-tries=3 --recovery-time=$recovery --lockout-recovery-time=$recovery
tpm2 dictionarylockout -Q --clear-lockout

check "the right passphrase" sign sesame
refused "a wrong one" sign open
said passphrase "$TCTI"
refused "none" sign ''
said passphrase
refused "nobody to ask" openssl dgst -sha256 -sign "$T/key.pem" -out "$T/sig" "$T/data" </dev/null
said passphrase

tpm2 dictionarylockout -Q --clear-lockout
for _ in 1 2 3; do
    refused "one attempt" sign open
done
refused "the right passphrase in lockout" sign sesame
said lockout "$TCTI" "$recovery ?s"
check "a key without a passphrase still signs" sign '' "$T/open.pem"
wait_until "the end of the lockout" sign sesame
echo "ok: the TPM has recovered"
