#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A key of another TPM: a clear error, and the right TPM still takes it.
source "$(dirname "$0")/../lib.sh"
tpm_start home
tpm_srk
tpm_start other
tpm_srk
ssl_conf
echo data >"$T/data"
sign() { openssl dgst -sha256 -sign "$1" -out "$T/sig" "$T/data"; }

for parent in 0x81000001 owner; do
    tpm_use home
    make_key "$T/key.pem" parent:$parent
    check "at home, parent $parent" sign "$T/key.pem"
    tpm_use other
    refused "elsewhere, parent $parent" sign "$T/key.pem"
    said "$TCTI" '(another|different|other) TPM|not (of|made by|a key of) this TPM'
    equal "no slot is left taken" "$(tpm_transient)" ''
    tpm_use home
    check "at home again" sign "$T/key.pem"
done

# The parent has been removed from the TPM, or another one put in its place.
make_key "$T/key.pem" parent:0x81000001
tpm2 evictcontrol -Q -C o -c 0x81000001
refused "a key whose parent is gone" sign "$T/key.pem"
said "$TCTI" 0x81000001
tpm2 createprimary -Q -C e -G ecc -c "$T/srk.ctx"
tpm2 evictcontrol -Q -C o -c "$T/srk.ctx" 0x81000001
tpm2 flushcontext -t
refused "a key whose parent is another key now" sign "$T/key.pem"
said "$TCTI" 0x81000001
