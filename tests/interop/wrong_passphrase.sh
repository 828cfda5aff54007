#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Passphrases of keys, of their parents and of the TPM's owner: right, wrong and missing.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
echo data >"$T/data"
sign() {
    local key=$1
    shift
    openssl dgst -sha256 "$@" -sign "$key" -out "$T/sig" "$T/data" </dev/null
}
make_key "$T/key.pem" passphrase:sesame
check "right" sign "$T/key.pem" -passin pass:sesame
refused "wrong" sign "$T/key.pem" -passin pass:open
said passphrase
refused "longer than a TPM can take" sign "$T/key.pem" -passin "pass:$(printf 'x%.0s' {1..200})"
said passphrase
equal "no slot is left taken" "$(tpm_transient)" ''

# Each wrong one costs one of the tries that the TPM allows before a lockout, not more; also at a persistent handle.
tries() { tpm2 getcap properties-variable | awk '/TPM2_PT_LOCKOUT_COUNTER/ { print $2 }'; }
tpm2 dictionarylockout -Q --clear-lockout
check "persist" signet hw persist "$T/key.pem" 0x81010001 --out "$T/reference.pem"
for key in "$T/key.pem" "$T/reference.pem"; do
    before=$(tries)
    refused "wrong" sign "$key" -passin pass:open
    equal "tries" $(($(tries) - before)) 1
done
# A process that goes on asking for signatures does not go on asking the TPM.
session process "$T/key.pem"
before=$(tries)
for _ in 1 2 3; do
    echo sign >&"${SESSION_IN[process]}"
    read -rt 60 answer <&"${SESSION_OUT[process]}" || die "no answer"
    [[ $answer == *passphrase* ]] || die "the error does not speak of a passphrase: $answer"
done
equal "tries of a process without the passphrase" $(($(tries) - before)) 1
session_end process
tpm2 dictionarylockout -Q --clear-lockout

# A persistent parent with a passphrase of its own.
tpm2 createprimary -Q -C o -G ecc -p parentpass -c "$T/parent.ctx"
tpm2 evictcontrol -Q -C o -c "$T/parent.ctx" 0x81000002
tpm2 flushcontext -t
refused "parent's passphrase not given" genpkey "$T/child.pem" custody:tpm bits:2048 parent:0x81000002
said 0x81000002 passphrase
echo parentpass >"$T/parent-passphrase"
export SIGNET_PARENT_PASSPHRASE_FILE=$T/parent-passphrase
make_key "$T/child.pem" parent:0x81000002
check "parent's passphrase from a file" sign "$T/child.pem"
echo wrong >"$T/parent-passphrase"
refused "a wrong one" sign "$T/child.pem"
said passphrase 0x81000002
rm "$T/parent-passphrase"
refused "no such file" sign "$T/child.pem"
said "$T/parent-passphrase"
unset SIGNET_PARENT_PASSPHRASE_FILE

# The owner hierarchy with a passphrase: its primary is made anew by every process.
make_key "$T/owner.pem" parent:owner
tpm2 changeauth -Q -c owner ownerpass
refused "owner's passphrase not given" sign "$T/owner.pem"
said owner passphrase
echo ownerpass >"$T/owner-passphrase"
ssl_conf "default signet" "owner-passphrase-file = $T/owner-passphrase"
check "owner's passphrase from a file named in openssl.cnf" sign "$T/owner.pem"
