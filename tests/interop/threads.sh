#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 32 threads of one process sign at the same time, with one key and with more keys than the TPM has slots.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
keys=()
for i in 1 2 3 4 5 6 7 8; do
    make_key "$T/key$i.pem"
    keys+=("$T/key$i.pem")
done
check "32 threads, one key" "$PROGRAMS/sign_threads" 32 10 "${keys[0]}"
check "32 threads, eight keys" "$PROGRAMS/sign_threads" 32 8 "${keys[@]}"
equal "nothing is left in the TPM" "$(tpm_transient)" ''
