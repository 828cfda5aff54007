#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The TPM loses power between two signatures of a process: it goes on, and never signs with another's key.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_key "$T/other.pem"
make_key "$T/owner.pem" parent:owner

session process "$T/key.pem" "$T/owner.pem"
ask process 'sign 3'
for round in 1 2 3; do
    tpm_restart
    ask process 'sign 3'
    echo "ok: restart $round"
done

# Another process takes the slot number that this one believes to be its own.
tpm_restart
session thief "$T/other.pem"
ask thief sign
ask process 'sign 3'
ask thief 'sign 3'
ask process 'sign 3'
echo "ok: handles that have changed hands"

# While it is away there is an error; when it is back, so are the signatures.
tpm_stop
echo sign >&"${SESSION_IN[process]}"
read -rt 60 answer <&"${SESSION_OUT[process]}" || die "no answer without a TPM"
[[ $answer == *"$TCTI"* ]] || die "the error does not name the TPM: $answer"
tpm_launch tpm
ask process 'sign 3'
echo "ok: away and back"
session_end thief
session_end process
