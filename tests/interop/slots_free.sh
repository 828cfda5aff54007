#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A process that ends leaves no slot taken; what killed processes leave behind does not lock others out.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
keys=()
for i in 1 2 3 4 5; do
    make_key "$T/key$i.pem"
    keys+=("$T/key$i.pem")
done
echo data >"$T/data"

check "openssl dgst" openssl dgst -sha256 -sign "${keys[0]}" -out "$T/sig" "$T/data"
equal "its slots are free" "$(tpm_transient)" ''
session orderly "${keys[@]}"
ask orderly 'sign 2'
session_end orderly
equal "after a process with five keys, too" "$(tpm_transient)" ''

# Killed processes cannot clean up: as many as fill every slot (0x902, out of memory for object contexts).
for i in 1 2 3 4 5; do
    session "killed$i" "${keys[@]}"
    ask "killed$i" sign
    session_end "killed$i" KILL
done
[ -n "$(tpm_transient)" ] || die "the killed processes have left nothing: this test tests nothing"
session next "${keys[@]}"
ask next 'sign 3'
echo "ok: a new process signs"

# Two processes that both live take slots from each other, and both go on.
session other "${keys[@]}"
for _ in 1 2 3; do
    ask other 'sign 2'
    ask next 'sign 2'
done
session_end other
ask next 'sign 2'
session_end next
echo "ok: two processes with more keys than slots"
