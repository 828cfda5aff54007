#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 64 keys in one process, on a TPM with three slots and no resource manager, all signing in turn.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
keys=()
for i in $(seq 64); do
    make_key "$T/key$i.pem" bits:1024
    keys+=("$T/key$i.pem")
done
check "64 keys, 4 rounds" "$PROGRAMS/sign_many" 4 "${keys[@]}"
equal "nothing is left in the TPM" "$(tpm_transient)" ''

# Keys under the owner's primary, which needs a slot itself, among the others.
for i in 1 2 3 4; do
    make_key "$T/owner$i.pem" bits:1024 parent:owner
    keys=("$T/owner$i.pem" "${keys[@]}")
done
check "keys of two parents" "$PROGRAMS/sign_many" 4 "${keys[@]:0:12}"
equal "nothing is left in the TPM" "$(tpm_transient)" ''
