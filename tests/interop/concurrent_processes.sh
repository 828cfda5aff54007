#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Six processes, each with a key of its own, sign at the same time on a TPM with three slots, one connection and
# no resource manager.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
for i in 1 2 3 4 5 6; do
    make_key "$T/key$i.pem"
done
processes=()
for i in 1 2 3 4 5 6; do
    spawn "process$i" "$PROGRAMS/sign_many" 50 "$T/key$i.pem"
    processes+=("$SPAWNED")
done
for pid in "${processes[@]}"; do
    wait "$pid" || die "a process failed"
done
echo "ok: 6 x 50 signatures"
equal "nothing is left in the TPM" "$(tpm_transient)" ''
