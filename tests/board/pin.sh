#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys behind /dev/tpmrm0: what a signature costs at the device, pinned and not; pin = auto.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--tpm-log)
. "$(dirname "$0")/lib.sh"

board_tpm
tpm_srk
ssl_conf
make_key "$T/key.pem"
make_key "$T/other1.pem"

# What reached the device since the mark, one line a command. The log's writer is another machine.
ln -s "$SHARED/tpm.commands" "$T/board.commands"
# The log is written by another process: let it be up to date.
settled() { sleep 0.5 && tpm_mark; }
private() { tpm_operations "$1"; }
# The kernel's random generator asks the TPM whenever it likes; that Signet does not is for commands_count.sh to show.
all() { sleep 0.5 && tpm_commands "$1" | grep -cvx GetRandom || :; }
persistent() { tpm2 getcap handles-persistent | grep -c 0x8153 || :; }

# cost KEY: commands at the device for 20 signatures of a process that has signed before.
cost() {
    local mark
    session s "$1"
    ask s "sign 2"
    mark=$(settled)
    ask s "sign 20"
    COST=$(all "$mark")
    equal "twenty private operations" "$(private "$mark")" 20
    session_end s
}
cost "$T/key.pem"
echo "    $COST commands for 20 signatures, the key loaded"
more "the resource manager swaps" "$COST" 60
check "pinned by hand" signet hw persist "$T/key.pem" 0x81010001 --out "$T/reference.pem"
cost "$T/reference.pem"
equal "pinned: a command a signature" "$COST" 20
check "evicted" signet hw evict 0x81010001

ssl_conf "default signet" "pin = auto"
session s "$T/key.pem"
ask s "sign 50"
equal "not pinned at once" "$(persistent)" 0
ask s "sign 30"
equal "pinned when it is busy" "$(persistent)" 1
mark=$(settled)
ask s "sign 20"
equal "then a command a signature" "$(all "$mark")" 20
session t "$T/key.pem"
ask t "sign 80"
equal "another process finds the same copy" "$(persistent)" 1
mark=$(settled)
ask t "sign 20"
equal "a command a signature" "$(all "$mark")" 20
check "children of a pinned key" "$PROGRAMS/sign_fork" after 2 2 40 "$T/key.pem"
equal "nor do they make another" "$(persistent)" 1

# Somebody takes it away under the processes' hands.
handle=$(tpm2 getcap handles-persistent | grep -o '0x8153.*')
check "evicted" tpm2 evictcontrol -C o -c "$handle"
ask s "sign 5"
ask t "sign 5"
equal "and they do not insist" "$(persistent)" 0
session_end s
session_end t

# Deleting a key takes its copy away, and no other's.
store_start
check "a key in the store" signet key make deleted --custody tpm
check "its file" signet key write deleted --out "$T/deleted.pem"
session s "$T/deleted.pem" "$T/key.pem"
ask s "sign 100"
equal "both are pinned" "$(persistent)" 2
session_end s
check "deleted" signet key delete deleted
equal "the other's copy is left" "$(persistent)" 1
handle=$(tpm2 getcap handles-persistent | grep -o '0x8153.*')
check "evicted" tpm2 evictcontrol -C o -c "$handle"

# The last place stays free.
available=$((16#$(tpm2 getcap properties-variable | sed -n 's/^TPM2_PT_HR_PERSISTENT_AVAIL: 0x//p')))
tpm2 createprimary -Q -C o -G ecc -c "$T/filler.ctx"
n=0
while ((available > 1)); do
    tpm2 evictcontrol -Q -C o -c "$T/filler.ctx" "$(printf '0x8102%04x' $n)"
    n=$((n + 1))
    available=$((16#$(tpm2 getcap properties-variable | sed -n 's/^TPM2_PT_HR_PERSISTENT_AVAIL: 0x//p')))
    ((n < 100)) || die "the TPM has room without end"
done
echo "    $n objects fill the TPM but for $available"
session s "$T/other1.pem"
ask s "sign 100"
equal "the last place is not taken" "$(persistent)" 0
session_end s
ssl_conf "default signet" "pin = moon"
refused "pin = moon" openssl dgst -sha256 -sign "$T/key.pem" "$T/key.pem"
