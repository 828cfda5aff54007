#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A process that has used a key changes its user, in the middle of operations: it goes on with what it has, or says
# what it may no longer use. It never crashes or hangs.
. "$(dirname "$0")/lib.sh"

board_tpm
tpm_srk
ssl_conf
check "a file key" genpkey "$T/file.pem" custody:file
check "a sealed key" genpkey "$T/sealed.pem" custody:sealed
check "a key in the TPM" genpkey "$T/tpm.pem" custody:tpm
check "a key for the kernel" genpkey "$T/held.pem" custody:sealed
check "given to the kernel, for www-data" signet hw hold "$T/held.pem" --group www-data
chmod 755 "$T"
chmod 600 /dev/tpm0 /dev/tpmrm0 # root's

# change USER KEY [THREADS]: its exit status is to be 0 or 1.
change() { timeout 120 "$PROGRAMS/sign_setuid" "${3:-4}" "$1" "$2"; }
# goes_on WHAT USER KEY: before and after, in its threads and its child.
goes_on() {
    check "$1" change "$2" "$3"
    said 'before=[1-9][0-9]* after=[1-9][0-9]* bad=0 child=0x0$'
}
# fails WHAT USER KEY: refused, with one reason for all.
fails() {
    refused "$1" change "$2" "$3"
    said 'before=[1-9]'
}

for lanes in afalg keyring cpu "accelerator cpu"; do
    export SIGNET_LANES=$lanes
    goes_on "a file key, lanes = $lanes" games "signet:file=$T/file.pem"
    goes_on "a sealed key, lanes = $lanes" games "$T/sealed.pem"
done

# On a device that has fallen silent: the change waits for threads that are in the kernel, as long as the driver does.
for lanes in "keyring cpu" "afalg cpu"; do
    SIGNET_LANES=$lanes change games "$T/sealed.pem" >"$T/silent.log" 2>&1 &
    pid=$!
    sleep 2
    silicon silent
    check "a silent device, lanes = $lanes" wait $pid
    silicon normal
    cat "$T/silent.log"
    grep -q 'after=[1-9][0-9]* bad=0 child=0x0$' "$T/silent.log" || die "it has not gone on"
done

# The connection to the TPM is the process's own; a child has none, and may not make one.
fails "a key in the TPM" games "$T/tpm.pem"
said 'after=[1-9][0-9]* bad=0 child=0x100$' 'Permission denied'
grep -c '^failed:' "$OUT" >"$T/count"
equal "only the child" "$(<"$T/count")" 1

# What the kernel holds is for those whom it was given to.
export SIGNET_LANES=kernel-only
goes_on "a key of the kernel's, by one who may use it" www-data "$T/held.pem"
fails "a key of the kernel's, by one who may not" games "$T/held.pem"
said 'after=0 bad=[1-9][0-9]* child=0x100$' 'the kernel, which alone holds the key, could not use it'
