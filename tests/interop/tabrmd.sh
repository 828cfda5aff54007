#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Through the user-space resource manager tpm2-abrmd on a message bus of its own.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk

spawn bus dbus-daemon --session --nofork --nopidfile --address="unix:path=$T/bus"
wait_until "the message bus" test -S "$T/bus"
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
spawn tabrmd tpm2-abrmd --session --allow-root "--tcti=$TCTI"
TCTI=tabrmd:bus_type=session
export SIGNET_TCTI=$TCTI TPM2TOOLS_TCTI=$TCTI
wait_until "tpm2-abrmd" tpm2 getcap properties-fixed
ssl_conf

keys=()
for i in 1 2 3 4 5; do
    make_key "$T/key$i.pem"
    keys+=("$T/key$i.pem")
done
check "five keys" "$PROGRAMS/sign_many" 5 "${keys[@]}"
check "threads" "$PROGRAMS/sign_threads" 8 5 "${keys[@]}"
check "fork before the first signature" "$PROGRAMS/sign_fork" before 3 1 5 "${keys[0]}"
# The bus library's connection does not survive fork, and a child cannot open another: it must say so at once.
refused "fork after the first signature" timeout 20 "$PROGRAMS/sign_fork" after 3 1 5 "${keys[0]}"
said "$TCTI" fork

session process "${keys[@]}"
ask process 'sign 2'
session other "${keys[@]}"
ask other 'sign 2'
ask process 'sign 2'
session_end other
session_end process
echo "ok: two processes"
